//! The program: reads the environment, runs, tells, and leaves with a code that says who has to act.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use lambda_layer::cli::{Cli, Command, Inputs};
use lambda_layer::commands::{Orders, merge, results, since};
use lambda_layer::config::{Resolved, init};
use lambda_layer::console::Console;
use lambda_layer::environment::{Environment, installer_variables};
use lambda_layer::error::Explanation;
use lambda_layer::github::workflow_commands;
use lambda_layer::manifest::ParsedLocks;
use lambda_layer::process::{interrupt, sandbox};
use lambda_layer::report::RunReport;
use lambda_layer::secrets::credentials;
use lambda_layer::spec::{AuditSpec, Spec, Task, Verb, VersionCommandSpec, conflicts};
use lambda_layer::{commands, config, report};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(arguments) = sandbox::arguments(&arguments) {
        let error = sandbox::enter(arguments);
        writeln!(std::io::stderr(), "{}", Explanation::of(&error).one_line()).ok();
        return ExitCode::from(sandbox::UNAVAILABLE);
    }
    sandbox::hide_this_process();
    let environment = environment();
    let console = Console::new(&environment);
    console.hide(&credentials::of(&environment, &arguments));
    let cli = match Cli::read(arguments, environment.variables()) {
        Ok(cli) => cli,
        Err(Ok(text)) => {
            console.result(text.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(Err(failure)) => return end(Err(failure.into()), None, true, &environment, &console),
    };
    let wants_summary =
        !cli.command.inputs().summary.as_deref().is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
    let result = match &cli.command {
        Command::Publish(_) => make(Task::Publish, &cli, &environment, &console),
        Command::Build(_) => make(Task::Build, &cli, &environment, &console),
        Command::Plan(_) => make(Task::Plan, &cli, &environment, &console),
        Command::Preview(_) => make(Task::Preview, &cli, &environment, &console),
        Command::Audit(_) => inspect(&cli, &environment, &console),
        Command::Share(_) => act(Verb::Share, &cli, &environment, &console),
        Command::Attach(_) => act(Verb::Attach, &cli, &environment, &console),
        Command::Label(_) => act(Verb::Label, &cli, &environment, &console),
        Command::Cleanup(_) => act(Verb::Cleanup, &cli, &environment, &console),
        Command::Release(_) => act(Verb::Release, &cli, &environment, &console),
        Command::Merge(_) => merge::run(&cli, &environment, &console),
        Command::Init(inputs) => return print(init::run(inputs, &cli.given, &environment), &environment, &console),
        Command::Schema(_) => return print(Ok(config::schema()), &environment, &console),
    };
    end(result, Some(&cli), wants_summary, &environment, &console)
}

fn make(task: Task, cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    task.check(environment)?;
    let left_out = installer_variables::left_out(environment);
    if !left_out.is_empty() {
        console.debug(&format!("set, and not passed on to installers and lock tools: {}", left_out.join(", ")));
    }
    let since = since::read(&cli.command)?;
    let parsed = ParsedLocks::default();
    let resolve = |inputs: &Inputs| Spec::resolve(task, inputs, &parsed, environment);
    let specs = specs(config::resolve(cli, environment, resolve)?, console);
    conflicts::check(&specs)?;
    for spec in &specs {
        console.hide(&spec.secrets());
    }
    let workspace = environment.workspace(&environment.current_directory);
    let config = config::path(cli, environment).map(|path| workspace.join(path));
    interrupt::listen()?;
    let orders = Orders { jobs: config::jobs(cli.command.inputs())?, since, config };
    commands::make(&specs, &orders, environment, console)
}

fn inspect(cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    since::read(&cli.command)?;
    let resolve = |inputs: &Inputs| AuditSpec::resolve(inputs, environment);
    let specs = specs(config::resolve(cli, environment, resolve)?, console);
    commands::audit(&specs, environment, console)
}

fn act(verb: Verb, cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    since::read(&cli.command)?;
    let resolve = |inputs: &Inputs| VersionCommandSpec::resolve(verb, inputs, environment);
    let specs = specs(config::resolve(cli, environment, resolve)?, console);
    interrupt::listen()?;
    commands::act(&specs, environment, console)
}

fn specs<S>(resolved: Resolved<S>, console: &Console) -> Vec<S> {
    resolved.notes.iter().for_each(|note| console.notice(note));
    resolved.specs
}

/// Of a command whose text is all there is.
fn print(result: anyhow::Result<String>, environment: &Environment, console: &Console) -> ExitCode {
    match result {
        Ok(text) => {
            console.result(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => end(Err(error), None, true, environment, console),
    }
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
fn end(
    result: anyhow::Result<RunReport>,
    cli: Option<&Cli>,
    wants_summary: bool,
    environment: &Environment,
    console: &Console,
) -> ExitCode {
    let redact = |text: &str| console.redact(text);
    let result = result.map(|run| RunReport { steps: console.steps(), ..run }.redacted(redact));
    let (outputs, summary, failure) = match &result {
        Ok(run) => (report::outputs(run), report::summary(run), run.failure()),
        Err(error) => {
            let explanation = Explanation::of(error).map(redact);
            (report::outputs_of_failure(&explanation), report::failure_summary(&explanation), Some(explanation))
        }
    };
    let kept = match (&result, &failure, cli) {
        (Ok(run), _, Some(cli)) => results::write(Ok(run), cli, environment),
        (Err(_), Some(explanation), Some(cli)) => results::write(Err(explanation), cli, environment),
        _ => Ok(()),
    };
    if let Ok(run) = &result {
        console.result(&report::text(run));
    }
    if let Some(explanation) = &failure {
        let is_annotated =
            result.as_ref().is_ok_and(|run| run.only().is_none_or(|report| report.has_error(&explanation.error)));
        console.error(explanation, is_annotated);
    }
    let mut code = failure.map_or(0, |explanation| explanation.exit_code());
    let summary =
        if wants_summary { workflow_commands::write_summary(&console.redact(&summary), environment) } else { Ok(()) };
    let kept = kept.context("cannot write the results");
    for written in [workflow_commands::write_outputs(&outputs, environment), summary, kept] {
        if let Err(error) = written {
            console.error(&Explanation::of(&error), false);
            code = code.max(2);
        }
    }
    ExitCode::from(code)
}
