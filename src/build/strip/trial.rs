//! Loads shared objects in an interpreter of the layer's Python, in the same folders as in the layer, so that they find
//! each other.

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
    /// The path in the layer, with the file as it was installed.
    objects: &'a BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    /// Takes the place of `/opt`.
    folder: Utf8PathBuf,
    host: &'a Host,
    sandbox: Sandbox,
}

/// Why no sandbox is available to load the files, which run untrusted code; `None` if it is available.
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

    /// Removes from `smaller` the files that did not load before, which prove nothing, and those that no longer load.
    /// Returns the paths of the latter.
    pub(super) fn keep_what_loads(
        &self,
        smaller: &mut BTreeMap<Utf8PathBuf, Smaller>,
    ) -> anyhow::Result<Vec<Utf8PathBuf>> {
        let loading = self.load(smaller.keys())?;
        smaller.retain(|place, _| loading.contains(place));
        for (place, smaller) in &*smaller {
            put(&smaller.file, &self.folder.join(place))?;
        }
        // A file also fails to load if it needs a broken one. Each is tried with the others as installed, to find those
        // that are broken themselves.
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
        // All stripped files together, as in the layer.
        loop {
            let more = self.take_out_broken(smaller)?;
            if more.is_empty() {
                broken.sort();
                return Ok(broken);
            }
            broken.extend(more.into_keys());
        }
    }

    /// Removes the files that do not load, and puts the installed ones back in their place.
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

    /// The files that load. If the interpreter fails, none does.
    fn load<'b>(&self, places: impl Iterator<Item = &'b Utf8PathBuf>) -> anyhow::Result<BTreeSet<Utf8PathBuf>> {
        let places: Vec<&Utf8PathBuf> = places.collect();
        let mut command = self.sandbox.command(&self.host.executable)?;
        command.current_dir("/").args(["-I", "-S", "-c", SCRIPT]).env("LD_LIBRARY_PATH", self.folder.join("lib"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("could not start `{}`", self.host.executable))?;
        let paths: Vec<String> = places.iter().map(|place| format!("{}\0", self.folder.join(place))).collect();
        if let Some(mut input) = child.stdin.take() {
            // The script reads everything before it answers. If it has died, the answers are missing.
            input.write_all(paths.concat().as_bytes()).ok();
        }
        let answers = child.wait_with_output()?.stdout;
        let loaded = places.into_iter().zip(answers).filter(|(_, answer)| *answer == b'1');
        Ok(loaded.map(|(place, _)| place.clone()).collect())
    }
}

/// Puts a file at a path of the trial, as a link: a library searches for others beside the name that it was loaded by.
fn put(file: &Utf8Path, place: &Utf8Path) -> anyhow::Result<()> {
    if place.is_symlink() {
        fs_err::remove_file(place)?;
    } else if let Some(parent) = place.parent() {
        fs_err::create_dir_all(parent)?;
    }
    Ok(symlink(file, place)?)
}
