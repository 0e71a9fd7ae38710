//! An advisory in OSV's format (<https://ossf.github.io/osv-schema/>), as far as it is used here. Nothing in it is
//! trusted: what is missing, of another type or too long is left out.

use pep440_rs::Version;
use serde_json::Value;

use super::Package;
use super::cvss::{self, Rating};
use super::ranges::{Event, Range};
use crate::layer::licences::is_printed;
use crate::spec::is_vulnerability_id;
use crate::types::normalized;

/// Types of package URLs, and what OSV calls their ecosystems (<https://ossf.github.io/osv-schema/#defined-ecosystems>).
const ECOSYSTEMS: &[(&str, &str)] = &[(PYPI, "PyPI"), ("cargo", "crates.io"), ("golang", "Go"), ("npm", "npm")];
/// The type of packages of PyPI.
pub(super) const PYPI: &str = "pypi";
/// The longest summary, in characters.
const SUMMARY: usize = 200;
/// The most aliases that are kept.
const ALIASES: usize = 20;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advisory {
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    /// It was published by mistake, or replaced by another one, or it only says that nobody maintains a package.
    pub(super) is_withdrawn: bool,
    /// One line; may be empty.
    pub(super) summary: String,
    /// The worst vector of version 3, and its base score.
    pub(super) scored: Option<(String, f64)>,
    /// As its database rates it.
    pub(super) rating: Option<Rating>,
    pub(super) affected: Vec<Affected>,
}

/// What is affected of one package.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Affected {
    /// Type of its package URL.
    pub(super) kind: &'static str,
    /// Normalized if it is of PyPI.
    pub(super) package: String,
    pub(super) ranges: Vec<Range>,
    /// One by one, as their project writes them.
    pub(super) versions: Vec<String>,
}

impl Advisory {
    /// `None` if this is no advisory.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let id = value["id"].as_str().filter(|id| is_vulnerability_id(id))?;
        let aliases = value["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let aliases =
            aliases.filter(|alias| is_vulnerability_id(alias) && *alias != id).take(ALIASES).map(str::to_owned);
        let summary = [&value["summary"], &value["details"]].into_iter().filter_map(Value::as_str).map(line);
        let affected: Vec<&Value> = value["affected"].as_array().into_iter().flatten().collect();
        let severities = std::iter::once(value).chain(affected.iter().copied()).map(|of| &of["severity"]);
        let scored = severities.filter_map(Value::as_array).flatten().filter_map(scored);
        let rating = value["database_specific"]["severity"].as_str().map(Rating::of_word);
        Some(Self {
            id: id.to_owned(),
            aliases: aliases.collect(),
            is_withdrawn: value["withdrawn"].is_string() || affected.iter().any(|one| is_informational(one)),
            summary: summary.into_iter().find(|summary| !summary.is_empty()).unwrap_or_default(),
            scored: scored.max_by(|(_, left), (_, right)| left.total_cmp(right)),
            rating: rating.filter(|rating| *rating != Rating::Unknown),
            affected: affected.into_iter().filter_map(Affected::read).collect(),
        })
    }

    /// One of which nothing but its id is known.
    pub(super) fn unknown(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Whether it is about this version, as far as the version can be compared.
    pub(super) fn affects(&self, package: &Package) -> bool {
        self.of(package).any(|affected| affected.has(&package.version))
    }

    /// The next version without it.
    pub(super) fn fixed_in(&self, package: &Package) -> Option<String> {
        let version: Version = package.version.parse().ok()?;
        let fixes = self.of(package).flat_map(|affected| &affected.ranges).filter_map(|range| range.fix_of(&version));
        fixes.min().map(ToString::to_string)
    }

    fn of<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = &'a Affected> {
        self.affected.iter().filter(move |one| one.kind == package.kind && one.package == package.name)
    }
}

/// The type of a package URL, if OSV knows packages of it by name and version.
pub(super) fn kind_of_type(name: &str) -> Option<&'static str> {
    ECOSYSTEMS.iter().map(|(kind, _)| *kind).find(|kind| *kind == name)
}

/// As RustSec marks advisories that are about no vulnerability
/// (<https://github.com/rustsec/advisory-db#advisory-format>).
fn is_informational(affected: &Value) -> bool {
    matches!(affected["database_specific"]["informational"].as_str(), Some("unmaintained" | "notice"))
}

impl Affected {
    fn read(value: &Value) -> Option<Self> {
        let (package, ranges) = (&value["package"], &value["ranges"]);
        let (ecosystem, name) = (package["ecosystem"].as_str()?, package["name"].as_str()?);
        let (kind, _) = ECOSYSTEMS.iter().find(|(_, known)| *known == ecosystem)?;
        let versions = value["versions"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Some(Self {
            kind,
            package: if *kind == PYPI { normalized(name) } else { name.to_owned() },
            ranges: ranges.as_array().into_iter().flatten().filter_map(range).collect(),
            versions: versions.collect(),
        })
    }

    fn has(&self, version: &str) -> bool {
        let Ok(parsed) = version.parse::<Version>() else { return self.versions.iter().any(|known| known == version) };
        let is_it = |known: &String| known == version || known.parse::<Version>().is_ok_and(|known| known == parsed);
        self.ranges.iter().any(|range| range.contains(&parsed)) || self.versions.iter().any(is_it)
    }
}

/// `None` for commits of git, which no version can be compared with.
fn range(value: &Value) -> Option<Range> {
    let is_of_versions = matches!(value["type"].as_str(), Some("ECOSYSTEM" | "SEMVER"));
    let events = value["events"].as_array().filter(|_| is_of_versions)?;
    let version = |event: &Value, key: &str| event[key].as_str()?.parse::<Version>().ok();
    let events = events.iter().filter_map(|event| {
        let introduced = version(event, "introduced").map(Event::Introduced);
        let fixed = || version(event, "fixed").map(Event::Fixed);
        introduced.or_else(fixed).or_else(|| version(event, "last_affected").map(Event::LastAffected))
    });
    Some(Range::new(events.collect()))
}

fn scored(severity: &Value) -> Option<(String, f64)> {
    let vector = severity["score"].as_str().filter(|_| severity["type"] == "CVSS_V3")?;
    Some((vector.to_owned(), cvss::base_score(vector)?))
}

/// The beginning of a text as one line that any terminal and any page can show. A backtick would start code in messages.
fn line(text: &str) -> String {
    // Descriptions are Markdown, with headings such as `### Impact`.
    let start: String = text.chars().take(10 * SUMMARY).collect();
    let words = start.split_whitespace().filter(|word| !word.bytes().all(|byte| byte == b'#'));
    let words = words.collect::<Vec<_>>().join(" ");
    let shown = words
        .chars()
        .filter(|character| is_printed(*character))
        .map(|character| if character == '`' { '\'' } else { character });
    let shown: Vec<char> = shown.collect();
    match shown.get(..SUMMARY) {
        Some(first) if shown.len() > SUMMARY => first.iter().collect::<String>() + "…",
        _ => shown.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn advisory(ranges: &Value, versions: &Value) -> Advisory {
        let affected = json!([{
            "package": {"ecosystem": "PyPI", "name": "Typing_Extensions"},
            "ranges": [{"type": "ECOSYSTEM", "events": ranges}, {"type": "GIT", "events": [{"introduced": "0"}]}],
            "versions": versions,
        }]);
        Advisory::read(&json!({"id": "PYSEC-2024-1", "affected": affected})).expect("is one")
    }

    #[test]
    fn versions_are_affected_by_ranges_and_one_by_one() {
        let events = json!([{"introduced": "0"}, {"fixed": "1.2.3"}, {"introduced": "2.0"}, {"fixed": "2.0.5"}]);
        let found = advisory(&events, &json!(["1!0.9-odd.post1"]));
        let check = |package: &Package| (found.affects(package), found.fixed_in(package));
        let check = |version: &str| check(&Package::new("typing-extensions", version));
        let fixed = |version: &str| Some(version.to_owned());
        assert_eq!(check("0.1"), (true, fixed("1.2.3")));
        assert_eq!(check("1.2.3rc1"), (true, fixed("1.2.3")));
        assert_eq!(check("1.2.3"), (false, None));
        assert_eq!(check("2.0.4"), (true, fixed("2.0.5")));
        assert_eq!(check("2.1"), (false, None));
        assert_eq!(check("1!0.9-odd.post1"), (true, None));
        assert!(!found.affects(&Package::new("other", "0.1")));
    }

    #[test]
    fn nothing_in_an_advisory_has_to_be_right() {
        assert_eq!(Advisory::read(&json!({"id": "<img src=x>"})), None);
        assert_eq!(Advisory::read(&json!([])), None);
        let odd = json!({
            "id": "GHSA-x", "aliases": ["CVE-2024-1", "CVE-2024-1\n::error::x", 7], "summary": 7, "withdrawn": null,
            "details": "### Impact\n\n\u{1b}[31mAn `attacker`\u{202e} can\r\n::error::read everything.\n",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/x"}, 3], "affected": [{"package": 1}, 2, null],
            "database_specific": {"severity": "SEVERE"},
        });
        let found = Advisory::read(&odd).expect("has an id");
        assert_eq!((found.id.as_str(), found.aliases.join(" ").as_str()), ("GHSA-x", "CVE-2024-1"));
        assert_eq!(found.summary, "Impact [31mAn 'attacker' can ::error::read everything.");
        assert_eq!((found.scored, found.rating, found.affected, found.is_withdrawn), (None, None, Vec::new(), false));
    }

    #[test]
    fn the_worst_vector_counts_and_a_long_text_is_cut() {
        let vector =
            |rest: &str| json!({"type": "CVSS_V3", "score": format!("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/{rest}")});
        let value = json!({
            "id": "GHSA-x", "summary": "x".repeat(1_000_000),
            "severity": [vector("C:L/I:N/A:N"), {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}, vector("C:H/I:H/A:H")],
        });
        let found = Advisory::read(&value).expect("is one");
        assert_eq!(found.scored.map(|(_, score)| score.to_string()).as_deref(), Some("9.8"));
        assert_eq!(found.summary.chars().count(), SUMMARY + 1);
    }
}
