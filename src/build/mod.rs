//! Builds a checked zip from a [`Spec`]: installs, slims, compiles, packs and checks.

pub mod assemble;
pub mod bytecode;
pub mod entry_points;
pub mod install;
mod installed;
mod keep;
pub(crate) mod origins;
mod provenance;
pub mod records;
pub mod script;
pub mod slim;
pub mod strip;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::archive::pack;
use crate::archive::pack::Archive;
use crate::audit::smoke::times::{self, Measured};
use crate::audit::{import_time, licences, size, smoke, verdict};
use crate::cache;
use crate::cache::Cache;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::{Failure, counted};
use crate::github::workflow_commands;
use crate::layer::import_times::ImportTimes;
use crate::layer::scan::leaks::Scan;
use crate::layer::{
    CacheMiss, DistributionSize, Finding, Layer, ManifestPlace, Materials, Origins, Provenance, Saving,
    distribution_sizes,
};
use crate::manifest::Manifest;
use crate::process::{Pythons, scratch};
use crate::runtime::Runtime;
use crate::spec::{Bytecode, FailOn, SlimLevel, SmokeTest, Spec, Task};
use crate::types::{ByteSize, DistributionName};
use crate::{audit, files};

/// A layer that was built, before it is published.
#[derive(Debug)]
pub struct BuiltLayer {
    /// `None` if the layer was refused before it was packed.
    archive: Option<Archive>,
    /// Why the layer must not be published.
    rejection: Option<Failure>,
    pub sizes: Sizes,
    /// The number of files and links.
    pub files: usize,
    pub distributions: Vec<DistributionSize>,
    /// The files that were left out of the distributions.
    pub savings: Vec<Saving>,
    /// How long the imports take, if that was measured.
    pub import_times: Option<ImportTimes>,
    /// Ordered by severity, the worst first.
    pub findings: Vec<Finding>,
    /// Why each distribution is there, by name.
    pub provenance: BTreeMap<String, Provenance>,
    /// `None` while the layer is still being built.
    pub layer: Option<Layer>,
    /// The data for the documents that were asked for.
    pub materials: Materials,
}

/// The sizes of a layer in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub unzipped: ByteSize,
    /// `None` if the layer was not packed.
    pub zipped: Option<ByteSize>,
}

impl BuiltLayer {
    pub fn archive(&self) -> Option<&Archive> {
        self.archive.as_ref()
    }

    pub fn is_refused(&self) -> bool {
        self.rejection.is_some()
    }

    /// Adds findings from after the build, and decides again whether the layer is refused.
    pub fn add(&mut self, findings: Vec<Finding>, fail_on: FailOn, console: &Console) {
        let known = self.findings.len();
        self.findings.extend(findings);
        self.rejection = verdict(&self.findings, fail_on).err();
        console.findings(&self.findings[known..], self.rejection.is_some());
        self.findings.sort_by(|left, right| left.rank().cmp(&right.rank()));
    }

    /// The zip, or the reason why it must not be published.
    pub fn into_archive(self) -> anyhow::Result<Archive, Failure> {
        match (self.rejection, self.archive) {
            (Some(failure), _) => Err(failure),
            (None, archive) => Ok(archive.expect("what was not refused is packed")),
        }
    }
}

/// Builds and checks a layer. Nothing is published. What the cache lacks, or has lost, costs time and nothing else.
///
/// # Errors
/// Installing or packing fails. Problems that the checks find are in the result.
pub fn build(
    spec: &Spec,
    manifest: &Manifest,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<BuiltLayer> {
    let mut cache = Cache::open(environment, spec.checks.verify_cache, console);
    loop {
        let error = match build_with(spec, manifest, &cache, environment, console) {
            Err(error) => error,
            done => return done,
        };
        let Some(miss) = CacheMiss::of(&error) else { return Err(error) };
        match miss {
            CacheMiss::Absent => console.note("files are needed that the cache does not have; installing"),
            CacheMiss::Damaged => cache::warn(console, "the cache is damaged; building without it"),
        }
        cache = cache.after(miss);
    }
}

fn build_with(
    spec: &Spec,
    manifest: &Manifest,
    cache: &Cache,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<BuiltLayer> {
    let pythons = spec.needs_interpreter().then(|| pythons(spec, environment, console));
    let pythons = pythons.as_ref();
    let host = pythons.and_then(|pythons| pythons.any().ok());
    let runtime = Runtime::here(spec.target.python);
    // What is new will be compiled and imported, and Python can start meanwhile.
    let start = || (bytecode::prepare(spec, pythons, environment), smoke::prepare(spec, pythons, environment));
    let (tree, installed, keys, started) =
        install::install(spec, manifest, pythons, cache, environment, console, start)?;
    let (interpreter, stage) = started.unwrap_or_default();
    let (tree, mut savings) = slim::slim(tree, spec, manifest, &runtime, console)?;
    let (tree, stripped) = strip::strip(tree, spec, host, environment, console)?;
    savings.extend(stripped);
    let tree = bytecode::compile(tree, spec, (pythons, interpreter), environment, console)?;
    let tree = records::with_records(tree, spec)?;

    let mut findings = tree.findings.clone();
    let (unzipped, distributions) = (tree.unzipped_size(), distribution_sizes(tree.sizes(), &tree.distributions));
    findings.extend(size::check_unzipped(unzipped, &distributions));
    findings.extend(size::check_limits(None, Some(unzipped), &distributions, &spec.checks));
    let mut made = BuiltLayer {
        archive: None,
        rejection: verdict(&findings, spec.checks.fail_on).err(),
        sizes: Sizes { unzipped, zipped: None },
        files: tree.entries.len(),
        distributions,
        savings,
        findings,
        import_times: None,
        provenance: BTreeMap::new(),
        layer: None,
        materials: Materials::default(),
    };
    let layer = if made.rejection.is_none() {
        let (archive, layer, attempt) = std::thread::scope(|scope| {
            // Imports take longer than the rest, on one processor, and need the files of the layer first.
            let (laid_out, are_laid_out) = mpsc::channel();
            let tree = &tree;
            let importing = scope
                .spawn(move || smoke::import(tree, spec, (pythons, stage), &laid_out, cache, environment, console));
            are_laid_out.recv().ok();
            let step = console.step("Pack the zip");
            let folder = archive_folder(spec, environment)?;
            let scan = Scan::new(&console.secrets(), &tree.distributions);
            let mut archive = pack::pack(tree, &scan, &folder, step.bar(tree.unzipped_size().0))?;
            step.done(format!("{} files, {} → {}", archive.entries, archive.unzipped_size, archive.zipped_size));
            keep::Finished { tree, installed: &installed, archive: &archive, keys: &keys }
                .keep(spec, cache, console)?;

            let step = console.step("Check the layer");
            let layer = Layer::of(tree, std::mem::take(&mut archive.observed));
            let (left_out, is_slimmed) = (spec.content.exclude.clone(), spec.content.slim > SlimLevel::None);
            let layer = Layer { left_out, is_slimmed, ..layer };
            made.findings.extend(audit::check(&layer, spec.target, &runtime));
            made.findings.extend(size::check_zipped(&archive, spec));
            made.findings.extend(licences::check(&made.distributions, &layer.distributions, &spec.checks.licences));
            let zipped = Some(archive.zipped_size);
            made.findings.extend(size::check_limits(zipped, None, &made.distributions, &spec.checks));
            step.done(counted(made.findings.len(), "finding"));
            anyhow::Ok((archive, layer, importing.join().expect("does not panic")?))
        })?;
        let (excluded, wanted) = (&spec.content.exclude, &spec.checks.smoke_test);
        let subject = smoke::Subject { layer: &layer, known: &made.findings, excluded, target: spec.target, wanted };
        made.findings = smoke::judge(attempt, &subject, console);
        // A preview measures later, together with the version before.
        if spec.task != Task::Preview {
            if let Some(pythons) = pythons.filter(|_| spec.measures_imports()) {
                let named = times::named(manifest);
                let (known, target) = (&made.findings, spec.target);
                let measured = Measured { layer: &layer, known, target, wanted, named: &named };
                made.import_times = times::of_tree(&measured, &tree, pythons, environment, console)?;
            }
            made.findings.extend(import_time::check(made.import_times.as_ref(), spec.checks.max_import_time));
        }
        made.rejection = verdict(&made.findings, spec.checks.fail_on).err();
        made.sizes.zipped = Some(archive.zipped_size);
        made.archive = Some(archive);
        layer
    } else {
        // The documents help to see why a layer is too large.
        Layer::of(&tree, BTreeMap::new())
    };
    let origins = Origins::of(spec, manifest);
    made.provenance = provenance::of(&layer, spec, manifest, &origins);
    if !spec.documents.is_empty() {
        let bytes_of = |path: &Utf8Path| tree.entries.get(path)?.bytes().ok();
        made.materials = Materials::gather(&layer, spec.documents.materials(), origins, bytes_of);
    }
    made.layer = Some(layer);
    for finding in &mut made.findings {
        finding.place = finding.distribution.as_ref().and_then(|name| place_of(name, manifest, spec)).map(Box::new);
    }
    made.findings.sort_by(|left, right| left.rank().cmp(&right.rank()));
    console.findings(&made.findings, made.rejection.is_some());
    tree.folders.into_iter().for_each(scratch::remove);
    Ok(made)
}

/// Finds Pythons: bytecode and imports need the target's own version, while any version can install wheels.
fn pythons(spec: &Spec, environment: &Environment, console: &Console) -> Pythons {
    let imports = spec.checks.smoke_test != SmokeTest::Off && smoke::is_for_this_machine(spec.target);
    let find = if imports || spec.content.bytecode != Bytecode::None { Pythons::find } else { Pythons::find_any };
    find(spec.target, &spec.folder, environment, console)
}

/// The line that asks for a distribution, in a file of the repository.
fn place_of(name: &DistributionName, manifest: &Manifest, spec: &Spec) -> Option<ManifestPlace> {
    let asks = manifest.requirements.iter().find(|requirement| requirement.name().as_ref() == Some(name))?;
    let path = files::normalize(&spec.folder.join(&asks.file))?;
    let file = path.strip_prefix(&spec.workspace).ok()?.to_string();
    Some(ManifestPlace { file, line: asks.line })
}

/// The folder for the new zip: the folder of `output`, so that the zip can be renamed into place; otherwise the one for
/// temporary files.
fn archive_folder(spec: &Spec, environment: &Environment) -> anyhow::Result<Utf8PathBuf> {
    let Some((_, parent)) = place_of_output(spec) else {
        return Ok(environment.scratch_directory());
    };
    workflow_commands::create_folder(&parent, &spec.workspace)?;
    Ok(parent)
}

/// The path of `output`, and its folder.
fn place_of_output(spec: &Spec) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let place = spec.folder.join(spec.output.as_ref()?);
    let parent = place.parent().unwrap_or(&spec.folder).to_owned();
    Some((place, parent))
}

/// Moves a new zip to `output`, if that was asked for, and returns the path to show.
///
/// Other programs see the old file or the new one, never a part of it.
pub fn keep(archive: Archive, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    let Some((place, _)) = place_of_output(spec) else { return Ok(None) };
    finish(archive.into_file(), &place, spec)
}

/// The same for a zip that also stays where it is: copies it.
pub fn keep_copy(zip: &Utf8Path, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    let Some((place, parent)) = place_of_output(spec) else { return Ok(None) };
    workflow_commands::create_folder(&parent, &spec.workspace)?;
    let copy = pack::temporary_file(&parent)?;
    fs_err::copy(zip, copy.path())?;
    finish(copy, &place, spec)
}

fn finish(zip: NamedTempFile, place: &Utf8Path, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    // Temporary files are readable by their owner only.
    fs_err::set_permissions(zip.path(), std::fs::Permissions::from_mode(0o644))?;
    zip.persist(place)?;
    workflow_commands::hand_over(place, &spec.workspace)?;
    Ok(Some(spec.shown(place)))
}
