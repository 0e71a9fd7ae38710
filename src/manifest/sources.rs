//! Reads where a project takes its dependencies from (`[tool.uv.sources]`,
//! <https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources>), and writes that into the
//! requirements themselves.

use std::collections::BTreeMap;

use camino::Utf8Path;
use pep508_rs::MarkerTree;
use serde::Deserialize;
use toml::Value;

use super::project::{Project, normalized};
use super::wanted::Wanted;
use crate::error::Failure;
use crate::facts::Kind;
use crate::types::pep508;

/// The sources of a project, by the names of the distributions.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The project's file, for messages.
    file: String,
    own: BTreeMap<String, Vec<Source>>,
    /// Sources that only uv's lock file can resolve, because they are defined in the workspace above.
    of_workspace: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Source {
    git: Option<String>,
    rev: Option<String>,
    tag: Option<String>,
    branch: Option<String>,
    #[serde(default)]
    lfs: bool,
    url: Option<String>,
    subdirectory: Option<String>,
    path: Option<String>,
    /// Ignored, because nothing in a layer is editable.
    #[serde(rename = "editable")]
    _editable: Option<bool>,
    package: Option<bool>,
    index: Option<String>,
    workspace: Option<Value>,
    marker: Option<String>,
    extra: Option<String>,
    group: Option<String>,
}

impl Sources {
    /// The sources of the project, and the names for which the root of its workspace has sources.
    ///
    /// # Errors
    /// A source is not in uv's format.
    pub(super) fn read(
        file: &Utf8Path,
        project: &Project,
        root: Option<(&Utf8Path, &Project)>,
    ) -> Result<Self, Failure> {
        let uv = &project.tool.uv;
        if uv.no_sources {
            return Ok(Self::default());
        }
        let without: Vec<String> = uv.no_sources_package.iter().map(|name| normalized(name)).collect();
        let mut own = BTreeMap::new();
        for (name, value) in &uv.sources {
            let list = if let Value::Array(list) = value { list.clone() } else { vec![value.clone()] };
            let sources =
                list.into_iter().map(Source::deserialize).collect::<Result<Vec<_>, _>>().map_err(|error| {
                    let reason = error.to_string();
                    Failure::user(format!("`{file}` contains an invalid source for `{name}`"))
                        .cause(reason.lines().next().unwrap_or_default().to_owned())
                        .hint(format!("correct it, or run `uv lock` and commit `{}`", Kind::Uv))
                })?;
            own.insert(normalized(name), sources);
        }
        own.retain(|name, _| !without.contains(name));
        let of_root = root
            .into_iter()
            .flat_map(|(path, root)| root.tool.uv.sources.keys().map(move |name| (normalized(name), path.to_string())));
        let of_workspace = of_root.filter(|(name, _)| !own.contains_key(name) && !without.contains(name)).collect();
        Ok(Self { file: file.to_string(), own, of_workspace })
    }

    /// A requirement as lines of a requirement file, one line for each possible source.
    ///
    /// # Errors
    /// Only uv's lock file can resolve its source.
    pub(super) fn lines(&self, wanted: &Wanted) -> Result<Vec<String>, Failure> {
        let Some(name) = wanted.name() else { return Ok(vec![wanted.line()]) };
        if let Some(root) = self.of_workspace.get(&name) {
            return Err(self.only_in_a_lock(&name, &format!(": the source in the workspace of `{root}`")));
        }
        let Some(sources) = self.own.get(&name) else { return Ok(vec![wanted.line()]) };
        let is_meant =
            |asked: Option<&String>, of: Option<&String>| asked.is_none_or(|asked| of == Some(&normalized(asked)));
        let mut lines = Vec::new();
        let mut elsewhere = wanted.marker();
        for source in sources {
            if !is_meant(source.extra.as_ref(), wanted.extra.as_ref())
                || !is_meant(source.group.as_ref(), wanted.group.as_ref())
            {
                continue;
            }
            let marker = self.marker(&name, source)?;
            let mut here = wanted.marker();
            here.and(marker.clone());
            elsewhere.and(marker.negate());
            if !here.is_false() {
                lines.push(self.place(&name, source, wanted, &here)?);
            }
        }
        if !elsewhere.is_false() {
            lines.push(wanted.line_with(&elsewhere));
        }
        Ok(lines)
    }

    fn marker(&self, name: &str, source: &Source) -> Result<MarkerTree, Failure> {
        let Some(marker) = &source.marker else { return Ok(MarkerTree::TRUE) };
        pep508::marker(marker).map_err(|error| {
            let failure =
                Failure::user(format!("`{}` contains a source for `{name}` with an invalid marker", self.file));
            failure
                .cause(error.message.to_string())
                .hint("use the syntax of PEP 508, for example `sys_platform == 'linux'`")
        })
    }

    fn place(&self, name: &str, source: &Source, wanted: &Wanted, marker: &MarkerTree) -> Result<String, Failure> {
        let condition = wanted.condition(marker);
        let extras = wanted.extras();
        let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let fragment = source.subdirectory.as_ref().map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        let is_whole = !source.lfs && source.package != Some(false);
        if let Some(url) = source.git.as_ref().filter(|_| is_whole && source.path.is_none()) {
            let revision = [&source.rev, &source.tag, &source.branch].into_iter().find_map(Option::as_ref);
            let revision = revision.map(|name| format!("@{name}")).unwrap_or_default();
            let scheme = if url.starts_with("git+") { "" } else { "git+" };
            return Ok(format!("{name}{extras} @ {scheme}{url}{revision}{fragment}{condition}"));
        }
        if let Some(url) = source.url.as_ref().filter(|_| is_whole) {
            return Ok(format!("{name}{extras} @ {url}{fragment}{condition}"));
        }
        if let Some(place) = source.path.as_ref().filter(|_| is_whole && source.git.is_none()) {
            let place = if place.starts_with(['.', '/']) { place.clone() } else { format!("./{place}") };
            return Ok(format!("{place}{extras}{condition}"));
        }
        if source.workspace.as_ref().and_then(Value::as_bool) == Some(false) {
            return Ok(wanted.line_with(marker));
        }
        let index = source.index.as_ref().map(|index| format!(": the index `{index}`")).unwrap_or_default();
        Err(self.only_in_a_lock(name, &index))
    }

    fn only_in_a_lock(&self, name: &str, which: &str) -> Failure {
        Failure::user(format!(
            "`{}` installs `{name}` from a source that only uv's lock file supports{which}",
            self.file
        ))
        .hint(format!("run `uv lock` and commit `{}`", Kind::Uv))
    }
}
