//! What must not be published is found in the zip on its way, and then nothing is.

use crate::harness::{Outcome, Sandbox, tools};
use crate::packages::{project, wheel_with};
use crate::servers::FileServer;

const TOKEN: &str = "t0ken/of+this-run";

/// Nothing was published and no zip is left, and whatever was said does not say the token.
fn refused(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    // Every installer can build a project for the Python of this machine.
    let python = tools().python_version();
    let run = sandbox.run(&["publish", "--layer-name", "shared", "--python-version", &python, "--output", "layer.zip"]);
    let outcome = run.args(arguments).env("NEXUS_TOKEN", TOKEN).run().code(1);
    assert!(!outcome.stderr.contains(TOKEN) && !outcome.stdout.contains(TOKEN), "{}", outcome.stderr);
    let left: Vec<_> = sandbox.tree().into_keys().filter(|path| path.extension() == Some("zip")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!sandbox.path(".lambda-layers/shared/1").exists());
    outcome
}

#[test]
fn a_secret_of_the_run_in_own_source_is_refused() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("app/__init__.py", "");
    sandbox.write("app/config.py", format!("TOKEN = '{TOKEN}'\n"));
    let told = refused(&sandbox, &["--source", "app"]).told();
    insta::assert_snapshot!(told.split_once("error: ").map_or(told.as_str(), |(_, rest)| rest), @r"
    `python/app/config.py` contains a secret that was passed to this run
    hint: remove it, and let the function read it at run time; docs/findings.md explains what is compared
    ");
}

#[test]
fn it_is_found_encoded_and_in_compiled_code_and_in_names() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("header/a.txt", "Authorization: Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4vb2YrdGhpcy1ydW4=\n");
    sandbox.write("encoded/a.txt", "index-url = t0ken%2Fof%2Bthis-run\n");
    sandbox.write("compiled/a.so", [b"\x7fELF\0\0\0".as_slice(), TOKEN.as_bytes(), b"\0\0"].concat());
    sandbox.write("named/t0ken%2Fof%2Bthis-run.txt", "");
    for folder in ["header", "encoded", "compiled", "named"] {
        refused(&sandbox, &["--include", &format!("{folder}=data")])
            .says("contains a secret that was passed to this run");
    }
}

#[test]
fn it_is_found_in_a_package_of_strangers() {
    let sandbox = Sandbox::with_requirements("./wheels/alpha-1.0-py3-none-any.whl\n");
    wheel_with(&sandbox.path("wheels"), "alpha", "1.0", &format!("# {TOKEN}\n"));
    refused(&sandbox, &[]).says("`python/alpha.py` contains a secret that was passed to this run");
}

#[test]
fn passwords_in_urls_are_refused_where_they_are_ones_own() {
    let sandbox = Sandbox::with_requirements("./alpha\n");
    project(&sandbox, "alpha", "", "");
    sandbox.write("alpha/alpha/settings.py", "\nDATABASE = 'postgresql://app:hunter2@db.internal/app'\n");
    sandbox.write("own/x.py", "CACHE = f'redis://:{password}@cache'\n");
    for installer in ["uv", "pip"] {
        let outcome = refused(&sandbox, &["--source", "own", "--installer", installer]);
        assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
        outcome.says("error: `python/alpha/settings.py` contains a URL with a password on line 2\n");
    }
}

#[test]
fn examples_in_packages_of_strangers_are_fine() {
    let sandbox = Sandbox::with_requirements("sqlalchemy==2.0.40\nurllib3==2.2.3\nredis==5.2.1\npymongo==4.11\n");
    sandbox.run(&["build", "--python-version", "3.13"]).env("NEXUS_TOKEN", TOKEN).run().success();
}

/// In two halves, as scanners of other people read this file, too.
const GITHUB_TOKEN: &str = concat!("ghp_zQWBuTSOoRi4A9sp", "HcVY5ncnsDkxkJ0mLq17");

#[test]
fn tokens_and_keys_are_known_by_their_formats() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let key =
        concat!("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTU\n");
    sandbox.write("own/app/client.py", format!("import os\n\nTOKEN = '{GITHUB_TOKEN}'\n"));
    sandbox.write("own/app/key.pem", key);
    sandbox.write("own/app/.netrc", "machine example.org login me password hunter2\n");
    sandbox.write("own/app/.env", "DEBUG=1\n");
    let outcome = refused(&sandbox, &["--source", "own"]);
    assert!(!outcome.stderr.contains("hunter2") && !outcome.stderr.contains(GITHUB_TOKEN), "{}", outcome.stderr);
    let told = outcome.told();
    insta::assert_snapshot!(told.split_once("Check the layer").map_or(told.as_str(), |(_, rest)| rest), @"
                      4 findings
    warning: `python/app/.env` is a file that usually contains secrets (leave it out with `exclude-files`, or move it out of `source` and `include`) [credential-file]
    error: 3 findings prevent the layer from being published
    cause: `python/app/.netrc` is a netrc file with a password (leave it out with `exclude-files`, or move it out of `source` and `include`) [credential-file]
    cause: `python/app/client.py` contains a GitHub token on line 3 (remove it, revoke it if others may have seen it, and let the function read it at run time) [access-token]
    cause: `python/app/key.pem` contains a private key on line 1 (remove it, revoke it if others may have seen it, and let the function read it at run time) [private-key]
    hint: correct all of them and run again
    ");
}

#[test]
fn keys_to_test_with_in_packages_of_strangers_are_fine() {
    let sandbox = Sandbox::with_requirements("moto==5.1.12\ntwisted==25.5.0\ndulwich==0.24.1\n");
    let outcome = sandbox.run(&["build", "--python-version", "3.13", "--no-deps"]).run().success();
    assert!(
        !outcome.stderr.contains("credential-file") && !outcome.stderr.contains("private key"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_weak_password_in_a_package_of_strangers_is_there_by_chance() {
    let sandbox = Sandbox::with_requirements("alpha==1.0\n");
    let text = "COMMON = ['letmein', 'password1', 'xK9#mQ2$vL5p']\n";
    wheel_with(&sandbox.root().join("index/simple/alpha"), "alpha", "1.0", text);
    let server = FileServer::start(&sandbox.root().join("index"));
    let url = format!("{}/simple/", server.url());
    let build = |password: &str, arguments: &[&str]| {
        let run = sandbox.run(&["build", "--output", "layer.zip", "--index-url", &url, "--smoke-test", "off"]);
        run.args(arguments).env("DB_PASSWORD", password).run()
    };
    let outcome = build("password1", &[]).success();
    let warning = outcome.stderr.lines().find(|line| line.starts_with("warning:")).unwrap_or_default();
    insta::assert_snapshot!(warning, @"warning: `python/alpha.py` contains the weak password from a variable of this run, most likely by coincidence (ignore this if others may know it, for example the password of a test database; otherwise, choose a longer one and change it wherever it is used) [known-secret]");
    build("xK9#mQ2$vL5p", &["--fail-on", "never"]).code(1).says("contains a secret that was passed to this run");
    // In one's own files it stands because somebody wrote it there.
    sandbox.write("own/settings.py", "PASSWORD = 'password1'\n");
    build("password1", &["--source", "own"])
        .code(1)
        .says("`python/settings.py` contains a secret that was passed to this run");
}
