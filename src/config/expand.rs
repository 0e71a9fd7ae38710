//! Expands the file to the inputs of each layer: defaults, inputs of the run, Python × architecture, names.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::file::{Entry, File, Keys, Layer, TARGETS};
use super::problem::{Problem, Span};
use super::python;
use super::template;
use super::template::{FILLED, UnknownWord, Words};
use super::yaml::Text;
use crate::cli;
use crate::cli::{Given, list};
use crate::environment::Environment;
use crate::error::Failure;
use crate::spec::REGISTRY_FOLDER;

/// One layer with its inputs, in the form in which they would be given to a run for this layer alone.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// The place of the name in the file.
    pub(super) span: Span,
    pub(super) given: Given,
    pub(super) origins: Origins,
    /// Whether it has known problems, so that an input may be missing although the file contains it.
    pub(super) is_broken: bool,
}

/// The values of inputs with their places in the file, which are `None` if the run gave them.
pub(super) type Origins = BTreeMap<String, Vec<Origin>>;

#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) text: String,
    pub(super) span: Option<Span>,
    pub(super) is_default: bool,
}

/// The things that all layers have in common.
#[derive(Debug)]
pub(super) struct Common<'a> {
    /// The inputs of the run, except those that choose layers.
    pub(super) of_run: &'a Given,
    /// The folder of the file, relative to where the program was started.
    pub(super) folder: &'a Utf8Path,
    pub(super) environment: &'a Environment,
}

pub(super) fn expand(file: &File, common: &Common<'_>, problems: &mut Vec<Problem>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for layer in &file.layers {
        let before = wanted.len();
        let inputs = merged(&file.defaults, layer, common.of_run);
        let pythons = values(&inputs, "python-version", problems);
        let architectures = values(&inputs, "architecture", problems);
        let architectures =
            if architectures.is_empty() { vec![chosen(cli::DEFAULT_ARCHITECTURE)] } else { architectures };
        for python in &pythons {
            for architecture in &architectures {
                wanted.extend(one(layer, &inputs, (python, architecture), common, problems));
            }
        }
        for architecture in architectures.iter().filter(|_| pythons.is_empty()) {
            let python = python::of(&layer.name.text, &inputs, &architecture.text, common, problems);
            wanted.extend(one(layer, &inputs, (&chosen(&python), architecture), common, problems));
        }
        let targets = (pythons.len(), architectures.len());
        if wanted.len() > before + 1 && wanted[before + 1..].iter().any(|other| other.name == wanted[before].name) {
            problems.push(same_name(layer, targets));
            wanted.truncate(before + 1);
        }
    }
    refuse_same_names(&wanted, problems);
    wanted
}

/// Merges inputs: the layer's own values override the defaults, and those of the run override both.
fn merged(defaults: &Keys, layer: &Layer, of_run: &Given) -> Origins {
    let origins = |entry: &Entry, is_default: bool| -> Vec<Origin> {
        let origin = |value: &Text| Origin { text: value.text.clone(), span: Some(value.span), is_default };
        entry.values.iter().map(origin).collect()
    };
    let mut inputs: Origins = defaults.iter().map(|(name, entry)| (name.clone(), origins(entry, true))).collect();
    inputs.extend(layer.keys.iter().map(|(name, entry)| (name.clone(), origins(entry, false))));
    inputs.extend(of_run.iter().map(|(name, values)| {
        let origin = |text: &String| Origin { text: text.clone(), span: None, is_default: true };
        (name.clone(), values.iter().map(origin).collect())
    }));
    inputs.retain(|_, values| !values.is_empty());
    inputs
}

/// A value that this program chose.
fn chosen(text: &str) -> Origin {
    Origin { text: text.to_owned(), span: None, is_default: true }
}

/// The values of an input that multiplies a layer; empty if it is not given.
fn values(inputs: &Origins, name: &str, problems: &mut Vec<Problem>) -> Vec<Origin> {
    let mut values: Vec<Origin> = Vec::new();
    for origin in inputs.get(name).into_iter().flatten() {
        for text in list(std::slice::from_ref(&origin.text)) {
            if values.iter().any(|known| known.text == text) {
                let failure = Failure::user(format!("`{name}` lists `{text}` twice")).hint("remove one of them");
                problems.push(Problem::of(origin.span, failure));
            } else {
                values.push(Origin { text, ..origin.clone() });
            }
        }
    }
    values
}

/// The layer for one Python and architecture; `None` if its name cannot be determined.
fn one(
    layer: &Layer,
    inputs: &Origins,
    (python, architecture): (&Origin, &Origin),
    common: &Common<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Wanted> {
    let version = python.text.strip_prefix("python").unwrap_or(&python.text);
    let digits = version.replace('.', "");
    let of_target = [("python", version), ("py", digits.as_str()), ("arch", architecture.text.as_str())];
    let fill = |input: &str, origin: &Origin, words: &Words<'_>| {
        template::fill(input, &origin.text, words)
            .map_err(|UnknownWord { message, hint }| Problem::of(origin.span, Failure::user(message).hint(hint)))
    };
    let template = Origin { text: layer.name.text.clone(), span: Some(layer.name.span), is_default: false };
    let name = fill("layer-name", &template, &of_target).map_err(|problem| problems.push(problem)).ok()?;
    let [python_word, py_word, arch_word] = of_target;
    let words = [python_word, py_word, arch_word, ("layer", name.as_str())];

    let mut is_broken = layer.is_broken;
    let mut origins = inputs.clone();
    for (input, value) in TARGETS.iter().zip([python, architecture]) {
        if let Some(values) = origins.get_mut(*input) {
            *values = vec![value.clone()];
        }
    }
    for input in FILLED {
        let Some(mut values) = origins.remove(*input) else { continue };
        let mut filled = values.iter_mut().map(|origin| {
            origin.text = fill(input, origin, &words)?;
            Ok(())
        });
        match filled.try_for_each(|done| done) {
            Ok(()) => drop(origins.insert((*input).to_owned(), values)),
            Err(problem) => {
                problems.push(problem);
                is_broken = true;
            }
        }
    }
    let mut given: Given = origins
        .iter()
        .map(|(name, values)| (name.clone(), values.iter().map(|value| value.text.clone()).collect()))
        .collect();
    given.insert("layer-name".to_owned(), vec![name.clone()]);
    place(&mut given, common);
    Some(Wanted { name, span: layer.name.span, given, origins, is_broken })
}

/// Makes folders absolute or relative to the start of the program. Registry and state are the same for all layers,
/// whatever their working directories: such a folder is relative to the file, or to where the program was started if
/// the run gives it. So is the working directory.
pub(super) fn place(given: &mut Given, common: &Common<'_>) {
    let start = &common.environment.current_directory;
    let is_elsewhere = |place: &str| place == "aws" || place.contains("://");
    if !given.contains_key("registry") && !common.environment.in_actions() {
        given.insert("registry".to_owned(), vec![REGISTRY_FOLDER.to_owned()]);
    }
    for name in ["registry", "state"] {
        let from = if common.of_run.contains_key(name) { start.clone() } else { start.join(common.folder) };
        for value in given.get_mut(name).into_iter().flatten().filter(|value| !is_elsewhere(value.trim())) {
            *value = from.join(value.trim()).into_string();
        }
    }
    if common.of_run.contains_key("working-directory") || common.folder.as_str().is_empty() {
        return;
    }
    let of_layer = given.get("working-directory").and_then(|values| values.last());
    let folder = of_layer.map_or_else(|| common.folder.to_owned(), |of_layer| common.folder.join(of_layer));
    given.insert("working-directory".to_owned(), vec![folder.into_string()]);
}

/// The problem if one layer has the same name for several targets.
fn same_name(layer: &Layer, (pythons, architectures): (usize, usize)) -> Problem {
    let name = &layer.name.text;
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let mut better = name.clone();
    if pythons > 1 && !has(&["{py}", "{python}"]) {
        better += "-{py}";
    }
    if architectures > 1 && !has(&["{arch}"]) {
        better += "-{arch}";
    }
    let of_what = match (pythons > 1, architectures > 1) {
        (true, true) => "each Python and architecture",
        (true, false) => "each Python",
        _ => "each architecture",
    };
    let problem = Problem::at(layer.name.span, format!("`{name}` would be the name of a separate layer for {of_what}"));
    problem.hint(format!("write `{better}`"))
}

fn refuse_same_names(wanted: &[Wanted], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for layer in wanted {
        if let Some(first) = seen.get(layer.name.as_str()) {
            let message = format!("two layers are called `{}`: here and on line {}", layer.name, first.line);
            problems.push(Problem::at(layer.span, message).hint("give each layer a different name"));
        } else {
            seen.insert(&layer.name, layer.span);
        }
    }
}
