//! What is installed fits the Lambda runtime, whatever machine installs it.

use std::collections::BTreeMap;

use crate::harness::{FileServer, Outcome, Run, Sandbox, skipped, tools};
use crate::packages::{modern_project, project};
use crate::zip::{Member, members, names, unpack};

/// The architecture that this machine does not have.
const FOREIGN: &str = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };

fn build(sandbox: &Sandbox, python: &str, architecture: &str) -> Run {
    sandbox.run(&["build", "--output", "layer.zip", "--python-version", python, "--architecture", architecture])
}

fn built(sandbox: &Sandbox, python: &str, architecture: &str) -> BTreeMap<String, Member> {
    build(sandbox, python, architecture).run().success();
    members(&sandbox.path("layer.zip"))
}

/// Another Python than this machine's.
fn other_python() -> &'static str {
    if tools().python_version() == "3.13" { "3.12" } else { "3.13" }
}

/// What was said, without what differs from machine to machine.
fn told(outcome: &Outcome, python: &str) -> String {
    let machine = if FOREIGN == "arm64" { "aarch64" } else { "x86_64" };
    outcome.told().replace(python, "[PYTHON]").replace(FOREIGN, "[ARCH]").replace(machine, "[MACHINE]")
}

/// Of the `Tag` lines of all `WHEEL` files, those of one platform.
fn tags(members: &BTreeMap<String, Member>) -> Vec<&str> {
    let wheels = members.iter().filter(|(name, _)| name.ends_with(".dist-info/WHEEL"));
    wheels.flat_map(|(_, wheel)| wheel.text().lines().filter_map(|line| line.strip_prefix("Tag: "))).collect()
}

/// Newest glibc that a wheel's tag allows it to need, as the minor number.
fn glibc(tag: &str) -> Option<u32> {
    let platform = tag.split('-').nth(2)?.split('.').next()?;
    match platform.split('_').next()? {
        "manylinux1" => Some(5),
        "manylinux2010" => Some(12),
        "manylinux2014" => Some(17),
        "manylinux" => platform.split('_').nth(2)?.parse().ok(),
        _ => None,
    }
}

/// `e_machine` of compiled files: 62 is x86_64, 183 is aarch64.
fn machines(members: &BTreeMap<String, Member>) -> Vec<(&str, u16)> {
    let libraries = members.iter().filter(|(_, member)| member.bytes.starts_with(b"\x7fELF"));
    libraries.map(|(name, member)| (name.as_str(), u16::from_le_bytes([member.bytes[18], member.bytes[19]]))).collect()
}

#[test]
fn an_unpinned_requirement_gets_what_uv_would_take_or_is_refused() {
    // As uv and pip have it, the newest version counts even if it only has a source distribution for so old a system.
    let sandbox = Sandbox::with_requirements("numpy\n");
    for architecture in ["x86_64", "arm64"] {
        let outcome = build(&sandbox, "3.11", architecture).run().code(1);
        outcome
            .says("need glibc 2.27 or newer, but the runtime has 2.26")
            .says("hint: use `numpy==2.2.6`, the newest version with a compatible wheel");
    }
    sandbox.write("requirements.txt", "numpy<2.3\n");
    let members = built(&sandbox, "3.11", "x86_64");
    let tags = tags(&members);
    assert!(tags.iter().filter_map(|tag| glibc(tag)).min() <= Some(26), "{tags:?}");
}

#[test]
fn an_old_pin_is_refused_before_anything_is_compiled() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\npsycopg2-binary==2.9.9\npydantic-core==2.14.6\n");
    let outcome = build(&sandbox, "3.13", "x86_64").run().code(1);
    assert!(!outcome.stderr.contains("it is built on this machine"), "{}", outcome.stderr);
    outcome
        .says("error: `psycopg2-binary 2.9.9`, `pydantic-core 2.14.6` have no wheel that runs on Lambda's python3.13")
        .says("cause: `psycopg2-binary` is required in requirements.txt:2")
        .says("cause: `psycopg2-binary==2.9.9` has wheels for Python 3.8 to 3.12, but none for Python 3.13")
        .says("hint: use `psycopg2-binary==2.9.")
        .says("the newest versions with compatible wheels");
}

#[test]
fn a_version_whose_wheels_are_too_new_is_refused_with_what_there_is() {
    let sandbox = Sandbox::with_requirements("# pinned\nnumpy==2.3.5\n");
    let outcome = build(&sandbox, "3.11", FOREIGN).run().code(1);
    insta::assert_snapshot!(told(&outcome, "3.11"), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `numpy 2.3.5` has no wheel that runs on Lambda's python[PYTHON] (glibc 2.26, [ARCH])
    cause: `numpy` is required in requirements.txt:2
    cause: `numpy==2.3.5` has wheels for Python [PYTHON] that need glibc 2.27 or newer, but the runtime has 2.26
    hint: use `numpy==2.2.6`, the newest version with a compatible wheel, or build it on [ARCH] in the runtime's image (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`), or use python3.12 or later, which has glibc 2.34
    ");
    assert!(!sandbox.path("layer.zip").exists());
}

#[test]
fn compiled_code_is_of_the_target() {
    let sandbox = Sandbox::with_requirements("pydantic-core==2.33.2\n");
    for python in ["3.12", "3.13"] {
        for (architecture, machine, number) in [("x86_64", "x86_64", 62), ("arm64", "aarch64", 183)] {
            let members = built(&sandbox, python, architecture);
            let digits = python.replace('.', "");
            let name = format!("python/pydantic_core/_pydantic_core.cpython-{digits}-{machine}-linux-gnu.so");
            assert_eq!(machines(&members), [(name.as_str(), number)]);
        }
    }
}

#[test]
fn every_python_and_architecture_gets_its_own_wheel() {
    let sandbox = Sandbox::with_requirements("markupsafe==3.0.4\n");
    for runtime in lambda_layer::facts::runtimes() {
        for (architecture, machine, number) in [("x86_64", "x86_64", 62), ("arm64", "aarch64", 183)] {
            let members = built(&sandbox, &runtime.python, architecture);
            let digits = runtime.python.replace('.', "");
            let name = format!("python/markupsafe/_speedups.cpython-{digits}-{machine}-linux-gnu.so");
            assert_eq!(machines(&members), [(name.as_str(), number)]);
            let tags = tags(&members);
            assert!(!tags.is_empty(), "{name} has no tags");
            assert!(tags.iter().all(|tag| tag.starts_with(&format!("cp{digits}-cp{digits}-manylinux"))), "{tags:?}");
        }
    }
}

/// A project with a source file in C.
fn native_project(sandbox: &Sandbox, folder: &str) {
    project(sandbox, folder, "from setuptools import Extension", "ext_modules=[Extension('native_c', ['c.c'])]");
    // Nothing from Python's headers, which not every machine has.
    sandbox.write(&format!("{folder}/c.c"), "void *PyInit_native_c(void) { return 0; }\n");
}

/// A source distribution of a project, in an index of its own.
fn index_of(sandbox: &Sandbox, folder: &str) -> (FileServer, String) {
    let name = folder.rsplit('/').next().unwrap_or_default();
    let place = sandbox.root().join("index/simple").join(name);
    fs_err::create_dir_all(&place).expect("can be made");
    sandbox.write(&format!("{folder}/PKG-INFO"), format!("Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n"));
    let mut command = std::process::Command::new("tar");
    command.args(["-czf", place.join(format!("{name}-1.0.tar.gz")).as_str(), "-C", sandbox.path("").as_str()]);
    let status = command.args(["--transform", &format!("s,^{folder},{name}-1.0,"), folder]).status();
    assert!(status.expect("can be started").success());
    let server = FileServer::start(&sandbox.root().join("index"));
    let url = format!("{}/simple/", server.url());
    (server, url)
}

#[test]
fn a_source_distribution_of_python_alone_is_built_for_any_target() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\ndocopt==0.6.2\n");
    let outcome = build(&sandbox, other_python(), FOREIGN).run().success();
    let outcome = outcome.says(&format!(
        "`docopt==0.6.2` has no wheel for python{} on {FOREIGN}, so it is built on this machine",
        other_python()
    ));
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    let members = members(&sandbox.path("layer.zip"));
    assert!(members.contains_key("python/docopt.py") && members.contains_key("python/six.py"));
}

#[test]
fn a_source_distribution_is_not_built_where_the_requirements_forbid_it() {
    for option in [":all:", "Docopt"] {
        let sandbox = Sandbox::with_requirements(&format!("--only-binary {option}\ndocopt==0.6.2\n./ours\n"));
        modern_project(&sandbox, "ours", "");
        let outcome = build(&sandbox, other_python(), FOREIGN).run().code(1);
        outcome.says("error: `docopt 0.6.2` has no wheel that runs on").says("has only a source distribution");
    }
}

#[test]
fn a_source_distribution_with_compiled_code_needs_the_target_s_python() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nnative\n");
    native_project(&sandbox, "native");
    let (_server, url) = index_of(&sandbox, "native");
    let outcome = build(&sandbox, other_python(), FOREIGN).args(&["--extra-index-urls", &url]).run().code(1);
    let machine = std::env::consts::ARCH;
    let here = tools().python_version().replace('.', "");
    let told = told(&outcome, other_python()).replace(&format!("cp{here}-cp{here}-linux_{machine}"), "[TAG]");
    insta::assert_snapshot!(told, @r"
    exit: 1
    --- stdout
    --- stderr
      `native==1.0` has no wheel for python[PYTHON] on [ARCH], so it is built on this machine
    error: `native 1.0` has no wheel that runs on Lambda's python[PYTHON] (glibc 2.34, [ARCH])
    cause: `native` is required in requirements.txt:2
    cause: `native==1.0` has only a source distribution, which has to be built
    cause: a build on this machine creates `native-1.0-[TAG].whl`
    hint: build it on [ARCH] in the runtime's image (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`)
    ");
    assert!(!sandbox.path("layer.zip").exists());
}

#[test]
fn a_local_project_of_python_alone_is_built_for_any_target() {
    let sandbox = Sandbox::with_requirements("-e ./ours\n./theirs\n");
    modern_project(&sandbox, "ours", "dependencies = [\"six==1.17.0\", \"tomli; python_version < '3.11'\"]\n");
    project(&sandbox, "theirs", "", "install_requires=['idna==3.10']");
    let before = sandbox.tree();
    let outcome = build(&sandbox, other_python(), FOREIGN).run().success();
    let members = members(&sandbox.path("layer.zip"));
    // Real files in place of an editable install's pointer, and nothing left behind in the workspace.
    assert_eq!(
        names(&members).iter().filter(|name| !name.starts_with("python/idna/")).collect::<Vec<_>>(),
        [&"python/ours/__init__.py", &"python/six.py", &"python/theirs/__init__.py",]
    );
    let after: Vec<_> = sandbox.tree().into_keys().filter(|path| !before.contains_key(path)).collect();
    assert_eq!(after, [sandbox.path("layer.zip")]);
    let warnings: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("warning:")).collect();
    insta::assert_snapshot!(warnings.join("\n").replace(&tools().python_version(), "[HERE]"), @"warning: `theirs 1.0` was built with Python [HERE]; its requirements may differ for the layer's Python version (check the list of distributions in the layer, pin everything it needs, or build in the runtime's image) [built-elsewhere]");
    let opt = sandbox.root().join("opt");
    unpack(&members, &opt);
    fs_err::remove_dir_all(sandbox.path("ours")).expect("is there");
    let mut python = std::process::Command::new(tools().program("python3"));
    let output = python.args(["-c", "import ours; ours.main()"]).env("PYTHONPATH", opt.join("python")).output();
    assert_eq!(output.expect("can be started").stdout, b"ours\n");
}

#[test]
fn a_local_project_with_compiled_code_needs_the_target_s_python() {
    let sandbox = Sandbox::with_requirements("./native\n");
    native_project(&sandbox, "native");
    let outcome = build(&sandbox, other_python(), FOREIGN).run().code(1);
    let machine = std::env::consts::ARCH;
    let here = tools().python_version();
    let digits = here.replace('.', "");
    let told = told(&outcome, other_python()).replace(&format!("cp{digits}-cp{digits}-linux_{machine}"), "[TAG]");
    insta::assert_snapshot!(told.replace(&here, "[HERE]"), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `native` contains compiled code, but Python [HERE] on this machine cannot compile for python[PYTHON] on [ARCH]
    cause: a build on this machine creates `native-1.0-[TAG].whl`
    cause: `native` is required in requirements.txt:1
    hint: build it on [ARCH] in the runtime's image (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`)
    ");
}

#[test]
fn a_source_distribution_is_built_where_the_python_is_the_target_s() {
    let sandbox = Sandbox::with_requirements("num2words==0.5.12\n");
    let python = tools().python_version();
    let architecture = if FOREIGN == "arm64" { "x86_64" } else { "arm64" };
    let arguments = ["publish", "--layer-name", "shared", "--python-version", &python, "--architecture", architecture];
    let outcome = sandbox.run(&arguments).run().success();
    // It is needed by the requirement, and has no wheel.
    let outcome = outcome.says(&format!(
        "`docopt==0.6.2` has no wheel for python{python} on {architecture}, so it is built on this machine"
    ));
    assert!(outcome.stdout.contains("docopt 0.6.2"), "{}", outcome.stdout);
    assert!(members(&sandbox.path(".lambda-layers/shared/1/layer.zip")).contains_key("python/docopt.py"));
}

#[test]
fn what_is_compiled_here_must_run_there() {
    let python = tools().python_version();
    let architecture = if FOREIGN == "arm64" { "x86_64" } else { "arm64" };
    let sandbox = Sandbox::with_requirements("./native\n");
    native_project(&sandbox, "native");
    // Nothing in it is newer than the runtime, whatever this machine has.
    build(&sandbox, &python, architecture).args(&["--smoke-test", "off"]).run().success();
    if tools().glibc_minor() < 36 {
        skipped("this glibc has nothing that the runtime's has not");
        return;
    }
    // New in glibc 2.36: https://sourceware.org/glibc/wiki/Release/2.36
    let code = "unsigned arc4random(void);\nvoid *PyInit_native_c(void) { return arc4random() ? 0 : 0; }\n";
    sandbox.write("native/c.c", code);
    let outcome = build(&sandbox, &python, architecture).args(&["--smoke-test", "off"]).run().code(1);
    outcome
        .says("linux-gnu.so` of `native 1.0` needs glibc 2.36 (`GLIBC_2.36`), but Lambda's python")
        .says("hint: it was compiled on this machine: build it on");
}

/// An index may have wheels for any Linux, by their tags.
#[test]
fn a_wheel_for_any_linux_was_not_compiled_here() {
    let python = tools().python_version();
    let architecture = if FOREIGN == "arm64" { "x86_64" } else { "arm64" };
    let tags = format!("py3-none-linux_{}", std::env::consts::ARCH);
    let sandbox = Sandbox::with_requirements(&format!("./wheels/tagged-1.0-{tags}.whl\n"));
    crate::packages::tagged_wheel_of(&sandbox.path("wheels"), "tagged", "1.0", &tags, &[("tagged.py", "")]);
    build(&sandbox, &python, architecture).run().success();
}

#[test]
fn pip_only_installs_for_its_own_python() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    let outcome = build(&sandbox, other_python(), "x86_64").args(&["--installer", "pip"]).run().code(1);
    let told = told(&outcome, other_python()).replace(&tools().python_version(), "[HERE]");
    insta::assert_snapshot!(told.replace("x86_64", "[ARCH]"), @r"
    exit: 1
    --- stdout
    --- stderr
    error: pip cannot install for python[PYTHON] on [ARCH] with Python [HERE] on this machine
    cause: pip evaluates markers such as `python_version` for the Python that it runs on
    hint: use `installer: uv`, or run on Linux with the target's own Python and architecture
    ");
}

/// A wheel of one module in `wheels/`, for the versions of Python in `range`.
fn wheel_for(sandbox: &Sandbox, name: &str, range: &str) {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Python: {range}\n");
    let files = [(format!("{name}-1.0.dist-info/METADATA"), metadata), (format!("{name}.py"), String::new())];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    crate::packages::wheel_of(&sandbox.path("wheels"), name, "1.0", &files);
}

#[test]
fn a_python_is_more_than_its_first_release() {
    let sandbox = Sandbox::with_requirements(
        "-f wheels\nacme_younger\nacme_late ; python_full_version >= '3.12.2'\nacme_early ; python_full_version < '3.12.2'\n\
        acme_odd ; implementation_version != '3.12.0'\n",
    );
    for name in ["acme_late", "acme_early", "acme_odd"] {
        wheel_for(&sandbox, name, ">=3.9.2,!=3.12.0,!=3.12.1");
    }
    wheel_for(&sandbox, "acme_younger", ">=3.12.6");
    let members = built(&sandbox, "3.12", "x86_64");
    assert_eq!(names(&members), ["python/acme_late.py", "python/acme_odd.py", "python/acme_younger.py"]);
    let outcome = build(&sandbox, "3.12", "x86_64").run().success();
    outcome
        .says("only for some patch releases of Python 3.12; the layer is built for 3.12.16")
        .says("python_full_version >= '3.12.2'");
    // What does not depend on it is not spoken of.
    sandbox.write("requirements.txt", "-f wheels\nacme_late ; python_version >= '3.9' and sys_platform == 'linux'\n");
    assert!(!build(&sandbox, "3.12", "x86_64").run().success().stderr.contains("patch release"));
    sandbox.write("requirements.txt", "-f wheels\nacme_late\nacme_odd ; platform_release > '5'\n");
    build(&sandbox, "3.12", "x86_64").run().success().says("because AWS can change the kernel at any time");
}

#[test]
fn a_project_for_other_patch_releases_gets_one_of_them() {
    for (range, release) in [("==3.12.7", "3.12.7"), (">=3.12.6,<3.12.9", "3.12.8")] {
        let sandbox = Sandbox::new();
        wheel_for(&sandbox, "acme_exact", range);
        let project = format!(
            "[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \"{range}\"\n\
            dependencies = [\"acme_exact @ file://{}/acme_exact-1.0-py3-none-any.whl ; python_full_version == '{release}'\"]\n",
            sandbox.path("wheels")
        );
        sandbox.write("pyproject.toml", project);
        let outcome = build(&sandbox, "3.12", "x86_64").run().success();
        outcome.says(&format!(
            "notice: `pyproject.toml` requires Python {range}, but Lambda's python3.12 is 3.12.16 or later; the layer is built for {release}"
        ));
        assert_eq!(names(&members(&sandbox.path("layer.zip"))), ["python/acme_exact.py"]);
        build(&sandbox, "3.13", "x86_64").run().code(1).says("error: `pyproject.toml` requires Python");
    }
}

/// Builds a layer of what PyPI has, and asks uv what it would choose.
#[track_caller]
fn is_chosen_as_by_uv(names: &str) {
    let sandbox = Sandbox::with_requirements(names);
    let target = ["--python-version", "3.13.18", "--python-platform", "x86_64-manylinux_2_34"];
    let mut uv = crate::locks::uv(&sandbox.path(""));
    uv.args(["pip", "compile", "--quiet", "--no-header", "--no-annotate", "requirements.txt"]).args(target);
    let output = uv.output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let chosen = String::from_utf8(output.stdout).expect("is UTF-8");
    let chosen: BTreeMap<String, String> = chosen
        .lines()
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| (name.split('[').next().unwrap_or(name).to_owned(), version.to_owned()))
        .collect();
    assert!(!chosen.is_empty());
    built(&sandbox, "3.13", "x86_64");
    assert_eq!(crate::locks::layered(&sandbox.path("layer.zip")), chosen, "{names}");
}

#[test]
fn what_an_extra_brings_is_chosen_as_by_uv() {
    is_chosen_as_by_uv("requests[socks]\nsix\n");
}

#[test]
fn newest_versions_without_wheels_are_chosen_as_by_uv() {
    is_chosen_as_by_uv("pyhive\nhydra-core>=1\nomegaconf\n");
}

#[test]
fn what_requirements_have_no_wheels_is_chosen_as_by_uv() {
    is_chosen_as_by_uv("newspaper3k\n");
}

#[test]
fn several_distributions_without_wheels_are_chosen_as_by_uv() {
    is_chosen_as_by_uv("ibm-cos-sdk\n");
}
