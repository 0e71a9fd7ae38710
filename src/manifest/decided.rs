//! Requirements with their markers evaluated for one target, for an installer that would evaluate them for its own
//! Python.

use pep508_rs::{MarkerEnvironment, MarkerTree};
use secrecy::{ExposeSecret as _, SecretString};

use super::requirement::{Local, is_url, marker_of};
use super::{Manifest, marker_environment};
use crate::types::{Target, pep508};

impl Manifest {
    /// Everything to install as one text, in lines of a requirement file without markers. It may contain credentials.
    pub fn decided(&self, target: Target) -> SecretString {
        let environment = marker_environment(target);
        let lines = self.text.expose_secret().lines().filter_map(|line| decided(line, &environment));
        lines.map(|line| line + "\n").collect::<String>().into()
    }
}

/// A line without its marker; `None` if it is not for the target. An unreadable line stays as it is.
fn decided(line: &str, environment: &MarkerEnvironment) -> Option<String> {
    let editable = ["-e ", "--editable ", "--editable="].into_iter().find_map(|option| line.strip_prefix(option));
    if line.starts_with('-') && editable.is_none() {
        return Some(line.to_owned());
    }
    let start = line.len() - editable.unwrap_or(line).len();
    let options = line[start..].match_indices(" --").next().map_or(line.len(), |(at, _)| start + at);
    let requirement = &line[start..options];
    let Some((marker, at)) = marker(requirement) else { return Some(line.to_owned()) };
    let kept = format!("{}{}{}", &line[..start], requirement[..at].trim_end(), &line[options..]);
    marker.evaluate(environment, &[]).then_some(kept)
}

/// A requirement's marker, and the position where it begins; `None` if it has none.
fn marker(requirement: &str) -> Option<(MarkerTree, usize)> {
    let is_place = Local::read(requirement).is_some() || is_url(requirement) || requirement.contains("://");
    // In a URL, a semicolon without white space beside it belongs to the URL.
    let at = if is_place { requirement.find(" ;").or_else(|| requirement.find("; ")) } else { requirement.find(';') };
    let at = at?;
    let marker = if is_place { marker_of(requirement).ok()? } else { pep508::requirement(requirement).ok()?.marker };
    Some((marker, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_decided_line_by_line() {
        let manifest = Manifest {
            text: SecretString::from(
                "--index-url https://h/simple\nsix==1.17.0 ; python_full_version >= '3.13.2' --hash=sha256:aa --hash=sha256:bb\n\
                idna;python_version<'3.9'\n-e ./own ; sys_platform == 'linux'\n./lib[x]\nb @ https://h/b;1.whl ; sys_platform == 'win32'\n\
                git+https://h/c@1#egg=c ; python_version > '3'\n",
            ),
            ..Manifest::default()
        };
        insta::assert_snapshot!(manifest.decided(Target::of_tests()).expose_secret(), @r"
        --index-url https://h/simple
        six==1.17.0 --hash=sha256:aa --hash=sha256:bb
        -e ./own
        ./lib[x]
        git+https://h/c@1#egg=c
        ");
    }
}
