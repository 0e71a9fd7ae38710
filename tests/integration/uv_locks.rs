//! Locks of uv that do not fit in every respect: which of them are taken, and what is said. The packages are from a
//! server of the test's own.

use crate::harness::{FileServer, Outcome, Sandbox, tools};
use crate::locks::{layered, run, uv};
use crate::packages::{modern_project, wheel};

struct Project {
    sandbox: Sandbox,
    server: FileServer,
}

impl Project {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let root = sandbox.root().join("index");
        for name in ["alpha", "beta"] {
            wheel(&root.join(name), name, "1.0");
        }
        let server = FileServer::start(&root);
        Self { sandbox, server }
    }

    fn write(&self, folder: &str, text: &str) {
        let index = format!("[[tool.uv.index]]\nurl = \"{}\"\n", self.server.url());
        self.sandbox.write(&format!("{folder}/pyproject.toml"), format!("{text}\n{index}"));
    }

    fn lock(&self, folder: &str) {
        run(uv(&self.sandbox.path(folder)).arg("lock").env_remove("UV_NO_CONFIG"));
    }

    fn build(&self, folder: &str, arguments: &[&str]) -> Outcome {
        let run = self.sandbox.run(&["build", "--working-directory", folder, "--output", "x.zip"]);
        // For what builds need.
        let run = run.args(&["--extra-index-urls", "https://pypi.org/simple"]);
        run.args(&["--python-version", &tools().python_version()]).args(arguments).run()
    }

    /// Names in the layer that was built in a folder.
    fn names(&self, folder: &str) -> Vec<String> {
        layered(&self.sandbox.path(folder).join("x.zip")).into_keys().collect()
    }
}

const APP: &str =
    "[project]\nname = \"App\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"alpha\"]\n";

#[test]
fn a_lock_with_another_version_of_the_project_alone_is_taken_and_said() {
    let project = Project::new();
    project.write(".", APP);
    project.lock(".");
    project.write(".", &APP.replace("1.0", "1.1.0-rc1"));
    let before = project.sandbox.tree();
    let outcome = project.build(".", &[]).success();
    outcome.says("notice: `uv.lock` contains `app` 1.0, but the project is now at 1.1.0rc1; nothing else differs");
    assert_eq!(project.names("."), ["alpha"]);
    fs_err::remove_file(project.sandbox.path("x.zip")).expect("is there");
    assert!(project.sandbox.tree() == before, "the workspace was written to");

    for (from, to) in [
        ("\"alpha\"", "\"alpha\", \"beta\""),
        ("\"alpha\"", "\"alpha; python_version > '3.10'\""),
        (">=3.9", ">=3.9,<4"),
        (
            "dependencies = [\"alpha\"]\n",
            "dependencies = [\"alpha\"]\n[tool.uv]\nconstraint-dependencies = [\"alpha<2\"]\n",
        ),
        ("dependencies = [\"alpha\"]\n", "dependencies = [\"alpha\"]\n[dependency-groups]\ndev = [\"alpha\"]\n"),
    ] {
        project.write(".", &APP.replace("1.0", "1.1").replace(from, to));
        let outcome = project.build(".", &[]).code(1);
        outcome.says("error: `uv.lock` does not match `pyproject.toml`").says("hint: run `uv lock`");
    }
}

#[test]
fn versions_of_members_and_of_projects_beside_them_are_no_reason_to_lock_again() {
    let project = Project::new();
    let workspace = "[tool.uv.workspace]\nmembers = [\"apps/*\", \"libs/*\"]\n";
    project.write("services", workspace);
    let sources = "dependencies = [\"alpha\", \"lib\", \"beside\"]\n[tool.uv.sources]\nlib = { workspace = true }\nbeside = { path = \"../../../beside\" }\n";
    let app = |version: &str| {
        let text = APP.replace("1.0", version).replace("dependencies = [\"alpha\"]\n", sources);
        project.sandbox.write("services/apps/app/pyproject.toml", text);
    };
    app("1.0");
    let project_of = |name: &str, folder: &str| {
        modern_project(&project.sandbox, folder, &format!("requires-python = \">=3.9\"\n# {name}"));
    };
    project_of("lib", "services/libs/lib");
    project_of("beside", "beside");
    project.lock("services");
    app("2.0");
    for folder in ["services/libs/lib", "beside"] {
        let file = format!("{folder}/pyproject.toml");
        project.sandbox.write(&file, project.sandbox.read(&file).replace("version = \"1.0\"", "version = \"2.0\""));
    }
    let before = project.sandbox.tree();
    let outcome = project.build("services/apps/app", &[]).success();
    let outcome = outcome.says("notice: `../../uv.lock` contains `app` 1.0, but the project is now at 2.0");
    outcome.says("contains `beside` 1.0").says("contains `lib` 1.0");
    let layer = layered(&project.sandbox.path("services/apps/app/x.zip"));
    assert_eq!(
        layer.into_iter().collect::<Vec<_>>(),
        [("alpha", "1.0"), ("beside", "2.0"), ("lib", "2.0")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
    );
    fs_err::remove_file(project.sandbox.path("services/apps/app/x.zip")).expect("is there");
    assert!(project.sandbox.tree() == before, "the workspace was written to");
}

#[test]
fn folders_of_groups_that_nobody_asked_for_may_be_missing() {
    let project = Project::new();
    let own = "[dependency-groups]\nown = [\"own\"]\n[tool.uv.sources]\nown = { path = \"own\" }\n";
    project.write(".", &format!("{APP}{own}"));
    modern_project(&project.sandbox, "own", "requires-python = \">=3.9\"");
    project.lock(".");
    fs_err::remove_dir_all(project.sandbox.path("own")).expect("is there");
    project.build(".", &[]).success();
    assert_eq!(project.names("."), ["alpha"]);
    let outcome = project.build(".", &["--groups", "own"]).code(1);
    outcome.says("error: uv.lock:").says("`own` does not exist");
    project.write(".", &format!("{}{own}", APP.replace("\"alpha\"", "\"alpha\", \"beta\"")));
    project.build(".", &[]).code(1).says("error: `uv.lock` does not match `pyproject.toml`");
}

#[test]
fn a_version_of_uv_that_cannot_be_had_is_named() {
    let project = Project::new();
    project.write(".", APP);
    project.lock(".");
    project.sandbox.write("uv.toml", "required-version = \"==99.0\"\n");
    let outcome = project.build(".", &[]).code(2);
    let outcome = outcome.says("error: uv could not install uv==99.0, which the project requires");
    outcome.says("or change `required-version`");
}

#[test]
fn groups_and_extras_with_nothing_for_the_target_are_said() {
    let project = Project::new();
    let more = "[project.optional-dependencies]\nwin = [\"beta; sys_platform == 'win32'\"]\n[dependency-groups]\nempty = []\nfull = [\"beta\"]\n";
    project.write(".", &format!("{APP}{more}"));
    project.lock(".");
    let outcome = project.build(".", &["--groups", "empty,full", "--extras", "win"]).success();
    let warnings =
        outcome.stderr.lines().filter(|line| line.starts_with("warning: the ")).collect::<Vec<_>>().join("\n");
    let target = format!("python{} on x86_64", tools().python_version());
    assert_eq!(
        warnings,
        format!(
            "warning: the group `empty` in `uv.lock` has no packages for {target}\nwarning: the extra `win` in `uv.lock` has no packages for {target}"
        )
    );
}

#[test]
fn a_lock_with_nothing_for_the_target_is_an_error_with_code_beside_it_too() {
    let project = Project::new();
    project
        .write(".", &APP.replace("\"alpha\"", "\"alpha; sys_platform == 'win32'\", \"beta; python_version < '3.0'\""));
    project.lock(".");
    project.sandbox.write("app/__init__.py", "");
    for arguments in [&[] as &[&str], &["--source", "app"]] {
        let outcome = project.build(".", arguments).code(1);
        let outcome = outcome.says("error: `uv.lock` has no packages to install for ");
        outcome.says("`alpha==1.0` is only for `sys_platform == 'win32'`");
    }
    project.write(".", &APP.replace("\"alpha\"", ""));
    project.lock(".");
    project.build(".", &["--source", "app"]).success();
    project.build(".", &[]).code(1).says("error: `uv.lock` has no packages to install for ");
}

#[test]
fn the_lock_of_a_workspace_is_not_that_of_others_below_it() {
    let sandbox = Sandbox::new();
    let project = |name: &str| format!("[project]\nname = \"{name}\"\nversion = \"1\"\nrequires-python = \">=3.9\"\n");
    sandbox.write("pyproject.toml", project("root"));
    sandbox.write("uv.lock", "version = 1\nrevision = 3\nrequires-python = \">=3.9\"\n");
    sandbox.write("app/pyproject.toml", project("app"));
    let arguments = ["--working-directory", "app", "--requirements", "../uv.lock", "--python-version", "3.13"];
    let outcome = sandbox.run(&["build", "--output", "x.zip"]).args(&arguments).run().code(1);
    let outcome =
        outcome.says("error: `../uv.lock` is the lock file of a workspace that does not include this project\n");
    outcome.says("hint: add this folder to the `members` of the workspace in `[tool.uv.workspace]`, or run `uv lock` in this folder");
}

#[test]
fn a_lock_that_uv_cannot_read_comes_with_what_uv_says() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"six\"]\n",
    );
    sandbox.write(
        "uv.lock",
        "version = 1\nrevision = 3\nrequires-python = \">=3.9\"\n\n[[package]]\nname = \"app\"\nversion = \"1\"\n\
         source = { virtual = \".\" }\ndependencies = [{ name = \"six\", marker = \"nonsense\" }]\n\n[[package]]\n\
         name = \"six\"\nversion = \"1.17.0\"\nsource = { registry = \"https://pypi.org/simple\" }\nwheels = []\n",
    );
    let outcome = sandbox.run(&["build", "--output", "x.zip", "--python-version", "3.13"]).run().code(1);
    let outcome =
        outcome.says("error: uv could not read `uv.lock`\ncause: Failed to parse `uv.lock`\ncause: TOML parse");
    let outcome = outcome.says("found `nonsense`");
    outcome.says("hint: correct the problem, or create the lock file again with `uv lock`\n");
}
