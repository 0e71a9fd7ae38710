//! From a [`Spec`] to a checked zip: installs, checks, packs.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::actions;
use crate::archive::{self, Archive};
use crate::audit::{self, Finding, Severity};
use crate::build;
use crate::console::Console;
use crate::environment::Environment;
use crate::leaks::Scan;
use crate::manifest::Manifest;
use crate::report::{DistributionSize, distribution_sizes};
use crate::spec::Spec;

/// Everything about a layer but where it goes.
#[derive(Debug)]
pub struct Made {
    pub archive: Archive,
    pub distributions: Vec<DistributionSize>,
    pub findings: Vec<Finding>,
}

/// # Errors
/// What installing says, and every finding that keeps the layer from being published.
pub fn make(spec: &Spec, manifest: &Manifest, environment: &Environment, console: &Console) -> anyhow::Result<Made> {
    let tree = build::build(spec, manifest, environment, console)?;
    let mut findings = tree.findings.clone();
    findings.extend(audit::layout::check(&tree, spec.content.layout, spec.target));
    findings.extend(audit::size::check_unzipped(&tree));
    audit::verdict(&findings)?;

    let step = console.step("Pack");
    let folder = archive_folder(spec, environment)?;
    let scan = Scan::new(&console.secrets(), &tree);
    let archive = archive::pack(&tree, &scan, &folder, step.bar(tree.unzipped_size().0))?;
    step.done(format!("{} files, {} → {}", archive.entries, archive.unzipped_size, archive.zipped_size));

    findings.extend(audit::leaks::check(&archive.leaks));
    findings.extend(audit::size::check_zipped(&archive, spec));
    audit::verdict(&findings)?;
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        console.warning(&format!("{} ({})", finding.message, finding.help));
    }
    Ok(Made { distributions: distribution_sizes(&tree), archive, findings })
}

/// Beside `output`, so that a rename brings it there; else with other temporary files.
fn archive_folder(spec: &Spec, environment: &Environment) -> anyhow::Result<Utf8PathBuf> {
    let Some((_, parent)) = place_of_output(spec) else {
        return Ok(environment.scratch_directory());
    };
    let new = parent.ancestors().take_while(|folder| !folder.exists()).last();
    fs_err::create_dir_all(&parent)?;
    if let Some(new) = new {
        actions::hand_over(new, &spec.workspace)?;
    }
    Ok(parent)
}

/// The path of `output` and the folder it is in.
fn place_of_output(spec: &Spec) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let place = spec.folder.join(spec.output.as_ref()?);
    let parent = place.parent().unwrap_or(&spec.folder).to_owned();
    Some((place, parent))
}

/// Brings a new zip to `output`, if that was asked for; gives the path to tell people.
///
/// Whoever looks sees the old file or the new one, never half of it.
pub fn keep(archive: Archive, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    let Some((place, _)) = place_of_output(spec) else { return Ok(None) };
    finish(archive.into_file(), &place, spec)
}

/// The same with a zip that stays where it is, too.
pub fn keep_copy(zip: &Utf8Path, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    let Some((place, parent)) = place_of_output(spec) else { return Ok(None) };
    fs_err::create_dir_all(&parent)?;
    let copy = archive::temporary_file(&parent)?;
    fs_err::copy(zip, copy.path())?;
    finish(copy, &place, spec)
}

fn finish(zip: NamedTempFile, place: &Utf8Path, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    // Temporary files are for their owner alone.
    fs_err::set_permissions(zip.path(), std::fs::Permissions::from_mode(0o644))?;
    zip.persist(place)?;
    actions::hand_over(place, &spec.workspace)?;
    Ok(Some(spec.shown(place)))
}
