//! Replaces `${NAME}` in values by variables of the environment that the file declares.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::problem::Problem;
use super::yaml::{Content, Node, Text};
use crate::environment::{Environment, is_hidden};
use crate::error::nearest;

/// These names look like credentials but are not.
const HARMLESS: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCOUNT_ID", "AWS_PROFILE"];

#[derive(Debug)]
pub(super) struct Variables<'a> {
    environment: &'a Environment,
    /// The declared names, with the defaults for variables that the environment does not have.
    declared: BTreeMap<String, Option<String>>,
    /// Names that are not set and were already reported.
    missed: RefCell<BTreeSet<String>>,
}

impl<'a> Variables<'a> {
    /// Reads the key `environment`: a list of names, or a mapping from names to defaults.
    pub(super) fn declared(node: Option<&Node>, environment: &'a Environment, problems: &mut Vec<Problem>) -> Self {
        let mut declared = BTreeMap::new();
        let mut declare = |name: &Text, default: Option<String>| match refusal(name) {
            Some(problem) => problems.push(problem),
            None => drop(declared.insert(name.text.clone(), default)),
        };
        let mut wrong = Vec::new();
        match node.map(|node| (&node.content, node)) {
            None | Some((Content::Refused, _)) => {}
            Some((Content::Text(text), node)) => {
                if !text.is_empty() {
                    declare(&Text { text: text.clone(), span: node.span }, None);
                }
            }
            Some((Content::List(items), _)) => {
                for item in items {
                    match &item.content {
                        Content::Text(text) => declare(&Text { text: text.clone(), span: item.span }, None),
                        _ => wrong.push(item),
                    }
                }
            }
            Some((Content::Mapping(entries), _)) => {
                for (name, value) in entries {
                    match &value.content {
                        Content::Text(text) => declare(name, Some(text.clone()).filter(|_| !value.is_empty())),
                        _ => wrong.push(value),
                    }
                }
            }
        }
        problems.extend(wrong.into_iter().map(|node| {
            let problem =
                Problem::at(node.span, format!("`environment` contains {}, but text is expected", node.kind()));
            problem.hint("write `environment: [STAGE]`, or `environment: {STAGE: dev}` with a default")
        }));
        Self { environment, declared, missed: RefCell::default() }
    }

    /// The text with each `${NAME}` replaced; `$${` stands for `${`.
    pub(super) fn substitute(&self, value: &Text, problems: &mut Vec<Problem>) -> String {
        let mut filled = String::with_capacity(value.text.len());
        let mut rest = value.text.as_str();
        while let Some(at) = rest.find("${") {
            if let Some(before) = rest[..at].strip_suffix('$') {
                filled += before;
                filled += "${";
                rest = &rest[at + 2..];
                continue;
            }
            filled += &rest[..at];
            let inner = &rest[at + 2..];
            let end = inner.find(['}', '{']).filter(|end| inner[*end..].starts_with('}'));
            let Some(end) = end else {
                let is_nested = inner.find('{').is_some();
                let message = if is_nested { "a `${` inside another one" } else { "a `${` without a closing `}`" };
                problems
                    .push(Problem::at(value.span, message).hint("write `${NAME}`; for a literal `${`, write `$${`"));
                return filled;
            };
            match self.value(&inner[..end]) {
                Ok(text) => filled += text,
                Err((message, hint)) => {
                    problems.extend(message.map(|message| Problem::at(value.span, message).hint(hint)));
                }
            }
            rest = &inner[end + 1..];
        }
        filled + rest
    }

    /// The value of a variable. The error says why there is none, unless that was already reported.
    fn value(&self, name: &str) -> Result<&str, (Option<String>, String)> {
        let Some(default) = self.declared.get(name) else {
            let near = nearest(name, self.declared.keys().map(String::as_str));
            let hint = near.map_or_else(
                || format!("declare it with `environment: [{name}]`, or write `$${{` for a literal `${{`"),
                |near| format!("did you mean `{near}`?"),
            );
            let is_name = is_name(name);
            let hint = if is_name { hint } else { "use only letters, digits and `_` in a name".to_owned() };
            return Err((Some(format!("`${{{name}}}` is not declared in `environment`")), hint));
        };
        self.environment.get(name).or(default.as_deref()).ok_or_else(|| {
            let is_new = self.missed.borrow_mut().insert(name.to_owned());
            let message = is_new.then(|| format!("the environment variable `{name}` is not set"));
            (
                message,
                format!("set it in the `env` of the workflow, or give it a default: `environment: {{{name}: …}}`"),
            )
        })
    }
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_part) && !name.as_bytes()[0].is_ascii_digit()
}

fn refusal(name: &Text) -> Option<Problem> {
    let text = &name.text;
    if !is_name(text) {
        let problem = Problem::at(name.span, format!("`{text}` is not a valid name for a variable"));
        return Some(problem.hint("use only letters, digits and `_`, and do not begin with a digit"));
    }
    if is_hidden(text) && !HARMLESS.contains(&text.as_str()) {
        let problem = Problem::at(name.span, format!("the file cannot use `{text}`: it may contain a credential"));
        return Some(problem.hint("remove it: credentials are read directly from the environment"));
    }
    None
}
