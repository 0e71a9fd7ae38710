//! Exports `Pipfile.lock` with Pipenv.

use std::collections::BTreeMap;

use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use toml::{Table, Value};

use super::export::{failed, stale};
use super::tool::{Ready, Tool};
use crate::manifest::{Lock, Selection, text};
use crate::types::Digest;
use crate::types::normalized;

pub(crate) static PIPENV: Tool =
    Tool { name: "pipenv", plugin: None, setting: "", versions: include_str!("../../data/exporters/pipenv.txt") };

#[derive(Deserialize)]
struct Locked {
    #[serde(rename = "_meta")]
    meta: Meta,
    #[serde(flatten)]
    categories: BTreeMap<String, BTreeMap<String, Package>>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    hash: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    /// A URL or a path.
    file: Option<String>,
    path: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
}

pub(crate) fn requirements(lock: &Lock, selection: &Selection, tool: &Ready<'_>) -> anyhow::Result<SecretString> {
    let locked = text::read(&lock.project, Utf8Path::new("Pipfile.lock"))?;
    let locked: Locked = text::json(&lock.path, &locked)?;
    let pipfile = text::read(&lock.project, Utf8Path::new("Pipfile"))?;
    let pipfile: Table = text::toml(Utf8Path::new("Pipfile"), &pipfile)?;
    if !locked.meta.hash.get("sha256").is_some_and(|hash| hashes(&pipfile).contains(hash)) {
        return Err(stale(lock).into());
    }
    let wanted = |category: &&String| match category.as_str() {
        "default" => true,
        "develop" => selection.groups.contains("dev"),
        name => selection.groups.contains(&normalized(name)),
    };
    let categories: Vec<&str> = locked.categories.keys().filter(wanted).map(String::as_str).collect();
    let categories = categories.join(",");
    let own = tool.place("pipenv");
    let answer = tool.ask(
        &["pipenv", "requirements", "--hash", "--categories", &categories],
        &[
            ("PIPENV_PIPFILE", lock.project.join("Pipfile").as_str()),
            ("PIPENV_CACHE_DIR", own.as_str()),
            ("WORKON_HOME", own.as_str()),
            ("PIPENV_DONT_LOAD_ENV", "1"),
            ("PIPENV_NOSPIN", "1"),
            // No messages about virtual environments.
            ("PIPENV_VERBOSITY", "-1"),
        ],
    )?;
    if !answer.status.success() {
        return Err(failed("Pipenv", lock, &answer).into());
    }
    let lines: Vec<String> = answer.text.expose_secret().lines().map(|line| named(line, &locked)).collect();
    Ok((lines.join("\n") + "\n").into())
}

/// A line of Pipenv, completed by the name and the hashes that it leaves out for distributions that are not from an
/// index.
fn named(line: &str, locked: &Locked) -> String {
    let (place, rest) = line.split_at(line.find("; ").unwrap_or(line.len()));
    // pip's old form, `-e git+https://host/repository@commit#egg=name&subdirectory=folder`
    if let Some((place, egg)) = place.trim_start_matches("-e ").split_once("#egg=") {
        let (name, subdirectory) =
            egg.split_once('&').map_or((egg, String::new()), |(name, rest)| (name, format!("#{rest}")));
        return format!("{name} @ {place}{subdirectory} {rest}").trim_end().to_owned();
    }
    let mut packages = locked.categories.values().flatten();
    let is_here = |(_, package): &(&String, &Package)| {
        [&package.file, &package.path].into_iter().any(|known| known.as_deref() == Some(place.trim_end()))
    };
    match packages.find(is_here) {
        Some((name, package)) => {
            let named =
                if place.contains("://") { format!("{name} @ {place} {rest}") } else { format!("{place} {rest}") };
            let named = named.trim_end().to_owned();
            // Several hashes are those of all files on PyPI for the version, but this is one file.
            if let [hash] = package.hashes.as_slice() { named + " --hash=" + hash } else { named }
        }
        // Before 2026, Pipenv wrote a distribution that it did not lock because of a marker as `name*`.
        _ if place.ends_with('*') && !place.contains('=') => format!("{}{rest}", place.trim_end_matches('*')),
        _ => line.to_owned(),
    }
}

/// The hashes that a lock made from this `Pipfile` may have: by current Pipenv, and by Pipenv before it compared
/// normalized names.
///
/// Pipenv's own check supports only one of them, and reports valid locks of other versions as out of date. Source:
/// `calculate_hash` in <https://github.com/pypa/pipenv/blob/main/pipenv/utils/pipfile.py>.
fn hashes(pipfile: &Table) -> [String; 2] {
    let part = |name: &str| pipfile.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let sources = pipfile.get("source").cloned().unwrap_or_else(|| {
        let pypi = "source = [{ name = 'pypi', url = 'https://pypi.org/simple', verify_ssl = true }]";
        pypi.parse::<Table>().expect("is TOML")["source"].clone()
    });
    let meta = Table::from_iter([("sources".to_owned(), sources), ("requires".to_owned(), part("requires").into())]);
    let hash = |name_of: fn(&str) -> String| {
        let packages = |name: &str| {
            Value::from(part(name).into_iter().map(|(name, value)| (name_of(&name), value)).collect::<Table>())
        };
        let mut content = Table::from_iter([
            ("_meta".to_owned(), Value::from(meta.clone())),
            ("default".to_owned(), packages("packages")),
            ("develop".to_owned(), packages("dev-packages")),
        ]);
        let own = pipfile.keys().filter(|name| !SECTIONS.contains(&name.as_str()));
        content.extend(own.map(|name| (name.clone(), packages(name))));
        Digest::of(as_python(&content).as_bytes()).hex()
    };
    [hash(normalized), hash(str::to_owned)]
}

/// Tables of a `Pipfile` that are not the project's own categories.
const SECTIONS: &[&str] =
    &["source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "default", "develop"];

/// JSON in ASCII, as Python's `json.dumps(…, sort_keys=True, separators=(",", ":"))` writes it.
fn as_python(value: &Table) -> String {
    let mut text = String::new();
    // A TOML table is sorted; JSON may keep its own order.
    for character in serde_json::to_string(value).expect("TOML fits into JSON").chars() {
        match character {
            ' '..='~' => text.push(character),
            _ => character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text += &format!("\\u{unit:04x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_pipenvs_hashes_are_known() {
        let pipfile = "[[source]]\nname = \"pypi\"\nurl = \"https://pypi.org/simple\"\nverify_ssl = true\n[packages]\nSphinx = \"*\"\nrequests = { version = \"*\", extras = [\"socks\"] }\n[docs_site]\n\"jaraco.text\" = \"*\"\n[scripts]\ngruss = \"echo ß\"\n";
        let pipfile: Table = pipfile.parse().expect("is TOML");
        // The values that Pipenv 2026.10.3 and its `plette` compute.
        assert_eq!(
            hashes(&pipfile),
            [
                "a3922172f72660afa152b987131aacb1238a55a83cc182b8e4d6931dd80aac03",
                "db7d7b2b9d6c2c334fbbb899d7bfa4e11d2b585ab988318b70ca4847ae3aaa23"
            ]
        );
    }

    #[test]
    fn json_is_written_as_by_python() {
        let table: Table = "b = \"ß𝄞\"\na = [\"\\u007f\\n\"]\n".parse().expect("is TOML");
        assert_eq!(as_python(&table), r#"{"a":["\u007f\n"],"b":"\u00df\ud834\udd1e"}"#);
    }

    #[test]
    fn what_is_not_from_an_index_gets_its_name() {
        let locked = r#"{"_meta": {"hash": {}}, "default": {"idna": {"file": "https://h/idna.whl", "hashes": ["sha256:aa"]}, "lib": {"path": "./lib"}, "own": {"file": "./own.whl", "hashes": ["sha256:cc"]}}}"#;
        let locked: Locked = serde_json::from_str(locked).expect("is JSON");
        let lines = [
            "-e git+https://h/r@1#egg=gitlib&subdirectory=x; python_version > '3'",
            "git+https://h/r@1#egg=gitlib[a]",
            "https://h/idna.whl",
            "-e ./lib",
            "./own.whl; python_version > '3'",
            "tomli*; python_version < '3.11'",
            "six==1.17.0; python_version > '3' --hash=sha256:bb",
        ];
        insta::assert_snapshot!(lines.map(|line| named(line, &locked)).join("\n"), @r"
        gitlib @ git+https://h/r@1#subdirectory=x ; python_version > '3'
        gitlib[a] @ git+https://h/r@1
        idna @ https://h/idna.whl --hash=sha256:aa
        -e ./lib
        ./own.whl ; python_version > '3' --hash=sha256:cc
        tomli; python_version < '3.11'
        six==1.17.0; python_version > '3' --hash=sha256:bb
        ");
    }
}
