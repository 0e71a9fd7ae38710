//! What works today and is refused by systems that are stricter.

use super::{Compiled, by_origin, some_of, verb};
use crate::audit::{Finding, Layer};

pub(super) fn check(layer: &Layer, compiled: &[Compiled<'_>]) -> Vec<Finding> {
    let select = |is_one: fn(&Compiled<'_>) -> bool| {
        let files = compiled.iter().filter(move |file| is_one(file));
        by_origin(layer, files.map(|file| (file.path, file.file, ())))
    };
    let relocated = select(|file| file.elf.has_text_relocations).into_iter().map(|(origin, files)| {
        let (first, _) = files[0];
        let count = files.len();
        let which = some_of(first, count, &origin);
        let message = format!("{which} {} text relocations", verb(count, "has", "have"));
        let help = "it starts more slowly, as its code is changed while it is loaded: compile with `-fPIC`";
        Finding::notice("text-relocations", first.as_str(), message, help).blames(origin.distribution.as_ref())
    });
    let executable = select(|file| file.elf.has_executable_stack).into_iter().map(|(origin, files)| {
        let (first, _) = files[0];
        let count = files.len();
        let which = some_of(first, count, &origin);
        let message = format!("{which} {} for an executable stack", verb(count, "asks", "ask"));
        let help = "glibc from 2.41 on does not load such libraries: link with `-z noexecstack`";
        Finding::notice("executable-stack", first.as_str(), message, help).blames(origin.distribution.as_ref())
    });
    relocated.chain(executable).collect()
}
