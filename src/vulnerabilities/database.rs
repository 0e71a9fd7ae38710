//! OSV's database of PyPI as a file: the zip that OSV publishes, with a JSON file for each advisory
//! (<https://google.github.io/osv.dev/data/#data-dumps>).

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use camino::Utf8Path;

use super::advisory::{Advisory, PYPI};
use super::{Answer, Package};
use crate::archive::{self, Listed};
use crate::error::{Failure, counted};
use crate::types::ByteSize;

/// The database had 20 MB in 2025, and its largest advisory 2 MB, unpacked.
const LARGEST: ByteSize = ByteSize(512 * 1024 * 1024);
const LONGEST: ByteSize = ByteSize(32 * 1024 * 1024);
/// The most that is unpacked of one file.
const TOTAL: u64 = 8 * 1024 * 1024 * 1024;
const HINT: &str = "download https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip again, and do not unpack it; see docs/vulnerabilities.md";

#[derive(Debug)]
pub(super) struct Database {
    zip: Vec<u8>,
    pub(super) shown: String,
}

impl Database {
    /// Reads the file and looks at its directory, so that a file of another kind is found before anything is built.
    ///
    /// # Errors
    /// The user's if it is no such zip.
    pub(super) fn open(path: &Utf8Path, shown: &str) -> Result<Self, Failure> {
        let wrong = |why: String| not_a_database(shown, why);
        let size = fs_err::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > LARGEST.0 {
            return Err(wrong(format!("it is {}, over the limit of {LARGEST}", ByteSize(size))));
        }
        let zip = fs_err::read(path).map_err(|error| wrong(error.to_string()))?;
        let mut is_found = false;
        // Nothing is unpacked yet.
        archive::each(&zip, ByteSize(0), |listed| is_found |= is_advisory(&listed.name)).map_err(wrong)?;
        if !is_found {
            return Err(wrong("none of its files has a name that ends in `.json`".to_owned()));
        }
        Ok(Self { zip, shown: shown.to_owned() })
    }

    /// Which advisories there are of each of these packages, in their order.
    ///
    /// # Errors
    /// The user's if there is no advisory about PyPI in it.
    pub(super) fn ask(&self, packages: &[Package]) -> Result<Answer, Failure> {
        let mut answer = Answer::of(packages.len());
        let (mut is_found, mut broken, mut total) = (false, Vec::new(), 0_u64);
        let names = Names::of(packages);
        let take = |listed: Listed| {
            if !is_advisory(&listed.name) {
                return;
            }
            let bytes = listed.bytes.and_then(|bytes| {
                total = total.saturating_add(bytes.len() as u64);
                if total > TOTAL {
                    Err(format!("the files before it have more than {}", ByteSize(TOTAL)))
                } else {
                    Ok(bytes)
                }
            });
            let advisory = bytes.and_then(|bytes| {
                if is_found && !names.may_be_in(&bytes) {
                    return Ok(Advisory::default());
                }
                let value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
                Advisory::read(&value).ok_or_else(|| "it is no advisory".to_owned())
            });
            match advisory {
                Ok(advisory) => {
                    is_found |= advisory.affected.iter().any(|affected| affected.kind == PYPI);
                    for (package, known) in packages.iter().zip(&mut answer.advisories) {
                        if advisory.affects(package) {
                            known.push(advisory.clone());
                        }
                    }
                }
                Err(why) => broken.push(format!("`{}`: {why}", listed.name)),
            }
        };
        archive::each(&self.zip, LONGEST, take).map_err(|why| self.failure(why))?;
        if !is_found {
            return Err(self.failure("none of its files is an advisory about a package of PyPI".to_owned()));
        }
        if let Some(first) = broken.first() {
            let files = counted(broken.len(), "file");
            answer.problems.push(format!("{files} of `{}` could not be read, such as {first}", self.shown));
        }
        Ok(answer)
    }

    fn failure(&self, why: String) -> Failure {
        not_a_database(&self.shown, why)
    }
}

/// To read all of a hundred thousand advisories takes seconds, and a look at their bytes does not.
struct Names(Option<AhoCorasick>);

impl Names {
    fn of(packages: &[Package]) -> Self {
        let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        // Words of a name may be separated in several ways, so its longest one counts.
        let words = names.iter().filter_map(|name| name.split('-').max_by_key(|word| word.len()));
        Self(AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok())
    }

    fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|words| words.is_match(bytes))
    }
}

fn not_a_database(shown: &str, why: String) -> Failure {
    let failure = Failure::user(format!("`vulnerability-database` is `{shown}`, which is not OSV's database of PyPI"));
    failure.cause(why).hint(HINT)
}

fn is_advisory(name: &str) -> bool {
    Utf8Path::new(name).extension() == Some("json")
}
