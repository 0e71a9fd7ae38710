//! Determines the kind of a dependency file by its name, as its tool does.

use camino::Utf8Path;
use saphyr_parser::{Event, Parser};

use crate::error::{Failure, alternatives};
use crate::facts;
use crate::facts::{Kind, KindFacts};

/// Refuses a file that is not a list of requirements although its name suggests it, with one message instead of one per
/// line.
pub(super) fn check_list(path: &Utf8Path, text: &str) -> Result<(), Failure> {
    let failure = || Failure::user(format!("`{path}` is not a requirements file"));
    if Kind::of(path) != Kind::Requirements {
        return Err(failure().hint(format!("list `{path}` in `requirements`, not after `-r` or in `constraints`")));
    }
    if let Some(lock) = lock_of(path.file_name().unwrap_or_default()) {
        let refresh = lock.refresh.as_deref().unwrap_or_default();
        return Err(failure().hint(format!("run `{refresh}` and use `{}` instead", lock.file)));
    }
    let is_table = || text.parse::<toml::Table>().is_ok_and(|table| !table.is_empty());
    if matches!(path.extension(), Some("py" | "cfg" | "ini")) || is_table() || is_mapping(text) {
        let names = alternatives(facts::lockfiles().iter().map(|facts| facts.file.as_str()));
        return Err(failure().hint(format!(
            "use {names}, or a requirements file of any other name: the file name determines the format"
        )));
    }
    Ok(())
}

/// Whether the text is a mapping in YAML, which includes JSON. It is read as events, because values would take as much
/// memory as their aliases ask for.
fn is_mapping(text: &str) -> bool {
    let mut events = Parser::new_from_str(text);
    let is_before = |event: &Event<'_>| matches!(event, Event::StreamStart | Event::DocumentStart(_));
    let first = events.by_ref().map_while(Result::ok).map(|(event, _)| event).find(|event| !is_before(event));
    matches!(first, Some(Event::MappingStart(..))) && events.all(|event| event.is_ok())
}

/// The kind of lock that is made from a file of this name.
fn lock_of(name: &str) -> Option<&'static KindFacts> {
    facts::lockfiles().iter().find(|facts| facts.beside.as_deref() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_known_without_what_their_aliases_stand_for() {
        assert!(is_mapping("a: 1\nb: [x]\n") && is_mapping("# x\n{\"a\": {}}\n"));
        assert!(
            !is_mapping("six\nidna>=3\n") && !is_mapping("- a: 1\n") && !is_mapping("a: 1\nb: [") && !is_mapping("")
        );
        let levels =
            (1..20).map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 20].join(",")));
        assert!(is_mapping(&format!("a0: &a0 x\n{}", levels.collect::<String>())));
    }

    #[test]
    fn names_tell_kinds() {
        let kinds = ["a/uv.lock", "Pipfile.lock", "pylock.web.toml", "pyproject.toml", "requirements/base.in"]
            .map(|path| Kind::of(path.into()));
        assert_eq!(kinds, [Kind::Uv, Kind::Pipenv, Kind::Pylock, Kind::Pyproject, Kind::Requirements]);
    }
}
