//! What a machine may lack: Python, pip, uv. It is said before anything is installed, with what to do about it.

use camino::Utf8PathBuf;

use crate::harness::{Run, Sandbox, dead_port, tools};

/// A folder with nothing but links to these programs, for `PATH`.
fn only(sandbox: &Sandbox, programs: &[(&str, Utf8PathBuf)]) -> Utf8PathBuf {
    let folder = sandbox.root().join("only");
    fs_err::create_dir_all(&folder).expect("can be made");
    for (name, program) in programs {
        std::os::unix::fs::symlink(program, folder.join(name)).expect("can be made");
    }
    folder
}

fn build(sandbox: &Sandbox, installer: &str) -> Run {
    let python = tools().python_version();
    sandbox.run(&["build", "--output", "x.zip", "--python-version", &python, "--installer", installer])
}

#[test]
fn a_machine_without_python_is_told_what_it_needs() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let path = only(&sandbox, &[("uv", tools().program("uv"))]);
    let outcome = build(&sandbox, "uv").env("PATH", &path).run().code(2);
    insta::assert_snapshot!(outcome.told().replace(&tools().python_version(), "[python]"), @r"
    exit: 2
    --- stdout
    --- stderr
    error: Python 3 is not installed on this machine
    cause: looked for `python3` and `python` on PATH
    cause: this machine has no Python [python], and `UV_PYTHON_DOWNLOADS=never` prevents uv from downloading one
    hint: install Python 3 (for wheels, any version is sufficient), or let uv download one
    ");
}

#[test]
fn a_python_without_pip_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let folder = sandbox.root().join("bare");
    let mut python = std::process::Command::new(tools().program("python3"));
    let made = python.args(["-m", "venv", "--without-pip", folder.as_str()]).status().expect("can be started");
    assert!(made.success());
    let outcome = build(&sandbox, "pip").path_first(&folder.join("bin")).run().code(2);
    let outcome = outcome.says("/bare/bin/python");
    outcome.says("` has no pip\nhint: use `installer: uv`\n");
    assert!(!sandbox.path("x.zip").exists());
}

#[test]
fn a_uv_that_cannot_be_fetched_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let path = only(&sandbox, &[("python3", tools().program("python3").canonicalize_utf8().expect("is there"))]);
    let index = format!("http://127.0.0.1:{}/simple", dead_port());
    let run = build(&sandbox, "uv").env("PATH", &path).env("PIP_INDEX_URL", &index).env("PIP_RETRIES", "0");
    let outcome = run.env("PIP_FIND_LINKS", "").run().code(2);
    let outcome = outcome.says("error: uv is not on PATH, and pip could not install uv ").says("\ncause: ");
    outcome.says("hint: install uv (https://docs.astral.sh/uv/), or install pip for this Python\n");
}

/// `uvx` puts an environment without pip first on `PATH`, and need not be on it itself.
#[test]
fn the_uv_that_started_the_program_is_used() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let folder = sandbox.root().join("tool");
    let mut python = std::process::Command::new(tools().program("python3"));
    let made = python.args(["-m", "venv", "--without-pip", folder.as_str()]).status().expect("can be started");
    assert!(made.success());
    let started_by = |uv: &str| build(&sandbox, "uv").env("PATH", folder.join("bin")).env("UV", uv).run();
    started_by("/nowhere/uv").code(2);
    started_by(tools().program("uv").as_str()).success().says("Install with uv");
    assert!(sandbox.path("x.zip").exists());
}

/// As in containers that mount a volume for uv's cache: a home on another file system has to do without links.
#[cfg(target_os = "linux")]
#[test]
fn files_are_linked_from_a_cache_on_another_file_system() {
    let sandbox = Sandbox::with_requirements("./six-1.0-py3-none-any.whl\n");
    crate::packages::wheel(&sandbox.path(""), "six", "1.0");
    let memory = tempfile::tempdir_in("/dev/shm").expect("is there");
    // uv makes the folder itself if it is missing.
    let cache = Utf8PathBuf::try_from(memory.path().join("new/uv")).expect("is UTF-8");
    let (uv, root) = (tools().program("uv"), sandbox.root());
    let links = format!("find '{cache}' '{root}' -path '*/installed/six.py' -printf '%n links\\n' >>'{root}/links'");
    sandbox.program("counting/uv", &format!("'{uv}' \"$@\" || exit $?\n{links} 2>/dev/null || true\n"));
    let run = build(&sandbox, "uv").path_first(&root.join("counting")).env("UV_CACHE_DIR", &cache);
    // uv's guide for Docker says so (https://docs.astral.sh/uv/guides/integration/docker/#caching).
    let run = run.env("UV_LINK_MODE", "copy").run().success();
    assert_eq!(fs_err::read_to_string(root.join("links")).expect("uv ran").lines().last(), Some("2 links"));
    let left = cache.read_dir_utf8().expect("is there").flatten().map(|entry| entry.file_name().to_owned());
    assert!(!left.into_iter().any(|name| name.contains("lambda-layer")), "{}", run.told());
    // For those who want no cache of uv, nothing is looked for in it or left there.
    let unwanted = memory.path().join("unwanted");
    let run = build(&sandbox, "uv").env("UV_CACHE_DIR", unwanted.to_str().expect("is UTF-8")).env("UV_NO_CACHE", "1");
    run.run().success();
    assert!(!unwanted.exists());
}

#[test]
fn a_uv_that_does_not_run_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.program("broken/uv", "exit 3\n");
    let outcome = build(&sandbox, "uv").path_first(&sandbox.root().join("broken")).run().code(2);
    outcome.says("/broken/uv` does not run: `uv --version` fails").says("hint: reinstall uv, or remove it from PATH");
}

#[test]
fn an_entry_of_a_dependency_group_says_what_it_has_to_be() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "pyproject.toml",
        "[project]\nname = \"a\"\nversion = \"1\"\n[dependency-groups]\nlayer = [{ six = \"1\" }]\n",
    );
    let run = build(&sandbox, "uv").args(&["--requirements", "pyproject.toml", "--groups", "layer"]).run().code(1);
    run.says("an entry of a dependency group must be a requirement or `{include-group = \"name\"}`");
}
