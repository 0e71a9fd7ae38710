//! Reads the content of the file: defaults and layers, with valid keys and values of the right type.

use std::collections::BTreeMap;

use super::problem::{Problem, Span};
use super::variables::Variables;
use super::yaml::{Content, Node, Text};
use crate::cli::InputArgument;
use crate::environment::Environment;
use crate::error::nearest;

/// The keys at the top level.
pub(super) const TOP: &[&str] = &["environment", "defaults", "layers"];

/// Inputs that are not allowed in the file, and the reasons.
pub(crate) const OF_THE_RUN: &[(&str, &str)] = &[
    ("command", "set it for the run instead: the file describes the layers, not what to do with them"),
    ("config", "set it for the run instead: all layers are in one file"),
    (
        "github-token",
        "do not write a token into a file: the action uses the token of the job, and on the command line you can set GITHUB_TOKEN",
    ),
    ("jobs", "set it for the run instead: it depends on the machine"),
    ("layers", "set it for the run instead, to choose among the layers of the file"),
    ("results", "set it for the run instead: it applies to all layers"),
    ("since", "set it for the run instead: it applies to all layers"),
    ("summary", "set it for the run instead: it applies to all layers"),
];
/// Keys that may be lists, although the input takes a single value.
pub(super) const TARGETS: &[&str] = &["python-version", "architecture"];

#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) defaults: Keys,
    pub(super) layers: Vec<Layer>,
}

/// The inputs by their names.
pub(super) type Keys = BTreeMap<String, Entry>;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The values; empty if the layer removes the default.
    pub(super) values: Vec<Text>,
}

#[derive(Debug)]
pub(super) struct Layer {
    /// The name, with words such as `{py}`.
    pub(super) name: Text,
    pub(super) keys: Keys,
    /// Whether it has problems, of which further problems may only be a consequence.
    pub(super) is_broken: bool,
}

struct Reader<'a> {
    inputs: &'a [InputArgument],
    variables: Variables<'a>,
    problems: &'a mut Vec<Problem>,
}

/// Reads as much of the document as is valid. Problems are added to the list.
pub(super) fn read(
    root: &Node,
    inputs: &[InputArgument],
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> File {
    let Content::Mapping(entries) = &root.content else {
        if !matches!(root.content, Content::Refused) {
            let problem = Problem::at(root.span, format!("the file is {}, but a mapping is expected", root.kind()));
            problems.push(problem.hint("begin the file with `layers:`, see docs/configuration.md"));
        }
        return File::default();
    };
    for (key, _) in entries.iter().filter(|(key, _)| !TOP.contains(&key.text.as_str())) {
        let problem = Problem::at(key.span, format!("`{}` is not a valid key at the top level of this file", key.text));
        let is_input = inputs.iter().any(|input| input.name == key.text);
        problems.push(if is_input {
            problem.hint("move it under `defaults` or into a layer")
        } else {
            problem.near(nearest(&key.text, TOP.iter().copied()), "use `environment`, `defaults` and `layers`")
        });
    }
    let top = |name: &str| entries.iter().find(|(key, _)| key.text == name);
    let variables = Variables::declared(top("environment").map(|(_, node)| node), environment, problems);
    let mut reader = Reader { inputs, variables, problems };
    let defaults = top("defaults").map(|(_, node)| reader.defaults(node)).unwrap_or_default();
    let layers = if let Some((key, node)) = top("layers") {
        reader.layers(key, node)
    } else {
        let is_misspelt = entries.iter().any(|(key, _)| nearest(&key.text, ["layers"]).is_some());
        if !is_misspelt {
            let problem = Problem::at(Span::START, "the file has no `layers`");
            reader.problems.push(problem.hint("list at least one: `layers: [{layer-name: shared}]`"));
        }
        Vec::new()
    };
    File { defaults, layers }
}

impl Reader<'_> {
    fn wrong_type(&mut self, node: &Node, what: &str, expected: &str, hint: &str) {
        if !matches!(node.content, Content::Refused) {
            let problem = Problem::at(node.span, format!("{what} is {}, but {expected} is expected", node.kind()));
            self.problems.push(problem.hint(hint));
        }
    }

    fn defaults(&mut self, node: &Node) -> Keys {
        match &node.content {
            Content::Mapping(entries) => {
                let mut keys = self.keys(entries).0;
                if keys.remove("layer-name").is_some() {
                    let name = entries.iter().find(|(key, _)| key.text == "layer-name");
                    self.problems.extend(name.map(|(key, _)| {
                        let problem = Problem::at(key.span, "`layer-name` cannot be a default");
                        problem.hint("give each layer its own `layer-name`")
                    }));
                }
                keys
            }
            _ if node.is_empty() => Keys::new(),
            _ => {
                self.wrong_type(
                    node,
                    "`defaults`",
                    "a mapping",
                    "write inputs and their values: `python-version: 3.13`",
                );
                Keys::new()
            }
        }
    }

    fn layers(&mut self, key: &Text, node: &Node) -> Vec<Layer> {
        match &node.content {
            _ if node.is_empty() => {
                let problem = Problem::at(key.span, "`layers` is empty");
                self.problems.push(problem.hint("list at least one: `layers: [{layer-name: shared}]`"));
                Vec::new()
            }
            Content::List(items) => items.iter().filter_map(|item| self.listed(item)).collect(),
            Content::Mapping(entries) => entries.iter().filter_map(|(name, inputs)| self.named(name, inputs)).collect(),
            _ => {
                self.wrong_type(node, "`layers`", "a list or a mapping", "write `- layer-name: shared` under it");
                Vec::new()
            }
        }
    }

    /// A layer in a list: `- layer-name: shared`.
    fn listed(&mut self, item: &Node) -> Option<Layer> {
        let Content::Mapping(entries) = &item.content else {
            self.wrong_type(item, "a layer", "a mapping", "write `- layer-name: shared`");
            return None;
        };
        let (mut keys, is_broken) = self.keys(entries);
        let name = keys.remove("layer-name").and_then(|entry| entry.values.into_iter().next());
        if name.is_none() && !is_broken {
            let problem = Problem::at(item.span, "this layer has no `layer-name`");
            self.problems.push(problem.hint("add a name: `layer-name: shared`"));
        }
        Some(Layer { name: name?, keys, is_broken })
    }

    /// A layer in a mapping: `shared: {…}`.
    fn named(&mut self, name: &Text, inputs: &Node) -> Option<Layer> {
        let entries = match &inputs.content {
            Content::Mapping(entries) => entries.as_slice(),
            _ if inputs.is_empty() => &[],
            _ => {
                let what = format!("layer `{}`", name.text);
                self.wrong_type(
                    inputs,
                    &what,
                    "a mapping",
                    "write its inputs under it: `requirements: requirements.txt`",
                );
                return None;
            }
        };
        let (mut keys, is_broken) = self.keys(entries);
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.text == "layer-name") {
            keys.remove("layer-name");
            let problem = Problem::at(key.span, format!("the layer already has a name: `{}`", name.text));
            self.problems.push(problem.hint("remove one of them"));
        }
        let name = Text { text: self.variables.substitute(name, self.problems), span: name.span };
        Some(Layer { name, keys, is_broken })
    }

    /// Reads keys, and returns whether there were problems.
    fn keys(&mut self, entries: &[(Text, Node)]) -> (Keys, bool) {
        let before = self.problems.len();
        let mut keys = Keys::new();
        for (key, node) in entries {
            let Some(input) = self.inputs.iter().find(|input| input.name == key.text) else {
                self.unknown(key);
                continue;
            };
            if let Some((_, reason)) = OF_THE_RUN.iter().find(|(name, _)| *name == input.name) {
                let problem = Problem::at(key.span, format!("`{}` does not belong in this file", key.text));
                self.problems.push(problem.hint(*reason));
                continue;
            }
            if let Some(values) = self.values(input, node) {
                keys.insert(input.name.clone(), Entry { values });
            }
        }
        (keys, self.problems.len() > before)
    }

    fn unknown(&mut self, key: &Text) {
        if let Some((_, reason)) = OF_THE_RUN.iter().find(|(name, _)| *name == key.text) {
            let problem = Problem::at(key.span, format!("`{}` does not belong in this file", key.text));
            return self.problems.push(problem.hint(*reason));
        }
        let names = self.inputs.iter().map(|input| input.name.as_str());
        let spelt = key.text.replace('_', "-").to_lowercase();
        let near = nearest(&spelt, names.filter(|name| OF_THE_RUN.iter().all(|(other, _)| other != name)));
        let problem = Problem::at(key.span, format!("`{}` is not an input", key.text));
        self.problems.push(problem.near(near, "`lambda-layer publish --help` lists all inputs"));
    }

    fn values(&mut self, input: &InputArgument, node: &Node) -> Option<Vec<Text>> {
        let name = &input.name;
        let before = self.problems.len();
        let is_list = input.is_list || TARGETS.contains(&name.as_str());
        let hint_of_braces = "put a value that begins with `{` in quotes";
        let texts: Vec<Text> = match &node.content {
            Content::Text(text) => vec![Text { text: text.clone(), span: node.span }],
            Content::List(items) if is_list => {
                let mut texts = Vec::new();
                for item in items {
                    match &item.content {
                        Content::Text(text) => texts.push(Text { text: text.clone(), span: item.span }),
                        Content::Mapping(_) => {
                            let hint = "put a value that contains `: ` or begins with `{` in quotes";
                            self.wrong_type(item, &format!("an item of `{name}`"), "text", hint);
                        }
                        _ => self.wrong_type(
                            item,
                            &format!("an item of `{name}`"),
                            "text",
                            "write one list, without another list inside it",
                        ),
                    }
                }
                texts
            }
            Content::List(_) => {
                self.wrong_type(
                    node,
                    &format!("`{name}`"),
                    "one value",
                    "this input takes only one value: define a layer for each value",
                );
                return None;
            }
            Content::Mapping(_) if name == "include" || name == "runs-on" => {
                self.wrong_type(node, &format!("`{name}`"), "a list", "write it as `[from=to]`");
                return None;
            }
            Content::Mapping(_) => {
                let expected = if is_list { "a value or a list" } else { "a value" };
                self.wrong_type(node, &format!("`{name}`"), expected, hint_of_braces);
                return None;
            }
            Content::Refused => return None,
        };
        let filled =
            texts.iter().map(|text| Text { text: self.variables.substitute(text, self.problems), span: text.span });
        let filled: Vec<Text> = filled.filter(|text| !text.text.trim().is_empty()).collect();
        for text in &filled {
            if let Some(character) =
                text.text.chars().find(|character| character.is_control() && !"\n\t".contains(*character))
            {
                let message = format!("`{name}` contains a control character, U+{:04X}", u32::from(character));
                self.problems.push(Problem::at(text.span, message).hint("remove it"));
            }
        }
        // The rest of an invalid value would only cause other problems.
        (self.problems.len() == before).then_some(filled)
    }
}
