//! The common interface of the installers, and the choice of one.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

use super::compilers::Compilers;
use super::pip::Pip;
use super::resolution::Pin;
use super::settings::Settings;
use super::staging::Staging;
use super::uv::Uv;
use super::wanted::{Found, Wanted};
use crate::build::installed::Taken;
use crate::cache::Cache;
use crate::console::Console;
use crate::environment::Environment;
use crate::manifest::Manifest;
use crate::process::Host;
use crate::spec::indexes::Indexes;
use crate::spec::{InstallerChoice, Spec};
use crate::types::DistributionName;

/// Resolves and installs distributions for a target with uv or pip.
pub(super) trait Installer {
    /// The tool's name and version, for messages.
    fn name(&self) -> String;

    /// Installs everything into the request's destination as `--target` does, with `*.dist-info` and `bin`, except what
    /// it takes from the cache: from `found`, or more if it decides on versions.
    ///
    /// # Errors
    /// A user error if requirements cannot be met; otherwise a system error.
    fn install(&self, found: Option<Found>, request: &Request<'_>) -> anyhow::Result<Outcome>;

    /// Installs one requirement into the request's destination, without its dependencies. All files were already
    /// downloaded.
    ///
    /// # Errors
    /// The same as for [`Self::install`].
    fn install_alone(&self, requirement: &SecretString, request: &Request<'_>) -> anyhow::Result<()>;
}

/// What an installer did.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The distributions that were built from source, as far as the tool prints them.
    pub(super) built: BTreeSet<DistributionName>,
    /// Those that were not installed, because the cache has them.
    pub(super) taken: Vec<Taken>,
    /// All that was to be installed, if that is known by names and versions.
    pub(super) wanted: Option<Wanted>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) spec: &'a Spec,
    /// The distributions to install.
    pub(super) manifest: &'a Manifest,
    pub(super) host: &'a Host,
    pub(super) environment: &'a Environment,
    pub(super) console: &'a Console,
    pub(super) cache: &'a Cache,
    pub(super) indexes: &'a Indexes,
    /// For distributions that have to be built.
    pub(super) compilers: &'a Compilers,
    /// The folder where commands run.
    pub(super) staging: &'a Staging,
    /// The project's settings for the installer.
    pub(super) settings: &'a Settings,
    pub(super) destination: &'a Utf8Path,
}

impl Request<'_> {
    /// Writes versions to a requirement file, one per line, and returns its path.
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
