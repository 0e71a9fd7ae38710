//! The README stays short, its quick start can be pasted, and messages in tables of troubleshooting are real.

use std::collections::BTreeSet;

use camino::Utf8Path;
use regex::Regex;

use crate::links;

fn read(path: &str) -> String {
    links::read(Utf8Path::new(path))
}

#[test]
fn the_readme_is_short_enough_to_be_read() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 260, "{lines} lines: move something to docs");
}

/// A whole workflow, whose steps are twelve lines: checkout, credentials, layer.
#[test]
fn the_quick_start_comes_first_and_is_complete() {
    let readme = read("README.md");
    let lines: Vec<&str> = readme.lines().collect();
    let start = lines.iter().position(|line| *line == "```yaml").expect("is there") + 1;
    let end = start + lines[start..].iter().position(|line| *line == "```").expect("ends");
    assert!(end < 40, "the quick start ends in line {}", end + 1);
    let block = &lines[start..end];
    assert!(block.len() <= 25, "{} lines", block.len());
    let steps = block.iter().position(|line| line.trim() == "steps:").expect("has steps") + 1;
    assert_eq!(block.len() - steps, 12, "lines of steps");

    let workflow: serde_yaml::Value = serde_yaml::from_str(&block.join("\n")).expect("is YAML");
    let job = &workflow["jobs"]["layer"];
    assert_eq!(job["permissions"]["id-token"], "write");
    assert_eq!(job["permissions"]["contents"], "read");
    let uses: Vec<&str> =
        job["steps"].as_sequence().expect("has steps").iter().filter_map(|step| step["uses"].as_str()).collect();
    let major = env!("CARGO_PKG_VERSION_MAJOR");
    let action = format!("OWNER/lambda-layer-action/lite@v{major}");
    assert_eq!(uses, ["actions/checkout@v6", "aws-actions/configure-aws-credentials@v6", &action]);
    assert!(job["steps"][2]["with"]["python-version"].is_string(), "python-version has no quotes");
}

/// Texts of string literals, with `{…}` for what is filled in. Tests are left out.
fn literals() -> Vec<String> {
    let literal = Regex::new(r#"'"'|r"([^"]*)"|"((?:[^"\\]|\\[\s\S])*)""#).expect("is valid");
    let comment = Regex::new(r"(?m)^\s*//.*$").expect("is valid");
    let continued = Regex::new(r"\\\n\s*").expect("is valid");
    let mut found = Vec::new();
    let files = links::files("rs").into_iter().filter(|path| path.starts_with("src"));
    for path in files.filter(|path| path.file_name() != Some("tests.rs")) {
        let text = links::read(&path);
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let text = comment.replace_all(text, "");
        for one in literal.captures_iter(&text) {
            let raw = one.get(1).or_else(|| one.get(2)).map_or("", |text| text.as_str());
            found.push(continued.replace_all(raw, "").replace("\\\"", "\"").replace("\\n", " "));
        }
    }
    found
}

/// The fixed parts of a text that is filled in, without backticks; `None` if they have too few letters to be recognised.
fn fixed_parts(literal: &str) -> Option<Vec<String>> {
    let filled = Regex::new(r"\{[^{}]*\}").expect("is valid");
    let parts: Vec<String> = filled.split(&literal.replace('`', "")).map(str::to_owned).collect();
    let letters = parts.iter().flat_map(|part| part.chars()).filter(|letter| letter.is_alphabetic()).count();
    (letters >= 8).then_some(parts)
}

fn texts() -> Vec<Vec<String>> {
    literals().iter().filter_map(|literal| fixed_parts(literal)).collect()
}

/// Whether a message can be made by filling in what is between the parts.
fn fits(message: &str, parts: &[String]) -> bool {
    let ([first, middle @ .., last], false) = (parts, parts.len() == 1) else { return message == parts[0] };
    let Some(mut rest) = message.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
        return false;
    };
    middle.iter().all(|part| {
        let found = rest.split_once(part.as_str());
        rest = found.map_or(rest, |(_, rest)| rest);
        found.is_some()
    })
}

/// Code at the beginning of a row in a table whose first column is called `message`.
fn messages(page: &str) -> Vec<String> {
    let mut is_table = false;
    let mut messages = Vec::new();
    for line in page.lines() {
        is_table = line.starts_with('|') && (is_table || line.starts_with("| message |"));
        if let Some(rest) = line.strip_prefix("| `").filter(|_| is_table) {
            messages.extend(rest.split_once('`').map(|(message, _)| message.to_owned()));
        }
    }
    messages
}

#[test]
fn messages_of_the_troubleshooting_are_those_of_the_program() {
    let texts = texts();
    let messages: BTreeSet<String> =
        ["README.md", "docs/troubleshooting.md"].iter().flat_map(|page| messages(&read(page))).collect();
    assert!(messages.len() > 20, "the pattern finds nothing any more");
    let unknown: Vec<&String> =
        messages.iter().filter(|message| !texts.iter().any(|parts| fits(message, parts))).collect();
    assert!(unknown.is_empty(), "no message of the program reads like these: {unknown:#?}");
}

/// What the runs of the tutorial end with. Changes of requirements are put together from several texts.
#[test]
fn reasons_in_the_tutorial_are_those_of_the_program() {
    let (texts, page) = (texts(), read("docs/laptop.md"));
    let ends = page.lines().filter(|line| line.starts_with("quickstart "));
    let reasons: Vec<&str> = ends.filter_map(|line| Some(line.split_once(": ")?.1)).collect();
    assert!(reasons.len() > 3, "the pattern finds nothing any more");
    for reason in reasons.into_iter().filter(|reason| !reason.starts_with("requirements: ")) {
        assert!(texts.iter().any(|parts| fits(reason, parts)), "no reason of the program reads like `{reason}`");
    }
}

#[test]
fn a_message_is_recognised_by_its_fixed_words() {
    let parts = fixed_parts("`{name}` has no wheel that runs on {target} of Lambda").expect("has words");
    assert!(fits("numpy 2.3.5 has no wheel that runs on python3.11 of Lambda", &parts));
    assert!(!fits("numpy 2.3.5 has no wheels that run on python3.11 of Lambda", &parts));
    assert_eq!(fixed_parts("{name}: {value}"), None);
    assert!(fits("there are none", &["there are none".to_owned()]));
}

/// Each action with its resource, of the first block of JSON behind `heading`: a policy, or its statements.
fn allowed(page: &str, heading: &str) -> BTreeSet<(String, String)> {
    let text = page.split_once(heading).expect("has the heading").1;
    let block = text.split_once("```json\n").and_then(|(_, rest)| rest.split_once("```")).expect("has JSON").0;
    let policy: serde_json::Value = serde_json::from_str(block).expect("is JSON");
    let statements = policy.get("Statement").unwrap_or(&policy).as_array().expect("is a list").clone();
    let texts = |value: &serde_json::Value| match value {
        serde_json::Value::Array(values) => {
            values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        }
        value => vec![value.as_str().expect("is a text").to_owned()],
    };
    let pairs = statements.iter().flat_map(|statement| {
        let resource = texts(&statement["Resource"]).concat();
        texts(&statement["Action"]).into_iter().map(move |action| (action, resource.clone()))
    });
    pairs.collect()
}

#[test]
fn the_policy_of_the_readme_is_that_of_the_docs() {
    let (readme, docs) = (read("README.md"), read("docs/iam.md"));
    assert_eq!(allowed(&readme, "The policy that the role needs"), allowed(&docs, "\n## Publishing\n"));
}
