//! Compares hashes of files in the workspace with those in a dependency file.

use std::collections::BTreeSet;

use camino::Utf8Path;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The algorithms that both uv and pip support, the strongest first.
pub(super) const ALGORITHMS: &[&str] = &["sha512", "sha384", "sha256"];

/// Whether a file has one of these hashes, `sha256:…`, by the rules of pip and uv; `None` if there are none that they
/// can compute.
///
/// # Errors
/// The file cannot be read.
pub(super) fn compare(path: &Utf8Path, hashes: &BTreeSet<String>) -> std::io::Result<Option<bool>> {
    let known: Vec<(&str, &str)> = hashes.iter().filter_map(|hash| hash.split_once(':')).collect();
    let known = known.into_iter().filter(|(algorithm, _)| ALGORITHMS.contains(algorithm)).collect::<Vec<_>>();
    if known.is_empty() {
        return Ok(None);
    }
    let bytes = fs_err::read(path)?;
    let has = |(algorithm, digits): &(&str, &str)| {
        let own = match *algorithm {
            "sha512" => hexadecimal(&Sha512::digest(&bytes)),
            "sha384" => hexadecimal(&Sha384::digest(&bytes)),
            _ => hexadecimal(&Sha256::digest(&bytes)),
        };
        own.eq_ignore_ascii_case(digits)
    };
    Ok(Some(known.iter().any(has)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hash_of_a_known_kind_is_enough() {
        let folder = tempfile::tempdir().expect("can be made");
        let path = Utf8Path::from_path(folder.path()).expect("is UTF-8").join("a");
        fs_err::write(&path, "a").expect("can be written");
        let compared = |hashes: &[&str]| {
            compare(&path, &hashes.iter().map(|hash| (*hash).to_owned()).collect()).expect("can be read")
        };
        let right = "sha256:CA978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(compared(&[right, "sha512:00"]), Some(true));
        assert_eq!(compared(&["sha256:00", "md5:0cc175b9c0f1b6a831c399e269772661"]), Some(false));
        assert_eq!(compared(&["md5:00"]), None);
    }
}
