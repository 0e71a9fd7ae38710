//! A row of the table, tried: its workspace, its lock, and the layers that the program builds of it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use lambda_layer::types::Digest;

use super::World;
use super::compare::{differences, shown};
use super::contents::{self, Contents};
use super::network::Network;
use super::packages::{self, project_in};
use super::rows::{Build, LOCKS, Row};
use super::table::Line;
use super::target::Target;
use super::tool::{Answer, Question, Said};
use crate::harness::{Outcome, Sandbox, tools};

/// A row with its files in a sandbox.
pub(super) struct Workspace<'a> {
    file: &'a str,
    row: &'a Row,
    world: &'a World,
    sandbox: Sandbox,
    /// Why there is no lock.
    problem: Option<String>,
    said: Said,
}

impl<'a> Workspace<'a> {
    pub(super) fn make(file: &'a str, row: &'a Row, world: &'a World) -> Self {
        let sandbox = Sandbox::new();
        write(row, &sandbox.path(""), world);
        let mut workspace = Self { file, row, world, sandbox, problem: None, said: Said::default() };
        workspace.problem = workspace.lock().err();
        for (path, changes) in &row.edited {
            if workspace.problem.is_some() {
                break;
            }
            let mut text = workspace.sandbox.read(path);
            for (from, to) in changes {
                let from = regex::RegexBuilder::new(from).multi_line(true).build().expect("is a regular expression");
                assert!(from.is_match(&text), "`{}`: `{path}` has no `{from}`\n{text}", row.input);
                text = from.replace_all(&text, filled(to, world)).into_owned();
            }
            workspace.sandbox.write(path, text);
        }
        for folder in &row.removed {
            fs_err::remove_dir_all(workspace.sandbox.path(folder)).expect("is there");
        }
        workspace
    }

    /// Makes the lock, or takes the one that was made of the same before.
    fn lock(&self) -> Result<(), String> {
        let Some(command) = &self.row.lock else { return Ok(()) };
        let names = ["poetry", "pdm", "pipenv"];
        let tool = names.iter().find(|name| command.starts_with(**name)).map_or(String::new(), |name| {
            let file = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/exporters/{name}.txt"));
            fs_err::read_to_string(file).expect("is there")
        });
        let Row { files, projects, folder, indexes, .. } = self.row;
        let packages = self.world.today.packages.digest();
        let of = format!("{command}{folder}{files:?}{projects:?}{indexes:?}{packages}{tool}{}", tools().path());
        let known = crate::tools::cache("comparison").join(&Digest::of(of.as_bytes()).hex()[..16]);
        if !known.exists() {
            let keep = tempfile::tempdir_in(self.sandbox.root()).expect("can be made");
            let folder = Utf8Path::from_path(keep.path()).expect("is UTF-8");
            write(self.row, folder, self.world);
            self.question(folder, &self.world.today).lock()?;
            let made = tempfile::tempdir_in(self.sandbox.root()).expect("can be made").keep();
            let made = Utf8PathBuf::try_from(made).expect("is UTF-8");
            copy(folder, &made, |path| {
                let file = path.file_name().unwrap_or_default();
                LOCKS.contains(&file) || self.row.manifests().contains(&file.to_owned())
            });
            fs_err::create_dir_all(crate::tools::cache("comparison")).expect("can be made");
            // Another process may have been faster.
            fs_err::rename(&made, &known).ok();
        }
        copy(&known, &self.sandbox.path(""), |_| true);
        Ok(())
    }

    /// Builds everything that the row asks for.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (number, build) in self.row.builds.iter().enumerate() {
            let target = Target::of(build);
            // pip installs for this machine's Python alone.
            let both = if build.python.is_none() && target.is_here() { vec!["uv", "pip"] } else { vec!["uv"] };
            let installers = build.installer.as_deref().map_or(both, |installer| vec![installer]);
            let mut known = None;
            for installer in installers {
                let verdict = if let Some(problem) = &self.problem {
                    Err(problem.clone())
                } else {
                    // The tool goes first: so the program finds in the cache what it needs of PyPI to ask it.
                    let today = &self.world.today;
                    let answer = known.take().unwrap_or_else(|| self.asked(build, &target, installer, today));
                    if self.row.kind() != "requirements" {
                        known = Some(answer.clone());
                    }
                    answer.and_then(|answer| self.verdict(build, &target, installer, answer.as_ref(), number == 0))
                };
                let noise = build.noise.iter().chain(&build.variables).map(|(name, value)| format!("{name}={value}"));
                let asked = [build.groups.clone(), build.extras.clone(), build.arguments.clone(), noise.collect()];
                lines.push(Line {
                    file: self.file.to_owned(),
                    input: self.row.input.clone(),
                    target: target.clone(),
                    asked: asked.concat().join(" "),
                    installer: installer.to_owned(),
                    verdict,
                });
            }
        }
        lines
    }

    fn question<'b>(&'b self, workspace: &'b Utf8Path, network: &'b Network) -> Question<'b> {
        Question { workspace, row: self.row, network, said: &self.said }
    }

    /// What the tool has, if that is asked.
    fn asked(&self, build: &Build, target: &Target, installer: &str, day: &Network) -> Result<Option<Answer>, String> {
        if !build.refused.is_empty() || build.tool_cannot.is_some() {
            return Ok(None);
        }
        let keep = tempfile::tempdir_in(self.sandbox.root()).expect("can be made");
        let workspace = Utf8Path::from_path(keep.path()).expect("is UTF-8").join("work");
        copy(&self.sandbox.path(""), &workspace, |_| true);
        self.question(&workspace, day).answer(build, target, installer).map(Some)
    }

    fn verdict(
        &self,
        build: &Build,
        target: &Target,
        installer: &str,
        answer: Option<&Answer>,
        is_first: bool,
    ) -> Result<String, String> {
        let today = &self.world.today;
        let (outcome, zip) = self.build(build, target, installer, today);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        let mut wrong: Vec<String> = build
            .says
            .iter()
            .filter(|words| !told.contains(*words))
            .map(|words| format!("is not said: {words}"))
            .collect();
        wrong.extend(
            build.never_says.iter().filter(|words| told.contains(*words)).map(|words| format!("is said: {words}")),
        );
        let names = build.never_asks.iter().filter(|name| today.was_asked_for(name));
        wrong.extend(names.map(|name| format!("an index was asked for {name}")));
        if !build.refused.is_empty() {
            if outcome.code != Some(1) {
                wrong.push(format!("is not refused, but has {:?}", Self::contents(&zip)));
            }
            let missing = build.refused.iter().filter(|words| !outcome.stderr.contains(*words));
            wrong.extend(missing.map(|words| format!("is not said: {words}")));
            return right(&wrong, &told, || format!("refused: {}", build.refused.join(" … ")));
        }
        if outcome.code != Some(0) {
            return Err(format!("is not built\n{told}"));
        }
        let layer = Self::contents(&zip);
        wrong.extend(differences(answer, &layer, today));
        if let Some(wanted) = &build.layer {
            let mut found: Vec<String> = layer.iter().map(|(name, installed)| shown(name, installed, wanted)).collect();
            found.sort();
            let mut wanted = wanted.clone();
            wanted.sort();
            if found != wanted {
                wrong.push(format!("has\n  {}\nand should have\n  {}", found.join("\n  "), wanted.join("\n  ")));
            }
        }
        if installer == "uv" {
            wrong.extend(self.with_other_caches(build, target, &zip, is_first));
        }
        if is_first && !self.row.one_day && installer == "uv" {
            wrong.extend(self.later(build, target, &layer, &zip).into_iter().map(|wrong| format!("later, {wrong}")));
        }
        right(&wrong, &told, || format!("equal: {}", layer.len()))
    }

    /// The layer is the same with any cache: with an empty one, and with one of which a part is lost or damaged. The
    /// builds of a row share a cache, so that all but the first find it filled.
    fn with_other_caches(&self, build: &Build, target: &Target, zip: &Utf8Path, is_first: bool) -> Vec<String> {
        let bytes = fs_err::read(zip).expect("is there");
        let (own, other) = (self.sandbox.root().join("layer-cache"), self.sandbox.root().join("other-cache"));
        let mut wrong = Vec::new();
        for state in ["empty", "damaged"].into_iter().skip(usize::from(is_first)) {
            fs_err::remove_dir_all(&other).ok();
            if state == "damaged" {
                copy(&own, &other, |_| true);
                crate::cache::damage(&other);
            }
            let variables = [("LAMBDA_LAYER_CACHE_DIR".to_owned(), other.to_string())].into();
            let (outcome, zip) = self.build_with(build, target, "uv", &self.world.today, &variables);
            if outcome.code != Some(0) {
                wrong.push(format!("with the cache {state}, it is not built\n{}", outcome.stderr));
            } else if fs_err::read(&zip).expect("is there") != bytes {
                let (before, now) = (contents::of_bytes(&bytes), Self::contents(&zip));
                wrong.push(format!("with the cache {state}, it is another layer: {before:?} and {now:?}"));
            }
        }
        fs_err::write(zip, bytes).expect("can be written");
        wrong
    }

    /// What is wrong with the layer of the second day.
    fn later(&self, build: &Build, target: &Target, layer: &Contents, zip: &Utf8Path) -> Vec<String> {
        let day = &self.world.later;
        let bytes = fs_err::read(zip).expect("is there");
        let (outcome, zip) = self.build(build, target, "uv", day);
        if outcome.code != Some(0) {
            return vec![format!("it is not built\n{}", outcome.stderr)];
        }
        let later = contents::of_zip(&zip);
        if self.row.is_lock() || self.row.fixed {
            let is_same = fs_err::read(&zip).expect("is there") == bytes;
            return if is_same { Vec::new() } else { vec![format!("it is another layer: {layer:?} and {later:?}")] };
        }
        self.said.borrow_mut().clear();
        match self.asked(build, target, "uv", day) {
            Ok(answer) => differences(answer.as_ref(), &later, day),
            Err(problem) => vec![problem],
        }
    }

    fn contents(zip: &Utf8Path) -> Contents {
        if zip.exists() { contents::of_zip(zip) } else { Contents::new() }
    }

    fn build(&self, build: &Build, target: &Target, installer: &str, network: &Network) -> (Outcome, Utf8PathBuf) {
        self.build_with(build, target, installer, network, &BTreeMap::new())
    }

    fn build_with(
        &self,
        build: &Build,
        target: &Target,
        installer: &str,
        network: &Network,
        variables: &BTreeMap<String, String>,
    ) -> (Outcome, Utf8PathBuf) {
        let zip = self.sandbox.root().join("layer.zip");
        fs_err::remove_file(&zip).ok();
        let mut run = self.sandbox.run(&["build", "--output", zip.as_str(), "--installer", installer]);
        run = run.args(&["--python-version", &target.python, "--architecture", &target.architecture]);
        let (groups, extras) = (build.groups.join(","), build.extras.join(","));
        let lists = [
            ("--working-directory", self.row.folder.clone()),
            ("--requirements", self.row.requirements.join(",")),
            ("--constraints", self.row.constraints.join(",")),
            ("--groups", groups),
            ("--extras", extras),
        ];
        for (option, value) in lists.iter().filter(|(_, value)| !value.is_empty()) {
            run = run.args(&[option, value]);
        }
        // Locks and projects name their indexes themselves.
        if !self.row.is_lock()
            && let Some((last, first)) = self.row.indexes().split_last()
        {
            run = run.args(&["--index-url", last]);
            if !first.is_empty() {
                run = run.args(&["--extra-index-urls", &first.join(",")]);
            }
        }
        let arguments: Vec<&str> = build.arguments.iter().map(String::as_str).collect();
        run = run.args(&arguments).env("PIP_CONFIG_FILE", "/dev/null").env("PIP_FIND_LINKS", "");
        for (name, value) in network.variables(true) {
            run = run.env(name, value);
        }
        for (name, value) in build.variables.iter().chain(&build.noise).chain(variables) {
            run = run.env(name, value);
        }
        (run.run(), zip)
    }
}

fn right(wrong: &[String], told: &str, verdict: impl FnOnce() -> String) -> Result<String, String> {
    if wrong.is_empty() { Ok(verdict()) } else { Err(format!("{}\n--- said\n{told}", wrong.join("\n"))) }
}

/// Writes the row's files.
fn write(row: &Row, folder: &Utf8Path, world: &World) {
    for (path, table) in &row.projects {
        let place = folder.join(path);
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("app");
        project_in(&place, name, &filled(table, world), path);
    }
    for (path, text) in &row.files {
        let text = filled(text, world);
        if Utf8Path::new(path).extension() == Some("whl") {
            packages::wheel_named(folder, path, &text);
        } else {
            let place = folder.join(path);
            fs_err::create_dir_all(place.parent().expect("has a folder")).expect("can be made");
            fs_err::write(place, text).expect("can be written");
        }
    }
}

/// `{sha256 public/pure-1.0-py3-none-any.whl}` stands for the hash of that file.
fn filled(text: &str, world: &World) -> String {
    let Some((start, rest)) = text.split_once("{sha256 ") else { return text.to_owned() };
    let (origin, end) = rest.split_once('}').expect("is closed");
    let hash = world.today.packages.hash(origin).unwrap_or_else(|| panic!("there is no `{origin}`"));
    format!("{start}{hash}{}", filled(end, world))
}

/// Copies the wanted files of a folder.
fn copy(from: &Utf8Path, to: &Utf8Path, is_wanted: impl Fn(&Utf8Path) -> bool) {
    for entry in walkdir::WalkDir::new(from).into_iter().filter_map(Result::ok) {
        let path = Utf8PathBuf::try_from(entry.into_path()).expect("is UTF-8");
        let place = to.join(path.strip_prefix(from).expect("is below"));
        if path.is_file() && is_wanted(&path) {
            fs_err::create_dir_all(place.parent().expect("has a folder")).expect("can be made");
            fs_err::copy(&path, place).expect("can be copied");
        }
    }
}
