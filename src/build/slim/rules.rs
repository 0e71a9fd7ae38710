//! The rules of `slim`, read from `data/slim.yml`.

use std::sync::LazyLock;

use globset::{GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer};

use crate::spec::SlimLevel;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rules {
    /// Names of files that no rule leaves out.
    #[serde(deserialize_with = "globs")]
    pub(super) keep: GlobSet,
    /// Names of files that read headers and sources at run time.
    #[serde(deserialize_with = "globs")]
    pub(super) compilers: GlobSet,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    pub name: String,
    /// The least level that applies it.
    pub level: SlimLevel,
    /// For people, in Markdown.
    pub what: String,
    /// Why it is safe.
    pub why: String,
    /// What it leaves alone.
    pub unless: Option<String>,
    /// Names of folders, at any depth below the folder of packages.
    #[serde(default)]
    pub(super) folders: Vec<String>,
    /// Names of modules that are treated as such a folder.
    #[serde(default)]
    pub(super) modules: Vec<String>,
    /// Folders, seen from the folder of packages.
    #[serde(default)]
    pub(super) below: Vec<String>,
    /// Names of files.
    #[serde(default = "GlobSet::empty", deserialize_with = "globs")]
    pub(super) files: GlobSet,
    /// Folders `NAME-stubs` of PEP 561.
    #[serde(default)]
    pub(super) stub_packages: bool,
    /// All have to agree.
    #[serde(default)]
    pub(super) checks: Vec<Check>,
    /// Also what is of no distribution.
    #[serde(default)]
    pub(super) every_owner: bool,
    #[serde(default)]
    pub(super) cuts_description: bool,
}

/// What is looked at before a file is left out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Check {
    BesideSource,
    BesideScript,
    /// Of folders: nothing that stays uses it.
    Unused,
    /// No code of its distribution has its name.
    Unmentioned,
    /// No code of its distribution names files by their ending, as `"*.h"` does.
    EndingUnmentioned,
    NotReadAsStub,
    NoCompiler,
    /// Of folders: nothing in it can be imported.
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
