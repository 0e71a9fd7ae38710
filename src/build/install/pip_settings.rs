//! Translates pip's variables and configuration files for uv, which resolves instead of pip where pip could only
//! resolve for this machine.

use std::process::Command;

use crate::environment::installer_variables::Effect;
use crate::environment::{Environment, pip_configuration};

/// Variables of pip and uv with the same meaning, and the separator that uv uses between values.
const SAME: &[(&str, &str, &str)] = &[
    ("PIP_BUILD_CONSTRAINT", "UV_BUILD_CONSTRAINT", " "),
    ("PIP_CERT", "SSL_CERT_FILE", " "),
    ("PIP_CONSTRAINT", "UV_CONSTRAINT", " "),
    ("PIP_FIND_LINKS", "UV_FIND_LINKS", ","),
    ("PIP_KEYRING_PROVIDER", "UV_KEYRING_PROVIDER", " "),
    ("PIP_PROXY", "HTTP_PROXY", " "),
    ("PIP_PROXY", "HTTPS_PROXY", " "),
    ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST", " "),
];

/// Switches of pip, and the options of uv with the same meaning.
const SWITCHES: &[(&str, &[&str])] = &[
    ("PIP_NO_DEPENDENCIES", &["--no-deps"]),
    ("PIP_NO_DEPS", &["--no-deps"]),
    ("PIP_NO_INDEX", &["--no-index"]),
    ("PIP_PRE", &["--prerelease", "allow"]),
];

/// Makes a uv command behave like pip. Variables for uv that decide what is installed are removed.
pub(super) fn apply(command: &mut Command, environment: &Environment) {
    let names: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    let is_uvs = |name: &str| name.starts_with("UV_") && Effect::of(name).decides();
    for name in names.iter().filter(|name| name.to_str().is_some_and(is_uvs)) {
        command.env_remove(name);
    }
    let set = environment.with_defaults(pip_configuration::settings(environment).unwrap_or_default());
    for (pip, uv, between) in SAME {
        if let Some(value) = set.get(pip) {
            command.env(uv, value.split_whitespace().collect::<Vec<_>>().join(between));
        }
    }
    for (_, options) in SWITCHES.iter().filter(|(pip, _)| set.is_on(pip)) {
        // The option may already be given, and uv does not accept it twice.
        if !command.get_args().any(|given| given == options[0]) {
            command.args(*options);
        }
    }
    for (pip, option) in [("PIP_NO_BINARY", "--no-binary"), ("PIP_ONLY_BINARY", "--only-binary")] {
        let names = set.get(pip).unwrap_or_default().split([',', ' ', '\n']).filter(|name| !name.is_empty());
        names.filter(|name| *name != ":none:").for_each(|name| _ = command.args([option, name]));
    }
}
