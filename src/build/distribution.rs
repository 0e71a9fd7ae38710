//! Installed distributions, as their `*.dist-info` describes them
//! (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).

use std::collections::BTreeMap;
use std::str::FromStr as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::files;
use crate::types::DistributionName;

#[derive(Clone, Debug)]
pub struct Distribution {
    pub name: DistributionName,
    pub version: String,
    /// Its `*.dist-info`, from the folder of the packages.
    pub info: Utf8PathBuf,
    /// Its files by `RECORD`, from the folder of the packages, each with hash and size as recorded (`,` between).
    pub record: BTreeMap<Utf8PathBuf, String>,
    /// `Requires-Dist`, those that could be read.
    pub requires: Vec<pep508_rs::Requirement>,
    /// `Requires-Dist` is the same wherever it is built, by its own word (PEP 643).
    pub has_fixed_requires: bool,
    /// `Tag` of `WHEEL`, `cp313-cp313-manylinux_2_17_x86_64`.
    pub tags: Vec<String>,
    /// Console and GUI scripts of `entry_points.txt`: name to `module:function`.
    pub scripts: BTreeMap<String, String>,
    /// Whether it came from a folder or file of this machine (`direct_url.json`).
    pub is_local: bool,
}

/// All distributions of a folder, sorted by name.
pub(super) fn read_all(folder: &Utf8Path) -> anyhow::Result<Vec<Distribution>> {
    let mut distributions = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let path = files::utf8(&path)?;
        if path.extension() == Some("dist-info") {
            let found =
                read(path).with_context(|| format!("cannot read `{}`", path.file_name().unwrap_or_default()))?;
            distributions.push(found);
        }
    }
    distributions.sort_by(|left, right| (&left.name, &left.info).cmp(&(&right.name, &right.info)));
    Ok(distributions)
}

fn read(info: &Utf8Path) -> anyhow::Result<Distribution> {
    let metadata = fs_err::read_to_string(info.join("METADATA"))?;
    let header = |name: &'static str| headers(&metadata, name);
    let name: DistributionName = header("Name").next().context("`METADATA` has no `Name`")?.parse()?;
    let version = header("Version").next().context("`METADATA` has no `Version`")?.to_owned();
    let requires = header("Requires-Dist").filter_map(|text| pep508_rs::Requirement::from_str(text).ok()).collect();
    let record = fs_err::read_to_string(info.join("RECORD"))?;
    let wheel = fs_err::read_to_string(info.join("WHEEL")).unwrap_or_default();
    let entry_points = fs_err::read_to_string(info.join("entry_points.txt")).unwrap_or_default();
    let direct_url = fs_err::read(info.join("direct_url.json")).unwrap_or_default();
    let direct_url: serde_json::Value = serde_json::from_slice(&direct_url).unwrap_or_default();
    Ok(Distribution {
        name,
        version,
        info: info.file_name().unwrap_or_default().into(),
        record: record.lines().filter_map(record_line).collect(),
        requires,
        has_fixed_requires: has_fixed_requires(&metadata),
        tags: headers(&wheel, "Tag").map(str::to_owned).collect(),
        scripts: scripts(&entry_points),
        is_local: direct_url["url"].as_str().is_some_and(|url| url.starts_with("file:")),
    })
}

fn has_fixed_requires(metadata: &str) -> bool {
    let version = headers(metadata, "Metadata-Version").next().and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    version >= Some((2, 2)) && !headers(metadata, "Dynamic").any(|field| field.eq_ignore_ascii_case("Requires-Dist"))
}

/// Values of a header; the headers end at the first empty line.
fn headers<'a>(text: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
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
    fn headers_end_at_the_description() {
        let text = "Name: x\nRequires-Dist: a>=1\nrequires-dist: b\n\nName: not this\n";
        assert_eq!(headers(text, "Requires-Dist").collect::<Vec<_>>(), ["a>=1", "b"]);
        assert_eq!(headers(text, "Name").count(), 1);
    }
}
