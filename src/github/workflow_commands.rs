//! The language of the Actions runner: workflow commands, outputs, the summary, who owns files.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use camino::Utf8Path;

use crate::environment::Environment;

/// A job summary may have 1 MiB a step.
const LONGEST_SUMMARY: usize = 1024 * 1024;

/// Text of a command, with what would end it escaped.
pub fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Of annotations; those of findings have the code behind it.
pub const TITLE: &str = "lambda-layer";

/// `level` is `error`, `warning` or `notice`.
pub fn annotation(level: &str, title: &str, text: &str) -> String {
    annotation_at(level, title, None, text)
}

/// On a line of a file, which is named from the repository's root.
pub fn annotation_at(level: &str, title: &str, place: Option<(&str, usize)>, text: &str) -> String {
    // In properties a colon and a comma mean something, too.
    let property = |value: &str| escape(value).replace(':', "%3A").replace(',', "%2C");
    let place = place.map(|(file, line)| format!("file={},line={line},", property(file))).unwrap_or_default();
    format!("::{level} {place}title={}::{}", property(title), escape(text))
}

pub fn add_mask(secret: &str) -> String {
    format!("::add-mask::{}", escape(secret))
}

/// Text in which the runner sees no command: it wants `::` at the start of a line, the older `##[` anywhere in it, and
/// ends a line at a carriage return, too (`ActionCommand.cs` of actions/runner).
pub fn disarm(text: &str) -> String {
    const INVISIBLE: char = '\u{200b}';
    let disarm = |line: &str| {
        let line = line.replace("##[", &format!("##{INVISIBLE}["));
        if line.trim_start().starts_with("::") { format!("{INVISIBLE}{line}") } else { line }
    };
    text.split_inclusive(['\n', '\r']).map(disarm).collect()
}

/// 32 hexadecimal digits that nobody can guess.
pub fn random_word() -> String {
    let mut bytes = [0; 16];
    let read = fs_err::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.expect("every Unix has /dev/urandom");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

/// Writes `name<<delimiter` blocks to the file that `GITHUB_OUTPUT` names; nothing outside of a workflow.
pub fn write_outputs(outputs: &BTreeMap<&'static str, String>, environment: &Environment) -> anyhow::Result<()> {
    let Some(path) = environment.get("GITHUB_OUTPUT") else { return Ok(()) };
    let mut text = String::new();
    for (name, value) in outputs {
        let delimiter = format!("end-{}", random_word());
        text += &format!("{name}<<{delimiter}\n{value}\n{delimiter}\n");
    }
    append(path, &text).context("could not write the outputs")
}

/// Appends Markdown to the job summary; nothing outside of a workflow.
pub fn write_summary(markdown: &str, environment: &Environment) -> anyhow::Result<()> {
    let Some(path) = environment.get("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let end = markdown.floor_char_boundary(LONGEST_SUMMARY.min(markdown.len()));
    append(path, &markdown[..end]).context("could not write the job summary")
}

fn append(path: &str, text: &str) -> std::io::Result<()> {
    fs_err::OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

/// Makes a folder with those above it, and hands over what is new.
pub fn create_folder(folder: &Utf8Path, workspace: &Utf8Path) -> std::io::Result<()> {
    let new = folder.ancestors().take_while(|folder| !folder.exists()).last();
    fs_err::create_dir_all(folder)?;
    new.map_or(Ok(()), |new| hand_over(new, workspace))
}

/// Gives what this program made in the workspace, with the folders above it, the workspace's owner: the container runs as
/// root, the next steps do not.
pub fn hand_over(path: &Utf8Path, workspace: &Utf8Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs_err::metadata(workspace)?;
    if !rustix::process::geteuid().is_root() || owner.uid() == 0 || !path.starts_with(workspace) {
        return Ok(());
    }
    let change = |path: &std::path::Path| std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()));
    // What is root's in somebody else's workspace was made by a container.
    for folder in folders_between(workspace, path) {
        if fs_err::symlink_metadata(folder)?.uid() == 0 {
            change(folder.as_std_path())?;
        }
    }
    for entry in walkdir::WalkDir::new(path) {
        change(entry?.path())?;
    }
    Ok(())
}

/// The folders in which a path is, below the workspace.
fn folders_between<'a>(workspace: &'a Utf8Path, path: &'a Utf8Path) -> impl Iterator<Item = &'a Utf8Path> {
    path.ancestors().skip(1).take_while(move |folder| folder.starts_with(workspace) && *folder != workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_or_begins_a_command() {
        assert_eq!(
            annotation("error", "a: b", "100%\n::set-output::"),
            "::error title=a%3A b::100%25%0A::set-output::"
        );
        assert_eq!(
            annotation_at("notice", "t", Some(("a,b\n.txt", 3)), "x"),
            "::notice file=a%2Cb%0A.txt,line=3,title=t::x"
        );
        let text = "a\n  ::add-path::/x\r::x::y\nsee ##[add-mask]z";
        let disarmed = disarm(text);
        assert!(!disarmed.split(['\n', '\r']).any(|line| line.trim_start().starts_with("::")));
        assert!(!disarmed.contains("##["));
        assert_eq!(disarmed.replace('\u{200b}', ""), text);
    }

    #[test]
    fn nothing_above_the_workspace_is_handed_over() {
        let between = |path| folders_between("/home/work".into(), Utf8Path::new(path)).collect::<Vec<_>>();
        assert_eq!(between("/home/work/a/b/c.zip"), ["/home/work/a/b", "/home/work/a"]);
        for alone in ["/home/work/c.zip", "/home/work", "/home", "/", "/tmp/c.zip", "/home/work-2/a/c.zip"] {
            assert!(between(alone).is_empty(), "{alone}");
        }
    }

    #[test]
    fn random_words_differ() {
        assert_ne!(random_word(), random_word());
        assert_eq!(random_word().len(), 32);
    }
}
