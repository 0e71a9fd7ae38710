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
    cause: `r99.txt` is the last of more than 100 files that name each other (name it in a file that is nearer to the first)
    cause: brackets.txt:1: cannot read `six ; [BRACKETS]python_version > '3'[BRACKETS]`: more than 100 brackets are open at once (write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`)
    cause: `aliases.txt` is not a list of requirements (the name of a file tells its kind: name `uv.lock`, `poetry.lock`, `pdm.lock`, `Pipfile.lock`, `pylock.toml`, `requirements.txt` or `pyproject.toml`, or a list in any other file)
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
    cause: requirements.txt:1: cannot read `six- >= 1`: Package name must end with an alphanumeric character, not '-' (write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`)
    cause: requirements.txt:2: cannot read `idna[all.]`: Extra name must end with an alphanumeric character, not '.' (write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`)
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
    cause: uv.lock:1:11: not readable as TOML: string values must be quoted, expected literal string (restore it, or write it anew with `uv lock`)
    cause: pylock.toml:2: a merge conflict that is not resolved (resolve it; a lock file is best written anew by its tool)
    cause: requirements.txt:1: cannot read `six==`: Unexpected end of version specifier, expected version (write a requirement as in PEP 508, `name[extra]>=1.2; python_version < '3.13'`)
    cause: cut.txt:1: `--hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36e` is not a hash (write `--hash=sha256:` and its 64 hexadecimal digits; is the file cut short?)
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
        "requirements.txt:1: cannot read `six ; python_full > \"3\"`: ",
        "requirements.txt:2: `--unheard` is not an option of a requirement (take it out",
        "requirements.txt:3: `--hash` is not a hash (write `--hash=sha256:` and its 64 hexadecimal digits",
        "requirements.txt:4: `-e` has no value (write it behind, on the same line)",
        "requirements.txt:5: `${GITHUB_TOKEN}` is kept from installers (give the value under another name",
        "limits.txt:1: `-e ./ours` is editable, which no constraint can be (constrain it by its version",
        "limits.txt:2: a constraint that spans lines, which uv does not join (write it on one line)",
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
            "error: `pylock.toml` has no `lock-version`: it is cut short or no lock file\nhint: write it anew",
        ),
        ("pylock.toml", "lock-version", "error: pylock.toml:1:13: not readable as TOML: "),
        (
            "pyproject.toml",
            "[project]\nname = \"a\"\nversion = \"1\"\ndynamic = [\"dependencies\"]\n",
            "error: `pyproject.toml` has its dependencies in another file (`dynamic`)\nhint: name that file",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\nsix = \"1\"\n",
            "has its dependencies in a form of Poetry's own, and no lock file\nhint: run `poetry lock` and commit",
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"six\"]\n[tool.uv]\nenvironments = [\"odd\"]\n",
            "cause: `[tool.uv] environments` of `pyproject.toml` has `odd`, which is no marker (write it as in `sys_pl",
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
        .says("hint: put that into the repository, or remove the link; if it is in the layer, let it point to `/opt");
    for link in ["own/a", "own/b"] {
        fs_err::remove_file(sandbox.path(link)).expect("is there");
    }
    std::os::unix::fs::symlink("../own", sandbox.path("own/again")).expect("can be made");
    let outcome = sandbox.run(&arguments).run().code(1);
    let outcome = outcome.says("/work/own/again` points to a folder that it is in: `");
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
            "error: `groups` and `extras` name what `pyproject.toml` declares as conflicting\ncause: the extra `a`\n\
             cause: the extra `b`\nhint: leave one of them out\n",
        ),
        (
            "[dependency-groups]\ndev = [{ include-group = \"nope\" }]\n",
            &["--groups", "dev"],
            "error: `pyproject.toml` includes the group `nope`, which it does not have\nhint: correct `include-group`\n",
        ),
        (
            "[tool.poetry.group.dev.dependencies]\nidna = \"*\"\n",
            &["--groups", "dev"],
            "error: `pyproject.toml` has the group `dev` in a form of one tool's own\nhint: lock the project and commit",
        ),
        (
            "[tool.uv.sources]\nsix = 7\n",
            &[],
            "error: `pyproject.toml` has a source for `six` that cannot be read\ncause: invalid type: integer `7`",
        ),
        (
            "[tool.uv.sources]\nsix = { workspace = true }\n",
            &[],
            "error: `pyproject.toml` takes `six` from a source that only uv's lock file can hold\nhint: run `uv lock` and",
        ),
    ] {
        sandbox.write("pyproject.toml", format!("{project}{tables}"));
        refused_publish(&sandbox, inputs).says(said);
    }
}
