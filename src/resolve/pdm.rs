//! Exports `pdm.lock` with PDM.

use secrecy::{ExposeSecret as _, SecretString};

use super::export::{failed, stale};
use super::paths;
use super::tool::{Ready, Tool};
use crate::error::{Failure, alternatives};
use crate::manifest::{Lock, Selection};

pub(crate) static PDM: Tool =
    Tool { name: "pdm", plugin: None, setting: "", versions: include_str!("../../data/exporters/pdm.txt") };

/// The exit code of the script if PDM finds that the lock does not fit.
const STALE: i32 = 3;

pub(crate) fn requirements(lock: &Lock, selection: &Selection, tool: &Ready<'_>) -> anyhow::Result<SecretString> {
    let (own, script) = (tool.place("pdm"), tool.place("export.py"));
    fs_err::write(&script, include_str!("pdm.py"))?;
    // For PDM, extras are groups, too.
    let groups = selection.groups.union(&selection.extras).map(String::as_str);
    let command: Vec<&str> = ["python", "-I", script.as_str()].into_iter().chain(groups).collect();
    let answer = tool.ask(
        &command,
        &[
            ("PDM_CONFIG_FILE", own.join("config.toml").as_str()),
            ("PDM_CACHE_DIR", own.join("cache").as_str()),
            ("PDM_LOG_DIR", own.join("log").as_str()),
            ("PDM_LOCKFILE", lock.project.join("pdm.lock").as_str()),
            ("PDM_CHECK_UPDATE", "0"),
        ],
    )?;
    match answer.status.code() {
        Some(0) => Ok(paths::from_project(answer.text.expose_secret(), &lock.project).into()),
        Some(STALE) => Err(stale(lock).into()),
        _ => Err(unlocked(lock, &answer.said).unwrap_or_else(|| failed("PDM", lock, &answer)).into()),
    }
}

/// The failure if an extra was not locked: PDM locks extras only on request.
fn unlocked(lock: &Lock, said: &str) -> Option<Failure> {
    let (_, names) = said.lines().find_map(|line| line.split_once("Requested groups not in lockfile: "))?;
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    let options: String = names.iter().fold(String::new(), |options, name| options + " --group " + name);
    Some(
        Failure::user(format!("`{}` was locked without {}", lock.path, alternatives(names)))
            .hint(format!("run `pdm lock{options}` and commit the result")),
    )
}
