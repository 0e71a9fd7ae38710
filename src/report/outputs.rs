//! The action's outputs: each is set on every path; booleans are always `true` or `false`.

use std::collections::BTreeMap;

use serde_json::json;

use super::matrix::{self, matrix};
use super::result::result;
use super::{Report, RunReport};
use crate::error::Explanation;
use crate::types::Fingerprint;

/// Name and description of each output, as `action.yml` and the README list them.
pub const OUTPUTS: &[(&str, &str)] = &[
    ("layer-arn", "ARN of the layer version in the first region"),
    ("layer-version-arns", "JSON object that maps `account/region` to the ARN of the layer version"),
    ("layer-arns", "JSON object that maps the name of each layer to its ARN in the first region"),
    ("layer-version", "Number of the layer version in the first region"),
    ("layer-name", "Name of the layer"),
    ("changed", "Whether the content differs from that of the previous current version: `true` or `false`"),
    ("published", "Whether this run published a new version: `true` or `false`"),
    ("reason", "Reason why something was or was not published, in words"),
    ("fingerprint", "SHA-256 of everything that can change the layer's bytes, 64 hexadecimal digits"),
    ("code-sha256", "SHA-256 of the zip in Base64, the same as Lambda's `CodeSha256`"),
    (
        "zip-digest",
        "SHA-256 of the zip as `sha256:` and 64 hexadecimal digits, for `subject-digest` of `actions/attest-build-provenance`",
    ),
    ("zip-path", "Path of the zip, if `output` is given or the registry is a folder"),
    ("zipped-size", "Size of the zip in bytes"),
    ("unzipped-size", "Size of the unzipped layer in bytes"),
    ("size-diff", "Change of the unzipped size in bytes, compared with the previous current version"),
    ("matrix", "JSON for `strategy.matrix`: one entry for each layer that needs a build (`plan`)"),
    ("matrix-wheels", "The same, only for layers that the small image can build (`plan`)"),
    (
        "matrix-native",
        "JSON object that maps each Python version to the matrix of the layers that need the image for that version; `{}` if there are none (`plan`)",
    ),
    (
        "paths",
        "JSON object that maps the name of each layer to the files and folders that it is built from, for `filters` of `dorny/paths-filter`",
    ),
    ("cache-path", "Path of uv's cache on the runner, for `path` of `actions/cache`"),
    ("cache-key", "Key for that cache: versions, target and a digest of the dependency files"),
    ("report-path", "Path of the report page, if one was written"),
    ("sbom-path", "Path of the software bill of materials, if one was written"),
    ("licenses-path", "Path of the text file with the licences, if one was written"),
    ("comment", "Markdown of the pull request comment, even if it could not be posted (`preview`)"),
    ("comment-url", "URL of the pull request comment, if there is one"),
    ("release-url", "URL of the GitHub release, if there is one"),
    ("result", "JSON with the complete result"),
];

/// The outputs of a run that failed before it had anything to report: `changed` is `false`, and outputs in JSON stay
/// valid JSON for `fromJSON`.
pub fn outputs_of_failure(explanation: &Explanation) -> BTreeMap<&'static str, String> {
    let mut outputs: BTreeMap<&'static str, String> = OUTPUTS.iter().map(|(name, _)| (*name, String::new())).collect();
    outputs.extend([
        ("changed", false.to_string()),
        ("published", false.to_string()),
        ("reason", explanation.error.clone()),
        ("layer-version-arns", json!({}).to_string()),
        ("layer-arns", json!({}).to_string()),
        ("matrix", json!({ "include": [] }).to_string()),
        ("matrix-wheels", json!({ "include": [] }).to_string()),
        ("matrix-native", json!({}).to_string()),
        ("paths", json!({}).to_string()),
        ("result", json!({ "error": explanation }).to_string()),
    ]);
    outputs
}

pub fn outputs(run: &RunReport) -> BTreeMap<&'static str, String> {
    let mut outputs: BTreeMap<&'static str, String> = OUTPUTS.iter().map(|(name, _)| (*name, String::new())).collect();
    match run.only() {
        Some(report) => outputs.extend(of_layer(report)),
        None => outputs.extend(of_set(run)),
    }
    let of_layers = run.layers.iter().filter_map(|report| Some((&report.layer_name, report.arn()?.to_string())));
    let paths = run.layers.iter().filter(|report| !report.input_paths.is_empty());
    let paths: BTreeMap<_, _> = paths.map(|report| (&report.layer_name, &report.input_paths)).collect();
    let (cache_path, cache_key) = run.cache.clone().map(|cache| (cache.path, cache.key)).unwrap_or_default();
    outputs.extend([
        ("paths", json!(paths).to_string()),
        ("cache-path", cache_path),
        ("cache-key", cache_key),
        ("layer-arns", json!(of_layers.collect::<BTreeMap<_, _>>()).to_string()),
        ("comment", run.comment.markdown.clone().unwrap_or_default()),
        ("comment-url", run.comment.comment_url.clone().unwrap_or_default()),
        ("matrix", matrix(run).to_string()),
        ("matrix-wheels", matrix::of_wheels(run).to_string()),
        ("matrix-native", matrix::of_native(run).to_string()),
        ("result", result(run)),
    ]);
    outputs
}

/// What several layers have in common; outputs that belong to one layer are empty.
fn of_set(run: &RunReport) -> Vec<(&'static str, String)> {
    vec![
        ("layer-version-arns", json!({}).to_string()),
        ("changed", run.layers.iter().any(|report| report.changed).to_string()),
        ("published", run.layers.iter().any(|report| report.published).to_string()),
        ("reason", run.tally()),
        ("release-url", shared_release(run).unwrap_or_default()),
    ]
}

/// The release that all layers with a release share.
fn shared_release(run: &RunReport) -> Option<String> {
    let mut urls = run.layers.iter().filter_map(|report| report.release_url.as_ref());
    let first = urls.next()?;
    urls.all(|url| url == first).then(|| first.clone())
}

fn of_layer(report: &Report) -> Vec<(&'static str, String)> {
    let arns: BTreeMap<String, String> = report
        .destinations
        .iter()
        .filter_map(|destination| destination.layer_version_arn.as_ref())
        .map(|arn| (arn.destination().to_string(), arn.to_string()))
        .collect();
    let text = |value: Option<String>| value.unwrap_or_default();
    vec![
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
        ("report-path", text(report.documents.page.clone())),
        ("sbom-path", text(report.documents.sbom.clone())),
        ("licenses-path", text(report.documents.licenses.clone())),
        ("release-url", text(report.release_url.clone())),
        ("zipped-size", text(report.zipped_size.map(|size| size.0.to_string()))),
        ("unzipped-size", text(report.unzipped_size.map(|size| size.0.to_string()))),
        ("size-diff", text(report.size_diff.map(|diff| diff.to_string()))),
    ]
}
