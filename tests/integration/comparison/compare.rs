//! A layer beside the answer of the tool.

use super::contents::{Contents, Installed};
use super::network::Network;
use super::tool::{Answer, Origin};

/// As the row wants it: with the origin if that is in it for this name.
pub(super) fn shown(name: &str, installed: &Installed, wanted: &[String]) -> String {
    let origin = installed.origin.as_deref().unwrap_or("?");
    let with_origin = wanted.iter().any(|line| {
        let mut words = line.split(' ');
        words.next() == Some(name) && words.count() == 2
    });
    let version = &installed.version;
    if with_origin { format!("{name} {version} {origin}") } else { format!("{name} {version}") }
}

/// How a layer is not what the tool answers.
pub(super) fn differences(answer: Option<&Answer>, layer: &Contents, network: &Network) -> Vec<String> {
    let Some(answer) = answer else { return Vec::new() };
    let mut wrong = Vec::new();
    for name in layer.keys().filter(|name| !answer.contains_key(*name)) {
        wrong.push(format!("has {name} {}, which the tool has not", layer[name].version));
    }
    for (name, expected) in answer {
        let Some(installed) = layer.get(name) else {
            wrong.push(format!("lacks {name} {}", expected.version.as_deref().unwrap_or_default()));
            continue;
        };
        if let Some(version) = expected.version.as_ref().filter(|version| **version != installed.version) {
            wrong.push(format!("has {name} {} and not {version}", installed.version));
        }
        let origin = installed.origin.as_deref().unwrap_or("?");
        let is_right = match &expected.origin {
            Origin::Exactly(wanted) => wanted == origin,
            Origin::Hashed(hashes) => {
                let is_made = hashes.iter().any(|hash| network.packages.of_hash(hash).is_some());
                let hash = network.packages.hash(origin);
                !is_made || hash.is_some_and(|hash| hashes.iter().any(|known| known == hash))
            }
            Origin::Any => true,
        };
        if !is_right {
            let wanted = match &expected.origin {
                Origin::Hashed(hashes) => {
                    let known = hashes.iter().filter_map(|hash| network.packages.of_hash(hash));
                    known.collect::<Vec<_>>().join(" or ")
                }
                Origin::Exactly(wanted) => wanted.clone(),
                Origin::Any => String::new(),
            };
            wrong.push(format!("has {name} of {origin} and not of {wanted}"));
        }
    }
    wrong
}
