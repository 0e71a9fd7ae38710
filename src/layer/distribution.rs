//! Installed distributions, as their `*.dist-info` describes them
//! (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).

use std::collections::BTreeMap;
use std::io::ErrorKind;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use crate::files;
use crate::layer::licences::Licence;
use crate::types::{DistributionName, pep508};

#[derive(Clone, Debug)]
pub struct Distribution {
    pub name: DistributionName,
    /// The name as its authors spell it.
    pub spelling: String,
    pub version: String,
    /// Its `*.dist-info`, from the folder of the packages.
    pub info: Utf8PathBuf,
    /// Its files by `RECORD`, from the folder of the packages, each with hash and size as recorded (`,` between).
    pub record: BTreeMap<Utf8PathBuf, String>,
    /// `Requires-Dist`, those that could be read.
    pub requires: Vec<pep508_rs::Requirement>,
    /// `Requires-Dist` is the same wherever it is built, by its own word (PEP 643).
    pub has_fixed_requires: bool,
    /// `Requires-Python`, `>=3.9,<4`.
    pub requires_python: Option<String>,
    pub licence: Licence,
    /// The page on which its authors say what changed, an `https` address.
    pub changelog: Option<String>,
    /// `Tag` of `WHEEL`, `cp313-cp313-manylinux_2_17_x86_64`.
    pub tags: Vec<String>,
    /// Console and GUI scripts of `entry_points.txt`: name to `module:function`.
    pub scripts: BTreeMap<String, String>,
    /// Whether it came from a folder or file of this machine (`direct_url.json`).
    pub is_local: bool,
    /// The URL that it was installed from, if it was not chosen from an index (`direct_url.json`).
    pub url: Option<String>,
    /// The classifier with which its authors forbid to publish it: PyPI accepts none that begins with `Private ::`
    /// (<https://pypi.org/classifiers/>).
    pub private: Option<String>,
    /// The project on this machine that it was built from: the URL of its folder (<https://peps.python.org/pep-0610/>).
    pub project: Option<String>,
    /// The repository that it was built from, as the installer has written it down: without credentials.
    pub repository: Option<String>,
    /// Whether an installer said that it built it from source on this machine.
    pub is_built_here: bool,
}

/// All distributions of a folder, sorted by name.
pub(crate) fn read_all(folder: &Utf8Path) -> anyhow::Result<Vec<Distribution>> {
    let mut distributions = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let path = files::utf8(&path)?;
        if path.extension() == Some("dist-info") {
            let mut texts = BTreeMap::new();
            for name in Distribution::FILES {
                match fs_err::read(path.join(name)) {
                    Ok(bytes) => texts.insert(*name, String::from_utf8_lossy(&bytes).into_owned()),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(error.into()),
                };
            }
            distributions.push(Distribution::read(path.file_name().unwrap_or_default(), |name| texts.remove(name))?);
        }
    }
    distributions.sort_by(|left, right| (&left.name, &left.info).cmp(&(&right.name, &right.info)));
    Ok(distributions)
}

impl Distribution {
    /// The files of a `*.dist-info` that are read.
    pub const FILES: &[&str] = &["METADATA", "RECORD", "WHEEL", "direct_url.json", "entry_points.txt"];

    /// Reads a `*.dist-info` of this name. `text` gives a file of it, one of [`Self::FILES`], if it is there.
    ///
    /// # Errors
    /// There is no `METADATA`, or no name or version in it.
    pub fn read(info: &str, mut text: impl FnMut(&str) -> Option<String>) -> anyhow::Result<Self> {
        let because = || format!("could not read `{info}`");
        let metadata = text("METADATA").context("it has no `METADATA`").with_context(because)?;
        let header = |name: &'static str| headers(&metadata, name);
        let needed =
            |name| header(name).next().with_context(|| format!("`METADATA` has no `{name}`")).with_context(because);
        let spelling = needed("Name")?.to_owned();
        let name: DistributionName = spelling.parse().with_context(because)?;
        let version = needed("Version")?.to_owned();
        let requires = header("Requires-Dist").filter_map(|text| pep508::requirement(text).ok()).collect();
        let [record, wheel, direct_url, entry_points] =
            ["RECORD", "WHEEL", "direct_url.json", "entry_points.txt"].map(|name| text(name).unwrap_or_default());
        let direct_url: serde_json::Value = serde_json::from_str(&direct_url).unwrap_or_default();
        let place = direct_url["url"].as_str();
        Ok(Self {
            name,
            spelling,
            version,
            info: info.into(),
            record: record.lines().filter_map(record_line).collect(),
            requires,
            has_fixed_requires: has_fixed_requires(&metadata),
            requires_python: header("Requires-Python").next().map(str::to_owned),
            licence: licence(&metadata),
            changelog: changelog(&metadata),
            tags: headers(&wheel, "Tag").map(str::to_owned).collect(),
            scripts: scripts(&entry_points),
            is_local: place.is_some_and(|url| url.starts_with("file:")),
            url: place.map(str::to_owned),
            private: header("Classifier").find(|text| text.starts_with("Private ::")).map(str::to_owned),
            project: place.filter(|_| direct_url.get("dir_info").is_some()).map(str::to_owned),
            repository: place.filter(|_| direct_url.get("vcs_info").is_some()).map(str::to_owned),
            is_built_here: false,
        })
    }
}

/// The first `Project-URL` with one of these labels, which are written in many ways
/// (<https://packaging.python.org/en/latest/specifications/well-known-project-urls/>).
fn changelog(metadata: &str) -> Option<String> {
    const LABELS: [&str; 5] = ["changelog", "changes", "whatsnew", "history", "releasenotes"];
    /// In bytes.
    const LONGEST: usize = 500;
    let normal = |label: &str| {
        let letters = label.chars().filter(|letter| !letter.is_ascii_punctuation() && !letter.is_whitespace());
        letters.collect::<String>().to_lowercase()
    };
    let urls = headers(metadata, "Project-URL").filter_map(|text| text.split_once(','));
    let mut pages = urls.filter(|(label, _)| LABELS.contains(&normal(label).as_str()));
    pages.find_map(|(_, url)| {
        let url = Url::parse(url.trim()).ok()?;
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_page = url.scheme() == "https" && url.host().is_some() && !has_credentials;
        Some(url.to_string()).filter(|url| is_page && url.len() <= LONGEST)
    })
}

fn licence(metadata: &str) -> Licence {
    let known = |text: &&str| !text.is_empty() && !text.eq_ignore_ascii_case("UNKNOWN");
    let first = |name| headers(metadata, name).find(known).map(str::to_owned);
    let classifiers = headers(metadata, "Classifier").filter_map(|text| text.strip_prefix("License :: "));
    let names =
        classifiers.filter(|text| *text != "OSI Approved").map(|text| text.rsplit(" :: ").next().unwrap_or(text));
    Licence {
        expression: first("License-Expression"),
        text: first("License"),
        classifiers: names.filter(known).map(str::to_owned).collect(),
    }
}

fn has_fixed_requires(metadata: &str) -> bool {
    let version = headers(metadata, "Metadata-Version").next().and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    version >= Some((2, 2)) && !headers(metadata, "Dynamic").any(|field| field.eq_ignore_ascii_case("Requires-Dist"))
}

/// Values of a header, first lines alone; the headers end at the first empty line. A blank line that is indented belongs
/// to a header of several lines, as the text of a licence.
pub(crate) fn headers<'a>(text: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.filter_map(move |line| {
        line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    })
}

/// `path,hash,size` as CSV: neither hash nor size can hold a comma, and a path that does is quoted.
fn record_line(line: &str) -> Option<(Utf8PathBuf, String)> {
    let (rest, size) = line.rsplit_once(',')?;
    let (path, hash) = rest.rsplit_once(',')?;
    let path = path
        .strip_prefix('"')
        .and_then(|path| path.strip_suffix('"'))
        .map_or_else(|| path.to_owned(), |path| path.replace("\"\"", "\""));
    // pip records scripts where they were before `--target` moved them.
    let path = path.trim_start_matches("../").to_owned();
    (!path.is_empty() && !path.starts_with('/')).then(|| (Utf8PathBuf::from(path), format!("{hash},{size}")))
}

fn scripts(entry_points: &str) -> BTreeMap<String, String> {
    let mut section = "";
    let mut scripts = BTreeMap::new();
    for line in entry_points.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((name, object)) =
            line.split_once('=').filter(|_| matches!(section, "console_scripts" | "gui_scripts"))
        {
            let object = object.split('[').next().unwrap_or_default().trim();
            scripts.insert(name.trim().to_owned(), object.to_owned());
        }
    }
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_lines_may_be_quoted() {
        assert_eq!(record_line("a/b.py,sha256=x,12"), Some(("a/b.py".into(), "sha256=x,12".to_owned())));
        assert_eq!(record_line("\"a,\"\"b\"\".py\",,"), Some(("a,\"b\".py".into(), ",".to_owned())));
        assert_eq!(record_line("../../bin/tool,sha256=x,1"), Some(("bin/tool".into(), "sha256=x,1".to_owned())));
        assert_eq!(record_line("/etc/passwd,,"), None);
    }

    #[test]
    fn scripts_come_from_their_sections() {
        let text = "[console_scripts]\nrun = pkg.cli:main [extra]\n\n[pytest11]\nplugin = pkg.plugin\n";
        assert_eq!(scripts(text), BTreeMap::from([("run".to_owned(), "pkg.cli:main".to_owned())]));
    }

    #[test]
    fn the_text_of_a_licence_ends_no_headers() {
        let text = "Name: x\nVersion: 1\nLicense: MIT License\n        \n        Requires-Dist: no\nRequires-Dist: a\n";
        let read = |metadata: &str| {
            Distribution::read("x-1.dist-info", |name| (name == "METADATA").then(|| metadata.to_owned()))
        };
        let found = read(text).expect("is readable");
        assert_eq!(found.requires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a"]);
        assert_eq!(found.licence.text.as_deref(), Some("MIT License"));
        let found = read("Name: x\nVersion: 1\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: BSD License\n");
        assert_eq!(found.expect("is readable").licence.classifiers, ["BSD License"]);
        assert!(format!("{:#}", read("Name: x\n").expect_err("has no version")).contains("x-1.dist-info"));
    }

    #[test]
    fn a_changelog_is_a_page_under_any_spelling_of_its_label() {
        let found = |urls: &str| changelog(&format!("Name: x\n{urls}\n\nProject-URL: Changelog, https://x.example/no"));
        for label in ["Changelog", "Change_Log", "What's New?", "release notes", "HISTORY", "Changes"] {
            let page =
                found(&format!("Project-URL: Home, https://x.example\nProject-URL: {label}, https://x.example/c#top"));
            assert_eq!(page.as_deref(), Some("https://x.example/c#top"), "{label}");
        }
        for none in ["javascript:alert(1)", "http://x.example/", "https://me:pw@x.example/", "/changes", "", "https://"]
        {
            assert_eq!(found(&format!("Project-URL: Changelog, {none}")), None, "{none}");
        }
        assert_eq!(found(&format!("Project-URL: Changelog, https://x.example/{}", "x".repeat(1_000))), None);
        assert_eq!(found("Project-URL: Changelog"), None);
    }

    #[test]
    fn headers_end_at_the_description() {
        let text = "Name: x\nRequires-Dist: a>=1\nrequires-dist: b\n\nName: not this\n";
        assert_eq!(headers(text, "Requires-Dist").collect::<Vec<_>>(), ["a>=1", "b"]);
        assert_eq!(headers(text, "Name").count(), 1);
    }
}
