//! Installs from uv's cache alone where that gives the same files: a locked set needs no index.
//!
//! Otherwise uv asks the indexes again for the page of each distribution, which takes longer than installing them. But
//! a page that uv has kept may be older than the lock: it may lack a wheel that the lock allows and that fits the target
//! better than the others. So uv is asked at the same time which files it knows of, and what it has installed only
//! counts if these are all that the lock allows. Then a new page changes nothing, because a version's files stay what
//! they are, and uv takes none but those with a listed hash.
//!
//! Other indexes than PyPI are asked each time: whether they accept the run's password must not depend on a cache.

use std::collections::BTreeSet;
use std::process::Command;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Uv, clear};
use crate::build::install::installer::{Installer as _, Request};
use crate::build::install::settings;
use crate::build::install::wanted::asks_pypi_alone;
use crate::process::child;
use crate::process::child::Outcome;

impl Uv {
    /// Runs a command that installs the distributions of `lines`, each with its hashes. `None` if uv's cache lacks
    /// something; then nothing is installed.
    pub(super) fn offline(
        &self,
        lines: &SecretString,
        mut install: Command,
        input: Option<&SecretString>,
        request: &Request<'_>,
    ) -> anyhow::Result<Option<Outcome>> {
        if !asks_pypi_alone(request) || settings::refreshes(request) || request.environment.is_on("UV_NO_CACHE") {
            return Ok(None);
        }
        install.arg("--offline");
        let (installed, knows_all) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| self.knows_all_files(lines, request));
            let installed = child::run_silently(install, input, request.console);
            (installed, asking.join().expect("does not panic"))
        });
        let installed = installed?;
        if installed.status.success() && knows_all {
            let log = request.console.child(&self.name());
            installed.output.lines().for_each(|line| log.line(line));
            return Ok(Some(installed));
        }
        clear(request.destination)?;
        Ok(None)
    }

    /// Whether uv's cache knows of every file whose hash is in `lines`.
    fn knows_all_files(&self, lines: &SecretString, request: &Request<'_>) -> bool {
        let mut command = self.pip("compile", request);
        command.args(["--offline", "--quiet", "--no-deps", "--no-header", "--no-annotate", "--generate-hashes", "-"]);
        let Ok(answer) = child::capture_with_input(command, Some(lines), request.console) else { return false };
        let known: BTreeSet<&str> = hashes(answer.text.expose_secret()).collect();
        answer.status.success() && hashes(lines.expose_secret()).all(|hash| known.contains(hash))
    }
}

fn hashes(lines: &str) -> impl Iterator<Item = &str> {
    lines.split_whitespace().filter_map(|word| word.strip_prefix("--hash="))
}
