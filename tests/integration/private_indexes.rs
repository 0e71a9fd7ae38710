//! Indexes that ask who comes, and several of them.

use crate::harness::{Run, Sandbox, dead_port, tools};
use crate::packages::wheel;
use crate::pypi::{PasswordIndex, url_encoded};
use crate::sources::modules;
use crate::zip::members;

const USER: &str = "reader";
const PASSWORD: &str = "p@ss/w:rd+%41";

fn index(sandbox: &Sandbox, name: &str, packages: &[(&str, &str)]) -> PasswordIndex {
    PasswordIndex::with_wheels(&sandbox.root().join(name), USER, PASSWORD, packages)
}

/// A build for the Python of this machine, for which every installer can work.
fn build(sandbox: &Sandbox, installer: &str) -> Run {
    let python = tools().python_version();
    let run = sandbox.run(&["build", "--python-version", &python, "--installer", installer, "--output", "layer.zip"]);
    // Neither tries for long.
    run.env("UV_HTTP_RETRIES", "0").env("PIP_RETRIES", "1")
}

#[track_caller]
fn installs_alpha(sandbox: &Sandbox, run: Run) {
    run.run().success();
    assert_eq!(modules(&members(&sandbox.path("layer.zip"))), ["alpha.py"]);
}

#[test]
fn user_and_password_stand_in_the_url() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        let url = index.url_with_password();
        installs_alpha(&sandbox, build(&sandbox, installer).args(&["--index-url", &url]));
        installs_alpha(&sandbox, build(&sandbox, installer).env("PIP_INDEX_URL", &url));
        installs_alpha(&sandbox, build(&sandbox, installer).env("UV_DEFAULT_INDEX", &url));
    }
}

#[test]
fn variables_of_uv_and_poetry_go_with_the_name() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        let named = format!("our-own={}", index.url());
        for prefix in ["UV_INDEX_OUR_OWN", "POETRY_HTTP_BASIC_OUR_OWN"] {
            let run = build(&sandbox, installer).args(&["--index-url", &named]);
            let run = run.env(&format!("{prefix}_USERNAME"), USER).env(&format!("{prefix}_PASSWORD"), PASSWORD);
            installs_alpha(&sandbox, run);
        }
    }
}

#[test]
fn netrc_goes_with_the_host() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        let netrc = format!("machine 127.0.0.1 login {USER} password {PASSWORD}\n");
        sandbox.write("netrc", &netrc);
        let run = build(&sandbox, installer).args(&["--index-url", &index.url()]);
        installs_alpha(&sandbox, run.env("NETRC", sandbox.path("netrc")));
        fs_err::write(sandbox.root().join("home/.netrc"), &netrc).expect("can be written");
        installs_alpha(&sandbox, build(&sandbox, installer).args(&["--index-url", &index.url()]));
    }
}

/// Artifactory and Nexus take a token as the password of any or of no user, others as the user without a password.
#[test]
fn tokens_stand_for_users_and_passwords() {
    const TOKEN: &str = "cmVmdGtuOjAxOjE3NjM";
    for (user, password) in [("", TOKEN), ("token", TOKEN), (TOKEN, "")] {
        for installer in ["uv", "pip"] {
            let sandbox = Sandbox::with_requirements("alpha\n");
            let folder = sandbox.root().join("index");
            let index = PasswordIndex::with_wheels(&folder, user, password, &[("alpha", "1.0")]);
            installs_alpha(&sandbox, build(&sandbox, installer).args(&["--index-url", &index.url_with_password()]));
        }
    }
}

#[test]
fn an_index_that_refuses_is_named_without_its_password() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        for url in [index.url_with(USER, "wr0ng-p@ssword"), index.url()] {
            let outcome = build(&sandbox, installer).args(&["--index-url", &url]).run().code(1);
            assert!(!outcome.stderr.contains("wr0ng"), "{}", outcome.stderr);
            let message = format!("error: the package index `{}` rejected the credentials of this run\n", index.url());
            outcome.says(&message).says("hint: check the user name, password or token of the index");
            assert!(!sandbox.path("layer.zip").exists());
        }
    }
}

#[test]
fn of_several_indexes_the_one_that_refuses_is_named() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let first = index(&sandbox, "first", &[("beta", "1.0")]);
    let second = index(&sandbox, "second", &[("alpha", "1.0")]);
    let indexes = ["--extra-index-urls", &first.url_with_password(), "--index-url", &second.url()];
    let message = format!("error: the package index `{}` rejected the credentials of this run\n", second.url());
    build(&sandbox, "uv").args(&indexes).run().code(1).says(&message);
}

#[test]
fn an_index_that_is_down_is_named() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let host = format!("127.0.0.1:{}/simple/", dead_port());
        let url = format!("http://reader:{}@{host}", url_encoded(PASSWORD));
        let outcome = build(&sandbox, installer).args(&["--index-url", &url]).run().code(2);
        outcome.says(&format!("error: the package index `http://{host}` could not be reached\n"));
    }
}

/// The file of a package's version that is in the layer.
fn version(sandbox: &Sandbox, package: &str) -> String {
    let members = members(&sandbox.path("layer.zip"));
    members[&format!("python/{package}.py")].text().to_owned()
}

#[test]
fn the_first_index_that_has_a_name_wins() {
    let sandbox = Sandbox::with_requirements("alpha\nbeta\n");
    let first = index(&sandbox, "first", &[("alpha", "1.0")]);
    let second = index(&sandbox, "second", &[("alpha", "9.0"), ("beta", "2.0")]);
    let indexes = ["--extra-index-urls", &first.url_with_password(), "--index-url", &second.url_with_password()];
    build(&sandbox, "uv").args(&indexes).run().success();
    assert_eq!(version(&sandbox, "alpha"), "version = \"1.0\"\n");
    assert_eq!(version(&sandbox, "beta"), "version = \"2.0\"\n");
}

#[test]
fn pip_takes_several_indexes_with_hashes_alone() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let first = index(&sandbox, "first", &[("alpha", "1.0")]);
    let second = index(&sandbox, "second", &[("alpha", "9.0")]);
    let indexes = ["--extra-index-urls", &first.url_with_password(), "--index-url", &second.url_with_password()];
    let outcome = build(&sandbox, "pip").args(&indexes).run().code(1);
    insta::assert_snapshot!(outcome.told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: pip merges all indexes, so a public package could replace a private one of the same name
    hint: use `installer: uv`, which takes each package from the first index that contains it, or add a hash to each requirement (`uv pip compile --generate-hashes`)
    ");

    sandbox.write("pip.conf", format!("[global]\nextra-index-url = {}\n", first.url_with_password()));
    let configured = build(&sandbox, "pip").env("PIP_CONFIG_FILE", sandbox.path("pip.conf").as_str());
    configured.args(&["--index-url", &second.url_with_password()]).run().code(1).says("error: pip merges all");

    sandbox.write("requirements.txt", format!("--extra-index-url {}\nalpha\n", first.url()));
    build(&sandbox, "pip").args(&["--index-url", &second.url()]).run().code(1).says("error: pip merges all indexes");

    let digest = lambda_layer::types::Digest::of(
        &fs_err::read(wheel(&sandbox.root().join("first"), "alpha", "1.0")).expect("is there"),
    );
    sandbox.write("requirements.txt", format!("alpha==1.0 --hash=sha256:{}\n", digest.hex()));
    build(&sandbox, "pip").args(&indexes).run().success();
    assert_eq!(version(&sandbox, "alpha"), "version = \"1.0\"\n");
}
