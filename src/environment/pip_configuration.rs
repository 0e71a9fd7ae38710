//! Reads pip's configuration files as the equivalent variables, so that one list decides which settings reach pip.
//!
//! Each option of pip can be given in a file or as a variable, with the same meaning
//! (<https://pip.pypa.io/en/stable/topics/configuration/>).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::error::Failure;

/// The sections that `pip install` reads. A later one overrides an earlier one.
const SECTIONS: [&str; 2] = ["global", "install"];
/// The value of `PIP_CONFIG_FILE` that makes pip ignore all of its files.
pub const NONE: &str = "/dev/null";

/// The files that pip reads, in ascending order of precedence.
pub fn files(environment: &Environment) -> Vec<Utf8PathBuf> {
    let named = environment.get("PIP_CONFIG_FILE");
    if named == Some(NONE) {
        return Vec::new();
    }
    let system = environment.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg").split(':');
    let mut files: Vec<Utf8PathBuf> = system.map(|folder| Utf8Path::new(folder).join("pip/pip.conf")).collect();
    files.push(Utf8PathBuf::from("/etc/pip.conf"));
    let named = named.map(|path| environment.current_directory.join(path));
    // `PIP_CONFIG_FILE` replaces the user's own file.
    if !named.as_ref().is_some_and(|path| path.exists()) {
        let home = environment.get("HOME").map(Utf8Path::new);
        files.extend(home.map(|home| home.join(".pip/pip.conf")));
        let of_user = environment.get("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
        files.extend(of_user.or_else(|| Some(home?.join(".config"))).map(|folder| folder.join("pip/pip.conf")));
    }
    // The file of the virtual environment or installation that `python3` belongs to.
    let mut folders = environment.get("PATH").unwrap_or_default().split(':').map(Utf8Path::new);
    let prefix = folders.find(|folder| folder.join("python3").is_file()).and_then(Utf8Path::parent);
    files.extend(prefix.map(|prefix| prefix.join("pip.conf")));
    files.extend(named);
    files
}

/// The settings by variable, such as `PIP_INDEX_URL` with a URL. They may contain credentials.
///
/// # Errors
/// A user error for a file that pip cannot parse either.
pub fn settings(environment: &Environment) -> Result<BTreeMap<String, String>, Failure> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for file in files(environment) {
        // pip also ignores files that it cannot read.
        let Ok(bytes) = fs_err::read(&file) else { continue };
        let parsed = parse(&String::from_utf8_lossy(&bytes)).map_err(|line| {
            Failure::user(format!("{file}:{line} is not valid in a pip configuration file"))
                .hint("write `name = value` under `[global]` or `[install]`, or remove the line")
        })?;
        for (section, settings) in parsed {
            sections.entry(section).or_default().extend(settings);
        }
    }
    let mut variables = BTreeMap::new();
    for section in SECTIONS {
        let settings = sections.remove(section).unwrap_or_default();
        let set = settings.into_iter().filter(|(_, value)| !value.is_empty());
        variables.extend(set.map(|(name, value)| (variable(&name), value)));
    }
    Ok(variables)
}

/// The variable for an option: `PIP_INDEX_URL` for `index-url`, `index_url` or `--index-url`.
fn variable(option: &str) -> String {
    let option = option.strip_prefix("--").unwrap_or(option);
    format!("PIP_{}", option.replace('-', "_").to_uppercase())
}

/// A section's name and its options.
type Section = (String, BTreeMap<String, String>);

/// Parses sections with their options, as Python's `RawConfigParser` does
/// (<https://docs.python.org/3/library/configparser.html#supported-ini-file-structure>). The error is the number, from
/// 1, of an invalid line.
fn parse(text: &str) -> Result<Vec<Section>, usize> {
    let mut sections: Vec<Section> = Vec::new();
    // The option that following lines belong to, and its indentation.
    let mut open: Option<(String, usize)> = None;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((name, depth)) = open.as_ref().filter(|(_, depth)| indent > *depth) {
            let (_, settings) = sections.last_mut().ok_or(index + 1)?;
            let value = settings.entry(name.clone()).or_default();
            if !value.is_empty() {
                value.push('\n');
            }
            value.push_str(content);
            open = Some((name.clone(), *depth));
        } else if let Some(section) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            sections.push((section.0.to_owned(), BTreeMap::new()));
            open = None;
        } else {
            let (name, value) = content.split_once(['=', ':']).ok_or(index + 1)?;
            let (_, settings) = sections.last_mut().ok_or(index + 1)?;
            let name = name.trim().to_lowercase();
            settings.insert(name.clone(), value.trim().to_owned());
            open = Some((name, indent));
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_pip_does() {
        let folder = tempfile::tempdir().expect("can be made");
        let home = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        fs_err::create_dir_all(home.join(".config/pip")).expect("can be made");
        fs_err::create_dir_all(home.join(".pip")).expect("can be made");
        fs_err::write(home.join(".pip/pip.conf"), "[global]\nindex-url: https://old/simple\nretries = 1\n")
            .expect("can be written");
        let text = "# of the company\n[global]\nIndex_URL = https://me:p=w@h/simple\nfind-links =\n    https://a\n    https://b\n\
            no-index =\n[install]\n; above\nretries = 2\n[list]\nformat = json\n";
        fs_err::write(home.join(".config/pip/pip.conf"), text).expect("can be written");
        let environment = |named: &str| {
            let variables = [("HOME", home.as_str()), ("XDG_CONFIG_DIRS", "/none"), ("PIP_CONFIG_FILE", named)];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Environment::new(variables.into(), home.to_owned())
        };
        let found = settings(&environment("")).expect("is readable");
        let of_files = ["PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_RETRIES"].map(|name| found.get(name));
        let expected = [Some("https://a\nhttps://b"), Some("https://me:p=w@h/simple"), None, Some("2")];
        assert_eq!(of_files.map(|value| value.map(String::as_str)), expected);
        assert!(files(&environment("/dev/null")).is_empty());
        fs_err::write(home.join("own"), "[global]\nretries = 3\n").expect("can be written");
        let found = settings(&environment("own")).expect("is readable");
        assert_eq!((found.get("PIP_RETRIES").map(String::as_str), found.get("PIP_INDEX_URL")), (Some("3"), None));
        fs_err::write(home.join("own"), "[global]\nretries 3\n").expect("can be written");
        assert!(
            settings(&environment("own"))
                .expect_err("is none")
                .message
                .ends_with("own:2 is not valid in a pip configuration file")
        );
    }
}
