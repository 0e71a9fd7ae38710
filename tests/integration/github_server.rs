//! A stand-in for GitHub: `github_server.py` with a world of its own.

use std::process::Command;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::harness::Run;
use crate::servers::{Server, get};
use crate::tools::tools;

/// GitHub's own description of its API, from npm.
const DESCRIPTION: &str = "@octokit/openapi@23.0.2";
/// Takes the one of github.com out of the package, without what no test needs.
const TAKE: &str = "\
import json, sys, tarfile
package = tarfile.open(sys.argv[1])
description = json.load(package.extractfile('package/generated/api.github.com.json'))
paths = description['paths']
description['paths'] = {path: paths[path] for path in paths if path.startswith('/repos/{owner}/{repo}/')}
json.dump(description, open(sys.argv[2], 'w'))
";

/// Serves until the end of the test.
pub(crate) struct GitHub {
    server: Server,
    world: Value,
    _folder: tempfile::TempDir,
}

impl GitHub {
    /// With a token, whose user the workflow is, and pull requests 7 (without comments) and others of `world`.
    pub(crate) fn start(world: &Value) -> Self {
        let mut all = json!({"token": "ghs_7oken", "viewer": "github-actions[bot]", "comments": {"7": []}});
        for (key, value) in world.as_object().expect("is an object") {
            all[key] = value.clone();
        }
        let folder = tempfile::tempdir().expect("can be made");
        let file = folder.path().join("world.json");
        fs_err::write(&file, all.to_string()).expect("can be written");
        let program = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/github_server.py");
        let mut command = Command::new(tools().program("python3"));
        command.arg(program).arg(description()).arg(file);
        Self { server: Server::start(command, "Serving GitHub on http://127.0.0.1:"), world: all, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        let prefix = self.world["prefix"].as_str().unwrap_or_default();
        format!("http://127.0.0.1:{}{prefix}", self.server.port())
    }

    /// What a job has for its steps.
    pub(crate) fn reach(&self, run: Run) -> Run {
        run.env("GITHUB_API_URL", self.url())
            .env("GITHUB_REPOSITORY", "acme/layers")
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_RUN_ID", "42")
            .env("INPUT_GITHUB-TOKEN", "ghs_7oken")
    }

    fn seen(&self) -> Value {
        let answer = get(self.server.port(), "/_seen");
        let (_, body) = answer.split_once("\r\n\r\n").expect("has a body");
        serde_json::from_str(body).expect("is JSON")
    }

    /// `POST /repos/acme/layers/issues/7/comments`, in their order.
    pub(crate) fn requests(&self) -> Vec<String> {
        let word = |request: &Value, key: &str| request[key].as_str().expect("is text").to_owned();
        let seen = self.seen();
        let requests = seen["requests"].as_array().expect("is a list");
        requests.iter().map(|request| format!("{} {}", word(request, "method"), word(request, "path"))).collect()
    }

    /// Newest first.
    pub(crate) fn releases(&self) -> Vec<Value> {
        self.seen()["world"]["releases"].as_array().cloned().unwrap_or_default()
    }

    /// Author and body of the comments on a pull request.
    pub(crate) fn comments(&self, number: u64) -> Vec<(String, String)> {
        let seen = self.seen();
        let comments = seen["world"]["comments"][number.to_string()].as_array().expect("is a list").clone();
        let word = |comment: &Value, key: &str| comment[key].as_str().expect("is text").to_owned();
        comments.iter().map(|comment| (word(comment, "user"), word(comment, "body"))).collect()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.seen()["violations"], json!([]), "GitHub's description says something else");
        }
    }
}

/// Fetched once.
fn description() -> &'static Utf8Path {
    static FILE: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let digest = lambda_layer::types::Digest::of(format!("{DESCRIPTION}{TAKE}").as_bytes()).hex();
        let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-tools");
        let (folder, file) = (folder.join("octokit"), folder.join(format!("octokit-{}.json", &digest[..16])));
        if !file.exists() {
            fs_err::create_dir_all(&folder).expect("can be made");
            let mut npm = Command::new("npm");
            npm.args(["pack", "--silent", "--pack-destination", folder.as_str(), DESCRIPTION]);
            let packed = npm.output().expect("npm is there");
            assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
            let name = String::from_utf8(packed.stdout).expect("is UTF-8");
            let part = file.with_extension("part");
            let mut take = Command::new(tools().program("python3"));
            take.args(["-c", TAKE, folder.join(name.trim()).as_str(), part.as_str()]);
            assert!(take.status().expect("can be started").success(), "the package is not as it was");
            fs_err::rename(part, &file).expect("is ours");
            fs_err::remove_dir_all(folder).expect("is ours");
        }
        file
    });
    &FILE
}
