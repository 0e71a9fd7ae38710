//! Shared libraries that wheels bundle in a folder `NAME.libs`, as `auditwheel` does
//! (<https://github.com/pypa/auditwheel>).

/// Name and version, read from the file's name without the hash that `auditwheel` adds. A single number is the version
/// of the ABI and says nothing about the library: `libz-eb09ad1d.so.1.3` is `libz` 1.3, but `libz.so.1` is any `libz`.
pub(super) fn name_and_version(file: &str) -> (String, Option<String>) {
    let (stem, behind) = file.split_once(".so").unwrap_or((file, ""));
    let behind = behind.trim_start_matches('.');
    let hashed = stem.rsplit_once('-').map(|(name, rest)| (name, rest.split_once('.').unwrap_or((rest, ""))));
    let (name, inside) = match hashed {
        Some((name, (hash, version))) if is_hash(hash) => (name, version),
        _ => (stem, ""),
    };
    let version = [behind, inside].into_iter().find(|version| is_version(version));
    // The name may have two hashes: one build bundled the library, and another bundled it again.
    let name = name.rsplit_once('-').filter(|(_, hash)| is_hash(hash)).map_or(name, |(name, _)| name);
    (name.to_owned(), version.map(str::to_owned))
}

fn is_hash(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_tell_names_and_versions() {
        for (file, name, version) in [
            ("libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran", Some("5.0.0")),
            ("liblzma-13fa198c.so.5.4.5", "liblzma", Some("5.4.5")),
            ("libscipy_openblas64_-56d6093b.so", "libscipy_openblas64_", None),
            ("libopenblas64_p-r0-0cf96a72.3.23.dev.so", "libopenblas64_p-r0", Some("3.23.dev")),
            ("libz-eb09ad1d.so.1", "libz", None),
            ("libpq-9b38f5e3.so.5.17", "libpq", Some("5.17")),
            ("libfoo.so", "libfoo", None),
            ("<b>.so.x.y", "<b>", None),
        ] {
            assert_eq!(name_and_version(file), (name.to_owned(), version.map(str::to_owned)), "{file}");
        }
    }
}
