//! Finds the uv workspace that a project belongs to, as uv does: the nearest `pyproject.toml` above must name the
//! project's folder in its `[tool.uv.workspace]` (<https://docs.astral.sh/uv/concepts/projects/workspaces/>).

use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobMatcher};
use toml::{Table, Value};

use crate::types::check_glob;

/// The root of the workspace that the project in `folder` (absolute) is a member of; `None` if it is a member of none,
/// or the root itself.
pub fn above(folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let project = read(folder)?;
    let uv = table_of_uv(&project);
    let is_managed = uv.and_then(|uv| uv.get("managed")) != Some(&Value::Boolean(false));
    if !project.contains_key("project") || !is_managed || uv.is_some_and(|uv| uv.contains_key("workspace")) {
        return None;
    }
    let root = next_project(folder)?;
    let workspace = table_of_uv(&read(root)?)?.get("workspace")?.as_table()?.clone();
    let place = folder.strip_prefix(root).ok()?;
    let names = |key: &str| {
        let patterns = workspace.get(key).and_then(Value::as_array).into_iter().flatten();
        patterns.filter_map(|pattern| matcher(pattern.as_str()?)).any(|pattern| pattern.is_match(place))
    };
    (names("members") && !names("exclude")).then(|| root.to_owned())
}

/// The nearest folder above with a `pyproject.toml`. Only that file decides whether the folder is in a workspace.
pub fn next_project(folder: &Utf8Path) -> Option<&Utf8Path> {
    folder.ancestors().skip(1).find(|folder| folder.join("pyproject.toml").is_file())
}

/// The folder where uv starts to search for settings of `folder` (absolute): the root of its workspace, which may be a
/// single project, or the folder itself if there is none.
pub fn root(folder: &Utf8Path) -> Utf8PathBuf {
    let mut nearest = folder.ancestors().filter_map(|folder| Some((folder, read(folder)?)));
    let Some((project, text)) = nearest.next() else { return folder.to_owned() };
    let uv = table_of_uv(&text);
    let is_managed = uv.and_then(|uv| uv.get("managed")) != Some(&Value::Boolean(false));
    let is_root = uv.is_some_and(|uv| uv.contains_key("workspace")) || text.contains_key("project");
    if is_root && is_managed { above(project).unwrap_or_else(|| project.to_owned()) } else { folder.to_owned() }
}

/// The `pyproject.toml` of a folder; `None` if there is none, or it cannot be read.
fn read(folder: &Utf8Path) -> Option<Table> {
    fs_err::read_to_string(folder.join("pyproject.toml")).ok()?.parse().ok()
}

fn table_of_uv(project: &Table) -> Option<&Table> {
    project.get("tool")?.get("uv")?.as_table()
}

/// A pattern for folders. uv supports neither braces nor escapes with `\`.
fn matcher(pattern: &str) -> Option<GlobMatcher> {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    check_glob(pattern).ok()?;
    let pattern = pattern.replace('\\', "\\\\").replace('{', "\\{").replace('}', "\\}");
    Some(GlobBuilder::new(&pattern).literal_separator(true).build().ok()?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "[project]\nname = \"x\"\n";

    struct Folders {
        root: Utf8PathBuf,
        _keep: tempfile::TempDir,
    }

    impl Folders {
        fn new(workspace: &str) -> Self {
            let keep = tempfile::tempdir().expect("can be made");
            let root = Utf8PathBuf::try_from(keep.path().to_owned()).expect("is UTF-8");
            let folders = Self { root, _keep: keep };
            folders.project("", &format!("[tool.uv.workspace]\n{workspace}\n"))
        }

        fn project(self, folder: &str, text: &str) -> Self {
            let folder = self.root.join(folder);
            fs_err::create_dir_all(&folder).expect("can be made");
            fs_err::write(folder.join("pyproject.toml"), text).expect("can be written");
            self
        }

        fn is_member(&self, folder: &str) -> bool {
            above(&self.root.join(folder)).as_ref() == Some(&self.root)
        }
    }

    /// The expected results are where uv 0.13.8 puts the lock file of each project.
    #[test]
    fn members_are_those_that_the_root_names() {
        let folders = Folders::new("members = [\"./services/*/\", \"deep/**\"]\nexclude = [\"services/old\"]");
        let folders = folders.project("services/new", PROJECT).project("services/old", PROJECT);
        let folders = folders.project("deep/a/b", PROJECT).project("services/new/examples/x", PROJECT);
        let folders = folders.project("other", PROJECT).project("services/plain", "[tool.black]\n");
        let folders = folders.project("services/own", &format!("{PROJECT}[tool.uv.workspace]\n"));
        let folders = folders.project("services/alone", &format!("{PROJECT}[tool.uv]\nmanaged = false\n"));
        assert!(folders.is_member("services/new") && folders.is_member("deep/a/b"));
        for folder in ["services/old", "services/new/examples/x", "other", "services/plain", "services/own"] {
            assert!(!folders.is_member(folder), "{folder}");
        }
        assert!(!folders.is_member("services/alone") && !folders.is_member("") && !folders.is_member("services"));
        let folders = folders.project("services/a/b", PROJECT);
        assert!(!folders.is_member("services/a/b"), "a star ends at a slash");
    }

    #[test]
    fn another_project_in_between_hides_a_workspace() {
        let folders = Folders::new("members = [\"group/*\"]").project("group/x", PROJECT);
        assert!(folders.is_member("group/x"));
        assert!(!folders.project("group", "[tool.black]\n").is_member("group/x"));
        assert!(!Folders::new("members = [\"{a,b}\"]").project("a", PROJECT).is_member("a"));
    }

    #[test]
    fn settings_are_those_of_the_root() {
        let folders = Folders::new("members = [\"m/*\"]").project("m/x", PROJECT).project("other", PROJECT);
        let at = |folder: &str| root(&folders.root.join(folder)).strip_prefix(&folders.root).map(ToString::to_string);
        let found = ["m/x", "m/x/deeper", "m", "other", ""].map(|folder| at(folder).expect("is inside"));
        assert_eq!(found, ["", "", "", "other", ""]);
    }
}
