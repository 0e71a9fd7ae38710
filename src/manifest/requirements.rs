//! Reads `requirements.txt` with everything that pip allows in it: nested files, constraints, hashes, markers, options,
//! URLs, paths.
//!
//! Installing is the installer's job. It gets the files as they are if every tool reads them in the same way, otherwise
//! one equivalent text that all of them understand. What is read here decides whether anything changed, refuses
//! unreadable lines, and finds the secrets to keep out of logs.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use pep508_rs::VersionOrUrl;
use secrecy::SecretString;

use super::lines::{Line, logical_lines};
use super::options::{nearest_option, split_option};
use super::placed::beside;
use super::requirement::{Local, Options, Requirement, RequirementKind, is_url, marker_of, split_options};
use super::{Asked, Manifest, ManifestFile, editable, hashes, kind, local_digest, neighbours, text};
use crate::environment::Environment;
use crate::error::{Failure, Problems};
use crate::facts::Kind;
use crate::secrets::without_credentials;
use crate::types::{Digest, pep508};
use crate::{environment, files};

/// How a nested file is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Requirements,
    Constraints,
}

/// Reads files and those that they refer to, one after the other.
pub(super) struct Reader<'a> {
    pub(super) folder: &'a Utf8Path,
    pub(super) workspace: &'a Utf8Path,
    pub(super) environment: &'a Environment,
    /// The files being read, outermost first, to notice a file that includes itself.
    open: Vec<Utf8PathBuf>,
    /// Files that were already read; naming them again adds nothing.
    known: BTreeSet<(Utf8PathBuf, Role)>,
    pub(super) manifest: Manifest,
    pub(super) problems: &'a mut Problems,
    /// The lines for [`Manifest::joined`].
    pub(super) lines: Vec<String>,
    /// Whether the files cannot be passed on as they are.
    pub(super) must_join: bool,
    /// Whether paths are relative to the folder of the file that contains them. Otherwise they are first relative to
    /// the working directory, as in pip.
    pub(super) is_beside: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(asked: &Asked<'a>, problems: &'a mut Problems) -> Self {
        Self {
            folder: asked.folder,
            workspace: asked.workspace,
            environment: asked.environment,
            open: Vec::new(),
            known: BTreeSet::new(),
            manifest: Manifest::default(),
            problems,
            lines: Vec::new(),
            must_join: false,
            is_beside: false,
        }
    }

    pub(super) fn finish(self) -> Manifest {
        let mut manifest = self.manifest;
        manifest.text = SecretString::from(self.lines.join("\n") + "\n");
        manifest.joined = self.must_join.then(|| manifest.text.clone());
        // As in pip. But hashes in a lock do not require hashes in a list beside it.
        let is_listed = |requirement: &Requirement| !Kind::of(&requirement.file).is_lock();
        let is_mixed = manifest.requirements.iter().any(is_listed);
        let mut hashed = manifest.requirements.iter().filter(|requirement| !requirement.hashes.is_empty());
        manifest.require_hashes |= hashed.any(|requirement| !is_mixed || is_listed(requirement));
        manifest
    }
}

/// The deepest nesting of files.
const DEEPEST: usize = 100;

impl Reader<'_> {
    pub(super) fn read(&mut self, path: &Utf8Path, role: Role) {
        if self.open.iter().any(|open| open == path) {
            let chain: Vec<&str> = self.open.iter().map(|open| open.as_str()).chain([path.as_str()]).collect();
            let failure = Failure::user(format!("`{path}` includes itself: {}", chain.join(" → ")));
            self.problems.push(failure.hint("remove one of the `-r` lines"));
            return;
        }
        if !self.known.insert((path.to_owned(), role)) {
            return;
        }
        if self.open.len() >= DEEPEST {
            let failure =
                Failure::user(format!("`{path}` is at the end of a chain of more than {DEEPEST} included files"));
            self.problems.push(failure.hint("include it from a file closer to the first one"));
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

    /// Refuses variables that are hidden from the installer, which could not fill them in.
    fn refuse_hidden_variables(&mut self, path: &Utf8Path, text: &str) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let names = line.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
            for name in names.filter(|name| environment::is_hidden(name)) {
                let failure =
                    Failure::user(format!("{path}:{}: `${{{name}}}` is not passed on to installers", index + 1));
                self.problems.push(failure.hint("set the value under another name in the `env` of the step"));
            }
        }
    }

    /// Adds lines that replace a file's own, each with the number of the line that it replaces.
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

    /// Adds options that a file has in another form. Paths are relative to the working directory.
    pub(super) fn take_options(&mut self, file: &Utf8Path, lines: &[String]) {
        for text in lines {
            let line = Line::written(text);
            if let Err(failure) = self.option(Utf8Path::new(""), Role::Requirements, &line) {
                self.problems.push(Failure { message: format!("{file}: {}", failure.message), ..failure });
            }
        }
    }

    /// Reads a constraint that a file has in another form.
    pub(super) fn constraint(&mut self, file: &Utf8Path, text: &str) -> Result<Requirement, Failure> {
        let (requirement, _) = self.requirement(file, &Line::written(text), text).map_err(|failure| {
            let message = format!("{file}: {}", failure.message);
            Failure { message, ..failure }
        })?;
        Ok(requirement)
    }

    fn line(&mut self, file: &Utf8Path, role: Role, line: &Line) -> Result<(), Failure> {
        if role == Role::Constraints && line.is_broken {
            return Err(Failure::user("a constraint spans several lines, which uv does not support")
                .hint("write it on one line"));
        }
        if line.text.starts_with('-') {
            return self.option(file, role, line);
        }
        let (requirement, changed) = self.requirement(file, line, &line.text)?;
        match role {
            Role::Requirements => {
                self.manifest.requirements.push(requirement);
                self.hand_on(line, changed);
            }
            // The installer reads the file with the constraints itself.
            Role::Constraints if self.is_moved(file, &line.text) => return Err(unclear_constraint(&line.text)),
            Role::Constraints => self.manifest.constraints.push(requirement),
        }
        Ok(())
    }

    /// Adds a line to [`Manifest::joined`], or `changed` if that is the form that every tool understands.
    pub(super) fn hand_on(&mut self, line: &Line, changed: Option<String>) {
        // git must not get the credentials in this form, see `build/install/git.rs`.
        let has_credentials = line.text.contains("git+http") && without_credentials(&line.text) != line.text;
        let changed = changed.or_else(|| has_credentials.then(|| line.text.clone()));
        self.must_join |= line.is_broken || changed.is_some();
        self.lines.push(changed.unwrap_or_else(|| line.as_written.clone()));
    }

    fn option(&mut self, file: &Utf8Path, role: Role, line: &Line) -> Result<(), Failure> {
        let (name, value) = split_option(&line.text);
        let needs_value = || {
            let failure = Failure::user(format!("`{name}` has no value"));
            if value.is_empty() { Err(failure.hint("write the value after it, on the same line")) } else { Ok(value) }
        };
        // uv does not support `-rfile`, and ignores options in nested constraints.
        let spelled = (role == Role::Constraints || !line.text[name.len()..].starts_with([' ', '=', '\t']))
            .then(|| format!("{name} {value}").trim_end().to_owned());
        match name {
            "-r" | "--requirement" => self.nested(file, (role, role), needs_value()?, spelled.is_some())?,
            "-c" | "--constraint" => {
                self.nested(file, (role, Role::Constraints), needs_value()?, spelled.is_some())?;
            }
            "-e" | "--editable" if role == Role::Constraints => {
                let failure =
                    Failure::user(format!("`{}` is editable, which is not allowed for a constraint", line.text));
                return Err(failure.hint("constrain the version instead, or move the line to the requirements"));
            }
            "-e" | "--editable" => {
                let text = editable::as_files(needs_value()?)?;
                let (requirement, changed) = self.requirement(file, line, &text)?;
                self.manifest.requirements.push(requirement);
                self.hand_on(line, changed.or(Some(text)));
            }
            "-i" | "--index-url" | "--pypi-url" | "--extra-index-url" | "-f" | "--find-links" => {
                let name = match name {
                    "-i" | "--pypi-url" => "--index-url",
                    "-f" => "--find-links",
                    long => long,
                };
                self.place(file, name, needs_value()?, line, spelled.is_some())?;
            }
            "--trusted-host" => {
                let host = needs_value()?.to_owned();
                self.manifest.trusted_hosts.push(host);
                self.hand_on(line, spelled);
            }
            "--no-binary" | "--only-binary" => {
                let names = needs_value()?;
                self.manifest.options.push(format!("{name} {names}"));
                self.hand_on(line, spelled);
            }
            "--pre" => {
                self.manifest.pre = true;
                self.manifest.options.push(name.to_owned());
                self.hand_on(line, spelled);
            }
            "--require-hashes" => {
                self.manifest.require_hashes = true;
                self.hand_on(line, spelled);
            }
            "--no-index" => {
                self.manifest.options.push(name.to_owned());
                self.hand_on(line, spelled);
            }
            // These options affect how pip works, not what it installs for a fixed platform.
            "--prefer-binary" | "--use-feature" => self.hand_on(line, None),
            _ => return Err(nearest_option(name)),
        }
        Ok(())
    }

    /// Reads the file in a line of another file that is read as `outer`.
    fn nested(
        &mut self,
        file: &Utf8Path,
        (outer, role): (Role, Role),
        name: &str,
        is_respelled: bool,
    ) -> Result<(), Failure> {
        let option = if role == Role::Constraints { "--constraint" } else { "--requirement" };
        // The tool that reads a constraints file also reads the files in it.
        let is_handed_on = outer == Role::Requirements;
        self.must_join |= is_handed_on && is_respelled;
        if is_remote(name) {
            // Only the installer reads its content. Like the version of an unpinned requirement, it is known after the
            // build.
            self.manifest.secrets.add_urls_in(name);
            self.manifest.options.push(format!("{option} {}", without_credentials(name)));
            self.lines.extend(is_handed_on.then(|| format!("{option} {name}")));
            return Ok(());
        }
        let path = beside(file, name);
        if !self.folder.join(&path).exists() {
            let failure = files::missing("", self.folder, &path);
            return Err(match files::nearest_sibling(self.folder, &path) {
                Some(_) => failure,
                None => failure.hint(format!("paths in `{file}` are relative to its folder")),
            });
        }
        // The joined text already contains the lines of other files.
        let full = self.folder.join(&path);
        self.lines.extend((is_handed_on && role == Role::Constraints).then(|| format!("{option} {full}")));
        self.read(&path, role);
        Ok(())
    }

    /// Reads a requirement, and its line if tools need another form than `text`.
    fn requirement(
        &mut self,
        file: &Utf8Path,
        line: &Line,
        text: &str,
    ) -> Result<(Requirement, Option<String>), Failure> {
        let whole = text;
        let (text, Options { hashes, settings }) = split_options(text)?;
        let mut changed = None;
        let kind = if let Some(local) = Local::read(text) {
            let path = self.placed(file, Utf8Path::new(&local.path));
            let mut digest = local_digest(self.folder, self.workspace, &path)?;
            self.manifest.local.insert(path.clone());
            let full = self.folder.join(&path);
            if full.is_file()
                && let Ok(Some(false)) = hashes::compare(&full, &hashes)
            {
                let path = path.strip_prefix(".").unwrap_or(&path);
                let failure = Failure::user(format!("`{path}` does not match its expected hash"));
                return Err(failure.hint("find out who changed the file; if the change is intended, update the hash"));
            }
            if self.folder.join(&path).is_dir() {
                if !["pyproject.toml", "setup.py"].iter().any(|name| self.folder.join(&path).join(name).is_file()) {
                    let failure = Failure::user(format!("`{path}` has neither `pyproject.toml` nor `setup.py`"));
                    return Err(
                        failure.hint("give the folder of a project; for packages without a project, use `source`")
                    );
                }
                self.manifest.projects.insert(path.clone());
                for neighbour in neighbours::of(&self.folder.join(&path), self.workspace) {
                    let neighbour = files::relative(self.folder, &neighbour);
                    let more = local_digest(self.folder, self.workspace, &neighbour)?;
                    digest = Digest::of(format!("{}{}", digest.hex(), more.hex()).as_bytes());
                    self.manifest.local.insert(neighbour);
                }
            }
            if !local.is_plain(&path) {
                changed = Some(format!("{}{}", local.line(&path), &whole[text.len()..]));
            }
            let name = path.file_name().unwrap_or(path.as_str());
            RequirementKind::Path { text: format!("{name}{}", local.extras), marker: marker_of(text)?, digest }
        } else if is_url(text) {
            let url = text.split_whitespace().next().unwrap_or(text);
            self.manifest.secrets.add_urls_in(url);
            RequirementKind::Url { url: without_credentials(url), marker: marker_of(text)? }
        } else {
            let parsed = pep508::requirement(text).map_err(|error| {
                let reason = error.message.to_string();
                Failure::user(format!(
                    "`{}` is not a valid requirement: {}",
                    without_credentials(text),
                    // The reason may contain the URL.
                    without_credentials(reason.lines().next().unwrap_or_default())
                ))
                .hint("use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`")
            })?;
            if let Some(VersionOrUrl::Url(url)) = &parsed.version_or_url {
                self.manifest.secrets.add_urls_in(url.raw().as_str());
            }
            RequirementKind::Named(Box::new(parsed))
        };
        Ok((Requirement { file: file.to_owned(), line: line.number, kind, hashes, settings }, changed))
    }
}

fn unclear_constraint(text: &str) -> Failure {
    let failure = Failure::user(format!("`{text}` is a constraint that tools interpret differently"));
    failure.hint("write `name @ file:` followed by the path relative to the working directory")
}

fn is_remote(name: &str) -> bool {
    name.contains("://") && !name.starts_with("file:")
}

/// The digest of the file's bytes and of the values of its variables, except for credentials.
fn digest_of_file(text: &str, lines: &[Line]) -> Digest {
    let mut hashed = text.to_owned();
    if text.contains("${") {
        hashed.extend(lines.iter().map(|line| format!("\n{}", without_credentials(&line.text))));
    }
    Digest::of(hashed.as_bytes())
}
