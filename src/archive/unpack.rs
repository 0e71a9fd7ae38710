//! Writes an opened layer into a folder of its own, for whoever has to run what is in it. Nothing is written elsewhere:
//! names are plain paths, files are new ones, and links come last, so that nothing is ever written through one.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::contents::Contents;
use crate::files;
use crate::layer::{Finding, Kind};

/// Makes `opt`. What cannot be read is left out, as are links that lead out of the layer; findings tell of both.
pub(super) fn write<P>(
    contents: &Contents<P>,
    opt: &Utf8Path,
    bytes_of: impl Fn(&Utf8Path, &P) -> Result<Vec<u8>, Finding>,
) -> anyhow::Result<()> {
    fs_err::create_dir_all(opt)?;
    let mut folder = Utf8Path::new("");
    for path in contents.keys() {
        if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
            fs_err::create_dir_all(opt.join(parent))?;
            folder = parent;
        }
    }
    let mut links: Vec<(&Utf8PathBuf, &Utf8PathBuf)> = Vec::new();
    for (path, found) in contents {
        match &found.kind {
            Kind::File { executable } => {
                if let Ok(bytes) = bytes_of(path, &found.place) {
                    write_file(&opt.join(path), &bytes, *executable)?;
                }
            }
            Kind::Link { target } => links.push((path, target)),
        }
    }
    for (path, target) in links {
        let (place, target) = (opt.join(path), target_inside(path, target, opt));
        if let Some(target) = target.filter(|_| !place.is_dir()) {
            fs_err::os::unix::fs::symlink(target, place)?;
        }
    }
    Ok(())
}

/// Nobody can write to `/opt` in Lambda.
fn write_file(place: &Utf8Path, bytes: &[u8], executable: bool) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // A path that is a file and a folder has become a folder.
    if place.is_dir() {
        return Ok(());
    }
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(place)?;
    file.write_all(bytes)?;
    file.set_permissions(std::fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))?;
    Ok(())
}

/// What the link has to lead to here, unless it leaves the layer.
fn target_inside(path: &Utf8Path, target: &Utf8Path, opt: &Utf8Path) -> Option<Utf8PathBuf> {
    if let Ok(inside) = target.strip_prefix("/opt") {
        return Some(opt.join(files::normalize(inside)?));
    }
    files::normalize(&path.parent()?.join(target)).filter(|_| target.is_relative()).map(|_| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::contents::Found;

    #[test]
    fn nothing_is_written_through_a_link() {
        let scratch = tempfile::tempdir().expect("can be made");
        let scratch = Utf8Path::from_path(scratch.path()).expect("is UTF-8");
        fs_err::create_dir(scratch.join("outside")).expect("can be made");
        let outside = scratch.join("outside");
        let file = || Found { kind: Kind::File { executable: true }, size: 1, place: () };
        let link = |target: &str| Found { kind: Kind::Link { target: target.into() }, size: 0, place: () };
        let contents: Contents<()> = [
            ("a/file", file()),
            // What opening refuses; here it has to be harmless all the same.
            ("both", file()),
            ("both/inner", file()),
            ("inside", link("a/file")),
            ("absolute", link("/opt/a/./file")),
            ("leads", link(outside.as_str())),
            ("leads/written", file()),
            ("up", link("../outside")),
            ("a/up", link("../../outside")),
            ("a/beside", link("/opt/../outside")),
        ]
        .into_iter()
        .map(|(path, found)| (path.into(), found))
        .collect();
        let opt = scratch.join("opt");
        write(&contents, &opt, |_, ()| Ok(b"x".to_vec())).expect("can be written");
        let left: Vec<String> = walkdir::WalkDir::new(scratch)
            .sort_by_file_name()
            .into_iter()
            .map(|entry| entry.expect("is readable"))
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| {
                files::utf8(entry.path()).expect("is UTF-8").strip_prefix(scratch).expect("inside").to_string()
            })
            .collect();
        assert_eq!(left, ["opt/a/file", "opt/absolute", "opt/both/inner", "opt/inside", "opt/leads/written"]);
        assert_eq!(fs_err::read(opt.join("absolute")).expect("leads to a file"), b"x");
    }
}
