//! Finds conflicts between the layers of one run.

use std::collections::BTreeMap;

use super::{RegistryChoice, Spec};
use crate::error::{Failure, Problems};

/// Refuses layers that would write the same SSM parameter.
///
/// # Errors
/// Two layers would overwrite each other's SSM parameter.
pub fn check(specs: &[Spec]) -> Result<(), Failure> {
    let mut problems = Problems::default();
    let mut first: BTreeMap<String, &Spec> = BTreeMap::new();
    for spec in specs {
        let (RegistryChoice::Aws(_), Some(template)) = (&spec.registry, &spec.follow_up.ssm_parameter) else {
            continue;
        };
        let (python, architecture) = (spec.target.python.to_string(), spec.target.architecture.to_string());
        let name = template.latest(&spec.layer, (&python, &architecture));
        match first.get(&name) {
            Some(other) if other.registry == spec.registry => {
                let failure = Failure::user(format!(
                    "`ssm-parameter` is `{name}` for both `{}` and `{}`, which would overwrite each other's value",
                    other.layer, spec.layer
                ));
                problems.push(failure.hint("include `{layer}`, which stands for the layer's name"));
            }
            Some(_) => {}
            None => _ = first.insert(name, spec),
        }
    }
    problems.into_result()
}
