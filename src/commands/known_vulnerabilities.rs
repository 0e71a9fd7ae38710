//! Looks up known vulnerabilities of a layer that was built, and adds them to its report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::archive;
use crate::build::BuiltLayer;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::layer::{Finding, KnownFinding, Layer, ManifestPlace, Origins};
use crate::manifest::Manifest;
use crate::registry::state::State;
use crate::report::Report;
use crate::spec::Spec;
use crate::types::DistributionName;
use crate::versions::usage::LayerUsage;
use crate::vulnerabilities::{Answers, Boms, Effect, Lookup, Outcome, PublishedVersion, Subject, Vulnerabilities};

/// A look-up that is ready before the build, and what only the dependency files tell.
pub(super) struct Prepared {
    lookup: Lookup,
    origins: Origins,
}

/// What [`Prepared`] needs before the dependencies are resolved. `None` if nothing is to be looked up.
///
/// # Errors
/// The user's if the database is none, or if the environment names a wrong address.
pub(super) fn lookup(spec: &Spec, environment: &Environment) -> Result<Option<Lookup>, Failure> {
    Lookup::prepare(spec.checks.vulnerabilities.as_ref(), environment)
}

/// The day of this run.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

impl Prepared {
    pub(super) fn of(lookup: Option<Lookup>, spec: &Spec, manifest: &Manifest) -> Option<Self> {
        let lookup = lookup?;
        Some(Self { lookup, origins: Origins::of(spec, manifest) })
    }
}

/// Adds what is known to the layer and its report, which is already compared with what was there before.
///
/// # Errors
/// The user's if the database cannot be read.
pub(super) async fn add(
    prepared: Option<Prepared>,
    built: &mut BuiltLayer,
    report: Report,
    spec: &Spec,
    console: &Console,
) -> anyhow::Result<Report> {
    let (Some(Prepared { lookup, origins }), Some(layer)) = (prepared, &built.layer) else { return Ok(report) };
    let before = report.before.as_ref().map(|before| before.distributions.as_slice());
    let zip = match built.archive() {
        Some(archive) if Boms::are_in(layer) => fs_err::read(archive.path())?,
        Some(_) | None => Vec::new(),
    };
    let boms = boms(layer, &zip);
    let places = built.provenance.iter().filter_map(|(name, found)| Some((name.parse().ok()?, found.place.clone()?)));
    let places: BTreeMap<DistributionName, ManifestPlace> = places.collect();
    let direct = places.keys().cloned().collect();
    let subject = Subject { layer, target: spec.target, origins: &origins, boms: &boms, direct: &direct, before };
    let Some((vulnerabilities, mut findings)) = look_up(&lookup, subject, console).await? else { return Ok(report) };
    for finding in &mut findings {
        finding.place = place_of(finding, &vulnerabilities, &places).map(Box::new);
    }
    let kept: Vec<KnownFinding> =
        findings.iter().filter(|finding| is_kept(finding, &vulnerabilities)).map(KnownFinding::of).collect();
    built.add(findings, spec.checks.fail_on, console);
    let mut report = Report { findings: built.findings.clone(), vulnerabilities: Some(vulnerabilities), ..report };
    // A version does not record them: what is known of it may be new, but this change did not bring it.
    if let Some(known) = report.before.as_mut().and_then(|before| before.findings.as_mut()) {
        known.extend(kept);
    }
    Ok(report)
}

/// What the distributions in this zip say that they bundle.
fn boms(layer: &Layer, zip: &[u8]) -> Boms {
    match archive::reader_of_zip(zip, "layer") {
        Ok(bytes_of) => Boms::read(layer, bytes_of),
        Err(_not_packed) => Boms::default(),
    }
}

/// `None` if there is no network, and nobody asked for it.
///
/// # Errors
/// The user's if the database cannot be read.
pub(super) async fn look_up(
    lookup: &Lookup,
    subject: Subject<'_>,
    console: &Console,
) -> Result<Option<(Vulnerabilities, Vec<Finding>)>, Failure> {
    let step = console.step("Look up known vulnerabilities");
    let Outcome { vulnerabilities, findings, note } = lookup.run(subject, today()).await?;
    let Some(vulnerabilities) = vulnerabilities else {
        step.skip();
        if let Some(note) = note {
            console.note(&note);
        }
        return Ok(None);
    };
    let found = match vulnerabilities.open().count() {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    step.done(format!("{found} in {}", counted(vulnerabilities.asked, "distribution")));
    Ok(Some((vulnerabilities, findings)))
}

/// Adds to each version what is known of it. The result is about those versions that are current or in use.
///
/// # Errors
/// The user's if the database cannot be read.
pub(super) async fn add_to_usage(
    (lookup, answers): (&Lookup, &Answers),
    usage: &mut LayerUsage,
    state: &State,
    console: &Console,
) -> Result<(Option<Vulnerabilities>, Vec<Finding>), Failure> {
    let step = console.step("Look up known vulnerabilities");
    let nowhere = BTreeMap::new();
    let versions = usage.versions.iter().map(|version| {
        let contents = version.contents.iter().filter_map(|hash| state.contents.get(hash));
        // Of a content that was read off the lists of versions nothing else is known.
        let content = contents.into_iter().find(|content| content.unzipped_size.is_some());
        PublishedVersion {
            distributions: content.map(|content| content.distributions.as_slice()),
            standings: content.map_or(&nowhere, |content| &content.standings),
            counts: version.is_of_interest(),
        }
    });
    let versions: Vec<PublishedVersion<'_>> = versions.collect();
    let (outcome, known) = lookup.run_on_published(&versions, answers, today()).await?;
    for (version, known) in usage.versions.iter_mut().zip(known) {
        version.known_vulnerabilities = Some(known);
    }
    let asked = outcome.vulnerabilities.as_ref().map_or(0, |known| known.asked);
    step.done(counted(asked, "distribution"));
    Ok((outcome.vulnerabilities, outcome.findings))
}

/// The line that asks for the distribution, or for one that brings it.
fn place_of(
    finding: &Finding,
    vulnerabilities: &Vulnerabilities,
    places: &BTreeMap<DistributionName, ManifestPlace>,
) -> Option<ManifestPlace> {
    let name = finding.distribution.as_ref()?;
    let brought_by = vulnerabilities.found.iter().find(|one| one.distribution == *name).map(|one| &one.brought_by);
    std::iter::once(name).chain(brought_by.into_iter().flatten()).find_map(|name| places.get(name)).cloned()
}

fn is_kept(finding: &Finding, vulnerabilities: &Vulnerabilities) -> bool {
    let kept = vulnerabilities.found.iter().filter(|one| one.effect == Some(Effect::Kept));
    finding.distribution.is_some() && kept.into_iter().any(|one| finding.subject == one.subject())
}
