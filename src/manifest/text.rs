//! Reads dependency files as text, TOML and JSON, and reports the positions of syntax errors.

use camino::Utf8Path;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::facts::Kind;
use crate::files;

/// The text of a file in `folder`.
///
/// # Errors
/// The file is missing, a folder, not in UTF-8, or has conflict markers of a merge.
pub(crate) fn read(folder: &Utf8Path, path: &Utf8Path) -> Result<String, Failure> {
    let bytes = fs_err::read(folder.join(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => files::missing("", folder, path),
        std::io::ErrorKind::IsADirectory => {
            Failure::user(format!("`{path}` is a folder")).hint("give the path of a dependency file in this folder")
        }
        _ => Failure::user(format!("could not read `{path}`"))
            .cause(error.to_string())
            .hint("give the user who runs this program permission to read it"),
    })?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let failure = Failure::user(format!("`{path}` is in UTF-16, which only some tools support"));
        return Err(failure.hint("save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
        Failure::user(format!("{path}:{line}: this is not valid UTF-8")).hint("save it as UTF-8")
    })?;
    match text.lines().position(|line| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ")) {
        Some(index) => Err(Failure::user(format!("{path}:{}: unresolved merge conflict", index + 1))
            .hint("resolve the conflict; for a lock file, it is best to run its tool again")),
        None => Ok(text),
    }
}

/// Parses TOML.
///
/// # Errors
/// The text is invalid; the error has the line and column, and what was expected there.
pub(crate) fn toml<T: DeserializeOwned>(path: &Utf8Path, text: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| {
            let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
            let column = text[start..span.start].chars().count() + 1;
            format!(":{}:{column}", line_at(text.as_bytes(), span.start))
        });
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        Failure::user(format!("{path}{}: this is not valid TOML: {reason}", place.unwrap_or_default()))
            .hint(restore(path))
    })
}

/// Parses JSON.
///
/// # Errors
/// The text is invalid; the error has the line and column, and what was expected there.
pub(crate) fn json<T: DeserializeOwned>(path: &Utf8Path, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Failure::user(format!("{path}:{}:{}: this is not valid JSON: {reason}", error.line(), error.column()))
            .hint(restore(path))
    })
}

/// The hint for a file that cannot be read.
fn restore(path: &Utf8Path) -> String {
    let refresh = Some(Kind::of(path)).filter(|kind| kind.is_lock()).and_then(|kind| kind.facts().refresh.as_ref());
    match refresh {
        Some(refresh) => format!("restore the file, or create it again with `{refresh}`"),
        None => "correct the file at this position".to_owned(),
    }
}

/// The positions at which the lines of a text start.
pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(super) fn of(text: &str) -> Self {
        Self([0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The number of the line with this byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

/// The number of the line, from 1.
fn line_at(bytes: &[u8], offset: usize) -> usize {
    1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count()
}
