//! The recipe of a layer, which determines its bytes, and the recipe's digest.
//!
//! A [`Recipe`] is serialized as JSON, with its keys in the order of the fields and its collections sorted, and hashed
//! with SHA-256. It contains the target, the layout, the installer and its options, what the dependency files *mean*
//! for this target, the excluded names, and a digest of each file and folder that is added. It does not contain the
//! destination of the layer, its name and description, credentials, absolute paths, the machine, or the versions of the
//! tools. JSON separates values unambiguously, so two recipes with the same text are the same recipe. When this program
//! changes so that the same recipe gives other bytes, the format (in `settings.rs`) is raised.
//!
//! A second digest covers the *raw* inputs. It is known without resolving the dependency files: only a lock file's own
//! tool can tell what the file means, and as long as nothing changed, no tool has to run.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::settings::Settings;
use crate::manifest::{Manifest, Meaning, Requirement, RequirementKind};
use crate::registry::recipe;
use crate::registry::state::{Build, State};
use crate::secrets::Secrets;
use crate::spec::{Dependencies, Spec};
use crate::types::{ContentHash, Digest, Fingerprint, LayerName, Target};

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

/// The dependency files, unresolved.
#[derive(Serialize)]
struct RawFiles<'a> {
    settings: &'a Settings,
    files: Vec<(&'a str, String)>,
    local: Vec<String>,
    groups: &'a BTreeSet<String>,
    extras: &'a BTreeSet<String>,
}

/// The inputs before the dependency files are resolved.
#[derive(Debug)]
pub struct RawInputs {
    layer: LayerName,
    settings: Settings,
    digest: Digest,
    /// Secrets that must not appear in the state.
    secrets: Secrets,
}

impl RawInputs {
    /// Reads the files that are added to the layer. The dependency files were already read.
    ///
    /// `secrets` are all that the run was given.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of(spec: &Spec, secrets: Secrets) -> anyhow::Result<Self> {
        let settings = Settings::of(spec)?;
        let digest = digest_of_raw(&settings, spec);
        Ok(Self { layer: spec.layer.clone(), settings, digest, secrets })
    }
}

/// The recipe of a layer with its digests.
#[derive(Debug)]
pub struct Fingerprinted {
    /// The recipe as JSON for the state, without secrets.
    pub recipe: Value,
    pub fingerprint: Fingerprint,
    /// The digest of the raw inputs.
    pub inputs: Digest,
}

impl Fingerprinted {
    /// The recipe and its digests, from the resolved dependency files.
    pub fn of(raw: &RawInputs, manifest: &Manifest, target: Target) -> Self {
        let meaning = Meaning::of(manifest, target);
        let recipe = Recipe { settings: &raw.settings, require_hashes: manifest.require_hashes, meaning };
        let fingerprint = Fingerprint(Digest::of(&serde_json::to_vec(&recipe).expect("a recipe has string keys")));
        let mut recipe = serde_json::to_value(&recipe).expect("a recipe has string keys");
        recipe::keep(&mut recipe, &raw.layer, &|text| raw.secrets.redact(text));
        Self { recipe, fingerprint, inputs: raw.digest }
    }

    /// The recipe that the state has for the same raw inputs. With it, the dependency files need not be resolved.
    pub fn remembered(raw: &RawInputs, state: &State) -> Option<Self> {
        let fingerprint = state.current?;
        let build = state.builds.get(&fingerprint)?;
        let is_same = build.inputs.as_ref() == Some(&raw.digest.hex());
        let recipe = build.recipe.clone().filter(|_| is_same)?;
        Some(Self { recipe, fingerprint, inputs: raw.digest })
    }

    /// The entry for the state.
    pub fn build(&self, content: ContentHash) -> Build {
        Build { content, inputs: Some(self.inputs.hex()), recipe: Some(self.recipe.clone()) }
    }

    /// Requirements whose version the installer chooses.
    pub fn unpinned(&self) -> Vec<String> {
        self.meaning().unpinned().map(|text| recipe::without_mark(text).to_owned()).collect()
    }

    /// What the dependency files mean, without secrets.
    pub fn meaning(&self) -> Meaning {
        serde_json::from_value(self.recipe.clone()).unwrap_or_default()
    }
}

fn digest_of_raw(settings: &Settings, spec: &Spec) -> Digest {
    let Dependencies { manifest, selection, .. } = &spec.dependencies;
    let local = |requirement: &Requirement| match &requirement.kind {
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
