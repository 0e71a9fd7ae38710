//! Passes the settings of a project to its installer, as files in the build's folder.

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::installer::Request;
use crate::error::Failure;
use crate::layer::Distribution;
use crate::manifest::Manifest;
use crate::{facts, manifest};

/// The settings that installer commands get in addition to the requirements.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// A `uv.toml`; `None` if there are no settings.
    configuration: Option<Utf8PathBuf>,
    constraints: Option<Utf8PathBuf>,
    build_constraints: Option<Utf8PathBuf>,
}

/// The first pip that has `--build-constraint` (<https://pip.pypa.io/en/stable/news/#v25-3>).
const PIP_WITH_BUILD_CONSTRAINTS: (u32, u32) = (25, 3);

impl Settings {
    /// Writes the settings for resolving and installing requirements into `folder`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn of_requirements(manifest: &Manifest, folder: &Utf8Path) -> anyhow::Result<Self> {
        let mut table = manifest.settings.table.clone();
        // A dependency that requires the project means the user's own, which is not in the layer, and not one from an
        // index.
        let own = manifest.settings.projects.iter().map(|name| Value::String(name.clone()));
        let excluded = table.entry("exclude-dependencies").or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(excluded) = excluded {
            excluded.extend(own);
        }
        Self::write(table, folder, "requirements")
    }

    /// Writes the settings for building a project alone into `folder`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn of_builds(manifest: &Manifest, folder: &Utf8Path) -> anyhow::Result<Self> {
        let mut table = manifest.settings.table.clone();
        table.retain(|name, _| facts::uv_projects().building.iter().any(|known| known == name));
        Self::write(table, folder, "builds")
    }

    fn write(mut table: Table, folder: &Utf8Path, name: &str) -> anyhow::Result<Self> {
        table.retain(|_, value| value.as_array().is_none_or(|values| !values.is_empty()));
        if table.is_empty() {
            return Ok(Self::default());
        }
        let list = |key: &str, file: &str| {
            let Some(Value::Array(values)) = table.get(key) else { return Ok(None) };
            let lines: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            let path = folder.join(format!("{name}.{file}.txt"));
            fs_err::write(&path, lines.join("\n")).map(|()| Some(path))
        };
        let constraints = list("constraint-dependencies", "constraints")?;
        let build_constraints = list("build-constraint-dependencies", "build-constraints")?;
        let path = folder.join(format!("{name}.uv.toml"));
        let lines: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
        fs_err::write(&path, lines.join("\n"))?;
        Ok(Self { configuration: Some(path), constraints, build_constraints })
    }

    /// The arguments for `uv pip compile` and `uv pip install`: they use this configuration and no other.
    pub(super) fn of_uv(&self) -> Vec<&str> {
        match &self.configuration {
            Some(path) => vec!["--config-file", path.as_str()],
            None => vec!["--no-config"],
        }
    }

    /// The arguments for `pip install`; `version` is pip's.
    ///
    /// # Errors
    /// A user error if this version of pip does not support a setting.
    pub(super) fn of_pip(&self, version: &str) -> Result<Vec<&str>, Failure> {
        let mut arguments: Vec<&str> =
            self.constraints.iter().flat_map(|path| ["--constraint", path.as_str()]).collect();
        if let Some(path) = &self.build_constraints {
            let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
            if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < PIP_WITH_BUILD_CONSTRAINTS {
                let (major, minor) = PIP_WITH_BUILD_CONSTRAINTS;
                let failure = Failure::user(format!("pip {version} does not support `build-constraint-dependencies`"));
                return Err(failure.hint(format!("use `installer: uv`, or install pip {major}.{minor} or newer")));
            }
            arguments.extend(["--build-constraint", path.as_str()]);
        }
        Ok(arguments)
    }
}

/// Whether uv must not use its cache: it recognizes local packages only by their names.
pub(super) fn refreshes(request: &Request<'_>) -> bool {
    let dependencies = &request.spec.dependencies;
    let is_place = |name: &String| name.ends_with("FIND_LINKS");
    // Without a network, uv cannot refresh its cache.
    let is_offline = request.environment.is_on("UV_OFFLINE") || dependencies.configured.contains_key("UV_OFFLINE");
    let is_local = !dependencies.packages.is_empty() || dependencies.variables.keys().any(is_place);
    !is_offline && (is_local || dependencies.refresh)
}

/// Refuses a distribution from an index with the name of the user's project, which pip installs if another depends on
/// it.
pub(super) fn check_own_names(manifest: &Manifest, distributions: &[Distribution]) -> Result<(), Failure> {
    let settings: &manifest::Settings = &manifest.settings;
    let is_own = |found: &&Distribution| settings.projects.contains(found.name.as_str()) && !found.is_local;
    let Some(found) = distributions.iter().find(is_own) else { return Ok(()) };
    let failure = Failure::user(format!(
        "`{}` was installed from an index, although it is the name of the project itself",
        found.name
    ));
    let failure = failure.cause("an installed distribution depends on it, and pip cannot leave it out");
    Err(failure.hint("use `installer: uv`, or change the `name` of the project"))
}

/// A value on one line of TOML (<https://toml.io/en/v1.0.0>).
fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{} = {}", text(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::String(string) => text(string),
        Value::Datetime(time) => time.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
    }
}

/// A basic string of TOML: the escapes of JSON, and one more.
fn text(string: &str) -> String {
    serde_json::Value::from(string).to_string().replace('\u{7f}', "\\u007F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_they_were_read() {
        let written = "a = [\"b\\\"c\\\\\", 1, true]\nd = { \"e f\" = [{ x = 1.5 }], g = 2026-01-01T00:00:00Z }\n";
        let table: Table = toml::from_str(written).expect("is TOML");
        let lines: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
        assert_eq!(toml::from_str::<Table>(&lines.join("\n")).expect("is TOML"), table);
    }

    #[test]
    fn pip_gets_what_it_has_a_way_for() {
        let settings = Settings { build_constraints: Some("/b.txt".into()), ..Settings::default() };
        assert_eq!(settings.of_pip("25.3").expect("is new enough"), ["--build-constraint", "/b.txt"]);
        assert!(settings.of_pip("25.2.1").is_err());
        assert!(Settings::default().of_pip("20.0").expect("asks for nothing").is_empty());
    }
}
