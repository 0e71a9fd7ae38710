//! `plan --since`: finds the layers whose files did not change in git since a revision, without asking AWS.

mod repository;

use camino::Utf8Path;

use crate::cli::{Command, given};
use crate::commands::since::repository::Revision;
use crate::console::Console;
use crate::error::Failure;
use crate::report::Report;
use crate::spec::{Spec, input_paths};

/// The input, for the command that has use for it.
///
/// # Errors
/// It is given to another command.
pub fn read(command: &Command) -> Result<Option<String>, Failure> {
    let Some(revision) = given(command.inputs().since.as_ref()) else { return Ok(None) };
    if matches!(command, Command::Plan(_)) {
        return Ok(Some(revision.to_owned()));
    }
    let failure = Failure::user(format!("`since` is `{revision}`, but only `plan` checks what changed in git"));
    Err(failure.hint("remove it; `plan` returns a matrix of the layers that need a build"))
}

/// The reports of layers of which nothing changed, in the order of the layers; `None` for the others.
///
/// # Errors
/// There is no repository, or no such revision in it.
pub fn untouched(
    specs: &[Spec],
    revision: &str,
    config: Option<&Utf8Path>,
    console: &Console,
) -> Result<Vec<Option<Report>>, Failure> {
    let step = console.step(format!("Compare with {revision}"));
    if is_none(revision) {
        step.skip();
        console.notice(
            "`since` does not refer to a revision, as on the first push of a branch, so all layers are checked",
        );
        return Ok(specs.iter().map(|_| None).collect());
    }
    let mut revision = Revision::open(&specs[0].workspace, revision)?;
    // What it says of a layer is not taken apart.
    let changed = config.and_then(|path| revision.difference(path));
    let reports = specs.iter().map(|spec| {
        let missing = || input_paths::of_missing(spec).iter().find_map(|path| revision.difference(path));
        // What is resolved again changes without a change in git.
        let refreshed = spec.dependencies.refresh.then(|| "`refresh` resolves it again".to_owned());
        let changed = changed.clone().or(refreshed).or_else(missing);
        let changed = changed.or_else(|| input_paths::of(spec).iter().find_map(|path| revision.difference(path)));
        match changed {
            Some(path) => {
                console.debug(&format!("{}: differs from `{}`: {path}", spec.layer, revision.name()));
                None
            }
            None => {
                Some(Report::of_untouched(spec, format!("nothing in this layer changed since `{}`", revision.name())))
            }
        }
    });
    let reports: Vec<Option<Report>> = reports.collect();
    let count = reports.iter().flatten().count();
    step.done(format!("{count} of {} untouched", specs.len()));
    Ok(reports)
}

/// What GitHub has for the revision before the first one of a branch (`github.event.before`).
fn is_none(revision: &str) -> bool {
    revision.len() >= 40 && revision.bytes().all(|byte| byte == b'0')
}
