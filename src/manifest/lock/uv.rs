//! Reads `uv.lock` (<https://docs.astral.sh/uv/concepts/resolution/#lockfile-versioning>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use pep440_rs::Version;
use pep508_rs::VersionOrUrl;
use serde::Deserialize;
use toml::{Table, Value};

use super::locked::{Declared, File, Locked, Place, is_remote};
use super::{Contents, used_indexes};
use crate::error::Failure;
use crate::manifest::project::{GroupEntry, IndexTable, Project, normalized};
use crate::manifest::{Selection, text};
use crate::secrets::without_credentials;
use crate::types::pep508;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    version: Option<u32>,
    #[serde(default, rename = "package")]
    packages: Vec<Package>,
    /// The environments that the lock was made for (`[tool.uv] environments`); empty for all systems.
    #[serde(default)]
    supported_markers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    /// The version; a project may determine its own only when it is built.
    #[serde(default)]
    version: String,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    metadata: Metadata,
    sdist: Option<Artifact>,
    #[serde(default)]
    wheels: Vec<Artifact>,
    #[serde(default)]
    resolution_markers: Vec<String>,
}

/// A file of a registry.
#[derive(Deserialize)]
struct Artifact {
    url: Option<String>,
    /// The path relative to the registry's folder.
    path: Option<String>,
    hash: Option<String>,
}

impl Artifact {
    fn file(&self, registry: &str) -> Option<File> {
        let hashes = self.hash.iter().cloned().collect();
        match (&self.url, &self.path) {
            (Some(url), _) => Some(File::at_url(url, hashes)),
            (None, Some(path)) => {
                let folder = registry.strip_prefix("file://").unwrap_or(registry);
                Some(File::at_path(Utf8Path::new(folder).join(path), hashes))
            }
            (None, None) => None,
        }
    }
}

impl Package {
    fn locked(&self) -> Option<Locked> {
        let registry = self.source.registry.as_ref()?;
        Some(Locked {
            name: normalized(&self.name),
            version: self.version.clone(),
            index: Some(registry.clone()),
            files: self.sdist.iter().chain(&self.wheels).filter_map(|file| file.file(registry)).collect(),
            forks: self.resolution_markers.clone(),
        })
    }
}

/// The requirements of the project when it was locked.
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
    // The index needs its name, because `UV_INDEX_<NAME>_PASSWORD` refers to it.
    let named = |url: &str| {
        // uv does not write the user and password of a URL in the project into the lock.
        let place = |url: &str| without_credentials(url).trim_end_matches('/').to_owned();
        let same = |index: &&IndexTable| index.url.as_deref().is_some_and(|known| place(known) == place(url));
        Some(project.tool.uv.index.iter().find(same).cloned().unwrap_or_else(|| IndexTable::new(None, url)))
    };
    // A registry may also be a folder.
    let registries = sources().filter_map(|source| source.registry.as_deref()).filter(|place| is_remote(place));
    let locked: Arc<[Locked]> = lock.packages.iter().filter_map(Package::locked).collect();
    let files = locked.iter().flat_map(|locked| &locked.files).filter_map(|file| match &file.place {
        Some(Place::Path(path)) => Some(path.to_string()),
        _ => None,
    });
    Ok(Contents {
        environments: lock.supported_markers.clone(),
        version: lock.version.map(|version| version.to_string()),
        local: sources().filter_map(Source::local).cloned().chain(files).collect(),
        locked: locked.clone(),
        indexes: used_indexes(registries.map(named)),
        known: Selection { groups: project.groups(), extras: project.extras() },
        ..Contents::default()
    })
}

/// The indexes and pages in uv's settings, from a `pyproject.toml` or a `uv.toml`
/// (<https://docs.astral.sh/uv/reference/settings/#find-links>,
/// <https://docs.astral.sh/uv/concepts/indexes/#flat-indexes>).
pub(super) fn declared(settings: &str) -> Declared {
    let settings: Table = settings.parse().unwrap_or_default();
    let of_project = || settings.get("tool")?.get("uv")?.as_table();
    let uv =
        if settings.contains_key("project") || settings.contains_key("tool") { of_project() } else { Some(&settings) };
    let list = |key: &str| uv.and_then(|uv| uv.get(key)?.as_array()).into_iter().flatten();
    let is_flat = |index: &&Value| index.get("format").and_then(Value::as_str) == Some("flat");
    let url = |index: &Value| index.get("url").and_then(Value::as_str).map(str::to_owned);
    let links = list("find-links").filter_map(Value::as_str).map(str::to_owned);
    Declared {
        pages: links.chain(list("index").filter(is_flat).filter_map(url)).collect(),
        indexes: list("index").filter(|index| !is_flat(index)).filter_map(url).collect(),
    }
}

/// A project of the workspace, or beside it, as it was locked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LocalProject {
    /// The name as it is written.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Its current version.
    pub(crate) now: String,
}

impl LocalProject {
    /// The text of the lock with the current version.
    pub(crate) fn in_lock(&self, lock: &str) -> String {
        let Self { name, version, now } = self;
        let head = |version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        lock.replacen(&head(version), &head(now), 1)
    }
}

/// The projects with a version of their own in the lock. `read` returns the text of the `pyproject.toml` in a folder.
pub(crate) fn local_projects(lock: &str, read: impl Fn(&str) -> Option<String>) -> Vec<LocalProject> {
    let lock: Option<Lock> = toml::from_str(lock).ok();
    let packages = lock.into_iter().flat_map(|lock| lock.packages);
    let found = packages.filter(|package| !package.version.is_empty()).filter_map(|package| {
        let project: Project = toml::from_str(&read(package.source.local()?)?).ok()?;
        // uv writes normalized versions.
        let now: Version = project.metadata?.version?.parse().ok()?;
        Some(LocalProject { name: package.name, version: package.version, now: now.to_string() })
    });
    found.collect()
}

/// The folders and files that a lock refers to, relative to its own folder.
pub(crate) fn local_places(lock: &str) -> BTreeSet<Utf8PathBuf> {
    let lock: Option<Lock> = toml::from_str(lock).ok();
    let packages = lock.iter().flat_map(|lock| &lock.packages);
    let folders = packages.filter_map(|package| {
        let registry = package.source.registry.as_ref().filter(|place| !place.contains("://"));
        package.source.local().or(registry).map(Utf8PathBuf::from)
    });
    folders.collect()
}

/// The differences between a project's requirements and those that its lock was made for, by names and versions,
/// without markers and sources. This replaces uv's own check if there is no Python that uv would need for it.
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

/// A requirement in the form in which `differences` compares it; `None` if only uv can read it.
fn asked(line: &str) -> Option<String> {
    let requirement = pep508::requirement(line).ok()?;
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
    fn a_version_of_a_project_is_raised_in_its_lock() {
        let lock = "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\n\
            [[package]]\nname = \"six\"\nversion = \"1\"\nsource = { registry = \"wheels\" }\n";
        let read = |place: &str| (place == ".").then(|| "[project]\nname = \"App\"\nversion = \"1.1\"\n".to_owned());
        let projects = local_projects(lock, read);
        assert_eq!(projects[0].in_lock(lock), lock.replacen("\"1\"", "\"1.1\"", 1));
        assert_eq!(projects.len(), 1);
        assert_eq!(local_places(lock), [".", "wheels"].map(Utf8PathBuf::from).into());
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
