use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::types::{ByteSize, Digest};

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().expect("can be made");
    let path = Utf8PathBuf::try_from(folder.path().canonicalize().expect("exists")).expect("is UTF-8");
    (folder, path)
}

#[test]
fn the_digest_of_a_file_is_that_of_all_its_bytes() {
    let (_keep, folder) = folder();
    for size in [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 18] {
        let bytes: Vec<u8> = (0_u32..size).map(|number| number.to_le_bytes()[1]).collect();
        let path = folder.join("file");
        fs_err::write(&path, &bytes).expect("can be written");
        let expected = (Digest::of(&bytes), ByteSize(u64::from(size)));
        assert_eq!(digest_of_file(&path).expect("is readable"), expected);
    }
    assert_eq!(digest_of_file(&folder.join("none")).expect_err("is not there").kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn links_are_kept_followed_or_refused() {
    let (_keep, workspace) = folder();
    let package = workspace.join("package");
    fs_err::create_dir_all(package.join("lib")).expect("can be made");
    fs_err::write(package.join("lib/liba.so.1"), "a").expect("can be written");
    fs_err::write(workspace.join("shared.txt"), "s").expect("can be written");
    symlink("liba.so.1", package.join("lib/liba.so")).expect("can be made");
    symlink("../shared.txt", package.join("shared.txt")).expect("can be made");
    let entries = walk(&package, &workspace).expect("is readable");
    let kinds: Vec<_> =
        entries.iter().map(|entry| (entry.path.as_str(), matches!(entry.kind, FileKind::Link { .. }))).collect();
    assert_eq!(kinds, [("lib/liba.so", true), ("lib/liba.so.1", false), ("shared.txt", false)]);

    symlink("/etc/passwd", package.join("passwd")).expect("can be made");
    let error = walk(&package, &workspace).expect_err("leaves the workspace");
    assert!(error.to_string().contains("points outside the workspace"), "{error}");
}

#[test]
fn a_link_that_would_point_elsewhere_in_the_layer_is_followed() {
    let (_keep, workspace) = folder();
    let (package, other) = (workspace.join("package"), workspace.join("other"));
    fs_err::create_dir_all(&package).expect("can be made");
    fs_err::create_dir_all(&other).expect("can be made");
    fs_err::write(package.join("a.txt"), "a").expect("can be written");
    // Through another folder and back, and in a folder that is itself behind a link.
    symlink("../package/a.txt", other.join("back")).expect("can be made");
    symlink("../other/back", package.join("round")).expect("can be made");
    symlink("../other", package.join("more")).expect("can be made");
    let entries = walk(&package, &workspace).expect("is readable");
    let kinds: Vec<_> =
        entries.iter().map(|entry| (entry.path.as_str(), matches!(entry.kind, FileKind::Link { .. }))).collect();
    assert_eq!(kinds, [("a.txt", false), ("more/back", false), ("round", false)]);

    symlink("..", package.join("up")).expect("can be made");
    let error = walk(&package, &workspace).expect_err("never ends");
    assert!(error.to_string().contains("points to a folder that contains it"), "{error}");
}

#[test]
fn the_digest_sees_names_modes_and_bytes() {
    let (_keep, workspace) = folder();
    let file = workspace.join("a.py");
    fs_err::write(&file, "x = 1").expect("can be written");
    let before = digest(&workspace, &workspace).expect("is readable");
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("can be changed");
    let executable = digest(&workspace, &workspace).expect("is readable");
    fs_err::rename(&file, workspace.join("b.py")).expect("can be renamed");
    let renamed = digest(&workspace, &workspace).expect("is readable");
    assert!(before != executable && executable != renamed);
}

#[test]
fn what_builds_leave_behind_is_not_of_the_project() {
    let (_keep, folder) = folder();
    let kept = ["pyproject.toml", "src/app/build/a.py", "src/app/dist.py"];
    let left = ["build/lib/app/a.py", "dist/app-1.0.tar.gz", "src/app.egg-info/PKG-INFO", "env/pyvenv.cfg", "env/x"];
    for path in kept.into_iter().chain(left) {
        fs_err::create_dir_all(folder.join(path).parent().expect("has a parent")).expect("can be made");
        fs_err::write(folder.join(path), "").expect("can be written");
    }
    let entries = project(&folder, &folder).expect("is readable");
    assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), kept);
}

#[test]
fn what_the_finder_leaves_behind_is_not_of_the_layer() {
    let (_keep, folder) = folder();
    for name in [".DS_Store", "._a.py", "a.py", "._", "_a.py"] {
        fs_err::write(folder.join(name), "").expect("can be written");
    }
    let entries = walk(&folder, &folder).expect("is readable");
    assert_eq!(entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["_a.py", "a.py"]);
}

#[test]
fn places_are_shown_from_the_working_directory() {
    let shown = |path: &str| shown(path.into(), "/w/app".into(), "/w".into()).into_string();
    assert_eq!(
        ["/w/app/wheels", "/w/wheels", "/w/app", "/w/app/../x", "/opt/wheels"].map(shown),
        ["wheels", "../wheels", ".", "../x", "wheels"]
    );
}

#[test]
fn paths_are_normalized_without_the_file_system() {
    assert_eq!(normalize("a/./b/../c".into()).as_deref(), Some(Utf8Path::new("a/c")));
    assert_eq!(normalize("../a".into()), None);
}
