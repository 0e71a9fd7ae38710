//! The result: a line for each layer, and everything that is wrong.

use super::target::Target;

/// A layer that was to be built.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) input: String,
    pub(super) target: Target,
    /// Groups, extras and arguments.
    pub(super) asked: String,
    pub(super) installer: String,
    /// How it ended, as it should; or what is wrong.
    pub(super) verdict: Result<String, String>,
}

impl Line {
    fn head(&self) -> String {
        let Self { file, input, target, asked, installer, .. } = self;
        let asked = if asked.is_empty() { String::new() } else { format!(" ({asked})") };
        format!("| {file} | {input}{asked} | {} {} | {installer} |", target.python, target.architecture)
    }
}

/// Prints the table (`cargo test … -- --nocapture` shows it), and fails with all that is wrong.
#[expect(clippy::print_stdout, reason = "a test shows what was printed if it is asked to")]
pub(super) fn assert_right(lines: &[Line]) {
    println!("| file | input | target | installer | result |\n|---|---|---|---|---|");
    for line in lines {
        let result = line.verdict.as_deref().unwrap_or("WRONG");
        println!("{} {result} |", line.head());
    }
    let wrong: Vec<String> = lines
        .iter()
        .filter_map(|line| Some(format!("{}\n{}\n", line.head(), line.verdict.as_ref().err()?.trim_end())))
        .collect();
    println!("{} layers, {} of them wrong", lines.len(), wrong.len());
    assert!(wrong.is_empty(), "{} of {} are wrong\n\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
