//! Rewrites absolute paths of local dependencies, as tools export them, relative to the project's folder.

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

/// `name[extra] @ file:///home/me/project/library` becomes `./library[extra]`.
pub(crate) fn from_project(text: &str, project: &Utf8Path) -> String {
    // The tools also use the real path.
    let project = project.canonicalize_utf8().unwrap_or_else(|_| project.to_owned());
    text.lines().map(|line| relative(line, &project).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

fn relative(line: &str, project: &Utf8Path) -> Option<String> {
    let (name, rest) = line.split_once("file:///")?;
    let (name, is_editable) = name.strip_prefix("-e ").map_or((name, false), |name| (name, true));
    // This also matches the end of `git+file://`.
    let extras = match name.trim_end().strip_suffix('@') {
        Some(name) => name.find('[').map_or("", |start| name[start..].trim()),
        None if name.is_empty() => "",
        None => return None,
    };
    let (place, rest) = rest.split_at(rest.find([' ', '#', '[']).unwrap_or(rest.len()));
    let place = Url::parse(&format!("file:///{place}")).ok()?.to_file_path().ok()?;
    let place = between(project, &Utf8PathBuf::try_from(place).ok()?);
    // Tools do not accept a space in a path, so such a URL stays.
    let editable = if is_editable { "-e " } else { "" };
    (!place.as_str().contains(char::is_whitespace)).then(|| format!("{editable}{place}{extras}{rest}"))
}

/// The relative path from one folder to another path, both absolute.
fn between(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let common = from.components().zip(to.components()).take_while(|(left, right)| left == right).count();
    let up = from.components().count() - common;
    let start = if up == 0 { Utf8PathBuf::from(".") } else { Utf8PathBuf::new() };
    let down = to.components().skip(common).map(|component| component.as_str());
    start.components().map(|component| component.as_str()).chain(std::iter::repeat_n("..", up)).chain(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_from_the_project() {
        let text = "-e file:///w/app/libs/one ; python_version >= \"3.9\"\ntwo[x] @ file:///w/two\nthree @ file:///w/app/3.whl \\\n    --hash=sha256:aa\nfour @ git+file:///w/four@1\nsix==1.17.0\n-e file:///w/app\nfive @ file:///w/app/a%20b\n";
        insta::assert_snapshot!(from_project(text, "/w/app".into()), @r#"
        -e ./libs/one ; python_version >= "3.9"
        ../two[x]
        ./3.whl \
            --hash=sha256:aa
        four @ git+file:///w/four@1
        six==1.17.0
        -e .
        five @ file:///w/app/a%20b
        "#);
    }
}
