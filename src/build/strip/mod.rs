//! Removes symbols that nothing uses at run time from shared objects, if these still load without them.

mod compare;
mod trial;

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use crate::build::strip::trial::Trial;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::counted;
use crate::layer::{Finding, Saving, Source, Tree};
use crate::process::{Host, child, side_by_side};
use crate::runtime::images;
use crate::spec::Spec;
use crate::types::{ByteSize, Target};

/// The program that removes what only the linker needed. It writes new files, because those of the installer may be in
/// its cache.
const PROGRAM: &str = "strip";
const OPTION: &str = "--strip-unneeded";
/// The name under which savings are reported.
const RULE: &str = "strip";

/// A shared object that is smaller without its symbols, but the same to the dynamic linker.
#[derive(Debug)]
struct Smaller {
    file: Utf8PathBuf,
    size: ByteSize,
}

/// Removes symbols from the shared objects of a tree, and returns the savings by owner.
///
/// # Errors
/// A file cannot be read or written. A file that cannot be stripped stays as it is.
pub fn strip(
    mut tree: Tree,
    spec: &Spec,
    host: Option<&Host>,
    environment: &Environment,
    console: &Console,
) -> anyhow::Result<(Tree, Vec<Saving>)> {
    if !spec.content.strip {
        return Ok((tree, Vec::new()));
    }
    let objects = shared_objects(&tree)?;
    if objects.is_empty() {
        return Ok((tree, Vec::new()));
    }
    let Some(host) = host.filter(|host| host.can_build_for(spec.target)) else {
        tree.findings.push(no_host(spec.target));
        return Ok((tree, Vec::new()));
    };
    let mut command = child::command(PROGRAM, Utf8Path::new("/"), environment);
    command.arg("--version");
    if child::version(command).is_none() {
        tree.findings.push(no_program());
        return Ok((tree, Vec::new()));
    }
    if let Some(why) = trial::obstacle(host)? {
        tree.findings.push(no_sandbox(&why));
        return Ok((tree, Vec::new()));
    }
    let step = console.step("Strip symbols");
    let folder = tree.new_folder("stripped")?;
    let mut smaller = strip_all(&objects, &folder, environment)?;
    let refused = if smaller.is_empty() {
        Vec::new()
    } else {
        let trial = Trial::new(&objects, &tree.new_folder("trial")?, &folder, host)?;
        trial.keep_what_loads(&mut smaller)?
    };
    let mut savings: BTreeMap<String, Saving> = BTreeMap::new();
    for (place, smaller) in &smaller {
        let Some(entry) = tree.entries.get_mut(place) else { continue };
        let executable = entry.source.is_executable();
        let owner = entry.owner.to_string();
        let saving = savings.entry(owner.clone()).or_insert_with(|| Saving {
            rule: RULE.to_owned(),
            owner,
            files: 0,
            bytes: ByteSize(0),
        });
        saving.files += 1;
        saving.bytes.0 += entry.size.0 - smaller.size.0;
        entry.size = smaller.size;
        entry.source = Source::File { path: smaller.file.clone(), executable };
        entry.digest = None;
    }
    let saved = ByteSize(savings.values().map(|saving| saving.bytes.0).sum());
    step.done(format!("{} of {}, saved {saved}", smaller.len(), counted(objects.len(), "shared object")));
    tree.findings.extend(kept(&refused));
    Ok((tree, savings.into_values().collect()))
}

/// The path in the layer and the file of everything that is named like a shared object. `strip` decides whether it is
/// one.
///
/// # Errors
/// A file of the cache cannot be written to disk.
fn shared_objects(tree: &Tree) -> anyhow::Result<BTreeMap<Utf8PathBuf, Utf8PathBuf>> {
    let is_named =
        |path: &Utf8Path| path.extension() == Some("so") || path.file_name().is_some_and(|name| name.contains(".so."));
    let named: Vec<_> = tree.entries.iter().filter(|(place, _)| is_named(place)).collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let folder = tree.new_folder("objects")?;
    let mut objects = BTreeMap::new();
    for (place, entry) in named {
        objects.extend(entry.on_disk(&folder.join(place))?.map(|file| (place.clone(), file)));
    }
    Ok(objects)
}

/// The shared objects that become smaller and stay the same to the dynamic linker.
fn strip_all(
    objects: &BTreeMap<Utf8PathBuf, Utf8PathBuf>,
    folder: &Utf8Path,
    environment: &Environment,
) -> anyhow::Result<BTreeMap<Utf8PathBuf, Smaller>> {
    let objects: Vec<(usize, (&Utf8PathBuf, &Utf8PathBuf))> = objects.iter().enumerate().collect();
    let stripped = side_by_side(&objects, |(index, (place, file))| {
        let stripped = strip_one(file, folder.join(index.to_string()), environment)?;
        Ok(stripped.map(|smaller| ((*place).clone(), smaller)))
    });
    Ok(stripped?.into_iter().flatten().collect())
}

fn strip_one(file: &Utf8Path, result: Utf8PathBuf, environment: &Environment) -> anyhow::Result<Option<Smaller>> {
    let before = fs_err::read(file)?;
    if !before.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let mut command = child::command(PROGRAM, Utf8Path::new("/"), environment);
    command.args([OPTION, "-o", result.as_str(), "--", file.as_str()]).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| format!("could not start `{PROGRAM}`"))?;
    if !status.success() || !result.exists() {
        return Ok(None);
    }
    let after = fs_err::read(&result)?;
    let is_better = after.len() < before.len() && compare::is_same(&before, &after);
    Ok(is_better.then_some(Smaller { file: result, size: ByteSize(after.len() as u64) }))
}

fn no_host(target: Target) -> Finding {
    let Target { python, architecture } = target;
    Finding::warning(
        "not-stripped",
        "layer",
        format!(
            "`strip` was skipped: whether shared objects load without symbols can be tested only on Linux for {architecture}, with python{python}"
        ),
        format!("use the action `{}` on a runner for {architecture}, or leave out `strip`", images::action(python)),
    )
}

fn no_program() -> Finding {
    Finding::warning(
        "not-stripped",
        "layer",
        "`strip` was skipped: this machine has no program of that name",
        "install binutils (`dnf install -y binutils`, `apt-get install binutils`), or leave out `strip`",
    )
}

fn no_sandbox(why: &str) -> Finding {
    Finding::warning(
        "not-stripped",
        "layer",
        format!("`strip` was skipped: shared objects cannot be loaded for a test: {why}"),
        "run it where programs can use seccomp and Landlock, for example in a Docker container, or leave out `strip`",
    )
}

fn kept(refused: &[Utf8PathBuf]) -> Option<Finding> {
    let first = refused.first()?;
    let names: Vec<String> = refused.iter().map(|place| format!("`{place}`")).collect();
    Some(Finding::notice(
        "not-stripped",
        first.as_str(),
        format!(
            "{} would not load without symbols, so the symbols were kept: {}",
            counted(refused.len(), "file"),
            names.join(", ")
        ),
        "no action is needed",
    ))
}
