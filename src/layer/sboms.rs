//! Bills of materials that distributions bring along (<https://peps.python.org/pep-0770/>). Those of Rust name a crate
//! without a registry by the folder that it was built in, which is another one in each build.

use camino::Utf8Path;

/// How cargo names such a crate: `path+file:///folder#name@version`, or `path+file:///name#version`
/// (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).
const PLACE: &str = "path+file://";

pub(crate) fn is_one(path: &Utf8Path) -> bool {
    let mut parts = path.components().map(|part| part.as_str());
    parts.next().is_some_and(|first| first.ends_with(".dist-info")) && parts.next() == Some("sboms")
}

/// The same text with no more of such a folder than the crate's name; `None` if it needs no change.
pub(crate) fn without_places(text: &str) -> Option<String> {
    let (first, rest) = text.split_once(PLACE)?;
    let mut result = first.to_owned();
    for part in rest.split(PLACE) {
        result += PLACE;
        let named = part.split_once('#').filter(|(folder, _)| !folder.contains(['"', '\n']));
        let Some((folder, rest)) = named else {
            result += part;
            continue;
        };
        let has_name = rest.split(['"', ' ', '\n']).next().is_some_and(|id| id.contains('@'));
        result += if has_name { "/" } else { folder.rfind('/').map_or("", |at| &folder[at..]) };
        result += &part[folder.len()..];
    }
    (result != text).then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_without_their_folders() {
        let text = "{\"bom-ref\": \"path+file:///tmp/x1/src#own@1.0.0 bin-target-0\", \"ref\": \"registry+https://h#a@1\",\n\
            \"dependsOn\": [\"path+file:///tmp/x1/src/inner#0.1.0\", \"path+file:///tmp/odd\"]}";
        assert_eq!(
            without_places(text).as_deref(),
            Some(
                "{\"bom-ref\": \"path+file:///#own@1.0.0 bin-target-0\", \"ref\": \"registry+https://h#a@1\",\n\
                \"dependsOn\": [\"path+file:///inner#0.1.0\", \"path+file:///tmp/odd\"]}"
            )
        );
        assert_eq!(without_places("{\"ref\": \"registry+https://h#a@1\"}"), None);
        assert!(is_one("own-1.0.dist-info/sboms/own.cyclonedx.json".into()) && !is_one("own/sboms/a.json".into()));
    }
}
