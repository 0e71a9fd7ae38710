//! What a missing module means: whether it belongs in the layer, and which distribution has it.

use std::collections::BTreeSet;

use super::names::{extra_with, has_module, is_module_of, is_of_runtime, is_same, requires};
use super::{Judge, Module, Outcome, Verdict, owner};
use crate::error::nearest;
use crate::layer::{Distribution, Severity, package_folders};
use crate::types::DistributionName;

impl Judge<'_> {
    /// Whether the failed module is an optional part of its distribution, for users who also have the missing package,
    /// often through an extra (`adbc_driver_duckdb` of duckdb).
    fn is_part(&self, module: &Module, own: &Distribution, missing: &str) -> bool {
        let is_beside = !module.is_main || !is_module_of(&module.name, &own.name.to_string());
        is_beside && !self.is_asked_for() && !requires(own, missing) && self.works_without(module)
    }

    /// Whether other distributions require this one, and all main modules of those were imported.
    fn serves_others(&self, own: &Distribution) -> bool {
        let is_own = |requirement: &pep508_rs::Requirement| is_same(requirement.name.as_ref(), &own.name.to_string());
        let distributions = self.subject.layer.distributions.iter();
        let users: BTreeSet<&DistributionName> = distributions
            .filter(|other| other.name != own.name && other.requires.iter().any(is_own))
            .map(|other| &other.name)
            .collect();
        let mut modules = self.modules.iter().filter(|module| owner(module).is_some_and(|name| users.contains(name)));
        let works = |module: &Module| !module.is_main || self.ran.was_imported(&module.name);
        !self.is_asked_for() && !users.is_empty() && modules.all(works)
    }

    /// Whether another module of the same distribution was imported that is at least as important.
    fn works_without(&self, module: &Module) -> bool {
        let is_other = |other: &&Module| {
            other.owner == module.owner && other.name != module.name && (other.is_main || !module.is_main)
        };
        self.modules.iter().filter(is_other).any(|other| self.ran.was_imported(&other.name))
    }

    /// The module that is missing in a namespace package: "cannot import name 'storage' from 'google.cloud' (unknown
    /// location)".
    pub(super) fn missing_in_namespace(&self, message: &str) -> Option<String> {
        let (name, rest) = message.strip_prefix("cannot import name '")?.split_once("' from '")?;
        let package = rest.strip_suffix("' (unknown location)")?;
        let folders = package_folders(self.subject.target.python);
        let is_namespace = folders.iter().any(|folder| self.subject.layer.has(&folder.join(package.replace('.', "/"))));
        is_namespace.then(|| format!("{package}.{name}"))
    }

    pub(super) fn of_missing(&self, module: &Module, missing: &str) -> Verdict {
        if missing == module.name || module.name.starts_with(&format!("{missing}.")) {
            let names: Vec<&str> = self.all_names();
            let near = nearest(&module.name, names.iter().copied());
            let cause = near.map_or_else(
                || "the layer contains no such module".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return self.failed(module, cause);
        }
        let top = missing.split('.').next().unwrap_or(missing);
        if !self.has_runtime && !has_module(self.subject.layer, top) && is_of_runtime(top) {
            let cause = format!("it needs `{top}`, which the runtime has but this machine does not");
            return Verdict::Untested { cause };
        }
        if let Some(left_out) = self.subject.excluded.iter().find(|name| is_module_of(top, &name.to_string())) {
            return Verdict::Untested { cause: format!("it needs `{top}`, but `exclude` leaves out `{left_out}`") };
        }
        let own = self.distribution(module);
        if own.is_some_and(|own| self.is_part(module, own, missing)) {
            return Verdict::Part;
        }
        let extra = own.and_then(|own| Some((own, extra_with(own, missing)?)));
        let cause = if let Some((own, extra)) = extra {
            format!("`{missing}` comes with `{}[{extra}]`: add that to the requirements", own.name)
        } else {
            let cause =
                || format!("`{missing}` is not in the layer: add the package that provides it to the requirements");
            self.known(module).unwrap_or_else(cause)
        };
        match self.failed(module, cause) {
            // A distribution that others require, as IPython does `matplotlib_inline`, works for those.
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
}
