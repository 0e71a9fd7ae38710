//! Which checks run, and which findings fail the run.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Reading, VulnerabilityCheck};
use crate::cli::{DEFAULT_FAIL_ON, Inputs, given, list};
use crate::error::Failure;
use crate::layer::OwnLimits;
use crate::layer::import_times::Milliseconds;
use crate::layer::licence_policy::{self, BadLicence, LicencePolicy, ListedLicence};
use crate::types::{ByteSize, FileGlob, FunctionName};

#[derive(Clone, Debug)]
pub struct Checks {
    pub smoke_test: SmokeTest,
    pub fail_on: FailOn,
    /// The user's own limits, in bytes.
    pub max_zipped_size: Option<ByteSize>,
    pub max_unzipped_size: Option<ByteSize>,
    /// The user's own limit for the imports of all requirements together.
    pub max_import_time: Option<Milliseconds>,
    pub licences: LicencePolicy,
    /// Functions whose code and layers must fit into Lambda's limit together with this layer.
    pub budget_functions: Vec<FunctionName>,
    /// Whether each file of the cache is checked against its digest.
    pub verify_cache: bool,
    /// `None` if known vulnerabilities are not looked up.
    pub vulnerabilities: Option<VulnerabilityCheck>,
}

impl Checks {
    pub fn limits(&self) -> OwnLimits {
        OwnLimits { max_zipped_size: self.max_zipped_size, max_unzipped_size: self.max_unzipped_size }
    }
}

/// Which modules are imported before a layer is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmokeTest {
    /// Every top-level module, if this machine has the target's Python and processor.
    Auto,
    /// Every top-level module. It is an error if this machine cannot import them.
    Import,
    /// Only these modules.
    Modules(Vec<String>),
    Off,
}

/// The least severe finding that fails a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    #[default]
    Error,
    Warning,
    Never,
}

impl FromStr for FailOn {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "error" => Ok(Self::Error),
            "warning" => Ok(Self::Warning),
            "never" => Ok(Self::Never),
            _ => Err(Failure::user(format!("`fail-on` is `{text}`, which is not a valid value"))
                .hint("use `error`, `warning` or `never`")),
        }
    }
}

impl Reading<'_> {
    /// `looks_up`: whether the command looks up known vulnerabilities without being told to.
    pub(super) fn checks(&mut self, inputs: &Inputs, looks_up: bool) -> Checks {
        let smoke_test = self.smoke_test(&list(&inputs.smoke_test));
        let max_import_time = self.time("max-import-time", given(inputs.max_import_time.as_ref()));
        if max_import_time.is_some() && smoke_test == SmokeTest::Off {
            let failure =
                Failure::user("`max-import-time` is set, but `smoke-test` is `off`, so nothing would be imported");
            self.problems.push(failure.hint("remove one of them"));
        }
        Checks {
            smoke_test,
            max_import_time,
            fail_on: self.parsed(given(inputs.fail_on.as_ref()), DEFAULT_FAIL_ON),
            max_zipped_size: self.size("max-zipped-size", given(inputs.max_zipped_size.as_ref())),
            max_unzipped_size: self.size("max-unzipped-size", given(inputs.max_unzipped_size.as_ref())),
            licences: self.licences(&list(&inputs.allow_licenses), &list(&inputs.deny_licenses)),
            budget_functions: self.all("budget-functions", &list(&inputs.budget_functions)),
            verify_cache: self.boolean("verify-cache", given(inputs.verify_cache.as_ref()), false),
            vulnerabilities: self.vulnerabilities(inputs, looks_up),
        }
    }

    pub(super) fn smoke_test(&mut self, given: &[String]) -> SmokeTest {
        match given {
            [] => SmokeTest::Auto,
            [word] if word == "auto" => SmokeTest::Auto,
            [word] if word == "import" => SmokeTest::Import,
            [word] if word == "off" => SmokeTest::Off,
            modules => {
                let is_module = |name: &str| {
                    let is_identifier = |part: &str| {
                        part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
                            && part.chars().all(|other| other.is_alphanumeric() || other == '_')
                    };
                    name.split('.').all(is_identifier) && !["auto", "import", "off"].contains(&name)
                };
                for wrong in modules.iter().filter(|name| !is_module(name)) {
                    let failure =
                        Failure::user(format!("`smoke-test` contains `{wrong}`, which is not a valid module name"));
                    self.problems.push(
                        failure
                            .hint("use `auto`, `import` or `off`, or list modules, for example `numpy, google.auth`"),
                    );
                }
                SmokeTest::Modules(modules.to_vec())
            }
        }
    }

    fn licences(&mut self, allow: &[String], deny: &[String]) -> LicencePolicy {
        let allowed = self.listed_licences("allow-licenses", allow);
        let denied = self.listed_licences("deny-licenses", deny);
        for value in allow {
            let both = licence_policy::listed(value).is_ok_and(|licences| licences.is_subset(&denied));
            if both {
                let failure = Failure::user(format!("`{value}` is in `allow-licenses`, but `deny-licenses` denies it"));
                self.problems.push(failure.hint("remove it from one of them"));
            }
        }
        LicencePolicy { allow: allowed, deny: denied }
    }

    fn listed_licences(&mut self, input: &str, values: &[String]) -> BTreeSet<ListedLicence> {
        let mut all = BTreeSet::new();
        for value in values {
            let why = match licence_policy::listed(value) {
                Ok(licences) => {
                    all.extend(licences);
                    continue;
                }
                Err(why) => why,
            };
            let of = |what: &str| Failure::user(format!("`{input}` contains `{value}`, which {what}"));
            self.problems.push(match why {
                BadLicence::Several => of("stands for several licences at once").hint("list each licence on its own"),
                BadLicence::NotAnExpression => {
                    of("is not a valid expression of SPDX").hint("list identifiers such as `MIT` or `GPL-3.0-or-later`")
                }
                BadLicence::NotKnown(_, Some(near)) => {
                    of("SPDX does not have").hint(format!("did you mean `{near}`?"))
                }
                BadLicence::NotKnown(..) => of("SPDX does not have").hint(
                    "use an identifier from https://spdx.org/licenses, such as `MIT`, or `LicenseRef-…` as in a finding",
                ),
            });
        }
        all
    }

    pub(super) fn size(&mut self, input: &str, given: Option<&str>) -> Option<ByteSize> {
        let size = given?.parse().map_err(|()| {
            Failure::user(format!("`{input}` is `{}`, which is not a valid size", given.unwrap_or_default()))
                .hint("use a number of bytes, or a unit as in `40 MB` (1 MB is 1,048,576 bytes, as in Lambda's limits)")
        });
        self.problems.check(size)
    }

    fn time(&mut self, input: &str, given: Option<&str>) -> Option<Milliseconds> {
        let time = given?.parse().map_err(|()| {
            Failure::user(format!("`{input}` is `{}`, which is not a valid time", given.unwrap_or_default()))
                .hint("use a number of milliseconds, or a unit as in `800 ms` or `2 s`")
        });
        self.problems.check(time)
    }

    pub(super) fn globs(&mut self, input: &str, given: &[String]) -> Vec<FileGlob> {
        let globs = given.iter().map(|text| {
            FileGlob::new(text).map_err(|why| {
                Failure::user(format!("`{input}` contains `{text}`, which is not a valid glob: {why}"))
                    .hint("use a glob such as `*.txt`, `python/numpy/f2py/**` or `python/{boto3,botocore}/examples`")
            })
        });
        globs.filter_map(|glob| self.problems.check(glob)).collect()
    }
}
