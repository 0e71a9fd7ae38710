//! Failures as people see them: what went wrong, because of what, and what to do about it.
//!
//! Inside the program errors are [`anyhow::Error`]. Code that knows the kind of a failure puts a [`Failure`] into the
//! chain. [`Explanation::of`] finds it by downcast, just before the error is printed.

use std::fmt::{self, Display};
use std::io::{self, ErrorKind};

use serde::{Deserialize, Serialize};

/// Who has to fix it. Decides the exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The user's input, or a policy they set, failed: exit code 1.
    User,
    /// A service, the network or this program failed: exit code 2.
    #[default]
    System,
}

/// One failure: an `error:` line, its `cause:` lines and a `hint:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// The problems that this failure combines, unchanged.
    pub each: Vec<Self>,
    /// A file from the repository's root, and a line of it.
    pub place: Option<Box<(String, usize)>>,
}

impl Failure {
    pub fn user(message: impl Into<String>) -> Hintless {
        Hintless::new(Kind::User, message.into())
    }

    pub fn system(message: impl Into<String>) -> Hintless {
        Hintless::new(Kind::System, message.into())
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    #[must_use]
    pub fn causes(mut self, causes: impl IntoIterator<Item = String>) -> Self {
        self.causes.extend(causes);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A failure that still lacks its hint. It becomes an error only with one:
///
/// ```compile_fail
/// use lambda_layer::error::Failure;
///
/// fn read() -> Result<(), Failure> {
///     Err(Failure::user("`x` is missing"))
/// }
/// ```
///
/// ```
/// use lambda_layer::error::Failure;
///
/// fn read() -> Result<(), Failure> {
///     Err(Failure::user("`x` is missing").hint("create it"))
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a failure without a hint is of no use"]
pub struct Hintless(Failure);

impl Hintless {
    fn new(kind: Kind, message: String) -> Self {
        let (causes, each) = (Vec::new(), Vec::new());
        Self(Failure { kind, message, causes, hint: None, each, place: None })
    }

    pub fn cause(self, cause: impl Into<String>) -> Self {
        Self(self.0.cause(cause))
    }

    pub fn causes(self, causes: impl IntoIterator<Item = String>) -> Self {
        Self(self.0.causes(causes))
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        self.0.hint(hint)
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Collects the problems with an input, so that they are reported together.
#[derive(Debug, Default)]
pub struct Problems(Vec<Failure>);

impl Problems {
    pub fn push(&mut self, problem: Failure) {
        self.0.push(problem);
    }

    pub fn extend(&mut self, problems: impl IntoIterator<Item = Failure>) {
        self.0.extend(problems);
    }

    /// How many problems there are so far.
    #[expect(clippy::len_without_is_empty, reason = "an empty collection is asked for its result")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the value, or records the failure.
    pub fn check<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    /// # Errors
    /// One failure that names every recorded problem.
    pub fn into_result(mut self) -> Result<(), Failure> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(self.0.remove(0)),
            count => {
                let mut failure = Failure::user(format!("{count} problems with the input"))
                    .hint("nothing was built or published; correct all of them and run again");
                for problem in &self.0 {
                    let advice = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    failure.causes.push(format!("{}{advice}", problem.message));
                    failure.causes.extend(problem.causes.iter().map(|cause| format!("  {cause}")));
                }
                failure.each = self.0;
                Err(failure)
            }
        }
    }
}

/// An error chain, sorted into the lines that are printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    #[serde(default)]
    pub kind: Kind,
    pub error: String,
    #[serde(default)]
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// A file from the repository's root, and a line of it.
    #[serde(skip)]
    pub place: Option<(String, usize)>,
}

impl Explanation {
    /// Walks the chain itself: `{:?}` would print a backtrace where `RUST_BACKTRACE` is set.
    pub fn of(error: &anyhow::Error) -> Self {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        let hint = failure.and_then(|failure| failure.hint.clone()).unwrap_or_else(|| fallback_hint(error));
        let mut lines: Vec<String> = Vec::new();
        for cause in error.chain() {
            let line = one_line(&cause.to_string());
            if lines.last() != Some(&line) {
                lines.push(line);
            }
        }
        let message = lines.remove(0);
        let causes = lines
            .into_iter()
            .chain(failure.iter().flat_map(|failure| failure.causes.iter().map(|cause| one_line(cause))));
        Self {
            kind: failure.map_or(Kind::System, |failure| failure.kind),
            error: message,
            causes: causes.filter(|cause| !cause.is_empty()).collect(),
            hint: Some(one_line(&hint)),
            place: failure.and_then(|failure| failure.place.as_deref().cloned()),
        }
    }

    /// Applies `change` to every text.
    #[must_use]
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        Self {
            kind: self.kind,
            error: change(&self.error),
            causes: self.causes.iter().map(|cause| change(cause)).collect(),
            hint: self.hint.as_deref().map(&change),
            place: self.place.clone(),
        }
    }

    /// The error and its causes, without the hint.
    pub fn one_line(&self) -> String {
        std::iter::once(&self.error).chain(&self.causes).cloned().collect::<Vec<_>>().join(": ")
    }

    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::User => 1,
            Kind::System => 2,
        }
    }
}

impl Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}", self.error)?;
        for cause in &self.causes {
            write!(formatter, "\ncause: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(formatter, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// The hint for an error that has none of its own, by the kind of the I/O error.
fn fallback_hint(error: &anyhow::Error) -> String {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            "give the user who runs this program access (`ls -l` shows the permissions), or choose another location"
                .to_owned()
        }
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            "free space on that disk, or set TMPDIR to a folder on another disk".to_owned()
        }
        Some(ErrorKind::NotFound) => {
            "check that it exists; another step may have removed it in the meantime".to_owned()
        }
        _ => {
            let place = repository().map(|repository| format!(" at {repository}/issues")).unwrap_or_default();
            format!("run again; if the error persists, it is a bug in this program: report it with these lines{place}")
        }
    }
}

/// The address of this program's repository, if `Cargo.toml` has it and not the placeholder, as before the first release.
pub fn repository() -> Option<&'static str> {
    let repository = env!("CARGO_PKG_REPOSITORY").trim_end_matches('/');
    (!repository.is_empty() && !repository.contains("/OWNER/")).then_some(repository)
}

fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .replace(char::is_control, " ")
}

/// The known name that is nearest to an unknown one, for "did you mean".
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&unknown.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= 0.6)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// `a`, `b` or `c`
pub fn alternatives<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// `1 file`, `2 files`
pub fn counted(count: usize, singular: &str) -> String {
    if count == 1 { format!("1 {singular}") } else { format!("{count} {singular}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_chain_becomes_error_causes_and_hint() {
        let failure = Failure::user("`x` is missing").cause("looked in a").hint("create it");
        let error = anyhow::Error::new(failure).context("cannot read the inputs");
        let explanation = Explanation::of(&error);
        assert_eq!(
            explanation.to_string(),
            "error: cannot read the inputs\ncause: `x` is missing\ncause: looked in a\nhint: create it"
        );
        assert_eq!(explanation.exit_code(), 1);
    }

    #[test]
    fn an_error_of_unknown_kind_is_ours() {
        let error = Err::<(), _>(io::Error::other("disk\nfull")).context("cannot write").expect_err("is an error");
        let explanation = Explanation::of(&error);
        let place = repository().map(|repository| format!(" at {repository}/issues")).unwrap_or_default();
        insta::assert_snapshot!(explanation.to_string().replace(&place, ""), @"
        error: cannot write
        cause: disk full
        hint: run again; if the error persists, it is a bug in this program: report it with these lines
        ");
        assert_eq!(explanation.exit_code(), 2);
        let of = |kind: ErrorKind| Explanation::of(&io::Error::from(kind).into()).hint.expect("has one");
        assert!(of(ErrorKind::PermissionDenied).contains("program access"));
        assert!(of(ErrorKind::StorageFull).contains("free space"));
        assert!(of(ErrorKind::NotFound).contains("it exists"));
    }

    #[test]
    fn problems_are_reported_together() {
        let mut problems = Problems::default();
        problems.push(Failure::user("a is wrong").hint("make it right"));
        problems.push(Failure::user("b is wrong").cause("because of c").hint("change c"));
        let failure = problems.into_result().expect_err("has problems");
        assert_eq!(failure.causes, ["a is wrong (make it right)", "b is wrong (change c)", "  because of c"]);
    }

    #[test]
    fn nearest_finds_slips_and_nothing_else() {
        assert_eq!(nearest("requirement.txt", ["requirements.txt", "setup.cfg"]), Some("requirements.txt"));
        assert_eq!(nearest("zzz", ["requirements.txt"]), None);
    }
}
