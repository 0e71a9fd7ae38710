//! The input `build-script`: a script of the repository, or commands, run before the install.

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::{ExposeSecret as _, SecretString};

use super::Reading;
use super::content::inside_workspace;
use crate::error::Failure;
use crate::types::Digest;

/// The input `build-script`.
#[derive(Clone, Debug)]
pub struct BuildScript {
    /// The path as given, relative to the working directory; `None` for commands.
    pub path: Option<Utf8PathBuf>,
    /// The commands. They may contain a secret, so they are never shown.
    pub text: SecretString,
}

impl BuildScript {
    /// The name for messages.
    pub fn name(&self) -> &str {
        self.path.as_ref().map_or("commands", |path| path.as_str())
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.text.expose_secret().as_bytes())
    }
}

impl Reading<'_> {
    pub(super) fn build_script(&mut self, given: Option<&str>) -> Option<BuildScript> {
        let given = given?;
        let script = match path_of(given, &self.folder) {
            Some(path) => read(path, &self.folder, &self.workspace),
            None => Ok(BuildScript { path: None, text: given.into() }),
        };
        self.problems.check(script)
    }
}

/// The path, if the input is that of a script (one word such as `scripts/build` or `build.sh`); `None` for commands.
fn path_of<'a>(given: &'a str, folder: &Utf8Path) -> Option<&'a Utf8Path> {
    let path = Utf8Path::new(given);
    let is_one_line = !given.contains('\n');
    let is_one_word = !given.contains(char::is_whitespace);
    let looks_like_a_path = given.contains('/') || matches!(path.extension(), Some("sh" | "bash"));
    let is_path = (is_one_line && folder.join(path).is_file()) || (is_one_word && looks_like_a_path);
    (is_path && path.is_relative()).then_some(path)
}

fn read(path: &Utf8Path, folder: &Utf8Path, workspace: &Utf8Path) -> Result<BuildScript, Failure> {
    inside_workspace("build-script", path.as_str(), folder, workspace)?;
    let full = folder.join(path);
    if full.is_dir() {
        return Err(Failure::user(format!("`build-script` is `{path}`, which is a folder"))
            .hint("give the path of a script in this folder"));
    }
    let text = fs_err::read_to_string(&full).map_err(|error| {
        let failure =
            Failure::user(format!("could not read `{path}`, which is the `build-script`")).cause(error.to_string());
        failure
            .hint("make sure that it is UTF-8 text, and that the user who runs this program has permission to read it")
    })?;
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("#!") && !first.contains("sh") {
        let failure = Failure::user(format!("`build-script` is `{path}`, which is not a shell script: `{first}`"));
        return Err(failure.hint(format!("give the command that runs it, for example `python3 {path}`")));
    }
    Ok(BuildScript { path: Some(path.to_owned()), text: text.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_commands() {
        let keep = tempfile::tempdir().expect("can be made");
        let folder = crate::files::utf8(keep.path()).expect("is UTF-8");
        fs_err::write(folder.join("make it"), "").expect("can be written");
        let is_path = |given: &str| path_of(given, folder).is_some();
        for path in ["make it", "build.sh", "./build", "scripts/build.sh"] {
            assert!(is_path(path), "{path}");
        }
        for commands in
            ["make", "dnf install -y libpq-devel", "./build.sh --fast", "a/b\nc", "sh build.sh", "/bin/true"]
        {
            assert!(!is_path(commands), "{commands}");
        }
    }
}
