//! Where locked distributions come from: the folders, pages and URLs that the lock names, and nobody else who has something
//! of the same name and version.

use camino::Utf8Path;

use crate::harness::{FileServer, Outcome, Run, Sandbox, tools};
use crate::locks::{run, tool, uv};
use crate::packages::wheel_with;
use crate::zip::members;

/// A workspace, and a server with packages: `main` is an index of a stranger's, whom the run asks last.
struct Places {
    sandbox: Sandbox,
    server: FileServer,
}

const OURS: &str = "whose = 'ours'\n";
const PROJECT: &str = "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9\"\n";

impl Places {
    /// The stranger has `own 1.0`, too.
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let root = sandbox.root().join("served");
        fs_err::create_dir_all(&root).expect("can be made");
        let places = Self { server: FileServer::start(&root), sandbox };
        places.add_strange("other");
        places.add_strange("own");
        places
    }

    /// Adds a page of the index, with hashes.
    fn add_strange(&self, name: &str) {
        let folder = self.sandbox.root().join("served/main").join(name);
        let path = wheel_with(&folder, name, "1.0", "whose = 'strange'\n");
        let file = path.file_name().expect("has one");
        let link = format!("<!DOCTYPE html><a href=\"{file}#sha256={}\">{file}</a>\n", sha256(&path));
        fs_err::write(folder.join("index.html"), link).expect("can be written");
    }

    /// What locks then is to find ours alone.
    fn without_strange(&self, lock: impl FnOnce()) {
        fs_err::remove_dir_all(self.sandbox.root().join("served/main/own")).expect("is there");
        lock();
        self.add_strange("own");
    }

    /// Adds `own 1.0` of ours in a folder of the server.
    fn with_ours(self, folder: &str) -> Self {
        wheel_with(&self.sandbox.root().join("served").join(folder), "own", "1.0", OURS);
        self
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.server.url())
    }

    /// Writes `pyproject.toml` and locks it; `tables` has `{url}` of the server.
    fn lock(&self, tables: &str) {
        let tables = tables.replace("{url}", &self.server.url());
        self.sandbox.write("pyproject.toml", format!("{PROJECT}{tables}"));
        run(uv(&self.sandbox.path(""))
            .arg("lock")
            .env("UV_DEFAULT_INDEX", self.url("main"))
            .env_remove("UV_NO_CONFIG"));
    }

    fn build(&self, file: &str, installer: &str) -> Run {
        let python = tools().python_version();
        let run = self.sandbox.run(&["build", "--output", "x.zip", "--requirements", file, "--installer", installer]);
        run.args(&["--python-version", &python, "--index-url", &self.url("main")]).env("PIP_NO_CACHE_DIR", "1")
    }

    #[track_caller]
    fn has_ours(&self, file: &str, installer: &str) -> Outcome {
        let outcome = self.build(file, installer).run().success();
        let members = members(&self.sandbox.path("x.zip"));
        assert_eq!(members["python/own.py"].text(), OURS, "{file} {installer}");
        assert!(!members.keys().any(|name| name.contains("direct_url")));
        outcome
    }
}

const DEPENDENCIES: &str = "dependencies = [\"own\", \"other\"]\n";

#[test]
fn folders_that_uv_locks_are_followed() {
    for tables in [
        "[tool.uv]\nfind-links = [\"../wheels\"]\n",
        "[[tool.uv.index]]\nname = \"x\"\nurl = \"../wheels\"\nformat = \"flat\"\nexplicit = true\n[tool.uv.sources]\nown = { index = \"x\" }\n",
        "[tool.uv.sources]\nown = { path = \"../wheels/own-1.0-py3-none-any.whl\" }\n",
    ] {
        let places = Places::new();
        wheel_with(&places.sandbox.root().join("wheels"), "own", "1.0", OURS);
        places.without_strange(|| places.lock(&format!("{DEPENDENCIES}{tables}")));
        places.has_ours("uv.lock", "uv");
        places.has_ours("uv.lock", "pip");

        fs_err::remove_dir_all(places.sandbox.root().join("wheels")).expect("is there");
        let outcome = places.build("uv.lock", "uv").run().code(1);
        outcome.says("/wheels");
    }
}

#[test]
fn places_that_were_given_from_outside_when_it_was_locked_are_followed() {
    let places = Places::new().with_ours("flat");
    wheel_with(&places.sandbox.path("wheels"), "own", "1.0", OURS);
    for place in ["wheels".to_owned(), places.url("flat")] {
        places.sandbox.write("pyproject.toml", format!("{PROJECT}dependencies = [\"own\", \"other\"]\n"));
        let mut command = uv(&places.sandbox.path(""));
        command.args(["lock", "--find-links", &place]).env("UV_DEFAULT_INDEX", places.url("main"));
        places.without_strange(|| _ = run(&mut command));
        places.has_ours("uv.lock", "uv");
    }
}

#[test]
fn pages_and_indexes_without_hashes_that_uv_locks_are_followed() {
    for (folder, table) in
        [("flat", "url = \"{url}/flat\"\nformat = \"flat\"\n"), ("simple/own", "url = \"{url}/simple\"\n")]
    {
        let places = Places::new().with_ours(folder);
        let tables = format!(
            "dependencies = [\"own\"]\n[[tool.uv.index]]\nname = \"x\"\n{table}explicit = true\n[tool.uv.sources]\nown = {{ index = \"x\" }}\n"
        );
        places.lock(&tables);
        places.has_ours("uv.lock", "uv");
        places.has_ours("uv.lock", "pip");

        fs_err::remove_dir_all(places.sandbox.root().join("served").join(folder)).expect("is there");
        let outcome =
            places.build("uv.lock", "uv").env("UV_CACHE_DIR", places.sandbox.root().join("empty")).run().code(1);
        outcome.says(&places.url(folder));
    }
}

/// A `pylock.toml` with `own 1.0`, of which `more` says the rest.
fn pylock(more: &str) -> String {
    format!("lock-version = \"1.0\"\ncreated-by = \"x\"\n[[packages]]\nname = \"own\"\nversion = \"1.0\"\n{more}\n")
}

fn sha256(path: &Utf8Path) -> String {
    lambda_layer::types::Digest::of(&fs_err::read(path).expect("is there")).hex()
}

#[test]
fn urls_and_paths_of_a_pylock_are_followed() {
    let places = Places::new().with_ours("files");
    let served = places.sandbox.root().join("served/files/own-1.0-py3-none-any.whl");
    let hash = sha256(&served);
    wheel_with(&places.sandbox.path("vendor"), "own", "1.0", OURS);
    let url = places.url("files/own-1.0-py3-none-any.whl");
    for place in [
        format!("url = \"{url}\""),
        format!("url = \"file://{served}\""),
        "path = \"vendor/own-1.0-py3-none-any.whl\"".to_owned(),
    ] {
        let file = format!("{{ {place}, hashes = {{ sha256 = \"{hash}\" }} }}");
        for more in [
            format!("wheels = [{file}]"),
            format!("archive = {file}"),
            format!("index = \"{}\"\nwheels = [{file}]", places.url("files")),
        ] {
            places.sandbox.write("pylock.toml", pylock(&more));
            for installer in ["uv", "pip"] {
                places.has_ours("pylock.toml", installer);
            }
        }
    }
}

#[test]
fn files_of_the_workspace_are_compared_with_their_hashes_before_anything_is_built() {
    let places = Places::new();
    wheel_with(&places.sandbox.path("vendor"), "own", "1.0", OURS);
    let zeros = "0".repeat(64);
    let file = format!("{{ path = \"vendor/own-1.0-py3-none-any.whl\", hashes = {{ sha256 = \"{zeros}\" }} }}");
    let trap = places.sandbox.trap(&["uv", "pip", "python3", "python"]);
    for more in [format!("wheels = [{file}]"), format!("archive = {file}")] {
        places.sandbox.write("pylock.toml", pylock(&more));
        let outcome = places.build("pylock.toml", "uv").path_first(&trap).run().code(1);
        outcome
            .says("error: pylock.toml:3: `vendor/own-1.0-py3-none-any.whl` does not match its expected hash\nhint: ");
    }
    places.sandbox.write("requirements.txt", format!("./vendor/own-1.0-py3-none-any.whl --hash=sha256:{zeros}\n"));
    places
        .build("requirements.txt", "uv")
        .path_first(&trap)
        .run()
        .code(1)
        .says("error: requirements.txt:1: `vendor/own-");
    assert_eq!(places.sandbox.trapped(), "");
    // Nobody can compare this one.
    places.sandbox.write(
        "pylock.toml",
        pylock("wheels = [{ url = \"https://h/own-1.0-py3-none-any.whl\", hashes = { md5 = \"00\" } }]"),
    );
    places
        .build("pylock.toml", "uv")
        .run()
        .code(1)
        .says("error: pylock.toml:3: `own` is locked only with hashes of `md5`");
}

#[test]
fn a_lock_for_another_platform_is_said_to_be_one() {
    let sandbox = Sandbox::new();
    let package = |name: &str, tag: &str, marker: &str| {
        format!(
            "[[packages]]\nname = \"{name}\"\nversion = \"1\"\n{marker}wheels = [{{ url = \"https://files.pythonhosted.org/{name}-1-{tag}.whl\", hashes = {{ sha256 = \"{}\" }} }}]\n",
            "0".repeat(64)
        )
    };
    let packages = [
        package("pure", "py3-none-any", ""),
        package("aa", "cp313-cp313-manylinux_2_17_x86_64", ""),
        package("bb", "cp313-abi3-manylinux_2_17_x86_64", ""),
        package("cc", "cp313-cp313-win_amd64", "marker = \"sys_platform == 'win32'\"\n"),
    ];
    sandbox.write("pylock.toml", format!("lock-version = \"1.0\"\ncreated-by = \"pip\"\n{}", packages.concat()));
    let trap = sandbox.trap(&["uv", "pip", "python3", "python"]);
    let arguments = ["build", "--python-version", "3.12", "--architecture", "arm64"];
    let outcome = sandbox.run(&arguments).path_first(&trap).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `pylock.toml` contains no files of `aa`, `bb` for python3.12 on arm64
    cause: `aa 1` has only `aa-1-cp313-cp313-manylinux_2_17_x86_64.whl`
    cause: `bb 1` has only `bb-1-cp313-abi3-manylinux_2_17_x86_64.whl`
    hint: lock the project on python3.12 on arm64, or for all platforms, for example with `uv lock` and `uv export --format pylock.toml`: this file was locked for another Python or platform
    ");
    assert_eq!(sandbox.trapped(), "");
    let text = "lock-version = \"1.0\"\ncreated-by = \"x\"\nenvironments = [\"sys_platform == 'win32'\"]\n";
    sandbox.write("pylock.toml", text);
    let outcome = sandbox.run(&arguments).path_first(&trap).run().code(1);
    outcome.says("error: `pylock.toml` was not locked for python3.12 on arm64, but for `sys_platform == 'win32'`");
}

#[test]
fn a_uv_lock_for_other_systems_is_said_to_be_one() {
    let places = Places::new();
    places.lock("dependencies = [\"other\"]\n[tool.uv]\nenvironments = [\"sys_platform == 'darwin'\"]\n");
    let outcome = places.build("uv.lock", "uv").run().code(1);
    outcome
        .says("error: `uv.lock` was not locked for ")
        .says("but for `sys_platform == 'darwin'`")
        .says("hint: add the target to `environments`");
}

#[test]
fn folders_that_pdm_locks_are_followed() {
    let places = Places::new().with_ours("page");
    let wheels = places.sandbox.path("wheels");
    let tables = "dependencies = [\"own\", \"other\"]\n[[tool.pdm.source]]\nname = \"pypi\"\nurl = \"{url}/main\"\n[[tool.pdm.source]]\nname = \"x\"\ntype = \"find_links\"\n";
    let lock = |more: &str, arguments: &[&str]| {
        let tables = tables.replace("{url}", &places.server.url());
        places.sandbox.write("pyproject.toml", format!("{PROJECT}{tables}{more}"));
        let keep = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
        let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        fs_err::create_dir(folder.join("wheels")).expect("can be made");
        wheel_with(&folder.join("wheels"), "own", "1.0", OURS);
        fs_err::copy(places.sandbox.path("pyproject.toml"), folder.join("pyproject.toml")).expect("can be copied");
        // Else it locks the hashes of both.
        places.without_strange(|| {
            _ = run(tool("pdm", folder).arg("lock").args(arguments).env("PDM_CACHE_DIR", folder.join("own/cache")));
        });
        fs_err::copy(folder.join("pdm.lock"), places.sandbox.path("pdm.lock")).expect("was made");
    };
    wheel_with(&wheels, "own", "1.0", OURS);
    for arguments in [&[] as &[&str], &["--static-urls"]] {
        lock("url = \"file:///${PROJECT_ROOT}/wheels\"\n", arguments);
        places.has_ours("pdm.lock", "uv");
        places.has_ours("pdm.lock", "pip");
    }
    fs_err::remove_dir_all(&wheels).expect("is there");
    lock(&format!("url = \"{}\"\n", places.url("page")), &[]);
    places.has_ours("pdm.lock", "uv");
    // pip does not look for the file with the hash, and refuses the other one.
    places.build("pdm.lock", "pip").run().code(1).says("does not match the hash in pdm.lock:");
}
