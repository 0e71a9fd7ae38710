//! Settings of uv that conflict with the target or the installer.

use super::{Dependencies, InstallerChoice, Reading};
use crate::error::Failure;
use crate::facts;
use crate::types::Target;

impl Reading<'_> {
    pub(super) fn refuse_settings_of_uv(&mut self, dependencies: &Dependencies, target: Target) {
        let settings = &dependencies.manifest.settings;
        let file = &settings.file;
        if !settings.is_for(target) {
            let failure = Failure::user(format!("the `environments` in `{file}` do not include {target}"));
            let failure =
                failure.causes(settings.environments.iter().map(|marker| format!("the list contains `{marker}`")));
            self.problems.push(
                failure
                    .hint("add the environment of the runtime, `sys_platform == 'linux'`, or change `python-version`"),
            );
        }
        if dependencies.installer != InstallerChoice::Pip {
            return;
        }
        for name in settings.table.keys().filter(|name| !facts::uv_projects().known_to_pip.contains(name)) {
            let failure = Failure::user(format!("`{name}` in `{file}` is a uv setting that pip does not support"));
            self.problems.push(failure.hint("use `installer: uv`"));
        }
    }
}
