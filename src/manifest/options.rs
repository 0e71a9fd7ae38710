//! Reads the options of requirement files
//! (<https://pip.pypa.io/en/stable/reference/requirements-file-format/#supported-options>).

use camino::Utf8PathBuf;

use crate::error::{Failure, nearest};

const KNOWN: &[&str] = &[
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-index",
    "--no-binary",
    "--only-binary",
    "--pre",
    "--require-hashes",
    "--trusted-host",
    "--requirement",
    "--constraint",
    "--editable",
];

/// Splits `--name value`, `--name=value`, `-r value` and `-rvalue` into name and value. The value loses its quotes.
pub(super) fn split_option(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| character == '=' || character.is_whitespace()).unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    if !name.starts_with("--") && name.len() > 2 {
        let (short, attached) = text.split_at(2);
        return (short, unquoted(attached.trim()));
    }
    (name, unquoted(value.trim_start_matches('=').trim()))
}

fn unquoted(value: &str) -> &str {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote).filter(|text| !text.contains(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// The location of packages in an option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Url,
    /// A folder or a page of this machine, as it is written.
    Local(Utf8PathBuf),
}

/// Reads `https://…`, `file:///…`, `file:folder` or `folder`.
pub(crate) fn place_of(value: &str) -> Place {
    let decoded = |path: &str| percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned().into();
    match value.strip_prefix("file://").or_else(|| value.strip_prefix("file:")) {
        Some(path) => Place::Local(decoded(path.strip_prefix("localhost").unwrap_or(path))),
        None if value.contains("://") => Place::Url,
        None => Place::Local(value.into()),
    }
}

pub(super) fn nearest_option(name: &str) -> Failure {
    let failure = Failure::user(format!("`{name}` is not a valid option in a requirements file"));
    match nearest(name, KNOWN.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("remove it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_split_as_pip_does() {
        assert_eq!(split_option("-rmore.txt"), ("-r", "more.txt"));
        assert_eq!(split_option("--find-links=\"my wheels\""), ("--find-links", "my wheels"));
        assert_eq!(split_option("-f  'wheels'"), ("-f", "wheels"));
        assert_eq!(split_option("--pre"), ("--pre", ""));
    }

    #[test]
    fn places_are_told_from_urls() {
        let local = |path: &str| Place::Local(path.into());
        assert_eq!(place_of("https://host/wheels/"), Place::Url);
        assert_eq!(place_of("file:///w/a%20b"), local("/w/a b"));
        assert_eq!(place_of("file://localhost/w"), local("/w"));
        assert_eq!(place_of("file:wheels"), local("wheels"));
        assert_eq!(place_of("../wheels"), local("../wheels"));
    }
}
