//! The program: reads the environment, runs, tells, and leaves with a code that says who has to act.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use lambda_layer::console::Console;
use lambda_layer::environment::Environment;
use lambda_layer::error::Explanation;
use lambda_layer::inputs::{Cli, Command, Inputs};
use lambda_layer::report::{self, Report};
use lambda_layer::spec::{ActSpec, AuditSpec, Spec, Task, Verb};
use lambda_layer::{act, actions, credentials, inspect, run, sandbox};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(arguments) = sandbox::arguments(&arguments) {
        let error = sandbox::enter(arguments);
        writeln!(std::io::stderr(), "{}", Explanation::of(&error).one_line()).ok();
        return ExitCode::from(sandbox::UNAVAILABLE);
    }
    let environment = environment();
    let console = Console::new(&environment);
    console.hide(&credentials::of(&environment, &arguments));
    let cli = match Cli::read(arguments, environment.variables()) {
        Ok(cli) => cli,
        Err(Ok(text)) => {
            console.result(text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(Err(failure)) => return end(Err(failure.into()), true, &environment, &console),
    };
    let wants_summary =
        !cli.command.inputs().summary.as_deref().is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
    let result = match &cli.command {
        Command::Publish(inputs) => make(Task::Publish, inputs, &environment, &console),
        Command::Build(inputs) => make(Task::Build, inputs, &environment, &console),
        Command::Plan(inputs) => make(Task::Plan, inputs, &environment, &console),
        Command::Preview(inputs) => make(Task::Preview, inputs, &environment, &console),
        Command::Audit(audit) => inspect(&audit.inputs, &environment, &console),
        Command::Share(inputs) => act(Verb::Share, inputs, &environment, &console),
        Command::Attach(inputs) => act(Verb::Attach, inputs, &environment, &console),
        Command::Label(inputs) => act(Verb::Label, inputs, &environment, &console),
        Command::Cleanup(inputs) => act(Verb::Cleanup, inputs, &environment, &console),
        Command::Release(inputs) => act(Verb::Release, inputs, &environment, &console),
    };
    end(result, wants_summary, &environment, &console)
}

fn make(task: Task, inputs: &Inputs, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let spec = Spec::resolve(task, inputs, environment)?;
    console.hide(&spec.secrets());
    runtime()?.block_on(run::run(&spec, environment, console))
}

fn inspect(inputs: &Inputs, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let spec = AuditSpec::resolve(inputs, environment)?;
    runtime()?.block_on(inspect::run(&spec, environment, console))
}

fn act(verb: Verb, inputs: &Inputs, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let spec = ActSpec::resolve(verb, inputs, environment)?;
    runtime()?.block_on(act::run(&spec, environment, console))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The only place that reads the process environment.
#[expect(clippy::disallowed_methods, reason = "everything else gets the environment as a value")]
fn environment() -> Environment {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let current = std::env::current_dir().ok().and_then(|folder| Utf8PathBuf::try_from(folder).ok());
    Environment::new(variables, current.unwrap_or_else(|| Utf8PathBuf::from(".")))
}

/// Tells the result everywhere: outputs and summary of a workflow, the terminal, the exit code.
fn end(result: anyhow::Result<Report>, wants_summary: bool, environment: &Environment, console: &Console) -> ExitCode {
    let redact = |text: &str| console.redact(text);
    let result = result.map(|report| Report { steps: console.steps(), ..report }.redacted(redact));
    let (outputs, summary, failure) = match &result {
        Ok(report) => (report::outputs(report), report::summary(report), report.failure()),
        Err(error) => {
            let explanation = Explanation::of(error).map(redact);
            (report::outputs_of_failure(&explanation), report::failure_summary(&explanation), Some(explanation))
        }
    };
    if let Ok(report) = &result {
        console.result(&report::text(report));
    }
    if let Some(explanation) = &failure {
        let is_annotated = result.as_ref().is_ok_and(|report| report.has_error(&explanation.error));
        console.error(explanation, is_annotated);
    }
    let mut code = failure.map_or(0, |explanation| explanation.exit_code());
    let summary = if wants_summary { actions::write_summary(&console.redact(&summary), environment) } else { Ok(()) };
    for written in [actions::write_outputs(&outputs, environment), summary] {
        if let Err(error) = written {
            console.error(&Explanation::of(&error), false);
            code = code.max(2);
        }
    }
    ExitCode::from(code)
}
