//! Starts the program, each time in a folder and an environment of its own, and reads what it leaves behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;
use tempfile::TempDir;

pub(crate) use crate::servers::{FileServer, Moto, dead_port};
pub(crate) use crate::tools::{environment, tools};

/// Says that this machine lacks what a test needs; `cargo test` shows that also for tests that pass.
#[track_caller]
pub(crate) fn skipped(because: &str) {
    let file = std::panic::Location::caller().file();
    writeln!(std::io::stderr(), "SKIPPED in {file}: {because}").expect("can be written");
}

/// A folder with a workspace, a home and a cache; removed in the end.
pub(crate) struct Sandbox {
    root: Utf8PathBuf,
    _keep: TempDir,
}

impl Sandbox {
    /// With an empty workspace.
    pub(crate) fn new() -> Self {
        // Where uv's cache is as well, so that installing is linking.
        let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs_err::create_dir_all(folder).expect("can be made");
        let keep = tempfile::Builder::new().prefix("run-").tempdir_in(folder).expect("can be made");
        let root = Utf8PathBuf::try_from(keep.path().canonicalize().expect("exists")).expect("is UTF-8");
        // The workspace is the repository, which must not be the one of this program.
        fs_err::create_dir_all(root.join("work/.git")).expect("can be made");
        fs_err::create_dir_all(root.join("home")).expect("can be made");
        Self { root, _keep: keep }
    }

    /// With a `requirements.txt`.
    pub(crate) fn with_requirements(text: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("requirements.txt", text);
        sandbox
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// A path in the workspace.
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.root.join("work").join(path)
    }

    /// Writes a file of the workspace.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().expect("has a parent")).expect("can be made");
        fs_err::write(path, text).expect("can be written");
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path(path)).expect("is there")
    }

    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(path)).expect("is JSON")
    }

    /// Programs of these names that note their arguments (see `trapped`) and fail. Gives their folder, to be put in
    /// front of `PATH`.
    pub(crate) fn trap(&self, names: &[&str]) -> Utf8PathBuf {
        let folder = self.root.join("trap");
        for name in names {
            let calls = self.root.join("calls");
            self.program(&format!("trap/{name}"), &format!("echo \"{name} $*\" >> '{calls}'\nexit 1\n"));
        }
        folder
    }

    /// What was called of the trap's programs.
    pub(crate) fn trapped(&self) -> String {
        fs_err::read_to_string(self.root.join("calls")).unwrap_or_default()
    }

    /// Writes a shell script that can be run, beside the workspace.
    pub(crate) fn program(&self, path: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.root.join(path);
        fs_err::create_dir_all(path.parent().expect("has a parent")).expect("can be made");
        fs_err::write(&path, format!("#!/bin/sh\n{script}")).expect("can be written");
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("can be changed");
    }

    /// A run of the program in the workspace, of nothing but these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::new(&self.root, arguments)
    }

    /// Everything in the workspace: files with their bytes, folders without.
    pub(crate) fn tree(&self) -> std::collections::BTreeMap<Utf8PathBuf, Vec<u8>> {
        let mut files = std::collections::BTreeMap::new();
        for entry in walkdir::WalkDir::new(self.root.join("work")) {
            let entry = entry.expect("is readable");
            let path = Utf8PathBuf::try_from(entry.path().to_owned()).expect("is UTF-8");
            let bytes =
                if entry.file_type().is_file() { fs_err::read(&path).expect("is readable") } else { Vec::new() };
            files.insert(path, bytes);
        }
        files
    }
}

/// A run to be started.
pub(crate) struct Run {
    command: Command,
    root: Utf8PathBuf,
}

impl Run {
    fn new(root: &Utf8Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-layer"));
        command.args(arguments).current_dir(root.join("work")).env_clear().envs(crate::tools::passed_on());
        command.env("PATH", tools().path()).env("HOME", root.join("home")).env("XDG_CACHE_HOME", root.join("cache"));
        // The stand-ins for AWS do what they do at once.
        command.env("LAMBDA_LAYER_PUBLISH_SECONDS", "2");
        // An interpreter that a test did not ask for is not fetched.
        command.env("UV_PYTHON_DOWNLOADS", "never");
        // As in the image of a Python, so that what is said where nobody chose one is left to the tests about that.
        command.env("LAMBDA_LAYER_PYTHON_VERSION", lambda_layer::facts::default_python());
        // What a test finds there, it has left there itself.
        command.env("LAMBDA_LAYER_CACHE_DIR", root.join("layer-cache"));
        // What was downloaded once serves every test.
        command.env("UV_CACHE_DIR", crate::tools::cache("uv")).env("PIP_CACHE_DIR", crate::tools::cache("pip"));
        Self { command, root: root.to_owned() }
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// As outside of the image of a Python: the project says which one it is for, or nobody.
    pub(crate) fn without_python(self) -> Self {
        self.env("LAMBDA_LAYER_PYTHON_VERSION", "")
    }

    /// Puts a folder in front of `PATH`.
    pub(crate) fn path_first(self, folder: &Utf8Path) -> Self {
        let path = format!("{folder}:{}", tools().path());
        self.env("PATH", path)
    }

    /// Starts with this mask for the modes of new files.
    pub(crate) fn umask(mut self, mask: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "umask \"$0\" && exec \"$@\"", mask]).arg(self.command.get_program());
        command.args(self.command.get_args()).current_dir(self.root.join("work")).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = command;
        self
    }

    /// Without the right of root to look into every process, which containers do not have either.
    pub(crate) fn without_tracing(mut self) -> Self {
        let drop = "setpriv --bounding-set -sys_ptrace,-perfmon,-sys_admin";
        let script = format!("! {drop} true 2>/dev/null || exec {drop} \"$0\" \"$@\"; exec \"$0\" \"$@\"");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).arg(self.command.get_program());
        command.args(self.command.get_args()).current_dir(self.root.join("work")).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = command;
        self
    }

    /// As a step of a workflow, with inputs by their names; outputs and summary end up in files of the sandbox.
    pub(crate) fn in_actions(mut self, inputs: &[(&str, &str)]) -> Self {
        for (name, value) in inputs {
            // The runner keeps the hyphens.
            self.command.env(format!("INPUT_{}", name.to_uppercase()), value);
        }
        let (outputs, summary) = (self.root.join("outputs"), self.root.join("summary.md"));
        for file in [&outputs, &summary] {
            fs_err::write(file, "").expect("can be written");
        }
        let workspace = self.root.join("work");
        self.env("GITHUB_ACTIONS", "true")
            .env("CI", "true")
            .env("GITHUB_OUTPUT", outputs)
            .env("GITHUB_STEP_SUMMARY", summary)
            .env("GITHUB_WORKSPACE", workspace)
    }

    /// Which Pythons this machine has would decide what is in each layer and what is said of it, so only tests that
    /// say so ask for bytecode and imports.
    fn without_interpreter(&mut self) {
        let arguments: Vec<&str> = self.command.get_args().filter_map(|argument| argument.to_str()).collect();
        let is_build = arguments.iter().any(|argument| ["build", "publish", "plan", "preview"].contains(argument));
        let names: Vec<_> = self.command.get_envs().filter_map(|(name, _)| name.to_str()).collect();
        let is_step = arguments.is_empty() && names.iter().any(|name| name.starts_with("INPUT_"));
        let mut options: Vec<[&str; 2]> = Vec::new();
        let mut inputs: Vec<[&str; 2]> = Vec::new();
        for (option, input, value) in
            [("--bytecode", "INPUT_BYTECODE", "none"), ("--smoke-test", "INPUT_SMOKE-TEST", "off")]
        {
            if is_build && !arguments.iter().any(|argument| argument.starts_with(option)) {
                options.push([option, value]);
            }
            if is_step && !names.contains(&input) {
                inputs.push([input, value]);
            }
        }
        // What is known of packages differs from day to day, so only tests about that ask for it; an empty value is the default.
        let looks_up =
            ["audit", "preview"].into_iter().any(|name| arguments.first().is_some_and(|first| *first == name));
        if looks_up && !arguments.contains(&"--vulnerabilities") {
            options.push(["--vulnerabilities", "off"]);
        }
        if is_step && !names.contains(&"INPUT_VULNERABILITIES") {
            inputs.push(["INPUT_VULNERABILITIES", "off"]);
        }
        self.command.args(options.concat());
        self.command.envs(inputs.into_iter().map(|[name, value]| (name, value)));
    }

    /// Runs to the end.
    pub(crate) fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Runs beside the test.
    pub(crate) fn start(mut self) -> Running {
        self.without_interpreter();
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(self.command.spawn().expect("can be started")), root: self.root }
    }
}

/// A run under way; killed if nobody waits for it.
pub(crate) struct Running {
    child: Option<Child>,
    root: Utf8PathBuf,
}

impl Running {
    pub(crate) fn wait(mut self) -> Outcome {
        let child = self.child.take().expect("is waited for once");
        let output = child.wait_with_output().expect("can be waited for");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("is UTF-8"),
            root: self.root.clone(),
        }
    }

    /// What `kill` of a shell sends: `TERM`, `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("can be started");
        assert!(sent.success(), "runs still");
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(mut self) {
        let mut child = self.child.take().expect("is killed once");
        child.kill().expect("is ours");
        child.wait().expect("can be waited for");
    }

    /// SIGKILL, once it has said `text` on standard error.
    pub(crate) fn kill_after(mut self, text: &str) {
        let mut child = self.child.take().expect("is killed once");
        let lines = BufReader::new(child.stderr.take().expect("is piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.contains(text)), "ended before it said `{text}`");
        child.kill().expect("is ours");
        child.wait().expect("can be waited for");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// What a run left behind.
pub(crate) struct Outcome {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    root: Utf8PathBuf,
}

impl Outcome {
    /// Passes on a run that ended with this code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.code(0)
    }

    /// Everything a person sees, for a snapshot.
    pub(crate) fn told(&self) -> String {
        let code = self.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
        scrub(&format!("exit: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr), &self.root)
    }

    /// Whether it was said, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "does not say `{text}`\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The outputs of a step, read as the runner does.
    pub(crate) fn outputs(&self) -> std::collections::BTreeMap<String, String> {
        let text = fs_err::read_to_string(self.root.join("outputs")).expect("is there");
        let mut outputs = std::collections::BTreeMap::new();
        let mut lines = text.lines();
        while let Some(head) = lines.next() {
            let (name, delimiter) = head.split_once("<<").expect("is a heredoc");
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            assert!(outputs.insert(name.to_owned(), value.join("\n")).is_none(), "`{name}` stands twice");
        }
        outputs
    }

    /// The job summary.
    pub(crate) fn summary(&self) -> String {
        scrub(&without_links(&self.summary_with_links()), &self.root)
    }

    pub(crate) fn summary_with_links(&self) -> String {
        fs_err::read_to_string(self.root.join("summary.md")).expect("is there")
    }
}

/// Without the links from findings to their pages: they are there as soon as `Cargo.toml` says where this repository is.
pub(crate) fn without_links(text: &str) -> String {
    let link = Regex::new(r"\[([a-z-]+)\]\(https://[^)\s]*/docs/findings\.md#[a-z-]+\)").expect("is a pattern");
    link.replace_all(text, "$1").into_owned()
}

/// The repository of a copy of this action, as a runner names it.
pub(crate) fn action_repository() -> String {
    format!("acme/{}", env!("CARGO_PKG_REPOSITORY").rsplit('/').next().expect("has a name"))
}

/// Takes out what differs from run to run: times, folders, hashes.
fn scrub(text: &str, root: &Utf8Path) -> String {
    let text = text.replace(root.as_str(), "[ROOT]");
    let lines = text.lines().map(|line| {
        let line = scrub_time(line).unwrap_or_else(|| line.to_owned());
        let words = line.split_inclusive([' ', '`', '"', '\'']).map(scrub_word);
        words.collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The time at the start of a step's line: `  12 ms  Decide`.
fn scrub_time(line: &str) -> Option<String> {
    let (number, rest) = line.trim_start().split_once(' ')?;
    let (unit, rest) = rest.split_once("  ")?;
    let is_time = number.parse::<f64>().is_ok() && matches!(unit, "ms" | "s");
    is_time.then(|| format!("  [time]  {rest}"))
}

/// Hexadecimal SHA-256, also shortened, and Base64 of one.
fn scrub_word(word: &str) -> String {
    let bare = word.trim_end_matches([' ', '`', '"', '\'', ',', ';', '.']);
    let rest = &word[bare.len()..];
    let is_hex = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64 = bare.len() == 44 && bare.ends_with('=');
    match (is_hex, is_base64) {
        (true, _) => format!("[sha256]{rest}"),
        (_, true) => format!("[base64]{rest}"),
        _ => word.to_owned(),
    }
}
