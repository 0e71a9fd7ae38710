//! Reads the file as text.

use camino::Utf8Path;

use crate::error::Failure;

/// The largest file, in bytes. A thousand layers need a tenth of it.
const LARGEST: u64 = 1024 * 1024;

/// Reads the file; `shown` is its path in messages.
///
/// # Errors
/// The file cannot be read, is too large, or is not UTF-8.
pub(super) fn read(path: &Utf8Path, shown: &Utf8Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        let failure = Failure::user(format!("could not read `{shown}`")).cause(error.to_string());
        failure.hint("give the user who runs this program permission to read it, or choose another file with `config`")
    };
    let metadata = fs_err::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Failure::user(format!("`{shown}` is not a file"))
            .hint("set `config` to the path of a file that lists layers"));
    }
    if metadata.len() > LARGEST {
        let failure = Failure::user(format!("`{shown}` is larger than 1 MB"));
        return Err(failure.hint("a configuration file is never that large: check that the path is right"));
    }
    let bytes = fs_err::read(path).map_err(unreadable)?;
    // In UTF-16 without a byte order mark, every other byte of ASCII text is zero.
    if bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || matches!(bytes[..], [0, _, ..] | [_, 0, ..])
    {
        return Err(Failure::user(format!("`{shown}` is in UTF-16")).hint("save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::user(format!("`{shown}` is not valid UTF-8 (line {line})")).hint("save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}
