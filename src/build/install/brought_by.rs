//! Which of the user's requirements bring in a transitive dependency.

use std::collections::{BTreeMap, BTreeSet};

use super::explain::place_of;
use crate::manifest::Manifest;

/// For each distribution, those that directly require it, as uv prints them:
/// `numpy==2.4.6  # via -r requirements.txt, pandas`.
#[derive(Debug, Default)]
pub(super) struct Requirers(BTreeMap<String, BTreeSet<String>>);

impl Requirers {
    /// Reads the output of `uv pip compile --annotation-style line`.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let (pin, via) = line.split_once("# via ")?;
            let name = pin.split(['=', ' ', '@']).next()?;
            Some((name.to_owned(), via.split(", ").map(|name| name.trim().to_owned()).collect()))
        });
        Self(lines.collect())
    }

    /// A sentence that says which requirements lead to a distribution, with their files and lines; `None` if none does.
    pub(super) fn of(&self, name: &str, manifest: &Manifest) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![name];
        let mut found = BTreeSet::new();
        while let Some(next) = open.pop() {
            for requirer in self.0.get(next).into_iter().flatten().filter(|requirer| seen.insert(requirer.as_str())) {
                match place_of(requirer, manifest) {
                    Some(place) => drop(found.insert(format!("`{requirer}` ({place})"))),
                    None => open.push(requirer),
                }
            }
        }
        let found: Vec<String> = found.into_iter().collect();
        (!found.is_empty()).then(|| format!("`{name}` is required by {}", found.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Requirement, RequirementKind};

    #[test]
    fn a_distribution_is_traced_to_the_lines_that_bring_it() {
        let requirement = |line: usize, text: &str| Requirement {
            file: "requirements.txt".into(),
            line,
            kind: RequirementKind::Named(Box::new(text.parse().expect("is a requirement"))),
            hashes: BTreeSet::new(),
            settings: Vec::new(),
        };
        let manifest = Manifest {
            requirements: vec![requirement(3, "rouge-score"), requirement(5, "b>1")],
            ..Manifest::default()
        };
        let text = "nltk==3.9         # via rouge-score\nnumpy==2.4.6      # via a, nltk\na==1              # via b, numpy\nrouge-score==0.1  # via -r requirements.txt\n";
        let requirers = Requirers::read(text);
        let said = requirers.of("numpy", &manifest);
        assert_eq!(
            said.as_deref(),
            Some("`numpy` is required by `b` (requirements.txt:5), `rouge-score` (requirements.txt:3)")
        );
        assert_eq!(requirers.of("rouge-score", &manifest), None);
    }
}
