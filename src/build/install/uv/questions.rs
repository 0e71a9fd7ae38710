//! Asks uv which wheels the indexes have, for messages.

use std::process::Command;

use secrecy::{ExposeSecret as _, SecretString};

use super::Uv;
use crate::build::install::availability::Availability;
use crate::build::install::installer::Request;
use crate::build::install::resolution::{Pin, Resolution};
use crate::facts;
use crate::process::child;

/// Pythons older than the runtimes', for which old versions have wheels. uv supports none that is older than these.
const OLD_PYTHONS: &[&str] = &["3.8"];

impl Uv {
    /// Resolves one requirement with a `uv pip compile` command; `None` if no version meets it.
    fn ask(mut command: Command, requirement: &str, request: &Request<'_>) -> Option<Resolution> {
        command.args(["--quiet", "--no-header", "--no-annotate", "--no-deps", "--format", "pylock.toml", "-"]);
        // From the same indexes as everything else.
        let input = SecretString::from(format!("{}{requirement}\n", request.manifest.places().expose_secret()));
        let answer = child::capture_with_input(command, Some(&input), request.console).ok()?;
        Resolution::read(answer.text.expose_secret()).ok().filter(|_| answer.status.success())
    }

    /// The newest version of a distribution with a wheel for the target.
    pub(super) fn newest_that_fits(&self, name: &str, request: &Request<'_>) -> Option<String> {
        let mut command = self.pip("compile", request);
        command.args(["--only-binary", ":all:"]);
        let resolution = Self::ask(command, name, request)?;
        resolution.pins().into_iter().find(|pin| pin.name == name).map(|pin| pin.version)
    }

    /// Resolves a requirement for all systems and all Pythons from `python` on.
    fn ask_for_all(&self, requirement: &str, python: &str, request: &Request<'_>) -> Option<Resolution> {
        let mut command = self.pip_for_any("compile", request);
        command.args(["--universal", "--python-version", python]);
        Self::ask(command, requirement, request)
    }

    /// The wheels of a version for all Pythons and systems. A version says which Pythons it supports, so resolving for
    /// the oldest of them shows all wheels.
    pub(super) fn availability(&self, pin: &Pin, request: &Request<'_>) -> Availability {
        let pythons = OLD_PYTHONS.iter().map(ToString::to_string);
        let mut pythons = pythons.chain(facts::runtimes().iter().rev().map(|runtime| runtime.python.clone()));
        let found = pythons.find_map(|python| self.ask_for_all(&pin.to_string(), &python, request));
        let wheels = found.map(|found| found.wheels_of(pin)).unwrap_or_default();
        Availability { pin: pin.clone(), wheels, newest_that_fits: self.newest_that_fits(&pin.name, request) }
    }

    /// The same for a distribution that uv named in a message, which may lack the version.
    pub(super) fn availability_of(&self, name: &str, version: Option<&str>, request: &Request<'_>) -> Availability {
        let asked = || request.manifest.asked_of(name).unwrap_or_else(|| name.to_owned());
        let chosen = || {
            let found = self.ask_for_all(&asked(), &request.spec.target.python.to_string(), request)?;
            found.pins().into_iter().find(|pin| pin.name == name)
        };
        let given = version.map(|version| Pin { name: name.to_owned(), version: version.to_owned() });
        if let Some(pin) = given.or_else(chosen) {
            return self.availability(&pin, request);
        }
        let pin = Pin { name: name.to_owned(), version: String::new() };
        Availability { pin, wheels: Vec::new(), newest_that_fits: self.newest_that_fits(name, request) }
    }
}
