//! Indexes that ask who comes.

use crate::harness::{Run, Sandbox, tools};
use crate::pypi::PasswordIndex;
use crate::sources::modules;
use crate::zip::members;

const USER: &str = "reader";
const PASSWORD: &str = "p@ss/w:rd+%";

fn index(sandbox: &Sandbox, name: &str, packages: &[(&str, &str)]) -> PasswordIndex {
    PasswordIndex::with_wheels(&sandbox.root().join(name), USER, PASSWORD, packages)
}

/// A build for the Python of this machine, for which every installer can work.
fn build(sandbox: &Sandbox, installer: &str) -> Run {
    sandbox.run(&[
        "build",
        "--python-version",
        &tools().python_version(),
        "--installer",
        installer,
        "--output",
        "layer.zip",
    ])
}

#[test]
fn user_and_password_stand_in_the_url() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        build(&sandbox, installer).args(&["--index-url", &index.url_with_password()]).run().success();
        assert_eq!(modules(&members(&sandbox.path("layer.zip"))), ["alpha.py"]);
    }
}

#[test]
fn an_index_that_refuses_is_named_without_its_password() {
    for installer in ["uv", "pip"] {
        let sandbox = Sandbox::with_requirements("alpha\n");
        let index = index(&sandbox, "index", &[("alpha", "1.0")]);
        let url = index.url_with(USER, "wr0ng-p@ssword");
        let outcome = build(&sandbox, installer).args(&["--index-url", &url]).run().code(1);
        assert!(!outcome.stderr.contains("wr0ng"), "{}", outcome.stderr);
        assert!(!sandbox.path("layer.zip").exists());
    }
}

#[test]
fn without_credentials_there_is_nothing() {
    let sandbox = Sandbox::with_requirements("alpha\n");
    let index = index(&sandbox, "index", &[("alpha", "1.0")]);
    build(&sandbox, "uv").args(&["--index-url", &index.url()]).run().code(1);
}
