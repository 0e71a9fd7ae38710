//! Chooses the Python of a layer that names none. The layer's name may contain it, so it is chosen before everything
//! else is known.

use super::expand::{Common, Origin, Origins, place};
use super::problem::Problem;
use super::template;
use crate::cli::{Given, list};
use crate::error::Failure;
use crate::spec::python::{ChosenPython, Project};
use crate::types::PythonVersion;

/// Words that stand for the Python, or may contain it.
const WORDS: &[&str] = &["{python}", "{py}", "{layer}"];

/// The Python by the files in the layer's working directory, such as `3.13`. Problems of these files are reported when
/// the layer is read.
pub(super) fn of(
    name: &str,
    inputs: &Origins,
    architecture: &str,
    common: &Common<'_>,
    problems: &mut Vec<Problem>,
) -> String {
    let of_target = ("arch", architecture);
    // The name is known if it does not contain the Python.
    let name = template::fill("layer-name", name, &[of_target]).ok();
    let words: Vec<_> = name.iter().map(|name| ("layer", name.as_str())).chain([of_target]).collect();
    let origins = |input: &'static str| inputs.get(input).into_iter().flatten().map(move |origin| (input, origin));
    let fill = |(input, origin): (&'static str, &Origin)| template::fill(input, &origin.text, &words);
    let texts = |input: &'static str| -> Vec<String> { origins(input).flat_map(fill).collect() };

    for (_, origin) in origins("working-directory").filter(|value| fill(*value).is_err()) {
        if let Some(word) = WORDS.iter().find(|word| origin.text.contains(*word)) {
            let failure =
                Failure::user(format!("`working-directory` contains `{word}`, but no Python version is given"));
            problems.push(Problem::of(origin.span, failure.hint("set `python-version`")));
        }
    }
    let mut given: Given = [("working-directory".to_owned(), texts("working-directory"))].into();
    given.retain(|_, values| !values.is_empty());
    place(&mut given, common);
    let folder = given.get("working-directory").and_then(|values| values.last());
    let folder = common.environment.current_directory.join(folder.map_or(".", |folder| folder.trim()));
    let folder = folder.canonicalize_utf8().unwrap_or(folder);
    let workspace = common.environment.workspace(&folder);
    let (requirements, sources) = (list(&texts("requirements")), list(&texts("source")));
    let project = Project { folder: &folder, workspace: &workspace, requirements: &requirements, sources: &sources };
    let chosen = ChosenPython::of(&project, common.environment);
    chosen.map_or_else(|_| PythonVersion::default(), |python| python.version).to_string()
}
