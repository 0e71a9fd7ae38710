use serde_json::Value;

use super::*;

fn bill(layer: Layer) -> Value {
    let (python, architecture) = ("3.13".parse().expect("is known"), "arm64".parse().expect("is known"));
    let report = Report::of_audit("own".to_owned(), Target { python, architecture }, String::new()).with_layer(layer);
    let text = sbom(&report).expect("there is a layer");
    assert_eq!(sbom(&report), Some(text.clone()));
    serde_json::from_str(&text).expect("is JSON")
}

/// `layer → a, b`: one line for each component that depends on something.
fn graph(bill: &Value) -> String {
    let text = |value: &Value| value.as_str().expect("is a text").replace("pkg:pypi/", "");
    let entries = bill["dependencies"].as_array().expect("is a list").iter();
    let lines = entries.filter_map(|entry| {
        let needed: Vec<String> = entry.get("dependsOn")?.as_array()?.iter().map(text).collect();
        Some(format!("{} → {}", text(&entry["ref"]), needed.join(", ")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn circles_hang_on_the_layer_too() {
    let mut layer = Layer::of_distributions(&[
        ("a", "1", &["Requires-Dist: b"]),
        ("b", "1", &["Requires-Dist: A", "Requires-Dist: absent", "Requires-Dist: d; sys_platform == 'win32'"]),
        ("c", "1", &["Requires-Dist: d", "Requires-Dist: c[all]"]),
        ("d", "1", &[]),
    ]);
    for (path, file) in &mut layer.files {
        let name = path.as_str().trim_start_matches("python/").split('-').next().unwrap_or_default();
        file.owner = Owner::Distribution(name.parse().expect("is a name"));
    }
    insta::assert_snapshot!(graph(&bill(layer)), @r"
    layer → a@1, c@1
    a@1 → b@1
    b@1 → a@1
    c@1 → d@1
    ");
}

#[test]
fn a_layer_for_several_pythons_has_each_version_once() {
    let mut layer = Layer::of_distributions(&[("a", "1", &[]), ("a", "1", &[]), ("a", "2", &[])]);
    let info =
        |python: &str, version: &str| format!("python/lib/{python}/site-packages/a-{version}.dist-info/METADATA");
    let paths = [info("python3.12", "1"), info("python3.13", "1"), info("python3.13", "2")];
    layer.files = Layer::of_paths(&paths.each_ref().map(String::as_str)).files;
    for file in layer.files.values_mut() {
        file.owner = Owner::Distribution("a".parse().expect("is a name"));
    }
    let bill = bill(layer);
    let components = bill["components"].as_array().expect("is a list");
    let refs: Vec<&str> = components.iter().filter_map(|component| component["bom-ref"].as_str()).collect();
    assert_eq!(refs, ["pkg:pypi/a@1", "pkg:pypi/a@2"]);
    assert_eq!(components[0]["evidence"]["occurrences"].as_array().map(Vec::len), Some(2));
}

#[test]
fn paths_that_look_the_same_are_two() {
    let bill = bill(Layer::of_paths(&["bin/a\u{202e}", "bin/a\u{200b}", "bin/b"]));
    let refs: BTreeSet<&str> = bill["components"]
        .as_array()
        .expect("is a list")
        .iter()
        .filter_map(|found| found["bom-ref"].as_str())
        .collect();
    assert_eq!(refs.len(), 3);
    assert!(refs.contains("bin/b") && refs.iter().all(|reference| !reference.contains('\u{202e}')), "{refs:?}");
}

#[test]
fn versions_and_numbers_are_of_the_form_that_others_expect() {
    let layer = Layer::of_distributions(&[("Zope.Interface_x", "1!2.0+local/1", &[])]);
    assert_eq!(bill(layer.clone())["components"][0]["purl"], "pkg:pypi/zope.interface-x@1%212.0%2Blocal%2F1");
    let number = bill(layer)["serialNumber"].as_str().expect("is a text").to_owned();
    let parts: Vec<usize> = number.trim_start_matches("urn:uuid:").split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert!(number[23..].starts_with('8') && "89ab".contains(&number[28..29]), "{number}");
}
