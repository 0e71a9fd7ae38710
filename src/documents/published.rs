//! Opens a published layer, to write about it.

use camino::Utf8Path;

use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Explanation, Failure};
use crate::layer::Owner;
use crate::layer::{Materials, Origins};
use crate::registry::fetch;
use crate::report::Report;
use crate::spec::{Documents, RegistryChoice, Spec};
use crate::types::{ByteSize, LayerVersionArn};
use crate::{archive, resolve};

/// Adds the published layer to a report without one: a run that changes nothing builds nothing.
///
/// # Errors
/// None of the versions can be opened; the report is given back with the reason.
pub(super) async fn of_run(
    report: Report,
    spec: &Spec,
    environment: &Environment,
    console: &Console,
) -> Result<Report, (Box<Report>, anyhow::Error)> {
    if report.layer.is_some() || report.rejection.is_some() {
        return Ok(report);
    }
    let origins = origins(spec, environment, console);
    let mut report = with_published(report, &spec.registry, &spec.documents, origins, environment, console).await?;
    for (path, file) in report.layer.iter_mut().flat_map(|layer| &mut layer.files) {
        if file.owner == Owner::Unknown {
            file.owner = owner(path, spec);
        }
    }
    Ok(report)
}

/// Where the distributions came from, by the lock file, which a run without a build has not resolved yet.
pub(crate) fn origins(spec: &Spec, environment: &Environment, console: &Console) -> Origins {
    match resolve::resolve(spec, environment, console) {
        Ok(manifest) => Origins::of(spec, &manifest),
        Err(_reported_by_a_build) => Origins::of(spec, &spec.dependencies.manifest),
    }
}

/// The owner of a file that is in no distribution's `RECORD`, guessed from the inputs.
fn owner(path: &Utf8Path, spec: &Spec) -> Owner {
    let packages = spec.content.layout.packages(spec.target.python);
    if spec.content.include.iter().any(|include| path.starts_with(&include.to)) {
        Owner::Include
    } else if path.starts_with(packages) && !spec.content.source.is_empty() {
        Owner::Source
    } else if spec.content.build_script.is_some() {
        Owner::BuildScript
    } else {
        Owner::Unknown
    }
}

/// Adds the layer of the first version that can be read; the error says why none can.
pub(super) async fn with_published(
    report: Report,
    registry: &RegistryChoice,
    documents: &Documents,
    origins: Origins,
    environment: &Environment,
    console: &Console,
) -> Result<Report, (Box<Report>, anyhow::Error)> {
    let arns: Vec<LayerVersionArn> =
        report.destinations.iter().filter_map(|destination| destination.layer_version_arn.clone()).collect();
    let failure = Failure::user(format!("there is no published version of `{}` to report on", report.layer_name));
    let mut failure = failure.hint("the report page, the SBOM and the licences need a version that can be downloaded");
    let step = console.step("Open the published version");
    for arn in &arns {
        let published = match Box::pin(fetch::fetch(arn, registry, environment)).await {
            Ok(published) => published,
            Err(error) => {
                let why = Explanation::of(&error);
                failure = Failure { kind: why.kind, ..failure.cause(why.one_line()) };
                continue;
            }
        };
        let shown = arn.to_string();
        let secrets = console.secrets();
        let opened = archive::open_zip(&published.zip, &shown, &secrets).and_then(|opened| {
            let bytes_of = archive::reader_of_zip(&published.zip, &shown)?;
            Ok((Materials::gather(&opened.layer, documents.materials(), origins.clone(), bytes_of), opened))
        });
        drop(secrets);
        match opened {
            Ok((materials, opened)) => {
                step.done(ByteSize(published.zip.len() as u64).to_string());
                return Ok(Report { materials, ..report.with_layer(opened.layer) });
            }
            Err(error) => failure = failure.cause(error.message),
        }
    }
    step.skip();
    Err((Box::new(report), failure.into()))
}
