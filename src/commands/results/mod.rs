//! The results of a job as files, which a later job gathers (`merge`): one for each layer, one for a whole plan.

mod read;
mod write;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::cli::Cli;
use crate::config;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::layer::KnownFinding;
use crate::report::Report;
pub use read::read;
pub use write::write;

/// The format of the files; raised when older files can no longer be read.
const FORMAT: u32 = 1;
/// The file of a plan. The name of a layer has no dot, so the two cannot collide.
const PLAN: &str = "plan.set.json";

/// The content of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Results {
    format: u32,
    pub command: String,
    /// The file that lists the layers, from the root of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// `GITHUB_RUN_ID` and `GITHUB_RUN_ATTEMPT`; a later run has larger numbers.
    #[serde(default)]
    pub run: (u64, u64),
    /// Why the command failed, if there are no layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
    layers: Vec<LayerResult>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LayerResult {
    report: Report,
    /// The findings of `before`, which the report does not serialize.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_findings: Option<Vec<KnownFinding>>,
}

impl Results {
    fn new(command: &str, cli: &Cli, environment: &Environment) -> Self {
        let number = |name: &str| environment.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        let run = (number("GITHUB_RUN_ID"), number("GITHUB_RUN_ATTEMPT"));
        let config = config::path(cli, environment).map(Utf8PathBuf::into_string);
        Self { format: FORMAT, command: command.to_owned(), config, run, error: None, layers: Vec::new() }
    }

    fn with(mut self, report: &Report) -> Self {
        let known_findings = report.before.as_ref().and_then(|before| before.findings.clone());
        self.layers.push(LayerResult { report: report.clone(), known_findings });
        self
    }

    pub fn is_plan(&self) -> bool {
        self.command == "plan"
    }

    pub fn into_reports(self) -> impl Iterator<Item = Report> {
        self.layers.into_iter().map(|LayerResult { mut report, known_findings }| {
            if let Some(before) = &mut report.before {
                before.findings = known_findings;
            }
            report
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_older_programs_are_read() {
        let text = r#"{"format": 1, "command": "preview", "run": [42, 1], "layers": [{"report": {
            "command": "preview", "layer-name": "shared", "python-version": "3.13", "architecture": "x86_64",
            "dry-run": false, "changed": true, "published": false, "reason": "requirements: six added",
            "fingerprint": null, "code-sha256": null, "zipped-size": 10, "unzipped-size": 40, "size-diff": 30,
            "before": {"name": "version 1", "zipped-size": 5, "unzipped-size": 10, "distributions": []},
            "zip-path": null, "destinations": [], "distributions": [{"name": "six", "version": "1.17.0", "size": 40}],
            "savings": [], "findings": [], "unpinned": [], "steps": []
        }}]}"#;
        let results: Results = serde_json::from_str(text).expect("is readable");
        let report = results.into_reports().next().expect("is there");
        assert_eq!(report.cost().as_deref(), Some("+30 B (10 → 40 B, under 1% of 250 MB)"));
        assert_eq!(report.package_groups().first.len(), 1);
        assert!(report.place_of("six").is_none() && report.folder.is_none() && report.limits.is_empty());
    }
}
