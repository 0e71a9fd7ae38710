//! What is installed fits the Lambda runtime, whatever machine installs it.

use std::collections::BTreeMap;

use crate::harness::{Outcome, Run, Sandbox, tools};
use crate::packages::project;
use crate::zip::{Member, members};

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
fn an_unpinned_requirement_gets_its_newest_version_that_fits() {
    let sandbox = Sandbox::with_requirements("numpy\n");
    for (python, architecture) in [("3.11", "x86_64"), ("3.11", "arm64")] {
        let members = built(&sandbox, python, architecture);
        let tags = tags(&members);
        assert!(tags.iter().any(|tag| glibc(tag).is_some()), "{tags:?}");
        let newest = tags.iter().filter_map(|tag| glibc(tag)).min();
        assert!(newest <= Some(26), "{tags:?}");
    }
}

#[test]
fn a_version_whose_wheels_are_too_new_is_refused_with_what_there_is() {
    let sandbox = Sandbox::with_requirements("# pinned\nnumpy==2.3.5\n");
    let outcome = build(&sandbox, "3.11", FOREIGN).run().code(1);
    insta::assert_snapshot!(told(&outcome, "3.11"), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `numpy 2.3.5` has no wheel that runs on python[PYTHON] of Lambda (glibc 2.26, [ARCH])
    cause: `numpy` is asked for in requirements.txt:2
    cause: `numpy` has wheels from manylinux_2_28 on, which are too new for this runtime, or a source distribution
    hint: `numpy==2.2.6` is the newest version with a fitting wheel; or build it on [ARCH] in the image of the runtime (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`), or use python3.12 or later, which has glibc 2.34
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
fn what_has_only_a_source_distribution_needs_the_target_s_python() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\ndocopt==0.6.2\n");
    let outcome = build(&sandbox, other_python(), FOREIGN).run().code(1);
    insta::assert_snapshot!(told(&outcome, other_python()), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `docopt 0.6.2` has no wheel that runs on python[PYTHON] of Lambda (glibc 2.34, [ARCH])
    cause: `docopt` is asked for in requirements.txt:2
    cause: `docopt` has only a source distribution for Python [PYTHON] on [ARCH], which has to be built
    hint: build it on [ARCH] in the image of the runtime (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`)
    ");
    assert!(!sandbox.path("layer.zip").exists());
}

#[test]
fn a_local_package_needs_the_target_s_python_to_be_built() {
    let sandbox = Sandbox::with_requirements("./ours\n");
    project(&sandbox, "ours", "", "");
    let outcome = build(&sandbox, other_python(), FOREIGN).run().code(1);
    insta::assert_snapshot!(told(&outcome, other_python()), @r"
    exit: 1
    --- stdout
    --- stderr
    error: a local project has to be built, and this machine cannot build for python[PYTHON] on [ARCH]
    cause: `ours` is asked for in requirements.txt:1
    hint: build it on [ARCH] in the image of the runtime (the action `lambda-layer-action/python[PYTHON]`, or `public.ecr.aws/sam/build-python[PYTHON]`)
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
    let outcome =
        outcome.says(&format!("`docopt` has no wheel for python{python} on {architecture}: it is built here"));
    assert!(outcome.stdout.contains("docopt 0.6.2"), "{}", outcome.stdout);
    assert!(members(&sandbox.path(".lambda-layers/shared/1/layer.zip")).contains_key("python/docopt.py"));
}

#[test]
fn what_is_compiled_here_must_run_there() {
    let python = tools().python_version();
    let architecture = if FOREIGN == "arm64" { "x86_64" } else { "arm64" };
    let sandbox = Sandbox::with_requirements("./native\n");
    // A wheel for this platform, without the need of a compiler.
    let setup = "from setuptools.dist import Distribution\nDistribution.has_ext_modules = lambda self: True";
    project(&sandbox, "native", setup, "");
    let outcome = build(&sandbox, &python, architecture).run();
    let runtime =
        lambda_layer::facts::runtimes().iter().find(|runtime| runtime.python == python).expect("is supported");
    let limit: u32 = runtime.glibc.trim_start_matches("2.").parse().expect("is a number");
    if tools().glibc_minor() <= limit {
        outcome.success();
        return;
    }
    let outcome = outcome.code(1);
    let here = format!("glibc 2.{}", tools().glibc_minor());
    let told =
        outcome.told().replace(&here, "glibc [HERE]").replace(&format!("glibc {}", runtime.glibc), "glibc [THERE]");
    let told = told.replace(&runtime.glibc, "[THERE]").replace(&python, "[PYTHON]").replace(architecture, "[ARCH]");
    // The hint depends on the runtime.
    let told = told.split("\nhint:").next().unwrap_or_default();
    insta::assert_snapshot!(told, @r"
    exit: 1
    --- stdout
    --- stderr
      [time]  Install with uv 0.13.8           1 distribution for python[PYTHON] on [ARCH]
    error: what is compiled on this machine does not run in python[PYTHON] of Lambda: it has glibc [HERE], the runtime [THERE]
    cause: `native 1.0` was compiled from source
    ");
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
    error: pip cannot install for python[PYTHON] on [ARCH] with Python [HERE] of this machine
    cause: pip decides markers such as `python_version` by the Python it runs in
    hint: use `installer: uv`, or run on the target's own Python and architecture
    ");
}
