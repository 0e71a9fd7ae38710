//! Passwords of package indexes are used, and shown nowhere.

use camino::Utf8Path;

use crate::harness::{FileServer, Outcome, Run, Sandbox, dead_port, tools};
use crate::packages::wheel;
use crate::pypi::{PasswordIndex, url_encoded};
use crate::sources::modules;
use crate::watch::Watched;
use crate::zip::members;

const SECRET: &str = "s3cr3t-p@ss";
/// As it stands in a URL.
const WRITTEN: &str = "s3cr3t-p%40ss";

/// The secret stands in nothing that was said or written, but where the runner is told to hide it.
#[track_caller]
fn is_nowhere(sandbox: &Sandbox, outcome: &Outcome, given_in: &[&str]) {
    let said = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("::add-mask::"));
        lines.filter(|line| line.contains(SECRET) || line.contains(WRITTEN)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said(&outcome.stdout), [""; 0]);
    assert_eq!(said(&outcome.stderr), [""; 0]);
    for entry in walkdir::WalkDir::new(sandbox.root()) {
        let entry = entry.expect("is readable");
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_file() && !given_in.contains(&name.as_ref()) {
            let bytes = fs_err::read(entry.path()).expect("is readable");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(SECRET) && !text.contains(WRITTEN), "`{}` has it", entry.path().display());
        }
        let path = Utf8Path::from_path(entry.path()).expect("is UTF-8");
        if path.extension() == Some("zip") {
            for (name, member) in members(path) {
                let text = String::from_utf8_lossy(&member.bytes);
                assert!(!text.contains(SECRET) && !text.contains(WRITTEN), "`{name}` in `{path}` has it");
            }
        }
    }
}

fn index(sandbox: &Sandbox) -> (FileServer, String) {
    let folder = sandbox.root().join("index");
    wheel(&folder.join("simple/alpha"), "alpha", "1.0");
    let server = FileServer::start(&folder);
    let url = server.url().replace("http://", &format!("http://user:{WRITTEN}@")) + "/simple/";
    (server, url)
}

fn publish(sandbox: &Sandbox) -> Run {
    let python = tools().python_version();
    sandbox.run(&["publish", "--layer-name", "shared", "--python-version", &python])
}

#[test]
fn an_index_that_is_down_ends_the_run_without_its_password() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let url = format!("http://user:{WRITTEN}@127.0.0.1:{}/simple", dead_port());
    for installer in ["uv", "pip"] {
        // Neither tries for long.
        let run = publish(&sandbox).args(&["--index-url", &url, "--installer", installer]);
        let outcome =
            run.env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "1").env("LAMBDA_LAYER_DEBUG", "1").run().code(2);
        assert!(outcome.stderr.contains("error: the package index `http://127.0.0.1:"), "{}", outcome.stderr);
        is_nowhere(&sandbox, &outcome, &[]);
    }
    assert!(!sandbox.path(".lambda-layers").exists());
}

#[test]
fn in_a_workflow_the_runner_is_told_to_hide_it() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let url = format!("http://user:{WRITTEN}@127.0.0.1:{}/simple", dead_port());
    let inputs = [("layer-name", "shared"), ("python-version", "3.13"), ("registry", "layers"), ("index-url", &url)];
    let outcome =
        sandbox.run(&[]).in_actions(&inputs).env("UV_HTTP_RETRIES", "0").env("RUNNER_DEBUG", "1").run().code(2);
    for secret in [SECRET, WRITTEN] {
        assert!(
            outcome.stdout.contains(&format!("::add-mask::{}\n", secret.replace('%', "%25"))),
            "{}",
            outcome.stdout
        );
    }
    is_nowhere(&sandbox, &outcome, &[]);
}

#[test]
fn what_is_published_does_not_tell_it() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let (_server, url) = index(&sandbox);
    let outcome = publish(&sandbox).args(&["--index-url", &url]).env("LAMBDA_LAYER_DEBUG", "1").run().success();
    is_nowhere(&sandbox, &outcome, &[]);
    // Another password is not another layer.
    let other = url.replace(WRITTEN, "another");
    let outcome = publish(&sandbox)
        .args(&["--index-url", &other])
        .run()
        .success()
        .says("shared unchanged: the inputs are the same as for version 1");
    is_nowhere(&sandbox, &outcome, &[]);
}

#[test]
fn variables_in_a_requirement_file_are_secrets_too() {
    let sandbox = Sandbox::new();
    let (_server, url) = index(&sandbox);
    sandbox.write("requirements.txt", format!("--index-url {}\nalpha\n", url.replace(WRITTEN, "${INDEX_PASSWORD}")));
    let run = publish(&sandbox).env("INDEX_PASSWORD", WRITTEN).env("LAMBDA_LAYER_DEBUG", "1");
    is_nowhere(&sandbox, &run.run().success(), &[]);
}

#[test]
fn a_url_that_is_none_is_refused_without_its_password() {
    let sandbox = Sandbox::with_requirements(&format!("alpha @ htps://user:{WRITTEN}@host/alpha.whl ~\n"));
    let url = format!("ftp://user:{WRITTEN}@host/simple");
    let outcome = publish(&sandbox).args(&["--index-url", &url, "--extra-index-urls", &url]).run().code(1);
    is_nowhere(&sandbox, &outcome, &["requirements.txt"]);
}

/// Runs with whatever it takes to get `alpha` from an index with this password, and looks everywhere for it.
fn tells_nothing(password: &str, prepare: impl FnOnce(&Sandbox, &PasswordIndex) -> Run) {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = PasswordIndex::with_wheels(&sandbox.root().join("index"), "reader", password, &[("alpha", "1.0")]);
    let watched = Watched::new("reader", password);
    let run = prepare(&sandbox, &index);
    // The caches are looked at, too.
    let (uv, pip) = (sandbox.root().join("uv"), sandbox.root().join("pip"));
    let run = run.env("RUNNER_DEBUG", "1").env("UV_CACHE_DIR", uv).env("PIP_CACHE_DIR", pip);
    let outcome = watched.run(run, sandbox.root().as_str()).success();
    assert_eq!(modules(&members(&sandbox.path("layer.zip"))), ["alpha.py"]);
    watched.is_nowhere(&sandbox, &outcome, &[sandbox.root().join("home/.netrc")]);
}

/// A step of a workflow that publishes to a folder.
fn step(sandbox: &Sandbox, installer: &str, index: &str) -> Run {
    let python = tools().python_version();
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", &python),
        ("registry", "layers"),
        ("installer", installer),
        ("output", "layer.zip"),
        ("index-url", index),
    ];
    sandbox.run(&[]).in_actions(&inputs)
}

/// With every character that is written in another way somewhere. pip sends it in Latin-1, so it has none beyond ASCII.
const ODD: &str = "p@ss/word+%41:x&";

#[test]
fn no_installer_tells_the_password_of_a_url() {
    tells_nothing("p@ss/wörd+%41:x&", |sandbox, index| step(sandbox, "uv", &index.url_with_password()));
    tells_nothing(ODD, |sandbox, index| step(sandbox, "pip", &index.url_with_password()));
}

#[test]
fn no_installer_tells_the_password_of_a_variable_or_of_netrc() {
    for installer in ["uv", "pip"] {
        tells_nothing(ODD, |sandbox, index| {
            let run = step(sandbox, installer, &format!("own={}", index.url()));
            run.env("UV_INDEX_OWN_USERNAME", "reader").env("UV_INDEX_OWN_PASSWORD", ODD)
        });
        tells_nothing(ODD, |sandbox, index| {
            let netrc = format!("machine 127.0.0.1 login reader password {ODD}\n");
            fs_err::write(sandbox.root().join("home/.netrc"), netrc).expect("can be written");
            step(sandbox, installer, &index.url())
        });
    }
}

#[test]
fn no_installer_tells_the_password_of_a_wheel() {
    for installer in ["uv", "pip"] {
        tells_nothing(ODD, |sandbox, index| {
            let url = format!("http://reader:${{WHEEL}}@{}/packages/alpha-1.0-py3-none-any.whl", index.host());
            sandbox.write("requirements.txt", format!("alpha @ {url}\n"));
            step(sandbox, installer, "").env("WHEEL", url_encoded(ODD))
        });
    }
}
