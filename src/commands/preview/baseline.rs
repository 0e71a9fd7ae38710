//! The input `baseline`: the layer of the base branch, as a zip or as the result of a run.

use camino::Utf8Path;
use serde::Deserialize;

use crate::console::Console;
use crate::error::Failure;
use crate::layer::{DistributionSize, KnownFinding, distribution_sizes};
use crate::report::{Before, Report};
use crate::spec::Spec;
use crate::types::{ByteSize, ContentHash, Fingerprint};
use crate::{archive, facts};

#[derive(Clone, Debug)]
pub struct Baseline {
    pub before: Before,
    /// Of a zip nobody knows what it was made of.
    pub fingerprint: Option<Fingerprint>,
    content: Option<ContentHash>,
}

/// The output `result`, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RunResult {
    layer_name: Option<String>,
    fingerprint: Option<Fingerprint>,
    code_sha256: Option<ContentHash>,
    zipped_size: Option<ByteSize>,
    unzipped_size: Option<ByteSize>,
    #[serde(default)]
    distributions: Vec<DistributionSize>,
    #[serde(default)]
    findings: Vec<KnownFinding>,
    /// Whether something was left out because it would have been too long.
    #[serde(default)]
    truncated: bool,
}

/// # Errors
/// The user's if the file is neither, or is of another layer.
pub fn read(path: &Utf8Path, spec: &Spec, console: &Console) -> anyhow::Result<Baseline> {
    let shown = spec.shown(path);
    let (size, limit) = (fs_err::metadata(path)?.len(), facts::opening().zip);
    if size > limit {
        let failure = Failure::user(format!("`baseline` is `{shown}`, which is too large ({})", ByteSize(size)));
        return Err(failure.hint(format!("use a file of at most {}", ByteSize(limit))).into());
    }
    let bytes = fs_err::read(path)?;
    if bytes.starts_with(b"PK") {
        let opened = archive::open_zip(&bytes, shown.as_str(), &console.secrets())?;
        let before = Before {
            name: "the baseline".to_owned(),
            zipped_size: opened.zipped_size,
            unzipped_size: Some(opened.layer.unzipped_size()),
            distributions: distribution_sizes(opened.layer.sizes(), &opened.layer.distributions),
            findings: None,
        };
        return Ok(Baseline { before, fingerprint: None, content: opened.content });
    }
    let read: Result<RunResult, _> = serde_json::from_slice(&bytes);
    let result = read.map_err(|error| {
        let failure = Failure::user(format!("`baseline` is `{shown}`, which is neither a zip nor the output `result`"));
        failure.cause(error.to_string()).hint("write the output `result` of a run on the base branch to a file")
    })?;
    if let Some(other) = result.layer_name.as_deref().filter(|name| *name != spec.layer.as_str()) {
        let failure = Failure::user(format!(
            "`baseline` is `{shown}`, which belongs to the layer `{other}`, not to `{}`",
            spec.layer
        ));
        return Err(failure.hint("give each layer its own baseline").into());
    }
    if result.unzipped_size.is_none() {
        let failure = Failure::user(format!("`baseline` is `{shown}`, which does not describe a layer"));
        return Err(failure.hint("use the output `result` of a run that built or published one").into());
    }
    if result.truncated && result.distributions.is_empty() {
        let failure = Failure::user(format!("`baseline` is `{shown}`, which is too short to compare with")).cause(
            "the output `result` has `truncated`: it was longer than a variable can be, and lost the list of packages",
        );
        return Err(failure.hint("keep the zip of the base branch (`output`), and give that").into());
    }
    let before = Before {
        name: "the baseline".to_owned(),
        zipped_size: result.zipped_size,
        unzipped_size: result.unzipped_size,
        distributions: result.distributions,
        findings: Some(result.findings.iter().map(KnownFinding::shortened).collect()),
    };
    Ok(Baseline { before, fingerprint: result.fingerprint, content: result.code_sha256 })
}

impl Baseline {
    /// What was built against what was.
    pub fn compare(&self, report: Report) -> Report {
        if report.code_sha256.is_some() && report.code_sha256 == self.content {
            return Report { changed: false, size_diff: Some(0), ..report };
        }
        Report { changed: true, ..report }.compared_with(self.before.clone())
    }

    /// What is the same and was not built.
    pub fn unchanged(&self, report: Report) -> Report {
        Report {
            code_sha256: self.content,
            zipped_size: self.before.zipped_size,
            unzipped_size: self.before.unzipped_size,
            size_diff: Some(0),
            distributions: self.before.distributions.clone(),
            ..report
        }
    }
}
