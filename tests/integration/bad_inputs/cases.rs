//! One case: files, and a command on them.

use std::sync::LazyLock;

use lambda_layer::cli::{command_names, input_arguments};

use super::chance::Chance;
use super::examples::{self, CONFIGURATION, DEPENDENCIES};
use super::{damage, elf, zips};
use crate::harness::Sandbox;

pub(super) type Files = Vec<(String, Vec<u8>)>;

#[derive(Default)]
pub(super) struct Case {
    /// By their paths in the workspace.
    pub(super) files: Files,
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) needs_installer: bool,
}

impl Case {
    fn of(arguments: &[&str], files: Files) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { files, arguments, ..Self::default() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }
}

/// The cases that `made` damages, as they are before: each has to end well, or nothing but the first line of each file
/// would be tried.
pub(super) fn right() -> Vec<Case> {
    let dependencies = DEPENDENCIES.iter().map(|(_, files)| Case::of(&plan(), texts(files)));
    let mut cases: Vec<Case> = dependencies.collect();
    cases.push(Case::of(
        &["plan"],
        vec![text("lambda-layers.yml", CONFIGURATION), text("requirements.txt", "six\n"), text("data/a.txt", "")],
    ));
    cases.extend(STATE_COMMANDS.iter().map(|command| Case::of(command, published())));
    cases.push(Case::of(&["merge", "--results", "results"], published()));
    cases
}

/// The case of a number: all kinds take turns.
pub(super) fn made(seed: u64, number: usize) -> Case {
    let mut chance = Chance::of(seed, number);
    match number % 10 {
        0 => audited_zip(&mut chance),
        1 => audited_content(&mut chance),
        2 => built(&mut chance),
        3 if chance.one_in(4) => shaped(&mut chance),
        3 => planned(&DEPENDENCIES[..1], &mut chance),
        4 | 5 => planned(&DEPENDENCIES[1..6], &mut chance),
        6 => settings(&mut chance),
        7 => configuration(&mut chance),
        8 => published_before(&mut chance),
        _ => inputs(&mut chance),
    }
}

fn text(path: &str, text: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (path.to_owned(), text.as_ref().to_vec())
}

fn texts(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, bytes)| text(path, bytes)).collect()
}

fn damage_one(files: &mut Files, chance: &mut Chance) {
    let at = chance.below(files.len());
    let bytes = std::mem::take(&mut files[at].1);
    files[at].1 = match String::from_utf8(bytes) {
        Ok(text) => damage::text(&text, chance),
        Err(error) => damage::bytes(error.into_bytes(), chance),
    };
}

/// A layer with compiled files, none of them quite right.
fn layer(chance: &mut Chance) -> Files {
    let mut files = examples::layer();
    for name in ["python/x/_x.cpython-313-x86_64-linux-gnu.so", "lib/libx.so.1", "python/x.libs/libz-0123.so"] {
        let object = elf::object(chance);
        files.push((name.to_owned(), if chance.one_in(3) { damage::bytes(object, chance) } else { object }));
    }
    files
}

const PAPERS: &[&str] = &["--sbom", "x.cdx.json", "--report", "x.html", "--third-party-licenses", "x.txt"];

fn audited_zip(chance: &mut Chance) -> Case {
    let zip = zips::of(&layer(chance), chance);
    Case::of(&["audit", "x.zip", "--python-version", "3.13"], vec![("x.zip".to_owned(), zip)])
}

fn audited_content(chance: &mut Chance) -> Case {
    let mut files = layer(chance);
    (0..=chance.below(3)).for_each(|_| damage_one(&mut files, chance));
    let mut arguments = vec!["audit", "x", "--python-version", "3.13"];
    arguments.extend(PAPERS);
    if chance.one_in(2) {
        return Case::of(&arguments, files.into_iter().map(|(path, bytes)| (format!("x/{path}"), bytes)).collect());
    }
    arguments[1] = "x.zip";
    let entries: Vec<_> = files.iter().map(|(name, bytes)| crate::hostile_zips::deflated(name, bytes)).collect();
    Case::of(&arguments, vec![("x.zip".to_owned(), crate::hostile_zips::zip(&entries))])
}

/// Own code, or a wheel, which takes an installer.
fn built(chance: &mut Chance) -> Case {
    let mut files = layer(chance);
    (0..=chance.below(3)).for_each(|_| damage_one(&mut files, chance));
    let mut arguments = vec!["build", "--python-version", "3.13", "--output", "layer.zip", "--smoke-test", "off"];
    arguments.extend(["--slim", chance.pick(&["safe", "max", "none"]), "--bytecode", "none", "--strip"]);
    arguments.extend(PAPERS);
    if !chance.one_in(4) {
        arguments.extend(["--source", "layer/python", "--include", "layer/bin=bin\nlayer/lib=lib"]);
        return Case::of(&arguments, files.into_iter().map(|(path, bytes)| (format!("layer/{path}"), bytes)).collect());
    }
    let inside = files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix("python/")?, bytes)));
    let entries: Vec<_> = inside.map(|(name, bytes)| crate::hostile_zips::deflated(name, bytes)).collect();
    let wheel = ("x-1.0-cp313-cp313-linux_x86_64.whl".to_owned(), crate::hostile_zips::zip(&entries));
    let files = vec![text("requirements.txt", "./x-1.0-cp313-cp313-linux_x86_64.whl\n"), wheel];
    Case { needs_installer: true, ..Case::of(&arguments, files) }
}

fn plan() -> [&'static str; 5] {
    ["plan", "--layer-name", "x", "--python-version", "3.13"]
}

fn planned(kinds: &[(&str, &[(&str, &str)])], chance: &mut Chance) -> Case {
    let (file, beside) = chance.pick(kinds);
    let mut files = texts(beside);
    // The first is the one that is named.
    let at = if chance.one_in(4) { chance.below(files.len()) } else { 0 };
    let original = String::from_utf8(std::mem::take(&mut files[at].1)).expect("is a text");
    files[at].1 = damage::text(&original, chance);
    let mut case = Case::of(&plan(), files);
    case.arguments.extend(["--requirements".to_owned(), (*file).to_owned()]);
    if chance.one_in(3) {
        case.arguments.extend(["--groups".to_owned(), "docs".to_owned(), "--extras".to_owned(), "fast".to_owned()]);
    }
    case
}

/// What is right line by line and has a shape that nobody meant: chains, many ways to one place, depth, numbers.
fn shaped(chance: &mut Chance) -> Case {
    let times = chance.pick(&[10, 100, 3000]);
    let chain = |line: &dyn Fn(usize) -> String| -> Files {
        let files = (0..times).map(|number| text(&format!("r{number}.txt"), line(number + 1)));
        files.chain([text(&format!("r{times}.txt"), "six\n"), text("requirements.txt", "-r r0.txt\n")]).collect()
    };
    let markers = |open: &str, close: &str| {
        let (open, close) = (open.repeat(times * 10), close.repeat(times * 10));
        vec![text("requirements.txt", format!("six ; {open}python_version > '3'{close}\n"))]
    };
    let lines = |line: &dyn Fn(usize) -> String| -> Files {
        vec![text("requirements.txt", (0..times * 5).map(line).collect::<String>())]
    };
    let project = |line: &dyn Fn(usize) -> String| -> Files {
        let lines = (0..times).map(line).collect::<String>();
        let project = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"six\"]\n";
        vec![text("pyproject.toml", format!("{project}{lines}g{times} = [\"six\"]\n"))]
    };
    let group = "[dependency-groups]\n";
    let files = match chance.below(9) {
        0 => chain(&|next| format!("-r r{next}.txt\n")),
        1 => chain(&|next| format!("-r r{next}.txt\n-c r{next}.txt\n-r ./r{next}.txt\n")),
        2 => markers("(", ")"),
        3 => markers("(python_version > '3' and (os_name == 'x' or ", "))"),
        4 => markers("", " or sys_platform == 'x' and extra == 'y'"),
        5 => lines(&|number| format!("p{number} @ https://user:word{}@h/p-1-py3-none-any.whl\n", number % 100)),
        6 => lines(&|number| format!("six[a{number}]>={number} ; python_version < '3.{number}'\n")),
        7 => project(&|at| {
            format!("{}g{at} = [{{include-group = \"g{}\"}}]\n", if at == 0 { group } else { "" }, at + 1)
        }),
        _ => project(&|at| {
            let head = if at == 0 { "[project.optional-dependencies]\n" } else { "" };
            format!("{head}g{at} = [\"app[g{}]\", \"app[g{0}] ; python_version > '3'\"]\n", at + 1)
        }),
    };
    let mut case = Case::of(&plan(), files);
    case.arguments.extend(["--groups".to_owned(), "g0".to_owned()]);
    case
}

/// Projects without a lock, and what configures installers.
fn settings(chance: &mut Chance) -> Case {
    let mut files = texts(DEPENDENCIES[6].1);
    files.push(text("pip.conf", "[global]\nindex-url = https://example.com/simple\nfind-links =\n    wheels\n    page.html\n[install]\nno-binary = :all:\n"));
    files.push(text("wheels/x-1.0-py3-none-any.whl", "PK"));
    files.push(text("page.html", "<a href=\"wheels/x-1.0-py3-none-any.whl#sha256=00\">x</a><base href='http://h/'>\n"));
    files.push(text(
        "member/pyproject.toml",
        "[project]\nname = \"member\"\nversion = \"1\"\ndependencies = [\"app[fast]\"]\n",
    ));
    let at = chance.below(files.len());
    let original = String::from_utf8(std::mem::take(&mut files[at].1)).expect("is a text");
    files[at].1 = damage::text(&original, chance);
    let command = if chance.one_in(6) { vec!["init"] } else { plan().to_vec() };
    let mut case = Case::of(&command, files);
    if chance.one_in(3) {
        case.arguments.extend(["--installer".to_owned(), "pip".to_owned()]);
        case.arguments.truncate(if command.len() == 1 { 1 } else { case.arguments.len() });
        case = case.with("PIP_CONFIG_FILE", "pip.conf");
    }
    if chance.one_in(3) {
        let names = [
            "UV_FIND_LINKS",
            "PIP_FIND_LINKS",
            "UV_INDEX",
            "UV_CONSTRAINT",
            "PIP_REQUIREMENT",
            "UV_CONFIG_FILE",
            "UV_EXCLUDE_NEWER",
            "PIP_TRUSTED_HOST",
        ];
        let value = if chance.one_in(2) { "page.html".to_owned() } else { damage::value(chance) };
        case = case.with(chance.pick(&names), variable(&value));
    }
    case
}

fn configuration(chance: &mut Chance) -> Case {
    let bytes = damage::text(CONFIGURATION, chance);
    let files =
        vec![("lambda-layers.yml".to_owned(), bytes), text("requirements.txt", "six\n"), text("data/a.txt", "")];
    Case::of(
        chance.pick::<&[&str]>(&[&["plan"], &["cleanup"], &["usage"], &["init"], &["plan", "--layers", "f*"]]),
        files,
    )
}

const STATE_COMMANDS: &[&[&str]] = &[
    &["plan", "--layer-name", "x", "--include", "a.txt=a.txt", "--python-version", "3.13"],
    &["plan", "--verify", "--layer-name", "x", "--include", "a.txt=a.txt", "--python-version", "3.13"],
    &["publish", "--layer-name", "x", "--include", "b.txt=a.txt", "--python-version", "3.13", "--labels", "new"],
    &["preview", "--layer-name", "x", "--include", "b.txt=a.txt", "--python-version", "3.13", "--report", "x.html"],
    &["label", "--layer-name", "x", "--layer-version", "1", "--labels", "more"],
    &["cleanup", "--layer-name", "x", "--keep-versions", "1", "--apply"],
    &["audit", "--layer-name", "x", "--report", "x.html"],
];

/// What the program itself leaves behind.
fn published() -> Files {
    static FILES: LazyLock<Files> = LazyLock::new(|| {
        let sandbox = Sandbox::new();
        sandbox.write("a.txt", "a");
        sandbox.write("b.txt", "b");
        for (file, label) in [("a.txt=a.txt", "first"), ("b.txt=a.txt", "second"), ("a.txt=a.txt", "third")] {
            let run = sandbox.run(&[
                "publish",
                "--layer-name",
                "x",
                "--include",
                file,
                "--labels",
                label,
                "--results",
                "results",
            ]);
            run.args(&["--python-version", "3.13"]).run().success();
        }
        let root = sandbox.path("");
        let files = sandbox.tree().into_iter().filter(|(path, _)| path.is_file());
        files.map(|(path, bytes)| (path.strip_prefix(&root).expect("is inside").to_string(), bytes)).collect()
    });
    FILES.clone()
}

fn published_before(chance: &mut Chance) -> Case {
    let mut files = published();
    let own: Vec<usize> = (0..files.len()).filter(|at| files[*at].0.contains('/')).collect();
    let at = chance.pick(&own);
    let is_result = files[at].0.starts_with("results/");
    let original = std::mem::take(&mut files[at].1);
    files[at].1 = match String::from_utf8(original) {
        Ok(text) => damage::text(&text, chance),
        Err(error) => damage::bytes(error.into_bytes(), chance),
    };
    match (is_result, chance.below(2)) {
        (true, 0) => Case::of(&["merge", "--results", "results"], files),
        (true, _) => {
            let baseline = files[at].0.clone();
            Case::of(&["preview", "--layer-name", "x", "--include", "b.txt=a.txt", "--baseline", &baseline], files)
        }
        _ => Case::of(chance.pick(STATE_COMMANDS), files),
    }
}

/// What the operating system takes as a variable or an argument.
fn variable(value: &str) -> String {
    let end = value.char_indices().map(|(at, _)| at).nth(30_000).unwrap_or(value.len());
    value[..end].replace('\0', "\u{fffd}")
}

/// A value that nobody meant, for an input of a step or of the command line, or for a variable of a workflow.
fn inputs(chance: &mut Chance) -> Case {
    let mut files = published();
    files.push(text("requirements.txt", "six==1.17.0\n"));
    files.push(("event.json".to_owned(), damage::text("{\"pull_request\": {\"number\": 7, \"base\": {\"ref\": \"main\", \"sha\": \"00\"}, \"head\": {\"repo\": {\"fork\": true}}}}", chance)));
    files.push((".git/HEAD".to_owned(), damage::text("ref: refs/heads/main\n", chance)));
    let commands = command_names();
    let command = commands[chance.below(commands.len())].clone();
    let mut case = Case::of(&[], files);
    let known = input_arguments();
    let given: Vec<(String, String)> = (0..=chance.below(3))
        .map(|_| (known[chance.below(known.len())].name.clone(), variable(&damage::value(chance))))
        .collect();
    if chance.one_in(2) {
        case.arguments.push(command);
        case.arguments.extend(given.into_iter().map(|(name, value)| format!("--{name}={value}")));
        if chance.one_in(8) {
            case.arguments.push(variable(&damage::value(chance)));
        }
        return case;
    }
    let known = [("command", command), ("layer-name", "x".to_owned()), ("registry", ".lambda-layers".to_owned())];
    let all = known.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(given);
    for (name, value) in all {
        case = case.with(&format!("INPUT_{}", name.to_uppercase()), value);
    }
    for (name, value) in
        [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_PATH", "event.json"), ("GITHUB_EVENT_NAME", "pull_request")]
    {
        case = case.with(name, value);
    }
    let names = [
        "GITHUB_REPOSITORY",
        "GITHUB_SHA",
        "GITHUB_REF",
        "GITHUB_RUN_ID",
        "GITHUB_SERVER_URL",
        "GITHUB_OUTPUT",
        "RUNNER_TEMP",
        "AWS_REGION",
    ];
    let value = variable(&damage::value(chance));
    case.with(chance.pick(&names), value)
}
