//! Secrets in every place where people put them, in every kind of dependency file: they reach installers, and nothing
//! that is said, written or kept.

use std::process::Command;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::github_server::GitHub;
use crate::harness::{FileServer, Outcome, Run, Sandbox, tools};
use crate::locks::{layered, run, tool, uv};
use crate::packages::wheel;
use crate::preview::event;
use crate::watch::Watched;

/// What all secrets of a time begin with.
const OLD: &str = "0ldS3cr3t";
const NEW: &str = "N3wS3cr3t";
const PACKAGES: [&str; 3] = ["alpha", "beta", "gamma"];

struct Everywhere {
    sandbox: Sandbox,
    server: Rc<FileServer>,
    /// The dependency file.
    file: &'static str,
    installer: &'static str,
}

impl Everywhere {
    fn new(file: &'static str, installer: &'static str) -> Self {
        let sandbox = Sandbox::new();
        let folder = sandbox.root().join("served");
        for package in PACKAGES {
            wheel(&folder, package, "1.0");
        }
        fs_err::create_dir_all(folder.join("more")).expect("can be made");
        let server = Rc::new(FileServer::start(&folder));
        Self { sandbox, server, file, installer }
    }

    /// The same for another installer, before anything was built; what is written already is taken over.
    fn with(&self, installer: &'static str) -> Self {
        let sandbox = Sandbox::new();
        for entry in self.sandbox.path("").read_dir_utf8().expect("is there").flatten() {
            if entry.path().is_file() {
                fs_err::copy(entry.path(), sandbox.path(entry.file_name())).expect("can be copied");
            }
        }
        Self { sandbox, server: Rc::clone(&self.server), file: self.file, installer }
    }

    /// A URL of the server with a user name or a user name and a password.
    fn url(&self, credentials: &str, path: &str) -> String {
        format!("{}/{path}", self.server.url().replace("://", &format!("://{credentials}@")))
    }

    /// Where each package is: behind a password and a token, with a signature, and behind a user name that is a token.
    fn urls(&self) -> [String; 3] {
        let wheel = |name: &str| format!("{name}-1.0-py3-none-any.whl");
        [
            self.url(&format!("reader:{OLD}%2Fpassword"), &format!("{}?token={OLD}-token", wheel("alpha"))),
            format!("{}/{}?X-Amz-Date=20260101&X-Amz-Signature={OLD}-signature", self.server.url(), wheel("beta")),
            self.url(&format!("{OLD}-user"), &wheel("gamma")),
        ]
    }

    fn lines(&self) -> Vec<String> {
        PACKAGES.iter().zip(self.urls()).map(|(name, url)| format!("{name} @ {url}")).collect()
    }

    /// Writes the project, and makes the lock with its own tool.
    fn write(&self) {
        let lines = self.lines();
        let project = format!(
            "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \">=3.9,<4\"\ndependencies = {lines:?}\n"
        );
        let arguments: &[&str] = match self.file {
            "requirements.txt" => {
                let index = self.url(&format!("{OLD}-index:"), "simple/");
                // pip takes no further index for what has no hash.
                let option =
                    if self.installer == "pip" { String::new() } else { format!("--extra-index-url {index}\n") };
                let text = format!("{option}{}\n", lines.join("\n"));
                return self.sandbox.write(self.file, text);
            }
            "Pipfile.lock" => {
                let urls =
                    PACKAGES.iter().zip(self.urls()).map(|(name, url)| format!("{name} = {{ file = {url:?} }}\n"));
                self.sandbox.write("Pipfile", format!("[packages]\n{}", urls.collect::<String>()));
                &["lock"]
            }
            "pylock.toml" => &["export", "--format", "pylock.toml", "--output-file", "pylock.toml"],
            _ => &["lock"],
        };
        if self.file != "Pipfile.lock" {
            self.sandbox.write("pyproject.toml", project);
        }
        let folder = self.sandbox.path("");
        let mut command: Command = match self.file {
            "pyproject.toml" => return,
            "poetry.lock" => tool("poetry", &folder),
            "pdm.lock" => tool("pdm", &folder),
            "Pipfile.lock" => tool("pipenv", &folder),
            _ => uv(&folder),
        };
        run(command.args(arguments));
        for left in ["own", ".pdm-python", ".venv", "uv.lock"].into_iter().filter(|left| *left != self.file) {
            let left = folder.join(left);
            fs_err::remove_dir_all(&left).or_else(|_| fs_err::remove_file(&left)).ok();
        }
    }

    /// Other passwords and tokens for the same files.
    fn rotate(&self) {
        // Other tools keep a digest of the project in their locks.
        let files: &[&str] = match self.file {
            "poetry.lock" | "pdm.lock" | "Pipfile.lock" => &[],
            _ => &["requirements.txt", "pyproject.toml", "uv.lock", "pylock.toml"],
        };
        for file in files {
            let path = self.sandbox.path(file);
            if path.exists() {
                fs_err::write(&path, self.sandbox.read(file).replace(OLD, NEW)).expect("can be written");
            }
        }
    }

    /// A step of a workflow that publishes to a folder, with secrets of this time. `more` ends the places to look at.
    fn step(&self, secret: &str, more: &str) -> Run {
        let python = tools().python_version();
        let index = self.url(&format!("reader:{secret}-input"), "simple/");
        let is_locked = !["requirements.txt", "pyproject.toml"].contains(&self.file);
        let input = if self.installer == "uv" || is_locked { "extra-index-urls" } else { "index-url" };
        let inputs = [
            ("layer-name", "shared"),
            ("python-version", &python),
            ("registry", "layers"),
            ("requirements", self.file),
            ("installer", self.installer),
            (input, &index),
            ("output", "layer.zip"),
            ("sbom", "sbom.json"),
            ("report", "page.html"),
            ("results", "results"),
        ];
        let links = [
            self.url(&format!("reader:{secret}-first"), ""),
            self.url(&format!("reader:{secret}-second"), &format!("more/?access_token={secret}-third{more}")),
        ];
        let step = self.sandbox.run(&[]).in_actions(&inputs).env("RUNNER_DEBUG", "1");
        // What builds a distribution gets it, and nobody else knows what it is.
        let step = step.env("PIP_CONFIG_SETTINGS", format!("token={OLD}-setting"));
        step.env("UV_FIND_LINKS", links.join(",")).env("PIP_FIND_LINKS", links.join(" ")).env("PIP_RETRIES", "1")
    }

    /// Runs, and looks for the secrets of all times everywhere but in the files that people wrote and locked.
    #[track_caller]
    fn watched(&self, step: Run, child: Option<&Utf8Path>) -> Outcome {
        let watched = Watched::any(&[OLD, NEW]);
        let outcome = match child {
            Some(child) => watched.run(step, child.as_str()),
            None => step.run(),
        };
        let files = ["requirements.txt", "pyproject.toml", "Pipfile", self.file];
        let files: Vec<Utf8PathBuf> = files.iter().map(|file| self.sandbox.path(file)).collect();
        watched.is_nowhere(&self.sandbox, &outcome, &files);
        outcome
    }

    fn is_told_nowhere(&self) {
        let outcome = self.watched(self.step(OLD, ""), Some(self.sandbox.root())).success();
        outcome.says("shared published: this layer has not been published before");
        assert_eq!(layered(&self.sandbox.path("layer.zip")).into_keys().collect::<Vec<_>>(), PACKAGES);

        self.rotate();
        let outcome = self.watched(self.step(NEW, ""), None).success();
        outcome.says("shared unchanged: ");

        let variable = if self.installer == "uv" { "UV_FIND_LINKS" } else { "PIP_FIND_LINKS" };
        let outcome = self.watched(self.step(NEW, &format!("&v={OLD}")), Some(self.sandbox.root())).success();
        outcome.says(&format!("shared adopted: variables: {variable} "));
        let outcome = self.watched(self.step(NEW, &format!("&v={NEW}")), Some(self.sandbox.root())).success();
        outcome.says(&format!("variables: {variable} changed"));
    }
}

fn tell_none(file: &'static str) {
    let with_uv = Everywhere::new(file, "uv");
    with_uv.write();
    let with_pip = with_uv.with("pip");
    with_uv.is_told_nowhere();
    with_pip.is_told_nowhere();
}

#[test]
fn requirement_files_tell_none() {
    for installer in ["uv", "pip"] {
        // Its text is another one for each.
        let everywhere = Everywhere::new("requirements.txt", installer);
        everywhere.write();
        everywhere.is_told_nowhere();
    }
}

#[test]
fn projects_tell_none() {
    tell_none("pyproject.toml");
}

#[test]
fn uv_locks_tell_none() {
    tell_none("uv.lock");
}

#[test]
fn pylock_files_tell_none() {
    tell_none("pylock.toml");
}

#[test]
fn poetry_locks_tell_none() {
    tell_none("poetry.lock");
}

#[test]
fn pdm_locks_tell_none() {
    tell_none("pdm.lock");
}

#[test]
fn pipenv_locks_tell_none() {
    tell_none("Pipfile.lock");
}

#[test]
fn the_comment_on_a_pull_request_tells_none() {
    let everywhere = Everywhere::new("requirements.txt", "uv");
    everywhere.write();
    everywhere.step(OLD, &format!("&v={OLD}")).run().success();
    everywhere.rotate();
    let github = GitHub::start(&serde_json::json!({}));
    let step = github.reach(
        everywhere.step(NEW, &format!("&v={NEW}")).env("INPUT_COMMAND", "preview").env("INPUT_COMMENT", "always"),
    );
    let outcome = everywhere.watched(event(step, &everywhere.sandbox, "acme/layers"), None).success();
    let outcome = outcome.says("variables: UV_FIND_LINKS changed");
    let comments = github.comments(7);
    assert_eq!(comments.len(), 1, "{comments:?}");
    for (_, comment) in comments {
        assert!(!comment.contains(OLD) && !comment.contains(NEW), "{comment}");
    }
    let comment = &outcome.outputs()["comment"];
    assert!(!comment.contains(OLD) && !comment.contains(NEW), "{comment}");
}
