//! Compiled files that stricter systems refuse to load.

use super::{Compiled, by_origin, some_of, verb};
use crate::layer::{Finding, Layer};

/// One finding for each distribution and code.
pub(super) fn check(layer: &Layer, compiled: &[Compiled<'_>]) -> Vec<Finding> {
    let relocated = compiled.iter().filter(|file| file.elf.has_text_relocations).collect();
    let executable = compiled.iter().filter(|file| file.elf.has_executable_stack).collect();
    let relocations = findings(layer, relocated, "text-relocations", ["has text relocations", "have text relocations"]);
    let stacks = ["asks for an executable stack", "ask for an executable stack"];
    relocations.into_iter().chain(findings(layer, executable, "executable-stack", stacks)).collect()
}

fn findings(layer: &Layer, files: Vec<&Compiled<'_>>, code: &'static str, verbs: [&'static str; 2]) -> Vec<Finding> {
    let help = match code {
        "text-relocations" => "its code is modified while it is loaded, which takes time; compile it with `-fPIC`",
        _ => "glibc 2.41 and later refuse to load such libraries; link it with `-z noexecstack`",
    };
    let groups = by_origin(layer, files.into_iter().map(|file| (file.path, file.file, code)));
    let findings = groups.into_iter().map(|(origin, files)| {
        let (first, code) = files[0];
        let message = format!("{} {}", some_of(first, files.len(), &origin), verb(files.len(), verbs[0], verbs[1]));
        Finding::notice(code, first.as_str(), message, help).blames(origin.distribution.as_ref())
    });
    findings.collect()
}
