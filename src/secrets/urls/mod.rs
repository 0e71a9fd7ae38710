//! URLs in texts: where their secrets are, and the text without them.
//!
//! A text may contain any number of URLs, one after the other or nested: variables, requirements, messages of tools and
//! lines of logs do. There are two ways to remove their secrets:
//!
//! - [`without_credentials`] is for text that is *hashed and compared*: it removes user names, passwords, tokens and
//!   signatures, because a different credential fetches the same file. Every other byte stays.
//! - [`clean`] is for text that is *stored or shown*: it also hides the values of all other parameters and the
//!   fragment, because nobody can know which of them is a secret.

mod clean;
mod credentials;
mod parameters;
mod parts;

pub use clean::{clean, without_credentials};
pub(super) use credentials::{credentials_in, place, places_with_credentials_in, secret_values_in};
pub(crate) use parts::end_of_credentials;

/// Replaces what is hidden.
const HIDDEN: &str = "***";

/// Most levels of URLs nested in the query or fragment of another one that are searched.
const DEEPEST: usize = 8;

/// What may stand between two URLs of a list.
const AROUND: &[char] = &[',', ';', '|', '(', ')', '[', ']', '{', '}', '<', '>', '"', '\'', '`'];

/// What may stand behind a URL in a list, and in brackets.
const BEHIND: &[char] = &[',', ';', '|', ')', ']', '}', '\''];

#[cfg(test)]
mod tests;
