//! The layer has what the dependency file's own tool installs, and from the same files, for a table of inputs; or the run
//! says why not. `tests/fixtures/comparison/README.md` tells how the table is written.

mod compare;
mod contents;
mod evaluate;
mod network;
mod packages;
mod rows;
mod table;
mod target;
mod tool;
mod workspace;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use network::Network;
use packages::Packages;
use workspace::Workspace;

/// What the world has on one day and on a later one.
struct World {
    today: Network,
    later: Network,
    _folder: TempDir,
}

impl World {
    /// Tests that run at once share one; it stops with the last of them.
    fn shared() -> Arc<Self> {
        static WORLD: Mutex<Weak<World>> = Mutex::new(Weak::new());
        let mut known = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
        known.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Self::make());
            *known = Arc::downgrade(&made);
            made
        })
    }

    fn make() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").to_owned();
        let day = |name: &str, is_later: bool| Network::start(Packages::make(root.join(name), is_later));
        Self { today: day("today", false), later: day("later", true), _folder: folder }
    }
}

fn folder() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/comparison")
}

/// A file of the table.
fn fixture(name: &str) -> String {
    fs_err::read_to_string(folder().join(name)).expect("is there")
}

/// Every layer of a file is what the tool of its dependency file installs.
#[track_caller]
fn assert_same(file: &str) {
    let world = World::shared();
    let wanted = crate::harness::environment("COMPARISON").unwrap_or_default();
    let rows = rows::of_file(file);
    let rows = rows.iter().filter(|row| format!("{file}: {}", row.input).contains(&wanted));
    table::assert_right(&rows.flat_map(|row| Workspace::make(file, row, &world).lines()).collect::<Vec<_>>());
}

/// A test for each file of the table: they run at once.
macro_rules! files {
    ($($name:ident,)*) => {
        const FILES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                assert_same(concat!(stringify!($name), ".yml"));
            }
        )*
    };
}

files! {
    pdm,
    pipenv,
    places,
    poetry,
    projects,
    pylock,
    pyproject,
    requirements,
    uv,
    versions,
    workspaces,
}

#[test]
fn every_file_of_the_table_has_a_test() {
    let entries = folder().read_dir_utf8().expect("is there").map(|entry| entry.expect("is readable").into_path());
    let files = entries.filter(|path| path.extension() == Some("yml"));
    let mut names: Vec<_> = files.filter_map(|path| path.file_stem().map(str::to_owned)).collect();
    names.retain(|name| name != "packages");
    names.sort();
    assert_eq!(names, FILES);
}
