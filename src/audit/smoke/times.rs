//! Measures how long imports take: those of each direct requirement in a process of its own, so that what several of
//! them import counts for each, and all of them in one process.
//!
//! The modules have been imported by the smoke test before, so their files are in memory. Each measurement is repeated,
//! and the fastest counts, because other work on the machine only ever makes one slower.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camino::Utf8Path;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::place::{self, Place};
use super::{able, import_tree, modules};
use crate::audit::needed_within;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::files;
use crate::layer::import_times::{ImportTime, ImportTimes, ImportedModule, Milliseconds};
use crate::layer::{Finding, Layer, Owner, Tree};
use crate::manifest::{Manifest, Requirement};
use crate::process::{Host, Pythons, scratch};
use crate::spec::SmokeTest;
use crate::types::{DistributionName, Target};

const SCRIPT: &str = include_str!("import.py");
/// The time limit of one process.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often each measurement is repeated, as long as all of them have taken no longer than this.
const ROUNDS: usize = 3;
const ENOUGH: Duration = Duration::from_secs(5);
/// After this time, no requirement is measured any more.
const ALL: Duration = Duration::from_mins(2);
/// The most requirements that are measured.
const REQUIREMENTS: usize = 100;
/// The longest output that is kept, in bytes: a large package imports two thousand modules.
const OUTPUT: u64 = 4 * 1024 * 1024;

/// The layer whose imports are measured.
#[derive(Clone, Debug)]
pub struct Measured<'a> {
    pub layer: &'a Layer,
    pub target: Target,
    pub wanted: &'a SmokeTest,
    /// What the smoke test found: modules that cannot be imported are not measured.
    pub known: &'a [Finding],
    /// Distributions that the user asked for; empty if that is not known.
    pub named: BTreeSet<DistributionName>,
}

/// The distributions that the user asked for; empty if the files list everything.
pub fn named(manifest: &Manifest) -> BTreeSet<DistributionName> {
    if manifest.is_locked {
        return BTreeSet::new();
    }
    manifest.requirements.iter().filter_map(Requirement::name).collect()
}

/// Measures a tree before it is published; `None` if nothing can be imported on this machine.
///
/// # Errors
/// The measurement itself could not run.
pub fn of_tree(
    measured: &Measured<'_>,
    tree: &Tree,
    pythons: &Pythons,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Option<ImportTimes>> {
    of_laid_out(measured, |opt| place::lay_out(tree, &BTreeMap::new(), None, opt), pythons, environment, console)
}

/// Measures any layer. `lay_out` creates the folder that stands for `/opt`.
///
/// # Errors
/// The measurement itself could not run.
pub fn of_laid_out(
    measured: &Measured<'_>,
    lay_out: impl FnOnce(&Utf8Path) -> anyhow::Result<()>,
    pythons: &Pythons,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Option<ImportTimes>> {
    let groups = groups(measured);
    let (Ok(host), false) = (able(pythons, measured.target), groups.is_empty()) else { return Ok(None) };
    let step = console.step(format!("Measure {}", counted(groups.len(), "import")));
    let scratch = scratch::folder(&environment.scratch_directory())?;
    let folder = files::utf8(scratch.path())?;
    let opt = folder.join("opt");
    lay_out(&opt)?;
    let place = Place::new(folder, &opt, host, measured.target)?;
    let times = measure(&groups, &place, host)?;
    match &times {
        Some(times) => step.done(times.milliseconds.to_string()),
        None => step.done("not possible"),
    }
    Ok(times)
}

/// The modules of each direct requirement, by its name.
fn groups(measured: &Measured<'_>) -> BTreeMap<String, Vec<String>> {
    let Measured { layer, target, wanted, known, named } = measured;
    let target = *target;
    if let SmokeTest::Modules(names) = wanted {
        return names.iter().map(|name| (name.clone(), vec![name.clone()])).collect();
    }
    let failed = known.iter().filter(|finding| matches!(finding.code, "import-failed" | "import-not-tested"));
    let failed: BTreeSet<&str> = failed.map(|finding| finding.subject.as_str()).collect();
    let direct = direct(layer, target, named);
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in modules::of_layer(layer, target) {
        let name = match &module.owner {
            Owner::Distribution(name) if direct.contains(name) => name.to_string(),
            Owner::Source => module.owner.to_string(),
            // A layer without metadata.
            Owner::Unknown => module.name.clone(),
            Owner::Distribution(_) | Owner::Include | Owner::BuildScript => continue,
        };
        if module.is_main && !failed.contains(module.name.as_str()) && !failed.contains(name.as_str()) {
            groups.entry(name).or_default().push(module.name);
        }
    }
    groups.into_iter().take(REQUIREMENTS).collect()
}

/// The distributions that the user asked for, and those that no other one requires. A list of everything, as tools
/// compile it, says nothing about what was asked for.
fn direct(layer: &Layer, target: Target, named: &BTreeSet<DistributionName>) -> BTreeSet<DistributionName> {
    let all: BTreeSet<&DistributionName> =
        layer.importable(target.python).into_iter().map(|distribution| &distribution.name).collect();
    let edges = needed_within(layer, target);
    let needed: BTreeSet<&DistributionName> =
        edges.iter().flat_map(|(by, needed)| needed.iter().filter(move |needed| *needed != by)).collect();
    let lists_everything = all.iter().all(|name| named.contains(*name));
    let is_direct = |name: &&&DistributionName| !needed.contains(**name) || !lists_everything && named.contains(**name);
    let direct: BTreeSet<DistributionName> = all.iter().filter(is_direct).map(|name| (*name).clone()).collect();
    // Distributions that require each other: all of them, rather than none.
    if direct.is_empty() { all.into_iter().cloned().collect() } else { direct }
}

fn measure(groups: &BTreeMap<String, Vec<String>>, place: &Place, host: &Host) -> anyhow::Result<Option<ImportTimes>> {
    let start = Instant::now();
    let mut fastest: BTreeMap<&String, Timed> = BTreeMap::new();
    let mut whole: Option<Timed> = None;
    for round in 0..ROUNDS {
        if round > 0 && start.elapsed() > ENOUGH {
            break;
        }
        for (name, modules) in groups {
            let is_out = round == 0 && start.elapsed() > ALL || round > 0 && !fastest.contains_key(name);
            if is_out {
                continue;
            }
            if let Some(timed) = time(modules, place, host)? {
                let known = fastest.entry(name).or_insert_with(|| timed.clone());
                if timed.duration < known.duration {
                    *known = timed;
                }
            }
        }
        let modules: Vec<String> = fastest.keys().flat_map(|name| groups[*name].clone()).collect();
        if let Some(timed) = time(&modules, place, host)? {
            let is_faster = whole.as_ref().is_none_or(|known| timed.duration < known.duration);
            whole = if is_faster { Some(timed) } else { whole };
        }
    }
    let Some(whole) = whole.filter(|_| !fastest.is_empty()) else { return Ok(None) };
    let mut requirements: Vec<ImportTime> = fastest
        .into_iter()
        .map(|(name, timed)| ImportTime {
            name: name.clone(),
            milliseconds: Milliseconds::of(timed.duration),
            tree: timed.tree,
        })
        .collect();
    requirements
        .sort_by(|left, right| right.milliseconds.cmp(&left.milliseconds).then_with(|| left.name.cmp(&right.name)));
    Ok(Some(ImportTimes { milliseconds: Milliseconds::of(whole.duration), requirements, before: None }))
}

#[derive(Clone, Debug)]
struct Timed {
    duration: Duration,
    tree: Vec<ImportedModule>,
}

#[derive(Serialize)]
struct Request<'a> {
    path: &'a [String],
    sites: &'a [String],
    modules: &'a [String],
    given: Option<()>,
    timed: bool,
}

#[derive(Deserialize)]
struct Reported {
    event: String,
    #[serde(default)]
    seconds: f64,
    /// How many of the modules could be imported.
    #[serde(default)]
    imported: usize,
}

/// Imports modules in a process of their own; `None` if that fails or takes too long.
fn time(modules: &[String], place: &Place, host: &Host) -> anyhow::Result<Option<Timed>> {
    let mut command = place.sandbox.command(&host.executable)?;
    command.args(["-I", "-S", "-B", "-X", "importtime", "-c", SCRIPT]);
    command.envs(&place.variables).current_dir(&place.function);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("could not start this program again")?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = (stdout.map(read), stderr.map(read));
    let request = Request { path: &place.path, sites: &place.sites, modules, given: None, timed: true };
    let request = serde_json::to_vec(&request)?;
    // If the process does not read its input, it reports nothing.
    stdin.map(|mut stdin| stdin.write_all(&request).ok());
    // The pipe closes when the process ends.
    let reports = stdout.and_then(|stdout| stdout.recv_timeout(PATIENCE).ok()).unwrap_or_default();
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    group.map(|group| kill_process_group(group, Signal::KILL).ok());
    child.wait()?;
    let output = stderr.and_then(|stderr| stderr.recv_timeout(Duration::from_secs(1)).ok()).unwrap_or_default();
    let mut reports = reports.lines().filter_map(|line| serde_json::from_str::<Reported>(line).ok());
    let timed = reports.find(|report| report.event == "timed" && report.imported > 0);
    let duration = timed.and_then(|report| Duration::try_from_secs_f64(report.seconds).ok());
    Ok(duration.map(|duration| Timed { duration, tree: import_tree::tree(&output) }))
}

/// Reads a pipe to its end in a thread of its own. Keeps the beginning, and discards the rest.
fn read(mut pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        pipe.by_ref().take(OUTPUT).read_to_end(&mut kept).ok();
        std::io::copy(&mut pipe, &mut std::io::sink()).ok();
        sender.send(String::from_utf8_lossy(&kept).into_owned()).ok();
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direct_is_what_nothing_else_requires_or_the_user_asked_for() {
        let layer = Layer::of_distributions(&[
            ("numpy", "2", &[]),
            ("pandas", "2", &["Requires-Dist: numpy", "Requires-Dist: lxml; extra == 'xml'"]),
            ("lxml", "5", &[]),
            ("one", "1", &["Requires-Dist: two"]),
            ("two", "1", &["Requires-Dist: one"]),
        ]);
        let target = Target { python: "3.13".parse().unwrap(), architecture: "x86_64".parse().unwrap() };
        let found = |named: &[&str]| {
            let named = named.iter().map(|name| name.parse().unwrap()).collect();
            direct(&layer, target, &named).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found(&[]), "lxml pandas");
        assert_eq!(found(&["numpy", "pandas"]), "lxml numpy pandas");
        assert_eq!(found(&["numpy", "pandas", "lxml", "one", "two"]), "lxml pandas", "compiled by a tool");
    }
}
