//! What a failed import means: whom to blame, how bad it is, and the probable cause.

use std::collections::{BTreeMap, BTreeSet};

use super::denied::Denied;
use super::modules::Module;
use super::run::{Outcome, Raised, Ran};
use super::{Subject, absent, denied, machine};
use crate::error::{counted, nearest};
use crate::facts;
use crate::layer::{Distribution, Finding, Layer, Owner, Severity, package_folders};
use crate::spec::SmokeTest;

/// Of a message, in characters.
const LONGEST: usize = 300;
/// Findings of other checks that explain why something cannot be imported, the likeliest first.
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
/// Those of them about single files. What is no error there is about files that no module needs.
const OF_FILES: &[&str] =
    &["wrong-machine", "broken-binary", "wrong-extension-tag", "glibc-too-new", "libstdcxx-too-new", "missing-library"];

/// What there is to say.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) findings: Vec<Finding>,
    /// Modules that miss nothing but what nobody asked for: an extra, or what another distribution brings.
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
        let help =
            "look into the `.pth` files of the layer: whatever stands behind `import` in them runs at each start";
        let message = format!("no module can be imported: Python {how} while it reads the `.pth` files of the layer");
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

/// Modules that did not fail.
#[derive(Default)]
struct Aside<'m> {
    /// By whom they belong to, and by why they could not be tested.
    untested: BTreeMap<(&'m Owner, String), Vec<&'m Module>>,
    /// See [`Explained::parts`].
    parts: BTreeSet<&'m str>,
}

/// How bad, and why.
enum Verdict {
    Failed { severity: Severity, cause: String },
    Untested { cause: String },
    Part,
}

impl Judge<'_> {
    /// What is no failure is noted in `aside`.
    fn of<'m>(&self, module: &'m Module, aside: &mut Aside<'m>) -> Option<Finding> {
        let (how, verdict) = match self.ran.outcomes.get(&module.name)? {
            Outcome::Imported(_) => return None,
            Outcome::Raised(errors) => {
                let error = errors.first()?;
                (said(error), self.of_errors(module, errors))
            }
            Outcome::Died(how) => (format!("Python {how}"), self.of_death(module)),
            Outcome::Hung(time) => {
                let cause = format!(
                    "if it only takes long, give it more time with `{}`; Lambda itself gives a start of a function 10 s",
                    super::SECONDS_VARIABLE
                );
                (format!("it was not done after {} s", time.as_secs()), self.failed(module, cause))
            }
            Outcome::NotTried => {
                let help = "list the modules that matter as `smoke-test`";
                let message = format!("{} was not imported: the time was up", name_of(module));
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
            _ => "; or list what your functions do import as `smoke-test`".to_owned(),
        };
        let help = format!("{cause}{quiet}");
        let finding = Finding::error("import-failed", &module.name, message, help).blames(owner(module));
        Some(Finding { severity, ..finding })
    }

    fn untested(modules: &[&Module], cause: &str) -> Finding {
        let first = modules[0];
        let others = match modules.len() {
            1 => String::new(),
            all => format!(" and {} beside", counted(all - 1, "module")),
        };
        let message = format!("{}{others} could not be tested: {cause}", name_of(first));
        let help = "test it in the image of the runtime, or in a function";
        Finding::notice("import-not-tested", &first.name, message, help).blames(owner(first))
    }

    fn failed(&self, module: &Module, cause: String) -> Verdict {
        let severity = if self.is_asked_for() || module.is_main { Severity::Error } else { Severity::Warning };
        Verdict::Failed { severity, cause }
    }

    fn is_asked_for(&self) -> bool {
        matches!(self.subject.wanted, SmokeTest::Modules(_))
    }

    /// Whether a module is for those who have something that the distribution does without, often an extra of it
    /// (`adbc_driver_duckdb` of duckdb); nobody else imports it.
    fn is_part(&self, module: &Module, own: &Distribution, missing: &str) -> bool {
        let is_beside = !module.is_main || !is_module_of(&module.name, &own.name.to_string());
        is_beside && !self.is_asked_for() && !requires(own, missing) && self.works_without(module)
    }

    /// Whether other distributions require it, and all that these are about was imported.
    fn serves_others(&self, own: &Distribution) -> bool {
        let is_own = |requirement: &pep508_rs::Requirement| is_same(requirement.name.as_ref(), &own.name.to_string());
        let distributions = self.subject.layer.distributions.iter();
        let users: BTreeSet<&crate::types::DistributionName> = distributions
            .filter(|other| other.name != own.name && other.requires.iter().any(is_own))
            .map(|other| &other.name)
            .collect();
        let mut modules = self.modules.iter().filter(|module| owner(module).is_some_and(|name| users.contains(name)));
        let works = |module: &Module| !module.is_main || self.ran.was_imported(&module.name);
        !self.is_asked_for() && !users.is_empty() && modules.all(works)
    }

    /// Whether another module of the same distribution was imported, one that matters as much.
    fn works_without(&self, module: &Module) -> bool {
        let is_other = |other: &&Module| {
            other.owner == module.owner && other.name != module.name && (other.is_main || !module.is_main)
        };
        self.modules.iter().filter(is_other).any(|other| self.ran.was_imported(&other.name))
    }

    fn of_death(&self, module: &Module) -> Verdict {
        let cause = self.known(module).unwrap_or_else(|| {
            "something compiled went wrong, or the module ends Python; LAMBDA_LAYER_DEBUG=1 shows what it said"
                .to_owned()
        });
        self.failed(module, cause)
    }

    fn of_errors(&self, module: &Module, errors: &[Raised]) -> Verdict {
        let named = |error: &Raised| {
            let named = error.missing.clone().or_else(|| quoted_as_missing(&error.message));
            named.or_else(|| self.missing_in_namespace(&error.message))
        };
        if let Some(needed) = absent::named(errors, |error| named(error).is_some()) {
            let cause = format!("it needs {needed}, and a build has none");
            // Unless somebody wants to see that very module imported.
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
                "`{library}` is not here: bring it with `include` as `lib/{library}`, or use a distribution that has it inside"
            );
            return self.failed(module, cause);
        }
        match errors.iter().find_map(|error| denied::of(&error.kind, &error.message)) {
            Some(Denied::Write(path)) => {
                let cause = format!(
                    "it writes to `{path}`, and a function can write to `/tmp` alone: look for its setting of that folder, often a variable or `HOME=/tmp`"
                );
                return self.failed(module, cause);
            }
            Some(Denied::Elsewhere(path)) => {
                let cause = format!("it uses `{path}`, which a build keeps from it");
                return Verdict::Untested { cause };
            }
            None => {}
        }
        let is = |kinds: &[&str]| errors.iter().any(|error| kinds.contains(&error.kind.as_str()));
        let cause = if is(&["MemoryError"]) {
            "it takes more memory than a function can have"
        } else if is(&["SystemExit"]) {
            "it ends the program when it is imported"
        } else if is(&["SyntaxError", "IndentationError", "TabError"]) {
            "it is written for another Python"
        } else {
            "look for a version of it that works with this Python and with the other versions in the layer"
        };
        self.failed(module, cause.to_owned())
    }

    fn of_this_machine(&self, message: &str) -> Option<String> {
        let runtime = self.subject.target.python.runtime();
        if self.has_runtime { None } else { machine::difference(message, self.subject.layer, runtime) }
    }

    /// The module that a namespace does not have: "cannot import name 'storage' from 'google.cloud' (unknown location)".
    fn missing_in_namespace(&self, message: &str) -> Option<String> {
        let (name, rest) = message.strip_prefix("cannot import name '")?.split_once("' from '")?;
        let package = rest.strip_suffix("' (unknown location)")?;
        let folders = package_folders(self.subject.target.python);
        let is_namespace = folders.iter().any(|folder| self.subject.layer.has(&folder.join(package.replace('.', "/"))));
        is_namespace.then(|| format!("{package}.{name}"))
    }

    fn of_missing(&self, module: &Module, missing: &str) -> Verdict {
        if missing == module.name || module.name.starts_with(&format!("{missing}.")) {
            let names: Vec<&str> = self.all_names();
            let near = nearest(&module.name, names.iter().copied());
            let cause = near
                .map_or_else(|| "the layer has no such module".to_owned(), |near| format!("did you mean `{near}`?"));
            return self.failed(module, cause);
        }
        let top = missing.split('.').next().unwrap_or(missing);
        if !self.has_runtime && !has_module(self.subject.layer, top) && is_of_runtime(top) {
            let cause = format!("it needs `{top}`, which the runtime has and this machine has not");
            return Verdict::Untested { cause };
        }
        if let Some(left_out) = self.subject.excluded.iter().find(|name| is_module_of(top, &name.to_string())) {
            return Verdict::Untested { cause: format!("it needs `{top}`, and `exclude` leaves out `{left_out}`") };
        }
        let own = self.distribution(module);
        if own.is_some_and(|own| self.is_part(module, own, missing)) {
            return Verdict::Part;
        }
        let extra = own.and_then(|own| Some((own, extra_with(own, missing)?)));
        let cause = if let Some((own, extra)) = extra {
            format!("`{missing}` comes with `{}[{extra}]`: add that to the requirements", own.name)
        } else {
            let cause = || format!("`{missing}` is not in the layer: add what brings it to the requirements");
            self.known(module).unwrap_or_else(cause)
        };
        match self.failed(module, cause) {
            // Whatever is in the layer for the sake of others works for them, as `matplotlib_inline` does for IPython.
            Verdict::Failed { cause, .. }
                if own.is_some_and(|own| !requires(own, missing) && self.serves_others(own)) =>
            {
                Verdict::Failed { severity: Severity::Warning, cause }
            }
            verdict => verdict,
        }
    }

    fn all_names(&self) -> Vec<&str> {
        let others = self.modules.iter().map(|module| module.name.as_str());
        let packages = self.subject.layer.files.keys().filter_map(|path| {
            path.strip_prefix("python").ok()?.components().next().map(|part| part.as_str().trim_end_matches(".py"))
        });
        let failed =
            |name: &&str| !self.ran.outcomes.get(*name).is_some_and(|outcome| !matches!(outcome, Outcome::Imported(_)));
        others.chain(packages).filter(failed).collect()
    }

    fn distribution(&self, module: &Module) -> Option<&Distribution> {
        let name = owner(module)?;
        self.subject.layer.distributions.iter().find(|distribution| distribution.name == *name)
    }

    /// What another check found in the distribution that explains it.
    fn known(&self, module: &Module) -> Option<String> {
        let blamed =
            |finding: &&Finding| finding.distribution.is_some() && finding.distribution.as_ref() == owner(module);
        let counts = |finding: &&Finding| finding.severity == Severity::Error || !OF_FILES.contains(&finding.code);
        let of_code =
            |code: &&str| self.subject.known.iter().filter(blamed).filter(counts).find(|finding| finding.code == *code);
        CAUSES.iter().find_map(of_code).map(|finding| format!("probably because {}", finding.message))
    }
}

fn owner(module: &Module) -> Option<&crate::types::DistributionName> {
    match &module.owner {
        Owner::Distribution(name) => Some(name),
        _ => None,
    }
}

/// `ImportError: no such thing (numpy/core/__init__.py:12)`
fn said(error: &Raised) -> String {
    let message = error.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message: String = message.chars().filter(|character| !character.is_control()).take(LONGEST).collect();
    let place = error.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
    let colon = if message.is_empty() { "" } else { ": " };
    format!("{}{colon}{message}{place}", error.kind)
}

fn short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The module of an error that was caught and raised as another, as pandas does it: `Unable to import required
/// dependencies: dateutil: No module named 'dateutil'`.
fn quoted_as_missing(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("No module named '")?;
    rest.split_once('\'').map(|(module, _)| module.to_owned())
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace(['-', '_', '.'], ".")
}

fn is_same(left: &str, right: &str) -> bool {
    normal(left) == normal(right)
}

/// Whether a module of that name is what a distribution of this name usually has.
fn is_module_of(module: &str, distribution: &str) -> bool {
    let (module, distribution) = (normal(module), normal(distribution));
    module == distribution || ["python.", "py"].iter().any(|prefix| distribution.strip_prefix(prefix) == Some(&module))
}

fn is_of_runtime(module: &str) -> bool {
    facts::runtime_packages().packages.iter().any(|package| is_module_of(module, &package.name))
}

pub(super) fn has_module(layer: &Layer, top: &str) -> bool {
    layer.files.keys().any(|path| {
        let first = path.strip_prefix("python").ok().and_then(|inside| inside.components().next());
        first.is_some_and(|first| first.as_str() == top || first.as_str() == format!("{top}.py"))
    })
}

/// Whether a requirement is for what has that module, or one of the packages that it is in: `google.cloud.storage` comes
/// with `google-cloud-storage`, and `yaml.nodes` with `pyyaml`.
fn brings(requirement: &pep508_rs::Requirement, module: &str) -> bool {
    let ends = module.match_indices('.').map(|(at, _)| at).chain([module.len()]);
    ends.into_iter().any(|end| is_module_of(&module[..end], requirement.name.as_ref()))
}

/// Whether a distribution always requires what has that module.
fn requires(distribution: &Distribution, module: &str) -> bool {
    let is_it = |requirement: &pep508_rs::Requirement| brings(requirement, module);
    distribution.requires.iter().any(|requirement| is_it(requirement) && extra_of(requirement).is_none())
}

/// The extra of a distribution that brings a module.
fn extra_with(distribution: &Distribution, module: &str) -> Option<String> {
    let is_it = |requirement: &&pep508_rs::Requirement| brings(requirement, module);
    extra_of(distribution.requires.iter().find(is_it)?)
}

fn extra_of(requirement: &pep508_rs::Requirement) -> Option<String> {
    let marker = requirement.marker.try_to_string()?;
    let (_, rest) = marker.split_once("extra == '")?;
    rest.split_once('\'').map(|(extra, _)| extra.to_owned())
}

/// `yaml` of `pyyaml`
fn name_of(module: &Module) -> String {
    match &module.owner {
        Owner::Distribution(name) if !is_same(&name.to_string(), &module.name) => {
            format!("`{}` of `{name}`", module.name)
        }
        _ => format!("`{}`", module.name),
    }
}
