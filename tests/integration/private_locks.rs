//! Private indexes of lock files and projects, given as the tool of each has it: they are used, also for names that PyPI
//! has as well, and their passwords are told nowhere.

use std::process::Command;

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::locks::{layered, run, tool, uv};
use crate::packages::wheel;
use crate::pypi::PasswordIndex;
use crate::watch::Watched;
use crate::zip::members;

const USER: &str = "reader";

/// A project with a dependency that the private index alone has, one that both have with other bytes and that is meant
/// to be the private one, and one of PyPI.
struct Private {
    sandbox: Sandbox,
    index: PasswordIndex,
    /// The dependency file.
    file: &'static str,
    /// Of an odd kind, and another one in each test: they look at each other's processes.
    password: String,
    /// Where the user and the password are given.
    given: Given,
}

#[derive(Clone, Copy)]
enum Given {
    /// In variables of the environment.
    Variables {
        user: &'static str,
        password: &'static str,
    },
    Netrc,
}

const OF_UV: Given = Given::Variables { user: "UV_INDEX_OUR_OWN_USERNAME", password: "UV_INDEX_OUR_OWN_PASSWORD" };
const OF_POETRY: Given =
    Given::Variables { user: "POETRY_HTTP_BASIC_OUR_OWN_USERNAME", password: "POETRY_HTTP_BASIC_OUR_OWN_PASSWORD" };
/// Names that do not sound like secrets.
const IN_URL: Given = Given::Variables { user: "OUR_READER", password: "OUR_WORD" };

const PROJECT: &str = r#"[project]
name = "app"
version = "1"
requires-python = ">=3.9,<4"
dependencies = ["alpha", "iniconfig==2.1.0", "six==1.17.0"]
"#;

impl Private {
    /// `tables` are those of the project's tool, with `{url}` and `{host}` of the index.
    fn new(file: &'static str, given: Given, project: &str, tables: &str) -> Self {
        let sandbox = Sandbox::new();
        let password = format!("p@ss/{}+%41:x&", file.replace('.', "-"));
        let folder = sandbox.root().join("index");
        let index = PasswordIndex::with_wheels(&folder, USER, &password, &[("alpha", "1.0"), ("iniconfig", "2.1.0")]);
        let tables = tables.replace("{url}", &index.url()).replace("{host}", &index.host());
        let beside = if file == "Pipfile.lock" { "Pipfile" } else { "pyproject.toml" };
        sandbox.write(beside, format!("{project}{tables}"));
        Self { sandbox, index, file, password, given }
    }

    /// The private index has this, too, which is meant to be from PyPI.
    fn with_six(self, version: &str) -> Self {
        wheel(&self.sandbox.root().join("index"), "six", version);
        self
    }

    /// Makes the lock with its tool.
    fn lock(self, command: impl FnOnce(&camino::Utf8Path) -> Command, arguments: &[&str]) -> Self {
        let keep = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
        let folder = camino::Utf8Path::from_path(keep.path()).expect("is UTF-8");
        let beside = if self.file == "Pipfile.lock" { "Pipfile" } else { "pyproject.toml" };
        fs_err::copy(self.sandbox.path(beside), folder.join(beside)).expect("can be copied");
        let mut command = command(folder);
        command.args(arguments);
        match self.given {
            Given::Variables { user, password } => _ = command.env(user, USER).env(password, &self.password),
            Given::Netrc => _ = command.env("NETRC", self.netrc(&self.password)),
        }
        run(&mut command);
        fs_err::copy(folder.join(self.file), self.sandbox.path(self.file)).expect("was made");
        self
    }

    fn netrc(&self, password: &str) -> camino::Utf8PathBuf {
        let path = self.sandbox.root().join("home/.netrc");
        fs_err::write(&path, format!("machine 127.0.0.1 login {USER} password {password}\n")).expect("can be written");
        path
    }

    /// A step of a workflow that publishes the layer to a folder.
    fn step(&self, installer: &str, password: &str) -> Run {
        let python = tools().python_version();
        let layer = format!("with-{installer}");
        let inputs = [
            ("layer-name", layer.as_str()),
            ("python-version", &python),
            ("registry", "layers"),
            ("requirements", self.file),
            ("installer", installer),
            ("output", "layer.zip"),
        ];
        let step = self.sandbox.run(&[]).in_actions(&inputs).env("RUNNER_DEBUG", "1");
        // The tools that read locks are in uv's shared cache.
        let step = step.env("PIP_CACHE_DIR", self.sandbox.root().join("pip")).env("PIP_RETRIES", "1");
        match self.given {
            Given::Variables { user, password: variable } => step.env(user, USER).env(variable, password),
            Given::Netrc => {
                self.netrc(password);
                step
            }
        }
    }

    /// Runs, and looks for the password everywhere.
    #[track_caller]
    fn watched(&self, installer: &str) -> Outcome {
        let watched = Watched::new(USER, &self.password);
        let marker = self.sandbox.root().join("marker");
        fs_err::write(&marker, "").expect("can be written");
        let outcome = watched.run(self.step(installer, &self.password), self.sandbox.root().as_str());
        self.is_nowhere(&self.password, &outcome);
        watched.is_not_in_newer(&crate::tools::cache("uv"), &marker);
        outcome
    }

    #[track_caller]
    fn is_nowhere(&self, password: &str, outcome: &Outcome) {
        Watched::new(USER, password).is_nowhere(&self.sandbox, outcome, &[self.sandbox.root().join("home/.netrc")]);
    }

    /// With a wrong password, with the right one, and again.
    #[track_caller]
    fn is_installed_with(&self, installer: &str) {
        // Poetry's locks have it without the slash.
        let url = self.index.url();
        self.is_installed_from(&format!("`our-own` at `{}", url.trim_end_matches('/')), installer);
    }

    /// The same from an index that is called `index` when it refuses.
    #[track_caller]
    fn is_installed_from(&self, index: &str, installer: &str) {
        let sandbox = &self.sandbox;
        let wrong = format!("wr0ng/{}", self.password);
        let outcome = self.step(installer, &wrong).run().code(1);
        self.is_nowhere(&wrong, &outcome);
        let outcome = outcome.says(&format!("error: the package index {index}"));
        outcome
            .says("` rejected the credentials of this run\n")
            .says("hint: check the user name, password or token of the index");
        assert!(!sandbox.path("layer.zip").exists());

        let outcome = self.watched(installer).success();
        outcome.says(&format!("with-{installer} published"));
        let zip = sandbox.path("layer.zip");
        let distributions = layered(&zip);
        let expected = [("alpha", "1.0"), ("iniconfig", "2.1.0"), ("six", "1.17.0")];
        assert_eq!(distributions, expected.map(|(name, version)| (name.to_owned(), version.to_owned())).into());
        let members = members(&zip);
        // That of PyPI is a package of several modules.
        assert_eq!(members["python/iniconfig.py"].text(), "version = \"2.1.0\"\n");
        assert!(members["python/six.py"].text().contains("Benjamin Peterson"), "it is not that of PyPI");

        let trap = sandbox.trap(&["uv", "python3", "python", "pip", "poetry", "pdm", "pipenv"]);
        let outcome = self.step(installer, &self.password).path_first(&trap).run().success();
        self.is_nowhere(&self.password, &outcome);
        outcome.says(&format!("with-{installer} unchanged"));
        assert_eq!(sandbox.trapped(), "", "nothing is started");
        fs_err::remove_file(&zip).expect("is there");
    }
}

const TABLES_OF_UV: &str = r#"
[[tool.uv.index]]
name = "our-own"
url = "{url}"
explicit = true
[tool.uv.sources]
alpha = { index = "our-own" }
iniconfig = { index = "our-own" }
"#;

#[test]
fn uv_locks_name_their_index() {
    let private = Private::new("uv.lock", OF_UV, PROJECT, TABLES_OF_UV).lock(uv, &["lock"]).with_six("9.0");
    private.is_installed_with("uv");
    private.is_installed_with("pip");
}

#[test]
fn uv_locks_name_a_page_that_asks_for_a_password() {
    let tables = TABLES_OF_UV.replace("{url}\"", "http://{host}/packages/\"\nformat = \"flat\"");
    let private = Private::new("uv.lock", OF_UV, PROJECT, &tables).lock(uv, &["lock"]).with_six("9.0");
    // It is told by a file that lies behind it: whichever of the downloads, side by side, was refused first.
    let page = format!("`http://{}/packages/", private.index.host());
    private.is_installed_from(&page, "uv");
    private.is_installed_from(&page, "pip");
}

#[test]
fn other_bytes_under_the_locked_version_are_never_taken() {
    let private = Private::new("uv.lock", OF_UV, PROJECT, TABLES_OF_UV).lock(uv, &["lock"]).with_six("1.17.0");
    // uv stays with the first index that has a version.
    let outcome = private.step("uv", &private.password).run().code(1);
    outcome.says("error: the downloaded file of `six==1.17.0` does not match the hash in uv.lock:");
    private.step("pip", &private.password).run().success();
    assert!(members(&private.sandbox.path("layer.zip"))["python/six.py"].text().contains("Benjamin Peterson"));
}

#[test]
fn poetry_locks_name_their_source() {
    // Poetry asks PyPI for JSON, which mirrors of it need not have; a source of its own is read as a simple index.
    let tables = r#"
[[tool.poetry.source]]
name = "simple"
url = "https://pypi.org/simple/"
priority = "primary"
[[tool.poetry.source]]
name = "our-own"
url = "{url}"
priority = "explicit"
[tool.poetry.dependencies]
alpha = { source = "our-own" }
iniconfig = { source = "our-own" }
"#;
    let private = Private::new("poetry.lock", OF_POETRY, PROJECT, tables);
    // Its cache knows files by the name of their source, and this source is another one in each test.
    let poetry = |folder: &camino::Utf8Path| {
        let mut command = tool("poetry", folder);
        command.env("POETRY_CACHE_DIR", folder.join("own/cache"));
        command
    };
    let private = private.lock(poetry, &["lock"]).with_six("9.0");
    private.is_installed_with("uv");
    private.is_installed_with("pip");
}

#[test]
fn pdm_projects_have_variables_in_the_url_of_a_source() {
    let tables = r#"
[[tool.pdm.source]]
name = "our-own"
url = "http://${OUR_READER}:${OUR_WORD}@{host}/simple/"
include_packages = ["alpha", "iniconfig"]
exclude_packages = ["*"]
"#;
    let private = Private::new("pdm.lock", IN_URL, PROJECT, tables);
    let private = private.lock(|folder| tool("pdm", folder), &["lock"]).with_six("9.0");
    private.is_installed_with("uv");
    private.is_installed_with("pip");
}

#[test]
fn pipfiles_have_variables_in_the_url_of_a_source() {
    let pipfile = r#"
[[source]]
name = "pypi"
url = "https://pypi.org/simple"
verify_ssl = true
[[source]]
name = "our-own"
url = "http://${OUR_READER}:${OUR_WORD}@{host}/simple/"
verify_ssl = true
[packages]
alpha = { version = "*", index = "our-own" }
iniconfig = { version = "==2.1.0", index = "our-own" }
six = "==1.17.0"
"#;
    let private = Private::new("Pipfile.lock", IN_URL, "", pipfile);
    let private = private.lock(|folder| tool("pipenv", folder), &["lock"]).with_six("9.0");
    private.is_installed_with("uv");
    private.is_installed_with("pip");
}

#[test]
fn pylock_files_name_the_index_of_a_package() {
    let private = Private::new("pylock.toml", Given::Netrc, PROJECT, TABLES_OF_UV);
    let private =
        private.lock(uv, &["export", "--format", "pylock.toml", "--output-file", "pylock.toml"]).with_six("9.0");
    private.is_installed_with("uv");
    private.is_installed_with("pip");
}

/// A lock cannot name its index, but whoever runs it can.
#[test]
fn the_user_names_the_index_of_a_lock() {
    let private = Private::new("pylock.toml", OF_UV, PROJECT, TABLES_OF_UV);
    let private = private.lock(uv, &["export", "--format", "pylock.toml", "--output-file", "pylock.toml"]);
    for installer in ["uv", "pip"] {
        let index = format!("our-own={}", private.index.url());
        let run = private.step(installer, &private.password).env("INPUT_EXTRA-INDEX-URLS", index);
        let outcome = Watched::new(USER, &private.password).run(run, private.sandbox.root().as_str()).success();
        private.is_nowhere(&private.password, &outcome);
        assert_eq!(layered(&private.sandbox.path("layer.zip")).len(), 3);
    }
}

#[test]
fn a_project_without_a_lock_asks_its_own_index_first() {
    let tables = "[[tool.uv.index]]\nname = \"our-own\"\nurl = \"{url}\"\n";
    let private = Private::new("pyproject.toml", OF_UV, PROJECT, tables);
    private.is_installed_with("uv");
}
