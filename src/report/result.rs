//! The output `result`: everything about a run as JSON, as far as a step can pass it on.

use std::ops::Not;

use serde::Serialize;
use serde_json::{Value, json};

use super::{CommentResult, Report, RunReport};

/// In bytes. Linux starts no program with a variable of more than 131,072 bytes, its name, `=` and the NUL at the end
/// included (`MAX_ARG_STRLEN` in <https://man7.org/linux/man-pages/man2/execve.2.html>), and workflows pass outputs on in
/// variables. 72 bytes are for the name.
const LONGEST: usize = 131_072 - 72;

/// For one layer, the JSON of its report; else the JSON of the run with its `layers`. What is longer than [`LONGEST`] is
/// shortened, layers with which nothing happened first, and says so in `truncated`. The files of `results` always have
/// everything.
pub(super) fn result(run: &RunReport) -> String {
    let whole = json_of(run, false);
    if whole.len() <= LONGEST {
        return whole;
    }
    let attempts = [(FEWER, FEWER), (FEW, FEW), (NONE, FEW), (NONE, NONE)];
    let shorter = attempts.into_iter().map(|(quiet, busy)| {
        let level = |report: &Report| if report.verdict() == "unchanged" { quiet } else { busy };
        let layers = run.layers.iter().map(|report| level(report).of(report)).collect();
        json_of(&RunReport { layers, ..run.clone() }, true)
    });
    let mut fitting = shorter.chain([outcomes(run)]).filter(|text| text.len() <= LONGEST);
    let shortest = || json!({ "command": run.command, "truncated": true, "reason": run.tally() }).to_string();
    fitting.next().unwrap_or_else(shortest)
}

fn json_of(run: &RunReport, truncated: bool) -> String {
    #[derive(Serialize)]
    struct Only<'a> {
        #[serde(flatten)]
        report: &'a Report,
        #[serde(flatten)]
        comment: &'a CommentResult,
        #[serde(skip_serializing_if = "Not::not")]
        truncated: bool,
    }
    #[derive(Serialize)]
    struct Set<'a> {
        #[serde(flatten)]
        run: &'a RunReport,
        #[serde(skip_serializing_if = "Not::not")]
        truncated: bool,
    }
    let text = match run.only() {
        Some(report) => serde_json::to_string(&Only { report, comment: &run.comment, truncated }),
        None => serde_json::to_string(&Set { run, truncated }),
    };
    text.expect("a report has string keys")
}

/// How many rows the lists of a report keep.
#[derive(Clone, Copy)]
struct Rows {
    versions: usize,
    changes: usize,
    findings: usize,
    /// Functions that use the versions.
    functions: usize,
    /// Without these, nothing can be compared with it as a `baseline`.
    distributions: usize,
}

const FEWER: Rows = Rows { versions: 50, changes: 400, findings: 200, functions: 800, distributions: usize::MAX };
const FEW: Rows = Rows { versions: 0, changes: 100, findings: 50, functions: 100, distributions: usize::MAX };
const NONE: Rows = Rows { versions: 0, changes: 0, findings: 0, functions: 0, distributions: 0 };

impl Rows {
    fn of(self, report: &Report) -> Report {
        let mut report = report.clone();
        report.changes.truncate(self.changes);
        report.findings.truncate(self.findings);
        if let Some(known) = &mut report.vulnerabilities {
            known.found.truncate(self.findings);
            known.removed.truncate(self.findings);
        }
        if let Some(times) = &mut report.import_times {
            times.forget_trees();
        }
        if let Some(usage) = &mut report.usage {
            usage.shorten(self.functions);
        }
        report.distributions.truncate(self.distributions);
        if let Some(before) = &mut report.before {
            before.distributions.truncate(self.distributions);
        }
        if let Some(Value::Array(versions)) = report.versions.as_mut().and_then(|list| list.get_mut("versions")) {
            versions.truncate(self.versions);
        }
        report.provenance.clear();
        Report { savings: Vec::new(), unpinned: Vec::new(), steps: Vec::new(), input_paths: Vec::new(), ..report }
    }
}

/// What happened to each layer, and nothing else.
fn outcomes(run: &RunReport) -> String {
    let outcome = |report: &Report| {
        let Report { layer_name, reason, changed, published, .. } = report;
        json!({ "layer-name": layer_name, "reason": reason, "changed": changed, "published": published, "truncated": true })
    };
    if let Some(report) = run.only() {
        return outcome(report).to_string();
    }
    let layers: Vec<_> = run.layers.iter().map(outcome).collect();
    json!({ "command": run.command, "truncated": true, "layers": layers }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::DistributionSize;

    fn run(layers: usize, versions: usize) -> RunReport {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:layer:shared:1".repeat(4);
        let list = json!({ "latest": {}, "labels": {}, "versions": vec![json!({ "arn": arn }); versions] });
        let layer = |number| Report {
            versions: Some(list.clone()),
            distributions: DistributionSize::rows(&[("idna", "3.10", 7)]),
            ..Report::new("publish", format!("layer-{number}"), None, "requirements: idna added".to_owned())
        };
        RunReport::new("publish", (0..layers).map(layer).collect())
    }

    /// Shortened or not, a step can have it as a variable.
    fn read(run: &RunReport) -> Value {
        let text = result(run);
        let mut step = std::process::Command::new("true");
        step.env("RESULT_OF_THE_STEP_THAT_PUBLISHES_ALL_OF_THE_LAYERS", &text);
        assert!(step.status().expect("is not too long").success());
        serde_json::from_str(&text).expect("is JSON")
    }

    #[test]
    fn what_fits_is_whole() {
        let result = read(&run(1, 500));
        assert_eq!(result["versions"]["versions"].as_array().map(Vec::len), Some(500));
        assert_eq!(result.get("truncated"), None);
    }

    #[test]
    fn what_does_not_fit_says_so_and_keeps_what_a_baseline_needs() {
        let result = read(&run(1, 1000));
        assert_eq!(result["truncated"], true);
        assert_eq!(result["versions"]["versions"].as_array().map(Vec::len), Some(50));
        assert_eq!(result["distributions"][0]["name"], "idna");
        assert_eq!(result["layer-name"], "layer-0");
    }

    #[test]
    fn of_many_layers_their_outcomes_stay_as_long_as_possible() {
        for (layers, has_distributions) in [(100, true), (300, false), (900, false)] {
            let result = read(&run(layers, 50));
            assert_eq!(result["truncated"], true, "{layers}");
            assert_eq!(result["layers"].as_array().map(Vec::len), Some(layers));
            assert_eq!(result["layers"][0]["reason"], "requirements: idna added");
            assert_eq!(result["layers"][0]["distributions"].get(0).is_some(), has_distributions, "{layers}");
        }
        assert_eq!(read(&run(5000, 0))["reason"], "5000 unchanged");
    }
}
