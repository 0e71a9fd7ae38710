//! The network of a day, in place of the world's: see `network.py`.

use std::process::Command;
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};

use super::packages::Packages;
use crate::servers::Server;
use crate::tools::tools;

/// Answers until its value goes.
pub(super) struct Network {
    port: u16,
    /// Threads share what it answers, and not it.
    _server: Mutex<Server>,
    pub(super) packages: Packages,
    /// For the tools, and this run alone.
    pub(super) cache: Utf8PathBuf,
    log: Utf8PathBuf,
}

impl Network {
    pub(super) fn start(packages: Packages) -> Self {
        let log = packages.folder.with_extension("log");
        fs_err::write(&log, "").expect("can be written");
        let program = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/comparison/network.py");
        let mut command = Command::new(tools().program("python3"));
        command.args([&program, &packages.folder, &log]);
        let server = Server::start(command, "serving on port ");
        let cache = packages.folder.with_extension("cache");
        Self { port: server.port(), _server: Mutex::new(server), packages, cache, log }
    }

    /// Variables that lead to it. Without `is_closed` real indexes can be reached as well: the tools themselves are there.
    pub(super) fn variables(&self, is_closed: bool) -> Vec<(&'static str, String)> {
        let proxy = format!("http://127.0.0.1:{}", self.port);
        let mut variables: Vec<_> =
            // git and curl read the small one alone.
            ["HTTP_PROXY", "http_proxy"].map(|name| (name, proxy.clone())).into();
        if is_closed {
            variables.extend(["HTTPS_PROXY", "https_proxy"].map(|name| (name, proxy.clone())));
        }
        variables.extend(["NO_PROXY", "no_proxy"].map(|name| (name, String::new())));
        // Nobody tries for long.
        variables.extend([("UV_HTTP_RETRIES", "0".to_owned()), ("PIP_RETRIES", "0".to_owned())]);
        variables
    }

    /// Whether an index was asked for the distribution.
    pub(super) fn was_asked_for(&self, name: &str) -> bool {
        let log = fs_err::read_to_string(&self.log).expect("is there");
        log.contains(&format!("/simple/{name}/"))
    }
}
