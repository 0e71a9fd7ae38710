//! Patterns of paths.

use camino::Utf8Path;
use globset::{GlobBuilder, GlobMatcher};

/// Longest pattern, in bytes; its compiled form is many times as large.
const LONGEST: usize = 1000;
/// Most nested braces: the compiler recurses for each.
const DEEPEST: usize = 10;

/// # Errors
/// The pattern is too long or too deeply nested.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    if pattern.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let mut depth = 0_usize;
    for character in pattern.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth > DEEPEST {
            return Err(format!("it contains more than {DEEPEST} nested braces"));
        }
    }
    Ok(())
}

/// A pattern of files and folders in a layer. A pattern without `/` matches names at any depth; one with `/` matches the
/// whole path, relative to `/opt`. A folder that matches includes everything in it.
#[derive(Clone, Debug)]
pub struct FileGlob {
    text: String,
    by_name: bool,
    matcher: GlobMatcher,
}

impl FileGlob {
    /// # Errors
    /// What is wrong with the pattern, in a few words.
    pub fn new(text: &str) -> Result<Self, String> {
        let pattern = text.strip_prefix("/opt/").unwrap_or(text);
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
        if pattern.is_empty() {
            return Err("it is empty".to_owned());
        }
        if pattern.starts_with('!') {
            return Err("it cannot be negated with `!`".to_owned());
        }
        if pattern.split('/').any(|part| part == "..") {
            return Err("it leads outside the layer".to_owned());
        }
        check(pattern)?;
        let glob =
            GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
        // `/name` is a name at the root and nowhere else.
        let by_name = !pattern.contains('/') && !text.starts_with('/');
        Ok(Self { text: text.to_owned(), by_name, matcher: glob.compile_matcher() })
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As a path from `/opt` or a name, without wildcards; `None` if it has some.
    pub fn literal(&self) -> Option<&str> {
        (!self.text.contains(['*', '?', '[', '{'])).then_some(self.text.trim_matches('/'))
    }

    /// The same pattern below a folder of the layer; `None` if it is about names anywhere.
    #[must_use]
    pub fn below(&self, folder: &Utf8Path) -> Option<Self> {
        let below = format!("{folder}/{}", self.text.trim_start_matches("./").trim_start_matches('/'));
        if self.by_name { None } else { Self::new(&below).ok() }
    }

    /// Whether it is about this file of a layer, or about a folder that the file is in.
    pub fn matches(&self, path: &Utf8Path) -> bool {
        let is_meant = |path: &Utf8Path| match path.file_name() {
            Some(name) if self.by_name => self.matcher.is_match(name),
            Some(_) => self.matcher.is_match(path),
            None => false,
        };
        path.ancestors().any(is_meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_anywhere_and_paths_from_the_root() {
        let matches = |glob: &str, path: &str| FileGlob::new(glob).expect("is valid").matches(path.into());
        assert!(matches("*.txt", "python/x/notes.txt"));
        assert!(matches("examples", "python/x/examples/deep/a.py"));
        assert!(matches("python/x/**", "python/x/a/b.py"));
        assert!(matches("/opt/python/{x,y}/*.py", "python/y/a.py"));
        assert!(!matches("python/*.py", "python/x/a.py"), "a star ends at a slash");
        assert!(!matches("x/a.py", "python/x/a.py"));
        assert!(matches("python/[!a]*/", "python/b/c.py"));
        assert!(matches("./python/x/", "python/x/a.py"));
        assert!(FileGlob::new("!python/x").is_err() && FileGlob::new("python/../bin").is_err());
        let below = FileGlob::new("x/*.py").expect("is valid").below("python".into()).expect("is a path");
        assert!(below.matches("python/x/a.py".into()));
        let nested = format!("{}a{}", "{".repeat(20_000), "}".repeat(20_000));
        assert_eq!(FileGlob::new(&nested).expect_err("is too long"), "it is longer than 1000 bytes");
        let nested = format!("{}a{}", "{".repeat(11), "}".repeat(11));
        assert_eq!(FileGlob::new(&nested).expect_err("is too deep"), "it contains more than 10 nested braces");
        assert_eq!(FileGlob::new("[").expect_err("is open"), "unclosed character class; missing ']'");
    }
}
