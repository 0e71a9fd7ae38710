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
    cause: `Pipfile` is not a requirements file (run `pipenv lock` and use `Pipfile.lock` instead)
    cause: `setup.py` is not a requirements file (use `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a requirements file of any other name: the file name determines the format)
    cause: `environment.yml` is not a requirements file (use `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a requirements file of any other name: the file name determines the format)
    cause: `prod.lock` is not a requirements file (use `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a requirements file of any other name: the file name determines the format)
    hint: nothing was built or published; correct all of them and run again
    ");
    // Where it is not named, it is what the user has.
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: `[ROOT]/work` contains no dependency file
    cause: looked for `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`
    hint: `Pipfile` has no lock file: run `pipenv lock` and commit `Pipfile.lock`
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
    cause: `uv.lock` is not a requirements file (list `uv.lock` in `requirements`, not after `-r` or in `constraints`)
    cause: requirements.txt:3: `.` has neither `pyproject.toml` nor `setup.py` (give the folder of a project; for packages without a project, use `source`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

/// Each ended the program: brackets, files and aliases in each other are followed to a depth that people have use for.
#[test]
fn nesting_without_end_is_a_problem_like_any_other() {
    let sandbox = Sandbox::with_requirements("-r r0.txt\n");
    for number in 0..3000 {
        sandbox.write(&format!("r{number}.txt"), format!("-r r{}.txt\n", number + 1));
    }
    let nested = |depth: usize| format!("six ; {}python_version > '3'{}\n", "(".repeat(depth), ")".repeat(depth));
    sandbox.write("brackets.txt", nested(100_000));
    let levels =
        (1..12).map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 12].join(", ")));
    sandbox.write("aliases.txt", format!("a0: &a0 x\n{}", levels.collect::<String>()));
    let arguments = ["--requirements", "requirements.txt\nbrackets.txt\naliases.txt"];
    let told = refused_publish(&sandbox, &arguments).told();
    let told = told.replace(&"(".repeat(100_000), "[BRACKETS]").replace(&")".repeat(100_000), "[BRACKETS]");
    insta::assert_snapshot!(told, @r"
    exit: 1
    --- stdout
    --- stderr
    error: 3 problems with the input
    cause: `r99.txt` is at the end of a chain of more than 100 included files (include it from a file closer to the first one)
    cause: brackets.txt:1: `six ; [BRACKETS]python_version > '3'[BRACKETS]` is not a valid requirement: it contains more than 100 nested brackets (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: `aliases.txt` is not a requirements file (use `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a requirements file of any other name: the file name determines the format)
    hint: nothing was built or published; correct all of them and run again
    ");
}

/// The parser of requirements panics at it.
#[test]
fn a_name_that_ends_in_a_mark_is_a_problem() {
    let sandbox = Sandbox::with_requirements("six- >= 1\nidna[all.]\n");
    insta::assert_snapshot!(refused_publish(&sandbox, &[]).told(), @r"
    exit: 1
    --- stdout
    --- stderr
    error: 2 problems with the input
    cause: requirements.txt:1: `six- >= 1` is not a valid requirement: Package name must end with an alphanumeric character, not '-' (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: requirements.txt:2: `idna[all.]` is not a valid requirement: Extra name must end with an alphanumeric character, not '.' (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    hint: nothing was built or published; correct all of them and run again
    ");
}

/// As with `#include`, a file says the same whoever names it; each of forty was read twice as often as the one before.
#[test]
fn a_file_that_is_named_in_many_ways_is_read_once() {
    let sandbox = Sandbox::with_requirements("-r r0.txt\n-r ./r0.txt\n");
    for number in 0..40 {
        let next = number + 1;
        sandbox.write(&format!("r{number}.txt"), format!("-r r{next}.txt\n-r r{next}.txt\n"));
    }
    sandbox.write("r40.txt", "six==1.17.0\n");
    sandbox.run(&["plan", "--layer-name", "x", "--python-version", "3.13"]).run().success();
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
    cause: uv.lock:1:11: this is not valid TOML: string values must be quoted, expected literal string (restore the file, or create it again with `uv lock`)
    cause: pylock.toml:2: unresolved merge conflict (resolve the conflict; for a lock file, it is best to run its tool again)
    cause: requirements.txt:1: `six==` is not a valid requirement: Unexpected end of version specifier, expected version (use the syntax of PEP 508, for example `name[extra]>=1.2; python_version < '3.13'`)
    cause: cut.txt:1: `--hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36e` is not a valid hash (write `--hash=sha256:` followed by 64 hexadecimal digits, and check that the file is not truncated)
    hint: nothing was built or published; correct all of them and run again
    ");
}

#[test]
fn each_line_that_no_installer_takes_is_named() {
    let lines = "six ; python_full > \"3\"\nfive @ /x --unheard=1\nfour==1 --hash\n-e\nidna==${GITHUB_TOKEN}\n";
    let sandbox = Sandbox::with_requirements(lines);
    sandbox.write("limits.txt", "-e ./ours\nsix\\\n==1\n");
    let outcome = refused_publish(&sandbox, &["--constraints", "limits.txt"]);
    for said in [
        "requirements.txt:1: `six ; python_full > \"3\"` is not a valid requirement: ",
        "requirements.txt:2: `--unheard` is not a valid option for a single requirement (remove it",
        "requirements.txt:3: `--hash` is not a valid hash (write `--hash=sha256:` followed by 64 hexadecimal digits",
        "requirements.txt:4: `-e` has no value (write the value after it, on the same line)",
        "requirements.txt:5: `${GITHUB_TOKEN}` is not passed on to installers (set the value under another name",
        "limits.txt:1: `-e ./ours` is editable, which is not allowed for a constraint (constrain the version instead",
        "limits.txt:2: a constraint spans several lines, which uv does not support (write it on one line)",
    ] {
        assert!(outcome.stderr.contains(&format!("cause: {said}")), "{said}: {}", outcome.stderr);
    }
}

#[test]
fn projects_whose_dependencies_stand_elsewhere_say_where() {
    let sandbox = Sandbox::new();
    for (file, text, said) in [
        (
            "pylock.toml",
            "created-by = \"x\"\n",
            "error: `pylock.toml` contains no `lock-version`: it is truncated or not a lock file\nhint: create it again",
        ),
        ("pylock.toml", "lock-version", "error: pylock.toml:1:13: this is not valid TOML: "),
        (
            "pyproject.toml",
            "[project]\nname = \"a\"\nversion = \"1\"\ndynamic = [\"dependencies\"]\n",
            "error: `pyproject.toml` declares its dependencies as `dynamic`, in another file\nhint: set `requirements` to that file",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\nsix = \"1\"\n",
            "declares its dependencies in Poetry's own format, but there is no lock file\nhint: run `poetry lock` and commit",
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"six\"]\n[tool.uv]\nenvironments = [\"odd\"]\n",
            "cause: `[tool.uv] environments` in `pyproject.toml` contains `odd`, which is not a valid marker (use the syntax of PEP 508, for example `sys_pl",
        ),
    ] {
        sandbox.write(file, text);
        refused_publish(&sandbox, &["--requirements", file]).says(said);
    }
}

#[test]
fn links_without_an_end_are_named() {
    let sandbox = Sandbox::with_requirements("");
    sandbox.write("own/app/__init__.py", "");
    std::os::unix::fs::symlink("b", sandbox.path("own/a")).expect("can be made");
    std::os::unix::fs::symlink("a", sandbox.path("own/b")).expect("can be made");
    let arguments = ["build", "--python-version", "3.13", "--output", "x.zip", "--include", "own=python/own"];
    let outcome = sandbox.run(&arguments).run().code(1);
    let outcome = outcome.says("/work/own/a` points to `b`, which cannot be read\ncause: Too many levels of symbolic");
    outcome
        .says("hint: add the target to the repository, or remove the link; if the target is in the layer, point the link to `/opt");
    for link in ["own/a", "own/b"] {
        fs_err::remove_file(sandbox.path(link)).expect("is there");
    }
    std::os::unix::fs::symlink("../own", sandbox.path("own/again")).expect("can be made");
    let outcome = sandbox.run(&arguments).run().code(1);
    let outcome = outcome.says("/work/own/again` points to a folder that contains it: `");
    outcome.says("hint: remove it, or copy what is needed");
}

#[test]
fn groups_and_sources_that_cannot_be_followed_are_named() {
    let sandbox = Sandbox::new();
    let project = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"six\"]\n";
    for (tables, inputs, said) in [
        (
            "[project.optional-dependencies]\na = [\"idna\"]\nb = [\"attrs\"]\n[tool.uv]\nconflicts = [[{ extra = \"a\" }, { extra = \"b\" }]]\n",
            &["--extras", "a,b"][..],
            "error: `groups` and `extras` select a combination that `pyproject.toml` declares as conflicting\ncause: the extra `a`\n\
             cause: the extra `b`\nhint: remove one of them\n",
        ),
        (
            "[dependency-groups]\ndev = [{ include-group = \"nope\" }]\n",
            &["--groups", "dev"],
            "error: `pyproject.toml` includes the group `nope`, which does not exist\nhint: correct `include-group`\n",
        ),
        (
            "[tool.poetry.group.dev.dependencies]\nidna = \"*\"\n",
            &["--groups", "dev"],
            "error: `pyproject.toml` declares the group `dev` in a tool-specific format\nhint: lock the project and commit",
        ),
        (
            "[tool.uv.sources]\nsix = 7\n",
            &[],
            "error: `pyproject.toml` contains an invalid source for `six`\ncause: invalid type: integer `7`",
        ),
        (
            "[tool.uv.sources]\nsix = { workspace = true }\n",
            &[],
            "error: `pyproject.toml` installs `six` from a source that only uv's lock file supports\nhint: run `uv lock` and",
        ),
    ] {
        sandbox.write("pyproject.toml", format!("{project}{tables}"));
        refused_publish(&sandbox, inputs).says(said);
    }
}
