//! `report`: the page that shows what is in a layer. What a browser makes of it is tested by `.ci/page.sh`.

use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::audit::zip_of;
use crate::harness::Sandbox;
use crate::packages::wheel_of;

/// What stands between two texts.
#[track_caller]
fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(start).unwrap_or_else(|| panic!("no `{start}`"));
    rest.split_once(end).unwrap_or_else(|| panic!("no `{end}`")).0
}

pub(crate) fn data(page: &str) -> Value {
    let data = between(page, r#"<script type="application/json" id="data">"#, "</script>");
    assert!(!data.contains('<'), "nothing in it ends it");
    serde_json::from_str(data).expect("is JSON")
}

/// Paths, in the order of the page.
fn paths(data: &Value) -> Vec<String> {
    let list = |name: &str| data["files"][name].as_array().expect("is a list").clone();
    let (parents, folders) = (list("folderParents"), list("folderNames"));
    let index = |value: &Value| usize::try_from(value.as_u64().expect("is a number")).expect("is small");
    let path = |(folder, name): (&Value, &Value)| {
        let (mut folder, mut path) = (index(folder), name.as_str().expect("is text").to_owned());
        while folder != 0 {
            path = format!("{}/{path}", folders[folder].as_str().expect("is text"));
            folder = index(&parents[folder]);
        }
        path
    };
    list("folders").iter().zip(&list("names")).map(path).collect()
}

const BUILD: &[&str] = &["build", "--python-version", "3.13", "--output", "layer.zip", "--report", "out/page.html"];

#[test]
fn the_page_tells_every_file_and_asks_for_nothing() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\nmarkupsafe==3.0.2\n");
    sandbox.run(BUILD).run().success();
    let page = sandbox.read("out/page.html");
    let data = data(&page);
    assert_eq!((data["name"].as_str(), data["verdict"].as_str()), (Some("layer"), Some("built")));
    let names: Vec<&str> =
        data["packages"].as_array().expect("a list").iter().filter_map(|row| row[0].as_str()).collect();
    assert!(names.contains(&"six") && names.contains(&"markupsafe"), "{names:?}");
    let paths = paths(&data);
    assert!(paths.contains(&"python/six.py".to_owned()), "{paths:?}");
    let sizes: u64 = data["files"]["sizes"].as_array().expect("a list").iter().filter_map(Value::as_u64).sum();
    assert_eq!(Some(sizes), data["unzipped"].as_u64());
    assert_eq!(paths.len(), data["files"]["kinds"].as_str().expect("is text").len());

    let policy = between(&page, r#"<meta http-equiv="Content-Security-Policy" content=""#, "\"");
    let hash = |text: &str| {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        format!("'sha256-{hash}'")
    };
    let program = hash(between(&page, r#"<script type="module">"#, "</script>"));
    let style = hash(between(&page, "<style>", "</style>"));
    let expected = [
        "default-src 'none'".to_owned(),
        format!("script-src {program}"),
        format!("style-src {style}"),
        "img-src data:".to_owned(),
        "base-uri 'none'".to_owned(),
        "form-action 'none'".to_owned(),
    ];
    assert_eq!(policy.split("; ").collect::<Vec<_>>(), expected);
    for attribute in ["src=", "href=\"http", "url(", "@import", "style=\""] {
        assert!(!page.contains(attribute), "{attribute}");
    }
}

#[test]
fn the_same_layer_has_the_same_page() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.run(BUILD).run().success();
    let first = sandbox.read("out/page.html");
    sandbox.run(BUILD).run().success();
    assert!(first == sandbox.read("out/page.html"));
}

#[test]
fn a_new_version_is_compared_with_the_one_before() {
    let sandbox = Sandbox::new();
    let publish = |version: &str, text: &str| {
        wheel_of(&sandbox.path("wheels"), "kinds", version, &[("kinds/__init__.py", text)]);
        sandbox.write("requirements.txt", format!("./wheels/kinds-{version}-py3-none-any.whl\n"));
        let arguments = ["publish", "--layer-name", "shared", "--python-version", "3.13", "--report", "page.html"];
        sandbox.run(&arguments).run().success();
        data(&sandbox.read("page.html"))
    };
    let first = publish("1.0", "");
    assert!(first["before"].is_null() && first["changes"]["rows"].as_array().is_some_and(Vec::is_empty), "{first}");
    let second = publish("1.1", "x = 1\n");
    assert_eq!(second["before"]["name"], "version 1");
    let change = &second["changes"]["rows"][0];
    assert_eq!(
        (&change[0], &change[1], &change[2], &change[3]),
        (&"upgraded".into(), &"kinds".into(), &"1.0".into(), &"1.1".into())
    );
    assert_eq!(change[5].as_u64().zip(change[4].as_u64()).map(|(after, before)| after - before), Some(6));
    assert_eq!(second["destinations"][0][0], "published");
}

#[test]
fn a_refused_layer_is_shown_with_what_is_wrong() {
    let sandbox = Sandbox::with_requirements("six==1.17.0\n");
    sandbox.run(BUILD).args(&["--max-zipped-size", "1 KB"]).run().code(1);
    let data = data(&sandbox.read("out/page.html"));
    assert_eq!(data["verdict"], "refused");
    assert_eq!(data["findings"]["rows"][0][1], "max-zipped-size");
    assert_eq!(data["tally"], serde_json::json!([["error", "max-zipped-size", 1]]));
    assert!(paths(&data).contains(&"python/six.py".to_owned()));
}

#[test]
fn names_cannot_be_anything_but_names() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(10_000);
    let metadata = format!("Metadata-Version: 2.1\nName: evil\nVersion: <b>{long}\nLicense: </script>\n\n");
    let files: &[(&str, &[u8])] = &[
        ("python/</script><script>alert(1)</script>", b"x"),
        ("python/<!--", b"x"),
        ("python/<img src=x onerror=alert(1)>.py", b"x"),
        ("python/a\u{202e}gpj.exe", b"x"),
        ("python/::error::", b"x"),
        ("python/{{title}}{{data}}", b"x"),
        ("python/🦀`code`.py", b"x"),
        (&format!("python/{long}.py"), b"x"),
        ("python/broken</script>\u{2066}.so", b"x"),
        ("python/evil-1.dist-info/METADATA", metadata.as_bytes()),
    ];
    let zip = "</title><script>{{data}}.zip".replace('/', "\u{202e}");
    zip_of(&sandbox.path(&zip), files);
    sandbox.run(&["audit", &zip, "--report", "page.html", "--python-version", "3.13"]).run().code(1);
    let page = sandbox.read("page.html");
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.chars().any(|character| ('\u{202a}'..='\u{202e}').contains(&character)));
    assert!(!page.chars().any(|character| ('\u{2066}'..='\u{2069}').contains(&character)));
    assert_eq!(between(&page, "<title>", "</title>"), "&lt;‹U+202E›title&gt;&lt;script&gt;{{data}}.zip refused");

    let data = data(&page);
    let paths = paths(&data);
    for path in [
        "python/</script><script>alert(1)</script>",
        "python/<img src=x onerror=alert(1)>.py",
        "python/a‹U+202E›gpj.exe",
        "python/::error::",
        "python/{{title}}{{data}}",
        "python/🦀`code`.py",
    ] {
        assert!(paths.contains(&path.to_owned()), "{path}: {paths:#?}");
    }
    assert!(paths.iter().all(|path| path.chars().count() < 300));
    let rows = data["packages"].as_array().expect("a list");
    let version = rows.iter().find(|row| row[0] == "evil").and_then(|row| row[1].as_str()).expect("is there");
    assert!(version.starts_with("<b>xxx") && version.contains('…'), "{version}");
    assert!(data["findings"]["rows"].to_string().contains("broken</script>‹U+2066›.so"), "{}", data["findings"]);
}
