//! Where the layer of an audit comes from: the version it means, the target it is checked for, its bytes.

use anyhow::Context as _;

use crate::archive::{self, Opened};
use crate::cli::DEFAULT_ARCHITECTURE;
use crate::commands::preflight::say_python;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::facts;
use crate::registry::connections::Connections;
use crate::registry::fetch::Published;
use crate::registry::publish;
use crate::spec::{AuditSpec, Subject, VersionChoice};
use crate::types::{ByteSize, LayerName, LayerVersionArn, Target};
use crate::versions::select;

/// The layer to check.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) subject: Subject,
    /// Only for a published version.
    pub(super) published: Option<Published>,
}

impl Source {
    /// The bytes of a published version; empty for a zip or a folder.
    pub(super) fn zip(&self) -> &[u8] {
        self.published.as_ref().map_or(&[], |published| &published.zip)
    }
}

/// The current version according to the state, otherwise the newest one in the first region.
pub(super) async fn current(
    spec: &AuditSpec,
    connections: &Connections,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<LayerVersionArn> {
    let layer: LayerName = spec.layer.as_deref().unwrap_or_default().parse()?;
    let step = console.step("Find the version");
    let mut registry = connections.registry(&spec.registry, &spec.state, environment).await?;
    let store = connections.store(&spec.state, &registry, environment).await?;
    let known = publish::read(&registry, &store, &layer, console).await?;
    registry.identify(&known.state).await?;
    let first = registry.places().into_iter().next();
    let recorded = known.state.current_content().zip(first);
    let recorded = recorded.and_then(|((content, _), place)| known.state.version_in(content, &place));
    let arn = if let Some(version) = recorded {
        version.arn.clone()
    } else {
        let choice = select::choose(&VersionChoice::Newest, &layer, &known.state, &registry, console).await?;
        choice.versions.into_iter().next().context("there is no registry in which to look for versions")?.arn?
    };
    step.done(format!("version {}", arn.version()));
    Ok(arn)
}

/// The target of the inputs, otherwise the only one that the published version declares, otherwise that of the project
/// around, or the default.
///
/// # Errors
/// The project pins a Python that Lambda does not have.
pub(super) fn target(spec: &AuditSpec, published: Option<&Published>, console: &Console) -> Result<Target, Failure> {
    let python = spec.python.or_else(|| published?.only_python()?.parse().ok());
    let python = if let Some(python) = python {
        python
    } else {
        let chosen = spec.python_of_project.clone()?;
        say_python(&chosen, console);
        chosen.version
    };
    let architecture = spec.architecture.or_else(|| published?.only_architecture()?.parse().ok());
    let architecture = architecture.unwrap_or_else(|| DEFAULT_ARCHITECTURE.parse().expect("defaults are valid"));
    Ok(Target { python, architecture })
}

pub(super) fn open(source: &Source, console: &Console) -> anyhow::Result<Opened> {
    let step = console.step("Open the layer");
    let secrets = console.secrets();
    let opened = match &source.subject {
        Subject::Folder { path, shown } => archive::open_folder(path, shown, &secrets)?,
        Subject::Zip { path, shown } => {
            let (size, limit) = (fs_err::metadata(path)?.len(), facts::opening().zip);
            if size > limit {
                let failure = Failure::user(format!("`{shown}` is {}, far too large for a layer", ByteSize(size)));
                return Err(failure.hint(format!("use a zip of at most {}", ByteSize(limit))).into());
            }
            archive::open_zip(&fs_err::read(path)?, shown, &secrets)?
        }
        Subject::Published(arn) => archive::open_zip(source.zip(), &arn.to_string(), &secrets)?,
    };
    step.done(format!("{}, {}", counted(opened.layer.files.len(), "file"), opened.layer.unzipped_size()));
    Ok(opened)
}
