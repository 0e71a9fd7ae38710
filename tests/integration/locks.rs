//! Lock files of one project, made once by the real tools, and what the tools themselves install from them.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use lambda_layer::types::{Digest, DistributionName};

use crate::harness::{Sandbox, tools};

/// What the project is, and what the tools are.
const FOLDERS: &[&str] = &["tests/fixtures/project", "data/exporters"];

/// A workspace with the project and its dependency file of this name, as its tool writes it: with all groups and extras
/// that it can hold.
pub(crate) fn locked(file: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let beside = if file == "Pipfile.lock" { "Pipfile" } else { "pyproject.toml" };
    let is_alone = matches!(file, "requirements.txt" | "pylock.toml");
    if !is_alone {
        sandbox.write(beside, fs_err::read(root().join(FOLDERS[0]).join(beside)).expect("is there"));
    }
    if file != beside {
        sandbox.write(file, fs_err::read(lock(file)).expect("is there"));
    }
    sandbox
}

/// Names and versions that the file's own tool installs into a fresh environment of the tools' Python, in a copy of the
/// workspace.
pub(crate) fn installed(sandbox: &Sandbox, file: &str, groups: &[&str], extras: &[&str]) -> BTreeMap<String, String> {
    let keep = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("can be made");
    let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
    for entry in sandbox.path("").read_dir_utf8().expect("is there").flatten().filter(|entry| entry.path().is_file()) {
        fs_err::copy(entry.path(), folder.join(entry.file_name())).expect("can be copied");
    }
    let venv = folder.join("venv");
    run(uv(folder).args(["venv", "--quiet", "--python", tools().program("python3").as_str(), venv.as_str()]));
    let each = |option: &'static str, names: &[&str]| -> Vec<String> {
        names.iter().flat_map(|name| [option.to_owned(), (*name).to_owned()]).collect()
    };
    let command = match file {
        "uv.lock" => {
            let mut command = uv(folder);
            command.args(["sync", "--frozen", "--no-install-project", "--no-default-groups"]);
            command.args(each("--group", groups)).args(each("--extra", extras));
            command
        }
        "poetry.lock" => {
            let mut command = tool("poetry", folder);
            command.args(["sync", "--no-root", "--only", &[&["main"], groups].concat().join(",")]);
            command.args(each("--extras", extras));
            command
        }
        "pdm.lock" => {
            let mut command = tool("pdm", folder);
            command.args(["sync", "--no-self"]).args(groups.is_empty().then_some("--prod"));
            command.args(each("--group", groups)).args(each("--group", extras));
            command
        }
        "Pipfile.lock" => {
            let names = groups.iter().map(|name| if *name == "dev" { "dev-packages" } else { name });
            let categories: Vec<&str> = std::iter::once("packages").chain(names).collect();
            let mut command = tool("pipenv", folder);
            command.args(["sync", "--categories", &categories.join(" ")]);
            command
        }
        "requirements.txt" => {
            let mut command = Command::new(tools().program("python3"));
            command.current_dir(folder).env("PIP_CACHE_DIR", crate::tools::cache("pip"));
            command.args(["-m", "pip", "--python", venv.join("bin/python").as_str(), "install", "--quiet"]);
            command.args(["--requirement", file]);
            command
        }
        // Others than uv install no `pylock.toml`, and without a lock there is no tool of its own.
        _ => {
            let mut command = uv(folder);
            command.args(["pip", "install", "--quiet", "--preview", "--requirement", file]);
            command.args(each("--group", groups)).args(each("--extra", extras));
            command
        }
    };
    run(&mut in_environment(command, &venv));
    let listed = run(in_environment(uv(folder), &venv).args(["pip", "list", "--format", "json"]));
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("is JSON");
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect("is text").to_owned();
    let rows = listed.as_array().expect("is a list").iter();
    rows.map(|row| (normalized(&text(row, "name")), text(row, "version"))).collect()
}

/// Names and versions of the distributions in a layer's zip.
pub(crate) fn layered(zip: &Utf8Path) -> BTreeMap<String, String> {
    let archive = zip::ZipArchive::new(fs_err::File::open(zip).expect("is there")).expect("is a zip");
    let names = archive.file_names().map(|name| name.expect("is UTF-8").into_owned());
    let infos =
        names.filter_map(|name| Some(name.strip_prefix("python/")?.strip_suffix(".dist-info/METADATA")?.to_owned()));
    infos
        .map(|info| {
            let (name, version) = info.split_once('-').expect("is a name and a version");
            (normalized(name), version.to_owned())
        })
        .collect()
}

fn normalized(name: &str) -> String {
    name.parse::<DistributionName>().expect("is a name").to_string()
}

/// The lock file of this name, made if that was not done before.
fn lock(file: &str) -> Utf8PathBuf {
    let mut texts = vec![tools().python_version()];
    for folder in FOLDERS {
        let mut paths: Vec<_> = root()
            .join(folder)
            .read_dir_utf8()
            .expect("is there")
            .flatten()
            .map(camino::Utf8DirEntry::into_path)
            .collect();
        paths.sort();
        texts.extend(paths.iter().map(|path| fs_err::read_to_string(path).expect("is readable")));
    }
    let digest = Digest::of(texts.concat().as_bytes()).hex();
    let made = crate::tools::cache(&format!("locks-{}", &digest[..16]));
    fs_err::create_dir_all(&made).expect("can be made");
    let guard = fs_err::File::create(made.join(format!(".{file}"))).expect("can be made");
    guard.file().lock().expect("can be locked");
    let lock = made.join(file);
    if !lock.exists() {
        let keep = tempfile::tempdir_in(&made).expect("can be made");
        let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
        for entry in root().join(FOLDERS[0]).read_dir_utf8().expect("is there").flatten() {
            fs_err::copy(entry.path(), folder.join(entry.file_name())).expect("can be copied");
        }
        run(&mut locking(file, folder));
        fs_err::rename(folder.join(file), &lock).expect("was made");
    }
    lock
}

fn locking(file: &str, folder: &Utf8Path) -> Command {
    let (mut command, arguments): (_, &[&str]) = match file {
        "uv.lock" => (uv(folder), &["lock"]),
        "poetry.lock" => (tool("poetry", folder), &["lock"]),
        "pdm.lock" => (tool("pdm", folder), &["lock", "--group", ":all"]),
        "Pipfile.lock" => (tool("pipenv", folder), &["lock", "--categories", "packages dev-packages docs"]),
        "requirements.txt" => (
            uv(folder),
            &["pip", "compile", "--universal", "--generate-hashes", "requirements.in", "--output-file", file],
        ),
        _ => (uv(folder), &["export", "--format", "pylock.toml", "--no-default-groups", "--output-file", file]),
    };
    command.args(arguments);
    command
}

fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn uv(folder: &Utf8Path) -> Command {
    let mut command = Command::new(tools().program("uv"));
    command.current_dir(folder).env("UV_CACHE_DIR", crate::tools::cache("uv")).env("UV_PYTHON_DOWNLOADS", "never");
    command.env_remove("VIRTUAL_ENV").env("UV_NO_CONFIG", "1");
    // Poetry and its like start twice as fast when Python keeps what it compiled of them.
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    command
}

/// Poetry, PDM or Pipenv in the versions of `data/exporters`, with nothing of this machine's.
pub(crate) fn tool(name: &str, folder: &Utf8Path) -> Command {
    let versions = root().join(format!("data/exporters/{name}.txt"));
    let mut command = tool_from(&["--constraints", versions.as_str(), "--from", name, name], folder);
    if name == "pipenv" {
        // Else it makes one, only to ask for its Python.
        command.env("VIRTUAL_ENV", tools().folder());
    }
    command
}

/// One of them from what these arguments of `uv tool run` name.
pub(crate) fn tool_from(origin: &[&str], folder: &Utf8Path) -> Command {
    let mut command = uv(folder);
    command.args(["tool", "run", "--isolated", "--quiet", "--python", tools().program("python3").as_str()]);
    command.args(origin);
    let own = folder.join("own");
    for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "POETRY_CONFIG_DIR", "WORKON_HOME"] {
        command.env(variable, &own);
    }
    command.env("POETRY_NO_INTERACTION", "1").env("PDM_CHECK_UPDATE", "0").env("PIPENV_YES", "1");
    let caches = ["POETRY_CACHE_DIR", "PDM_CACHE_DIR", "PIPENV_CACHE_DIR"];
    command.envs(caches.map(|variable| (variable, crate::tools::cache(&variable.to_lowercase()))));
    command
}

/// As after `source venv/bin/activate`.
fn in_environment(mut command: Command, venv: &Utf8Path) -> Command {
    let path = format!("{venv}/bin:{}", tools().path());
    command.env("VIRTUAL_ENV", venv).env("UV_PROJECT_ENVIRONMENT", venv).env("PATH", path);
    command
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?} failed\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}
