//! What a failed import means: the distribution to blame, the severity, and the probable cause.

mod missing;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use super::denied::Denied;
use super::modules::Module;
use super::outcome::{Outcome, Raised, Ran};
use super::{Subject, absent, denied, machine};
use crate::error::counted;
use crate::layer::{Distribution, Finding, Owner, Severity};
use crate::spec::SmokeTest;
use crate::types::DistributionName;
pub(super) use names::has_module;
use names::{name_of, quoted_as_missing};

/// The longest message, in characters.
const LONGEST: usize = 300;
/// Codes of findings that explain a failed import, the likeliest first.
const CAUSES: &[&str] = &[
    "wrong-machine",
    "broken-binary",
    "wrong-extension-tag",
    "glibc-too-new",
    "libstdcxx-too-new",
    "missing-library",
    "wrong-wheel-tag",
    "requires-python",
    "missing-requirement",
    "conflicting-requirement",
    "unmet-requirement",
];
/// Those of these codes that are about single files. Unless they are errors, no module needs the file.
const OF_FILES: &[&str] =
    &["wrong-machine", "broken-binary", "wrong-extension-tag", "glibc-too-new", "libstdcxx-too-new", "missing-library"];

/// The findings of failed imports.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) findings: Vec<Finding>,
    /// Modules that lack only something optional: an extra, or a package that only some users have.
    pub(super) parts: BTreeSet<String>,
}

pub(super) fn findings(
    subject: &Subject<'_>,
    modules: &[Module],
    ran: &Ran,
    has_runtime: bool,
    redact: impl Fn(&str) -> String,
) -> Explained {
    if let Some(how) = &ran.stopped {
        let help = "check the `.pth` files in the layer: their `import` lines run each time Python starts";
        let message = format!("no module can be imported: Python {how} while reading the `.pth` files in the layer");
        return Explained {
            findings: vec![Finding::error("import-failed", "layer", message, help)],
            parts: BTreeSet::new(),
        };
    }
    let judge = Judge { subject, modules, ran, has_runtime };
    let mut aside = Aside::default();
    let mut findings: Vec<Finding> = modules.iter().filter_map(|module| judge.of(module, &mut aside)).collect();
    findings.extend(aside.untested.into_iter().map(|((_, cause), modules)| Judge::untested(&modules, &cause)));
    for finding in &mut findings {
        finding.message = short(&redact(&finding.message));
    }
    Explained { findings, parts: aside.parts.iter().map(|name| (*name).to_owned()).collect() }
}

struct Judge<'a> {
    subject: &'a Subject<'a>,
    modules: &'a [Module],
    ran: &'a Ran,
    has_runtime: bool,
}

/// Modules whose import failed for a reason outside of the layer.
#[derive(Default)]
struct Aside<'m> {
    /// Modules that could not be tested, by owner and reason.
    untested: BTreeMap<(&'m Owner, String), Vec<&'m Module>>,
    /// See [`Explained::parts`].
    parts: BTreeSet<&'m str>,
}

/// How bad a failed import is, and its cause.
enum Verdict {
    Failed { severity: Severity, cause: String },
    Untested { cause: String },
    Part,
}

impl Judge<'_> {
    /// The finding for a module that could not be imported. Modules that could not be tested go to `aside`.
    fn of<'m>(&self, module: &'m Module, aside: &mut Aside<'m>) -> Option<Finding> {
        let (how, verdict) = match self.ran.outcomes.get(&module.name)? {
            Outcome::Imported(_) => return None,
            Outcome::Raised(errors) => {
                let error = errors.first()?;
                (described(error), self.of_errors(module, errors))
            }
            Outcome::Died(how) => (format!("Python {how}"), self.of_death(module)),
            Outcome::Hung(time) => {
                let cause = format!(
                    "if it is only slow, give it more time with `{}`; Lambda itself gives a function 10 s to start",
                    super::SECONDS_VARIABLE
                );
                (format!("it did not finish within {} s", time.as_secs()), self.failed(module, cause))
            }
            Outcome::NotTried => {
                let help = "list the modules that matter in `smoke-test`";
                let message = format!("{} was not imported: the time limit was reached", name_of(module));
                return Some(Finding::warning("import-not-tested", &module.name, message, help));
            }
        };
        let (severity, cause) = match verdict {
            Verdict::Failed { severity, cause } => (severity, cause),
            Verdict::Untested { cause } => {
                aside.untested.entry((&module.owner, cause)).or_default().push(module);
                return None;
            }
            Verdict::Part => {
                aside.parts.insert(&module.name);
                return None;
            }
        };
        let message = format!("{} cannot be imported: {how}", name_of(module));
        let quiet = match self.subject.wanted {
            SmokeTest::Modules(_) => String::new(),
            _ => "; or list the modules that your functions import in `smoke-test`".to_owned(),
        };
        let help = format!("{cause}{quiet}");
        let finding = Finding::error("import-failed", &module.name, message, help).blames(owner(module));
        Some(Finding { severity, ..finding })
    }

    fn untested(modules: &[&Module], cause: &str) -> Finding {
        let first = modules[0];
        let others = match modules.len() {
            1 => String::new(),
            all => format!(" and {}", counted(all - 1, "other module")),
        };
        let message = format!("{}{others} could not be tested: {cause}", name_of(first));
        let help = "test it in the runtime's image, or in a function";
        Finding::notice("import-not-tested", &first.name, message, help).blames(owner(first))
    }

    fn failed(&self, module: &Module, cause: String) -> Verdict {
        let severity = if self.is_asked_for() || module.is_main { Severity::Error } else { Severity::Warning };
        Verdict::Failed { severity, cause }
    }

    fn is_asked_for(&self) -> bool {
        matches!(self.subject.wanted, SmokeTest::Modules(_))
    }

    fn of_death(&self, module: &Module) -> Verdict {
        let cause = self.known(module).unwrap_or_else(|| {
            "compiled code crashed, or the module ends Python; set LAMBDA_LAYER_DEBUG=1 to see its output".to_owned()
        });
        self.failed(module, cause)
    }

    fn of_errors(&self, module: &Module, errors: &[Raised]) -> Verdict {
        let named = |error: &Raised| {
            let named = error.missing.clone().or_else(|| quoted_as_missing(&error.message));
            named.or_else(|| self.missing_in_namespace(&error.message))
        };
        if let Some(needed) = absent::named(errors, |error| named(error).is_some()) {
            let cause = format!("it needs {needed}, which a build does not have");
            // If the user asked for this very module, it counts as a failure.
            return if self.is_asked_for() { self.failed(module, cause) } else { Verdict::Untested { cause } };
        }
        if let Some(missing) = errors.iter().rev().find_map(named).as_deref() {
            return self.of_missing(module, missing);
        }
        if let Some(known) = self.known(module) {
            return self.failed(module, known);
        }
        if let Some(cause) = errors.iter().find_map(|error| self.of_this_machine(&error.message)) {
            return Verdict::Untested { cause };
        }
        if let Some(library) = errors.iter().rev().find_map(|error| machine::missing_library(&error.message)) {
            let cause = format!(
                "`{library}` is not available: add it with `include` as `lib/{library}`, or use a distribution that bundles it"
            );
            return self.failed(module, cause);
        }
        match errors.iter().find_map(|error| denied::of(&error.kind, &error.message)) {
            Some(Denied::Write(path)) => {
                let cause = format!(
                    "it writes to `{path}`, but a function can write only to `/tmp`: look for a setting that changes the folder, often an environment variable or `HOME=/tmp`"
                );
                return self.failed(module, cause);
            }
            Some(Denied::Elsewhere(path)) => {
                let cause = format!("it uses `{path}`, which is not accessible in a build");
                return Verdict::Untested { cause };
            }
            None => {}
        }
        let is = |kinds: &[&str]| errors.iter().any(|error| kinds.contains(&error.kind.as_str()));
        let cause = if is(&["MemoryError"]) {
            "it needs more memory than a function can have"
        } else if is(&["SystemExit"]) {
            "it exits when it is imported"
        } else if is(&["SyntaxError", "IndentationError", "TabError"]) {
            "it is written for another Python version"
        } else {
            "look for a version of it that works with this Python and with the other versions in the layer"
        };
        self.failed(module, cause.to_owned())
    }

    fn of_this_machine(&self, message: &str) -> Option<String> {
        let runtime = self.subject.target.python.runtime();
        if self.has_runtime { None } else { machine::difference(message, self.subject.layer, runtime) }
    }

    fn distribution(&self, module: &Module) -> Option<&Distribution> {
        let name = owner(module)?;
        self.subject.layer.distributions.iter().find(|distribution| distribution.name == *name)
    }

    /// The finding of another check that explains the failure.
    fn known(&self, module: &Module) -> Option<String> {
        let blamed =
            |finding: &&Finding| finding.distribution.is_some() && finding.distribution.as_ref() == owner(module);
        let counts = |finding: &&Finding| finding.severity == Severity::Error || !OF_FILES.contains(&finding.code);
        let of_code =
            |code: &&str| self.subject.known.iter().filter(blamed).filter(counts).find(|finding| finding.code == *code);
        CAUSES.iter().find_map(of_code).map(|finding| format!("probably because {}", finding.message))
    }
}

fn owner(module: &Module) -> Option<&DistributionName> {
    match &module.owner {
        Owner::Distribution(name) => Some(name),
        _ => None,
    }
}

/// `ImportError: no such thing (numpy/core/__init__.py:12)`
fn described(error: &Raised) -> String {
    let message = error.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message: String = message.chars().filter(|character| !character.is_control()).take(LONGEST).collect();
    let place = error.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let colon = if message.is_empty() { "" } else { ": " };
    format!("{}{colon}{message}{place}", error.kind)
}

fn short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
