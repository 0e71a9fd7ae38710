//! A stand-in for OSV: `osv_server.py` with a world of its own.

use std::process::Command;

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::harness::Run;
use crate::servers::{Server, get};
use crate::tools::tools;

/// Serves until the end of the test.
pub(crate) struct Osv {
    server: Server,
    prefix: String,
    _folder: tempfile::TempDir,
}

impl Osv {
    /// With these advisories.
    pub(crate) fn with(advisories: &[Value]) -> Self {
        Self::start(advisories, &json!({}))
    }

    /// With these advisories, and a manner that `osv_server.py` describes.
    pub(crate) fn start(advisories: &[Value], manner: &Value) -> Self {
        let mut world = manner.clone();
        world["advisories"] = json!(advisories);
        let folder = tempfile::tempdir().expect("can be made");
        let file = folder.path().join("world.json");
        fs_err::write(&file, world.to_string()).expect("can be written");
        let program = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/osv_server.py");
        let mut command = Command::new(tools().program("python3"));
        command.arg(program).arg(file);
        let prefix = world["prefix"].as_str().unwrap_or_default().to_owned();
        Self { server: Server::start(command, "Serving OSV on http://127.0.0.1:"), prefix, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.server.port(), self.prefix)
    }

    /// A run that asks it, as one on a machine that names no index; it asks by default where `--vulnerabilities` is empty.
    pub(crate) fn reach(&self, run: Run) -> Run {
        run.env("LAMBDA_LAYER_OSV_URL", self.url()).unset("PIP_FIND_LINKS").unset("PIP_INDEX_URL")
    }

    /// Everything that was sent to it.
    pub(crate) fn seen(&self) -> Vec<Value> {
        let answer = get(self.server.port(), "/_seen");
        let (_, body) = answer.split_once("\r\n\r\n").expect("has a body");
        serde_json::from_str(body).expect("is JSON")
    }

    /// The packages that it was asked about.
    pub(crate) fn asked(&self) -> Vec<String> {
        let queries = self
            .seen()
            .into_iter()
            .flat_map(|request| request["body"]["queries"].as_array().cloned().unwrap_or_default());
        queries.map(|query| query["package"]["purl"].as_str().expect("is a text").to_owned()).collect()
    }
}

/// The advisories of `tests/fixtures/osv/`.
pub(crate) fn fixtures() -> Vec<Value> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/osv/advisories");
    let mut paths: Vec<_> =
        folder.read_dir_utf8().expect("is a folder").map(|entry| entry.expect("is readable").into_path()).collect();
    paths.sort();
    let read = |path: &camino::Utf8PathBuf| fs_err::read_to_string(path).expect("is readable");
    paths.iter().map(|path| serde_json::from_str(&read(path)).expect("is JSON")).collect()
}

/// An advisory of the worst kind about these versions of a package, with no fix.
pub(crate) fn advisory(id: &str, package: &str, versions: &[&str]) -> Value {
    json!({
        "schema_version": "1.7.0",
        "id": id,
        "modified": "2026-01-02T03:04:05Z",
        "summary": format!("Something is wrong with {package}"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": package, "purl": format!("pkg:pypi/{package}")},
            "versions": versions,
        }],
    })
}
