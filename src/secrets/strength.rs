//! Whether a value is distinctive enough to search for: `password1` appears in unrelated files by chance.

use std::collections::BTreeSet;

use crate::facts;
use crate::facts::Weak;

/// By the rule of `data/secrets.yml`.
pub(super) fn is_weak(value: &str) -> bool {
    let rule = &facts::secrets().weak;
    let length = value.chars().count();
    let distinct = value.chars().collect::<BTreeSet<_>>().len();
    length < rule.shortest
        || distinct < rule.distinct
        || (length < rule.long && changes(value) < rule.changes)
        || rest(value, rule) < rule.rest
}

/// How often a character is of another kind than the one before.
fn changes(value: &str) -> usize {
    let kind = |character: char| match character {
        'a'..='z' => 0,
        'A'..='Z' => 1,
        '0'..='9' => 2,
        _ => 3,
    };
    value.chars().zip(value.chars().skip(1)).filter(|(before, after)| kind(*before) != kind(*after)).count()
}

/// The number of characters that belong to no known word.
fn rest(value: &str, rule: &Weak) -> usize {
    let letter = |character: char| match character {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other.to_ascii_lowercase(),
    };
    let mut text: String = value.chars().map(letter).collect();
    let mut words: Vec<&String> = rule.words.iter().flatten().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        text = text.replace(word.as_str(), " ");
    }
    text.chars().filter(|character| *character != ' ').count()
}

#[cfg(test)]
mod tests {
    use super::is_weak;

    #[test]
    fn words_with_numbers_are_weak() {
        for value in [
            "password1",
            "Passw0rd!",
            "P@ssw0rd123!",
            "Changeme123!",
            "postgres123456",
            "PostgreSQL15",
            "localhost:5432",
            "mysecretpassword1",
            "my-secret-key-123",
            "your-256-bit-secret",
            "super-secret-value-123",
            "test-password-staging-2024",
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "00000000-0000-0000-0000-000000000001",
            "sunflower2024",
            "1234567890ab",
        ] {
            assert!(is_weak(value), "{value}");
        }
    }

    #[test]
    fn what_was_drawn_by_lot_is_not() {
        for value in [
            "xK9#mQ2$vL5p",
            "s3cr3t-t0k3n-9Qz7LmX2",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz",
            "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG",
            "djangoinsecure-x2!k$7w@9z)q1m#r4",
            "correct-horse-battery-staple",
        ] {
            assert!(!is_weak(value), "{value}");
        }
    }
}
