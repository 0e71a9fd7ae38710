//! The limit `max-import-time`.

use crate::layer::Finding;
use crate::layer::import_times::{ImportTimes, Milliseconds};

/// Compares what was measured with the limit, if there is one.
pub(crate) fn check(times: Option<&ImportTimes>, limit: Option<Milliseconds>) -> Option<Finding> {
    const NAMED: usize = 3;
    let limit = limit?;
    let Some(times) = times else {
        return Some(Finding::warning(
            "import-time-unknown",
            "layer",
            "`max-import-time` is set, but no import could be measured on this machine",
            "run it where the modules can be imported: see docs/smoke-test.md; in `audit`, set `smoke-test: import`",
        ));
    };
    let slowest: Vec<String> =
        times.requirements.iter().take(NAMED).map(|time| format!("{} {}", time.name, time.milliseconds)).collect();
    (times.milliseconds > limit).then(|| {
        Finding::error(
            "max-import-time",
            "layer",
            format!("the imports take {} on this machine, but `max-import-time` allows {limit}", times.milliseconds),
            format!(
                "use lighter packages, import less, or raise the limit: another machine may be slower; the slowest are {}",
                slowest.join(", ")
            ),
        )
    })
}
