//! The command `audit`: opens a layer that something else made and checks it as one that was built here.

use crate::audit::{self, Finding};
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Explanation, Failure, counted};
use crate::facts;
use crate::inputs::{DEFAULT_ARCHITECTURE, DEFAULT_PYTHON_VERSION};
use crate::opened::{self, Opened};
use crate::report::{Report, distribution_sizes};
use crate::run::warn_of_deprecation;
use crate::runtime::Runtime;
use crate::spec::{AuditSpec, Subject};
use crate::types::{ByteSize, Target};

/// # Errors
/// What opening it says. What the checks find stands in the report.
pub async fn run(spec: &AuditSpec, environment: &Environment, console: &Console) -> anyhow::Result<Report> {
    let _ = environment;
    let target = Target {
        python: spec.python.unwrap_or_else(|| DEFAULT_PYTHON_VERSION.parse().expect("defaults are valid")),
        architecture: spec.architecture.unwrap_or_else(|| DEFAULT_ARCHITECTURE.parse().expect("defaults are valid")),
    };
    warn_of_deprecation(target, console);
    let opened = open(&spec.subject, console)?;
    let step = console.step("Check");
    let findings = check(&opened, target, spec);
    step.done(counted(findings.len(), "finding"));
    let reason = format!("{} in {} for {target}", audit::tally(&findings), spec.subject.shown());
    let rejection = audit::verdict_on_foreign(&findings, spec.checks.fail_on, &reason).err();
    let report = Report::of_audit(spec.subject.name(), target, reason);
    Ok(Report {
        code_sha256: opened.content,
        zipped_size: opened.zipped_size,
        unzipped_size: Some(opened.layer.unzipped_size()),
        distributions: distribution_sizes(opened.layer.sizes(), &opened.layer.distributions),
        rejection: rejection.map(|failure| Explanation::of(&failure.into())),
        findings,
        ..report
    })
}

fn open(subject: &Subject, console: &Console) -> anyhow::Result<Opened> {
    let step = console.step("Open");
    let secrets = console.secrets();
    let opened = match subject {
        Subject::Folder { path, shown } => opened::open_folder(path, shown, &secrets)?,
        Subject::Zip { path, shown } => {
            let (size, limit) = (fs_err::metadata(path)?.len(), facts::opening().zip);
            if size > limit {
                let failure = Failure::user(format!("`{shown}` has {}, far too much for a layer", ByteSize(size)));
                return Err(failure.hint(format!("zips of up to {} are opened", ByteSize(limit))).into());
            }
            opened::open_zip(&fs_err::read(path)?, shown, &secrets)?
        }
        Subject::Published(arn) => {
            return Err(Failure::user(format!("`{arn}` cannot be opened yet")).hint("download it").into());
        }
    };
    step.done(format!("{}, {}", counted(opened.layer.files.len(), "file"), opened.layer.unzipped_size()));
    Ok(opened)
}

/// Worst first.
fn check(opened: &Opened, target: Target, spec: &AuditSpec) -> Vec<Finding> {
    let mut findings = opened.findings.clone();
    // Without the bytes every check would miss something that is there.
    if opened.is_read {
        findings.extend(audit::check(&opened.layer, target, &Runtime::here(target.python)));
    }
    let largest = distribution_sizes(opened.layer.sizes(), &opened.layer.distributions);
    let unzipped = opened.layer.unzipped_size();
    findings.extend(audit::size::check_unzipped(unzipped, &largest));
    findings.extend(audit::size::check_limits(opened.zipped_size, Some(unzipped), &largest, &spec.checks));
    findings.sort_by(|left, right| left.rank().cmp(&right.rank()));
    findings
}
