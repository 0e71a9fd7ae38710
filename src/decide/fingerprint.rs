//! What decides the bytes of a layer, and its digest.
//!
//! Scheme: a [`Recipe`] is serialized as JSON, its keys in the order of the fields and its collections sorted, and
//! hashed with SHA-256. In it: the target, the layout, the installer and its options, what the dependency files *mean*
//! for this target, the names left out, and a digest of each file and folder that is added. Not in it: where the layer
//! goes, its name and description, credentials, absolute paths, the machine, the versions of the tools. JSON tells
//! every value from its neighbours, so two recipes with the same text are the same recipe. `FORMAT` grows when this
//! program would make other bytes from the same recipe.
//!
//! Beside it stands a digest of the *raw* inputs, which is known without working out what a dependency file means: what
//! a lock file means is for its own tool to say, and no process is started while nothing changed.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::Value;

use crate::files;
use crate::layer::Layout;
use crate::manifest::{Manifest, Meaning, Place, RequirementKind, place_of};
use crate::registry::recipe;
use crate::registry::state::{Build, State};
use crate::secrets::Secrets;
use crate::spec::{Bytecode, Dependencies, InstallerChoice, RuntimePackages, SlimLevel, Spec};
use crate::types::{
    Architecture, ContentHash, Digest, DistributionName, Fingerprint, LayerName, PythonVersion, Target,
};

/// Of the recipe and of the archive made from it.
const FORMAT: u32 = 1;

/// Everything that can change the bytes of a layer, and nothing else.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Recipe<'a> {
    #[serde(flatten)]
    settings: &'a Settings,
    require_hashes: bool,
    #[serde(flatten)]
    meaning: Meaning,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    format: u32,
    python_version: PythonVersion,
    architecture: Architecture,
    layout: Layout,
    installer: InstallerChoice,
    no_deps: bool,
    index_url: Option<String>,
    extra_index_urls: Vec<String>,
    /// As written, in order, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    codeartifact: String,
    /// Variables of the installer that decide what it installs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<String, String>,
    exclude: BTreeSet<DistributionName>,
    /// As given, sorted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    exclude_files: BTreeSet<String>,
    runtime_packages: RuntimePackages,
    slim: SlimLevel,
    strip: bool,
    bytecode: Bytecode,
    /// Place in the layer to digest.
    include: BTreeMap<Utf8PathBuf, String>,
    /// Places from which packages are taken to their digests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    packages: BTreeMap<Utf8PathBuf, String>,
    /// Path in the repository to digest.
    source: BTreeMap<Utf8PathBuf, String>,
    /// Its name to the digest of its text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    build_script: BTreeMap<String, String>,
}

/// The dependency files as they are.
#[derive(Serialize)]
struct RawFiles<'a> {
    settings: &'a Settings,
    files: Vec<(&'a str, String)>,
    local: Vec<String>,
    groups: &'a BTreeSet<String>,
    extras: &'a BTreeSet<String>,
}

/// The inputs before it is worked out what they mean.
#[derive(Debug)]
pub struct RawInputs {
    layer: LayerName,
    settings: Settings,
    digest: Digest,
    /// Not to be kept in a state.
    secrets: Secrets,
}

impl RawInputs {
    /// Reads the files that are added to the layer; the dependency files were read before.
    ///
    /// `secrets` are those that the run was given.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(spec: &Spec, secrets: Secrets) -> anyhow::Result<Self> {
        let settings = Settings::of(spec)?;
        let digest = digest_of_raw(&settings, spec);
        Ok(Self { layer: spec.layer.clone(), settings, digest, secrets })
    }
}

/// What the inputs mean, and its digests.
#[derive(Debug)]
pub struct Fingerprinted {
    /// As a state keeps it, in JSON and without secrets.
    pub recipe: Value,
    pub fingerprint: Fingerprint,
    /// Of the raw inputs.
    pub inputs: Digest,
}

impl Fingerprinted {
    pub fn of(raw: &RawInputs, manifest: &Manifest, target: Target) -> Self {
        let meaning = Meaning::of(manifest, target);
        let recipe = Recipe { settings: &raw.settings, require_hashes: manifest.require_hashes, meaning };
        let fingerprint = Fingerprint(Digest::of(&serde_json::to_vec(&recipe).expect("a recipe has string keys")));
        let mut recipe = serde_json::to_value(&recipe).expect("a recipe has string keys");
        recipe::keep(&mut recipe, &raw.layer, &|text| raw.secrets.redact(text));
        Self { recipe, fingerprint, inputs: raw.digest }
    }

    /// What the state's current build knows of the same raw inputs: then nobody has to be asked what they mean.
    pub fn remembered(raw: &RawInputs, state: &State) -> Option<Self> {
        let fingerprint = state.current?;
        let build = state.builds.get(&fingerprint)?;
        let is_same = build.inputs.as_ref() == Some(&raw.digest.hex());
        let recipe = build.recipe.clone().filter(|_| is_same)?;
        Some(Self { recipe, fingerprint, inputs: raw.digest })
    }

    /// For the state: what these inputs became.
    pub fn build(&self, content: ContentHash) -> Build {
        Build { content, inputs: Some(self.inputs.hex()), recipe: Some(self.recipe.clone()) }
    }

    /// Requirements whose version the installer chooses.
    pub fn unpinned(&self) -> Vec<String> {
        let meaning: Meaning = serde_json::from_value(self.recipe.clone()).unwrap_or_default();
        meaning.unpinned().map(|text| recipe::without_mark(text).to_owned()).collect()
    }
}

impl Settings {
    fn of(spec: &Spec) -> anyhow::Result<Self> {
        let digest =
            |path: &Utf8PathBuf| Ok::<_, anyhow::Error>(files::digest(&spec.folder.join(path), &spec.workspace)?.hex());
        let mut include = BTreeMap::new();
        for line in &spec.content.include {
            // The executable bit of a single file is part of the layer, too.
            let executable = is_executable(&spec.folder.join(&line.from))?;
            let file = format!("{}{}", digest(&line.from)?, if executable { " executable" } else { "" });
            // Several folders may go to one place.
            let place = if line.to == "" { ".".into() } else { line.to.clone() };
            include.entry(place).and_modify(|files| *files = format!("{files} {file}")).or_insert(file);
        }
        let mut source: BTreeMap<_, _> =
            spec.content.source.iter().map(|path| Ok((path.clone(), digest(path)?))).collect::<anyhow::Result<_>>()?;
        for path in &spec.content.projects {
            source.insert(path.clone(), files::digest_of_entries(&spec.project_files(path)?)?.hex());
        }
        let script = spec.content.build_script.as_ref();
        let packages = spec.dependencies.packages.iter();
        Ok(Self {
            format: FORMAT,
            python_version: spec.target.python,
            architecture: spec.target.architecture,
            layout: spec.content.layout,
            installer: spec.dependencies.installer,
            no_deps: spec.dependencies.no_deps,
            index_url: spec.dependencies.index_url.as_ref().map(|url| anywhere(url.shown(), spec)),
            extra_index_urls: spec
                .dependencies
                .extra_index_urls
                .iter()
                .map(|url| anywhere(url.shown(), spec))
                .collect(),
            codeartifact: spec.dependencies.codeartifact.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            variables: variables(spec),
            exclude: spec.content.exclude.clone(),
            exclude_files: spec.content.exclude_files.iter().map(|glob| glob.as_str().to_owned()).collect(),
            runtime_packages: spec.content.runtime_packages,
            slim: spec.content.slim,
            strip: spec.content.strip,
            bytecode: spec.content.bytecode,
            include,
            packages: packages.map(|(path, digest)| (shown(path, spec), digest.hex())).collect(),
            source,
            build_script: script.map(|script| (script.name().to_owned(), script.digest().hex())).into_iter().collect(),
        })
    }
}

/// A place of this machine as it may be hashed.
fn shown(path: &Utf8Path, spec: &Spec) -> Utf8PathBuf {
    files::shown(&spec.folder.join(path), &spec.folder, &spec.workspace)
}

/// A URL that means the same in every checkout of the repository.
fn anywhere(url: &str, spec: &Spec) -> String {
    match place_of(url) {
        Place::Local(path) => shown(&path, spec).into_string(),
        Place::Url => url.to_owned(),
    }
}

/// The same of places in variables.
fn variables(spec: &Spec) -> BTreeMap<String, String> {
    let shown = |(name, value): (&String, &String)| {
        let is_end = |character: char| character.is_whitespace() || character == ',';
        let words = value.split_inclusive(is_end).map(|word| {
            let (bare, end) = word.split_at(word.trim_end_matches(is_end).len());
            let is_place = bare.starts_with('/') || bare.starts_with("file:");
            format!("{}{end}", if is_place { anywhere(bare, spec) } else { bare.to_owned() })
        });
        (name.clone(), words.collect())
    };
    spec.dependencies.variables.iter().map(shown).collect()
}

fn is_executable(path: &Utf8Path) -> anyhow::Result<bool> {
    Ok(path.is_file() && matches!(files::file_kind(path)?, files::FileKind::File { executable: true, .. }))
}

fn digest_of_raw(settings: &Settings, spec: &Spec) -> Digest {
    let Dependencies { manifest, selection, .. } = &spec.dependencies;
    let local = |requirement: &crate::manifest::Requirement| match &requirement.kind {
        RequirementKind::Path { digest, .. } => Some(digest.hex()),
        RequirementKind::Named(_) | RequirementKind::Url { .. } => None,
    };
    let files = manifest.files.iter().chain(manifest.locks.iter().flat_map(|lock| &lock.files));
    let locked = manifest.locks.iter().flat_map(|lock| lock.local.values());
    let raw = RawFiles {
        settings,
        files: files.map(|file| (file.path.as_str(), file.digest.hex())).collect(),
        local: manifest
            .requirements
            .iter()
            .chain(&manifest.constraints)
            .filter_map(local)
            .chain(locked.map(Digest::hex))
            .collect(),
        groups: &selection.groups,
        extras: &selection.extras,
    };
    Digest::of(&serde_json::to_vec(&raw).expect("raw inputs have string keys"))
}

/// How one recipe differs from another, in words, most telling first.
///
/// The recipes come as JSON because the older one may have been written by another version of this program.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut keys: Vec<&String> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
    keys.sort_by_key(|key| (key.as_str() != "requirements", key.as_str()));
    keys.into_iter().flat_map(|key| difference(key, before.get(key), after.get(key))).collect()
}

fn difference(key: &str, before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    // What is empty may not have been written.
    let nothing = Value::Object(serde_json::Map::new());
    let or_nothing = |value, other: Option<&Value>| match (value, other) {
        (None, Some(Value::Object(_))) => Some(&nothing),
        _ => value,
    };
    match (or_nothing(before, after), or_nothing(after, before)) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            let texts = |values: &[Value]| -> BTreeMap<String, String> {
                values.iter().map(|value| name_and_rest(&plain(value))).collect()
            };
            entries(key, &texts(before), &texts(after))
        }
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let texts = |values: &serde_json::Map<String, Value>| -> BTreeMap<String, String> {
                values.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
            };
            entries(key, &texts(before), &texts(after))
        }
        _ => {
            let show = |value: Option<&Value>| {
                let text = value.filter(|value| !value.is_null()).map_or_else(|| "nothing".to_owned(), plain);
                recipe::without_mark(&text).to_owned()
            };
            let (before, after) = (show(before), show(after));
            vec![if before == after { format!("{key} changed") } else { format!("{key}: {before} → {after}") }]
        }
    }
}

fn entries(key: &str, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let said = names.into_iter().filter_map(|name| match (before.get(name), after.get(name)) {
        (old, new) if old == new => None,
        (None, Some(rest)) => Some(format!("{key}: {} added", show_entry(name, rest))),
        (Some(_), None) => Some(format!("{key}: {name} removed")),
        // What is not shown of it.
        (Some(old), Some(new)) if shown_part(old) == shown_part(new) && recipe::mark(old) != recipe::mark(new) => {
            Some(format!("{key}: {name} changed"))
        }
        (Some(old), Some(new)) if shown_part(old) == shown_part(new) => {
            let what = if [old, new].iter().any(|part| part.contains("hashes:")) { "hashes" } else { "content" };
            Some(format!("{key}: {name} has other {what}"))
        }
        (Some(old), Some(new)) => Some(format!("{key}: {name} {} → {}", shown_part(old), shown_part(new))),
        (None, None) => None,
    });
    said.collect()
}

/// `pydantic==2.12.0` as (`pydantic`, `==2.12.0`).
fn name_and_rest(text: &str) -> (String, String) {
    let end = text
        .find(|character: char| !(character.is_alphanumeric() || "-_.[]".contains(character)))
        .unwrap_or(text.len());
    if text[end..].starts_with(':') || end == 0 {
        let (url, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        (url.to_owned(), rest.to_owned())
    } else {
        (text[..end].to_owned(), text[end..].to_owned())
    }
}

fn show_entry(name: &str, rest: &str) -> String {
    let shown = shown_part(rest);
    if shown == "any version" { name.to_owned() } else { format!("{name}{shown}") }
}

/// What a person wants to read of it: no digests.
fn shown_part(rest: &str) -> String {
    let shown: Vec<&str> = rest
        .split(' ')
        .filter(|word| !["hashes:", "bytes:", recipe::MARK].iter().any(|start| word.starts_with(start)))
        .filter(|word| Digest::from_hex(word).is_none())
        .collect();
    let shown = shown.join(" ");
    if shown.trim().is_empty() { "any version".to_owned() } else { shown }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_said_in_words() {
        let hash = |letter: &str| letter.repeat(64);
        let before = json!({
            "python-version": "3.12", "exclude": ["boto3"], "index-url": null, "format": 1,
            "requirements": ["pydantic==2.11.0", "idna", format!("six==1.17.0 hashes:{}", hash("a")), "rich>=13"],
            "include": {"bin/tool": hash("a")},
        });
        let after = json!({
            "python-version": "3.13", "exclude": [], "index-url": "https://host/simple", "format": 1,
            "requirements": ["pydantic==2.12.0", "attrs==25.1", format!("six==1.17.0 hashes:{}", hash("b")), "rich>=13"],
            "include": {"bin/tool": hash("b"), "lib/liba.so": hash("c")},
        });
        insta::assert_snapshot!(differences(&before, &after).join("\n"), @r"
        requirements: attrs==25.1 added
        requirements: idna removed
        requirements: pydantic ==2.11.0 → ==2.12.0
        requirements: six has other hashes
        exclude: boto3 removed
        include: bin/tool has other content
        include: lib/liba.so added
        index-url: nothing → https://host/simple
        python-version: 3.12 → 3.13
        ");
    }

    #[test]
    fn what_is_hidden_is_said_to_have_changed() {
        let recipe = |digit: &str| {
            let mark = format!("hidden:{}", digit.repeat(64));
            json!({
                "index-url": format!("https://h/simple?v=*** {mark}"),
                "requirements": [format!("a @ https://h/a.whl?v=*** {mark}"), format!("https://h/b.whl?v=*** {mark}")],
                "variables": {"UV_FIND_LINKS": format!("https://h/?v=*** {mark}")},
            })
        };
        insta::assert_snapshot!(differences(&recipe("0"), &recipe("1")).join("\n"), @r"
        requirements: a changed
        requirements: https://h/b.whl?v=*** changed
        index-url changed
        variables: UV_FIND_LINKS changed
        ");
        let without = json!({"requirements": []});
        assert_eq!(differences(&without, &recipe("0"))[1], "requirements: https://h/b.whl?v=*** added");
    }
}
