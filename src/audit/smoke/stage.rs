//! The folders for imports, with a Python that waits for what to import: it starts while other work is done.

use camino::Utf8PathBuf;
use tempfile::TempDir;

use super::able;
use super::place::Place;
use super::run::Process;
use crate::environment::Environment;
use crate::facts;
use crate::files;
use crate::process::{Host, Pythons, scratch};
use crate::spec::{SmokeTest, Spec};
use crate::types::Target;

/// Everything but the layer. The process ends with it, and the folders are removed.
#[derive(Debug)]
pub struct Stage {
    pub(super) process: Process,
    pub(super) place: Place,
    pub(super) scratch: TempDir,
    /// The room for the layer in bytes.
    pub(super) room: u64,
}

impl Stage {
    /// `room` is that for the layer, in bytes.
    ///
    /// # Errors
    /// The folders cannot be made, or this program cannot start itself.
    pub(super) fn new(host: &Host, target: Target, room: u64, environment: &Environment) -> anyhow::Result<Self> {
        let scratch = scratch::quick_folder(&environment.scratch_directory(), room)?;
        let folder = files::utf8(scratch.path())?;
        let opt = folder.join("opt");
        fs_err::create_dir(&opt)?;
        let place = Place::new(folder, &opt, host, target)?;
        let process = Process::start(&place, host)?;
        Ok(Self { process, place, scratch, room })
    }

    /// The names of the layer's folder.
    pub(super) fn names_of_opt(&self) -> [Utf8PathBuf; 2] {
        let opt = &self.place.opt;
        [opt.clone(), opt.canonicalize_utf8().unwrap_or_else(|_| opt.clone())]
    }
}

/// Starts Python for a layer of which nothing is known yet, so that there has to be room for the largest one. `None` if
/// nothing will be imported, or if that does not work, which the imports then say.
pub fn prepare(spec: &Spec, pythons: Option<&Pythons>, environment: &Environment) -> Option<Stage> {
    let pythons = pythons.filter(|_| spec.checks.smoke_test != SmokeTest::Off)?;
    let host = able(pythons, spec.target).ok()?;
    Stage::new(host, spec.target, facts::limits().unzipped_size, environment).ok()
}
