//! Installing with uv, which knows every target from every machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::explain::{self, Availability};
use super::failed_build;
use super::git::Git;
use super::installer::{Installer, Request};
use super::interpreter::Host;
use super::leftovers::Leftovers;
use super::process;
use super::settings;
use super::unmet;
use crate::console::Console;
use crate::environment::Environment;
use crate::error::Failure;
use crate::facts;
use crate::secrets::SecretUrl;
use crate::types::{DistributionName, Target};

#[derive(Debug)]
pub(super) struct Uv {
    program: Utf8PathBuf,
    version: String,
}

/// Platforms to look for wheels on when the target has none, oldest first, as uv names them.
const OTHER_PLATFORMS: &[&str] =
    &["manylinux_2_17", "manylinux_2_28", "manylinux_2_31", "manylinux_2_34", "manylinux_2_40"];

/// The uv on `PATH`, else the pinned one, installed through pip into this program's cache.
pub(crate) fn program(host: &Host, environment: &Environment, console: &Console) -> anyhow::Result<Utf8PathBuf> {
    let on_path = environment
        .get("PATH")
        .into_iter()
        .flat_map(|path| path.split(':'))
        .map(|folder| Utf8Path::new(folder).join("uv"));
    match on_path.into_iter().find(|program| program.is_file()) {
        Some(program) => Ok(program),
        None => provision(host, environment, console),
    }
}

impl Uv {
    pub(super) fn find(request: &Request<'_>) -> anyhow::Result<Self> {
        let Request { host, environment, console, .. } = request;
        let program = program(host, environment, console)?;
        let version = process::version(process::command(program.as_str(), Utf8Path::new("/"), environment));
        let version = version.with_context(|| format!("`{program}` does not run"))?;
        Ok(Self { program, version })
    }

    fn pip(&self, subcommand: &str, request: &Request<'_>) -> Command {
        let mut command = process::command(self.program.as_str(), &request.spec.folder, request.environment);
        command.args(["pip", subcommand, "--python", request.host.executable.as_str()]);
        command.args(request.settings.of_uv());
        command.args(["--no-python-downloads", "--no-progress", "--color", "never"]);
        command.args(["--python-version", &request.spec.target.python.to_string()]);
        let indexes = request.indexes;
        // In the environment, because arguments can be read by everyone on the machine.
        if let Some(url) = &indexes.default {
            command.env("UV_DEFAULT_INDEX", url.exposed());
        }
        if !indexes.first.is_empty() {
            let urls: Vec<String> = indexes.first.iter().map(SecretUrl::exposed_with_name).collect();
            command.env("UV_INDEX", urls.join(" "));
        }
        if request.manifest.pre {
            command.args(["--prerelease", "allow"]);
        }
        for host in &request.manifest.trusted_hosts {
            command.args(["--allow-insecure-host", host]);
        }
        command
    }

    fn install_for_target(&self, request: &Request<'_>) -> Command {
        let Request { spec, destination, .. } = request;
        let mut command = self.pip("install", request);
        command.args(["--target", destination.as_str(), "--no-compile-bytecode", "--no-editable"]);
        command.args(["--python-platform", &platform_for(&spec.target.python.runtime().uv_platform, spec.target)]);
        command
    }

    /// Installs a project, built as a wheel, without what it depends on.
    pub(super) fn project_command(&self, folder: &Utf8Path, request: &Request<'_>) -> Command {
        let mut command = self.install_for_target(request);
        // Sources of `[tool.uv]` are places beside the project.
        command.args(["--no-deps", "--no-sources", "--", folder.as_str()]);
        command
    }

    fn install_command(&self, request: &Request<'_>, built: &Built) -> Command {
        let spec = request.spec;
        let mut command = self.install_for_target(request);
        if settings::refreshes(spec, request.manifest) {
            command.arg("--refresh");
        }
        if built.nameless {
            // Their dependencies may be built as well.
            for name in request.manifest.names().filter(|name| !built.names.contains_key(name)) {
                command.args(["--only-binary", &name]);
            }
        } else {
            command.args(["--only-binary", ":all:"]);
            for name in built.names.keys() {
                command.args(["--no-binary", name]);
            }
        }
        if spec.dependencies.no_deps || request.manifest.is_locked {
            command.arg("--no-deps");
        }
        // What is built from a repository or a folder has no hash; uv checks those that there are in any case.
        // Nothing but the lock's own gets installed, so that constraints beside it, which uv would want hashed, may have none.
        let is_whole = request.manifest.is_hashed() && spec.dependencies.constraints.is_empty();
        let is_required = request.manifest.require_hashes && (!request.manifest.is_locked || is_whole);
        if is_required {
            command.arg("--require-hashes");
        }
        if request.manifest.joined.is_some() {
            command.args(["--requirements", "-"]);
        } else {
            for file in &spec.dependencies.requirements {
                command.args(["--requirements", file.as_str()]);
            }
        }
        for file in &spec.dependencies.constraints {
            command.args(["--constraints", file.as_str()]);
        }
        command
    }

    /// What uv says of indexes that refuse: when it asks all of them it takes such a one for one that has nothing.
    fn refusals(&self, request: &Request<'_>, git: &Git, built: &Built) -> anyhow::Result<String> {
        let mut command = self.install_command(request, built);
        git.tell(&mut command);
        command.arg("--dry-run");
        let name = format!("{}, index by index", self.name());
        let outcome = process::run_with_input(command, git.requirements.as_ref(), &name, request.console)?;
        Ok(explain::refusals_of_uv(&outcome.output))
    }

    /// What `requirement` resolves to with wheels alone, as `name==version`.
    fn resolve_wheel(&self, requirement: &str, platform: &str, request: &Request<'_>) -> Option<String> {
        let mut command = self.pip("compile", request);
        command.args([
            "--quiet",
            "--no-header",
            "--no-annotate",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--python-platform",
        ]);
        command.args([&platform_for(platform, request.spec.target), "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        child.stdin.take()?.write_all(requirement.as_bytes()).ok()?;
        let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().find(|line| line.contains("==")).map(|line| line.trim().to_owned())
    }

    /// Where there are wheels of a distribution that has none for the target.
    fn availability(&self, name: &str, version: Option<&str>, request: &Request<'_>) -> Availability {
        let target = request.spec.target.python.runtime();
        let newest = self.resolve_wheel(name, &target.uv_platform, request);
        let asked = || request.manifest.asked_of(name).unwrap_or_else(|| name.to_owned());
        let wanted = version.map_or_else(asked, |version| format!("{name}=={version}"));
        let elsewhere =
            OTHER_PLATFORMS.iter().find(|platform| self.resolve_wheel(&wanted, platform, request).is_some());
        Availability {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            platform: elsewhere.map(|platform| (*platform).to_owned()),
            newest_that_fits: newest.and_then(|text| text.split_once("==").map(|(_, version)| version.to_owned())),
        }
    }
}

fn platform_for(platform: &str, target: Target) -> String {
    format!("{}-{platform}", target.architecture.machine())
}

impl Installer for Uv {
    fn name(&self) -> String {
        format!("uv {}", self.version)
    }

    /// Wheels first, so that the result is the same on every machine: an unpinned requirement gets its newest version
    /// with a fitting wheel and not the newest that this machine would compile. Only what has none is built, and uv
    /// refuses the wheel that comes of it if it does not fit the target: for another Python or processor than this
    /// machine's, it has to be of Python alone.
    fn install(&self, request: &Request<'_>) -> anyhow::Result<BTreeSet<DistributionName>> {
        let Request { spec, host, console, .. } = request;
        let mut built = Built::default();
        let _leftovers = Leftovers::watch(spec, request.manifest);
        let git = Git::new(request.manifest.joined.as_ref(), request.environment);
        loop {
            let mut command = self.install_command(request, &built);
            git.tell(&mut command);
            // With its hash a distribution is the locked one, whichever index it comes from.
            let is_fixed = request.manifest.is_locked && request.manifest.names_are_hashed();
            let asks_all = is_fixed && !request.indexes.first.is_empty();
            if asks_all {
                command.args(["--index-strategy", "unsafe-best-match"]);
            }
            let mut outcome = process::run_with_input(command, git.requirements.as_ref(), &self.name(), console)?;
            if outcome.status.success() {
                let names = built.names.keys().map(String::as_str).chain(explain::built(&outcome.output));
                return Ok(names.filter_map(|name| name.parse().ok()).collect());
            }
            if !built.nameless && explain::needs_nameless_build(&outcome.output) {
                built.nameless = true;
                continue;
            }
            // The index knows nothing of a project in the workspace, and should not be asked for its name.
            let is_project = explain::is_project(&outcome.output);
            let missing = explain::without_wheels(&outcome.output);
            let new = missing.iter().filter(|(name, _)| !built.names.contains_key(*name));
            let new: Vec<(&String, Option<Availability>)> = new
                .map(|(name, version)| {
                    (name, (!is_project).then(|| self.availability(name, version.as_deref(), request)))
                })
                .collect();
            // What has wheels for newer systems holds compiled code, which would come out too new from here as well.
            let is_compiled =
                |found: &Option<Availability>| found.as_ref().is_some_and(|found| found.platform.is_some());
            let hopeless = !host.can_compile_for(spec.target) && new.iter().any(|(_, found)| is_compiled(found));
            let is_forbidden = !is_project && new.iter().any(|(name, _)| request.manifest.forbids_build(name));
            if new.is_empty() || hopeless || is_forbidden {
                if asks_all && explain::misses_a_name(&outcome.output) {
                    outcome.output += &self.refusals(request, &git, &built)?;
                }
                let of_this_attempt = new.into_iter().filter_map(|(_, found)| found).collect::<Vec<_>>();
                let of_earlier = built.names.into_values().flatten().collect::<Vec<_>>();
                let cannot_compile = !host.can_build_for(spec.target);
                if let Some(failure) =
                    failed_build::compiled_elsewhere(&outcome.output, request, &of_earlier).filter(|_| cannot_compile)
                {
                    return Err(failure.into());
                }
                if let Some(failure) = unmet::no_version(&outcome.output, &of_earlier, request.manifest, spec.target) {
                    return Err(failure.into());
                }
                let failure = explain::failed_install("uv", &outcome.output, request, &of_this_attempt, cannot_compile);
                return Err(failure.into());
            }
            for (name, found) in new {
                console.note(&format!("`{name}` has no wheel for {}: it is built here", spec.target));
                built.names.insert(name.clone(), found);
            }
        }
    }
}

/// What may be built from source.
#[derive(Debug, Default)]
struct Built {
    /// By name; with what the index has, if it comes from one.
    names: BTreeMap<String, Option<Availability>>,
    /// Projects that have to be built to know their names, too.
    nameless: bool,
}

fn provision(host: &Host, environment: &Environment, console: &Console) -> anyhow::Result<Utf8PathBuf> {
    let version = &facts::tools().uv;
    let cache = environment.cache_directory().ok_or_else(|| {
        Failure::system(format!("there is no uv on PATH, and no home to keep uv {version} in"))
            .hint("install uv, or set XDG_CACHE_HOME")
    })?;
    let program = cache.join(format!("uv-{version}/bin/uv"));
    if program.is_file() {
        return Ok(program);
    }
    let step = console.step(format!("Get uv {version}"));
    fs_err::create_dir_all(&cache)?;
    let folder = tempfile::tempdir_in(&cache)?;
    let folder = crate::files::utf8(folder.path())?;
    let mut command = process::command(host.executable.as_str(), Utf8Path::new("/"), environment);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    command.args(["--target", folder.as_str(), &format!("uv=={version}")]);
    let outcome = process::run(command, "pip", console)?;
    if !outcome.status.success() {
        let failure = Failure::system(format!("there is no uv on PATH, and pip could not get uv {version}"));
        return Err(failure
            .causes(explain::last_lines(&outcome.output))
            .hint("install uv (https://docs.astral.sh/uv/), or pip for this Python")
            .into());
    }
    // Another run may have been faster; then its uv serves.
    let place = cache.join(format!("uv-{version}"));
    if let Err(error) = fs_err::rename(folder, &place)
        && !program.is_file()
    {
        return Err(error).with_context(|| format!("cannot keep uv in `{place}`"));
    }
    step.done(format!("there is none on PATH; kept in {place}"));
    Ok(program)
}
