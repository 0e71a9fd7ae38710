//! The action's outputs: all of them on every path, booleans always `true` or `false`.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Outcome, Report};
use crate::error::Explanation;
use crate::types::Fingerprint;

/// Name and description, as `action.yml` and the README list them.
pub const OUTPUTS: &[(&str, &str)] = &[
    ("layer-arn", "ARN of the layer version in the first region"),
    ("layer-version-arns", "JSON object: account/region to ARN"),
    ("layer-version", "Number of the version in the first region"),
    ("layer-name", "Name of the layer"),
    ("changed", "Whether the content is another than that of the version that was current: `true` or `false`"),
    ("published", "Whether this run made a new version: `true` or `false`"),
    ("reason", "Why something was published or not, in words"),
    ("fingerprint", "SHA-256 of everything that can change the layer's bytes, 64 hexadecimal digits"),
    ("code-sha256", "SHA-256 of the zip in Base64, as Lambda's `CodeSha256`"),
    (
        "zip-digest",
        "SHA-256 of the zip as `sha256:` and 64 hexadecimal digits, which `actions/attest-build-provenance` takes as `subject-digest`",
    ),
    ("zip-path", "Path of the zip, if `output` was given or the registry is a folder"),
    ("zipped-size", "Size of the zip in bytes"),
    ("unzipped-size", "Size of the unzipped layer in bytes"),
    ("size-diff", "Bytes that the unzipped layer grew or shrank against the version that was current"),
    ("matrix", "JSON for `strategy.matrix`: one entry for each layer that needs a build (`plan`)"),
    ("report-path", "Path of the report page, if one was written"),
    ("sbom-path", "Path of the SBOM, if one was written"),
    ("licenses-path", "Path of the text with the licences, if one was written"),
    ("comment", "Markdown of the comment on the pull request, also where it could not be made (`preview`)"),
    ("comment-url", "Address of the comment on the pull request, if there is one"),
    ("release-url", "Address of the GitHub release, if there is one"),
    ("result", "JSON of everything"),
];

/// Of a run that failed before it had a report: nothing changed, and what is JSON stays JSON for `fromJSON`.
pub fn outputs_of_failure(explanation: &Explanation) -> BTreeMap<&'static str, String> {
    let mut outputs: BTreeMap<&'static str, String> = OUTPUTS.iter().map(|(name, _)| (*name, String::new())).collect();
    outputs.extend([
        ("changed", false.to_string()),
        ("published", false.to_string()),
        ("reason", explanation.error.clone()),
        ("layer-version-arns", json!({}).to_string()),
        ("matrix", json!({ "include": [] }).to_string()),
        ("result", json!({ "error": explanation }).to_string()),
    ]);
    outputs
}

pub fn outputs(report: &Report) -> BTreeMap<&'static str, String> {
    let mut outputs: BTreeMap<&'static str, String> = OUTPUTS.iter().map(|(name, _)| (*name, String::new())).collect();

    let arns: BTreeMap<String, String> = report
        .destinations
        .iter()
        .filter_map(|destination| destination.layer_version_arn.as_ref())
        .map(|arn| (arn.destination().to_string(), arn.to_string()))
        .collect();
    let text = |value: Option<String>| value.unwrap_or_default();
    let given = [
        ("layer-arn", text(report.arn().map(ToString::to_string))),
        ("layer-version-arns", json!(arns).to_string()),
        ("layer-version", text(report.arn().map(|arn| arn.version().to_string()))),
        ("layer-name", report.layer_name.clone()),
        ("changed", report.changed.to_string()),
        ("published", report.published.to_string()),
        ("reason", report.reason.clone()),
        ("fingerprint", text(report.fingerprint.map(|fingerprint| fingerprint.to_string()))),
        ("code-sha256", text(report.code_sha256.map(|hash| hash.to_string()))),
        ("zip-digest", text(report.code_sha256.map(|hash| format!("sha256:{}", Fingerprint(hash.0))))),
        ("zip-path", text(report.zip_path.clone())),
        ("report-path", text(report.papers.page.clone())),
        ("sbom-path", text(report.papers.sbom.clone())),
        ("licenses-path", text(report.papers.licenses.clone())),
        ("comment", text(report.comment.clone())),
        ("comment-url", text(report.comment_url.clone())),
        ("release-url", text(report.release_url.clone())),
        ("zipped-size", text(report.zipped_size.map(|size| size.0.to_string()))),
        ("unzipped-size", text(report.unzipped_size.map(|size| size.0.to_string()))),
        ("size-diff", text(report.size_diff.map(|diff| diff.to_string()))),
        ("matrix", matrix(report)),
        ("result", result(report)),
    ];
    outputs.extend(given);
    outputs
}

/// An output may have a megabyte (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax>),
/// which the rows of a large clean-up would not fit into; how many there are stands in `reason`.
const CHANGES: usize = 1000;

fn result(report: &Report) -> String {
    let changes = &report.changes[..report.changes.len().min(CHANGES)];
    let json = if changes.len() == report.changes.len() {
        serde_json::to_string(report)
    } else {
        serde_json::to_string(&Report { changes: changes.to_vec(), ..report.clone() })
    };
    json.expect("a report has string keys")
}

/// Empty for everything but a plan that found something to build.
fn matrix(report: &Report) -> String {
    let would_publish = report.destinations.iter().any(|destination| destination.outcome == Outcome::WouldPublish);
    let entry = json!({
        "layer-name": report.layer_name,
        "python-version": report.python_version,
        "architecture": report.architecture,
    });
    let entries = if report.command == "plan" && would_publish { vec![entry] } else { Vec::new() };
    json!({ "include": entries }).to_string()
}
