//! From a [`Spec`] to a checked zip: installs, checks, packs.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::actions;
use crate::archive::{self, Archive};
use crate::audit::{self, Finding, Severity};
use crate::build;
use crate::console::Console;
use crate::environment::Environment;
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
pub fn make(spec: &Spec, environment: &Environment, console: &Console) -> anyhow::Result<Made> {
    let tree = build::build(spec, environment, console)?;
    let mut findings = tree.findings.clone();
    findings.extend(audit::layout::check(&tree, spec.content.layout, spec.target));
    findings.extend(audit::size::check_unzipped(&tree));
    audit::verdict(&findings)?;

    let step = console.step("Pack");
    let folder = environment.cache_directory();
    fs_err::create_dir_all(&folder)?;
    let archive = archive::pack(&tree, &folder, step.bar(tree.unzipped_size().0))?;
    step.done(format!("{} files, {} → {}", archive.entries, archive.unzipped_size, archive.zipped_size));

    findings.extend(audit::size::check_zipped(&archive, spec));
    audit::verdict(&findings)?;
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        console.warning(&format!("{} ({})", finding.message, finding.help));
    }
    Ok(Made { distributions: distribution_sizes(&tree), archive, findings })
}

/// Copies a zip to `output`, if that was asked for; gives the path to tell people.
pub fn keep(zip: &Utf8Path, spec: &Spec) -> anyhow::Result<Option<Utf8PathBuf>> {
    let Some(output) = &spec.output else { return Ok(None) };
    let place = spec.folder.join(output);
    let parent = place.parent().unwrap_or(&spec.folder);
    let topmost_new = place.ancestors().take_while(|path| !path.exists()).last().unwrap_or(&place).to_owned();
    fs_err::create_dir_all(parent)?;
    // Whoever looks sees the old file or the new one, never half of it.
    let copy = tempfile::Builder::new().prefix(".layer-").tempfile_in(parent)?;
    fs_err::copy(zip, copy.path())?;
    fs_err::set_permissions(copy.path(), std::fs::Permissions::from_mode(0o644))?;
    copy.persist(&place)?;
    actions::hand_over(&topmost_new, &spec.workspace)?;
    Ok(Some(output.clone()))
}
