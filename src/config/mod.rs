//! Reads `lambda-layers.yml`, which lists the layers and their inputs.

mod blame;
mod conflicts;
mod expand;
mod file;
mod find;
pub mod init;
mod problem;
mod python;
mod read;
mod schema;
mod select;
mod template;
mod variables;
mod yaml;

use camino::{Utf8Path, Utf8PathBuf};

pub(crate) use file::OF_THE_RUN;
pub(crate) use find::NAMES;
pub use schema::schema;

use crate::cli::{Cli, Command, Given, Inputs, given};
use crate::config::expand::{Common, Wanted};
use crate::config::problem::{Problem, Source};
use crate::environment::Environment;
use crate::error::{Failure, nearest};
use crate::{cli, files};

/// Inputs that choose layers of the file instead of overriding its values.
const CHOOSING: &[&str] = &["config", "layers", "layer-name"];

/// The layers of a run.
#[derive(Debug)]
pub struct Resolved<S> {
    /// At least one, in the order of the file.
    pub specs: Vec<S>,
    /// Notices, such as about a file that was not used.
    pub notes: Vec<String>,
}

/// The default name of the file.
pub const FILE: &str = "lambda-layers.yml";

/// The specs of all layers of a run: of the chosen layers in the file, or of the one that the inputs describe.
///
/// # Errors
/// One failure with all problems of the file and of its layers.
pub fn resolve<S>(
    cli: &Cli,
    environment: &Environment,
    resolve: impl Fn(&Inputs) -> Result<S, Failure>,
) -> Result<Resolved<S>, Failure> {
    let inputs = cli.command.inputs();
    let alone = |notes: Vec<String>| match resolve(inputs) {
        Ok(spec) => Ok(Resolved { specs: vec![spec], notes }),
        Err(failure) => Err(failure.causes(notes)),
    };
    let is_chosen = |name: &str| cli.given.contains_key(name);
    let Some(path) = in_use(cli, environment)? else {
        let patterns = select::patterns(&inputs.layers);
        return match given(inputs.layer_name.as_ref()) {
            _ if patterns.is_empty() => alone(Vec::new()),
            // The only layer is chosen.
            Some(name) if select::fits(&patterns, name)? => alone(Vec::new()),
            Some(name) => {
                let failure = Failure::user(format!("`layers` does not include `{name}`, which is the only layer"));
                Err(failure.hint("correct `layers` or remove it"))
            }
            None => {
                let failure =
                    Failure::user("`layers` chooses layers from `lambda-layers.yml`, but there is no such file");
                Err(failure.hint("set `config` to the path of the file, or `layer-name` to the name of the layer"))
            }
        };
    };
    let mut of_run = cli.given.clone();
    of_run.retain(|name, _| !CHOOSING.contains(&name.as_str()));
    let mut problems = Vec::new();
    let (source, wanted) = read(&path, &of_run, environment, &mut problems)?;
    let refused = |problems| Err(source.failure(problems));
    let Some(wanted) = wanted else { return refused(problems) };

    let chosen = match (given(inputs.layer_name.as_ref()), select::patterns(&inputs.layers)) {
        (Some(_), patterns) if !patterns.is_empty() => {
            Err(Failure::user("`layer-name` and `layers` are both given, but only one of them can choose the layers")
                .hint("use only one of them"))
        }
        (Some(name), _) if wanted.iter().any(|layer| layer.name == name) => {
            Ok(wanted.into_iter().filter(|layer| layer.name == name).collect())
        }
        // An invalid file may have more layers than are known.
        (Some(_), _) if !problems.is_empty() => Ok(Vec::new()),
        (Some(name), _) if is_chosen("config") => Err(select::missing("layer-name", name, &wanted, path.as_str())),
        (Some(name), _) => return alone(vec![unused(name, &wanted, &path)]),
        (None, patterns) => select::choose(wanted, &patterns, path.as_str()),
    };
    let chosen: Vec<Wanted> = match chosen {
        Ok(chosen) => chosen,
        Err(failure) if problems.is_empty() => return Err(failure),
        Err(failure) => {
            problems.push(Problem::of(None, failure));
            Vec::new()
        }
    };
    conflicts::refuse(&chosen, environment, &mut problems);
    let mut specs = Vec::with_capacity(chosen.len());
    let mut wrong = blame::Wrong::new(chosen.len());
    let mut parser = cli::parser();
    for layer in &chosen {
        match Cli::of(&mut parser, cli.command.name(), &layer.given).and_then(|cli| resolve(cli.command.inputs())) {
            Ok(spec) => specs.push(spec),
            Err(failure) => wrong.add(layer, failure),
        }
    }
    problems.extend(wrong.into_problems());
    if problems.is_empty() { Ok(Resolved { specs, notes: Vec::new() }) } else { refused(problems) }
}

/// The layers of the file; `None` if they cannot be determined at all.
fn read(
    path: &Utf8Path,
    of_run: &Given,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> Result<(Source, Option<Vec<Wanted>>), Failure> {
    let full = environment.current_directory.join(path);
    let text = read::read(&full, path)?;
    let source = Source::new(path.to_owned(), from_workspace(&full, environment), &text);
    let root = yaml::parse(&text, &source, problems);
    let Some(root) = root.filter(|root| !root.is_empty()) else {
        if problems.is_empty() {
            let failure = Failure::user(format!("`{path}` is empty"));
            return Err(failure.hint("remove it, then run `lambda-layer init` to create a first one"));
        }
        return Ok((source, None));
    };
    let file = file::read(&root, &cli::input_arguments(), environment, problems);
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let wanted = expand::expand(&file, &Common { of_run, folder, environment }, problems);
    Ok((source, Some(wanted)))
}

/// The file that the run reads, from the root of the repository; `None` if there is none or more than one.
pub fn path(cli: &Cli, environment: &Environment) -> Option<Utf8PathBuf> {
    let path = in_use(cli, environment).ok()??;
    Some(from_workspace(&environment.current_directory.join(path), environment).into())
}

fn in_use(cli: &Cli, environment: &Environment) -> Result<Option<Utf8PathBuf>, Failure> {
    let is_chosen = ["config", "layers"].iter().any(|name| cli.given.contains_key(*name));
    // The audited layer is not in the file then.
    if matches!(cli.command, Command::Audit(_)) && cli.given.contains_key("subject") && !is_chosen {
        return Ok(None);
    }
    find::find(cli.command.inputs(), environment)
}

fn from_workspace(full: &Utf8Path, environment: &Environment) -> String {
    let workspace = environment.workspace(&environment.current_directory);
    let inside = files::normalize(full).unwrap_or_else(|| full.to_owned());
    inside.strip_prefix(&workspace).unwrap_or(full).to_string()
}

fn unused(name: &str, wanted: &[Wanted], path: &Utf8Path) -> String {
    let near = nearest(name, wanted.iter().map(|layer| layer.name.as_str()));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("`{path}` has no layer `{name}`, so the file is ignored and only the inputs are used{near}")
}

/// How many layers are built at once.
///
/// # Errors
/// The value is not a number.
pub fn jobs(inputs: &Inputs) -> Result<Option<usize>, Failure> {
    let Some(text) = given(inputs.jobs.as_ref()) else { return Ok(None) };
    if let Ok(jobs @ 1..) = text.parse() {
        return Ok(Some(jobs));
    }
    let failure = Failure::user(format!("`jobs` is `{text}`, which is not a valid number of layers"));
    Err(failure.hint("use a whole number of at least 1, or remove it"))
}
