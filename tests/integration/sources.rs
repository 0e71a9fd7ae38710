//! Everything that a requirement file can ask for, and where it comes from.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::harness::{FileServer, Outcome, Sandbox, skipped, tools};
use crate::packages::{project, wheel, wheel_with};
use crate::zip::{Member, members};

/// A package index in the sandbox with these wheels of modules.
fn index(sandbox: &Sandbox, name: &str, packages: &[(&str, &str)]) -> (FileServer, String) {
    let folder = sandbox.root().join(name);
    for (package, version) in packages {
        wheel(&folder.join("simple").join(package), package, version);
    }
    let server = FileServer::start(&folder);
    let url = format!("{}/simple/", server.url());
    (server, url)
}

fn build(sandbox: &Sandbox, arguments: &[&str]) -> (Outcome, BTreeMap<String, Member>) {
    let outcome = sandbox.run(&["build", "--python-version", "3.13", "--output", "layer.zip"]).args(arguments).run();
    (outcome.success(), members(&sandbox.path("layer.zip")))
}

/// Modules and packages of a layer.
pub(crate) fn modules(members: &BTreeMap<String, Member>) -> Vec<&str> {
    let below = members.keys().filter_map(|name| name.strip_prefix("python/")?.split('/').next());
    let mut names: Vec<&str> = below.filter(|name| !name.is_empty() && !name.ends_with(".dist-info")).collect();
    names.dedup();
    names
}

#[test]
fn nested_files_constraints_markers_and_extras_count() {
    let sandbox = Sandbox::with_requirements(
        "-r more/base.txt\n-c pins.txt\nidna>=3 ; python_version >= '3.13' # why\ntomli; python_version < '3.11'\npywin32; sys_platform == 'win32'\n",
    );
    sandbox.write("more/base.txt", "-r deeper.txt\n");
    sandbox.write("more/deeper.txt", "requests[socks]==2.32.3\n");
    sandbox.write("pins.txt", "idna==3.7\nurllib3==2.2.3\n");
    sandbox.write("other.txt", "certifi==2024.8.30\n");
    let (_, members) = build(&sandbox, &["--constraints", "other.txt"]);
    assert_eq!(
        modules(&members),
        ["certifi", "charset_normalizer", "idna", "requests", "socks.py", "sockshandler.py", "urllib3"]
    );
    for info in ["certifi-2024.8.30", "idna-3.7", "requests-2.32.3", "urllib3-2.2.3"] {
        assert!(members.contains_key(&format!("python/{info}.dist-info/METADATA")), "{info}");
    }
}

#[test]
fn a_requirement_may_span_lines() {
    let sandbox = Sandbox::with_requirements("six \\\n  ==1.17.0\n-r more/b.txt\n");
    sandbox.write("more/b.txt", "idna \\\n >=3, \\\n <4\n-c pins.txt\n");
    sandbox.write("more/pins.txt", "idna==3.10\n");
    let (_, members) = build(&sandbox, &[]);
    assert_eq!(modules(&members), ["idna", "six.py"]);
    assert!(members.keys().any(|name| name.starts_with("python/idna-3.10.dist-info/")), "the constraint counts");
}

#[test]
fn several_files_are_one_layer() {
    let sandbox = Sandbox::new();
    sandbox.write("a.txt", "six==1.17.0\n");
    sandbox.write("b.txt", "idna==3.10\n");
    let (_, members) = build(&sandbox, &["--requirements", "a.txt,b.txt"]);
    assert_eq!(modules(&members), ["idna", "six.py"]);
}

#[test]
fn no_deps_installs_what_is_listed_alone() {
    let sandbox = Sandbox::with_requirements("requests==2.32.3\n");
    let (_, members) = build(&sandbox, &["--no-deps"]);
    assert_eq!(modules(&members), ["requests"]);
}

#[test]
fn hashes_are_checked() {
    const SIX: &str = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274";
    let sandbox = Sandbox::with_requirements(&format!("six==1.17.0 --hash=sha256:{SIX}\n"));
    let (_, members) = build(&sandbox, &[]);
    assert_eq!(modules(&members), ["six.py"]);

    sandbox.write("requirements.txt", format!("six==1.17.0 \\\n    --hash=sha256:{}\n", "ab".repeat(32)));
    let before = sandbox.tree();
    let outcome = sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Check for changes                a build is needed
      this layer has not been published before
    error: the downloaded file of `six==1.17.0` does not match the hash in requirements.txt:1
    cause: Failed to download `six==1.17.0`
    cause: Hash mismatch for `six==1.17.0` Expected: sha256:abababababababababababababababababababababababababababababababab Computed: sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
    hint: if the file was changed on purpose, update the hashes with the tool that wrote them; otherwise, find out who changed it
    ");
    assert!(sandbox.tree() == before);

    sandbox.write("requirements.txt", format!("idna==3.10\nsix==1.17.0 --hash=sha256:{SIX}\n"));
    let outcome = sandbox.run(&["build", "--python-version", "3.13"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: some requirements have a hash, so all of them must have one, but some have none
    cause: In `--require-hashes` mode, all requirements must have a hash, but none were provided for: idna==3.10
    hint: give each requirement a version and a hash, including indirect ones; `uv pip compile --generate-hashes` writes them
    ");
}

#[test]
fn pip_checks_hashes_too() {
    let sandbox = Sandbox::with_requirements(&format!("six==1.17.0 --hash=sha256:{}\n", "ab".repeat(32)));
    let python = tools().python_version();
    let outcome = sandbox.run(&["build", "--python-version", &python, "--installer", "pip"]).run().code(1);
    outcome
        .says("error: the downloaded file of `six==1.17.0` does not match the hash in requirements.txt:1")
        .says("abababab");
}

#[test]
fn a_version_that_does_not_exist_is_named() {
    let sandbox = Sandbox::with_requirements("six==99.0\n");
    let outcome = sandbox.run(&["build", "--python-version", "3.13"]).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: uv could not install the requirements for python3.13 on x86_64
    cause: No solution found when resolving dependencies
    cause: Because there is no version of six==99.0 and you require six==99.0, we can conclude that your requirements are unsatisfiable.
    cause: `six` is required in requirements.txt:1
    hint: correct the requirements; set LAMBDA_LAYER_DEBUG=1 to see the complete output of the tool
    ");
}

#[test]
fn an_index_that_is_down_is_named_after_the_retries() {
    let sandbox = Sandbox::with_requirements("six\n");
    let index = format!("http://127.0.0.1:{}/simple/", crate::harness::dead_port());
    let run = sandbox.run(&["build", "--python-version", "3.13", "--index-url", &index]).env("UV_HTTP_RETRIES", "1");
    run.run().code(2).says(&format!("error: the package index `{index}` could not be reached"));
}

#[test]
fn a_wheel_can_come_from_a_url_or_a_path() {
    let sandbox = Sandbox::new();
    let (_server, url) = index(&sandbox, "index", &[("alpha", "1.0"), ("beta", "2.0")]);
    wheel(&sandbox.path("wheels"), "gamma", "3.0");
    wheel(&sandbox.path("wheels"), "delta", "4.0");
    let lines = [
        format!("{url}alpha/alpha-1.0-py3-none-any.whl"),
        format!("beta @ {url}beta/beta-2.0-py3-none-any.whl ; python_version > '3'"),
        "./wheels/gamma-3.0-py3-none-any.whl".to_owned(),
        format!("delta @ file://{}/delta-4.0-py3-none-any.whl", sandbox.path("wheels")),
    ];
    sandbox.write("requirements.txt", lines.join("\n"));
    let (_, members) = build(&sandbox, &[]);
    assert_eq!(modules(&members), ["alpha.py", "beta.py", "delta.py", "gamma.py"]);
    assert!(!members.keys().any(|name| name.ends_with("direct_url.json")));
}

#[test]
fn a_local_wheel_that_changed_is_another_layer() {
    let sandbox = Sandbox::with_requirements("./wheels/gamma-3.0-py3-none-any.whl\n");
    wheel(&sandbox.path("wheels"), "gamma", "3.0");
    let publish = || sandbox.run(&["publish", "--layer-name", "shared", "--python-version", "3.13"]).run().success();
    publish();
    publish().says("shared unchanged: the inputs are the same as for version 1");
    wheel_with(&sandbox.path("wheels"), "gamma", "3.0", "changed = True\n");
    publish().says("shared published: requirements: gamma-3.0-py3-none-any.whl has different content");
    let zip = members(&sandbox.path(".lambda-layers/shared/2/layer.zip"));
    assert_eq!(zip["python/gamma.py"].text(), "changed = True\n");
}

#[test]
fn local_projects_are_built_into_the_layer() {
    let sandbox = Sandbox::with_requirements("-e ./one\n./more/two\n");
    project(&sandbox, "one", "", "");
    project(&sandbox, "more/two", "", "");
    let python = tools().python_version();
    let publish = || sandbox.run(&["publish", "--layer-name", "shared", "--python-version", &python]).run().success();
    publish();
    let members = members(&sandbox.path(".lambda-layers/shared/1/layer.zip"));
    assert_eq!(modules(&members), ["one", "two"]);
    publish().says("shared unchanged: the inputs are the same as for version 1");
    sandbox.write("one/one/__init__.py", "x = 1\n");
    publish().says("shared published: requirements: one has different content");
}

#[test]
fn a_private_index_stands_in_for_pypi() {
    let sandbox = Sandbox::with_requirements("six\n");
    let (_server, url) = index(&sandbox, "index", &[("six", "0.1")]);
    let (_, members) = build(&sandbox, &["--index-url", &url]);
    assert_eq!(members["python/six.py"].text(), "version = \"0.1\"\n");
}

#[test]
fn an_extra_index_is_asked_first() {
    // Whoever puts a newer `six` onto the public index does not get into the layer.
    let sandbox = Sandbox::with_requirements("six\nidna==3.10\n");
    let (_server, url) = index(&sandbox, "index", &[("six", "0.1")]);
    let (_, members) = build(&sandbox, &["--extra-index-urls", &url]);
    assert_eq!(members["python/six.py"].text(), "version = \"0.1\"\n");
    assert_eq!(modules(&members), ["idna", "six.py"]);
}

#[test]
fn nothing_is_compiled_that_would_come_out_too_new() {
    let python = tools().python_version();
    let runtime =
        lambda_layer::facts::runtimes().iter().find(|runtime| runtime.python == python).expect("is supported");
    if runtime.glibc.trim_start_matches("2.").parse::<u32>().expect("is a number") >= tools().glibc_minor() {
        skipped("what is compiled here runs in the runtime");
        return;
    }
    let sandbox = Sandbox::with_requirements("compiled\n");
    let (_server, url) = index(&sandbox, "index", &[("compiled", "1.0")]);
    let folder = sandbox.root().join("index/simple/compiled");
    let digits = python.replace('.', "");
    let machine = std::env::consts::ARCH;
    let newer = folder.join(format!("compiled-1.0-cp{digits}-cp{digits}-manylinux_2_40_{machine}.whl"));
    fs_err::rename(folder.join("compiled-1.0-py3-none-any.whl"), newer).expect("is there");
    // Building it would fail with other words.
    fs_err::write(folder.join("compiled-1.0.tar.gz"), "").expect("can be written");
    let architecture = if machine == "aarch64" { "arm64" } else { "x86_64" };
    let arguments = ["build", "--python-version", &python, "--architecture", architecture, "--index-url", &url];
    let outcome = sandbox.run(&arguments).run().code(1);
    let told =
        outcome.told().replace(&python, "[PYTHON]").replace(&runtime.glibc, "[GLIBC]").replace(architecture, "[ARCH]");
    insta::assert_snapshot!(told.split("\nhint:").next().unwrap_or_default(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `compiled 1.0` has no wheel that runs on Lambda's python[PYTHON] (glibc [GLIBC], [ARCH])
    cause: `compiled` is required in requirements.txt:1
    cause: `compiled==1.0` has wheels for Python [PYTHON] that need glibc 2.40 or newer, but the runtime has [GLIBC]
    ");
}

#[test]
fn without_uv_the_pinned_one_is_fetched_once_and_said_so() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let folder = sandbox.root().join("bin");
    // The tools' Python, and nothing else of theirs.
    sandbox.program("bin/python3", &format!("exec {} \"$@\"\n", tools().program("python3")));
    let path = format!("{folder}:/usr/bin:/bin");
    let run = || sandbox.run(&["build", "--python-version", "3.13"]).env("PATH", &path).run().success();
    let outcome = run();
    let version = &lambda_layer::facts::tools().uv;
    let kept: Utf8PathBuf = sandbox.root().join(format!("cache/lambda-layer/uv-{version}"));
    assert!(kept.join("bin/uv").is_file());
    outcome.says(&format!("Download uv {version}")).says(&format!("uv is not on PATH; stored in {kept}"));
    assert!(!run().stderr.contains("Download uv"));
}
