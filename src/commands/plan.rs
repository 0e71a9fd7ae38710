//! The command `plan`: reports what `publish` would do, and builds nothing.

use super::{outcome, preflight};
use crate::decide;
use crate::decide::native::needs_native;
use crate::decide::plan::Action;
use crate::decide::{Context, Decision, unresolved};
use crate::report::Report;
use crate::spec::Spec;

/// # Errors
/// What keeps this run from knowing what is published.
pub async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Context { environment, console, connections, workers } = context;
    let raw = preflight::read_inputs(spec, console)?;
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));
    let step = console.step("Decide");
    let mut connected = decide::read(spec, connections, environment, console).await?;
    decide::python::check(spec, &connected.known)?;
    let state = &connected.known.state;
    if let Some(reason) = unresolved::reason(spec, &raw, state, environment, workers).await? {
        step.done_for_nothing("to be built");
        let report = outcome::unresolved(spec, reason, &connected.registry);
        return Ok(Report { native: Some(needs_native(spec, None)), ..report });
    }
    let Decision { wanted, existing, plan, .. } = decide::decide(spec, &raw, &mut connected, context).await?;
    let report = match plan.action {
        Action::Unchanged(content) => {
            step.done_for_nothing("nothing to do");
            outcome::unchanged(spec, &wanted, content, plan.reason, &connected.known.state, &existing, console)?
        }
        Action::Build => {
            step.done_for_nothing("to be built");
            outcome::planned(spec, &wanted, plan, &existing, &connected.registry)
        }
    };
    Ok(Report { native: Some(needs_native(spec, Some(&wanted.meaning()))), ..report })
}
