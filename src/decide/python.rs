//! Keeps a default Python from replacing the one that a layer is published for.

use crate::error::{Failure, alternatives};
use crate::registry::publish::Known;
use crate::spec::Spec;

/// Refuses a default Python for a layer that is published for another one.
///
/// # Errors
/// The layer is published for another Python than the default.
pub fn check(spec: &Spec, known: &Known) -> Result<(), Failure> {
    let wanted = spec.target.python.to_string();
    let published = known.pythons();
    if !spec.python.is_default() || published.is_empty() || published.contains(&wanted) {
        return Ok(());
    }
    let of_layer = published.iter().map(|python| format!("python{python}")).collect::<Vec<_>>().join(", ");
    let failure = Failure::user(format!(
        "`{}` is published for {of_layer}, but without `python-version` the new version would be for python{wanted}",
        spec.layer
    ));
    let stays = alternatives(published.iter().map(String::as_str));
    Err(failure
        .hint(format!("set `python-version` to {stays} to keep the Python version, or to `{wanted}` to change it")))
}
