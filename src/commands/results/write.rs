//! Writes the results of a job.

use std::collections::BTreeSet;

use super::{PLAN, Results};
use crate::cli::{Cli, given, list};
use crate::environment::Environment;
use crate::error::Explanation;
use crate::github::workflow_commands;
use crate::report::{Report, RunReport};
use crate::types::{Digest, LayerName};

/// Writes the results of a run into the folder that the input `results` names. Without that input it writes nothing.
///
/// # Errors
/// The folder cannot be written to.
pub fn write(result: Result<&RunReport, &Explanation>, cli: &Cli, environment: &Environment) -> anyhow::Result<()> {
    let inputs = cli.command.inputs();
    let command = cli.command.name();
    if !["publish", "build", "plan", "preview", "audit", "usage"].contains(&command) {
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

/// The layers that a failed run was for, by its inputs. Globs name no layers.
fn names(layers: &[String], layer_name: Option<&str>) -> BTreeSet<LayerName> {
    let named = layers.iter().map(String::as_str);
    let named: BTreeSet<LayerName> = named.filter_map(|name| name.parse().ok()).collect();
    if named.is_empty() { layer_name.and_then(|name| name.parse().ok()).into_iter().collect() } else { named }
}

/// The file for a layer. The subject of an audit may be no valid layer name, so its digest (16 hex digits) is used.
fn file_name(name: &str) -> String {
    match name.parse::<LayerName>() {
        Ok(name) => format!("{name}.json"),
        Err(_) => format!("{}.audit.json", &Digest::of(name.as_bytes()).hex()[..16]),
    }
}
