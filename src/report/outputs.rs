//! The action's outputs: all of them on every path, booleans always `true` or `false`.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Outcome, Report};

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
    ("zip-path", "Path of the zip, if `output` was given or the registry is a folder"),
    ("zipped-size", "Size of the zip in bytes"),
    ("unzipped-size", "Size of the unzipped layer in bytes"),
    ("size-diff", "Bytes that the unzipped layer grew or shrank against the version that was current"),
    ("matrix", "JSON for `strategy.matrix`: one entry for each layer that needs a build (`plan`)"),
    ("report-path", "Path of the report page, if one was written"),
    ("sbom-path", "Path of the SBOM, if one was written"),
    ("result", "JSON of everything"),
];

/// `None` for a run that failed before it had a report.
pub fn outputs(report: Option<&Report>) -> BTreeMap<&'static str, String> {
    let mut outputs: BTreeMap<&'static str, String> = OUTPUTS.iter().map(|(name, _)| (*name, String::new())).collect();
    let boolean = |value: Option<bool>| value.unwrap_or(false).to_string();
    outputs.insert("changed", boolean(report.map(|report| report.changed)));
    outputs.insert("published", boolean(report.map(|report| report.published)));
    let Some(report) = report else { return outputs };

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
        ("layer-name", report.layer_name.to_string()),
        ("reason", report.reason.clone()),
        ("fingerprint", report.fingerprint.to_string()),
        ("code-sha256", text(report.code_sha256.map(|hash| hash.to_string()))),
        ("zip-path", text(report.zip_path.clone())),
        ("zipped-size", text(report.zipped_size.map(|size| size.0.to_string()))),
        ("unzipped-size", text(report.unzipped_size.map(|size| size.0.to_string()))),
        ("size-diff", text(report.size_diff.map(|diff| diff.to_string()))),
        ("matrix", matrix(report)),
        ("result", serde_json::to_string(report).expect("a report has string keys")),
    ];
    outputs.extend(given);
    outputs
}

fn matrix(report: &Report) -> String {
    let needs_build = report.destinations.iter().any(|destination| destination.outcome == Outcome::WouldPublish);
    let entry = json!({
        "layer-name": report.layer_name,
        "python-version": report.python_version,
        "architecture": report.architecture,
    });
    if report.command == "plan" {
        json!({ "include": if needs_build { vec![entry] } else { vec![] } }).to_string()
    } else {
        String::new()
    }
}
