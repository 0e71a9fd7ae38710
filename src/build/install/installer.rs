//! What every installer does, and the choice of one.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

use super::compilers::Compilers;
use super::pip::Pip;
use super::resolution::Pin;
use super::settings::Settings;
use super::staging::Staging;
use super::uv::Uv;
use crate::console::Console;
use crate::environment::Environment;
use crate::manifest::Manifest;
use crate::process::Host;
use crate::spec::indexes::Indexes;
use crate::spec::{InstallerChoice, Spec};
use crate::types::DistributionName;

/// Resolves and installs distributions for a target. Theirs, not ours: uv's and pip's.
pub(super) trait Installer {
    /// With its version, for people.
    fn name(&self) -> String;

    /// Fills the request's destination as `--target` does, with `*.dist-info` and `bin`. Gives the names of what it
    /// built from source, as far as it says so.
    ///
    /// # Errors
    /// The user's for requirements that cannot be met, ours for the rest.
    fn install(&self, request: &Request<'_>) -> anyhow::Result<BTreeSet<DistributionName>>;

    /// Installs what one requirement names into the request's destination, and nothing beside it. All that it takes was
    /// fetched before.
    ///
    /// # Errors
    /// As of `install`.
    fn install_alone(&self, requirement: &SecretString, request: &Request<'_>) -> anyhow::Result<()>;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) spec: &'a Spec,
    /// What to install.
    pub(super) manifest: &'a Manifest,
    pub(super) host: &'a Host,
    pub(super) environment: &'a Environment,
    pub(super) console: &'a Console,
    pub(super) indexes: &'a Indexes,
    /// For what has to be built.
    pub(super) compilers: &'a Compilers,
    /// Where commands run.
    pub(super) staging: &'a Staging,
    /// What the project says of it.
    pub(super) settings: &'a Settings,
    pub(super) destination: &'a Utf8Path,
}

impl Request<'_> {
    /// Writes versions to a file of requirements, one a line; gives its path.
    pub(super) fn write_pins(&self, pins: &[Pin]) -> anyhow::Result<Utf8PathBuf> {
        let file = self.destination.with_file_name("chosen.txt");
        fs_err::write(&file, pins.iter().flat_map(|pin| [pin.to_string(), "\n".to_owned()]).collect::<String>())?;
        Ok(file)
    }
}

pub(super) fn choose(request: &Request<'_>) -> anyhow::Result<Box<dyn Installer>> {
    Ok(match request.spec.dependencies.installer {
        InstallerChoice::Uv => Box::new(Uv::find(request)?),
        InstallerChoice::Pip => Box::new(Pip::find(request)?),
    })
}
