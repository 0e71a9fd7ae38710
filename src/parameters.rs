//! SSM parameters that name versions, so that nobody has to guess the newest number.

use crate::registry::Registry;
use crate::report::Change;
use crate::spec::Spec;
use crate::types::ParameterTemplate;
use crate::versions::Choice;

pub async fn apply(_template: &ParameterTemplate, _choice: &Choice, _spec: &Spec, _registry: &Registry) -> Vec<Change> {
    Vec::new()
}
