//! The commands on versions and layers that exist already: one layer after another.

use super::{finished, runtime, versions};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::registry::connections::Connections;
use crate::report::{Report, RunReport};
use crate::spec::{AuditSpec, Subject, VersionCommandSpec};
use crate::vulnerabilities::Answers;

/// Audits one layer after another: the imports of each take all processors.
///
/// # Errors
/// The failure of the only layer. Of several layers, each failure stands in the report of its layer.
pub fn audit(specs: &[AuditSpec], environment: &Environment, console: &Console) -> anyhow::Result<RunReport> {
    let connections = Connections::default();
    let one =
        async |spec: &AuditSpec, own: &Console| Box::pin(super::audit::run(spec, &connections, environment, own)).await;
    let subject = |spec: &AuditSpec| spec.subject.as_ref().map(Subject::name).unwrap_or_default();
    let name = |spec: &AuditSpec| spec.layer.clone().unwrap_or_else(|| subject(spec));
    one_by_one("audit", specs, name, &one, console)
}

/// Runs a command on published versions (share, attach, label, cleanup, usage, release), one layer after another.
///
/// # Errors
/// The failure of the only layer. Of several layers, each failure stands in the report of its layer.
pub fn manage_versions(
    specs: &[VersionCommandSpec],
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<RunReport> {
    let (connections, answers) = (Connections::default(), Answers::default());
    let one = async |spec: &VersionCommandSpec, own: &Console| {
        Box::pin(versions::run(spec, &connections, &answers, environment, own)).await
    };
    let command = specs[0].act.command();
    one_by_one(command, specs, |spec| spec.layer.to_string(), &one, console)
}

fn one_by_one<S>(
    command: &'static str,
    specs: &[S],
    name: impl Fn(&S) -> String,
    one: &impl AsyncFn(&S, &Console) -> anyhow::Result<Report>,
    console: &Console,
) -> anyhow::Result<RunReport> {
    runtime()?.block_on(async {
        if let [spec] = specs {
            let report = one(spec, console).await?;
            return Ok(RunReport::new(command, vec![Report { steps: console.steps(), ..report }]));
        }
        let mut layers = Vec::new();
        for spec in specs {
            let own = console.of_layer(&name(spec));
            let result = one(spec, &own).await;
            let report =
                result.unwrap_or_else(|error| Report::of_failure(command, name(spec), None, Explanation::of(&error)));
            layers.push(finished(report, &own));
            console.release(&own);
        }
        Ok(RunReport::new(command, layers))
    })
}
