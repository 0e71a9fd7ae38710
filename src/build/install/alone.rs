//! Requirements for distributions that are installed alone: one again, from the same place as before, or those that the
//! cache does not have.

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::installer::Request;
use crate::layer::Distribution;
use crate::manifest::Manifest;
use crate::secrets::without_credentials;

/// The lines of a requirement file, with the options of the manifest. They may contain credentials.
///
/// # Errors
/// The distribution's `direct_url.json` (<https://packaging.python.org/en/latest/specifications/direct-url/>) cannot be
/// read.
pub(super) fn requirement(distribution: &Distribution, request: &Request<'_>) -> anyhow::Result<SecretString> {
    let text = request.manifest.text.expose_secret();
    let record = request.destination.join(&distribution.info).join("direct_url.json");
    let direct: Value = match fs_err::read(record) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => Value::Null,
    };
    let line = if direct["url"].is_string() {
        format!("{} @ {}", distribution.spelling, place(&direct, text))
    } else {
        let named = request.manifest.requirements.iter().filter(|one| one.name().as_ref() == Some(&distribution.name));
        let hashes = named.flat_map(|one| &one.hashes).flat_map(|hash| [" --hash=", hash.as_str()]);
        format!("{}=={}{}", distribution.spelling, distribution.version, hashes.collect::<String>())
    };
    Ok(file([line.as_str()], request.manifest))
}

/// A requirement file with these lines and the options of the manifest, except `--require-hashes`: not every line has
/// one. It may contain credentials.
pub(super) fn file<'a>(lines: impl IntoIterator<Item = &'a str>, manifest: &'a Manifest) -> SecretString {
    let is_option = |line: &&str| {
        line.starts_with('-') && !["-e", "--editable", "--require-hashes"].iter().any(|one| line.starts_with(one))
    };
    let lines = manifest.text.expose_secret().lines().filter(is_option).chain(lines);
    lines.flat_map(|line| [line, "\n"]).collect::<String>().into()
}

/// The URL that the distribution was installed from. Installers record it without credentials, so the URL of the
/// matching requirement is taken.
fn place(direct: &Value, requirements: &str) -> String {
    let url = direct["url"].as_str().unwrap_or_default();
    let part = |name: &str| direct["vcs_info"][name].as_str().unwrap_or_default();
    let below = direct["subdirectory"].as_str().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
    if direct["vcs_info"].is_object() {
        return format!("{}+{url}@{}{below}", part("vcs"), part("commit_id"));
    }
    let same = |word: &&str| bare(word).is_some_and(|word| Some(word) == bare(url));
    let given = requirements.split_whitespace().find(same).unwrap_or(url);
    format!("{}{below}", given.split('#').next().unwrap_or(given))
}

/// The URL without credentials, query and fragment; `None` if it is not a URL.
fn bare(url: &str) -> Option<String> {
    let url = Some(url).filter(|url| url.contains("://")).map(without_credentials)?;
    Some(percent_decode_str(url.split(['#', '?']).next()?).decode_utf8_lossy().into_owned())
}
