//! Turns editable requirements into ones that are installed as real files, because a layer cannot point to a working
//! copy.

use super::requirement::{Local, from_here};
use crate::error::Failure;

/// The requirement after `-e`, without being editable (<https://pip.pypa.io/en/stable/topics/vcs-support/>).
///
/// # Errors
/// The text is neither a repository nor a folder, as far as can be seen from it.
pub(super) fn as_files(text: &str) -> Result<String, Failure> {
    // `name @ git+https://…` needs no change.
    let is_repository = |text: &str| ["git+", "hg+", "svn+", "bzr+"].iter().any(|start| text.starts_with(start));
    let place = text.split_once('@').map_or(text, |(_, place)| place.trim_start());
    if is_repository(text) {
        return Ok(of_repository(text));
    }
    if is_repository(place) || Local::read(text).is_some() || text.contains("://") {
        return Ok(text.to_owned());
    }
    // pip and uv take any word here for a folder.
    let end = text.find(['[', ';', ' ']).unwrap_or(text.len());
    let (folder, rest) = text.split_at(end);
    if folder.is_empty() || folder.contains(['=', '<', '>', '~', '!', '@']) {
        let failure = Failure::user(format!("`{text}` cannot be installed as editable"));
        return Err(failure.hint("write a folder (`./lib`) or a repository (`git+https://…#egg=name`) after `-e`"));
    }
    Ok(format!("{}{rest}", from_here(folder.into())))
}

/// Turns `git+https://…@rev#egg=name&subdirectory=lib` into `name @ git+https://…@rev#subdirectory=lib`.
fn of_repository(text: &str) -> String {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (url, rest) = text.split_at(end);
    let Some((url, fragment)) = url.split_once('#') else { return text.to_owned() };
    let (names, others): (Vec<&str>, Vec<&str>) = fragment.split('&').partition(|part| part.starts_with("egg="));
    let fragment = if others.is_empty() { String::new() } else { format!("#{}", others.join("&")) };
    let name = names.first().and_then(|part| part.strip_prefix("egg=")).unwrap_or_default();
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    if name.is_empty() { format!("{url}{fragment}{rest}") } else { format!("{name} @ {url}{fragment}{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editable_lines_become_plain_ones() {
        let plain = |text: &str| as_files(text).unwrap_or_else(|failure| failure.message);
        for (editable, expected) in [
            ("git+https://h/a.git@0123#egg=a", "a @ git+https://h/a.git@0123"),
            ("git+https://h/a.git@v1#egg=a[x]&subdirectory=py", "a[x] @ git+https://h/a.git@v1#subdirectory=py"),
            (
                "git+ssh://git@h/a.git#subdirectory=py&egg=a ; x == '1'",
                "a @ git+ssh://git@h/a.git#subdirectory=py ; x == '1'",
            ),
            ("git+file:///w/a@main", "git+file:///w/a@main"),
            ("hg+https://h/a#egg=a", "a @ hg+https://h/a"),
            ("a[x] @ git+https://h/a.git@v1", "a[x] @ git+https://h/a.git@v1"),
            ("./lib[x]", "./lib[x]"),
            (".", "."),
            ("lib", "./lib"),
            ("lib[x]", "./lib[x]"),
            ("file:///w/lib", "file:///w/lib"),
            ("a @ file:./lib", "a @ file:./lib"),
            ("six==1.17.0", "`six==1.17.0` cannot be installed as editable"),
        ] {
            assert_eq!(plain(editable), expected);
        }
    }
}
