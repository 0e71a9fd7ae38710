//! Settings of the installer, from variables and configuration files, that affect what is installed.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::ExposeSecret as _;

use super::{Dependencies, InstallerChoice, Reading};
use crate::environment::installer_variables::Effect;
use crate::environment::{Environment, pip_configuration};
use crate::error::Failure;
use crate::facts::Kind;
use crate::files;
use crate::manifest::UvSettings;
use crate::manifest::local_packages::{KnownPackages, Shelf};
use crate::secrets::without_credentials;

impl Reading<'_> {
    /// The variables for the installer, completed by its configuration files: pip's own for pip; uv's for uv, and for
    /// projects, which name their indexes there.
    pub(super) fn settings(
        &mut self,
        dependencies: &mut Dependencies,
        builds_projects: bool,
        known: &KnownPackages,
    ) -> Environment {
        if dependencies.requirements.is_empty() && !builds_projects {
            return self.environment.clone();
        }
        let is_for_uv = dependencies.installer == InstallerChoice::Uv;
        let of_pip = if is_for_uv { Ok(BTreeMap::new()) } else { pip_configuration::settings(self.environment) };
        let defaults = self.problems.check(of_pip).unwrap_or_default();
        let project = dependencies.requirements.iter().find(|file| Kind::of(file) == Kind::Pyproject).cloned();
        if is_for_uv || project.is_some() {
            self.read_uv(project.as_deref(), is_for_uv, dependencies);
        }
        let of_uv =
            dependencies.configured.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
        let settings = self.environment.with_defaults(defaults).with_defaults(of_uv.collect());
        self.decide(dependencies, &settings, builds_projects, known);
        settings
    }

    /// Reads uv's configuration files. When uv installs, it is started without them.
    fn read_uv(&mut self, project: Option<&Utf8Path>, is_for_uv: bool, dependencies: &mut Dependencies) {
        let start = self.folder.join(project.and_then(Utf8Path::parent).unwrap_or(Utf8Path::new("")));
        let Some(uv) = self.problems.check(UvSettings::of(&start, self.environment)) else { return };
        let is_locked = dependencies.manifest.is_locked;
        if is_for_uv {
            let unset = uv.variables(is_locked).into_iter().filter(|(name, _)| self.environment.get(name).is_none());
            dependencies.configured = unset.map(|(name, value)| (name, value.into())).collect();
        }
        dependencies.manifest.secrets.extend(&uv.secrets());
        if is_locked {
            return;
        }
        dependencies.manifest.require_hashes |= uv.require_hashes() || self.environment.is_on("UV_REQUIRE_HASHES");
        dependencies.manifest.indexes.extend(uv.indexes(self.environment, &mut self.problems));
        // The settings in a project's own files are applied or refused where these are read.
        let read: Vec<_> = dependencies.manifest.files.iter().map(|file| self.folder.join(&file.path)).collect();
        let is_read = |file: &Utf8Path| {
            project.is_some() && read.iter().any(|known| files::normalize(known).as_deref() == Some(file))
        };
        let shown = |file: &Utf8Path| file.strip_prefix(&self.workspace).unwrap_or(file).to_owned();
        for (file, name) in uv.not_heeded().into_iter().filter(|(file, _)| !is_read(file)) {
            dependencies
                .notes
                .push(format!("`{}` contains the uv setting `{name}`, which is ignored here", shown(file)));
        }
        let has_own = dependencies.manifest.options.iter().any(|option| option == "--no-index");
        if let Some(file) = uv.no_index().filter(|_| !has_own) {
            let failure = Failure::user(format!(
                "`{}` contains the uv setting `no-index`, which is not supported here",
                shown(file)
            ));
            let hint = "write `--no-index` and `--find-links` into a requirements file, or remove the setting";
            self.problems.push(failure.hint(hint));
        }
        let files = uv.paths().filter(|path| path.starts_with(&self.workspace));
        dependencies.places.extend(files.map(Utf8Path::to_owned));
    }

    /// The variables that affect what is installed, without credentials. Files and folders that they name are
    /// represented by their bytes.
    fn decide(
        &mut self,
        dependencies: &mut Dependencies,
        settings: &Environment,
        builds_projects: bool,
        known: &KnownPackages,
    ) {
        // uv builds projects, whichever installer is chosen.
        let uses_uv = dependencies.installer == InstallerChoice::Uv || builds_projects;
        let uses_pip = dependencies.installer == InstallerChoice::Pip;
        let is_used = |name: &str| (uses_uv && name.starts_with("UV_")) || (uses_pip && name.starts_with("PIP_"));
        let mut found = BTreeMap::new();
        for name in settings.variables().keys().filter(|name| is_used(name)) {
            let (effect, Some(value)) = (Effect::of(name), settings.get(name)) else { continue };
            let value = match effect {
                Effect::Files => self.entries(name, value, known, &mut dependencies.places),
                // Not only the locations matter, but also the order in which they are asked.
                Effect::Place if name.ends_with("FIND_LINKS") => {
                    self.entries(name, value, known, &mut dependencies.places)
                }
                _ if effect.decides() => without_credentials(value),
                _ => continue,
            };
            found.insert(name.clone(), value);
        }
        dependencies.variables = found;
    }

    /// The entries of a variable, with digests for local ones.
    fn entries(
        &mut self,
        name: &str,
        value: &str,
        known: &KnownPackages,
        places: &mut BTreeSet<Utf8PathBuf>,
    ) -> String {
        // In this variable a space is part of a path.
        let is_by_commas = name == "UV_FIND_LINKS";
        let is_between = |character: char| if is_by_commas { character == ',' } else { character.is_whitespace() };
        let mut shown = Vec::new();
        for entry in value.split(is_between).map(str::trim).filter(|entry| !entry.is_empty()) {
            let path = entry.strip_prefix("file://").unwrap_or(entry);
            let full = self.folder.join(path);
            let is_local = !path.contains("://");
            if is_local && full.exists() {
                let place = files::normalize(&full).unwrap_or(full);
                let Some(offer) = self.problems.check(known.offer(&place, Shelf::Flat)) else { continue };
                let inside = place.strip_prefix(&self.folder).map(Utf8Path::as_str).ok();
                shown.push(inside.or(place.file_name()).unwrap_or_default().to_owned());
                shown.push(offer.digest.hex());
                places.insert(place);
                places.extend(offer.elsewhere.into_keys());
            } else {
                if is_local {
                    let failure = Failure::user(format!("`{name}` refers to `{entry}`, which does not exist"));
                    let hint = "correct the path, which is relative to the working directory, or unset the variable";
                    self.problems.push(failure.hint(hint));
                }
                shown.push(without_credentials(entry));
            }
        }
        shown.join(" ")
    }
}
