//! Licences of distributions, from what their metadata states to expressions of SPDX
//! (<https://packaging.python.org/en/latest/specifications/license-expression/>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use spdx::{Expression, ParseMode, identifiers};

use crate::facts;
use crate::layer::Distribution;

/// As its metadata has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licence {
    /// `License-Expression`
    pub expression: Option<String>,
    /// First line of `License`.
    pub text: Option<String>,
    /// What stands behind the last ` :: ` of each classifier of licences.
    pub classifiers: Vec<String>,
}

/// A licence that a distribution states, in a form that can be published.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term {
    /// A valid expression with the identifiers of the SPDX list in their own spelling.
    Spdx(String),
    /// Whatever its authors call it.
    Name(String),
}

/// Longer ones are the licence itself and not its name.
const LONGEST_NAME: usize = 80;
/// Characters of an expression; nobody reads a longer one.
const LONGEST_EXPRESSION: usize = 1000;

impl Licence {
    pub fn is_stated(&self) -> bool {
        self.expression.is_some() || self.text.is_some() || !self.classifiers.is_empty()
    }

    /// What is stated as one valid expression, with `LicenseRef-…` for what SPDX does not have; `None` if nothing is
    /// stated. Of several licences all are taken to hold.
    pub fn as_expression(&self) -> Option<String> {
        let expressions = self.terms().into_iter().map(|term| match term {
            Term::Spdx(expression) => expression,
            Term::Name(name) => reference(&name),
        });
        let mut expressions: Vec<String> = expressions.collect();
        if expressions.len() < 2 {
            return expressions.pop();
        }
        Some(expressions.iter().flat_map(|expression| conjuncts(expression)).collect::<Vec<_>>().join(" AND "))
    }

    /// The most exact of what is stated; nothing if that is nothing. Of several terms nobody knows whether all of them
    /// hold or one can be chosen.
    pub fn terms(&self) -> Vec<Term> {
        let expression = self.expression.iter().chain(&self.text).find_map(|text| spdx(text));
        if let Some(expression) = expression {
            return vec![Term::Spdx(expression)];
        }
        let known = &facts::licences().classifiers;
        let classifiers: BTreeSet<Term> = self
            .classifiers
            .iter()
            .map(|name| known.get(name).map_or_else(|| Term::Name(clean(name)), |id| Term::Spdx(id.clone())))
            .collect();
        let is_exact = !classifiers.is_empty() && classifiers.iter().all(|term| matches!(term, Term::Spdx(_)));
        let name = self.expression.iter().chain(&self.text).map(|text| clean(text)).find(|name| is_name(name));
        match name {
            Some(name) if !is_exact => vec![Term::Name(name)],
            _ => classifiers.into_iter().collect(),
        }
    }
}

/// One expression for all of them, each licence once, in the order of the alphabet; `None` if none states any. What is
/// not on the SPDX list is a `LicenseRef-`. Over `longest` characters it ends in a count: `MIT AND 3 more`.
pub fn roll_up<'a>(distributions: impl IntoIterator<Item = &'a Distribution>, longest: usize) -> Option<String> {
    let terms = distributions.into_iter().flat_map(|distribution| distribution.licence.terms());
    let parts: BTreeSet<String> = terms
        .flat_map(|term| match term {
            Term::Spdx(expression) => conjuncts(&expression),
            Term::Name(name) => vec![reference(&name)],
        })
        .collect();
    let mut parts: Vec<String> = parts.into_iter().collect();
    parts.sort_by_key(|part| (part.to_lowercase(), part.clone()));
    (!parts.is_empty()).then(|| shortened(&parts, longest))
}

fn shortened(parts: &[String], longest: usize) -> String {
    let whole = parts.join(" AND ");
    if whole.chars().count() <= longest {
        return whole;
    }
    // Each is longer than the one before.
    let cut =
        (1..parts.len()).map(|count| format!("{} AND {} more", parts[..count].join(" AND "), parts.len() - count));
    let cut = cut.take_while(|text| text.chars().count() <= longest).last();
    cut.unwrap_or_else(|| format!("{} licences", parts.len()))
}

/// The parts of a valid expression that all apply; a choice between several is one part.
pub fn parts(expression: &str) -> Vec<String> {
    conjuncts(expression)
}

/// The identifier that a common name of a licence means, such as `Apache License 2.0`.
pub(super) fn alias(text: &str) -> Option<&'static str> {
    ALIASES.get(text.trim().to_lowercase().as_str()).copied()
}

/// Whether this is an identifier of the SPDX list, in any spelling, or `LicenseRef-…`.
pub(super) fn is_word(word: &str) -> bool {
    spelled(word).is_some()
}

/// Whatever a user or an installer may have written, as a valid expression.
fn spdx(text: &str) -> Option<String> {
    match alias(text) {
        Some(id) => Some(id.to_owned()),
        None => strict(text),
    }
}

/// An expression in any spelling, without common names, as a valid one with the identifiers that SPDX has today.
pub(super) fn strict(text: &str) -> Option<String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_EXPRESSION {
        return None;
    }
    // Identifiers and operators may be written in any case.
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Option<Vec<&str>> = spaced.split_whitespace().map(spelled).collect();
    let joined = words?.join(" ").replace("( ", "(").replace(" )", ")");
    // Takes identifiers that were replaced (`GPL-3.0+`) for those that replaced them.
    let canonical = Expression::canonicalize(&joined).ok()?.unwrap_or(joined);
    let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
    Expression::parse_mode(&canonical, mode).ok().map(|_valid| canonical)
}

/// A word of an expression in the list's own spelling; `None` if there is none.
fn spelled(word: &str) -> Option<&str> {
    if matches!(word, "(" | ")") || word.starts_with("LicenseRef-") {
        return Some(word);
    }
    let lower = word.to_lowercase();
    match lower.as_str() {
        "and" => Some("AND"),
        "or" => Some("OR"),
        "with" => Some("WITH"),
        // It says that nothing is said.
        "noassertion" | "none" => None,
        _ if facts::licences().replaced.contains_key(&lower) => Some(&facts::licences().replaced[&lower]),
        _ => match (SPELLINGS.get(lower.as_str()), lower.strip_suffix('+')) {
            (Some(id), _) => Some(id),
            (None, Some(id)) if SPELLINGS.contains_key(id) => Some(word),
            (None, _) => None,
        },
    }
}

/// Lower case to the list's own.
static SPELLINGS: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let licences = identifiers::LICENSES.iter().map(|licence| licence.name);
    let exceptions = identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
    licences.chain(exceptions).map(|name| (name.to_lowercase(), name)).collect()
});

/// What authors write to the identifier that they mean.
static ALIASES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let names = facts::licences().names.iter();
    names.flat_map(|(id, names)| names.iter().map(move |name| (name.as_str(), id.as_str()))).collect()
});

/// The parts of a valid expression that all have to be kept; a choice between several stays one part.
fn conjuncts(expression: &str) -> Vec<String> {
    let (mut depth, mut parts, mut part) = (0_usize, Vec::new(), Vec::new());
    let mut is_choice = false;
    for word in expression.split(' ') {
        if depth == 0 && word == "AND" {
            parts.push(std::mem::take(&mut part).join(" "));
            continue;
        }
        is_choice |= depth == 0 && word == "OR";
        depth += word.matches('(').count();
        depth = depth.saturating_sub(word.matches(')').count());
        part.push(word);
    }
    parts.push(part.join(" "));
    if is_choice { vec![format!("({expression})")] } else { parts.iter().flat_map(|part| unwrapped(part)).collect() }
}

/// `(MIT AND ISC)` as its parts.
fn unwrapped(part: &str) -> Vec<String> {
    let inside = part.strip_prefix('(').and_then(|part| part.strip_suffix(')'));
    match inside {
        Some(inside) if !inside.contains(['(', ')']) && !inside.contains(" OR ") => conjuncts(inside),
        _ => vec![part.to_owned()],
    }
}

/// `LicenseRef-` with what may stand in one.
fn reference(name: &str) -> String {
    const LONGEST: usize = 60;
    let words = name.split(|other: char| !other.is_ascii_alphanumeric() && other != '.');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let words: String = words.join("-").chars().take(LONGEST).collect();
    format!("LicenseRef-{}", if words.is_empty() { "unnamed" } else { words.trim_end_matches(['-', '.']) })
}

/// Without what does not print, and no longer than a name is.
fn clean(text: &str) -> String {
    let printed = text.chars().map(|character| if is_printed(character) { character } else { ' ' });
    let words: String = printed.take(LONGEST_NAME + 1).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Neither a control character nor one that turns the direction of what follows or is not seen
/// (<https://www.unicode.org/reports/tr36/>).
pub(crate) fn is_printed(character: char) -> bool {
    let is_format = matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !character.is_control() && !is_format
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.to_lowercase().starts_with("copyright")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(expression: &str, text: &str, classifiers: &[&str]) -> String {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let classifiers = classifiers.iter().map(|name| (*name).to_owned()).collect();
        let licence = Licence { expression: given(expression), text: given(text), classifiers };
        let shown = licence.terms().into_iter().map(|term| match term {
            Term::Spdx(expression) => expression,
            Term::Name(name) => format!("`{name}`"),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_most_exact_statement_counts() {
        assert_eq!(terms("mit or apache-2.0", "BSD", &["MIT License"]), "MIT OR Apache-2.0");
        assert_eq!(terms("", "BSD-3-Clause", &["BSD License"]), "BSD-3-Clause");
        assert_eq!(terms("", "Apache License, Version 2.0", &["Apache Software License"]), "Apache-2.0");
        assert_eq!(terms("", "", &["Apache Software License"]), "`Apache Software License`");
        assert_eq!(terms("", "see LICENSE", &["MIT License"]), "MIT");
        assert_eq!(terms("", "Dual License", &["BSD License", "Apache Software License"]), "`Dual License`");
        assert_eq!(terms("", "", &["MIT License", "ISC License (ISCL)"]), "ISC, MIT");
        assert_eq!(terms("", "Copyright (c) 2005, NumPy Developers.", &["BSD License"]), "`BSD License`");
        assert_eq!(terms("", "GPL-3.0+", &[]), "GPL-3.0-or-later");
        assert_eq!(terms("", "gpl", &[]), "`gpl`", "which version is not said");
        assert_eq!(
            terms("(Apache-2.0 with llvm-exception) and LicenseRef-Own", "", &[]),
            "(Apache-2.0 WITH LLVM-exception) AND LicenseRef-Own"
        );
        assert_eq!(terms("GPL-3.0-with-GCC-exception", "", &[]), "GPL-3.0-only WITH GCC-exception-3.1");
        assert_eq!(terms("NOASSERTION", "", &["MIT License"]), "MIT");
        assert_eq!(terms("", "", &[]), "");
    }

    #[test]
    fn hostile_statements_are_names_or_nothing() {
        assert_eq!(terms("", &"MIT ".repeat(10_000), &[]), "");
        assert_eq!(terms("((((", "<script>\u{202e}\u{7}::error::x", &[]), "`((((`");
        assert_eq!(terms("", "<b>\u{202e}\u{7}own", &[]), "`<b> own`");
        assert_eq!(reference("<b> own | ünique"), "LicenseRef-b-own-nique");
        assert_eq!(reference("\u{1f600}"), "LicenseRef-unnamed");
    }

    #[test]
    fn a_roll_up_has_each_licence_once() {
        let rolled = |stated: &[&str], longest: usize| {
            let headers: Vec<[String; 1]> = stated.iter().map(|text| [format!("License: {text}")]).collect();
            let headers: Vec<Vec<&str>> = headers.iter().map(|header| vec![header[0].as_str()]).collect();
            let named: Vec<(&str, &str, &[&str])> = headers.iter().map(|lines| ("x", "1", lines.as_slice())).collect();
            let layer = crate::layer::Layer::of_distributions(&named);
            roll_up(&layer.distributions, longest)
        };
        let stated = ["MIT", "BSD-3-Clause AND MIT", "Apache-2.0 OR MIT", "House rules", "(ISC AND Zlib) AND MIT"];
        let all = "(Apache-2.0 OR MIT) AND BSD-3-Clause AND ISC AND LicenseRef-House-rules AND MIT AND Zlib";
        assert_eq!(rolled(&stated, 512).as_deref(), Some(all));
        assert!(Expression::parse(all).is_ok());
        assert_eq!(rolled(&stated, 60).as_deref(), Some("(Apache-2.0 OR MIT) AND BSD-3-Clause AND ISC AND 3 more"));
        assert_eq!(rolled(&stated, 12).as_deref(), Some("6 licences"));
        assert_eq!(rolled(&["UNKNOWN", ""], 512), None);
    }

    #[test]
    fn the_table_has_identifiers_of_the_list() {
        let facts = facts::licences();
        let replacing = facts.replaced.values().map(|expression| strict(expression));
        assert!(replacing.zip(facts.replaced.values()).all(|(valid, expression)| valid.as_ref() == Some(expression)));
        for id in facts.classifiers.values().chain(facts.names.keys()).chain(&facts.unknown_to_cyclonedx) {
            assert!(spdx::license_id(id).is_some(), "{id}");
        }
        for name in facts.names.values().flatten() {
            assert_eq!(*name, name.to_lowercase());
        }
    }
}
