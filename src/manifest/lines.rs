//! Splits requirement files into lines: comments, continuations and `${VARIABLES}`, as pip reads them
//! (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>).

use crate::environment::Environment;

/// One logical line, which may span several in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The number of its first line in the file, from 1.
    pub(super) number: usize,
    /// The joined text, without comments, and with variables filled in.
    pub(super) text: String,
    /// The same with the variables as they are written.
    pub(super) as_written: String,
    /// Whether it continues on the next line with something other than an option. pip joins such lines, uv does not.
    pub(super) is_broken: bool,
}

impl Line {
    fn at(number: usize) -> Self {
        Self { number, text: String::new(), as_written: String::new(), is_broken: false }
    }

    /// A line for something that a file has in another form.
    pub(super) fn written(text: &str) -> Self {
        Self { text: text.to_owned(), as_written: text.to_owned(), ..Self::at(1) }
    }
}

/// The lines that are not empty.
pub(super) fn logical_lines(text: &str, environment: &Environment) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let is_comment = raw.trim_start().starts_with('#');
        let continued = (!is_comment).then(|| raw.strip_suffix('\\')).flatten();
        let mut line = open.take().unwrap_or_else(|| Line::at(index + 1));
        let begins_anew = line.as_written.trim().is_empty();
        line.is_broken |= !begins_anew && !is_comment && !raw.trim().is_empty() && !raw.trim().starts_with("--");
        match (is_comment, continued) {
            // A comment ends a continued line.
            (true, _) => lines.push(line),
            (false, Some(part)) => {
                line.as_written.push_str(part);
                open = Some(line);
            }
            (false, None) => {
                line.as_written.push_str(raw);
                lines.push(line);
            }
        }
    }
    lines.extend(open);
    for line in &mut lines {
        line.as_written = without_comment(&line.as_written).trim().to_owned();
        line.text = expand(&line.as_written, environment);
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

/// A `#` begins a comment at the start of a line or after white space.
fn without_comment(text: &str) -> &str {
    let begins = |(index, _): &(usize, &str)| *index == 0 || text[..*index].ends_with(char::is_whitespace);
    text.match_indices('#').find(begins).map_or(text, |(index, _)| &text[..index])
}

/// `${NAME}` with the variable's value; an unset one stays as it is, as in pip.
fn expand(text: &str, environment: &Environment) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let after = &rest[start + 2..];
        let Some(end) = after.find('}') else { break };
        let name = &after[..end];
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        expanded.push_str(&rest[..start]);
        match environment.get(name).filter(|_| is_name) {
            Some(value) => expanded.push_str(value),
            None => expanded.push_str(&rest[start..start + end + 3]),
        }
        rest = &after[end + 1..];
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, String)> {
        let variables = [("TOKEN".to_owned(), "s3cret".to_owned())].into();
        let environment = Environment::new(variables, camino::Utf8PathBuf::new());
        logical_lines(text, &environment).into_iter().map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn comments_continuations_and_variables() {
        let text = "\u{feff}# first\nrequests==2.32.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n\nx @ https://h/p#egg=x # why\n--index-url https://u:${TOKEN}@h/${nope}/${UNSET}\n";
        insta::assert_debug_snapshot!(texts(text), @r#"
        [
            (
                2,
                "requests==2.32.3     --hash=sha256:aa     --hash=sha256:bb",
            ),
            (
                6,
                "x @ https://h/p#egg=x",
            ),
            (
                7,
                "--index-url https://u:s3cret@h/${nope}/${UNSET}",
            ),
        ]
        "#);
    }

    #[test]
    fn only_lines_that_break_elsewhere_than_before_an_option_are_broken() {
        let is_broken = |text: &str| logical_lines(text, &Environment::default()).iter().any(|line| line.is_broken);
        assert!(is_broken("six \\\n  ==1.17.0\n"));
        assert!(!is_broken("six==1.17.0 \\\n  --hash=sha256:aa \\\n\n"));
        assert!(!is_broken("six==1.17.0\nidna\n"));
    }

    #[test]
    fn a_comment_ends_a_continued_line() {
        assert_eq!(texts("a \\\n# stop\nb"), [(1, "a".to_owned()), (3, "b".to_owned())]);
    }
}
