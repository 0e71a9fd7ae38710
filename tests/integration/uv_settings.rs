//! Indexes and settings that uv takes from the root of a workspace, from `uv.toml`, and from its variables.

use camino::Utf8Path;

use crate::harness::{FileServer, Outcome, Run, Sandbox, tools};
use crate::locks::{layered, run, uv};
use crate::packages::wheel;
use crate::pypi::PasswordIndex;
use crate::watch::Watched;
use crate::zip::members;

const USER: &str = "ci";
const PASSWORD: &str = "s3cret/T0ken-42";

fn build(sandbox: &Sandbox, folder: &str, installer: &str) -> Run {
    let python = tools().python_version();
    let arguments = ["build", "--python-version", &python, "--installer", installer, "--output", "layer.zip"];
    sandbox.run(&arguments).args(&["--working-directory", folder]).env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "1")
}

fn with_password(run: Run, name: &str) -> Run {
    let prefix = format!("UV_INDEX_{name}");
    run.env(&format!("{prefix}_USERNAME"), USER).env(&format!("{prefix}_PASSWORD"), PASSWORD)
}

fn index(sandbox: &Sandbox, packages: &[(&str, &str)]) -> PasswordIndex {
    PasswordIndex::with_wheels(&sandbox.root().join("index"), USER, PASSWORD, packages)
}

/// Locks the workspace as a person does who has the same settings.
fn lock(sandbox: &Sandbox, variables: &[(&str, &str)]) {
    let mut command = uv(&sandbox.path(""));
    command.arg("lock").env_remove("UV_NO_CONFIG").env("HOME", sandbox.root().join("home"));
    command.env("UV_INDEX_ACME_USERNAME", USER).env("UV_INDEX_ACME_PASSWORD", PASSWORD);
    run(command.envs(variables.iter().copied()));
}

/// A workspace with a member that asks for what the private index alone has.
fn workspace(root: &str, uv_toml: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pyproject.toml", format!("[tool.uv.workspace]\nmembers = [\"services/*\"]\n{root}"));
    if !uv_toml.is_empty() {
        sandbox.write("uv.toml", uv_toml);
    }
    let project = "[project]\nname = \"orders\"\nversion = \"0.1.0\"\nrequires-python = \">=3.9\"\ndependencies = [\"alpha==1.0\"]\n";
    sandbox.write("services/orders/pyproject.toml", project);
    sandbox
}

#[track_caller]
fn has_alpha(sandbox: &Sandbox, folder: &str) {
    let zip = sandbox.path(folder).join("layer.zip");
    assert_eq!(layered(&zip), [("alpha".to_owned(), "1.0".to_owned())].into());
    fs_err::remove_file(zip).expect("is there");
}

const SOURCE: &str = "[tool.uv.sources]\nalpha = { index = \"acme\" }\n";

#[test]
fn members_know_the_indexes_of_their_workspace() {
    let place = Sandbox::new();
    let index = index(&place, &[("alpha", "1.0")]);
    let table = |table: &str| format!("[[{table}]]\nname = \"acme\"\nurl = \"{}\"\n", index.url());
    let explicit = format!("{}explicit = true\n{SOURCE}", table("tool.uv.index"));
    for (root, uv_toml) in [(explicit, String::new()), (String::new(), table("index"))] {
        let sandbox = workspace(&root, &uv_toml);
        lock(&sandbox, &[]);
        for installer in ["uv", "pip"] {
            with_password(build(&sandbox, "services/orders", installer), "ACME").run().success();
            has_alpha(&sandbox, "services/orders");
        }
        let outcome = build(&sandbox, "services/orders", "uv").env("UV_INDEX_ACME_USERNAME", "ci").run().code(1);
        let outcome = outcome.says(&format!(
            "error: the package index `acme` at `{}` rejected the credentials of this run\n",
            index.url()
        ));
        outcome.says("cause: `UV_INDEX_ACME_USERNAME` is set and `UV_INDEX_ACME_PASSWORD` is not set\n");
        let outcome = build(&sandbox, "services/orders", "pip").run().code(1);
        let outcome =
            outcome.says("cause: `UV_INDEX_ACME_USERNAME` is not set and `UV_INDEX_ACME_PASSWORD` is not set\n");
        outcome.says("hint: check the user name, password or token of the index; or set `UV_INDEX_ACME_USERNAME` and");
    }
}

#[test]
fn an_index_of_a_lock_may_be_named_by_the_user_or_by_variables() {
    let sandbox = workspace("", "");
    let index = index(&sandbox, &[("alpha", "1.0")]);
    let given = format!("acme={}", index.url());
    lock(&sandbox, &[("UV_INDEX", &given)]);
    let run = || with_password(build(&sandbox, "services/orders", "uv"), "ACME");
    run().env("UV_INDEX", &given).run().success();
    has_alpha(&sandbox, "services/orders");

    let settings = format!("[[index]]\nname = \"acme\"\nurl = \"{}\"\n", index.url());
    write_of_user(&sandbox, &settings);
    run().run().success();
    has_alpha(&sandbox, "services/orders");
    fs_err::rename(sandbox.root().join("home/.config/uv/uv.toml"), sandbox.path("own.toml")).expect("is there");
    run().env("UV_CONFIG_FILE", sandbox.path("own.toml")).run().success();
    has_alpha(&sandbox, "services/orders");
}

fn write_of_user(sandbox: &Sandbox, text: &str) {
    let folder = sandbox.root().join("home/.config/uv");
    fs_err::create_dir_all(&folder).expect("can be made");
    fs_err::write(folder.join("uv.toml"), text).expect("can be written");
}

/// Everything that a lists of requirements can mean: what uv's files say counts as in `uv pip install`.
#[test]
fn lists_of_requirements_have_the_indexes_that_uv_has_for_them() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, &[("alpha", "1.0")]);
    let url = index.url();
    write_of_user(&sandbox, &format!("[[index]]\nname = \"acme\"\nurl = \"{url}\"\n"));
    with_password(build(&sandbox, ".", "uv"), "ACME").run().success();
    has_alpha(&sandbox, ".");
    build(&sandbox, ".", "uv").run().code(1).says(&format!("the package index `acme` at `{url}` rejected"));

    // The password of a file is hidden as any other.
    write_of_user(&sandbox, &format!("index-url = \"{}\"\n", index.url_with_password()));
    let watched = Watched::new(USER, PASSWORD);
    // With an empty cache, so that an installer starts.
    let other = sandbox.root().join("other-cache");
    let run = build(&sandbox, ".", "uv").env("LAMBDA_LAYER_DEBUG", "1").env("LAMBDA_LAYER_CACHE_DIR", other);
    let outcome = watched.run(run, sandbox.root().as_str()).success();
    watched.is_nowhere(&sandbox, &outcome, &[sandbox.root().join("home/.config/uv/uv.toml")]);
    has_alpha(&sandbox, ".");
}

/// Indexes without a password, each with another version.
struct Indexes {
    servers: Vec<FileServer>,
}

impl Indexes {
    fn new(sandbox: &Sandbox, versions: &[&str]) -> Self {
        let servers = versions.iter().map(|version| {
            let folder = sandbox.root().join(format!("of-{version}"));
            wheel(&folder.join("alpha"), "alpha", version);
            FileServer::start(&folder)
        });
        Self { servers: servers.collect() }
    }

    fn table(&self, number: usize, table: &str) -> String {
        format!("[[{table}]]\nurl = \"{}/\"\n", self.servers[number].url())
    }
}

#[track_caller]
fn has_version(sandbox: &Sandbox, outcome: Outcome, version: &str) {
    outcome.success();
    let members = members(&sandbox.path("layer.zip"));
    assert_eq!(members["python/alpha.py"].text(), format!("version = \"{version}\"\n"));
}

#[test]
fn of_several_files_the_one_counts_that_counts_for_uv() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let indexes = Indexes::new(&sandbox, &["1.0", "2.0", "3.0"]);
    let built = || build(&sandbox, ".", "uv").run();
    write_of_user(&sandbox, &indexes.table(0, "index"));
    has_version(&sandbox, built(), "1.0");
    sandbox.write("pyproject.toml", indexes.table(1, "tool.uv.index"));
    has_version(&sandbox, built(), "2.0");
    sandbox.write("uv.toml", indexes.table(2, "index"));
    has_version(&sandbox, built(), "3.0");
    let variable = format!("{}/", indexes.servers[0].url());
    has_version(&sandbox, build(&sandbox, ".", "uv").env("UV_INDEX", &variable).run(), "1.0");
    has_version(&sandbox, build(&sandbox, ".", "uv").args(&["--extra-index-urls", &variable]).run(), "1.0");
    let pip = build(&sandbox, ".", "pip").args(&["--index-url", &variable]).env("PIP_FIND_LINKS", "").run();
    has_version(&sandbox, pip, "1.0");
}

#[test]
fn settings_that_decide_are_heeded_or_named() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    wheel(&sandbox.path("shared/wheels"), "alpha", "1.0");
    wheel(&sandbox.path("shared/wheels"), "alpha", "2.0rc1");
    let indexes = Indexes::new(&sandbox, &["0.1"]);
    let index_url = format!("index-url = \"{}/\"\n", indexes.servers[0].url());
    sandbox.write("shared/requirements.txt", "alpha\n");
    let settings = |text: &str| sandbox.write("uv.toml", format!("{index_url}{text}"));
    let built = || build(&sandbox, "shared", "uv").run();
    let version = |outcome: Outcome, version: &str| {
        outcome.success();
        let members = members(&sandbox.path("shared/layer.zip"));
        assert_eq!(members["python/alpha.py"].text(), format!("version = \"{version}\"\n"));
    };
    settings("find-links = [\"shared/wheels\"]\n");
    version(built(), "1.0");
    settings("find-links = [\"shared/wheels\"]\nprerelease = \"allow\"\n[pip]\nresolution = \"highest\"\n");
    version(built(), "2.0rc1");
    settings("constraint-dependencies = [\"alpha<1\"]\n[pip]\nno-binary = [\"beta\"]\n");
    let outcome = built()
        .success()
        .says("warning: `uv.toml` contains the uv setting `constraint-dependencies`, which is ignored");
    outcome.says("warning: `uv.toml` contains the uv setting `no-binary`, which is ignored here\n");
    settings("no-index = true\n");
    built()
        .code(1)
        .says("error: `uv.toml` contains the uv setting `no-index`, which is not supported here\n")
        .says("hint: write `--no-index`");
    sandbox.write("uv.toml", "[[index]]\nurl = \"https://h/page\"\nformat = \"flat\"\n");
    built()
        .code(1)
        .says("contains the index `https://h/page` in the format `flat`, which is not supported\n")
        .says("hint: use `find-links`");
    sandbox.write("uv.toml", "index-url = \n");
    built().code(1).says("uv.toml:1:").says("hint: correct the file at this position: uv cannot read it either\n");
    let outcome = build(&sandbox, "shared", "uv").env("UV_CONFIG_FILE", "gone.toml").run().code(1);
    outcome.says("error: `UV_CONFIG_FILE` is `gone.toml`, which does not exist\n");
}

#[test]
fn settings_are_part_of_what_a_layer_is_made_from() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let indexes = Indexes::new(&sandbox, &["1.0", "2.0"]);
    sandbox.write("uv.toml", indexes.table(0, "index"));
    let publish = || {
        let python = tools().python_version();
        let run = sandbox.run(&[]).in_actions(&[("layer-name", "x"), ("python-version", &python), ("registry", "out")]);
        run.run().success()
    };
    let outcome = publish();
    assert_eq!(outcome.outputs()["paths"], r#"{"x":["requirements.txt","uv.toml"]}"#);
    outcome.says("x published");
    publish().says("x unchanged");
    sandbox.write("uv.toml", indexes.table(1, "index"));
    publish().says("x published: extra-index-urls:");
}

/// Also for what is in no checkout of git; a copy of it lies outside of this program's own.
#[test]
fn members_share_the_lock_of_their_workspace_outside_of_git() {
    let sandbox = workspace("", "");
    let project = |name: &str, dependencies: &str| {
        format!(
            "[project]\nname = \"{name}\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [{dependencies}]\n"
        )
    };
    let sources = "[tool.uv.sources]\nshared = { workspace = true }\n";
    let build_system = "[build-system]\nrequires = [\"uv_build\"]\nbuild-backend = \"uv_build\"\n";
    sandbox.write(
        "pyproject.toml",
        "[tool.uv.workspace]\nmembers = [\"services/*\", \"libs/*\"]\nexclude = [\"services/old\"]\n",
    );
    sandbox.write("services/orders/pyproject.toml", project("orders", "\"shared\", \"six==1.17.0\"") + sources);
    sandbox.write("services/old/pyproject.toml", project("old", "\"idna==3.10\""));
    sandbox.write("services/orders/tools/pyproject.toml", project("tools", "\"idna==3.10\""));
    sandbox.write("libs/shared/pyproject.toml", project("shared", "") + build_system);
    sandbox.write("libs/shared/src/shared/__init__.py", "value = 1\n");
    lock(&sandbox, &[]);
    let place = tempfile::tempdir().expect("can be made");
    let place = Utf8Path::from_path(place.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
    run(std::process::Command::new("cp").args(["-r", sandbox.path(".").as_str(), place.join("w").as_str()]));
    fs_err::remove_dir_all(place.join("w/.git")).expect("is there");
    let names = |folder: &str| {
        let folder = place.join("w").join(folder);
        let outcome = build(&sandbox, folder.as_str(), "uv").run().success();
        let names: Vec<String> = layered(&folder.join("layer.zip")).into_keys().collect();
        (names.join(" "), outcome)
    };
    assert_eq!(names("services/orders").0, "shared six");
    for folder in ["services/old", "services/orders/tools"] {
        assert_eq!(names(folder).0, "idna", "no member has the lock of another project");
    }
    let old = place.join("w/services/old");
    let outcome = build(&sandbox, old.as_str(), "uv").args(&["--requirements", "../../uv.lock"]).run().code(1);
    outcome
        .says("error: `../../uv.lock` is the lock file of a workspace that does not include this project")
        .says("hint: add this folder to the `members`");
    // In a workflow nothing above the checkout is read.
    let folder = place.join("w/services/orders");
    let python = tools().python_version();
    let inputs = [("layer-name", "x"), ("python-version", python.as_str()), ("working-directory", folder.as_str())];
    let outcome = sandbox.run(&[]).in_actions(&inputs).env("GITHUB_WORKSPACE", &folder).run().code(1);
    outcome.says("installs `shared` from a source that only uv's lock file supports");
}
