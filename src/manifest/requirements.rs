//! `requirements.txt` with everything pip allows in it: nested files, constraints, hashes, markers, options, URLs, paths.
//!
//! Installing is the installer's job, which gets the files as they are. What is read here decides
//! whether anything changed, refuses what cannot be read, and finds the secrets to keep out of logs.

use std::str::FromStr as _;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::VersionOrUrl;
use secrecy::SecretString;

use super::lines::{Line, logical_lines};
use super::requirement::{Options, Requirement, RequirementKind, is_url, local_path, marker_of, split_options};
use super::{Asked, Kind, Manifest, ManifestFile, kind, local_digest, text};
use crate::environment::{self, Environment};
use crate::error::{Failure, Problems, nearest};
use crate::files;
use crate::secrets::without_credentials;
use crate::types::Digest;

/// How a nested file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Requirements,
    Constraints,
}

/// Reads files and what they name, one after the other.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Utf8Path,
    workspace: &'a Utf8Path,
    pub(super) environment: &'a Environment,
    /// The files being read, outermost first, to notice a file that includes itself.
    open: Vec<Utf8PathBuf>,
    pub(super) manifest: Manifest,
    pub(super) problems: &'a mut Problems,
    /// Lines for [`Manifest::joined`].
    lines: Vec<String>,
    /// The files cannot be handed on as they are.
    must_join: bool,
    /// Paths start from the folder of the file that names them; else first from the working directory, as pip has it.
    is_beside: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(asked: &Asked<'a>, problems: &'a mut Problems) -> Self {
        Self {
            folder: asked.folder,
            workspace: asked.workspace,
            environment: asked.environment,
            open: Vec::new(),
            manifest: Manifest::default(),
            problems,
            lines: Vec::new(),
            must_join: false,
            is_beside: false,
        }
    }

    pub(super) fn finish(self) -> Manifest {
        let mut manifest = self.manifest;
        manifest.joined = self.must_join.then(|| SecretString::from(self.lines.join("\n") + "\n"));
        // As in pip; but the hashes of a lock ask for none in a list beside it.
        let is_listed = |requirement: &Requirement| !Kind::of(&requirement.file).is_lock();
        let is_mixed = manifest.requirements.iter().any(is_listed);
        let mut hashed = manifest.requirements.iter().filter(|requirement| !requirement.hashes.is_empty());
        manifest.require_hashes |= hashed.any(|requirement| !is_mixed || is_listed(requirement));
        manifest
    }
}

impl Reader<'_> {
    pub(super) fn read(&mut self, path: &Utf8Path, role: Role) {
        if self.open.iter().any(|open| open == path) {
            let chain: Vec<&str> = self.open.iter().map(|open| open.as_str()).chain([path.as_str()]).collect();
            let failure = Failure::user(format!("`{path}` includes itself: {}", chain.join(" → ")));
            self.problems.push(failure.hint("remove one of the `-r` lines"));
            return;
        }
        let Some(text) = self.problems.check(text::read(self.folder, path)) else { return };
        if self.problems.check(kind::check_list(path, &text)).is_none() {
            return;
        }
        let lines = logical_lines(&text, self.environment);
        self.refuse_hidden_variables(path, &text);
        self.manifest.files.push(ManifestFile { path: path.to_owned(), digest: digest_of_file(&text, &lines) });
        self.open.push(path.to_owned());
        for line in lines {
            if let Err(failure) = self.line(path, role, &line) {
                let place = format!("{path}:{}: {}", line.number, failure.message);
                self.problems.push(Failure { message: place, ..failure });
            }
        }
        self.open.pop();
    }

    /// What the installer does not see it cannot fill in.
    fn refuse_hidden_variables(&mut self, path: &Utf8Path, text: &str) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let names = line.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
            for name in names.filter(|name| environment::is_hidden(name)) {
                let failure = Failure::user(format!("{path}:{}: `${{{name}}}` is kept from installers", index + 1));
                self.problems.push(failure.hint("give the value under another name, in the `env` of the step"));
            }
        }
    }

    /// Takes lines in place of a file's own, each with the number of the line that it stands for.
    pub(super) fn take_lines(&mut self, file: &Utf8Path, lines: Vec<(usize, String)>) {
        (self.must_join, self.is_beside) = (true, true);
        for (number, written) in lines {
            for line in logical_lines(&written, self.environment) {
                let line = Line { number, ..line };
                if let Err(failure) = self.line(file, Role::Requirements, &line) {
                    let place = format!("{file}:{number}: {}", failure.message);
                    self.problems.push(Failure { message: place, ..failure });
                }
            }
        }
        self.is_beside = false;
    }

    fn line(&mut self, file: &Utf8Path, role: Role, line: &Line) -> Result<(), Failure> {
        self.join(file, role, line)?;
        if line.text.starts_with('-') {
            return self.option(file, role, line);
        }
        let requirement = self.requirement(file, line, &line.text)?;
        match role {
            Role::Requirements => self.manifest.requirements.push(requirement),
            Role::Constraints => self.manifest.constraints.push(requirement),
        }
        Ok(())
    }

    fn option(&mut self, file: &Utf8Path, role: Role, line: &Line) -> Result<(), Failure> {
        let (name, value) = split_option(&line.text);
        let needs_value = || {
            let failure = Failure::user(format!("`{name}` has no value"));
            let failure = failure.hint("write it on the same line, behind a space");
            if value.is_empty() { Err(failure) } else { Ok(value) }
        };
        match name {
            "-r" | "--requirement" => self.nested(file, role, needs_value()?)?,
            "-c" | "--constraint" => self.nested(file, Role::Constraints, needs_value()?)?,
            "-e" | "--editable" => {
                let requirement = self.requirement(file, line, needs_value()?)?;
                self.manifest.requirements.push(requirement);
            }
            "-i" | "--index-url" | "--pypi-url" | "--extra-index-url" | "-f" | "--find-links" => {
                let url = needs_value()?;
                self.manifest.secrets.add_url(url);
                let name = match name {
                    "-i" | "--pypi-url" => "--index-url",
                    "-f" => "--find-links",
                    long => long,
                };
                self.manifest.options.push(format!("{name} {}", without_credentials(url)));
            }
            "--trusted-host" => {
                let host = needs_value()?.to_owned();
                self.manifest.trusted_hosts.push(host);
            }
            "--no-binary" | "--only-binary" => {
                let names = needs_value()?;
                self.manifest.options.push(format!("{name} {names}"));
            }
            "--pre" => {
                self.manifest.pre = true;
                self.manifest.options.push(name.to_owned());
            }
            "--require-hashes" => self.manifest.require_hashes = true,
            "--no-index" => self.manifest.options.push(name.to_owned()),
            // These choose how pip works, not what it installs for a fixed platform.
            "--prefer-binary" | "--use-feature" => {}
            _ => {
                let known = [
                    "--index-url",
                    "--extra-index-url",
                    "--find-links",
                    "--no-index",
                    "--no-binary",
                    "--only-binary",
                    "--pre",
                ];
                let known = known.into_iter().chain([
                    "--require-hashes",
                    "--trusted-host",
                    "--requirement",
                    "--constraint",
                    "--editable",
                ]);
                let failure = Failure::user(format!("`{name}` is not an option of requirement files"));
                return Err(match nearest(name, known) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("take it out: it does not say what is installed, or from where"),
                });
            }
        }
        Ok(())
    }

    /// Keeps the line for [`Manifest::joined`]. Nested files are in it themselves; other paths are seen from the
    /// working directory.
    fn join(&mut self, file: &Utf8Path, role: Role, line: &Line) -> Result<(), Failure> {
        if role == Role::Constraints {
            let failure = Failure::user("a constraint that spans lines, which uv does not join");
            return if line.is_broken { Err(failure.hint("write it on one line")) } else { Ok(()) };
        }
        // git must not get them as they stand there, see `build/git.rs`.
        let has_credentials = line.text.contains("git+http") && without_credentials(&line.text) != line.text;
        self.must_join |= line.is_broken || has_credentials;
        let (name, value) = split_option(&line.as_written);
        let joined = match name {
            "-r" | "--requirement" if !is_remote(value) => return Ok(()),
            "-c" | "--constraint" if !is_remote(value) => format!("-c {}", beside(file, value)),
            _ if has_credentials => line.text.clone(),
            _ => match local_path(&line.as_written) {
                Some((path, _)) => line.as_written.replacen(path, self.placed(file, path).as_str(), 1),
                None => line.as_written.clone(),
            },
        };
        self.lines.push(joined);
        Ok(())
    }

    fn nested(&mut self, file: &Utf8Path, role: Role, name: &str) -> Result<(), Failure> {
        if is_remote(name) {
            // What it holds is known to the installer alone; like an unpinned requirement it is read at the build.
            self.manifest.secrets.add_url(name);
            let option = if role == Role::Constraints { "--constraint" } else { "--requirement" };
            self.manifest.options.push(format!("{option} {}", without_credentials(name)));
            return Ok(());
        }
        let path = beside(file, name);
        if !self.folder.join(&path).exists() {
            let failure = files::missing("", self.folder, &path);
            return Err(match files::nearest_sibling(self.folder, &path) {
                Some(_) => failure,
                None => failure.hint(format!("names in `{file}` start from its folder")),
            });
        }
        self.read(&path, role);
        Ok(())
    }

    fn requirement(&mut self, file: &Utf8Path, line: &Line, text: &str) -> Result<Requirement, Failure> {
        let (text, Options { hashes, settings }) = split_options(text)?;
        let kind = if let Some((path, extras)) = local_path(text) {
            let path = self.placed(file, path);
            let digest = local_digest(self.folder, self.workspace, &path)?;
            self.manifest.local.insert(path.clone());
            if self.folder.join(&path).is_dir() {
                if !["pyproject.toml", "setup.py"].iter().any(|name| self.folder.join(&path).join(name).is_file()) {
                    let failure = Failure::user(format!("`{path}` has neither `pyproject.toml` nor `setup.py`"));
                    return Err(failure.hint("name the folder of a project; `source` takes packages without one"));
                }
                self.manifest.projects.insert(path.clone());
            }
            let name = path.file_name().unwrap_or(path.as_str());
            RequirementKind::Path { text: format!("{name}{extras}"), marker: marker_of(text)?, digest }
        } else if is_url(text) {
            let url = text.split_whitespace().next().unwrap_or(text);
            self.manifest.secrets.add_url(url);
            RequirementKind::Url { url: without_credentials(url), marker: marker_of(text)? }
        } else {
            let parsed = pep508_rs::Requirement::<pep508_rs::VerbatimUrl>::from_str(text).map_err(|error| {
                let reason = error.message.to_string();
                Failure::user(format!(
                    "cannot read `{}`: {}",
                    without_credentials(text),
                    // It may repeat the URL.
                    without_credentials(reason.lines().next().unwrap_or_default())
                ))
                .hint("write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`")
            })?;
            if let Some(VersionOrUrl::Url(url)) = &parsed.version_or_url {
                self.manifest.secrets.add_url(url.raw().as_str());
            }
            RequirementKind::Named(Box::new(parsed))
        };
        Ok(Requirement { file: file.to_owned(), line: line.number, kind, hashes, settings })
    }

    /// A path as a requirement gives it, from the working directory: pip resolves it against the folder it runs in,
    /// others against that of the file.
    fn placed(&self, file: &Utf8Path, path: &str) -> Utf8PathBuf {
        let beside = file.parent().unwrap_or(Utf8Path::new("")).join(path);
        let is_here = !self.is_beside && self.folder.join(path).exists();
        if !is_here && self.folder.join(&beside).exists() { beside } else { path.into() }
    }
}

fn is_remote(name: &str) -> bool {
    name.contains("://") && !name.starts_with("file:")
}

/// A file that another one names, from the working directory.
fn beside(file: &Utf8Path, name: &str) -> Utf8PathBuf {
    let name = name.strip_prefix("file://").unwrap_or(name);
    let path = file.parent().unwrap_or(Utf8Path::new("")).join(name);
    // `a/../b.txt` is `b.txt`; a path that climbs out of the folder stays as written.
    if path.is_relative() { files::normalize(&path).unwrap_or(path) } else { path }
}

/// Of its bytes and, where it uses variables, of what they stand for, but for credentials.
fn digest_of_file(text: &str, lines: &[Line]) -> Digest {
    let mut hashed = text.to_owned();
    if text.contains("${") {
        hashed.extend(lines.iter().map(|line| format!("\n{}", without_credentials(&line.text))));
    }
    Digest::of(hashed.as_bytes())
}

/// `--name value`, `--name=value`, `-r value` and `-rvalue`.
fn split_option(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| character == '=' || character.is_whitespace()).unwrap_or(text.len());
    let (name, value) = text.split_at(end);
    if !name.starts_with("--") && name.len() > 2 {
        let (short, attached) = text.split_at(2);
        return (short, attached.trim());
    }
    (name, value.trim_start_matches('=').trim())
}
