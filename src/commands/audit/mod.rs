//! The command `audit`: opens a layer that another tool built and checks it like one that was built here.

mod source;

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::known_vulnerabilities;
use super::preflight::say_runtime;
use super::usage;
use crate::archive::{self, Opened};
use crate::audit::budget::Candidate;
use crate::audit::smoke::times::{self, Measured};
use crate::audit::{self, budget, import_time, licences, size, smoke, verdict};
use crate::console::Console;
use crate::documents::{self, Place};
use crate::environment::Environment;
use crate::error::{Explanation, counted};
use crate::layer::import_times::ImportTimes;
use crate::layer::{Finding, Layer, Materials, Origins, distribution_sizes};
use crate::process::Pythons;
use crate::registry::connections::Connections;
use crate::registry::fetch;
use crate::report::Report;
use crate::runtime::Runtime;
use crate::spec::{AuditSpec, SmokeTest, Subject};
use crate::types::{ByteSize, Target};
use crate::vulnerabilities::{self, Boms, Lookup};
use source::{Source, current, open, target};

/// Opens and checks one layer. Findings stand in the report.
///
/// # Errors
/// The layer cannot be found, downloaded or opened.
pub async fn run(
    spec: &AuditSpec,
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<Report> {
    let lookup = Lookup::prepare(spec.checks.vulnerabilities.as_ref(), environment)?;
    let subject = match &spec.subject {
        Some(subject) => subject.clone(),
        None => Subject::Published(current(spec, connections, environment, console).await?),
    };
    let published = match &subject {
        Subject::Published(arn) => {
            let step = console.step("Download the layer");
            let published = fetch::fetch(arn, &spec.registry, environment).await?;
            step.done(ByteSize(published.zip.len() as u64).to_string());
            Some(published)
        }
        Subject::Zip { .. } | Subject::Folder { .. } => None,
    };
    let source = &Source { subject, published };
    let published = source.published.as_ref();
    let target = target(spec, published, console)?;
    say_runtime(target, console);
    let opened = open(source, console)?;
    let largest = distribution_sizes(opened.layer.sizes(), &opened.layer.distributions);
    let unzipped = opened.layer.unzipped_size();

    let step = console.step("Check the layer");
    let mut findings = opened.findings.clone();
    // Checks need the bytes: without them they would report files as missing.
    if opened.is_read {
        findings.extend(audit::check(&opened.layer, target, &Runtime::here(target.python)));
    }
    findings.extend(published.into_iter().flat_map(|published| published.check_declaration(target)));
    findings.extend(size::check_unzipped(unzipped, &largest));
    findings.extend(size::check_limits(opened.zipped_size, Some(unzipped), &largest, &spec.checks));
    findings.extend(licences::check(&largest, &opened.layer.distributions, &spec.checks.licences));
    let candidate = Candidate { name: spec.layer.as_deref(), unzipped, largest: &largest };
    let regions = spec.registry.regions();
    findings.extend(budget::check(&spec.checks.budget_functions, regions, candidate, environment).await?);
    step.done(counted(findings.len(), "finding"));
    let (mut findings, import_times) = smoke_test(spec, &opened, source, findings, target, environment, console)?;
    findings.extend(import_time::check(import_times.as_ref(), spec.checks.max_import_time));
    let origins = Origins { is_default: !spec.has_other_indexes, ..Origins::default() };
    let boms = if lookup.is_some() && opened.is_read { boms(&opened.layer, source)? } else { Boms::default() };
    let subject = vulnerabilities::Subject {
        layer: &opened.layer,
        target,
        origins: &origins,
        boms: &boms,
        direct: &BTreeSet::new(),
        before: None,
    };
    let known = match &lookup {
        Some(lookup) if opened.is_read => known_vulnerabilities::look_up(lookup, subject, console).await?,
        Some(_) | None => None,
    };
    let (known, new) = known.unzip();
    findings.extend(new.into_iter().flatten());
    findings.sort_by(|left, right| left.rank().cmp(&right.rank()));
    console.annotate(&findings);

    let reason = format!("{} in {} for {target}", verdict::tally(&findings), source.subject.shown());
    let rejection = verdict::verdict_on_foreign(&findings, spec.checks.fail_on, &reason).err();
    let materials = materials(spec, &opened, source)?;
    let report = Report {
        code_sha256: opened.content,
        zipped_size: opened.zipped_size,
        unzipped_size: Some(unzipped),
        distributions: largest,
        rejection: rejection.map(|failure| Explanation::of(&failure.into())),
        findings,
        vulnerabilities: known,
        import_times,
        materials,
        ..Report::of_audit(source.subject.name(), target, reason)
    };
    // If the bytes were not read, the content is unknown.
    let report = if opened.is_read { report.with_layer(opened.layer) } else { report };
    let report = usage::add_for_audit(report, spec, connections, environment, console).await;
    Ok(documents::write_all(
        report,
        &spec.documents,
        Place { start: &spec.start, workspace: &spec.workspace },
        environment,
        console,
    ))
}

/// What the requested documents need from the content of the layer.
fn materials(spec: &AuditSpec, opened: &Opened, source: &Source) -> anyhow::Result<Materials> {
    let Opened { layer, is_read, .. } = opened;
    if spec.documents.is_empty() || !is_read {
        return Ok(Materials::default());
    }
    let of_zip = |zip: &[u8]| {
        let bytes_of = archive::reader_of_zip(zip, &source.subject.shown())?;
        anyhow::Ok(Materials::gather(layer, spec.documents.materials(), Origins::default(), bytes_of))
    };
    match &source.subject {
        Subject::Folder { path, .. } => {
            let bytes_of = |file: &Utf8Path| fs_err::read(path.join(file)).ok();
            Ok(Materials::gather(layer, spec.documents.materials(), Origins::default(), bytes_of))
        }
        Subject::Zip { path, .. } => of_zip(&fs_err::read(path)?),
        Subject::Published(_) => of_zip(source.zip()),
    }
}

/// What the distributions say that they bundle.
fn boms(layer: &Layer, source: &Source) -> anyhow::Result<Boms> {
    if !Boms::are_in(layer) {
        return Ok(Boms::default());
    }
    let of_zip = |zip: &[u8]| anyhow::Ok(Boms::read(layer, archive::reader_of_zip(zip, &source.subject.shown())?));
    match &source.subject {
        Subject::Folder { path, .. } => Ok(Boms::read(layer, |file| fs_err::read(path.join(file)).ok())),
        Subject::Zip { path, .. } => of_zip(&fs_err::read(path)?),
        Subject::Published(_) => of_zip(source.zip()),
    }
}

/// Imports the modules, and measures how long that takes, but only if the user asked for it: an audit alone must not run the code of others.
fn smoke_test(
    spec: &AuditSpec,
    opened: &Opened,
    source: &Source,
    mut known: Vec<Finding>,
    target: Target,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<(Vec<Finding>, Option<ImportTimes>)> {
    let wanted = &spec.checks.smoke_test;
    if matches!(wanted, SmokeTest::Auto | SmokeTest::Off) {
        return Ok((known, None));
    }
    if !opened.is_read {
        known.push(smoke::not_run(wanted, "the zip cannot be unpacked", "correct the zip so that it can be unpacked"));
        return Ok((known, None));
    }
    let lay_out = |opt: &Utf8Path| match &source.subject {
        Subject::Folder { path, shown } => archive::lay_out_folder(path, shown, opt),
        Subject::Zip { path, shown } => archive::lay_out_zip(&fs_err::read(path)?, shown, opt),
        Subject::Published(arn) => archive::lay_out_zip(source.zip(), &arn.to_string(), opt),
    };
    let subject = smoke::Subject { layer: &opened.layer, known: &known, excluded: &BTreeSet::new(), target, wanted };
    let pythons = Pythons::find(target, &environment.current_directory, environment, console);
    let findings = smoke::test_laid_out(&subject, lay_out, &pythons, environment, console)?;
    let named = BTreeSet::new();
    let measured = Measured { layer: &opened.layer, target, wanted, known: &findings, named: &named };
    let times = times::compare((&measured, &lay_out), None, &pythons, environment, console)?;
    Ok((findings, times))
}
