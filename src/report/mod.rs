//! What a run did, as plain data. Renderers see nothing else.

pub mod cache;
mod changes;
mod comment;
mod comparison;
mod destination;
mod escape;
mod headline;
mod import_times;
mod licences;
mod markdown;
mod matrix;
mod outputs;
pub mod page;
mod result;
mod run;
pub mod sbom;
mod table;
mod text;
pub mod third_party_licences;
mod usage;
mod verdict;
mod vulnerabilities;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Deserializer, Serialize};

pub use comment::{Links, comment, marker, says_the_same, set_marker};
pub use comparison::{Before, PackageChange, PackageChangeKind, package_changes};
pub use destination::{DestinationReport, Outcome};
pub(crate) use escape::{code, plain};
pub use markdown::{failure_summary, summary};
pub use outputs::{OUTPUTS, outputs, outputs_of_failure};

use crate::console::StepTime;
use crate::error::{Explanation, Failure};
use crate::facts;
use crate::layer::DistributionSize;
use crate::layer::import_times::ImportTimes;
use crate::layer::licences::roll_up;
use crate::layer::{Finding, Layer, Materials, OwnLimits, Provenance, Saving};
use crate::spec::{Spec, VersionCommandSpec};
use crate::types::{Architecture, ByteSize, ContentHash, Fingerprint, LayerVersionArn, PythonVersion, Target};
use crate::versions::Change;
use crate::versions::select::Chosen;
use crate::versions::usage::LayerUsage;
use crate::vulnerabilities::Vulnerabilities;
pub use run::{CommentResult, RunReport};
pub use text::text;

/// The command's name on the command line.
pub type CommandName = &'static str;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    #[serde(deserialize_with = "known_command")]
    pub command: CommandName,
    /// In an audit, the name of the file or folder.
    pub layer_name: String,
    /// The layer's working directory, from the root of the repository; `None` for the root itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// `None` for commands that work on versions of any Python.
    pub python_version: Option<PythonVersion>,
    pub architecture: Option<Architecture>,
    pub dry_run: bool,
    /// Whether the content differs, or would differ, from that of the current version.
    pub changed: bool,
    /// Whether this run made at least one version.
    pub published: bool,
    pub reason: String,
    /// `None` if another program built the layer.
    pub fingerprint: Option<Fingerprint>,
    pub code_sha256: Option<ContentHash>,
    pub zipped_size: Option<ByteSize>,
    pub unzipped_size: Option<ByteSize>,
    /// Growth of the unzipped size since the version that was current before, in bytes.
    pub size_diff: Option<i64>,
    /// The version that this one is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// Relative to the working directory.
    pub zip_path: Option<String>,
    pub destinations: Vec<DestinationReport>,
    /// What was done with existing versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Who uses the versions; `None` if that was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<LayerUsage>,
    /// The ARNs of all versions, by their names (see `version_list`); `None` for commands that do not read the
    /// versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<serde_json::Value>,
    /// Why what was published could not be recorded in the state; the next run reads it from the lists of versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_error: Option<Explanation>,
    pub distributions: Vec<DistributionSize>,
    /// Why each distribution is in the layer, by name; only known if this run built it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Provenance>,
    /// The limits that the user set for the layer.
    #[serde(default, skip_serializing_if = "OwnLimits::is_empty")]
    pub limits: OwnLimits,
    /// The licences of all distributions as one SPDX expression, as far as they state any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licences: Option<String>,
    /// How long the imports take, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_times: Option<ImportTimes>,
    /// Files that slimming left out of the distributions.
    pub savings: Vec<Saving>,
    /// The worst come first.
    pub findings: Vec<Finding>,
    /// What is known of the vulnerabilities of its distributions; `None` if that was not looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<Vulnerabilities>,
    /// Why the run of this layer failed before it had anything to report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
    /// Why the layer must not be published: all fatal findings together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Explanation>,
    /// Requirements without a fixed version: the installer chooses one at each build.
    pub unpinned: Vec<String>,
    pub steps: Vec<StepTime>,
    /// The labels of the runner on which a plan would build it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs_on: Vec<String>,
    /// Whether that needs the image of its Python; `None` but in plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<bool>,
    /// The files and folders of the repository from which the layer is built; a folder is written `folder/**`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_paths: Vec<String>,
    /// The key of uv's cache for a build of this layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<String>,
    /// The files that were written about the layer.
    #[serde(flatten)]
    pub documents: DocumentPaths,
    /// Why one of them could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper_error: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_url: Option<String>,
    /// All files of the layer, if this run built or opened it.
    #[serde(skip)]
    pub layer: Option<Layer>,
    /// What the SBOM and the licence file are made from.
    #[serde(skip)]
    pub materials: Materials,
}

/// Accepts the commands whose results another job reads.
fn known_command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CommandName, D::Error> {
    let command = String::deserialize(deserializer)?;
    let known = ["publish", "build", "plan", "preview", "audit"].into_iter().find(|known| *known == command);
    known.ok_or_else(|| serde::de::Error::custom(format!("`{command}` is not a command that has results")))
}

/// Paths relative to the working directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DocumentPaths {
    #[serde(rename = "report-path", skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    #[serde(rename = "sbom-path", skip_serializing_if = "Option::is_none")]
    pub sbom: Option<String>,
    #[serde(rename = "licenses-path", skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
}

impl Report {
    /// A layer whose run failed before it had anything to report.
    pub fn of_failure(command: &'static str, layer_name: String, target: Option<Target>, error: Explanation) -> Self {
        let reason = error.error.clone();
        Self { error: Some(error), ..Self::new(command, layer_name, target, reason) }
    }

    #[cfg(test)]
    fn of_plan(name: &str, target: Target) -> Self {
        Self::new("plan", name.to_owned(), Some(target), "this layer has not been published before".to_owned())
    }

    /// A layer that needs nothing done, as far as this shows without reading what is published.
    pub fn of_untouched(spec: &Spec, reason: String) -> Self {
        let folder = spec.folder_in_repository();
        Self { folder, ..Self::new(spec.task.command(), spec.layer.to_string(), Some(spec.target), reason) }
    }

    /// Its name, with its folder if that tells more: `web (services/web)`
    pub(crate) fn title(&self) -> String {
        match self.folder.as_ref().filter(|folder| **folder != self.layer_name) {
            Some(folder) => format!("{} ({folder})", self.layer_name),
            None => self.layer_name.clone(),
        }
    }

    /// A layer whose dependencies cannot be resolved on this machine.
    pub fn of_unresolved(spec: &Spec, reason: String) -> Self {
        let runs_on = spec.runs_on.clone();
        Self { changed: true, runs_on, ..Self::of_untouched(spec, reason) }
    }

    /// A layer that another program built.
    pub fn of_audit(name: String, target: Target, reason: String) -> Self {
        Self::new("audit", name, Some(target), reason)
    }

    /// A layer that was published, to write about it.
    pub fn of_version(name: String) -> Self {
        Self::new("release", name, None, String::new())
    }

    /// The report of a command that works on existing versions.
    pub fn of_version_command(spec: &VersionCommandSpec, reason: String, changes: Vec<Change>) -> Self {
        let of_version_command = Self::new(spec.act.command(), spec.layer.to_string(), None, reason);
        Self { dry_run: spec.dry_run, changes, ..of_version_command }
    }

    pub(crate) fn new(command: &'static str, layer_name: String, target: Option<Target>, reason: String) -> Self {
        Self {
            command,
            layer_name,
            folder: None,
            python_version: target.map(|target| target.python),
            architecture: target.map(|target| target.architecture),
            dry_run: false,
            changed: false,
            published: false,
            reason,
            fingerprint: None,
            code_sha256: None,
            zipped_size: None,
            unzipped_size: None,
            size_diff: None,
            before: None,
            zip_path: None,
            destinations: Vec::new(),
            changes: Vec::new(),
            usage: None,
            versions: None,
            state_error: None,
            distributions: Vec::new(),
            provenance: BTreeMap::new(),
            limits: OwnLimits::default(),
            licences: None,
            import_times: None,
            savings: Vec::new(),
            findings: Vec::new(),
            vulnerabilities: None,
            error: None,
            rejection: None,
            unpinned: Vec::new(),
            steps: Vec::new(),
            runs_on: Vec::new(),
            native: None,
            input_paths: Vec::new(),
            cache_key: None,
            documents: DocumentPaths::default(),
            paper_error: None,
            release_url: None,
            layer: None,
            materials: Materials::default(),
        }
    }

    /// Adds the files of the layer, and what follows from them.
    #[must_use]
    pub fn with_layer(self, layer: Layer) -> Self {
        let licences = roll_up(&layer.distributions, facts::limits().license_length);
        Self { layer: Some(layer), licences, ..self }
    }

    /// Marks the layer as refused by the checks; nothing is published.
    #[must_use]
    pub fn rejected(self, failure: &Failure) -> Self {
        Self { rejection: Some(Explanation::of(&failure.clone().into())), changed: false, ..self }
    }

    #[must_use]
    pub fn compared_with(self, before: Before) -> Self {
        let sizes = self.unzipped_size.zip(before.unzipped_size);
        let size_diff = sizes.map(|(after, before)| after.0.cast_signed() - before.0.cast_signed());
        Self { size_diff, before: Some(before), ..self }
    }

    /// Who uses the versions, if this is what the command is about. Others show that only on their page.
    pub(crate) fn own_usage(&self) -> Option<&LayerUsage> {
        self.usage.as_ref().filter(|_| self.command == "usage")
    }

    /// The packages that changed; empty if there is nothing to compare with.
    pub fn package_changes(&self) -> Vec<PackageChange> {
        self.before
            .as_ref()
            .map(|before| package_changes(&before.distributions, &self.distributions))
            .unwrap_or_default()
    }

    /// The findings that the version before did not have; all of them if its findings are not known.
    pub fn new_findings(&self) -> Vec<&Finding> {
        let known = self.before.as_ref().and_then(|before| before.findings.as_deref()).unwrap_or_default();
        self.findings.iter().filter(|finding| !known.iter().any(|known| known.is(finding))).collect()
    }

    #[must_use]
    pub fn with_zip(self, path: Option<Utf8PathBuf>) -> Self {
        Self { zip_path: path.map(Utf8PathBuf::into_string), ..self }
    }

    /// Redacts text from outside. This has to happen before a renderer escapes the text.
    #[must_use]
    pub fn redacted(mut self, redact: impl Fn(&str) -> String) -> Self {
        self.reason = redact(&self.reason);
        for finding in &mut self.findings {
            for text in [&mut finding.subject, &mut finding.message, &mut finding.help] {
                *text = redact(text);
            }
        }
        if let Some(known) = &mut self.vulnerabilities {
            known.problem = known.problem.as_deref().map(&redact);
            for one in known.found.iter_mut().chain(&mut known.removed) {
                one.summary = redact(&one.summary);
            }
        }
        for change in &mut self.changes {
            for text in [&mut change.subject, &mut change.detail] {
                *text = redact(text);
            }
        }
        let of_destinations = self.destinations.iter_mut().filter_map(|destination| destination.error.as_mut());
        let of_changes = self.changes.iter_mut().filter_map(|change| change.error.as_mut());
        for error in of_destinations
            .chain(of_changes)
            .chain(self.usage.iter_mut().flat_map(LayerUsage::errors_mut))
            .chain(&mut self.state_error)
            .chain(&mut self.error)
            .chain(&mut self.rejection)
            .chain(&mut self.paper_error)
        {
            *error = error.map(&redact);
        }
        self
    }

    /// The versions that this run published or found.
    pub(crate) fn placed(&self) -> Vec<Chosen> {
        let versions = self.destinations.iter().filter_map(|destination| {
            Some(Chosen { place: destination.known_place(), arn: Ok(destination.layer_version_arn.clone()?) })
        });
        versions.collect()
    }

    /// The ARN in the first region.
    pub fn arn(&self) -> Option<&LayerVersionArn> {
        self.destinations.first()?.layer_version_arn.as_ref()
    }
}
