//! The results of a job as files, which a later job gathers (`merge`): one for each layer, one for a whole plan.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::cli::{Cli, given, list};
use crate::config;
use crate::environment::Environment;
use crate::error::{Explanation, Failure, Problems};
use crate::github::workflow_commands;
use crate::layer::KnownFinding;
use crate::report::{Report, RunReport};
use crate::types::{Digest, LayerName};

/// Raised when what was written before cannot be read any more.
const FORMAT: u32 = 1;
/// A name of a layer has no dot.
const PLAN: &str = "plan.set.json";
/// Bytes of one file: a plan of thousands of layers has a few million.
const LONGEST: u64 = 64 * 1024 * 1024;
/// Bytes of all of them.
const LONGEST_ALL: u64 = 4 * LONGEST;
const FILES: usize = 10_000;

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Results {
    format: u32,
    pub command: String,
    /// The file that lists the layers, from the root of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// `GITHUB_RUN_ID` and `GITHUB_RUN_ATTEMPT`: what is later, is larger.
    #[serde(default)]
    pub run: (u64, u64),
    /// Why there are no layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Explanation>,
    layers: Vec<LayerResult>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LayerResult {
    report: Report,
    /// Of `before`, which the output `result` does not have.
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

/// Writes what came of a run into the folder that `results` names; nothing without that input.
///
/// # Errors
/// The folder cannot be written to.
pub fn write(result: Result<&RunReport, &Explanation>, cli: &Cli, environment: &Environment) -> anyhow::Result<()> {
    let inputs = cli.command.inputs();
    let command = cli.command.name();
    if !["publish", "build", "plan", "preview", "audit"].contains(&command) {
        return Ok(());
    }
    let Some(folder) = given(inputs.results.as_ref()) else { return Ok(()) };
    let folder = environment.current_directory.join(folder);
    let new = Results::new(command, cli, environment);
    let files: Vec<(String, Results)> = match result {
        Ok(run) if command == "plan" => {
            vec![(PLAN.to_owned(), run.layers.iter().fold(new, Results::with))]
        }
        Ok(run) => run.layers.iter().map(|report| (file_name(&report.layer_name), new.clone().with(report))).collect(),
        Err(error) if command == "plan" => vec![(PLAN.to_owned(), Results { error: Some(error.clone()), ..new })],
        Err(error) => {
            let of_layer = |name: LayerName| {
                let report = Report::of_failure(command, name.to_string(), None, error.clone());
                (file_name(name.as_str()), new.clone().with(&report))
            };
            names(&list(&inputs.layers), given(inputs.layer_name.as_ref())).into_iter().map(of_layer).collect()
        }
    };
    let workspace = environment.workspace(&environment.current_directory);
    workflow_commands::create_folder(&folder, &workspace)?;
    for (name, results) in files {
        let path = folder.join(name);
        let mut json = serde_json::to_vec(&results)?;
        json.push(b'\n');
        fs_err::write(&path, json)?;
        workflow_commands::hand_over(&path, &workspace)?;
    }
    Ok(())
}

/// The layers that a run was about which did not come so far as to name them itself: globs name none.
fn names(layers: &[String], layer_name: Option<&str>) -> BTreeSet<LayerName> {
    let named = layers.iter().map(String::as_str);
    let named: BTreeSet<LayerName> = named.filter_map(|name| name.parse().ok()).collect();
    if named.is_empty() { layer_name.and_then(|name| name.parse().ok()).into_iter().collect() } else { named }
}

/// What is no name of a layer, as of an audit, is still told apart.
fn file_name(name: &str) -> String {
    match name.parse::<LayerName>() {
        Ok(name) => format!("{name}.json"),
        Err(_) => format!("{}.audit.json", &Digest::of(name.as_bytes()).hex()[..16]),
    }
}

/// All results below a folder, by their paths: each artifact may have a folder of its own.
///
/// # Errors
/// There are none, or files that are none, all of which are named.
pub fn read(folder: &Utf8Path, shown: &str) -> Result<Vec<(Utf8PathBuf, Results)>, Failure> {
    let hint = "let each job write `results` into an artifact, and download all of them into this folder";
    if !folder.is_dir() {
        return Err(Failure::user(format!("`results` is `{shown}`, which is not a folder")).hint(hint));
    }
    let mut problems = Problems::default();
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let failure = Failure::user(format!("`{shown}` cannot be read")).cause(error.to_string());
            failure.hint("give the user that runs this the right to read it")
        })?;
        let is_result = entry.file_type().is_file() && entry.path().extension().is_some_and(|suffix| suffix == "json");
        let Some(path) = Utf8Path::from_path(entry.path()).filter(|_| is_result) else { continue };
        bytes += entry.metadata().map_or(0, |metadata| metadata.len());
        if files.len() == FILES || bytes > LONGEST_ALL {
            return Err(Failure::user(format!("`{shown}` has more than results of layers")).hint(hint));
        }
        let shown = path.strip_prefix(folder).unwrap_or(path);
        if let Some(results) = problems.check(read_one(path, shown)) {
            files.push((shown.to_owned(), results));
        }
    }
    problems.into_result()?;
    if files.is_empty() {
        return Err(Failure::user(format!("there are no results in `{shown}`")).hint(hint));
    }
    Ok(files)
}

fn read_one(path: &Utf8Path, shown: &Utf8Path) -> Result<Results, Failure> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let wrong = |why: String| {
        let failure = Failure::user(format!("`{shown}` is no result of a layer")).cause(why);
        failure.hint("have nothing but results in the folder, written by this version of the action")
    };
    let length = fs_err::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > LONGEST {
        return Err(wrong(format!("it has {length} bytes")));
    }
    let bytes = fs_err::read(path).map_err(|error| wrong(error.to_string()))?;
    let Format { format } = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if format != FORMAT {
        return Err(wrong(format!("its format is {format}, and {FORMAT} is known")));
    }
    let results: Results = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    for LayerResult { report, .. } in &results.layers {
        if report.command != "audit" {
            report.layer_name.parse::<LayerName>().map_err(|failure| wrong(failure.message))?;
        }
    }
    // Shown as they are: regions alone are no values of a type of their own.
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    for LayerResult { report, .. } in &results.layers {
        let regions = report.destinations.iter().map(|destination| &destination.region);
        if let Some(region) = regions.chain(report.changes.iter().map(|change| &change.region)).find(|it| !is_word(it))
        {
            return Err(wrong(format!("`{region}` is no region")));
        }
    }
    Ok(results)
}
