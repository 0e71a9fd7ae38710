//! Parses YAML as a tree with the line of each value. Scalars are text as written: `3.10` stays `3.10`.
//!
//! Anchors, aliases, merge keys and tags are refused: everything in the file means only what is written there.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::problem::{Problem, Source, Span};

/// The deepest nesting; the file needs five levels.
const DEEPEST: usize = 16;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Text, Node)>),
    /// A value that was already refused.
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Span,
}

impl Node {
    /// The name of the kind for messages, such as `a list`.
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Mapping(_) => "a mapping",
            Content::Refused => "an alias",
        }
    }

    /// Whether the value is missing or `null`.
    pub(super) fn is_empty(&self) -> bool {
        match &self.content {
            Content::Text(text) => text.is_empty(),
            Content::List(items) => items.is_empty(),
            Content::Mapping(entries) => entries.is_empty(),
            Content::Refused => false,
        }
    }
}

/// The single document. `None` if there is none, or if it cannot be parsed any further; the problems say why.
pub(super) fn parse(text: &str, source: &Source, problems: &mut Vec<Problem>) -> Option<Node> {
    if let Some(problem) = control_character(text) {
        problems.push(problem);
        return None;
    }
    let mut builder = Builder { source, problems, open: Vec::new(), root: None };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let done = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(syntax(&error, source)),
        };
        if let Err(problem) = done {
            builder.problems.push(problem);
            return None;
        }
    }
    builder.root
}

struct Builder<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
    open: Vec<Open>,
    root: Option<Node>,
}

/// A list or mapping whose end has not been read yet.
struct Open {
    span: Span,
    content: Content,
    /// In a mapping, the key that waits for its value.
    key: Key,
    /// In a mapping, the line of each key.
    lines: BTreeMap<String, usize>,
}

#[derive(Default)]
enum Key {
    #[default]
    None,
    Taken(Text),
    /// An invalid key, whose value is also ignored.
    Refused,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, place: saphyr_parser::Span) -> Result<(), Problem> {
        let span = self.span(place);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let problem = Problem::at(span, "a second document begins here");
                return Err(problem.hint("remove the `---`: the file can contain only one document"));
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::Alias(_) => {
                self.problems.push(no_anchors(span));
                self.add(Node { span, content: Content::Refused });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(span, anchor, tag.is_some());
                let is_null = style == ScalarStyle::Plain && matches!(text.as_ref(), "~" | "null" | "Null" | "NULL");
                let text = if is_null { String::new() } else { text.into_owned() };
                self.add(Node { span, content: Content::Text(text) });
            }
            Event::SequenceStart(anchor, tag) => self.start(span, anchor, tag.is_some(), Content::List(Vec::new()))?,
            Event::MappingStart(anchor, tag) => {
                self.start(span, anchor, tag.is_some(), Content::Mapping(Vec::new()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("what ends has begun");
                self.add(Node { span: open.span, content: open.content });
            }
        }
        Ok(())
    }

    fn refuse(&mut self, span: Span, anchor: usize, is_tagged: bool) {
        if anchor > 0 {
            self.problems.push(no_anchors(span));
        }
        if is_tagged {
            let problem = Problem::at(span, "YAML tags are not supported");
            self.problems.push(problem.hint("remove it, or put a value that begins with `!` in quotes"));
        }
    }

    fn start(&mut self, span: Span, anchor: usize, is_tagged: bool, content: Content) -> Result<(), Problem> {
        self.refuse(span, anchor, is_tagged);
        if self.open.len() >= DEEPEST {
            let problem = Problem::at(span, "this is nested too deeply for a valid file");
            return Err(problem.hint("look for a missing `]` or `}`"));
        }
        if let Some(Open { content: Content::Mapping(_), key: Key::None, .. }) = self.open.last() {
            let problem = Problem::at(span, "a key must be text");
            return Err(problem.hint("put a value that begins with `{` or `[` in quotes"));
        }
        self.open.push(Open { span, content, key: Key::None, lines: BTreeMap::new() });
        Ok(())
    }

    fn add(&mut self, node: Node) {
        let Some(Open { content, key, lines, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match content {
            Content::List(items) => items.push(node),
            Content::Mapping(entries) => match std::mem::take(key) {
                Key::Taken(key) => entries.push((key, node)),
                Key::Refused => {}
                Key::None => {
                    let Content::Text(text) = node.content else {
                        *key = Key::Refused;
                        return;
                    };
                    let first = lines.get(&text);
                    let problem = match first {
                        Some(line) => {
                            let problem =
                                Problem::at(node.span, format!("`{text}` occurs twice: here and on line {line}"));
                            Some(problem.hint("remove one of them"))
                        }
                        None if text == "<<" => Some(no_anchors(node.span)),
                        None => None,
                    };
                    *key = if problem.is_some() {
                        Key::Refused
                    } else {
                        lines.insert(text.clone(), node.span.line);
                        Key::Taken(Text { text, span: node.span })
                    };
                    self.problems.extend(problem);
                }
            },
            Content::Text(_) | Content::Refused => unreachable!("only lists and mappings are opened"),
        }
    }

    /// The span of a value; if it has several lines, that of the first.
    fn span(&self, place: saphyr_parser::Span) -> Span {
        let (start, end) = (place.start, place.end);
        let line = start.line().max(1);
        let column = start.col();
        let length = if end.line() == start.line() {
            end.col().saturating_sub(column)
        } else {
            self.source.line(line).trim_end().chars().count().saturating_sub(column)
        };
        Span { line, column, length: length.max(1) }
    }
}

fn no_anchors(span: Span) -> Problem {
    let problem = Problem::at(span, "YAML anchors and aliases are not supported");
    problem.hint("use `defaults` for what layers share; put a value that begins with `*` or `&` in quotes")
}

/// Refuses control characters, which no text file has; the parser would take a zero for the end.
fn control_character(text: &str) -> Option<Problem> {
    let is_wrong = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t' | '\u{85}');
    let at = text.find(is_wrong)?;
    let (before, character) = (&text[..at], text[at..].chars().next()?);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let span = Span { line, column, length: 1 };
    Some(Problem::at(span, format!("a control character, U+{:04X}", u32::from(character))).hint("remove it"))
}

/// The parser's error, in words for users.
fn syntax(error: &ScanError, source: &Source) -> Problem {
    let (mark, info) = (error.marker(), error.info());
    let span = Span { line: mark.line().max(1), column: mark.col(), length: 1 };
    let line = source.line(span.line);
    let indent = &line[..line.len() - line.trim_start().len()];
    let next = source.line(span.line + 1);
    let is_next = !indent.contains('\t') && info.contains("tab") && next.trim_start_matches(' ').starts_with('\t');
    if indent.contains('\t') || info.contains("tab") {
        let (line, indent) = if is_next { (span.line + 1, next) } else { (span.line, indent) };
        let column = indent.chars().position(|character| character == '\t').unwrap_or(span.column);
        return Problem::at(Span { line, column, length: 1 }, "YAML does not allow tabs for indentation")
            .hint("indent with spaces");
    }
    let before: String = line.chars().take(span.column).collect();
    if before.ends_with('}') && before.contains(": {") {
        return Problem::at(span, "there is something after a `}`").hint("put a value that begins with `{` in quotes");
    }
    let (message, hint) = match info {
        _ if info.contains("anchor") => return no_anchors(span),
        _ if info.contains("mapping values are not allowed") => {
            ("a `:` where no key is allowed", "check the indentation, and put a value that contains `: ` in quotes")
        }
        _ if info.contains("quoted scalar") && info.contains("end of stream") => {
            ("a quote that is never closed", "add the closing quote")
        }
        _ if info.contains("escape character") => (
            "this escape sequence does not exist in double quotes",
            "use single quotes, in which `\\` is an ordinary character",
        ),
        _ if info.contains("flow sequence") => {
            ("the list that begins with `[` cannot continue like this", "look for a missing `]` or `,`")
        }
        _ if info.contains("flow") => {
            ("the mapping that begins with `{` cannot continue like this", "put a value that begins with `{` in quotes")
        }
        _ if info.contains("illegal placement") => {
            ("a `:` where no key is allowed", "look for a missing `]` or `}` above this line")
        }
        _ if info.contains("recursion") => ("this is nested too deeply for a valid file", "look for a missing `]`"),
        _ if info.contains("simple key") => ("a key without `:`", "write `key: value`"),
        _ if info.contains("block mapping") || info.contains("block collection") || info.contains("indentation") => (
            "the indentation does not match any line above",
            "indent all keys of a mapping by the same number of spaces",
        ),
        _ => {
            let problem = Problem::at(span, format!("this is not valid YAML: {info}"));
            return problem.hint("put the value in quotes, or compare with docs/configuration.md");
        }
    };
    Problem::at(span, message).hint(hint)
}
