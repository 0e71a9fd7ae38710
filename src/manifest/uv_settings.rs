//! Reads the configuration files that uv finds for a folder: the indexes in them, and settings that affect what is
//! installed (<https://docs.astral.sh/uv/concepts/configuration-files/>).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use toml::{Table, Value};

use super::lock::index_urls;
use super::project::{IndexTable, PYPI};
use super::text;
use crate::environment::{Environment, uv_workspace};
use crate::error::{Failure, Problems};
use crate::secrets::{SecretUrl, Secrets, credentials, without_credentials};
use crate::{facts, files};

/// The files, and their content.
#[derive(Clone, Debug, Default)]
pub struct UvSettings {
    /// The project's file first, then the user's, then the system's. The first value of a setting counts, and lists are
    /// joined.
    files: Vec<File>,
}

#[derive(Clone, Debug)]
struct File {
    /// The path, absolute.
    path: Utf8PathBuf,
    settings: Table,
    secrets: Secrets,
}

impl UvSettings {
    /// Reads the files for `folder` (absolute). In a workflow, files above the checked-out repository do not belong to
    /// the project.
    ///
    /// # Errors
    /// A user error for a file that uv cannot read either.
    pub fn of(folder: &Utf8Path, environment: &Environment) -> Result<Self, Failure> {
        let folder = &files::normalize(folder).unwrap_or_else(|| folder.to_owned());
        if let Some(named) = environment.get("UV_CONFIG_FILE") {
            let path = folder.join(named);
            let file = File::read(&path)?.ok_or_else(|| {
                let failure = Failure::user(format!("`UV_CONFIG_FILE` is `{named}`, which does not exist"));
                failure.hint("correct the path, which is relative to the working directory, or unset the variable")
            })?;
            return Ok(Self { files: vec![file] });
        }
        if environment.is_on("UV_NO_CONFIG") {
            return Ok(Self::default());
        }
        let project = of_project(folder, environment)?;
        let user = environment.get("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
        let user = user.or_else(|| environment.get("HOME").map(|home| Utf8Path::new(home).join(".config")));
        let user = user.map(|folder| File::read(&folder.join("uv/uv.toml"))).transpose()?.flatten();
        let system = environment.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg").split(':').chain(["/etc"]);
        let mut system = system.map(|folder| Utf8Path::new(folder).join("uv/uv.toml")).filter(|path| path.is_file());
        let system = system.next().map(|path| File::read(&path)).transpose()?.flatten();
        Ok(Self { files: project.into_iter().chain(user).chain(system).collect() })
    }

    /// The paths of the files, absolute.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        self.files.iter().for_each(|file| secrets.extend(&file.secrets));
        secrets
    }

    /// The indexes that uv asks for every name, with the one to ask last at the end; empty if that is only PyPI.
    pub fn indexes(&self, environment: &Environment, problems: &mut Problems) -> Vec<SecretUrl> {
        let (mut first, mut default) = (Vec::new(), None);
        for file in &self.files {
            let flat = file.tables().filter(|table| table.get("format").and_then(Value::as_str) == Some("flat"));
            for table in flat.filter(|table| table.get("explicit") != Some(&Value::Boolean(true))) {
                let url = without_credentials(table.get("url").and_then(Value::as_str).unwrap_or_default());
                let failure = Failure::user(format!(
                    "`{}` contains the index `{url}` in the format `flat`, which is not supported",
                    &file.path
                ));
                problems.push(failure.hint("use `find-links` instead of `index` for it"));
            }
            let general = file.indexes().into_iter().filter(|index| !index.explicit);
            let further = self.strings_of(file, "extra-index-url").into_iter().map(|url| IndexTable::new(None, &url));
            for index in general.chain(further).map(|index| file.placed(index)) {
                let urls = index_urls(&file.path, std::slice::from_ref(&index), environment, problems);
                if index.default { default = default.or(urls.into_iter().next()) } else { first.extend(urls) }
            }
        }
        if default.is_none()
            && let Some((file, Value::String(url))) = self.value("index-url")
        {
            let index = file.placed(IndexTable::new(None, url));
            default = index_urls(&file.path, &[index], environment, problems).pop();
        }
        if default.is_none() && !first.is_empty() {
            default = SecretUrl::parse("PyPI", PYPI).ok();
        }
        first.into_iter().chain(default).collect()
    }

    /// The file that forbids uv to use any index, if there is one.
    pub fn no_index(&self) -> Option<&Utf8Path> {
        let (file, value) = self.value("no-index")?;
        (*value == Value::Boolean(true)).then_some(&file.path)
    }

    pub fn require_hashes(&self) -> bool {
        self.value("require-hashes").is_some_and(|(_, value)| *value == Value::Boolean(true))
    }

    /// Variables of uv that have the same meaning as the settings. With `is_locked`, nothing is left to choose.
    pub fn variables(&self, is_locked: bool) -> BTreeMap<String, String> {
        let facts = facts::uv_settings();
        let choices = facts.choices.iter().filter(|_| !is_locked);
        let values = facts.access.iter().chain(choices).filter_map(|(setting, variable)| {
            let value = match self.value(setting)?.1 {
                Value::Array(_) if ["no-binary", "no-build"].contains(&setting.as_str()) => return None,
                Value::Array(_) => self.list(setting).join(if setting == "find-links" { "," } else { " " }),
                Value::String(text) => text.clone(),
                Value::Boolean(is_on) => is_on.to_string(),
                Value::Datetime(time) => time.to_string(),
                Value::Integer(_) | Value::Float(_) | Value::Table(_) => return None,
            };
            Some((variable.clone(), value))
        });
        values.collect()
    }

    /// Settings that affect what is installed but are not supported: file and name.
    pub fn not_heeded(&self) -> Vec<(&Utf8Path, &str)> {
        let names = facts::uv_settings().not_heeded.iter().map(String::as_str);
        let found = self.files.iter().flat_map(|file| {
            let is_list = |name: &str| file.pip().is_some_and(|pip| pip.get(name).is_some_and(Value::is_array));
            let lists = ["no-binary", "no-build"].into_iter().filter(move |name| is_list(name));
            let known = names.clone().filter(|name| file.has(name));
            known.chain(lists).map(|name| (file.path.as_path(), name))
        });
        found.collect()
    }

    /// The first value of a setting, with its file. A value in `[pip]` overrides a general one.
    fn value(&self, name: &str) -> Option<(&File, &Value)> {
        let of_pip = self.files.iter().find_map(|file| Some((file, file.pip()?.get(name)?)));
        of_pip.or_else(|| self.files.iter().find_map(|file| Some((file, file.settings.get(name)?))))
    }

    /// All entries of a setting that is a list. Local paths are absolute.
    fn list(&self, name: &str) -> Vec<String> {
        let is_place = |entry: &str| name == "find-links" && !entry.contains("://");
        let entries = self.files.iter().flat_map(|file| {
            let folder = file.path.parent().unwrap_or(Utf8Path::new("/"));
            let placed = move |entry: String| if is_place(&entry) { folder.join(entry).into_string() } else { entry };
            self.strings_of(file, name).into_iter().map(placed)
        });
        entries.collect()
    }

    /// The entries of one file in a list.
    fn strings_of(&self, file: &File, name: &str) -> Vec<String> {
        let is_of_pip = self.files.iter().any(|file| file.pip().is_some_and(|pip| pip.contains_key(name)));
        let table = if is_of_pip { file.pip() } else { Some(&file.settings) };
        let entries = table.and_then(|table| table.get(name)?.as_array()).into_iter().flatten();
        entries.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

impl File {
    /// Reads a `uv.toml`; `None` if there is none.
    fn read(path: &Utf8Path) -> Result<Option<Self>, Failure> {
        let Ok(content) = fs_err::read_to_string(path) else { return Ok(None) };
        let failed = |failure: Failure| failure.hint("correct the file at this position: uv cannot read it either");
        let settings: Table = text::toml(path, &content).map_err(failed)?;
        Ok(Some(Self::new(path, settings, &content)))
    }

    fn new(path: &Utf8Path, settings: Table, content: &str) -> Self {
        let mut secrets = Secrets::default();
        secrets.add_urls_in(content);
        Self { path: path.to_owned(), settings, secrets }
    }

    /// Reads the settings of uv in a `pyproject.toml`.
    fn of_project(path: &Utf8Path) -> Option<Self> {
        let content = fs_err::read_to_string(path).ok()?;
        let mut project: Table = content.parse().ok()?;
        let Some(Value::Table(settings)) = project.get_mut("tool")?.as_table_mut()?.remove("uv") else { return None };
        Some(Self::new(path, settings, &content))
    }

    fn pip(&self) -> Option<&Table> {
        self.settings.get("pip")?.as_table()
    }

    fn has(&self, name: &str) -> bool {
        let is_set = |value: &Value| match value {
            Value::Array(entries) => !entries.is_empty(),
            Value::Table(entries) => !entries.is_empty(),
            Value::Boolean(is_on) => *is_on,
            _ => true,
        };
        [Some(&self.settings), self.pip()].into_iter().flatten().any(|table| table.get(name).is_some_and(is_set))
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.settings.get("index").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
    }

    /// An index with its path, if it is a folder, relative to the file.
    fn placed(&self, index: IndexTable) -> IndexTable {
        let home = self.path.parent().unwrap_or(Utf8Path::new("/"));
        let folder = index.url.as_deref().filter(|url| !url.contains("://")).map(|url| home.join(url));
        let url = folder.and_then(|folder| files::normalize(&folder)).map(|folder| format!("file://{folder}"));
        IndexTable { url: url.or(index.url), ..index }
    }

    fn indexes(&self) -> Vec<IndexTable> {
        self.tables().filter_map(|table| table.clone().try_into().ok()).collect()
    }
}

/// The first `uv.toml`, or `pyproject.toml` with settings for uv, from the root of the folder's workspace upwards.
fn of_project(folder: &Utf8Path, environment: &Environment) -> Result<Option<File>, Failure> {
    let limit = environment.runner_workspace();
    let is_inside = |folder: &Utf8Path| limit.is_none_or(|limit| folder.starts_with(limit));
    let start = Some(uv_workspace::root(folder)).filter(|root| is_inside(root)).unwrap_or_else(|| folder.to_owned());
    for folder in start.ancestors().take_while(|folder| is_inside(folder)) {
        let file = File::read(&folder.join("uv.toml"))?;
        if let Some(file) = file.or_else(|| File::of_project(&folder.join("pyproject.toml"))) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Configured indexes that may match the index in a lock, for their names and credentials.
#[derive(Debug)]
pub(super) struct KnownIndexes {
    /// Those in files that uv reads itself.
    configured: Vec<IndexTable>,
    /// Those in uv's variables.
    given: Vec<IndexTable>,
}

impl KnownIndexes {
    /// Reads the indexes of the project in `folder` (absolute), of its workspace, of the user and of the system, and
    /// those in variables.
    pub(super) fn of(folder: &Utf8Path, environment: &Environment) -> Self {
        // uv itself reports problems in its files.
        let settings = UvSettings::of(folder, environment).unwrap_or_default();
        // A `uv.toml` in the same folder overrides the settings of a `pyproject.toml`, but not the indexes for sources.
        let folder = files::normalize(folder).unwrap_or_else(|| folder.to_owned());
        let root = uv_workspace::root(&folder);
        let projects = [folder, root];
        let projects = projects.iter().filter_map(|folder| File::of_project(&folder.join("pyproject.toml")));
        let configured = projects.chain(settings.files).flat_map(|file| {
            let plain = ["extra-index-url", "index-url"].into_iter().filter_map(|name| file.settings.get(name));
            let plain = plain.flat_map(|value| match value {
                Value::Array(entries) => entries.clone(),
                value => vec![value.clone()],
            });
            let plain = plain.filter_map(|url| Some(IndexTable::new(None, url.as_str()?)));
            file.indexes().into_iter().chain(plain).collect::<Vec<_>>()
        });
        let given = ["UV_INDEX", "UV_DEFAULT_INDEX"].into_iter().filter_map(|name| environment.get(name));
        let given = given.flat_map(str::split_whitespace).filter_map(|text| {
            let url = SecretUrl::parse("UV_INDEX", text).ok()?;
            Some(IndexTable::new(url.name().map(str::to_owned), url.exposed()))
        });
        Self { configured: configured.collect(), given: given.collect() }
    }

    /// Whether uv finds the index in its files.
    pub(super) fn is_configured(&self, index: &IndexTable) -> bool {
        self.configured.iter().any(|known| is_same(known, index))
    }

    /// The index as it is configured, preferably with credentials.
    pub(super) fn known(&self, index: &IndexTable, environment: &Environment) -> IndexTable {
        if index.name.is_some() {
            return index.clone();
        }
        let has_credentials = |known: &&IndexTable| {
            let url = known.url.as_deref().unwrap_or_default();
            let of_name = known.name.as_deref().and_then(|name| credentials::of_index(name, environment));
            of_name.is_some() || without_credentials(url) != url
        };
        let mut same = self.configured.iter().chain(&self.given).filter(|known| is_same(known, index));
        let first = same.clone().next();
        same.find(has_credentials).or(first).unwrap_or(index).clone()
    }
}

/// Whether both are the same index; a lock contains no credentials.
fn is_same(one: &IndexTable, other: &IndexTable) -> bool {
    let place =
        |index: &IndexTable| index.url.as_deref().map(|url| without_credentials(url).trim_end_matches('/').to_owned());
    place(one).is_some() && place(one) == place(other)
}
