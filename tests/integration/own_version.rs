//! What the pages and examples say about this program's own versions and place.

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;

use crate::harness::{Sandbox, action_repository};

const MAJOR: &str = env!("CARGO_PKG_VERSION_MAJOR");

/// README, docs, examples and the schema.
fn pages() -> Vec<Utf8PathBuf> {
    fn find(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
        for entry in folder.read_dir_utf8().expect("is a folder") {
            let path = entry.expect("can be read").into_path();
            if path.is_dir() {
                find(&path, found);
            } else if matches!(path.extension(), Some("md" | "yml" | "json" | "ts" | "py" | "tf")) {
                found.push(path);
            }
        }
    }
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("SECURITY.md"), root.join("lambda-layers.schema.json")];
    find(&root.join("docs"), &mut found);
    find(&root.join("examples"), &mut found);
    found
}

#[test]
fn every_page_names_the_major_version_of_cargo_toml() {
    // `uses:` with or without the owner, and the address of the schema.
    let own = Regex::new(r"(?:lambda-layer-action(?:/[a-z0-9.]+)?@v|…/[a-z0-9.]+@v|lambda-layer-action/v)([0-9]+)");
    let own = own.expect("is a pattern");
    let mut count = 0;
    for path in pages() {
        let text = fs_err::read_to_string(&path).expect("is text");
        for (number, line) in text.lines().enumerate() {
            for found in own.captures_iter(line) {
                assert_eq!(&found[1], MAJOR, "{path}:{}: {line}", number + 1);
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} places name the version, so the pattern misses some");
}

#[test]
fn the_changelog_has_this_version() {
    let changelog = fs_err::read_to_string(Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("CHANGELOG.md"));
    let heading = format!("\n## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(changelog.expect("is there").contains(&heading), "CHANGELOG.md has no `{}`", heading.trim());
}

#[test]
fn findings_lead_to_their_page_in_the_repository_of_the_action() {
    let sandbox = Sandbox::new();
    sandbox.write("layer/six.py", "");
    let inputs = [("command", "audit"), ("subject", "layer"), ("python-version", "3.13"), ("architecture", "x86_64")];
    let repository = action_repository();
    let summary = |server: &str| {
        let run = sandbox.run(&[]).in_actions(&inputs).env("GITHUB_SERVER_URL", server);
        let run = run.env("GITHUB_ACTION_REPOSITORY", &repository).env("GITHUB_ACTION_REF", "v1.2.3").run();
        let summary = run.summary_with_links();
        fs_err::remove_file(sandbox.root().join("summary.md")).expect("is there");
        summary
    };
    let link = Regex::new(r"\[([a-z-]+)\]\((https://[^)#]*)#([a-z-]+)\)").expect("is a pattern");
    for server in ["https://github.com", "https://git.acme.example"] {
        let summary = summary(server);
        let found = link.captures(&summary).unwrap_or_else(|| panic!("no link in {summary}"));
        assert_eq!(&found[2], format!("{server}/{repository}/blob/v1.2.3/docs/findings.md"));
        assert_eq!(&found[1], &found[3]);
    }
}
