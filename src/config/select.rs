//! Selects layers of the file by the inputs `layers` and `layer-name`.

use globset::GlobBuilder;

use super::expand::Wanted;
use crate::error::{Failure, Problems, nearest};
use crate::types::check_glob;

/// Keeps the layers that match a name or pattern, in the order of the file.
///
/// # Errors
/// A pattern is invalid or matches no layer.
pub(super) fn choose(wanted: Vec<Wanted>, patterns: &[String], file: &str) -> Result<Vec<Wanted>, Failure> {
    let mut problems = Problems::default();
    let mut is_chosen = vec![patterns.is_empty(); wanted.len()];
    for pattern in patterns {
        let Some(glob) = problems.check(glob(pattern)) else { continue };
        let mut fits = false;
        for (layer, is_chosen) in wanted.iter().zip(&mut is_chosen) {
            if layer.name == *pattern || glob.is_match(&layer.name) {
                fits = true;
                *is_chosen = true;
            }
        }
        if !fits {
            problems.push(missing("layers", pattern, &wanted, file));
        }
    }
    problems.into_result()?;
    Ok(wanted.into_iter().zip(is_chosen).filter_map(|(layer, is_chosen)| is_chosen.then_some(layer)).collect())
}

/// Whether a layer with this name is chosen.
///
/// # Errors
/// A pattern is invalid.
pub(super) fn fits(patterns: &[String], name: &str) -> Result<bool, Failure> {
    for pattern in patterns {
        if pattern == name || glob(pattern)?.is_match(name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Splits patterns, one per line or separated by commas, except those inside of `{a,b}`.
pub(super) fn patterns(values: &[String]) -> Vec<String> {
    let mut depth = 0_usize;
    let is_end = |character: char| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '\n' || (character == ',' && depth == 0)
    };
    let joined = values.join("\n");
    joined.split(is_end).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn glob(pattern: &str) -> Result<globset::GlobMatcher, Failure> {
    let glob =
        check_glob(pattern).and_then(|()| GlobBuilder::new(pattern).build().map_err(|error| error.kind().to_string()));
    glob.map(|glob| glob.compile_matcher()).map_err(|why| {
        Failure::user(format!("`layers` contains `{pattern}`, which is not a valid pattern"))
            .cause(why)
            .hint("use names or patterns, such as `web-*` or `{web,api}-*`")
    })
}

/// The failure if no layer has this name.
pub(super) fn missing(input: &str, name: &str, wanted: &[Wanted], file: &str) -> Failure {
    let failure = Failure::user(format!("`{input}` is `{name}`, which matches no layer in `{file}`"));
    let names = wanted.iter().map(|layer| layer.name.as_str());
    if let Some(near) = nearest(name, names.clone()) {
        return failure.hint(format!("did you mean `{near}`?"));
    }
    let first: Vec<String> = names.take(10).map(|name| format!("`{name}`")).collect();
    let more = if wanted.len() > first.len() { ", …" } else { "" };
    failure.hint(format!("the file contains {}{more}", first.join(", ")))
}
