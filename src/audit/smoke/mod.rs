//! Imports what is in a layer as a Lambda function would: with the same search path, without credentials and network.

pub(crate) mod absent;
mod denied;
mod explain;
mod machine;
mod modules;
mod place;
mod run;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::audit::imported;
use crate::audit::imported::Imported;
use crate::audit::smoke::explain::Explained;
use crate::audit::smoke::place::Place;
use crate::audit::smoke::run::{Outcome, Patience, Raised, Unavailable};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::files;
use crate::layer::{Finding, Layer, Tree};
use crate::process::{Host, Pythons, scratch};
use crate::runtime::images;
use crate::spec::{SmokeTest, Spec};
use crate::types::{Architecture, DistributionName, Target};

pub(crate) use modules::is_beside;

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

/// Tests a tree before it is published. Gives the findings of the other checks, corrected by what the imports showed,
/// and those of the test itself.
///
/// # Errors
/// The test itself could not run; problems of the layer are findings.
pub fn test(
    tree: &Tree,
    layer: &Layer,
    known: &[Finding],
    spec: &Spec,
    pythons: Option<&Pythons>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Vec<Finding>> {
    let (target, wanted) = (spec.target, &spec.checks.smoke_test);
    // A run that imports nothing looks for none.
    let Some(pythons) = pythons else { return Ok(known.to_vec()) };
    let subject = Subject { layer, known, excluded: &spec.content.exclude, target, wanted };
    test_laid_out(&subject, |opt| place::lay_out(tree, opt), pythons, environment, console)
}

/// Tests any layer. `lay_out` creates the folder that stands for `/opt`; the modules may write to it.
///
/// # Errors
/// The same as for [`test`].
pub fn test_laid_out(
    subject: &Subject<'_>,
    lay_out: impl FnOnce(&Utf8Path) -> anyhow::Result<()>,
    pythons: &Pythons,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Vec<Finding>> {
    let modules = match subject.wanted {
        SmokeTest::Off => return Ok(subject.known.to_vec()),
        SmokeTest::Auto | SmokeTest::Import => modules::of_layer(subject.layer, subject.target),
        SmokeTest::Modules(names) => modules::of_names(names, subject.layer, subject.target),
    };
    let names: BTreeSet<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    let title = format!("Import {}", counted(names.len(), "module"));
    if names.is_empty() {
        console.step(title).done("no distribution and no `source` contains a module");
        return Ok(subject.known.to_vec());
    }
    let with_known = |finding: Finding| [subject.known, &[finding]].concat();
    let host = match able(pythons, subject.target) {
        Ok(host) => host,
        Err((why, help)) => return Ok(with_known(not_run(subject.wanted, &why, &help))),
    };

    let step = console.step(title);
    let scratch = scratch::folder(&environment.scratch_directory())?;
    let folder = files::utf8(scratch.path())?;
    let opt = folder.join("opt");
    lay_out(&opt)?;
    let place = Place::new(folder, &opt, host, subject.target)?;
    let names: Vec<&str> = names.into_iter().collect();
    let has_django = explain::has_module(subject.layer, "django");
    let lacks = |errors: &[Raised]| absent::needed(errors).and_then(|need| need.given).filter(|_| has_django);
    let mut ran = match run::import(&names, &place, host, patience(environment)?, lacks)? {
        Ok(ran) => ran,
        Err(Unavailable(why)) => {
            step.done("not possible");
            let help = "run it where programs can restrict themselves with seccomp and Landlock, for example in a Docker container";
            return Ok(with_known(not_run(subject.wanted, &why, help)));
        }
    };
    ran.rename(|text| Place::as_in_lambda(text, folder));
    let in_runtime = place::is_runtime(host);
    let Explained { findings, parts } =
        explain::findings(subject, &modules, &ran, in_runtime, |text| console.redact(text));
    step.done(summary(&ran, parts.len()));
    log(&ran, console);
    let opt = opt.canonicalize_utf8().unwrap_or(opt);
    let in_layer = |paths: &BTreeSet<Utf8PathBuf>| {
        paths.iter().filter_map(|path| Some(path.strip_prefix(&opt).ok()?.to_owned())).collect()
    };
    let imported = Imported {
        loaded: in_layer(&ran.loaded),
        tried: in_layer(&ran.tried),
        owners: modules::owners(&modules, |module| ran.was_imported(module) || parts.contains(module)),
        in_runtime,
    };
    let known = imported::settled(subject.known.to_vec(), subject.layer, subject.target, &imported);
    Ok([known, findings].concat())
}

/// `parts` is the number of modules that lack only something optional.
fn summary(ran: &run::Ran, parts: usize) -> String {
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
fn log(ran: &run::Ran, console: &Console) {
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
