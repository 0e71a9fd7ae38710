//! What started the workflow, as its event payload says.
