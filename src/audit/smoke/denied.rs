//! Files that a module may not use: a function does not have the files of this machine, and can write only to `/tmp`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).

use camino::Utf8Path;

/// The folders of a function's own files and of its home.
const OF_A_FUNCTION: &[&str] = &["/opt", "/var/task", "/home"];

/// What the sandbox did not allow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Denied<'a> {
    /// A function could not write there either.
    Write(&'a str),
    /// A function may or may not have it.
    Elsewhere(&'a str),
}

/// Reads the message of a `PermissionError` about a file, whose path is as in a function.
pub(super) fn of<'a>(kind: &str, message: &'a str) -> Option<Denied<'a>> {
    let (start, rest) = message.split_once(": '").filter(|_| kind == "PermissionError")?;
    let path = rest.split('\'').next().filter(|_| start.starts_with("[Errno 13]"))?;
    let is_own = !path.starts_with('/') || OF_A_FUNCTION.iter().any(|folder| Utf8Path::new(path).starts_with(folder));
    Some(if is_own { Denied::Write(path) } else { Denied::Elsewhere(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_could_not_write_to_its_own_files() {
        let of = |path: &str| {
            of("PermissionError", &format!("[Errno 13] Permission denied: '{path}'"))
                .map(|denied| matches!(denied, Denied::Write(found) if found == path))
        };
        for path in ["/opt/python/x/cache", "left", "/var/task/left", "/home/sbx_user1051", "/home"] {
            assert_eq!(of(path), Some(true), "{path}");
        }
        for path in ["/tmp/x", "/root/.netrc", "/var/lib/dbus/machine-id", "/optional"] {
            assert_eq!(of(path), Some(false), "{path}");
        }
        assert_eq!(super::of("PermissionError", "[Errno 13] Permission denied"), None);
        assert_eq!(super::of("OSError", "[Errno 13] Permission denied: 'x'"), None);
    }
}
