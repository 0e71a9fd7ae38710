//! Where the interpreter comes from that compiles and imports a layer: `PATH`, uv, or a mirror that uv fetches it from.

use std::process::Command;

use camino::Utf8PathBuf;

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::servers::{Server, dead_port, get};

/// A mirror that has this machine's Python.
struct Mirror(Server);

impl Mirror {
    fn start(manner: &str) -> Self {
        let mut command = Command::new(tools().program("python3"));
        let script = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/integration/python_mirror.py");
        command.args([script.as_str(), crate::tools::cache("python_mirror").as_str(), manner]);
        Self(Server::start(command, "Mirror on port "))
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/downloads.json", self.0.port())
    }

    /// How often the archive was asked for.
    fn downloads(&self) -> usize {
        get(self.0.port(), "/_seen").matches(".tar.gz").count()
    }
}

/// With uv alone on `PATH`, or with Pythons beside it that uv is told not to use for this.
fn run(sandbox: &Sandbox, mirror: &str, arguments: &[&str]) -> Run {
    let version = tools().python_version();
    let arguments = [arguments, &["--python-version", &version]].concat();
    with(sandbox.run(&arguments), mirror)
}

fn with(run: Run, mirror: &str) -> Run {
    let run = run.env("UV_PYTHON_DOWNLOADS", "auto").env("UV_HTTP_RETRIES", "0");
    run.env("UV_PYTHON_DOWNLOADS_JSON_URL", mirror).env("UV_PYTHON_PREFERENCE", "only-managed")
}

const BUILD: &[&str] = &["build", "--output", "layer.zip", "--bytecode", "auto", "--smoke-test", "auto"];

/// A `PATH` that has uv and nothing else.
fn uv_alone(sandbox: &Sandbox) -> String {
    let folder = sandbox.root().join("uv-alone");
    if !folder.exists() {
        fs_err::create_dir(&folder).expect("can be made");
        fs_err::os::unix::fs::symlink(tools().program("uv"), folder.join("uv")).expect("can be made");
    }
    folder.into_string()
}

fn hash(outcome: &Outcome) -> String {
    let line = outcome.stdout.lines().find(|line| line.trim_start().starts_with("content hash"));
    line.expect("has a hash").to_owned()
}

/// Why there is no bytecode, without what differs by machine.
fn why(outcome: &Outcome, mirror: &str) -> String {
    let line = outcome.stderr.lines().find(|line| line.starts_with("warning: ")).expect("warns");
    let why = line.split(": the layer contains no bytecode").next().unwrap_or(line);
    let text = why.replace(mirror.trim_end_matches("/downloads.json"), "[MIRROR]");
    let version = tools().python_version();
    let varying = regex::Regex::new(&format!(r"{}\.\d+|Computed: \w+", regex::escape(&version))).expect("is a pattern");
    varying.replace_all(&text, "[…]").replace(&version, "[PYTHON]").replace(std::env::consts::ARCH, "[ARCH]")
}

#[test]
fn a_machine_with_uv_alone_makes_the_same_layer() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let mirror = Mirror::start("well");
    let native = run(&sandbox, &mirror.url(), BUILD).env("UV_PYTHON_PREFERENCE", "only-system").run().success();
    assert_eq!(mirror.downloads(), 0);
    let alone = |command: &[&str]| run(&sandbox, &mirror.url(), command).env("PATH", uv_alone(&sandbox));
    let first =
        alone(BUILD).run().success().says("Download Python").says("Compile to bytecode").says("Import 1 module");
    assert_eq!(hash(&first), hash(&native));
    // It is kept, and nothing is put where programs are looked for.
    let second = alone(BUILD).run().success();
    assert!(!second.stderr.contains("Download Python"), "{}", second.stderr);
    assert_eq!((hash(&second), mirror.downloads()), (hash(&native), 1));
    assert!(!sandbox.root().join("home/.local/bin").exists());
    // Its standard library is not compiled anew in each process.
    let pythons = walkdir::WalkDir::new(sandbox.root().join("home/.local/share/uv/python"));
    let compiled = pythons
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "pyc"));
    assert!(compiled.count() > 100);
}

#[test]
fn layers_of_a_run_share_one_download_on_a_slow_line() {
    let sandbox = Sandbox::new();
    let layer = |number: i32| format!("  layer-{number}:\n    working-directory: l{number}\n");
    sandbox.write("lambda-layers.yml", format!("layers:\n{}", (0..4).map(layer).collect::<Vec<_>>().concat()));
    (0..4).for_each(|number| sandbox.write(&format!("l{number}/requirements.txt"), "six==1.17.0\n"));
    let mirror = Mirror::start("slow");
    let arguments = ["build", "--bytecode", "compile", "--smoke-test", "import", "--jobs", "4"];
    let outcome = run(&sandbox, &mirror.url(), &arguments).env("PATH", uv_alone(&sandbox)).run().success();
    assert_eq!(outcome.stderr.matches("Download Python").count(), 1, "{}", outcome.stderr);
    assert_eq!(mirror.downloads(), 1);
}

#[test]
fn on_a_runner_it_is_kept_in_the_cache_that_is_named() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let mirror = Mirror::start("well");
    let inputs = [
        ("command", "build"),
        ("layer-name", "app"),
        ("python-version", &tools().python_version()),
        ("bytecode", "compile"),
        ("smoke-test", "off"),
    ];
    let cache = sandbox.root().join("cache/uv");
    let step = || {
        let run = with(sandbox.run(&[]).in_actions(&inputs), &mirror.url());
        run.env("PATH", uv_alone(&sandbox)).env("UV_CACHE_DIR", &cache)
    };
    let outcome = step().run().success();
    assert_eq!(outcome.outputs()["cache-path"], cache.as_str());
    // Nothing but the cache is left of the runner.
    fs_err::remove_dir_all(sandbox.root().join("home")).ok();
    step().run().success();
    assert_eq!(mirror.downloads(), 1);
}

#[test]
fn without_a_mirror_that_works_wheels_make_a_layer_and_nothing_else() {
    let dead = format!("http://127.0.0.1:{}/downloads.json", dead_port());
    let mirrors = ["down", "half", "wrong"].map(|manner| (manner, Mirror::start(manner)));
    let urls = mirrors.iter().map(|(manner, mirror)| (*manner, mirror.url())).chain([("dead", dead)]);
    let mut told = Vec::new();
    for (manner, url) in urls {
        let sandbox = Sandbox::with_requirements("six==1.17.0\n");
        let outcome = run(&sandbox, &url, BUILD).run().success();
        let outcome = outcome.says("notice:  nothing was imported: this machine has no Python");
        told.push(format!("{manner}: {}", why(&outcome, &url)));
        // Who asked for bytecode by name does not get a layer without.
        let publish = ["publish", "--layer-name", "app", "--bytecode", "compile", "--smoke-test", "off"];
        run(&sandbox, &url, &publish).run().code(1).says("error: this machine has no Python").says("no bytecode");
        assert!(!sandbox.path(".lambda-layers/app/1").exists());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    down: warning: this machine has no Python [PYTHON], and uv could not download one: Error while fetching remote python downloads json from `[MIRROR]/downloads.json`: HTTP status server error (503 Service Unavailable) for url ([MIRROR]/downloads.json)
    half: warning: this machine has no Python [PYTHON], and uv could not download one: Failed to install cpython-[…]-linux-[ARCH]-gnu: error reading a body from connection
    wrong: warning: this machine has no Python [PYTHON], and uv could not download one: Failed to install cpython-[…]-linux-[ARCH]-gnu: Hash mismatch for `cpython-[…]-linux-[ARCH]-gnu` Expected: 0000000000000000000000000000000000000000000000000000000000000000 […]
    dead: warning: this machine has no Python [PYTHON], and uv could not download one: Error while fetching remote python downloads json from `[MIRROR]/downloads.json`: Connection refused (os error 111)
    ");
}

#[test]
fn settings_of_uv_keep_it_from_fetching() {
    let mirror = Mirror::start("well");
    for (name, value) in [("UV_PYTHON_DOWNLOADS", "never"), ("UV_PYTHON_DOWNLOADS", "manual"), ("UV_OFFLINE", "1")] {
        let sandbox = Sandbox::with_requirements("six==1.17.0\n");
        // What is installed is in uv's cache.
        sandbox.run(&["build", "--python-version", &tools().python_version()]).run().success();
        let outcome = run(&sandbox, &mirror.url(), BUILD).env(name, value).run().success();
        outcome.says(&format!(
            "and `{name}{}` prevents uv from downloading one: the layer contains no bytecode",
            equals(name, value)
        ));
        assert_eq!(mirror.downloads(), 0);
    }
    // In uv's own file, uv says so itself.
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("uv.toml", "python-downloads = \"never\"\n");
    let run = run(&sandbox, &mirror.url(), BUILD).unset("UV_PYTHON_DOWNLOADS");
    run.run().success().says("Python downloads are not allowed").says("the layer contains no bytecode");
    assert_eq!(mirror.downloads(), 0);
}

fn equals(name: &str, value: &str) -> String {
    if name == "UV_OFFLINE" { String::new() } else { format!("={value}") }
}

#[test]
fn an_audit_imports_with_a_python_of_uv() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let mirror = Mirror::start("well");
    run(&sandbox, &mirror.url(), BUILD).run().success();
    let audit = ["audit", "--subject", "layer.zip", "--smoke-test", "import"];
    run(&sandbox, &mirror.url(), &audit).env("PATH", uv_alone(&sandbox)).run().success().says("Import 1 module");
    assert_eq!(mirror.downloads(), 1);
}

#[test]
fn a_python_that_lacks_modules_says_nothing_of_imports() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let mirror = Mirror::start("well");
    let real = tools().program("python3").canonicalize_utf8().expect("is there");
    // uv, too, asks what it is.
    let less = format!(
        "case \"$*\" in *is_whole*) '{real}' \"$@\" | PATH=/usr/bin:/bin sed 's/\"is_whole\": true/\"is_whole\": false/' ;; *) exit 1 ;; esac\n"
    );
    sandbox.program("less/python3", &less);
    let path = format!("{}/less:{}", sandbox.root(), uv_alone(&sandbox));
    let less = |run: Run| run.env("PATH", &path).env("UV_PYTHON_PREFERENCE", "managed");
    let outcome = less(run(&sandbox, &mirror.url(), BUILD)).env("UV_PYTHON_DOWNLOADS", "never").run().success();
    outcome.says("is not a release, or lacks parts of the standard library)").says("the layer contains no bytecode");
    less(run(&sandbox, &mirror.url(), BUILD)).run().success().says("Download Python").says("Import 1 module");
}
