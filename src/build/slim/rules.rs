//! The rules of `slim`, read from `data/slim.yml`.

use std::sync::LazyLock;

use globset::{GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer};

use crate::spec::SlimLevel;

/// The content of `data/slim.yml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rules {
    /// File names that no rule leaves out.
    #[serde(deserialize_with = "globs")]
    pub(super) keep: GlobSet,
    /// File names of compilers, which read headers and sources at run time.
    #[serde(deserialize_with = "globs")]
    pub(super) compilers: GlobSet,
    pub rules: Vec<Rule>,
}

/// A rule of `slim`: which files it leaves out, and under which conditions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// The lowest level that applies the rule.
    pub level: SlimLevel,
    /// What the rule leaves out, in Markdown for the documentation.
    pub what: String,
    /// Why that is safe.
    pub why: String,
    /// Which files the rule keeps.
    pub unless: Option<String>,
    /// Names of folders, at any depth below the folder of packages.
    #[serde(default)]
    pub(super) folders: Vec<String>,
    /// Names of modules that are treated like such a folder.
    #[serde(default)]
    pub(super) modules: Vec<String>,
    /// Folders, relative to the folder of packages.
    #[serde(default)]
    pub(super) below: Vec<String>,
    /// File names.
    #[serde(default = "GlobSet::empty", deserialize_with = "globs")]
    pub(super) files: GlobSet,
    /// Whether the rule matches the folders `NAME-stubs` of PEP 561.
    #[serde(default)]
    pub(super) stub_packages: bool,
    /// A file is left out only if all checks allow it.
    #[serde(default)]
    pub(super) checks: Vec<Check>,
    /// Whether the rule also applies to files that belong to no distribution.
    #[serde(default)]
    pub(super) every_owner: bool,
    #[serde(default)]
    pub(super) cuts_description: bool,
}

/// What is checked before a file is left out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Check {
    BesideSource,
    BesideScript,
    /// For folders: nothing that stays uses the folder.
    Unused,
    /// No code of the file's distribution contains its name.
    Unmentioned,
    /// No code of the file's distribution mentions files by their ending, as `"*.h"` does.
    EndingUnmentioned,
    NotReadAsStub,
    NoCompiler,
    /// For folders: nothing in the folder can be imported.
    NoModules,
    LinkerInput,
    PlainText,
    Compiled,
    OfAnotherSystem,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("../../../data/slim.yml")).expect("the data files are checked by a test")
});

pub fn rules() -> &'static Rules {
    &RULES
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobSet, D::Error> {
    let mut set = GlobSetBuilder::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        set.add(globset::Glob::new(&text).map_err(serde::de::Error::custom)?);
    }
    set.build().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_readable() {
        let names: Vec<&str> = rules().rules.iter().map(|rule| rule.name.as_str()).collect();
        assert!(names.contains(&"tests"));
        for rule in &rules().rules {
            assert_eq!(names.iter().filter(|name| **name == rule.name).count(), 1, "{}", rule.name);
            assert!(rule.level != SlimLevel::None, "{}", rule.name);
        }
        assert!(rules().keep.is_match("LICENSE.txt") && rules().keep.is_match("LICENCE"));
    }
}
