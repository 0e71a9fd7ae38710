//! Imports modules in processes of the sandbox: one for all of them, and another one after each that did not survive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camino::Utf8PathBuf;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::facts::missing_in_builds::Given;
use crate::process::Host;

const SCRIPT: &str = include_str!("import.py");
/// Of what modules print, in bytes, and of a line that the script tells.
const KEPT_OUTPUT: u64 = 64 * 1024;

/// How long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) module: Duration,
    pub(super) all: Duration,
}

/// What became of one module.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Imported(Duration),
    /// The exception with those that it came of, the outermost first; never empty.
    Raised(Vec<Raised>),
    /// The process ended: how.
    Died(String),
    /// It was not done after that time.
    Hung(Duration),
    /// The time of all was up before.
    NotTried,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Raised {
    /// `ModuleNotFoundError`
    pub(super) kind: String,
    pub(super) message: String,
    /// The module that was not found.
    pub(super) missing: Option<String>,
    /// The one before was raised `from` this one, and not only while this one was handled.
    #[serde(default)]
    pub(super) explicit: bool,
    /// The variable of the environment that was not set.
    #[serde(default)]
    pub(super) variable: Option<String>,
    /// The last line of the layer that ran, `package/module.py:12`.
    pub(super) place: Option<String>,
}

#[cfg(test)]
impl Raised {
    /// One that says nothing else.
    pub(super) fn new(kind: &str, message: &str) -> Self {
        let (kind, message) = (kind.to_owned(), message.to_owned());
        Self { kind, message, missing: None, explicit: false, variable: None, place: None }
    }
}

#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcomes: BTreeMap<String, Outcome>,
    /// Paths of the compiled files that modules had loaded, as this machine has them.
    pub(super) loaded: BTreeSet<Utf8PathBuf>,
    /// And of those that they wanted to load.
    pub(super) tried: BTreeSet<Utf8PathBuf>,
    /// How Python ended before the first module, while it read the `.pth` files of the layer.
    pub(super) stopped: Option<String>,
    /// What the modules printed, the beginning of it.
    pub(super) output: String,
}

impl Ran {
    pub(super) fn was_imported(&self, module: &str) -> bool {
        matches!(self.outcomes.get(module), Some(Outcome::Imported(_)))
    }
}

impl Ran {
    /// Changes what exceptions say.
    pub(super) fn rename(&mut self, renamed: impl Fn(&str) -> String) {
        let raised = self.outcomes.values_mut().filter_map(|outcome| match outcome {
            Outcome::Raised(errors) => Some(errors),
            _ => None,
        });
        raised.flatten().for_each(|error| error.message = renamed(&error.message));
    }
}

/// Why no module could be tried.
#[derive(Debug)]
pub(super) struct Unavailable(pub(super) String);

#[derive(Serialize)]
struct Request<'a> {
    path: &'a [String],
    sites: &'a [String],
    modules: &'a [&'a str],
    given: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    /// Python has started.
    Ready,
    /// The `.pth` files of the layer were read.
    Found,
    Begin {
        module: String,
    },
    /// Compiled files that were loaded since the last of these.
    Loaded {
        files: Vec<Utf8PathBuf>,
    },
    /// Compiled files that were to be loaded.
    Tried {
        files: Vec<Utf8PathBuf>,
    },
    End {
        module: String,
        seconds: f64,
        errors: Vec<Raised>,
    },
}

/// What comes from a process: its events, and their end.
enum Message {
    Event(Event),
    End,
}

/// What modules are imported in.
#[derive(Clone, Copy)]
struct Context<'a> {
    place: &'a Place,
    host: &'a Host,
    patience: Patience,
    /// Of all together.
    end: Instant,
    /// What it has beside.
    given: Option<Given>,
}

/// Imports all modules. What fails beside others is tried once more alone: in a function it would be. What fails for the
/// lack of something that can be given is tried again with it.
pub(super) fn import(
    modules: &[&str],
    place: &Place,
    host: &Host,
    patience: Patience,
    lacks: impl Fn(&[Raised]) -> Option<Given>,
) -> anyhow::Result<Result<Ran, Unavailable>> {
    let surroundings = Context { place, host, patience, end: Instant::now() + patience.all, given: None };
    let mut ran = Ran {
        outcomes: BTreeMap::new(),
        loaded: BTreeSet::new(),
        tried: BTreeSet::new(),
        stopped: None,
        output: String::new(),
    };
    let mut rest = modules;
    while !rest.is_empty() {
        let before = ran.outcomes.len();
        if let Err(unavailable) = import_in_one(rest, &surroundings, &mut ran)? {
            return Ok(Err(unavailable));
        }
        // Each start settles one module at least, or there would be no end.
        if ran.stopped.is_some() || ran.outcomes.len() == before {
            break;
        }
        let left = rest.iter().position(|module| !ran.outcomes.contains_key(*module));
        rest = &rest[left.unwrap_or(rest.len())..];
    }
    for module in rest {
        ran.outcomes.entry((*module).to_owned()).or_insert(Outcome::NotTried);
    }
    let failed: Vec<String> = ran
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Raised(_) | Outcome::Died(_)))
        .map(|(module, _)| module.clone())
        .collect();
    if modules.len() > 1 {
        for module in &failed {
            let first = ran.outcomes.remove(module).expect("has failed");
            import_in_one(&[module], &surroundings, &mut ran)?.ok();
            let again = ran.outcomes.entry(module.clone()).or_insert(Outcome::NotTried);
            if !matches!(again, Outcome::Imported(_)) {
                *again = first;
            }
        }
    }
    for module in &failed {
        let Some(Outcome::Raised(errors)) = ran.outcomes.get(module) else { continue };
        let Some(given) = lacks(errors) else { continue };
        let first = ran.outcomes.remove(module).expect("has failed");
        import_in_one(&[module], &Context { given: Some(given), ..surroundings }, &mut ran)?.ok();
        let again = ran.outcomes.entry(module.clone()).or_insert(Outcome::NotTried);
        // With what it lacked it came further, and tells more.
        if *again == Outcome::NotTried {
            *again = first;
        }
    }
    Ok(Ok(ran))
}

/// Imports modules in one process until one of them ends it.
fn import_in_one(
    modules: &[&str],
    surroundings: &Context<'_>,
    ran: &mut Ran,
) -> anyhow::Result<Result<(), Unavailable>> {
    let Context { patience, end, .. } = *surroundings;
    if Instant::now() >= end {
        ran.outcomes.extend(modules.iter().map(|module| ((*module).to_owned(), Outcome::NotTried)));
        return Ok(Ok(()));
    }
    let mut process = Process::start(modules, surroundings)?;
    let (mut is_ready, mut is_prepared) = (false, false);
    let mut current: Option<String> = None;
    loop {
        let patience = patience.module.min(end.saturating_duration_since(Instant::now()));
        match process.messages.recv_timeout(patience) {
            Ok(Message::Event(Event::Ready)) => is_ready = true,
            Ok(Message::Event(Event::Found)) => is_prepared = true,
            Ok(Message::Event(Event::Begin { module })) => current = Some(module),
            Ok(Message::Event(Event::Loaded { files })) => ran.loaded.extend(files),
            Ok(Message::Event(Event::Tried { files })) => ran.tried.extend(files),
            Ok(Message::Event(Event::End { module, seconds, errors })) => {
                current = None;
                let outcome = if errors.is_empty() {
                    Outcome::Imported(Duration::try_from_secs_f64(seconds).unwrap_or_default())
                } else {
                    Outcome::Raised(errors)
                };
                ran.outcomes.insert(module, outcome);
            }
            ended @ (Ok(Message::End) | Err(_)) => {
                let is_hanging = matches!(ended, Err(RecvTimeoutError::Timeout)) && process.is_running()?;
                let (status, output) = process.end()?;
                ran.output += &output;
                match current {
                    Some(module) if is_hanging => drop(ran.outcomes.insert(module, Outcome::Hung(patience))),
                    Some(module) => drop(ran.outcomes.insert(module, Outcome::Died(ending(status)))),
                    None if !is_ready => return Ok(Err(Unavailable(reason(&output, status)))),
                    None if !is_prepared && is_hanging => ran.stopped = Some("hangs".to_owned()),
                    None if !is_prepared => ran.stopped = Some(ending(status)),
                    None => (),
                }
                return Ok(Ok(()));
            }
        }
    }
}

struct Process {
    child: Child,
    messages: Receiver<Message>,
    output: Receiver<String>,
}

impl Process {
    fn start(modules: &[&str], surroundings: &Context<'_>) -> anyhow::Result<Self> {
        let Context { place, host, given, .. } = *surroundings;
        let mut command = place.sandbox.command(&host.executable)?;
        command.args(["-I", "-S", "-B", "-X", "faulthandler", "-c", SCRIPT]);
        command.envs(&place.variables).current_dir(&place.function);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start this program again")?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (to_messages, messages) = channel();
        let (to_output, output) = channel();
        if let Some(stdout) = stdout {
            std::thread::spawn(move || read_messages(stdout, &to_messages));
        }
        if let Some(stderr) = stderr {
            std::thread::spawn(move || to_output.send(read_output(stderr)).ok());
        }
        let given = given.map(|Given::DjangoSettings| "django-settings");
        let request = Request { path: &place.path, sites: &place.sites, modules, given };
        let request = serde_json::to_vec(&request)?;
        // A process that does not read it says why when it ends.
        stdin.map(|mut stdin| stdin.write_all(&request).ok());
        Ok(Self { child, messages, output })
    }

    fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Ends the process and all that it started; how it ended by itself, and what was printed.
    fn end(&mut self) -> anyhow::Result<(ExitStatus, String)> {
        // It may have closed the pipe on its way to its end, of which the status is to be known.
        let ended = self.output.recv_timeout(Duration::from_millis(200));
        self.kill();
        let status = self.child.wait()?;
        // Who left the process group may hold the pipe open.
        let output = ended.or_else(|_| self.output.recv_timeout(Duration::from_secs(1))).unwrap_or_default();
        Ok((status, output))
    }

    fn kill(&self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        group.map(|group| kill_process_group(group, Signal::KILL).ok());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running().unwrap_or(true) {
            self.kill();
            self.child.wait().ok();
        }
    }
}

fn read_messages(pipe: impl Read, messages: &Sender<Message>) {
    let mut lines = BufReader::new(pipe);
    let mut line = Vec::new();
    while lines.by_ref().take(KEPT_OUTPUT).read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if let Ok(event) = serde_json::from_slice(&line) {
            messages.send(Message::Event(event)).ok();
        }
        line.clear();
    }
    messages.send(Message::End).ok();
}

/// The beginning; the rest is read and forgotten, so that nobody waits for a reader.
fn read_output(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    pipe.by_ref().take(KEPT_OUTPUT).read_to_end(&mut kept).ok();
    std::io::copy(&mut pipe, &mut std::io::sink()).ok();
    String::from_utf8_lossy(&kept).into_owned()
}

/// `was killed by SIGSEGV`, `ended with exit code 0`.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let name = SIGNALS.iter().find(|(number, _)| *number == signal).map(|(_, name)| *name);
            name.map_or_else(|| format!("was killed by signal {signal}"), |name| format!("was killed by {name}"))
        }
        (None, code) => format!("ended with exit code {}", code.unwrap_or_default()),
    }
}

/// The same on all processors of Lambda: signal(7).
const SIGNALS: &[(i32, &str)] = &[
    (4, "SIGILL (illegal instruction)"),
    (6, "SIGABRT (aborted)"),
    (7, "SIGBUS (bus error)"),
    (8, "SIGFPE (arithmetic error)"),
    (9, "SIGKILL (out of memory?)"),
    (11, "SIGSEGV (segmentation fault)"),
    (15, "SIGTERM"),
    (31, "SIGSYS (forbidden system call)"),
];

/// The last line of what was said, as a reason.
fn reason(output: &str, status: ExitStatus) -> String {
    let last = output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if last.is_empty() { format!("Python {}", ending(status)) } else { last.to_owned() }
}
