//! What is left of a requirement file on a target, by pip's own code: see `evaluate.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::tools::tools;

/// A process that answers all questions of these tests: most of an answer of its own would be Python's start.
struct Evaluator {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// It ends when `questions` does, with the process of the tests.
    _process: Child,
}

impl Evaluator {
    fn start() -> Self {
        let program = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/comparison/evaluate.py");
        let mut command = Command::new(tools().program("python3"));
        command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("can be started");
        let questions = process.stdin.take().expect("is piped");
        let answers = BufReader::new(process.stdout.take().expect("is piped"));
        Self { questions, answers, _process: process }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions, "{question}").expect("is read");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("is answered");
        serde_json::from_str(&answer).expect("is JSON")
    }
}

/// The requirements that are meant for an environment, each with its `name`, `version`, `url` and `hashes`. Paths start from
/// `folder`.
pub(super) fn meant(requirements: &str, folder: &Utf8Path, environment: &Value) -> Result<Vec<Value>, String> {
    static EVALUATOR: LazyLock<Mutex<Evaluator>> = LazyLock::new(|| Mutex::new(Evaluator::start()));
    let question = json!({ "requirements": requirements, "folder": folder, "environment": environment });
    let mut answer = EVALUATOR.lock().expect("is whole").ask(&question);
    match answer["found"].take() {
        Value::Array(found) => Ok(found),
        _ => Err(answer["problem"].as_str().expect("is text").to_owned()),
    }
}
