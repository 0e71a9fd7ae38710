//! The declaration of a version: what it says about itself.

use super::Reading;
use crate::error::{Failure, alternatives};
use crate::facts;
use crate::types::description::{Declaration, Part};
use crate::types::{Architecture, Target};

/// The value for regions without support for architectures.
const NONE: &str = "none";

impl Reading<'_> {
    pub(super) fn declaration(
        &mut self,
        runtimes: &[String],
        architectures: &[String],
        (description, license, republish): (Option<&str>, Option<&str>, Option<&str>),
        target: Target,
    ) -> Declaration {
        self.check_runtimes(runtimes);
        let longest = Declaration::longest_text();
        self.check_length(
            "description",
            description,
            longest,
            "the rest of the space is needed for the fingerprint and the content hash",
        );
        self.check_length("license", license, facts::limits().license_length, "that is Lambda's limit");
        let given = [
            (Part::Runtimes, !runtimes.is_empty()),
            (Part::Architectures, !architectures.is_empty()),
            (Part::Description, description.is_some()),
            (Part::License, license.is_some()),
        ];
        let is_tag = self.environment.get("GITHUB_REF_TYPE") == Some("tag");
        let default_text = || format!("Python {} packages for {}", target.python, target.architecture);
        Declaration {
            text: description.map_or_else(default_text, str::to_owned),
            label: self.environment.get("GITHUB_REF_NAME").filter(|_| is_tag).map(str::to_owned),
            license: license.map(str::to_owned),
            compatible_runtimes: match runtimes {
                [] => vec![format!("python{}", target.python)],
                given => given.to_vec(),
            },
            compatible_architectures: self.compatible_architectures(architectures, target),
            given: given.into_iter().filter_map(|(part, is_given)| is_given.then_some(part)).collect(),
            republish: self.boolean("republish", republish, false),
        }
    }

    fn check_runtimes(&mut self, runtimes: &[String]) {
        let (known, most) = (&facts::lambda().compatible_runtimes, facts::limits().compatible_runtimes);
        for runtime in runtimes.iter().filter(|runtime| !known.contains(runtime)) {
            let failure = Failure::user(format!(
                "`compatible-runtimes` contains `{runtime}`, which is not a Python runtime of Lambda"
            ));
            self.problems.push(failure.hint(format!("use {}", alternatives(known.iter().map(String::as_str)))));
        }
        if runtimes.len() > most {
            let failure = Failure::user(format!("`compatible-runtimes` contains {} values", runtimes.len()));
            self.problems.push(failure.hint(format!("use at most {most}: that is Lambda's limit")));
        }
    }

    fn check_length(&mut self, input: &str, text: Option<&str>, longest: usize, why: &str) {
        let length = text.map_or(0, |text| text.chars().count());
        if length > longest {
            let failure = Failure::user(format!("`{input}` is {length} characters long"));
            self.problems.push(failure.hint(format!("use at most {longest}: {why}")));
        }
    }

    fn compatible_architectures(&mut self, names: &[String], target: Target) -> Vec<Architecture> {
        if names.is_empty() {
            return vec![target.architecture];
        }
        if names == [NONE] {
            return Vec::new();
        }
        let architectures: Vec<Architecture> =
            names.iter().filter_map(|name| self.problems.check(name.parse())).collect();
        if architectures.len() == names.len() && !architectures.contains(&target.architecture) {
            let failure = Failure::user(format!(
                "`compatible-architectures` does not include `{}`, for which the layer is built",
                target.architecture
            ));
            self.problems.push(failure.hint("add it, or change `architecture`"));
        }
        architectures
    }
}
