//! Refuses dependency files that have nothing for the target, because nobody wants such a layer.

use camino::Utf8PathBuf;
use pep508_rs::MarkerTree;

use super::{Manifest, Meaning, Requirement, RequirementKind};
use crate::error::Failure;
use crate::facts::Kind;
use crate::secrets::without_credentials;
use crate::types::Target;

/// How many lines are named.
const NAMED: usize = 10;

impl Manifest {
    /// The failure if there is nothing to install. For a layer with its own code, the files may require nothing at all,
    /// but their markers must not exclude everything.
    pub fn nothing_for(&self, target: Target, asked: &[Utf8PathBuf], has_own_files: bool) -> Option<Failure> {
        let is_blank = self.requirements.is_empty();
        if asked.is_empty() || !Meaning::of(self, target).is_empty() || (is_blank && has_own_files) {
            return None;
        }
        let names: Vec<String> = asked.iter().map(|file| format!("`{file}`")).collect();
        let verb = if names.len() == 1 { "has" } else { "have" };
        let failure = Failure::user(format!("{} {verb} no packages to install for {target}", names.join(", ")));
        if is_blank {
            let is_list = |file: &Utf8PathBuf| Kind::of(file) == Kind::Requirements;
            let hint = if asked.iter().all(is_list) {
                "add a requirement"
            } else {
                "add a dependency, or choose `groups` or `extras` that contain some"
            };
            return Some(failure.hint(hint));
        }
        let failure = failure.causes(self.requirements.iter().take(NAMED).map(left_out));
        let failure = match self.requirements.len().saturating_sub(NAMED) {
            0 => failure,
            more => failure.cause(format!("and {more} more")),
        };
        Some(failure.hint("correct these markers, or change `python-version` or `architecture`"))
    }
}

fn left_out(requirement: &Requirement) -> String {
    let what = match &requirement.kind {
        RequirementKind::Named(named) => {
            let mut named = named.clone();
            named.marker = MarkerTree::TRUE;
            without_credentials(&named.to_string())
        }
        RequirementKind::Url { url, .. } => url.clone(),
        RequirementKind::Path { text, .. } => text.clone(),
    };
    let marker = requirement.marker().contents().map(|marker| marker.to_string());
    let Requirement { file, line, .. } = requirement;
    format!("{file}:{line}: `{what}` is only for `{}`", marker.unwrap_or_default())
}
