//! Variables of installers and lock tools: which of them reach child processes, and which decide what is installed.
//! The list is in `data/installer-variables.yml`.

use crate::environment::{Environment, is_hidden, pip_configuration};
use crate::facts;

/// How a variable is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is passed on, and does not change what is installed.
    Access,
    /// It says where distributions come from.
    Place,
    /// It affects which distributions are chosen.
    Choice,
    /// The same, by the content of the files that it names.
    Files,
    /// It is only passed to uv when that reads a project.
    Configuration,
    /// This program reads or sets it itself.
    ReadHere,
    /// It is not passed on.
    LeftOut,
}

impl Effect {
    /// The treatment of a variable; `Access` for one that does not belong to an installer.
    pub fn of(name: &str) -> Self {
        let facts = facts::installer_variables();
        if !facts.families.iter().any(|start| name.starts_with(start.as_str())) {
            return Self::Access;
        }
        let groups = [
            (&facts.access, Self::Access),
            (&facts.builds, Self::Access),
            (&facts.places, Self::Place),
            (&facts.choices, Self::Choice),
            (&facts.files, Self::Files),
            (&facts.configuration, Self::Configuration),
            (&facts.read_here, Self::ReadHere),
        ];
        let is_in = |names: &[String]| names.iter().any(|known| matches(known, name));
        groups.into_iter().find(|(names, _)| is_in(names)).map_or(Self::LeftOut, |(_, effect)| effect)
    }

    /// Whether installers, and the builds that they run, receive the variable.
    pub fn is_passed_on(self) -> bool {
        match self {
            Self::Access | Self::Place | Self::Choice | Self::Files => true,
            Self::Configuration | Self::ReadHere | Self::LeftOut => false,
        }
    }

    /// Whether it is part of the fingerprint.
    pub fn decides(self) -> bool {
        matches!(self, Self::Place | Self::Choice | Self::Files)
    }

    /// Whether it would choose another version of a tool that is downloaded for the run.
    pub fn chooses(self) -> bool {
        matches!(self, Self::Choice | Self::Files)
    }
}

/// Names of variables, including those from pip's configuration files, that are set but not passed on.
pub fn left_out(environment: &Environment) -> Vec<String> {
    let configured = pip_configuration::settings(environment).unwrap_or_default();
    let all = environment.with_defaults(configured);
    let names = all.variables().keys().filter(|name| all.get(name).is_some() && !is_hidden(name));
    names.filter(|name| Effect::of(name) == Effect::LeftOut).cloned().collect()
}

/// Whether a name matches a known one, in which `*` stands for any letters.
fn matches(known: &str, name: &str) -> bool {
    match known.split_once('*') {
        Some((start, end)) => name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => known == name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_not_known_does_not_reach_installers() {
        for name in ["UV_COMPILE_BYTECODE", "UV_DEV", "PIP_REQUIRE_VIRTUALENV", "PIP_TARGET", "PDM_PROJECT"] {
            assert_eq!(Effect::of(name), Effect::LeftOut, "{name}");
        }
        for name in ["UV_SOMETHING_NEW", "PYTHONPATH", "PYTHONOPTIMIZE", "VIRTUAL_ENV", "UV_INDEX__PASSWORD"] {
            assert_eq!(Effect::of(name), Effect::LeftOut, "{name}");
        }
        for name in ["UV_INDEX_ACME_PASSWORD", "PIP_CERT", "PDM_BUILD_SCM_VERSION", "PYTHON_VERSION", "PATH", "UV"] {
            assert_eq!(Effect::of(name), Effect::Access, "{name}");
        }
        assert_eq!(Effect::of("UV_CONSTRAINT"), Effect::Files);
        assert_eq!(Effect::of("UV_INDEX"), Effect::ReadHere);
    }

    #[test]
    fn each_variable_stands_in_the_list_once_and_is_of_a_family() {
        let facts = facts::installer_variables();
        let groups = [&facts.access, &facts.builds, &facts.places, &facts.choices, &facts.files];
        let names: Vec<&String> =
            groups.into_iter().chain([&facts.configuration, &facts.read_here]).flatten().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for name in names {
            assert!(facts.families.iter().any(|start| name.starts_with(start.as_str())), "{name}");
        }
    }

    #[test]
    fn settings_of_uv_have_variables_that_are_passed_on() {
        let settings = facts::uv_settings();
        for name in settings.access.values() {
            assert_eq!(Effect::of(name), Effect::Access, "{name}");
        }
        for name in settings.choices.values() {
            assert!(Effect::of(name).decides(), "{name}");
        }
    }
}
