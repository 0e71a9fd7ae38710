//! What a person sees while a run works: one line a step with its time, log groups in a workflow, a bar on a terminal.

use std::cell::{Ref, RefCell};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::actions;
use crate::audit::{Finding, Severity};
use crate::environment::Environment;
use crate::error::Explanation;
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

/// Writes progress to standard error, in a workflow to standard output, where it keeps its order.
#[derive(Debug)]
pub struct Console {
    mode: Mode,
    verbose: bool,
    secrets: RefCell<Secrets>,
    steps: RefCell<Vec<StepTime>>,
}

/// A finished step.
#[derive(Clone, Debug, Serialize)]
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
        Self { mode, verbose: environment.is_verbose(), secrets: RefCell::default(), steps: RefCell::default() }
    }

    /// From now on these are kept out of everything that is printed, in a workflow by the runner, too.
    pub fn hide(&self, secrets: &Secrets) {
        if self.mode == Mode::Actions {
            secrets.exposed().iter().for_each(|secret| self.raw(&actions::add_mask(secret)));
        }
        self.secrets.borrow_mut().extend(secrets);
    }

    /// Everything that was hidden so far.
    pub fn secrets(&self) -> Ref<'_, Secrets> {
        self.secrets.borrow()
    }

    pub fn redact(&self, text: &str) -> String {
        self.secrets.borrow().redact(text)
    }

    /// Begins a step. It is shown when it is done, on a terminal at once.
    pub fn step(&self, name: impl Into<String>) -> Step<'_> {
        let name = name.into();
        let bar = ProgressBar::with_draw_target(None, self.draw_target());
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("is a valid template"));
        bar.set_message(name.clone());
        if self.mode == Mode::Terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Step { console: self, name, start: Instant::now(), bar }
    }

    fn draw_target(&self) -> ProgressDrawTarget {
        if self.mode == Mode::Terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }

    pub fn steps(&self) -> Vec<StepTime> {
        self.steps.borrow().clone()
    }

    pub fn note(&self, text: &str) {
        self.say(&format!("  {text}"));
    }

    pub fn warning(&self, text: &str) {
        match self.mode {
            Mode::Actions => self.raw(&actions::annotation("warning", actions::TITLE, &self.redact(text))),
            Mode::Terminal | Mode::Plain => self.say(&format!("warning: {text}")),
        }
    }

    /// Good to know, and no fault of the layer's.
    pub fn notice(&self, text: &str) {
        match self.mode {
            Mode::Actions => self.raw(&actions::annotation("notice", actions::TITLE, &self.redact(text))),
            Mode::Terminal | Mode::Plain => self.say(&format!("notice: {text}")),
        }
    }

    /// One line each, worst first; in a workflow annotations. `is_refused`: errors are told at the end, together.
    pub fn findings(&self, findings: &[Finding], is_refused: bool) {
        if self.mode == Mode::Actions {
            return self.annotate(findings);
        }
        for finding in findings.iter().filter(|finding| !is_refused || finding.severity != Severity::Error) {
            let severity = format!("{}:", finding.severity.word());
            self.say(&format!("{severity:<8} {} ({}) [{}]", finding.message, finding.help, finding.code));
        }
    }

    /// In a workflow an annotation each, so many of a severity as are shown; nothing elsewhere.
    pub fn annotate(&self, findings: &[Finding]) {
        if self.mode != Mode::Actions {
            return;
        }
        for severity in [Severity::Error, Severity::Warning, Severity::Notice] {
            let all = findings.iter().filter(|finding| finding.severity == severity);
            for finding in all.clone().take(ANNOTATIONS) {
                let title = format!("{}: {}", actions::TITLE, finding.code);
                let text = format!("{} ({})", finding.message, finding.help);
                let place = finding.place.as_ref().map(|place| (place.file.as_str(), place.line));
                self.raw(&actions::annotation_at(severity.word(), &title, place, &self.redact(&text)));
            }
            let more = all.count().saturating_sub(ANNOTATIONS);
            // That of errors is the error that ends the run.
            if more > 0 && severity != Severity::Error {
                let text = format!("{more} more are in the job summary");
                self.raw(&actions::annotation(severity.word(), actions::TITLE, &text));
            }
        }
    }

    /// The end of a failed run. `is_annotated`: a finding said the same.
    pub fn error(&self, explanation: &Explanation, is_annotated: bool) {
        let text = self.redact(&explanation.to_string());
        if self.mode == Mode::Actions && !is_annotated {
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            self.raw(&actions::annotation("error", actions::TITLE, text));
        }
        self.say(&text);
    }

    /// Something that only a person who looks for a fault wants to see.
    pub fn debug(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// Begins to show what a child process says: in a workflow in a group, in which nothing is taken for a workflow
    /// command; elsewhere only to those who look for a fault.
    pub fn child(&self, name: &str) -> ChildLog<'_> {
        let token = actions::random_word();
        if self.mode == Mode::Actions {
            self.raw(&format!("::group::{}\n::stop-commands::{token}", actions::escape(name)));
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

    /// Without secrets; what comes from outside must not become a command of the runner.
    fn harmless(&self, text: &str) -> String {
        let text = self.redact(text);
        if self.mode == Mode::Actions { actions::disarm(&text) } else { text }
    }

    fn raw(&self, text: &str) {
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
    /// A bar of so many bytes in place of the spinner.
    pub fn bar(&self, bytes: u64) -> &ProgressBar {
        self.bar.set_length(bytes);
        self.bar.set_style(
            ProgressStyle::with_template("{msg} {bar:30} {percent}% {elapsed}").expect("is a valid template"),
        );
        &self.bar
    }

    /// Ends it without a word: there was nothing to do.
    pub fn skip(self) {
        self.bar.finish_and_clear();
    }

    pub fn done(self, detail: impl AsRef<str>) {
        let seconds = self.start.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        let shown = if seconds < 0.95 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") };
        self.console.say(format!("{shown:>8}  {:<32} {}", self.name, detail.as_ref()).trim_end());
        self.console.steps.borrow_mut().push(StepTime { name: self.name, seconds });
    }
}

/// What a child process says, while it says it.
#[derive(Debug)]
pub struct ChildLog<'a> {
    console: &'a Console,
    /// Ends the part in which the runner takes no commands.
    token: String,
}

impl ChildLog<'_> {
    /// One line, without known secrets.
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
