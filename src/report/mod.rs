//! What a run did, as data. Renderers see nothing else.

pub mod cache;
mod comment;
mod comparison;
mod destination;
mod markdown;
mod matrix;
mod outputs;
pub mod page;
mod run;
pub mod sbom;
mod table;
mod text;
pub mod third_party_licences;
mod verdict;

use camino::Utf8PathBuf;
use serde::{Deserialize, Deserializer, Serialize};

pub use comment::{comment, marker, says_the_same, set_marker};
pub use comparison::{Before, PackageChange, PackageChangeKind, package_changes};
pub use destination::{DestinationReport, Outcome};
pub(crate) use markdown::{code, plain};
pub use markdown::{failure_summary, summary};
pub use outputs::{OUTPUTS, outputs, outputs_of_failure};

use crate::console::StepTime;
use crate::error::{Explanation, Failure};
use crate::facts;
use crate::layer::DistributionSize;
use crate::layer::{Finding, Layer, Materials, Saving, licences};
use crate::spec::{Spec, VersionCommandSpec};
use crate::types::{Architecture, ByteSize, ContentHash, Fingerprint, LayerVersionArn, PythonVersion, Target};
use crate::versions::Change;
use crate::versions::select::Chosen;
pub use run::{CommentResult, RunReport};
pub use text::text;

/// As on the command line.
pub type CommandName = &'static str;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    #[serde(deserialize_with = "known_command")]
    pub command: CommandName,
    /// Of an audit: that of the file or folder.
    pub layer_name: String,
    /// `None` for commands on versions of any Python.
    pub python_version: Option<PythonVersion>,
    pub architecture: Option<Architecture>,
    pub dry_run: bool,
    /// The content is, or would be, another than the current version's.
    pub changed: bool,
    /// At least one version was made by this run.
    pub published: bool,
    pub reason: String,
    /// `None` for what something else made.
    pub fingerprint: Option<Fingerprint>,
    pub code_sha256: Option<ContentHash>,
    pub zipped_size: Option<ByteSize>,
    pub unzipped_size: Option<ByteSize>,
    /// Bytes, unzipped, against the version that was current before.
    pub size_diff: Option<i64>,
    /// What it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// From the working directory.
    pub zip_path: Option<String>,
    pub destinations: Vec<DestinationReport>,
    /// What was done with versions that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Every ARN under what it is called (`version_list`); `None` for commands that know nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<serde_json::Value>,
    /// Why the state does not tell of what was published; the next run reads it off the lists of versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_error: Option<Explanation>,
    pub distributions: Vec<DistributionSize>,
    /// Of all distributions, as one SPDX expression, as far as they state any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licences: Option<String>,
    /// What was left out of the distributions.
    pub savings: Vec<Saving>,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Why nothing more is known of it: the run of this layer ended before it had a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
    /// Why it must not be published: findings, together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Explanation>,
    /// Requirements whose version the installer chooses at each build.
    pub unpinned: Vec<String>,
    pub steps: Vec<StepTime>,
    /// Labels of the runner that a plan would build it on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs_on: Vec<String>,
    /// Files and folders of the repository that the layer is made from, as `folder/**`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_paths: Vec<String>,
    /// Under which uv's cache is of use for a build of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_key: Option<String>,
    /// Files that were written about the layer.
    #[serde(flatten)]
    pub documents: DocumentPaths,
    /// Why one of them could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper_error: Option<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_url: Option<String>,
    /// Every file of the layer, if it was built or opened.
    #[serde(skip)]
    pub layer: Option<Layer>,
    /// For the files about the layer.
    #[serde(skip)]
    pub materials: Materials,
}

/// Those whose results another job reads.
fn known_command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CommandName, D::Error> {
    let command = String::deserialize(deserializer)?;
    let known = ["publish", "build", "plan", "preview", "audit"].into_iter().find(|known| *known == command);
    known.ok_or_else(|| serde::de::Error::custom(format!("`{command}` is no command with results")))
}

/// From the working directory.
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
    /// Of a layer whose run ended before it had a report.
    pub fn of_failure(command: &'static str, layer_name: String, target: Option<Target>, error: Explanation) -> Self {
        let reason = error.error.clone();
        Self { error: Some(error), ..Self::new(command, layer_name, target, reason) }
    }

    #[cfg(test)]
    fn of_plan(name: &str, target: Target) -> Self {
        Self::new("plan", name.to_owned(), Some(target), "the layer was never published".to_owned())
    }

    /// Of a layer that needs nothing, as far as that shows without asking what is published.
    pub fn of_untouched(spec: &Spec, reason: String) -> Self {
        Self::new(spec.task.command(), spec.layer.to_string(), Some(spec.target), reason)
    }

    /// Of one of which nobody here can say what is wanted.
    pub fn of_unresolved(spec: &Spec, reason: String) -> Self {
        let runs_on = spec.runs_on.clone();
        Self { changed: true, runs_on, ..Self::of_untouched(spec, reason) }
    }

    /// Of a layer that something else made.
    pub fn of_audit(name: String, target: Target, reason: String) -> Self {
        Self::new("audit", name, Some(target), reason)
    }

    /// Of one that was published, to write about it.
    pub fn of_version(name: String) -> Self {
        Self::new("release", name, None, String::new())
    }

    /// Of a command on versions that exist.
    pub fn of_version_command(spec: &VersionCommandSpec, reason: String, changes: Vec<Change>) -> Self {
        let of_version_command = Self::new(spec.act.command(), spec.layer.to_string(), None, reason);
        Self { dry_run: spec.dry_run, changes, ..of_version_command }
    }

    pub(crate) fn new(command: &'static str, layer_name: String, target: Option<Target>, reason: String) -> Self {
        Self {
            command,
            layer_name,
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
            versions: None,
            state_error: None,
            distributions: Vec::new(),
            licences: None,
            savings: Vec::new(),
            findings: Vec::new(),
            error: None,
            rejection: None,
            unpinned: Vec::new(),
            steps: Vec::new(),
            runs_on: Vec::new(),
            input_paths: Vec::new(),
            cache_key: None,
            documents: DocumentPaths::default(),
            paper_error: None,
            release_url: None,
            layer: None,
            materials: Materials::default(),
        }
    }

    /// With every file, and what follows from them.
    #[must_use]
    pub fn with_layer(self, layer: Layer) -> Self {
        let licences = licences::roll_up(&layer.distributions, facts::limits().license_length);
        Self { layer: Some(layer), licences, ..self }
    }

    /// A layer that the checks refuse: nothing was published.
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

    /// Packages that are not as they were before; nothing if there is nothing to compare with.
    pub fn package_changes(&self) -> Vec<PackageChange> {
        self.before
            .as_ref()
            .map(|before| package_changes(&before.distributions, &self.distributions))
            .unwrap_or_default()
    }

    /// Findings that were not there before; all of them where nobody knows.
    pub fn new_findings(&self) -> Vec<&Finding> {
        let known = self.before.as_ref().and_then(|before| before.findings.as_deref()).unwrap_or_default();
        self.findings.iter().filter(|finding| !known.iter().any(|known| known.is(finding))).collect()
    }

    #[must_use]
    pub fn with_zip(self, path: Option<Utf8PathBuf>) -> Self {
        Self { zip_path: path.map(Utf8PathBuf::into_string), ..self }
    }

    /// With what came from outside redacted, which has to be done before a renderer escapes it.
    #[must_use]
    pub fn redacted(mut self, redact: impl Fn(&str) -> String) -> Self {
        self.reason = redact(&self.reason);
        for finding in &mut self.findings {
            for text in [&mut finding.subject, &mut finding.message, &mut finding.help] {
                *text = redact(text);
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

    /// ARN in the first region.
    pub fn arn(&self) -> Option<&LayerVersionArn> {
        self.destinations.first()?.layer_version_arn.as_ref()
    }
}
