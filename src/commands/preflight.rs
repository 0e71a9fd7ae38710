//! What every command does before it builds, and the checks that need AWS before it publishes.

use jiff::Timestamp;

use crate::audit::budget;
use crate::audit::budget::Candidate;
use crate::build::BuiltLayer;
use crate::console::Console;
use crate::decide::fingerprint::RawInputs;
use crate::environment::Environment;
use crate::error::counted;
use crate::spec::{ChosenPython, Spec};
use crate::types::Target;

/// The inputs as far as they decide what is in a layer; warnings about them are told first.
///
/// # Errors
/// An input that cannot be read.
pub(super) fn read_inputs(spec: &Spec, console: &Console) -> anyhow::Result<RawInputs> {
    let raw = RawInputs::of(spec, console.secrets())?;
    say_python(&spec.python, console);
    say_runtime(spec.target, console);
    spec.dependencies.notes.iter().for_each(|note| console.warning(note));
    Ok(raw)
}

/// Who chose the Python, if it was not named in the inputs.
pub(super) fn say_python(python: &ChosenPython, console: &Console) {
    python.notice().iter().for_each(|notice| console.notice(notice));
    python.warning().iter().for_each(|warning| console.warning(warning));
}

/// That the runtime is not one for production yet, or no longer.
pub(super) fn say_runtime(target: Target, console: &Console) {
    let python = target.python;
    if python.runtime().preview {
        console.notice(&format!(
            "Lambda's python{python} is a preview, which may change and is not meant for production (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)"
        ));
    }
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    if let Some(date) = python.runtime().deprecated.filter(|date| *date <= today) {
        console.warning(&format!(
            "Lambda's python{python} has been deprecated since {date} (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)"
        ));
    }
}

/// Whether what was made fits beside what functions have; not asked for what is refused anyway.
pub(super) async fn check_budgets(
    made: &mut BuiltLayer,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<()> {
    let functions = &spec.checks.budget_functions;
    if functions.is_empty() || made.archive().is_none() || made.is_refused() {
        return Ok(());
    }
    let step = console.step("Check the size budgets");
    let (name, unzipped) = (Some(spec.layer.as_str()), made.sizes.unzipped);
    let candidate = Candidate { name, unzipped, largest: &made.distributions };
    let findings = budget::check(functions, spec.registry.regions(), candidate, environment).await?;
    step.done(counted(functions.len(), "function"));
    made.add(findings, spec.checks.fail_on, console);
    Ok(())
}
