//! `uv.lock` (<https://docs.astral.sh/uv/concepts/resolution/#lockfile-versioning>).

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use camino::Utf8Path;
use pep508_rs::VersionOrUrl;
use serde::Deserialize;

use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::Selection;
use crate::manifest::project::{GroupEntry, IndexTable, Project, normalized};
use crate::manifest::text;
use crate::secrets::without_credentials;

#[derive(Deserialize)]
struct Lock {
    version: Option<u32>,
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    metadata: Metadata,
}

/// What the project asked for when it was locked.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    #[serde(default)]
    requires_dist: Vec<Asked>,
    #[serde(default)]
    requires_dev: BTreeMap<String, Vec<Asked>>,
}

#[derive(Deserialize)]
struct Asked {
    name: String,
    specifier: Option<String>,
}

#[derive(Default, Deserialize)]
struct Source {
    registry: Option<String>,
    editable: Option<String>,
    directory: Option<String>,
    r#virtual: Option<String>,
    path: Option<String>,
}

impl Source {
    fn local(&self) -> Option<&String> {
        [&self.editable, &self.directory, &self.r#virtual, &self.path].into_iter().find_map(Option::as_ref)
    }
}

pub(super) fn contents(path: &Utf8Path, text: &str, project: &Project) -> Result<Contents, Failure> {
    let lock: Lock = text::toml(path, text)?;
    let sources = || lock.packages.iter().map(|package| &package.source);
    // Its name is what `UV_INDEX_<NAME>_PASSWORD` goes by.
    let named = |url: &str| {
        // uv leaves out of the lock what user and password the project has in it.
        let place = |url: &str| without_credentials(url).trim_end_matches('/').to_owned();
        let same = |index: &&IndexTable| index.url.as_deref().is_some_and(|known| place(known) == place(url));
        Some(project.tool.uv.index.iter().find(same).cloned().unwrap_or_else(|| IndexTable::new(None, url)))
    };
    // A registry may be a folder, too.
    let registries = sources().filter_map(|source| source.registry.as_deref()).filter(|place| place.contains("://"));
    Ok(Contents {
        version: lock.version.map(|version| version.to_string()),
        local: sources().filter_map(Source::local).cloned().collect(),
        indexes: used_indexes(registries.map(named)),
        known: Selection { groups: project.groups(), extras: project.extras() },
        ..Contents::default()
    })
}

/// What a project asks for and its lock was not made for, or the other way round: names and versions, without markers
/// and places. It stands in for uv's own check where no Python is there that uv would need for it.
///
/// # Errors
/// One of the texts cannot be read.
pub(crate) fn differences(
    path: &Utf8Path,
    lock: &str,
    source: &Utf8Path,
    project: &str,
) -> Result<Vec<String>, Failure> {
    let lock: Lock = text::toml(path, lock)?;
    let project: Project = text::toml(source, project)?;
    let name = project.metadata.as_ref().and_then(|metadata| metadata.name.as_deref()).map(normalized);
    let is_project = |package: &&Package| name.as_deref() == Some(normalized(&package.name).as_str());
    let Some(package) = lock.packages.iter().find(is_project) else { return Ok(Vec::new()) };
    let locked = package.metadata.requires_dist.iter().chain(package.metadata.requires_dev.values().flatten());
    let locked: BTreeSet<String> =
        locked.map(|asked| canonical(&asked.name, asked.specifier.as_deref().unwrap_or_default())).collect();
    let metadata = project.metadata.iter();
    let listed = metadata
        .flat_map(|metadata| metadata.dependencies.iter().chain(metadata.optional_dependencies.values().flatten()));
    let grouped = project.dependency_groups.values().flatten().filter_map(|entry| match entry {
        GroupEntry::Requirement(requirement) => Some(requirement),
        GroupEntry::Include { .. } => None,
    });
    let wanted: BTreeSet<String> = listed.chain(grouped).filter_map(|line| asked(line)).collect();
    Ok(wanted.symmetric_difference(&locked).cloned().collect())
}

/// A requirement as `differences` compares it; `None` if uv has to read it.
fn asked(line: &str) -> Option<String> {
    let requirement = pep508_rs::Requirement::<pep508_rs::VerbatimUrl>::from_str(line).ok()?;
    let specifiers = match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.to_string(),
        Some(VersionOrUrl::Url(_)) | None => String::new(),
    };
    Some(canonical(requirement.name.as_ref(), &specifiers))
}

fn canonical(name: &str, specifiers: &str) -> String {
    let mut parts: Vec<String> = specifiers.split(',').map(|part| part.replace(' ', "")).collect();
    parts.sort();
    format!("{}{}", normalized(name), parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_have_what_the_project_says_of_them() {
        let lock = "version = 1\n[[package]]\nname = \"a\"\nsource = { registry = \"https://h/simple\" }\n";
        let project = "[[tool.uv.index]]\nname = \"own\"\nurl = \"https://u:p@h/simple/\"\n";
        let project: Project = toml::from_str(project).expect("is valid");
        let contents = contents("uv.lock".into(), lock, &project).expect("is valid");
        assert_eq!(contents.indexes[0].name.as_deref(), Some("own"));
        assert_eq!(contents.indexes[0].url.as_deref(), Some("https://u:p@h/simple/"));
    }

    #[test]
    fn a_project_is_compared_with_what_was_locked() {
        let lock = "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\n\
            [package.metadata]\nrequires-dist = [{ name = \"six\", specifier = \">=1.16,<2\" }, { name = \"b\", editable = \"b\" }]\n\
            [package.metadata.requires-dev]\ndev = [{ name = \"pytest\" }]\n";
        let project = "[project]\nname = \"App\"\ndependencies = [\"six <2, >=1.16\", \"B\"]\n[dependency-groups]\ndev = [\"pytest\"]\n";
        let compared = |project: &str| {
            differences("uv.lock".into(), lock, "pyproject.toml".into(), project).expect("are readable")
        };
        assert!(compared(project).is_empty());
        assert_eq!(compared(&project.replace("1.16", "1.17")), ["six<2,>=1.16", "six<2,>=1.17"]);
    }
}
