//! Where a layer can be built that needs more than wheels.

use crate::facts;
use crate::types::{PythonVersion, Target};

/// The action whose image has this Python. None has a preview yet: the one without a version in its path has all else that
/// builds need, and uv, which fetches the Python.
pub(crate) fn action(python: PythonVersion) -> String {
    if python.runtime().preview {
        "lambda-layer-action".to_owned()
    } else {
        format!("lambda-layer-action/python{python}")
    }
}

/// What to do when there is no wheel.
pub(crate) fn other_ways(target: Target) -> String {
    let image = if target.python.runtime().preview {
        format!(
            "build it on {} with your own Python {}, because this preview has no image yet",
            target.architecture, target.python
        )
    } else {
        format!(
            "build it on {} in the runtime's image (the action `{}`, or `public.ecr.aws/sam/build-python{}`)",
            target.architecture,
            action(target.python),
            target.python
        )
    };
    let runtimes: Vec<_> = facts::Runtimes::own().with_image().collect();
    let newest = runtimes.iter().filter_map(|runtime| runtime.glibc.parse().ok()).max();
    let newer = runtimes.iter().rev().find(|runtime| runtime.glibc.parse().ok() == newest);
    match newer.filter(|_| newest > Some(target.glibc())) {
        Some(runtime) => {
            format!("{image}, or use python{} or later, which has glibc {}", runtime.python, runtime.glibc)
        }
        None => image,
    }
}
