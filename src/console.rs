//! Shows the progress of a run: one line per step with its duration, log groups in a workflow, a bar on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::Explanation;
use crate::github::workflow_commands;
use crate::layer::{Finding, Severity};
use crate::secrets::Secrets;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Actions,
    Terminal,
    Plain,
}

/// GitHub shows ten annotations of a level in a step; one more says how the run ended, or how many are not shown
/// (<https://docs.github.com/en/rest/checks/runs>, and the runner's `ExecutionContext.cs`).
const ANNOTATIONS: usize = 9;

/// Writes progress to standard error. In a workflow it writes to standard output, which keeps the order of the lines.
#[derive(Debug)]
pub struct Console {
    mode: Mode,
    verbose: bool,
    /// One for all layers of a run.
    secrets: Arc<Mutex<Secrets>>,
    steps: Mutex<Vec<StepTime>>,
    /// For one of several layers: its lines wait here until the layer is done, so that lines of two layers do not mix.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    /// The layer, for the titles of annotations.
    name: String,
    lines: Mutex<Vec<String>>,
}

/// Ignores poisoning: no value here is changed in two steps, so a thread that panicked leaves it valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A finished step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepTime {
    pub name: String,
    pub seconds: f64,
}

impl Console {
    pub fn new(environment: &Environment) -> Self {
        let mode = match environment.in_actions() {
            true => Mode::Actions,
            false if std::io::stderr().is_terminal() => Mode::Terminal,
            false => Mode::Plain,
        };
        let verbose = environment.is_verbose();
        Self { mode, verbose, secrets: Arc::default(), steps: Mutex::default(), held: None }
    }

    /// A console for one of several layers.
    #[must_use]
    pub fn of_layer(&self, name: &str) -> Self {
        Self {
            mode: self.mode,
            verbose: self.verbose,
            secrets: Arc::clone(&self.secrets),
            steps: Mutex::default(),
            held: Some(Held { name: name.to_owned(), lines: Mutex::default() }),
        }
    }

    /// A progress bar over the layers, on a terminal.
    pub fn progress(&self, layers: usize) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(layers as u64), self.draw_target());
        let style = ProgressStyle::with_template("{spinner} {pos} of {len} layers {bar:30} {elapsed}");
        bar.set_style(style.expect("is a valid template"));
        if self.draws() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        bar
    }

    /// Prints the lines that wait for a layer under its name; prints nothing if there are none.
    pub fn release(&self, layer: &Self) {
        let Some(held) = &layer.held else { return };
        let lines = std::mem::take(&mut *locked(&held.lines));
        if !lines.is_empty() {
            self.raw(&format!("\n{}", held.name));
            for line in &lines {
                self.raw(line);
            }
        }
    }

    /// Hides these secrets in everything that is printed from now on; in a workflow the runner hides them, too.
    pub fn hide(&self, secrets: &Secrets) {
        if self.mode == Mode::Actions {
            // At once, ahead of the lines that wait.
            secrets.exposed().iter().for_each(|secret| self.write(&workflow_commands::add_mask(secret)));
        }
        locked(&self.secrets).extend(secrets);
    }

    /// All secrets that are hidden so far.
    pub fn secrets(&self) -> Secrets {
        locked(&self.secrets).clone()
    }

    pub fn redact(&self, text: &str) -> String {
        locked(&self.secrets).redact(text)
    }

    /// Begins a step. Its line is printed when it is done; a terminal shows it at once.
    pub fn step(&self, name: impl Into<String>) -> Step<'_> {
        let name = name.into();
        let bar = ProgressBar::with_draw_target(None, self.draw_target());
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("is a valid template"));
        bar.set_message(name.clone());
        if self.draws() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Step { console: self, name, start: Instant::now(), bar }
    }

    /// Whether this console is for one of several layers.
    pub fn is_of_several(&self) -> bool {
        self.held.is_some()
    }

    /// Layers that are built at once share one bar.
    fn draws(&self) -> bool {
        self.mode == Mode::Terminal && self.held.is_none()
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        if self.draws() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }

    pub fn steps(&self) -> Vec<StepTime> {
        locked(&self.steps).clone()
    }

    /// Title of annotations; with several layers it names the layer.
    fn title(&self) -> String {
        match &self.held {
            Some(held) => format!("{}: {}", workflow_commands::TITLE, held.name),
            None => workflow_commands::TITLE.to_owned(),
        }
    }

    pub fn note(&self, text: &str) {
        self.say(&format!("  {text}"));
    }

    pub fn warning(&self, text: &str) {
        match self.mode {
            Mode::Actions => self.raw(&workflow_commands::annotation("warning", &self.title(), &self.redact(text))),
            Mode::Terminal | Mode::Plain => self.say(&format!("warning: {text}")),
        }
    }

    /// Good to know, and no fault of the layer's.
    pub fn notice(&self, text: &str) {
        match self.mode {
            Mode::Actions => self.raw(&workflow_commands::annotation("notice", &self.title(), &self.redact(text))),
            Mode::Terminal | Mode::Plain => self.say(&format!("notice: {text}")),
        }
    }

    /// Prints findings, worst first: a line each, in a workflow an annotation each. With `is_refused` it leaves the
    /// errors for the end of the run.
    pub fn findings(&self, findings: &[Finding], is_refused: bool) {
        if self.mode == Mode::Actions {
            return self.annotate(findings);
        }
        for finding in findings.iter().filter(|finding| !is_refused || finding.severity != Severity::Error) {
            let severity = format!("{}:", finding.severity.word());
            self.say(&format!("{severity:<8} {} ({}) [{}]", finding.message, finding.help, finding.code));
        }
    }

    /// In a workflow, writes an annotation for each finding, as many of a severity as GitHub shows.
    pub fn annotate(&self, findings: &[Finding]) {
        if self.mode != Mode::Actions {
            return;
        }
        for severity in [Severity::Error, Severity::Warning, Severity::Notice] {
            let all = findings.iter().filter(|finding| finding.severity == severity);
            for finding in all.clone().take(ANNOTATIONS) {
                let title = format!("{}: {}", self.title(), finding.code);
                let text = format!("{} ({})", finding.message, finding.help);
                let place = finding.place.as_ref().map(|place| (place.file.as_str(), place.line));
                self.raw(&workflow_commands::annotation_at(severity.word(), &title, place, &self.redact(&text)));
            }
            let more = all.count().saturating_sub(ANNOTATIONS);
            // For errors, the error that ends the run says so.
            if more > 0 && severity != Severity::Error {
                let text = format!("{more} more are in the job summary");
                self.raw(&workflow_commands::annotation(severity.word(), &self.title(), &text));
            }
        }
    }

    /// Prints the error that ends a run. `is_annotated`: a finding already has an annotation for it.
    pub fn error(&self, explanation: &Explanation, is_annotated: bool) {
        let text = self.redact(&explanation.to_string());
        if self.mode == Mode::Actions && !is_annotated {
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let place = explanation.place.as_ref().map(|(file, line)| (file.as_str(), *line));
            self.raw(&workflow_commands::annotation_at("error", &self.title(), place, text));
        }
        self.say(&text);
    }

    /// Prints a line in verbose mode.
    pub fn debug(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Begins to show the output of a child process: in a workflow in a log group that ignores workflow commands,
    /// elsewhere in verbose mode only.
    pub fn child(&self, name: &str) -> ChildLog<'_> {
        let token = workflow_commands::random_word();
        if self.mode == Mode::Actions {
            self.raw(&format!("::group::{}\n::stop-commands::{token}", workflow_commands::escape(name)));
        }
        ChildLog { console: self, token }
    }

    /// The result, to standard output.
    pub fn result(&self, text: &str) {
        // Whoever reads our output may stop reading.
        writeln!(std::io::stdout(), "{}", self.harmless(text)).ok();
    }

    fn say(&self, text: &str) {
        self.raw(&self.harmless(text));
    }

    /// Removes secrets, and disarms workflow commands in text from outside.
    fn harmless(&self, text: &str) -> String {
        let text = self.redact(text);
        if self.mode == Mode::Actions { workflow_commands::disarm(&text) } else { text }
    }

    fn raw(&self, text: &str) {
        match &self.held {
            Some(held) => locked(&held.lines).push(text.to_owned()),
            None => self.write(text),
        }
    }

    fn write(&self, text: &str) {
        match self.mode {
            Mode::Actions => writeln!(std::io::stdout(), "{text}").ok(),
            Mode::Terminal | Mode::Plain => writeln!(std::io::stderr(), "{text}").ok(),
        };
    }
}

/// A step under way.
#[derive(Debug)]
pub struct Step<'a> {
    console: &'a Console,
    name: String,
    start: Instant,
    bar: ProgressBar,
}

impl Step<'_> {
    /// Replaces the spinner with a progress bar; `bytes` is the total.
    pub fn bar(&self, bytes: u64) -> &ProgressBar {
        self.bar.set_length(bytes);
        self.bar.set_style(
            ProgressStyle::with_template("{msg} {bar:30} {percent}% {elapsed}").expect("is a valid template"),
        );
        &self.bar
    }

    /// Ends the step without a line: there was nothing to do.
    pub fn skip(self) {
        self.bar.finish_and_clear();
    }

    /// Ends a step without effect: a line for a single layer, none for one of several.
    pub fn done_for_nothing(self, detail: &str) {
        if self.console.held.is_none() {
            return self.done(detail);
        }
        let seconds = self.start.elapsed().as_secs_f64();
        locked(&self.console.steps).push(StepTime { name: self.name, seconds });
    }

    pub fn done(self, detail: impl AsRef<str>) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        let shown = if seconds < 0.95 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") };
        self.console.say(format!("{shown:>8}  {:<32} {}", self.name, detail.as_ref()).trim_end());
        locked(&self.console.steps).push(StepTime { name: self.name, seconds });
    }
}

/// Shows the output of a child process while it runs.
#[derive(Debug)]
pub struct ChildLog<'a> {
    console: &'a Console,
    /// Makes the runner accept workflow commands again.
    token: String,
}

impl ChildLog<'_> {
    /// Shows one line, which must be without known secrets.
    pub fn line(&self, text: &str) {
        match self.console.mode {
            Mode::Actions => self.console.raw(text),
            Mode::Terminal | Mode::Plain => self.console.debug(text),
        }
    }
}

impl Drop for ChildLog<'_> {
    fn drop(&mut self) {
        if self.console.mode == Mode::Actions {
            self.console.raw(&format!("::{}::\n::endgroup::", self.token));
        }
    }
}
