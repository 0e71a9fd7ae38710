//! Locks that Poetry installs and does not export by itself. The packages are from a server of the test's own.

use std::process::Command;

use camino::Utf8Path;

use crate::harness::{FileServer, Outcome, Sandbox, tools};
use crate::locks::{layered, run, tool};
use crate::packages::{modern_project, wheel, wheel_of};

/// A folder of the workspace with a project of Poetry's, and its lock.
struct Project {
    sandbox: Sandbox,
    _server: FileServer,
}

impl Project {
    /// `tables` are those of Poetry; `prepare` makes what lies beside the project.
    fn new(tables: &str, prepare: impl FnOnce(&Sandbox)) -> Self {
        let sandbox = Sandbox::new();
        let root = sandbox.root().join("index");
        for (name, version) in [("alpha", "1.0"), ("alpha", "2.0"), ("gamma", "1.0")] {
            wheel(&root.join(name), name, version);
        }
        for (name, requires) in [("beta", "alpha"), ("delta", "gamma")] {
            let info = format!("{name}-1.0.dist-info/METADATA");
            let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {requires}\n");
            wheel_of(&root.join(name), name, "1.0", &[(&format!("{name}.py"), ""), (&info, &metadata)]);
        }
        let server = FileServer::start(&root);
        let source =
            format!("[[tool.poetry.source]]\nname = \"own\"\nurl = \"{}\"\npriority = \"primary\"\n", server.url());
        let text = format!("[tool.poetry]\npackage-mode = false\n{tables}{source}");
        sandbox.write("app/pyproject.toml", text);
        prepare(&sandbox);
        let project = Self { sandbox, _server: server };
        project.poetry(&["lock"]);
        project
    }

    fn poetry(&self, arguments: &[&str]) {
        let folder = self.sandbox.path("app");
        let mut command: Command = tool("poetry", &folder);
        let own = self.sandbox.root().join("poetry");
        for name in ["HOME", "POETRY_CONFIG_DIR", "POETRY_DATA_DIR", "POETRY_CACHE_DIR"] {
            command.env(name, &own);
        }
        run(command.args(arguments));
    }

    /// In the form of Poetry 1, which does not say what belongs to which group.
    fn of_poetry_1(self) -> Self {
        let lock = self.sandbox.read("app/poetry.lock");
        let lines = lock.lines().filter(|line| !line.starts_with("groups = ") && !line.starts_with("markers = "));
        let lock = lines.collect::<Vec<_>>().join("\n").replace("lock-version = \"2.1\"", "lock-version = \"2.0\"");
        self.sandbox.write("app/poetry.lock", lock + "\n");
        self
    }

    fn build(&self, arguments: &[&str]) -> Outcome {
        let run = self.sandbox.run(&["build", "--working-directory", "app", "--output", "x.zip"]);
        // For what builds need.
        let run = run.args(&["--extra-index-urls", "https://pypi.org/simple"]);
        run.args(arguments).run()
    }

    fn built(&self, arguments: &[&str]) -> Vec<String> {
        self.build(arguments).success();
        let zip = self.sandbox.path("app/x.zip");
        layered(Utf8Path::new(&zip)).into_iter().map(|(name, version)| format!("{name} {version}")).collect()
    }
}

/// The export cannot tell which `alpha` it is that `beta` wants.
const TWO_VERSIONS: &str = r#"
[tool.poetry.dependencies]
python = ">=3.9,<4"
beta = "1.0"
alpha = [{ version = "1.0", python = "<3.12" }, { version = "2.0", python = ">=3.12" }]
delta = { version = "*", optional = true }
[tool.poetry.extras]
more = ["delta"]
[tool.poetry.group.dev.dependencies]
gamma = "*"
"#;

#[test]
fn locks_of_poetry_1_in_which_its_export_loses_its_way_are_built() {
    let project = Project::new(TWO_VERSIONS, |_sandbox| ()).of_poetry_1();
    assert_eq!(project.built(&["--python-version", "3.13"]), ["alpha 2.0", "beta 1.0"]);
    assert_eq!(project.built(&["--python-version", "3.11", "--architecture", "arm64"]), ["alpha 1.0", "beta 1.0"]);
    assert_eq!(project.built(&["--groups", "dev"]), ["alpha 2.0", "beta 1.0", "gamma 1.0"]);
    assert_eq!(project.built(&["--extras", "more"]), ["alpha 2.0", "beta 1.0", "delta 1.0", "gamma 1.0"]);
    let python = tools().python_version();
    let own = ["--installer", "pip", "--python-version", &python];
    assert_eq!(project.built(&own).len(), 2);
}

#[test]
fn folders_of_groups_that_nobody_asked_for_may_be_missing() {
    let tables = "[tool.poetry.dependencies]\npython = \">=3.9,<4\"\nalpha = \"2.0\"\nlib = { path = \"../lib\", develop = true }\n\
        [tool.poetry.group.dev.dependencies]\nhelper = { path = \"../helper\" }\n";
    let project = Project::new(tables, |sandbox| {
        modern_project(sandbox, "lib", "requires-python = \">=3.9\"");
        modern_project(sandbox, "helper", "requires-python = \">=3.9\"");
    });
    fs_err::remove_dir_all(project.sandbox.path("helper")).expect("is there");
    assert_eq!(project.built(&[]), ["alpha 2.0", "lib 1.0"]);
    let outcome = project.build(&["--groups", "dev"]).code(1);
    outcome.says("error: poetry.lock:").says("`../helper` does not exist");
}

#[test]
fn a_version_of_poetry_that_cannot_be_had_is_named() {
    let project = Project::new("[tool.poetry.dependencies]\npython = \">=3.9,<4\"\nalpha = \"*\"\n", |_sandbox| ());
    let text = project
        .sandbox
        .read("app/pyproject.toml")
        .replace("package-mode", "requires-poetry = \"==99.0\"\npackage-mode");
    project.sandbox.write("app/pyproject.toml", text);
    let outcome = project.build(&[]).code(2);
    let outcome = outcome.says("error: uv could not install poetry==99.0, which the project requires");
    outcome.says("or change `requires-poetry`");
}
