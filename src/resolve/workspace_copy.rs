//! Copies a uv workspace, so that a changed lock can be checked.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

/// Copies the absolute paths `places` into `scratch`, with the same relative positions. Settings are copied; everything
/// else is linked, because only builds look at it.
pub(crate) fn copy(scratch: &Utf8Path, places: &BTreeSet<Utf8PathBuf>) -> anyhow::Result<Copied> {
    let base = places.iter().skip(1).fold(places.first().cloned().unwrap_or_default(), |base, place| {
        base.ancestors().find(|ancestor| place.starts_with(ancestor)).unwrap_or(Utf8Path::new("/")).to_owned()
    });
    let copied = Copied { base, scratch: scratch.to_owned() };
    for place in places.iter().filter(|place| place.is_dir()) {
        let folder = copied.place(place);
        fs_err::create_dir_all(&folder)?;
        for entry in place.read_dir_utf8()? {
            let path = entry?.into_path();
            let copy = folder.join(path.file_name().unwrap_or_default());
            let is_above = places.iter().any(|other| other.starts_with(&path));
            if is_above || copy.symlink_metadata().is_ok() {
                continue;
            }
            if matches!(path.extension(), Some("toml" | "lock")) && path.is_file() {
                fs_err::copy(&path, &copy)?;
            } else {
                std::os::unix::fs::symlink(&path, &copy)?;
            }
        }
    }
    Ok(copied)
}

#[derive(Debug)]
pub(crate) struct Copied {
    base: Utf8PathBuf,
    scratch: Utf8PathBuf,
}

impl Copied {
    /// The copy of a path.
    pub(crate) fn place(&self, path: &Utf8Path) -> Utf8PathBuf {
        // The base folder itself needs a name, because it may be a workspace.
        let below = path.strip_prefix(&self.base).unwrap_or(path);
        self.scratch.join("copy").join(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_their_ways_to_each_other() {
        let keep = tempfile::tempdir().expect("can be made");
        let root = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        for file in [
            "w/app/pyproject.toml",
            "w/app/libs/a/pyproject.toml",
            "w/app/libs/a/a.py",
            "w/other/b/setup.py",
            "w/app/x/y",
        ] {
            fs_err::create_dir_all(root.join(file).parent().expect("has one")).expect("can be made");
            fs_err::write(root.join(file), file).expect("can be written");
        }
        let places = ["w/app", "w/app/libs/a", "w/other/b"].map(|place| root.join(place)).into();
        let copied = copy(&root.join("scratch"), &places).expect("can be made");
        let app = copied.place(&root.join("w/app"));
        assert!(app.join("../other/b/setup.py").is_symlink() && app.join("x").is_symlink());
        assert!(app.join("libs/a/a.py").is_file() && !app.join("libs/a").is_symlink());
        fs_err::write(app.join("libs/a/pyproject.toml"), "changed").expect("can be written");
        assert_eq!(
            fs_err::read_to_string(root.join("w/app/libs/a/pyproject.toml")).expect("is there"),
            "w/app/libs/a/pyproject.toml"
        );
    }
}
