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

use std::sync::Mutex;

use camino::Utf8Path;
use tempfile::TempDir;

use network::Network;
use packages::Packages;
use table::Line;
use workspace::Workspace;

/// What the world has on one day and on a later one.
struct World {
    today: Network,
    later: Network,
    _folder: TempDir,
}

impl World {
    fn make() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
        let root = Utf8Path::from_path(folder.path()).expect("is UTF-8").to_owned();
        let day = |name: &str, is_later: bool| Network::start(Packages::make(root.join(name), is_later));
        Self { today: day("today", false), later: day("later", true), _folder: folder }
    }
}

/// A file of the table.
fn fixture(name: &str) -> String {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/comparison");
    fs_err::read_to_string(folder.join(name)).expect("is there")
}

#[test]
fn a_layer_has_what_the_tool_of_its_dependency_file_installs() {
    let world = World::make();
    let wanted = crate::harness::environment("COMPARISON").unwrap_or_default();
    let rows = rows::rows();
    let rows: Vec<_> =
        rows.iter().filter(|(file, row)| format!("{file}: {}", row.input).contains(&wanted)).enumerate().collect();
    let (queue, lines) = (Mutex::new(rows.iter()), Mutex::new(Vec::<(usize, Vec<Line>)>::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8) {
            scope.spawn(|| {
                loop {
                    let Some((number, (file, row))) = queue.lock().expect("is whole").next() else { return };
                    let found = Workspace::make(file, row, &world).lines();
                    lines.lock().expect("is whole").push((*number, found));
                }
            });
        }
    });
    let mut lines = lines.into_inner().expect("is whole");
    lines.sort_by_key(|(number, _)| *number);
    table::assert_right(&lines.into_iter().flat_map(|(_, lines)| lines).collect::<Vec<_>>());
}
