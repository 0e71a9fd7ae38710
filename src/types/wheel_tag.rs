//! Tags of wheels (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>).

use crate::types::{Architecture, Glibc, Target};

/// Whether the target's Python takes wheels of this Python tag and ABI.
pub(crate) fn is_loaded(python: &str, abi: &str, target: Target) -> bool {
    let split = python.find(|letter: char| letter.is_ascii_digit()).map(|at| python.split_at(at));
    let Some((implementation, digits)) = split else { return false };
    let wanted = target.python.digits();
    // `3`, or `3` and the minor version.
    let minor = |digits: &str| digits.strip_prefix('3').and_then(|minor| minor.parse::<u32>().ok());
    let is_older = minor(digits).is_some_and(|it| minor(&wanted).is_some_and(|wanted| it <= wanted));
    match (implementation, abi) {
        ("py", "none") => digits == "3" || is_older,
        ("cp", "none") => digits == wanted,
        ("cp", "abi3") => is_older,
        ("cp", abi) => digits == wanted && abi.strip_prefix("cp") == Some(&wanted),
        _ => false,
    }
}

/// The glibc that a platform tag of Linux needs, 0.0 where it does not say; `None` for other systems and processors.
pub(crate) fn needed_glibc(platform: &str, architecture: Architecture) -> Option<Glibc> {
    let system = platform.strip_suffix(architecture.machine())?.strip_suffix('_')?;
    // PEP 600 has the versions that the older names stand for.
    let (major, minor) = match system {
        "linux" => (0, 0),
        "manylinux1" => (2, 5),
        "manylinux2010" => (2, 12),
        "manylinux2014" => (2, 17),
        system => {
            let (major, minor) = system.strip_prefix("manylinux_")?.split_once('_')?;
            (major.parse().ok()?, minor.parse().ok()?)
        }
    };
    Some(Glibc { major, minor })
}
