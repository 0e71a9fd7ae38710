//! The program: reads the environment, runs the command, reports the result and exits with a code that says who has to act.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use lambda_layer::build::install::no_compiler;
use lambda_layer::cli::{Cli, Command, Inputs};
use lambda_layer::commands::{RunOptions, merge, results, since};
use lambda_layer::config::{Resolved, init};
use lambda_layer::console::Console;
use lambda_layer::environment::{Environment, certificates, installer_variables};
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
    if let Some(code) = no_compiler::act(&arguments, &environment) {
        return ExitCode::from(code);
    }
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
        Command::Publish(_) => run_task(Task::Publish, &cli, &environment, &console),
        Command::Build(_) => run_task(Task::Build, &cli, &environment, &console),
        Command::Plan(_) => run_task(Task::Plan, &cli, &environment, &console),
        Command::Preview(_) => run_task(Task::Preview, &cli, &environment, &console),
        Command::Audit(_) => audit(&cli, &environment, &console),
        Command::Share(_) => manage_versions(Verb::Share, &cli, &environment, &console),
        Command::Attach(_) => manage_versions(Verb::Attach, &cli, &environment, &console),
        Command::Label(_) => manage_versions(Verb::Label, &cli, &environment, &console),
        Command::Cleanup(_) => manage_versions(Verb::Cleanup, &cli, &environment, &console),
        Command::Usage(_) => manage_versions(Verb::Usage, &cli, &environment, &console),
        Command::Release(_) => manage_versions(Verb::Release, &cli, &environment, &console),
        Command::Merge(_) => merge::run(&cli, &environment, &console),
        Command::Init(inputs) => return print(init::run(inputs, &cli.given, &environment), &environment, &console),
        Command::Schema(_) => return print(Ok(config::schema()), &environment, &console),
    };
    end(result, Some(&cli), wants_summary, &environment, &console)
}

fn run_task(task: Task, cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    certificates::check(environment)?;
    let left_out = installer_variables::left_out(environment);
    if !left_out.is_empty() {
        console.debug(&format!("set, but not passed on to installers and lock tools: {}", left_out.join(", ")));
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
    let options = RunOptions { jobs: config::jobs(cli.command.inputs())?, since, config };
    commands::run_task(&specs, &options, environment, console)
}

fn audit(cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    certificates::check(environment)?;
    since::read(&cli.command)?;
    let resolve = |inputs: &Inputs| AuditSpec::resolve(inputs, environment);
    let specs = specs(config::resolve(cli, environment, resolve)?, console);
    commands::audit(&specs, environment, console)
}

fn manage_versions(verb: Verb, cli: &Cli, environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    certificates::check(environment)?;
    since::read(&cli.command)?;
    let resolve = |inputs: &Inputs| VersionCommandSpec::resolve(verb, inputs, environment);
    let specs = specs(config::resolve(cli, environment, resolve)?, console);
    interrupt::listen()?;
    commands::manage_versions(&specs, environment, console)
}

fn specs<S>(resolved: Resolved<S>, console: &Console) -> Vec<S> {
    resolved.notes.iter().for_each(|note| console.notice(note));
    resolved.specs
}

/// The end of a command whose whole result is a text.
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

/// Reports the result everywhere: outputs and summary of the workflow, terminal, exit code.
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
        Ok(run) => (report::outputs(run), report::summary(run, environment.docs().as_deref()), run.failure()),
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
    let kept = kept.context("could not write the results");
    for written in [workflow_commands::write_outputs(&outputs, environment), summary, kept] {
        if let Err(error) = written {
            console.error(&Explanation::of(&error), false);
            code = code.max(2);
        }
    }
    interrupt::leave_end_to_signal();
    ExitCode::from(code)
}
