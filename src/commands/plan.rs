//! The command `plan`: reports what `publish` would do, and builds nothing.

use super::{outcome, preflight};
use crate::decide;
use crate::decide::plan::Action;
use crate::decide::{Context, Decision, native, unresolved};
use crate::manifest::Meaning;
use crate::report::Report;
use crate::spec::Spec;

/// # Errors
/// What keeps this run from knowing what is published.
pub async fn run<'scope>(spec: &'scope Spec, context: Context<'_, 'scope, '_>) -> anyhow::Result<Report> {
    let Context { environment, console, connections, workers } = context;
    let raw = preflight::read_inputs(spec, console)?;
    spec.registry.doubts(environment).iter().for_each(|doubt| console.warning(doubt));
    let step = console.step("Check for changes");
    let mut connected = decide::read(spec, connections, environment, console).await?;
    decide::python::check(spec, &connected.known)?;
    let state = &connected.known.state;
    if let Some(reason) = unresolved::reason(spec, &raw, state, environment, workers).await? {
        step.done_for_nothing("a build is needed");
        let report = outcome::unresolved(spec, reason, &connected.registry);
        return Ok(with_image(report, None, spec, context));
    }
    let Decision { wanted, existing, plan, .. } = decide::decide(spec, &raw, &mut connected, context).await?;
    let report = match plan.action {
        Action::Unchanged(content) => {
            step.done_for_nothing("nothing to do");
            outcome::unchanged(spec, &wanted, content, plan.reason, &connected.known.state, &existing, console)?
        }
        Action::Build => {
            step.done_for_nothing("a build is needed");
            outcome::planned(spec, &wanted, plan, &existing, &connected.registry)
        }
    };
    Ok(with_image(report, Some(&wanted.meaning()), spec, context))
}

/// Notes which image is to build it, and says in a workflow what this program has found out by itself. `wanted` is what the
/// dependency files mean, where that is known.
fn with_image(report: Report, wanted: Option<&Meaning>, spec: &Spec, context: Context<'_, '_, '_>) -> Report {
    let Context { environment, console, .. } = context;
    let native = native::reason(spec, wanted);
    let is_news = environment.in_actions() && spec.native.is_none() && report.needs_build();
    if let Some(why) = native.as_ref().filter(|_| is_news) {
        let python = spec.target.python;
        let image = if python.runtime().preview {
            format!("your own machine with Python {python}, because this preview has no image yet")
        } else {
            format!("the python{python} image")
        };
        console.notice(&format!(
            "{why}, so it needs {image} (`matrix-native`); if the small image can build it, set `native: false`"
        ));
    }
    Report { native: Some(native.is_some()), ..report }
}
