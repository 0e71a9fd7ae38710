//! Which licences may be in a layer: lists of identifiers, and how an expression of SPDX is evaluated against them
//! (<https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/>).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use spdx::expression::{ExprNode, Operator};
use spdx::{Expression, LicenseItem, LicenseReq, ParseMode, identifiers};

use super::licences;

/// What `allow-licenses` and `deny-licenses` list; empty if nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LicencePolicy {
    pub allow: BTreeSet<ListedLicence>,
    pub deny: BTreeSet<ListedLicence>,
}

/// One licence, with the exception behind its `WITH`.
///
/// `GPL-2.0-or-later` stands for `GPL-2.0-only` and each later version, as everything that may be used under any of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedLicence {
    /// The identifier of one version, or `LicenseRef-…`.
    id: String,
    exception: Option<String>,
}

/// How an expression fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Fine,
    /// Whatever is chosen of it, one of these denied licences applies.
    Denied(Vec<String>),
    /// Whatever is chosen of it, one of these licences applies, which are not on the list of allowed ones.
    NotAllowed(Vec<String>),
    /// What it lacks are licences that SPDX does not have.
    Unknown(Vec<String>),
}

/// Why a value cannot be in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadLicence {
    /// It has an `AND`.
    Several,
    /// The part that is no identifier of SPDX, and the one that may be meant.
    NotKnown(String, Option<String>),
    NotAnExpression,
}

impl LicencePolicy {
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Evaluates an expression with `AND`, `OR`, `WITH` and `+`; `None` if it is not valid.
    pub fn judge(&self, expression: &str) -> Option<Judgement> {
        let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
        let expression = Expression::parse_mode(expression, mode).ok()?;
        let is_denied = |choice: &ListedLicence| self.deny.contains(choice);
        let may_avoid = |req: &LicenseReq| choices(req).iter().any(|choice| !is_denied(choice));
        let names = |fits: &dyn Fn(&LicenseReq) -> bool| -> Vec<String> {
            let failing = expression.requirements().map(|part| &part.req).filter(|req| !fits(req));
            failing.map(ToString::to_string).collect::<BTreeSet<_>>().into_iter().collect()
        };
        if !expression.evaluate(may_avoid) {
            return Some(Judgement::Denied(names(&may_avoid)));
        }
        if self.allow.is_empty() {
            return Some(Judgement::Fine);
        }
        // An exception only adds permissions, so whoever may use the licence may use it with one, too.
        let is_allowed = |choice: &ListedLicence| {
            self.allow.contains(choice) || self.allow.contains(&ListedLicence { exception: None, ..choice.clone() })
        };
        let fits = |req: &LicenseReq| choices(req).iter().any(|choice| is_allowed(choice) && !is_denied(choice));
        if expression.evaluate(fits) {
            return Some(Judgement::Fine);
        }
        let failing = names(&fits);
        let is_known = |name: &String| !name.starts_with("LicenseRef-");
        Some(if failing.iter().any(is_known) { Judgement::NotAllowed(failing) } else { Judgement::Unknown(failing) })
    }
}

/// The licences that a value of a list stands for: one, or several with `OR` between them.
///
/// # Errors
/// It is not a valid expression, or one with `AND`.
pub fn listed(text: &str) -> Result<BTreeSet<ListedLicence>, BadLicence> {
    let Some(canonical) = licences::strict(text) else { return Err(explained(text)) };
    let expression = Expression::parse(&canonical).map_err(|_invalid| BadLicence::NotAnExpression)?;
    if expression.iter().any(|node| matches!(node, ExprNode::Op(Operator::And))) {
        return Err(BadLicence::Several);
    }
    Ok(expression.requirements().flat_map(|part| choices(&part.req)).collect())
}

fn explained(text: &str) -> BadLicence {
    let is_operator = |word: &str| ["and", "or", "with"].contains(&word.to_lowercase().as_str());
    let parts = text.split(|character: char| character.is_whitespace() || "()".contains(character));
    let wrong = parts.filter(|word| !word.is_empty() && !is_operator(word)).find(|word| !licences::is_word(word));
    let Some(wrong) = wrong else { return BadLicence::NotAnExpression };
    // `Apache 2.0` as a whole is a name that people use.
    if let Some(id) = licences::alias(text) {
        return BadLicence::NotKnown(text.trim().to_owned(), Some(id.to_owned()));
    }
    let known = VERSIONS
        .iter()
        .map(|version| version.name)
        .chain(identifiers::EXCEPTIONS.iter().map(|exception| exception.name));
    let near = licences::alias(wrong).or_else(|| crate::error::nearest(wrong, known));
    BadLicence::NotKnown(wrong.to_owned(), near.map(str::to_owned))
}

/// The single versions that a part of an expression leaves a choice between.
fn choices(req: &LicenseReq) -> BTreeSet<ListedLicence> {
    let exception = req.addition.as_ref().map(ToString::to_string);
    let one = |id: &str| ListedLicence { id: id.to_owned(), exception: exception.clone() };
    let LicenseItem::Spdx { id, or_later } = &req.license else {
        return BTreeSet::from([one(&req.license.to_string())]);
    };
    let named = Version::of(id.name);
    let is_open = *or_later || named.is_open;
    let fits = |other: &&Version| {
        other.family == named.family
            && !other.is_open
            && (other.number == named.number || is_open && other.number > named.number)
    };
    let mut choices: BTreeSet<ListedLicence> = VERSIONS.iter().filter(fits).map(|other| one(other.name)).collect();
    if choices.is_empty() {
        choices.insert(one(id.name));
    }
    choices
}

/// An identifier as a version of a family: `GPL-2.0-or-later` is version 2.0 of `GPL`, open to later ones.
struct Version {
    name: &'static str,
    family: String,
    number: Vec<u32>,
    is_open: bool,
}

impl Version {
    fn of(name: &'static str) -> Self {
        let (base, is_open) = match (name.strip_suffix("-or-later"), name.strip_suffix("-only")) {
            (Some(base), _) => (base, true),
            (None, base) => (base.unwrap_or(name), false),
        };
        let number = |part: &str| part.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
        let parts: Vec<&str> = base.split('-').collect();
        let version = parts.iter().find_map(|part| number(part)).unwrap_or_default();
        let family: Vec<&str> = parts.into_iter().filter(|part| number(part).is_none()).collect();
        Self { name, family: family.join("-"), number: version, is_open }
    }
}

/// All identifiers that are not replaced by others.
static VERSIONS: LazyLock<Vec<Version>> = LazyLock::new(|| {
    let names = identifiers::LICENSES.iter().map(|licence| licence.name);
    let current = names.filter(|name| spdx::license_id(name).is_some_and(|id| !id.is_deprecated()));
    current.map(Version::of).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> LicencePolicy {
        let all = |values: &[&str]| values.iter().flat_map(|value| listed(value).expect("is valid")).collect();
        LicencePolicy { allow: all(allow), deny: all(deny) }
    }

    fn judged(policy: &LicencePolicy, expression: &str) -> String {
        match policy.judge(expression).expect("is valid") {
            Judgement::Fine => "fine".to_owned(),
            Judgement::Denied(names) => format!("denied: {}", names.join(", ")),
            Judgement::NotAllowed(names) => format!("not allowed: {}", names.join(", ")),
            Judgement::Unknown(names) => format!("unknown: {}", names.join(", ")),
        }
    }

    #[test]
    fn one_of_several_choices_is_enough_and_all_of_several_parts_are_needed() {
        let deny = policy(&[], &["GPL-3.0-only"]);
        assert_eq!(judged(&deny, "MIT OR GPL-3.0-only"), "fine");
        assert_eq!(judged(&deny, "MIT AND GPL-3.0-only"), "denied: GPL-3.0-only");
        assert_eq!(judged(&deny, "(MIT OR GPL-3.0-only) AND GPL-3.0-only"), "denied: GPL-3.0-only");
        assert_eq!(judged(&deny, "MIT OR ISC AND GPL-3.0-only"), "fine", "AND binds before OR");
        let allow = policy(&["MIT", "Apache-2.0 OR BSD-3-Clause"], &[]);
        assert_eq!(judged(&allow, "MIT AND Apache-2.0 AND BSD-3-Clause"), "fine");
        assert_eq!(judged(&allow, "ISC OR MIT"), "fine");
        assert_eq!(judged(&allow, "ISC AND MIT AND Zlib"), "not allowed: ISC, Zlib");
        assert_eq!(judged(&allow, "LicenseRef-House-rules"), "unknown: LicenseRef-House-rules");
        assert_eq!(judged(&policy(&["LicenseRef-House-rules"], &[]), "LicenseRef-House-rules"), "fine");
        assert_eq!(judged(&allow, "LicenseRef-House-rules AND ISC"), "not allowed: ISC, LicenseRef-House-rules");
        assert_eq!(judged(&policy(&["MIT", "ISC"], &["ISC"]), "ISC"), "denied: ISC");
    }

    #[test]
    fn or_later_is_a_choice_between_versions() {
        let two = policy(&[], &["GPL-2.0-only"]);
        assert_eq!(judged(&two, "GPL-2.0-only"), "denied: GPL-2.0-only");
        assert_eq!(judged(&two, "GPL-2.0-or-later"), "fine", "version 3 can be chosen");
        assert_eq!(judged(&two, "LGPL-2.0-only"), "fine");
        let all = policy(&[], &["GPL-1.0-or-later"]);
        for expression in ["GPL-2.0-or-later", "GPL-3.0-only", "GPL-2.0-only"] {
            assert_eq!(judged(&all, expression), format!("denied: {expression}"));
        }
        let three = policy(&["GPL-3.0-only", "Apache-2.0"], &[]);
        assert_eq!(judged(&three, "GPL-2.0-or-later"), "fine");
        assert_eq!(judged(&three, "GPL-2.0-only"), "not allowed: GPL-2.0-only");
        assert_eq!(judged(&three, "Apache-1.1+"), "fine");
        assert_eq!(judged(&three, "Apache-1.1"), "not allowed: Apache-1.1");
    }

    #[test]
    fn an_exception_adds_permissions() {
        let with = "GPL-3.0-only WITH GCC-exception-3.1";
        assert_eq!(judged(&policy(&["GPL-3.0-only"], &[]), with), "fine");
        assert_eq!(judged(&policy(&[with], &[]), "GPL-3.0-only"), "not allowed: GPL-3.0-only");
        assert_eq!(judged(&policy(&[], &["GPL-3.0-only"]), with), "fine", "the exception is not denied");
        assert_eq!(judged(&policy(&[], &[with]), with), format!("denied: {with}"));
    }

    #[test]
    fn old_and_misspelt_identifiers_are_understood_and_others_are_refused() {
        assert_eq!(listed("gpl-3.0"), listed("GPL-3.0-only"));
        assert_eq!(listed("GPL-3.0+"), listed("GPL-3.0-or-later"));
        assert_eq!(listed("gpl-3.0-with-gcc-exception"), listed("GPL-3.0-only WITH GCC-exception-3.1"));
        assert_eq!(listed("MIT AND ISC"), Err(BadLicence::Several));
        let bad = |text: &str| match listed(text) {
            Err(BadLicence::NotKnown(word, near)) => format!("{word} → {}", near.unwrap_or_default()),
            other => format!("{other:?}"),
        };
        assert_eq!(bad("Apache-2"), "Apache-2 → Apache-2.0");
        assert_eq!(bad("Apache License 2.0"), "Apache License 2.0 → Apache-2.0");
        assert_eq!(bad("MIT OR BSD-3-Clauses"), "BSD-3-Clauses → BSD-3-Clause");
        assert_eq!(bad("Apache-2.0 WITH LLVM-exeption"), "LLVM-exeption → LLVM-exception");
        assert_eq!(bad("house rules!"), "house → ");
        assert_eq!(listed("MIT OR"), Err(BadLicence::NotAnExpression));
        assert_eq!(listed("((MIT)"), Err(BadLicence::NotAnExpression));
        assert_eq!(listed(&"MIT OR ".repeat(1000)), Err(BadLicence::NotAnExpression));
    }
}
