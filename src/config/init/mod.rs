//! The command `init`: writes a first `lambda-layers.yml` from what is in the repository.

mod candidates;
mod name;
mod python;
mod write;

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::cli::{Cli, Given, Inputs, given};
use crate::config::init::candidates::{Candidate, LeftOut};
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::manifest::ParsedLocks;
use crate::spec::{Spec, Task};
use crate::{cli, config};

/// Inputs of `init` itself that are no defaults of the layers.
const OF_INIT: &[&str] = &["config"];

/// A layer of the new file.
#[derive(Debug)]
struct Layer {
    name: String,
    /// Relative to the file; empty if the layer is in the same folder.
    folder: Utf8PathBuf,
    /// The name of the dependency file in that folder.
    file: String,
    /// Set if the default does not fit.
    python: Option<String>,
}

/// Writes the file, and gives a summary of its content.
///
/// # Errors
/// The file exists already, or no folder has dependencies.
pub fn run(inputs: &Inputs, of_run: &Given, environment: &Environment) -> anyhow::Result<String> {
    let path = Utf8PathBuf::from(given(inputs.config.as_ref()).unwrap_or(config::NAMES[0]));
    let full = environment.current_directory.join(&path);
    refuse(&path, of_run, environment)?;
    let folder = full.parent().unwrap_or(&full);
    if !folder.is_dir() {
        let failure = Failure::user(format!("`{}` is not a folder", path.parent().unwrap_or(&path)));
        return Err(failure.hint("give a path in a folder that exists").into());
    }
    let defaults = defaults(of_run, environment);
    let (mut layers, mut left_out) = (Vec::new(), Vec::new());
    let (candidates, skipped) = candidates::find(folder)?;
    left_out.extend(skipped);
    let names = name::of_all(candidates.iter().map(|candidate| candidate.folder.as_path()), folder);
    let mut parser = cli::parser();
    for candidate in &candidates {
        let layer = layer(candidate, folder, &defaults, &names);
        match check(&layer, &path, &defaults, &mut parser, environment) {
            Ok(()) => layers.push(layer),
            Err(failure) => left_out.push((candidate.folder.join(&candidate.file), failure.message)),
        }
    }
    if layers.is_empty() {
        let failure = Failure::user(format!("`{folder}` contains no dependency files for a layer"));
        let reasons = left_out.iter().map(|(path, reason)| format!("`{path}`: {reason}"));
        return Err(failure
            .causes(reasons)
            .hint("run the command in the folder of the repository, or write the file by hand")
            .into());
    }
    let text = write::text(&defaults, &layers, environment.schema_address().as_deref());
    let options = fs_err::OpenOptions::new().write(true).create_new(true).open(&full);
    options
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("could not write `{path}`"))?;
    Ok(summary(&path, &layers, &left_out))
}

fn refuse(path: &Utf8Path, of_run: &Given, environment: &Environment) -> Result<(), Failure> {
    let in_its_place = config::NAMES.iter().map(|name| path.with_file_name(name));
    let is_usual = path.file_name().is_some_and(|name| config::NAMES.contains(&name));
    for there in std::iter::once(path.to_owned()).chain(in_its_place.filter(|_| is_usual)) {
        if environment.current_directory.join(&there).exists() {
            let failure = Failure::user(format!("`{there}` already exists"));
            return Err(failure.hint("remove it first, or choose another file with `--config`"));
        }
    }
    let others = config::OF_THE_RUN.iter().map(|(name, _)| *name).chain(["layer-name", "working-directory"]);
    match others.filter(|name| !OF_INIT.contains(name)).find(|name| of_run.contains_key(*name)) {
        Some(name) => {
            let failure = Failure::user(format!("`{name}` cannot be a default for all layers"));
            Err(failure.hint("remove it"))
        }
        None => Ok(()),
    }
}

/// The inputs that were given, and a Python version.
fn defaults(of_run: &Given, environment: &Environment) -> Given {
    let mut defaults = of_run.clone();
    defaults.retain(|name, _| !OF_INIT.contains(&name.as_str()));
    let python = || environment.image_python().unwrap_or_default().to_string();
    defaults.entry("python-version".to_owned()).or_insert_with(|| vec![python()]);
    defaults
}

fn layer(candidate: &Candidate, root: &Utf8Path, defaults: &Given, names: &BTreeMap<&Utf8Path, String>) -> Layer {
    let default = defaults["python-version"].last().map(String::as_str).unwrap_or_default();
    Layer {
        name: names[candidate.folder.as_path()].clone(),
        folder: candidate.folder.clone(),
        file: candidate.file.clone(),
        python: python::of(&root.join(&candidate.folder), root, &candidate.file, default),
    }
}

/// Whether `plan` accepts the layer: one that it cannot read must not be in the file.
fn check(
    layer: &Layer,
    path: &Utf8Path,
    defaults: &Given,
    parser: &mut clap::Command,
    environment: &Environment,
) -> Result<(), Failure> {
    let mut given = defaults.clone();
    given.insert("layer-name".to_owned(), vec![layer.name.clone()]);
    let folder = path.parent().unwrap_or(Utf8Path::new("")).join(&layer.folder);
    given.insert("working-directory".to_owned(), vec![Utf8Path::new(".").join(folder).into_string()]);
    given.extend(layer.python.iter().map(|python| ("python-version".to_owned(), vec![python.clone()])));
    // The registry is chosen later, by what is given when the layer is published.
    given.entry("registry".to_owned()).or_insert_with(|| vec![".lambda-layers".to_owned()]);
    let cli = Cli::of(parser, "plan", &given)?;
    Spec::resolve(Task::Plan, cli.command.inputs(), &ParsedLocks::default(), environment).map(drop)
}

fn summary(path: &Utf8Path, layers: &[Layer], left_out: &[LeftOut]) -> String {
    let width = layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0);
    let mut text = format!("wrote `{path}`: {}\n\n", counted(layers.len(), "layer"));
    for layer in layers {
        text += &format!("  {:<width$}  {}\n", layer.name, layer.folder.join(&layer.file));
    }
    if !left_out.is_empty() {
        text += "\nskipped\n";
        for (path, reason) in left_out {
            text += &format!("  {path}: {reason}\n");
        }
    }
    let config = if config::NAMES.contains(&path.as_str()) { String::new() } else { format!(" --config {path}") };
    text + &format!("\nnext: run `lambda-layer plan{config}` to see what would be published")
}
