//! Requirements and markers of PEP 508 (<https://packaging.python.org/en/latest/specifications/dependency-specifiers/>),
//! checked before they are parsed: the parser recurses for each bracket, so many of them overflow the stack, and it panics
//! on a name that ends in a punctuation mark, as in `six- >= 1`.

use std::str::FromStr as _;

use pep508_rs::{MarkerTree, Pep508Error, Pep508ErrorSource, Requirement, VerbatimUrl};

/// Most nested brackets. No tool writes more than a handful.
const DEEPEST: usize = 100;

/// # Errors
/// Why the text is not a requirement.
pub(crate) fn requirement(text: &str) -> Result<Requirement, Pep508Error> {
    check(text)?;
    check_names(text)?;
    Requirement::<VerbatimUrl>::from_str(text)
}

/// # Errors
/// Why the text is not a marker.
pub(crate) fn marker(text: &str) -> Result<MarkerTree, Pep508Error> {
    check(text)?;
    MarkerTree::from_str(text)
}

/// Name and extras that begin as names do end as they do.
fn check_names(text: &str) -> Result<(), Pep508Error> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let name_of = |text: &str| text[..text.find(|character| !is_part(character)).unwrap_or(text.len())].to_owned();
    let head = text.trim_start();
    let name = name_of(head);
    let extras = head[name.len()..].trim_start().strip_prefix('[').unwrap_or_default();
    let extras = extras.split(']').next().unwrap_or_default().split(',').map(|extra| name_of(extra.trim_start()));
    for (what, name) in [("Package", name)].into_iter().chain(extras.map(|extra| ("Extra", extra))) {
        let is_begun = name.starts_with(|first: char| first.is_ascii_alphanumeric());
        if let Some(end @ ('.' | '-' | '_')) = name.chars().last().filter(|_| is_begun) {
            let message = format!("{what} name must end with an alphanumeric character, not '{end}'");
            let (message, input) = (Pep508ErrorSource::String(message), text.to_owned());
            return Err(Pep508Error { message, start: 0, len: name.len(), input });
        }
    }
    Ok(())
}

fn check(text: &str) -> Result<(), Pep508Error> {
    let mut depth: usize = 0;
    for (start, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > DEEPEST {
            let message = Pep508ErrorSource::String(format!("it contains more than {DEEPEST} nested brackets"));
            return Err(Pep508Error { message, start, len: 1, input: text.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_they_begin() {
        for wrong in ["six- >=1", "six.==1", " six_[a]", "six[a-]", "six [a, b.]>=1", "1.0. x", "six-", "six[a-"] {
            assert!(requirement(wrong).is_err(), "{wrong}");
        }
        for right in ["six", "a.b-c_d[e-f, g.h]>=1 ; extra == 'x-'", "six[]", "six @ https://h/six-.whl"] {
            assert!(requirement(right).is_ok(), "{right}");
        }
        let error = requirement("six.==1").expect_err("is wrong");
        assert_eq!(error.message.to_string(), "Package name must end with an alphanumeric character, not '.'");
    }

    #[test]
    fn brackets_have_a_limit() {
        let nested = |depth: usize| format!("{}python_version > '3'{}", "(".repeat(depth), ")".repeat(depth));
        assert!(marker(&nested(DEEPEST)).is_ok() && requirement(&format!("six ; {}", nested(DEEPEST))).is_ok());
        for depth in [DEEPEST + 1, 1_000_000] {
            let error = marker(&nested(depth)).expect_err("is too deep");
            assert_eq!(error.message.to_string(), "it contains more than 100 nested brackets");
            assert!(requirement(&format!("six ; {}", nested(depth))).is_err());
        }
    }
}
