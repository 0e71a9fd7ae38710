//! Every error says what to do about it. That a `Failure` has a hint is for the compiler to see: there is none without.

use camino::Utf8Path;

use crate::harness::Sandbox;

/// Files of Rust below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.expect("can be read"));
    let files = files.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs"));
    files
        .map(|entry| {
            let path = Utf8Path::from_path(entry.path()).expect("is UTF-8");
            let name = path.strip_prefix(&root).expect("is below").to_string();
            (name, fs_err::read_to_string(path).expect("can be read"))
        })
        .collect()
}

#[test]
fn no_hint_is_empty_or_taken_away() {
    let sources = sources();
    let sites: usize = sources
        .iter()
        .map(|(_, text)| text.matches("Failure::user(").count() + text.matches("Failure::system(").count())
        .sum();
    assert!(sites > 250, "the pattern finds nothing any more");
    for (name, text) in sources.iter().filter(|(name, _)| name != "error.rs") {
        for wrong in ["hint: None", ".hint(\"\")", ".hint(String::new())", "hint: String::new()"] {
            assert!(!text.contains(wrong), "{name} has `{wrong}`");
        }
    }
}

#[test]
fn whatever_is_wrong_comes_with_a_hint() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.write("ok.txt", "");
    sandbox.write("empty/x", "");
    sandbox.write("broken.toml", "[project\n");
    sandbox.write("broken/pyproject.toml", "[project\n");
    sandbox.write("script", [0xff, 0xfe, 0xff]);
    sandbox.write("options.txt", "--unheard-of x\n-r\nsix --unheard-of\n./empty ; nonsense\n");
    sandbox.write("pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'six'\n");
    sandbox.write("names.yml", "layers:\n  a: { requirements: requirements.txt }\n");
    std::os::unix::fs::symlink("round", sandbox.path("empty/round")).expect("can be made");
    for arguments in [
        &["build", "--include", "ok.txt=../../x"][..],
        &["build", "--include", "ok.txt="],
        &["build", "--include", "empty=bin"],
        &["build", "--source", "broken"],
        &["build", "--build-script", "./script"],
        &["build", "--requirements", "options.txt"],
        &["build", "--requirements", "pylock.toml"],
        &["build", "--requirements", "empty"],
        &["plan", "--config", "names.yml", "--layers", "[a"],
        &["plan", "--config", "broken.toml"],
        &["audit", "/dev/null"],
        &["share", "--layer-name", "x"],
        &["label", "--layer-name", "x"],
        &["release", "--layer-name", "x"],
        &["merge", "--results", "empty"],
        &["unheard-of"],
        &["build", "--unheard-of", "x"],
        &[],
    ] {
        let outcome = sandbox.run(arguments).run();
        assert_ne!(outcome.code, Some(0), "{arguments:?}");
        let hints =
            outcome.stderr.lines().filter_map(|line| line.strip_prefix("hint: ")).filter(|hint| !hint.is_empty());
        assert_eq!(hints.count(), 1, "{arguments:?}\n{}", outcome.stderr);
    }
}

#[test]
fn each_of_several_problems_has_its_own() {
    let sandbox = Sandbox::with_requirements("--unheard-of x\n-r\nsix --unheard-of\n");
    sandbox.write("ok.txt", "");
    let outcome = sandbox.run(&["build", "--include", "ok.txt=../../x"]).run().code(1);
    let causes: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("cause: ")).collect();
    assert_eq!(causes.len(), 4, "{causes:#?}");
    assert!(causes.iter().all(|cause| cause.ends_with(')')), "{causes:#?}");
}
