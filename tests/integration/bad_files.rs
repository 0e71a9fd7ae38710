//! Dependency files that are broken, or not what they are taken for: said before anything runs, all at once.

use crate::bad_input::refused_publish;
use crate::harness::Sandbox;

#[test]
fn files_that_are_no_lists_of_requirements_are_one_problem() {
    let sandbox = Sandbox::new();
    sandbox.write("Pipfile", "[packages]\nsix = \"*\"\n");
    sandbox.write("setup.py", "from setuptools import setup\nsetup(install_requires=['six'])\n");
    sandbox.write("environment.yml", "name: x\ndependencies:\n  - pip:\n    - six\n");
    sandbox.write("prod.lock", "version = 1\n[[package]]\nname = \"six\"\n");
    let arguments = ["--requirements", "Pipfile\nsetup.py\nenvironment.yml\nprod.lock"];
    insta::assert_snapshot!(refused_publish(&sandbox, &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 4 problems with the input
    cause: `Pipfile` is not a list of requirements (run `pipenv lock` and name `Pipfile.lock`)
    cause: `setup.py` is not a list of requirements (the name of a file tells its kind: name `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a list in any other file)
    cause: `environment.yml` is not a list of requirements (the name of a file tells its kind: name `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a list in any other file)
    cause: `prod.lock` is not a list of requirements (the name of a file tells its kind: name `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a list in any other file)
    hint: nothing was built or published; correct all of them and run again
    ");
    // Where it is not named, it is what the user has.
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: there is no dependency file in `[ROOT]/work`
    cause: looked for `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`
    hint: `Pipfile` has no lock: run `pipenv lock` and commit `Pipfile.lock`
    ");
}

#[test]
fn what_a_line_names_has_to_be_of_its_kind() {
    let sandbox = Sandbox::with_requirements("-r uv.lock\nsix\n-e .\n");
    sandbox.write("uv.lock", "version = 1\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &["--requirements", "requirements.txt"]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: `uv.lock` is not a list of requirements (name `uv.lock` in `requirements`, and not behind `-r` or in `constraints`)
    cause: requirements.txt:3: `.` has neither `pyproject.toml` nor `setup.py` (name the folder of a project; `source` takes packages without one)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn all_dependency_files_are_read_although_one_is_broken() {
    let sandbox = Sandbox::with_requirements("six==\n");
    sandbox.write("uv.lock", "version = \n");
    sandbox.write("pyproject.toml", "[project]\nname = \"x\"\n");
    sandbox.write("pylock.toml", "lock-version = \"1.0\"\n<<<<<<< HEAD\n=======\n>>>>>>> theirs\n");
    let cut = "idna==3.10 \\\n    --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36e";
    sandbox.write("cut.txt", cut);
    let arguments = ["--requirements", "uv.lock\npylock.toml\nrequirements.txt\ncut.txt", "--groups", "docs"];
    insta::assert_snapshot!(refused_publish(&sandbox, &arguments).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 4 problems with the input
    cause: uv.lock:1:11: not readable as TOML: string values must be quoted, expected literal string (restore it, or write it anew with `uv lock`)
    cause: pylock.toml:2: a merge conflict that is not resolved (resolve it; a lock file is best written anew by its tool)
    cause: requirements.txt:1: cannot read `six==`: Unexpected end of version specifier, expected version (write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`)
    cause: cut.txt:1: `--hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36e` is not a hash (write `--hash=sha256:` and its 64 hexadecimal digits; is the file cut short?)
    hint: nothing was built or published; correct all of them and run again
    ");
}
