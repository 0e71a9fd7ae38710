//! How the libraries of this machine differ from the runtime's: a failure because of that says nothing about the layer.

use camino::Utf8Path;

use crate::facts::Runtime;
use crate::layer::Layer;
use crate::layer::scan::elf::SymbolVersion;

/// The library that the dynamic linker did not find: "libz.so.1: cannot open shared object file: …".
pub(super) fn missing_library(message: &str) -> Option<&str> {
    let (name, _) = message.split_once(": cannot open shared object file")?;
    Some(name.rsplit(' ').next().unwrap_or(name))
}

/// The difference that made an import fail outside of the runtime's image, if that is the reason.
pub(super) fn difference(message: &str, layer: &Layer, runtime: &Runtime) -> Option<String> {
    let named = || missing_library(message).filter(|library| runtime.has_library(library));
    if let Some(library) = named().or_else(|| searched(message, runtime)) {
        return Some(format!("it needs `{library}`, which the runtime has but this machine does not"));
    }
    // "/lib/x86_64-linux-gnu/libssl.so.3: version `OPENSSL_3.2.0' not found (required by …)"
    let (path, rest) = message.split_once(": version `")?;
    let (version, _) = rest.split_once("' not found")?;
    let path = Utf8Path::new(path.rsplit(' ').next().unwrap_or(path));
    let library = path.file_name().filter(|library| runtime.has_library(library))?;
    let is_of_layer = layer.files.keys().any(|own| path.ends_with(own));
    (!is_of_layer && !is_too_new(version, runtime)).then(|| {
        format!("it needs `{version}` of `{library}`, but this machine's `{library}` differs from the runtime's")
    })
}

/// A library that Python code searched for by its name: "failed to find libmagic. Check your installation" of
/// python-magic.
fn searched<'a>(message: &'a str, runtime: &Runtime) -> Option<&'a str> {
    // The dynamic linker's messages have complete file names.
    let is_about_it =
        !message.contains(".so") && ["find", "found", "load", "locate"].iter().any(|word| message.contains(word));
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '+');
    let mut words = message.split(|letter| !is_part(letter)).filter(|word| word.starts_with("lib") && word.len() > 3);
    words.find(|word| is_about_it && runtime.system().has_library_called(word))
}

/// Whether the runtime is known to lack a version such as `GLIBC_2.38`.
fn is_too_new(version: &str, runtime: &Runtime) -> bool {
    let known = version.rsplit_once('_').and_then(|(kind, number)| {
        let has = SymbolVersion::parse(runtime.system().symbol_versions.get(kind)?)?;
        Some(SymbolVersion::parse(number)?.is_newer_than(&has))
    });
    known.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Option<String> {
        let layer = Layer::of_paths(&["python/x.libs/libz.so.1"]);
        difference(message, &layer, "3.13".parse::<crate::types::PythonVersion>().expect("is known").runtime())
    }

    #[test]
    fn libraries_of_this_machine_are_no_verdict() {
        let openssl =
            "/lib/x86_64-linux-gnu/libssl.so.3: version `OPENSSL_3.2.0' not found (required by /opt/python/x.so)";
        let cause =
            "it needs `OPENSSL_3.2.0` of `libssl.so.3`, but this machine's `libssl.so.3` differs from the runtime's";
        assert_eq!(of(openssl).as_deref(), Some(cause));
        for (message, library) in [
            ("libmagic.so.1: cannot open shared object file: No such file or directory", "libmagic.so.1"),
            ("failed to find libmagic.  Check your installation", "libmagic"),
        ] {
            let cause = format!("it needs `{library}`, which the runtime has but this machine does not");
            assert_eq!(of(message), Some(cause), "{message}");
        }
    }

    #[test]
    fn what_the_runtime_lacks_is_a_fault() {
        for message in [
            "libGL.so.1: cannot open shared object file: No such file or directory",
            "/tmp/x/opt/python/x.libs/libz.so.1: version `ZLIB_1.3' not found (required by /opt/python/x.so)",
            "/lib64/libc.so.6: version `GLIBC_2.38' not found (required by /opt/python/x.so)",
            "cannot load library 'libpango-1.0-0'",
            "cannot import name 'libs'",
        ] {
            assert_eq!(of(message), None, "{message}");
        }
    }
}
