//! Measures how long imports take: those of each direct requirement in a process of its own, so that what several of
//! them import counts for each, and all of them in one process.
//!
//! The modules have been imported by the smoke test before, so their files are in memory. Each measurement is repeated,
//! and the fastest counts, because other work on the machine only ever makes one slower. Two layers take turns, import
//! by import, so that such work slows both and makes no difference between them.

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
use super::{able, direct, import_tree};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Explanation, counted};
use crate::files;
use crate::layer::import_times::{ImportTime, ImportTimes, ImportedModule, Milliseconds};
use crate::layer::{Finding, Layer, Tree};
use crate::process::{Host, Pythons, scratch};
use crate::spec::SmokeTest;
use crate::types::{DistributionName, Target};

pub use super::direct::named;

const SCRIPT: &str = include_str!("import.py");
/// The time limit of one process.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often each measurement is repeated, as long as all of them have taken no longer than this for each layer.
const ROUNDS: usize = 3;
const ENOUGH: Duration = Duration::from_secs(5);
/// After this time for each layer, no requirement is measured any more.
const ALL: Duration = Duration::from_mins(2);
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
    pub named: &'a BTreeSet<DistributionName>,
}

/// Creates the folder that stands for `/opt`.
pub type LayOut<'a> = &'a dyn Fn(&Utf8Path) -> anyhow::Result<()>;

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
    let lay_out = |opt: &Utf8Path| place::lay_out(tree, &BTreeMap::new(), None, opt);
    compare((measured, &lay_out), None, pythons, environment, console)
}

/// Measures any layer, and with it the one before, if there is one. Without the latter's times nothing fails.
///
/// # Errors
/// The measurement itself could not run.
pub fn compare(
    (now, lay_out): (&Measured<'_>, LayOut<'_>),
    before: Option<(&Measured<'_>, LayOut<'_>)>,
    pythons: &Pythons,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Option<ImportTimes>> {
    let groups = direct::groups(now);
    let (Ok(host), false) = (able(pythons, now.target), groups.is_empty()) else { return Ok(None) };
    let step = console.step(format!("Measure {}", counted(groups.len(), "import")));
    let scratch = scratch::folder(&environment.scratch_directory())?;
    let scratch = files::utf8(scratch.path())?;
    let mut layers = Vec::new();
    if let Some((measured, lay_out)) = before {
        match Laid::new("before", direct::groups(measured), lay_out, scratch, host, measured.target) {
            Ok(layer) => layers.push(layer),
            Err(error) => {
                console.debug(&format!("imports are not compared: {}", Explanation::of(&error).one_line()));
            }
        }
    }
    layers.push(Laid::new("now", groups, lay_out, scratch, host, now.target)?);
    measure(&mut layers, host, console)?;
    let now = layers.pop().and_then(Laid::times);
    let before = layers.pop().and_then(Laid::times).map(Box::new);
    let times = now.map(|times| ImportTimes { before, ..times });
    step.done(match &times {
        None => "not possible".to_owned(),
        Some(times) => match &times.before {
            Some(before) => format!("{} → {}", before.milliseconds.0, times.milliseconds),
            None => times.milliseconds.to_string(),
        },
    });
    Ok(times)
}

/// Measures the layers in turn, and keeps the fastest times.
fn measure(layers: &mut [Laid], host: &Host, console: &Console) -> anyhow::Result<()> {
    let (start, count) = (Instant::now(), u32::try_from(layers.len()).unwrap_or(1));
    let names: BTreeSet<String> = layers.iter().flat_map(|layer| layer.groups.keys().cloned()).collect();
    for round in 0..ROUNDS {
        if round > 0 && start.elapsed() > ENOUGH * count {
            break;
        }
        for name in &names {
            let is_late = round == 0 && start.elapsed() > ALL * count;
            for layer in layers.iter_mut().filter(|_| !is_late) {
                // What could not be imported, or was too late, is not tried again.
                if round == 0 || layer.fastest.contains_key(name) {
                    layer.time(name, host, console)?;
                }
            }
        }
        for layer in &mut *layers {
            layer.time_all(host, console)?;
        }
    }
    Ok(())
}

/// A layer that is laid out, with the fastest times so far.
struct Laid {
    /// Which of two it is, for the log.
    which: &'static str,
    /// The modules of each direct requirement, by its name.
    groups: BTreeMap<String, Vec<String>>,
    place: Place,
    fastest: BTreeMap<String, Timed>,
    whole: Option<Timed>,
}

impl Laid {
    fn new(
        which: &'static str,
        groups: BTreeMap<String, Vec<String>>,
        lay_out: LayOut<'_>,
        scratch: &Utf8Path,
        host: &Host,
        target: Target,
    ) -> anyhow::Result<Self> {
        let folder = scratch.join(which);
        fs_err::create_dir(&folder)?;
        let opt = folder.join("opt");
        lay_out(&opt)?;
        let place = Place::new(&folder, &opt, host, target)?;
        Ok(Self { which, groups, place, fastest: BTreeMap::new(), whole: None })
    }

    /// Imports the modules of a requirement, if the layer has it.
    fn time(&mut self, name: &str, host: &Host, console: &Console) -> anyhow::Result<()> {
        let Some(modules) = self.groups.get(name) else { return Ok(()) };
        let Some(timed) = import(modules, &self.place, host)? else { return Ok(()) };
        console.debug(&format!("imported {name} in {} ({})", Milliseconds::of(timed.duration), self.which));
        match self.fastest.get(name) {
            Some(known) if known.duration <= timed.duration => {}
            _ => _ = self.fastest.insert(name.to_owned(), timed),
        }
        Ok(())
    }

    /// Imports in one process whatever could be imported alone.
    fn time_all(&mut self, host: &Host, console: &Console) -> anyhow::Result<()> {
        let modules: Vec<String> = self.fastest.keys().flat_map(|name| self.groups[name].clone()).collect();
        let Some(timed) = import(&modules, &self.place, host)? else { return Ok(()) };
        console.debug(&format!("imported everything in {} ({})", Milliseconds::of(timed.duration), self.which));
        if self.whole.as_ref().is_none_or(|known| timed.duration < known.duration) {
            self.whole = Some(timed);
        }
        Ok(())
    }

    /// The slowest requirement comes first; `None` if nothing could be imported.
    fn times(self) -> Option<ImportTimes> {
        let whole = self.whole.filter(|_| !self.fastest.is_empty())?;
        let of_requirement = |(name, timed): (String, Timed)| ImportTime {
            name,
            milliseconds: Milliseconds::of(timed.duration),
            tree: timed.tree,
        };
        let mut requirements: Vec<ImportTime> = self.fastest.into_iter().map(of_requirement).collect();
        requirements
            .sort_by(|left, right| right.milliseconds.cmp(&left.milliseconds).then_with(|| left.name.cmp(&right.name)));
        Some(ImportTimes { milliseconds: Milliseconds::of(whole.duration), requirements, before: None })
    }
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
fn import(modules: &[String], place: &Place, host: &Host) -> anyhow::Result<Option<Timed>> {
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
