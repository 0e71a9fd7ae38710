//! Loads shared objects in an interpreter of the layer's Python, laid out as in the layer, so that they find each other.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::Smaller;
use crate::facts;
use crate::process::Host;
use crate::process::sandbox::Sandbox;

const SCRIPT: &str = include_str!("load.py");

pub(super) struct Trial<'a> {
    /// Place in the layer to the file as it was installed.
    objects: &'a BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Stands for `/opt`.
    folder: Utf8PathBuf,
    host: &'a Host,
    sandbox: Sandbox,
}

/// Why nothing can be loaded here: it runs code of strangers.
pub(super) fn obstacle(host: &Host) -> anyhow::Result<Option<String>> {
    let output = sandbox(host, Vec::new()).command(&host.executable)?.args(["-I", "-S", "-c", ""]).output()?;
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Ok((!output.status.success()).then_some(why))
}

fn sandbox(host: &Host, files: Vec<Utf8PathBuf>) -> Sandbox {
    let readable = [host.files(), files].concat();
    Sandbox { memory: facts::limits().function_memory, user: None, readable, writable: Vec::new() }
}

impl<'a> Trial<'a> {
    pub(super) fn new(
        objects: &'a BTreeMap<Utf8PathBuf, Utf8PathBuf>,
        folder: &Utf8Path,
        stripped: &Utf8Path,
        host: &'a Host,
    ) -> anyhow::Result<Self> {
        for (place, file) in objects {
            put(file, &folder.join(place))?;
        }
        let files = [folder, stripped].map(Utf8Path::to_owned).into_iter().chain(objects.values().cloned());
        let sandbox = sandbox(host, files.collect());
        Ok(Self { objects, folder: folder.to_owned(), host, sandbox })
    }

    /// Takes out of `smaller` what did not load before, which shows nothing, and what does not load any more; gives the
    /// places of the latter.
    pub(super) fn keep_what_loads(
        &self,
        smaller: &mut BTreeMap<Utf8PathBuf, Smaller>,
    ) -> anyhow::Result<Vec<Utf8PathBuf>> {
        let loading = self.load(smaller.keys())?;
        smaller.retain(|place, _| loading.contains(place));
        for (place, smaller) in &*smaller {
            put(&smaller.file, &self.folder.join(place))?;
        }
        // What needs a broken one does not load, either: with the others as they were, each shows whose fault it is.
        let mut broken = Vec::new();
        for (place, suspect) in self.take_out_broken(smaller)? {
            put(&suspect.file, &self.folder.join(&place))?;
            if self.load([&place].into_iter())?.is_empty() {
                put(&self.objects[&place], &self.folder.join(&place))?;
                broken.push(place);
            } else {
                smaller.insert(place, suspect);
            }
        }
        // All of them together, as the layer will have them.
        loop {
            let more = self.take_out_broken(smaller)?;
            if more.is_empty() {
                broken.sort();
                return Ok(broken);
            }
            broken.extend(more.into_keys());
        }
    }

    /// Those that do not load, which are then as they were.
    fn take_out_broken(
        &self,
        smaller: &mut BTreeMap<Utf8PathBuf, Smaller>,
    ) -> anyhow::Result<BTreeMap<Utf8PathBuf, Smaller>> {
        let loading = self.load(smaller.keys())?;
        let broken: BTreeMap<_, _> = smaller.extract_if(.., |place, _| !loading.contains(place)).collect();
        for place in broken.keys() {
            put(&self.objects[place], &self.folder.join(place))?;
        }
        Ok(broken)
    }

    /// Those that load. An interpreter that fails loads nothing.
    fn load<'b>(&self, places: impl Iterator<Item = &'b Utf8PathBuf>) -> anyhow::Result<BTreeSet<Utf8PathBuf>> {
        let places: Vec<&Utf8PathBuf> = places.collect();
        let mut command = self.sandbox.command(&self.host.executable)?;
        command.current_dir("/").args(["-I", "-S", "-c", SCRIPT]).env("LD_LIBRARY_PATH", self.folder.join("lib"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start `{}`", self.host.executable))?;
        let paths: Vec<String> = places.iter().map(|place| format!("{}\0", self.folder.join(place))).collect();
        if let Some(mut input) = child.stdin.take() {
            // It reads all before it answers. One that has died does not answer.
            input.write_all(paths.concat().as_bytes()).ok();
        }
        let answers = child.wait_with_output()?.stdout;
        let loaded = places.into_iter().zip(answers).filter(|(_, answer)| *answer == b'1');
        Ok(loaded.map(|(place, _)| place.clone()).collect())
    }
}

/// A link suffices: a library looks for others beside the name it was loaded by.
fn put(file: &Utf8Path, place: &Utf8Path) -> anyhow::Result<()> {
    if place.is_symlink() {
        fs_err::remove_file(place)?;
    } else if let Some(parent) = place.parent() {
        fs_err::create_dir_all(parent)?;
    }
    Ok(symlink(file, place)?)
}
