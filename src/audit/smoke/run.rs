//! Imports modules in sandboxed processes: all in one, and a new process after each module that ended it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::outcome::{Outcome, Raised, Ran, Reads};
use super::place::Place;
use crate::facts::missing_in_builds::Given;
use crate::process::Host;

pub(super) const SCRIPT: &str = include_str!("import.py");
/// The longest output of modules that is kept, and the longest line of the script, in bytes.
const KEPT_OUTPUT: u64 = 64 * 1024;

/// Time limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) module: Duration,
    pub(super) all: Duration,
}

/// Why no module could be imported.
#[derive(Debug)]
pub(super) struct Unavailable(pub(super) String);

#[derive(Serialize)]
struct Request<'a> {
    path: &'a [String],
    sites: &'a [String],
    modules: &'a [&'a str],
    given: Option<&'static str>,
    own: &'a [String],
    layer: &'a Utf8Path,
    left_out: &'a [String],
    incomplete: &'a [String],
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    /// Python has started.
    Ready,
    /// The layer's `.pth` files have been read.
    Found,
    Begin {
        module: String,
    },
    /// Compiled files that were loaded since the last such event.
    Loaded {
        files: Vec<Utf8PathBuf>,
    },
    /// Compiled files that a module is about to load.
    Tried {
        files: Vec<Utf8PathBuf>,
    },
    /// Files of the layer that a module opened.
    Read {
        files: Vec<Utf8PathBuf>,
    },
    End {
        module: String,
        seconds: f64,
        errors: Vec<Raised>,
        reads_own: bool,
        has_started: bool,
        has_missed: bool,
    },
}

/// A message from a process: an event, or the end of its output.
enum Message {
    Event(Event),
    End,
}

/// The conditions under which modules are imported.
#[derive(Clone, Copy)]
struct Context<'a> {
    place: &'a Place,
    host: &'a Host,
    patience: Patience,
    /// The end of the time for all modules.
    end: Instant,
    /// What the process gets in addition.
    given: Option<Given>,
}

/// Imports all modules. A module that fails is tried again alone, as a function would import it. A module that lacks
/// something that can be provided is tried again with it. `lay_out` fills the folder of the layer, while the first
/// Python starts.
pub(super) fn import(
    modules: &[&str],
    first: Process,
    place: &Place,
    host: &Host,
    patience: Patience,
    lacks: impl Fn(&[Raised]) -> Option<Given>,
    lay_out: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Result<Ran, Unavailable>> {
    let context = Context { place, host, patience, end: Instant::now() + patience.all, given: None };
    let mut ran = Ran::nothing();
    let mut rest = modules;
    lay_out()?;
    let mut first = Some(first);
    while !rest.is_empty() {
        let before = ran.outcomes.len();
        let process = first.take().map_or_else(|| Process::start(place, host), Ok)?;
        if let Err(unavailable) = process.import(rest, &context, &mut ran)? {
            return Ok(Err(unavailable));
        }
        // Each process settles at least one module, so the loop ends.
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
            import_alone(module, &context, &mut ran)?;
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
        import_alone(module, &Context { given: Some(given), ..context }, &mut ran)?;
        let again = ran.outcomes.entry(module.clone()).or_insert(Outcome::NotTried);
        // With what it lacked, the import got further, and its error says more.
        if *again == Outcome::NotTried {
            *again = first;
        }
    }
    Ok(Ok(ran))
}

/// Imports a module in a process of its own, if there is time left.
fn import_alone(module: &str, context: &Context<'_>, ran: &mut Ran) -> anyhow::Result<()> {
    if Instant::now() < context.end {
        Process::start(context.place, context.host)?.import(&[module], context, ran)?.ok();
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Message>,
    output: Receiver<String>,
}

impl Process {
    /// Starts Python, which waits for what to import.
    pub(super) fn start(place: &Place, host: &Host) -> anyhow::Result<Self> {
        let mut command = place.sandbox.command(&host.executable)?;
        command.args(["-I", "-S", "-B", "-X", "faulthandler", "-c", SCRIPT]);
        command.envs(&place.variables).current_dir(&place.function);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("could not start this program again")?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (to_messages, messages) = channel();
        let (to_output, output) = channel();
        if let Some(stdout) = stdout {
            std::thread::spawn(move || read_messages(stdout, &to_messages));
        }
        if let Some(stderr) = stderr {
            std::thread::spawn(move || to_output.send(read_output(stderr)).ok());
        }
        Ok(Self { child, stdin, messages, output })
    }

    /// Imports modules, until all are done or one of them ends the process.
    fn import(
        mut self,
        modules: &[&str],
        context: &Context<'_>,
        ran: &mut Ran,
    ) -> anyhow::Result<Result<(), Unavailable>> {
        let Context { place, patience, end, given, .. } = *context;
        if Instant::now() >= end {
            ran.outcomes.extend(modules.iter().map(|module| ((*module).to_owned(), Outcome::NotTried)));
            return Ok(Ok(()));
        }
        let given = given.map(|Given::DjangoSettings| "django-settings");
        let Place { path, sites, own, opt, left_out, incomplete, .. } = place;
        let request = Request { path, sites, modules, given, own, layer: opt, left_out, incomplete };
        let request = serde_json::to_vec(&request)?;
        // If the process does not read its input, its end says why.
        self.stdin.take().map(|mut stdin| stdin.write_all(&request).ok());
        let (mut is_ready, mut is_prepared) = (false, false);
        let mut current: Option<String> = None;
        let number = ran.reads.last().map_or(0, |last| last.process + 1);
        let mut files = BTreeSet::new();
        loop {
            let patience = patience.module.min(end.saturating_duration_since(Instant::now()));
            match self.messages.recv_timeout(patience) {
                Ok(Message::Event(Event::Ready)) => is_ready = true,
                Ok(Message::Event(Event::Found)) => is_prepared = true,
                Ok(Message::Event(Event::Begin { module })) => current = Some(module),
                Ok(Message::Event(Event::Read { files: read })) => files.extend(read),
                Ok(Message::Event(Event::Loaded { files: loaded })) => {
                    files.extend(loaded.iter().cloned());
                    ran.loaded.extend(loaded);
                }
                Ok(Message::Event(Event::Tried { files: tried })) => {
                    files.extend(tried.iter().cloned());
                    ran.tried.extend(tried);
                }
                Ok(Message::Event(Event::End { module, seconds, errors, reads_own, has_started, has_missed })) => {
                    current = None;
                    if reads_own {
                        ran.near_own.insert(module.clone());
                    }
                    ran.has_missed |= has_missed;
                    let files = std::mem::take(&mut files);
                    ran.reads.push(Reads { module: module.clone(), process: number, files, has_started });
                    let outcome = if errors.is_empty() {
                        Outcome::Imported(Duration::try_from_secs_f64(seconds).unwrap_or_default())
                    } else {
                        Outcome::Raised(errors)
                    };
                    ran.outcomes.insert(module, outcome);
                }
                ended @ (Ok(Message::End) | Err(_)) => {
                    let is_hanging = matches!(ended, Err(RecvTimeoutError::Timeout)) && self.is_running()?;
                    let (status, output) = self.end()?;
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

    fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Ends the process and all that it started. Gives its exit status, if it ended by itself, and its output.
    fn end(&mut self) -> anyhow::Result<(ExitStatus, String)> {
        // It may have closed the pipe shortly before it ends by itself; wait for its exit status.
        let ended = self.output.recv_timeout(Duration::from_millis(200));
        self.kill();
        let status = self.child.wait()?;
        // A process that left the process group may hold the pipe open.
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

/// Keeps the beginning and discards the rest, so that the process never blocks on a full pipe.
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

/// The numbers are the same on all of Lambda's processors: signal(7).
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

/// The last line of the output, as the reason.
fn reason(output: &str, status: ExitStatus) -> String {
    let last = output.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    if last.is_empty() { format!("Python {}", ending(status)) } else { last.to_owned() }
}
