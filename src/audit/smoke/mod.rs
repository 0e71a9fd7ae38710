//! Imports what is in a layer as a Lambda function would: with the same search path, without credentials and network.

pub(crate) mod absent;
mod denied;
mod direct;
mod early;
mod explain;
mod import_tree;
mod machine;
mod memory;
mod modules;
mod outcome;
mod part;
mod place;
mod run;
mod spare;
mod stage;
pub mod times;

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::audit::imported;
use crate::audit::imported::Imported;
use crate::audit::smoke::explain::Explained;
use crate::audit::smoke::memory::Memory;
use crate::audit::smoke::modules::Module;
use crate::audit::smoke::outcome::{Outcome, Raised, Ran};
use crate::audit::smoke::part::Part;
use crate::audit::smoke::run::{Patience, Unavailable};
use crate::audit::smoke::stage::Stage;
use crate::cache::Cache;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::layer::{Finding, Layer, Tree};
use crate::process::{Host, Pythons, scratch};
use crate::runtime::images;
use crate::spec::{SmokeTest, Spec};
use crate::types::{Architecture, DistributionName, Target};

pub(crate) use modules::is_beside;
pub use stage::prepare;

/// The time limit for one module, in seconds. Lambda gives the whole start of a function 10 s on a machine of its own,
/// but a runner may have a slow disk.
const SECONDS: u64 = 60;
/// The environment variable that changes this limit.
const SECONDS_VARIABLE: &str = "LAMBDA_LAYER_IMPORT_SECONDS";
/// The time limit for all modules.
const ALL: Duration = Duration::from_mins(5);

/// What to import, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub layer: &'a Layer,
    /// The findings of the other checks.
    pub known: &'a [Finding],
    /// Distributions that were left out on purpose.
    pub excluded: &'a BTreeSet<DistributionName>,
    pub target: Target,
    pub wanted: &'a SmokeTest,
}

/// The imports of a layer, done, but not judged yet.
#[derive(Debug)]
pub struct Imports<'a> {
    modules: Vec<Module>,
    ran: Ran,
    /// Compiled files of the layer that were loaded, and those that modules tried to load.
    loaded: BTreeSet<Utf8PathBuf>,
    tried: BTreeSet<Utf8PathBuf>,
    /// How many modules were not imported again.
    kept: usize,
    host: &'a Host,
}

/// What became of the imports.
#[derive(Debug)]
pub enum Attempt<'a> {
    /// Nobody asked for them.
    Off,
    /// There is nothing to import.
    Nothing,
    /// They cannot run here; the finding says why.
    Impossible(Finding),
    Done(Imports<'a>),
}

/// Imports the modules of a tree, on a stage if there is one already. `laid_out` hears when the files of the layer are on
/// it, or that this takes no time.
///
/// # Errors
/// The test itself could not run; problems of the layer are findings.
pub fn import<'a>(
    tree: &Tree,
    spec: &Spec,
    (pythons, stage): (Option<&'a Pythons>, Option<Stage>),
    laid_out: &Sender<()>,
    cache: &Cache,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Attempt<'a>> {
    let (target, wanted) = (spec.target, &spec.checks.smoke_test);
    // A run that imports nothing looks for no Python.
    let Some(pythons) = pythons.filter(|_| *wanted != SmokeTest::Off) else { return Ok(Attempt::Off) };
    let memory = match able(pythons, target) {
        Ok(host) => Some(Memory::of(tree, target, host, cache, console)?),
        Err(_) => None,
    };
    let layer = &early::layer(tree)?;
    let subject = Subject { layer, known: &[], excluded: &spec.content.exclude, target, wanted };
    let lay_out = |part: Option<&Part<'_>>, opt: &Utf8Path| {
        let spare = memory.as_ref().map(|memory| memory.spare(part)).unwrap_or_default();
        let done = place::lay_out(tree, &spare, part, opt);
        laid_out.send(()).ok();
        done
    };
    attempt(&subject, memory.as_ref(), stage, lay_out, pythons, environment)
}

/// Tests any layer. `lay_out` creates the folder that stands for `/opt`; the modules may write to it.
///
/// # Errors
/// The same as for [`import`].
pub fn test_laid_out(
    subject: &Subject<'_>,
    lay_out: impl Fn(&Utf8Path) -> anyhow::Result<()>,
    pythons: &Pythons,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Vec<Finding>> {
    let attempt = attempt(subject, None, None, |_, opt| lay_out(opt), pythons, environment)?;
    Ok(judge(attempt, subject, console))
}

fn attempt<'a>(
    subject: &Subject<'_>,
    memory: Option<&Memory<'_>>,
    mut stage: Option<Stage>,
    lay_out: impl Fn(Option<&Part<'_>>, &Utf8Path) -> anyhow::Result<()>,
    pythons: &'a Pythons,
    environment: &Environment,
) -> anyhow::Result<Attempt<'a>> {
    let modules = match subject.wanted {
        SmokeTest::Off => return Ok(Attempt::Off),
        SmokeTest::Auto | SmokeTest::Import => modules::of_layer(subject.layer, subject.target),
        SmokeTest::Modules(names) => modules::of_names(names, subject.layer, subject.target),
    };
    if modules.is_empty() {
        return Ok(Attempt::Nothing);
    }
    let host = match able(pythons, subject.target) {
        Ok(host) => host,
        Err((why, help)) => return Ok(Attempt::Impossible(not_run(subject.wanted, &why, &help))),
    };
    let remembered = memory.map(|memory| memory.recall(&modules)).unwrap_or_default();
    // Own modules come last, so that those of distributions do not find them imported.
    let own: BTreeSet<&str> = modules.iter().filter(|it| !it.is_of_distribution()).map(|it| it.name.as_str()).collect();
    let names: BTreeSet<(bool, &str)> =
        modules.iter().map(|it| (own.contains(it.name.as_str()), it.name.as_str())).collect();
    let names = names.into_iter().map(|(_, name)| name).filter(|name| !remembered.modules.contains_key(*name));
    let names: Vec<&str> = names.collect();
    let (mut ran, mut loaded, mut tried) = (Ran::nothing(), BTreeSet::new(), BTreeSet::new());
    if !names.is_empty() {
        let needed = memory.and_then(|memory| memory.needed(&modules, &names));
        let part = needed.as_ref().zip(memory).and_then(|(needed, memory)| memory.part(needed, subject.target));
        // If a part of the layer was not enough, all of it is.
        for part in part.map(Some).into_iter().chain([None]) {
            let room = room(subject.layer, part.as_ref());
            let new = || Stage::new(host, subject.target, room, environment);
            let mut stage = stage.take().filter(|stage| stage.room >= room).map_or_else(new, Ok)?;
            stage.place.own = memory.map(|memory| memory.own_modules(&stage.place.opt)).unwrap_or_default();
            stage.place.leave_out(part.as_ref());
            let opt = stage.names_of_opt();
            let Stage { process, place, scratch: _scratch, .. } = stage;
            let has_django = explain::has_module(subject.layer, "django");
            let lacks = |errors: &[Raised]| absent::needed(errors).and_then(|need| need.given).filter(|_| has_django);
            let lay_out = || lay_out(part.as_ref(), &place.opt);
            ran = match run::import(&names, process, &place, host, patience(environment)?, lacks, lay_out)? {
                Ok(ran) => ran,
                Err(Unavailable(why)) => {
                    let help = "run it where programs can restrict themselves with seccomp and Landlock, for example in a Docker container";
                    return Ok(Attempt::Impossible(not_run(subject.wanted, &why, help)));
                }
            };
            ran.make_relative(&opt);
            if part.is_some_and(|part| part.was_too_little(&ran)) {
                continue;
            }
            ran.rename(|text| place.as_in_lambda(text));
            break;
        }
        (loaded, tried) = (std::mem::take(&mut ran.loaded), std::mem::take(&mut ran.tried));
        if let Some(memory) = memory {
            memory.remember(&modules, &ran, (&loaded, &tried));
            memory.keep_spare(&ran);
        }
    }
    let kept = remembered.modules.len();
    ran.outcomes.extend(remembered.modules.into_iter().map(|(module, kept)| (module, kept.outcome())));
    loaded.extend(remembered.loaded);
    tried.extend(remembered.tried);
    Ok(Attempt::Done(Imports { modules, ran, loaded, tried, kept, host }))
}

/// The memory that the files of a layer take, in bytes.
fn room(layer: &Layer, part: Option<&Part<'_>>) -> u64 {
    let files = layer.files.iter().filter(|(path, file)| part.is_none_or(|part| part.has(path, &file.owner)));
    files.map(|(_, file)| scratch::pages(file.size.0)).sum()
}

/// The findings of the other checks, corrected by what the imports showed, and those of the imports themselves.
pub fn judge(attempt: Attempt<'_>, subject: &Subject<'_>, console: &Console) -> Vec<Finding> {
    let imports = match attempt {
        Attempt::Off => return subject.known.to_vec(),
        Attempt::Nothing => {
            console.step("Import 0 modules").done("no distribution and no `source` contains a module");
            return subject.known.to_vec();
        }
        Attempt::Impossible(finding) => return [subject.known, &[finding]].concat(),
        Attempt::Done(imports) => imports,
    };
    let Imports { modules, ran, loaded, tried, kept, host } = imports;
    let step = console.step(format!("Import {}", counted(ran.outcomes.len(), "module")));
    let in_runtime = place::is_runtime(host);
    let Explained { findings, parts } =
        explain::findings(subject, &modules, &ran, in_runtime, |text| console.redact(text));
    step.done(summary(&ran, parts.len(), kept));
    log(&ran, console);
    let imported = Imported {
        loaded,
        tried,
        owners: modules::owners(&modules, |module| ran.was_imported(module) || parts.contains(module)),
        in_runtime,
    };
    let known = imported::settled(subject.known.to_vec(), subject.layer, subject.target, &imported);
    [known, findings].concat()
}

/// `parts` is the number of modules that lack only something optional, `kept` that of those that were not imported again.
fn summary(ran: &Ran, parts: usize, kept: usize) -> String {
    let before = match kept {
        0 => String::new(),
        _ if kept == ran.outcomes.len() => " (from the cache, because nothing that they read has changed)".to_owned(),
        _ => format!(" ({kept} from the cache)"),
    };
    format!("{}{before}", counts(ran, parts))
}

fn counts(ran: &Ran, parts: usize) -> String {
    let need = if parts == 1 { "needs" } else { "need" };
    let why = format!("{need} something that is not in the layer");
    match ran.outcomes.values().filter(|outcome| !matches!(outcome, Outcome::Imported(_))).count() {
        0 => "all of them".to_owned(),
        failed if failed == parts => format!("all but {failed}, which {why}"),
        failed if parts > 0 => format!("all but {failed}, of which {parts} {why}"),
        failed => format!("all but {failed}"),
    }
}

fn patience(environment: &Environment) -> anyhow::Result<Patience> {
    let seconds = match environment.get(SECONDS_VARIABLE) {
        Some(text) => {
            text.parse().with_context(|| format!("`{SECONDS_VARIABLE}` is `{text}`, which is not a number"))?
        }
        None => SECONDS,
    };
    Ok(Patience { module: Duration::from_secs(seconds), all: ALL.max(Duration::from_secs(seconds)) })
}

/// Whether this machine has the target's processor.
pub fn is_for_this_machine(target: Target) -> bool {
    Architecture::of_this_machine() == Some(target.architecture)
}

/// The interpreter, if it can run imports for the target; else the reason, and what to do.
fn able(pythons: &Pythons, target: Target) -> Result<&Host, (String, String)> {
    let python = target.python;
    if !is_for_this_machine(target) {
        let runner = match target.architecture {
            Architecture::X86_64 => "ubuntu-24.04",
            Architecture::Arm64 => "ubuntu-24.04-arm",
        };
        return Err((
            format!("the layer is for {}, but this machine is {}", target.architecture, std::env::consts::ARCH),
            format!("build it on {} (`runs-on: {runner}`)", target.architecture),
        ));
    }
    let elsewhere = format!("use the action `{}`", images::action(python));
    match pythons.exact() {
        Err(why) => {
            let help = format!(
                "let uv download it (set `UV_PYTHON_INSTALL_MIRROR` to use a mirror), put `python{python}` on PATH, or {elsewhere}"
            );
            Err((why.to_owned(), help))
        }
        Ok(host) if !host.can_build_for(target) => Err(("this machine does not run Linux".to_owned(), elsewhere)),
        Ok(host) if host.glibc().is_none_or(|glibc| glibc < target.glibc()) => {
            let here = host.glibc().map_or_else(|| "no glibc".to_owned(), |glibc| format!("glibc {glibc}"));
            Err((format!("this machine has {here}, but the runtime has {}", target.glibc()), elsewhere))
        }
        Ok(host) => Ok(host),
    }
}

/// The finding for a layer whose modules could not be imported at all.
pub fn not_run(wanted: &SmokeTest, why: &str, help: &str) -> Finding {
    let message = format!("nothing was imported: {why}");
    match wanted {
        SmokeTest::Auto => {
            Finding::notice("smoke-test-not-run", "layer", message, format!("{help}; or set `smoke-test: off`"))
        }
        _ => Finding::error("smoke-test-not-run", "layer", message, format!("{help}; or set `smoke-test: auto`")),
    }
}

/// Writes what modules printed, and which were slow, to the debug log.
fn log(ran: &Ran, console: &Console) {
    let mut times: Vec<(Duration, &String)> = Vec::new();
    for (module, outcome) in &ran.outcomes {
        match outcome {
            Outcome::Imported(time) => times.push((*time, module)),
            other => console.debug(&format!("  import {module}: {other:?}")),
        }
    }
    times.sort_by(|left, right| right.cmp(left));
    for (time, module) in times.iter().take(10) {
        console.debug(&format!("  {:>6} ms  import {module}", time.as_millis()));
    }
    ran.output.lines().for_each(|line| console.debug(&format!("  {line}")));
}
