//! What the tests need besides the program: installed once into `target/`, and shared.

use std::process::Command;
use std::sync::{LazyLock, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};

/// From PyPI; uv is the version that `data/tools.yml` has.
const PINS: &[&str] = &["pip==25.3", "uv==0.13.8", "moto[server]==5.2.5", "pypiserver[passlib]==2.4.0"];

/// AWS's emulator of Lambda (inside of the first) and the client that runs in it; what they need themselves is not needed.
const EMULATOR_PINS: &[&str] = &["aws-sam-cli==1.170.0", "awslambdaric==4.2.2"];

/// A variable of the test's own environment.
#[expect(clippy::disallowed_methods, reason = "tests have no other way to be told something")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Variables of the machine that the program's children need to reach a package index, and no others.
#[expect(clippy::disallowed_methods, reason = "tests have no other way to be told something")]
pub(crate) fn passed_on() -> Vec<(String, String)> {
    const NAMES: &[&str] = &["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LANG"];
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let is_wanted =
        |name: &str| NAMES.contains(&name) || name.starts_with("PIP_") || name.to_lowercase().ends_with("_proxy");
    variables.filter(|(name, _)| is_wanted(name)).collect()
}

pub(crate) struct Tools {
    /// A virtual environment.
    folder: Utf8PathBuf,
}

impl Tools {
    /// The virtual environment.
    pub(crate) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    pub(crate) fn program(&self, name: &str) -> Utf8PathBuf {
        self.folder.join("bin").join(name)
    }

    /// `PATH` of the runs: the tools, and what every Unix has.
    pub(crate) fn path(&self) -> String {
        format!("{}/bin:/usr/local/bin:/usr/bin:/bin", self.folder)
    }

    /// Version of the tools' Python, which is this machine's: `3.13`.
    pub(crate) fn python_version(&self) -> String {
        static VERSION: OnceLock<String> = OnceLock::new();
        VERSION.get_or_init(|| self.ask("import sys; print('%d.%d' % sys.version_info[:2])")).clone()
    }

    /// Of this machine's C library, `36` for 2.36.
    pub(crate) fn glibc_minor(&self) -> u32 {
        self.ask("import platform; print(platform.libc_ver()[1].split('.')[1])").parse().expect("is a number")
    }

    fn ask(&self, question: &str) -> String {
        let output = Command::new(self.program("python3")).args(["-c", question]).output().expect("can be started");
        String::from_utf8(output.stdout).expect("is UTF-8").trim().to_owned()
    }
}

/// A cache that all tests share: where their sandboxes are, so that installing is linking.
pub(crate) fn cache(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache").join(name)
}

/// Installs the tools if that was not done before.
pub(crate) fn tools() -> &'static Tools {
    static TOOLS: LazyLock<Tools> = LazyLock::new(install);
    &TOOLS
}

fn install() -> Tools {
    let target = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-tools");
    fs_err::create_dir_all(&target).expect("can be made");
    let lock = fs_err::File::create(target.join(".lock")).expect("can be made");
    // Another test binary, or another `cargo test`, may install as well.
    lock.file().lock().expect("can be locked");
    let digest = lambda_layer::types::Digest::of(PINS.join("\n").as_bytes()).hex();
    let folder = target.join(&digest[..16]);
    let done = folder.join("done");
    if !done.exists() {
        fs_err::remove_dir_all(&folder).ok();
        run(Command::new("python3").args(["-m", "venv", folder.as_str()]));
        let python = folder.join("bin/python3");
        run(pip_install(&python).args(PINS));
        fs_err::write(done, "").expect("can be written");
    }
    Tools { folder }
}

/// A folder with the program `aws-lambda-rie`, and `runtime` for `PYTHONPATH`: installed when a test asks for it.
pub(crate) fn emulator() -> Utf8PathBuf {
    let digest = lambda_layer::types::Digest::of(EMULATOR_PINS.join("\n").as_bytes()).hex();
    let folder = tools().folder.with_file_name(format!("emulator-{}", &digest[..16]));
    let done = folder.join("done");
    if !done.exists() {
        fs_err::remove_dir_all(&folder).ok();
        for (pin, place, options) in
            [(EMULATOR_PINS[0], "sam", &["--no-deps"][..]), (EMULATOR_PINS[1], "runtime", &["--only-binary", ":all:"])]
        {
            let mut pip = pip_install(&tools().program("python3"));
            run(pip.arg("--target").arg(folder.join(place)).args(options).arg(pin));
        }
        let architecture = if cfg!(target_arch = "x86_64") { "x86_64" } else { "arm64" };
        let program = folder.join("aws-lambda-rie");
        let name = format!("sam/samcli/local/rapid/aws-lambda-rie-{architecture}");
        fs_err::rename(folder.join(name), &program).expect("is there");
        fs_err::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("is ours");
        fs_err::remove_dir_all(folder.join("sam")).expect("is ours");
        fs_err::write(done, "").expect("can be written");
    }
    folder
}

/// Of the reference implementation of CycloneDX, with the official schemas.
const CYCLONEDX_PIN: &str = "cyclonedx-python-lib[json-validation]==11.12.0";

/// What the reference implementation of CycloneDX makes of a bill of materials, a line a component; installed when a test
/// asks for it.
pub(crate) fn read_by_cyclonedx(bill: &Utf8Path) -> String {
    const PROGRAM: &str = r#"
import json, sys
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open(sys.argv[1], encoding="utf-8").read()
errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert errors is None, errors
bom = Bom.from_json(json.loads(text))
bom.validate()
def show(component, indent):
    licences = [getattr(l, "value", None) or l.id or l.name for l in component.licenses]
    print(indent + " ".join(str(part) for part in [component.purl or component.name, *licences]))
    for inner in sorted(component.components):
        show(inner, indent + "  ")
for component in sorted(bom.components):
    show(component, "")
"#;
    let digest = lambda_layer::types::Digest::of(CYCLONEDX_PIN.as_bytes()).hex();
    let folder = tools().folder.with_file_name(format!("cyclonedx-{}", &digest[..16]));
    let lock = fs_err::File::create(folder.with_extension("lock")).expect("can be made");
    lock.file().lock().expect("can be locked");
    if !folder.join("done").exists() {
        fs_err::remove_dir_all(&folder).ok();
        run(pip_install(&tools().program("python3")).args(["--target", folder.as_str(), CYCLONEDX_PIN]));
        fs_err::write(folder.join("done"), "").expect("can be written");
    }
    drop(lock);
    let mut python = Command::new(tools().program("python3"));
    let output =
        python.args(["-c", PROGRAM, bill.as_str()]).env("PYTHONPATH", folder).output().expect("can be started");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{bill} is refused\n{errors}");
    said.trim_end().to_owned()
}

/// The validator of JSON Schemas; installed when a test asks for it, with all that it needs.
const CHECK_JSONSCHEMA_PIN: &str = "check-jsonschema==0.39.0";

pub(crate) fn check_jsonschema() -> Utf8PathBuf {
    static PROGRAM: LazyLock<Utf8PathBuf> = LazyLock::new(|| {
        let digest = lambda_layer::types::Digest::of(CHECK_JSONSCHEMA_PIN.as_bytes()).hex();
        let folder = tools().folder.with_file_name(format!("check-jsonschema-{}", &digest[..16]));
        let lock = fs_err::File::create(folder.with_extension("lock")).expect("can be made");
        lock.file().lock().expect("can be locked");
        if !folder.join("done").exists() {
            fs_err::remove_dir_all(&folder).ok();
            run(Command::new("python3").args(["-m", "venv", folder.as_str()]));
            run(pip_install(&folder.join("bin/python3")).arg(CHECK_JSONSCHEMA_PIN));
            fs_err::write(folder.join("done"), "").expect("can be written");
        }
        folder.join("bin/check-jsonschema")
    });
    PROGRAM.clone()
}

/// pip of this Python, to be told what to install. It compiles that, because Python does not do so later where
/// `PYTHONDONTWRITEBYTECODE` is set, as the program does for pip and many an image for all: without, pip starts in twice the
/// time, some two hundred times, and each server in half as much again.
fn pip_install(python: &Utf8Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn run(command: &mut Command) {
    let output = command.output().expect("can be started");
    assert!(
        output.status.success(),
        "{command:?} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
