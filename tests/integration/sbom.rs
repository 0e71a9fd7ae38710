//! The bill of materials: what is in it, and that others can read it.

use serde_json::Value;

use crate::audit::zip_of;
use crate::directory::publish;
use crate::harness::Sandbox;
use crate::locks::locked;
use crate::packages::{modern_project, wheel_of};
use crate::pypi::PasswordIndex;
use crate::tools::read_by_cyclonedx;

const BUILD: &[&str] = &["build", "--python-version", "3.13", "--output", "layer.zip", "--sbom", "out/sbom.json"];

/// Of a build with these inputs: what the reference implementation reads, and the bill.
fn built(sandbox: &Sandbox, arguments: &[&str]) -> (String, Value) {
    sandbox.run(BUILD).args(arguments).run().success();
    (read_by_cyclonedx(&sandbox.path("out/sbom.json")), sandbox.json("out/sbom.json"))
}

/// What this component depends on.
fn needed(bill: &Value, reference: &str) -> Vec<String> {
    let all = bill["dependencies"].as_array().expect("is a list");
    let found = all.iter().find(|entry| entry["ref"] == reference).unwrap_or_else(|| panic!("no `{reference}`"));
    let needed = found["dependsOn"].as_array().into_iter().flatten();
    needed.map(|reference| reference.as_str().expect("is a text").to_owned()).collect()
}

fn component<'a>(bill: &'a Value, name: &str) -> &'a Value {
    let all = bill["components"].as_array().expect("is a list");
    all.iter().find(|component| component["name"] == name).unwrap_or_else(|| panic!("no `{name}`"))
}

#[test]
fn distributions_have_their_licences_and_what_they_need() {
    let sandbox = Sandbox::with_requirements(
        "requests==2.32.5\nurllib3==2.5.0\nidna==3.10\ncertifi==2025.8.3\ncharset-normalizer==3.4.3\nruamel.yaml==0.18.15\nruamel.yaml.clib==0.2.12\ntyping_extensions==4.15.0\n",
    );
    let (read, bill) = built(&sandbox, &["--no-deps"]);
    insta::assert_snapshot!(read, @r"
    pkg:pypi/certifi@2025.8.3 MPL-2.0
    pkg:pypi/charset-normalizer@3.4.3 MIT
    pkg:pypi/idna@3.10 BSD License
    pkg:pypi/requests@2.32.5 Apache-2.0
    pkg:pypi/ruamel.yaml@0.18.15 MIT
    pkg:pypi/ruamel.yaml.clib@0.2.12 MIT
    pkg:pypi/typing-extensions@4.15.0 PSF-2.0
    pkg:pypi/urllib3@2.5.0 MIT
    ");
    let roots = ["requests@2.32.5", "ruamel.yaml@0.18.15", "typing-extensions@4.15.0"];
    assert_eq!(needed(&bill, "layer"), roots.map(|name| format!("pkg:pypi/{name}")));
    let of_requests = ["certifi@2025.8.3", "charset-normalizer@3.4.3", "idna@3.10", "urllib3@2.5.0"];
    assert_eq!(needed(&bill, "pkg:pypi/requests@2.32.5"), of_requests.map(|name| format!("pkg:pypi/{name}")));
    let requests = component(&bill, "requests");
    assert_eq!(requests["evidence"]["occurrences"][0]["location"], "python/requests-2.32.5.dist-info");
    assert!(requests.get("hashes").is_none() && requests.get("externalReferences").is_none(), "{requests:#}");
    assert_eq!(bill["metadata"]["component"]["hashes"][0]["content"].as_str().map(str::len), Some(64));
}

#[test]
fn bundled_libraries_are_named() {
    let sandbox = Sandbox::with_requirements("psycopg2-binary==2.9.10\n");
    let (read, bill) = built(&sandbox, &[]);
    insta::assert_snapshot!(read, @r"
    pkg:pypi/psycopg2-binary@2.9.10 LGPL with exceptions
      libcom_err
      libcrypto
      libgssapi_krb5
      libk5crypto
      libkeyutils
      libkrb5
      libkrb5support
      liblber
      libldap
      libpcre
      libpq
      libsasl2
      libselinux
      libssl
    ");
    let libraries = component(&bill, "psycopg2-binary")["components"].as_array().expect("is a list");
    let members = crate::zip::members(&sandbox.path("layer.zip"));
    assert!(!libraries.is_empty());
    for library in libraries {
        let path = library["evidence"]["occurrences"][0]["location"].as_str().expect("is a path");
        let digest = lambda_layer::types::Digest::of(&members[path].bytes).hex();
        assert_eq!(library["hashes"][0]["content"], digest.as_str());
        assert!(needed(&bill, "pkg:pypi/psycopg2-binary@2.9.10").contains(&path.to_owned()));
    }
}

#[test]
fn own_code_and_other_files_are_in_it() {
    let sandbox = Sandbox::with_requirements("./wheels/acme_tool-1.0-py3-none-any.whl\n");
    wheel_of(&sandbox.path("wheels"), "acme_tool", "1.0", &[("acme_tool.py", "")]);
    modern_project(&sandbox, "ours", "license = \"MIT\"\ndependencies = [\"acme-tool\"]\n");
    sandbox.write("app/__init__.py", "");
    sandbox.write("app/deep/data.txt", "x");
    sandbox.write("tool", "#!/bin/sh\n");
    let (read, bill) = built(&sandbox, &["--source", "app,ours", "--include", "tool=bin/tool"]);
    insta::assert_snapshot!(read, @r"
    tool
    pkg:pypi/acme-tool@1.0
    app
    ours MIT
    ");
    let tool = component(&bill, "tool");
    assert_eq!(tool["hashes"][0]["content"], lambda_layer::types::Digest::of(b"#!/bin/sh\n").hex().as_str());
    assert_eq!(component(&bill, "ours")["bom-ref"], "pkg:pypi/ours@1.0");
    assert!(component(&bill, "ours").get("purl").is_none(), "what is ours is on no index");
    assert_eq!(needed(&bill, "pkg:pypi/ours@1.0"), ["pkg:pypi/acme-tool@1.0"]);
}

#[test]
fn indexes_stand_there_without_credentials_and_files_with_their_only_hash() {
    let sandbox = Sandbox::new();
    let index = PasswordIndex::with_wheels(&sandbox.root().join("index"), "reader", "s3cr3t-w0rd", &[("alpha", "1.0")]);
    let wheel = fs_err::read(sandbox.root().join("index/alpha-1.0-py3-none-any.whl")).expect("is there");
    let digest = lambda_layer::types::Digest::of(&wheel).hex();
    sandbox.write("requirements.txt", format!("alpha==1.0 --hash=sha256:{digest}\n"));
    let (_, bill) = built(&sandbox, &["--index-url", &index.url_with_password()]);
    let alpha = component(&bill, "alpha");
    assert_eq!(alpha["hashes"][0]["content"], digest.as_str());
    assert_eq!(alpha["externalReferences"][0]["type"], "distribution");
    assert_eq!(alpha["externalReferences"][0]["url"], format!("{}/alpha/", index.url().trim_end_matches('/')).as_str());
    assert!(!bill.to_string().contains("s3cr3t-w0rd") && !bill.to_string().contains("reader"));

    let other = "0".repeat(64);
    sandbox.write("requirements.txt", format!("alpha==1.0 --hash=sha256:{digest} --hash=sha256:{other}\n"));
    let (_, bill) = built(&sandbox, &["--index-url", &index.url_with_password()]);
    assert!(component(&bill, "alpha").get("hashes").is_none(), "nobody knows which of two files it was");
}

#[test]
fn lock_files_tell_which_wheel_it_was() {
    for file in ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"] {
        let sandbox = locked(file);
        let arguments = ["--requirements", file, "--sbom", "sbom.json"];
        publish(&sandbox).args(&arguments).run().success();
        read_by_cyclonedx(&sandbox.path("sbom.json"));
        let bill = sandbox.json("sbom.json");
        fs_err::remove_file(sandbox.path("sbom.json")).expect("is there");
        publish(&sandbox).args(&arguments).run().success().says("unchanged");
        assert_eq!(sandbox.json("sbom.json"), bill);
        let text = sandbox.read(file);
        let all = bill["components"].as_array().expect("is a list");
        assert!(all.len() > 2, "{bill:#}");
        for component in all {
            let hash = component["hashes"][0]["content"].as_str().unwrap_or_default();
            assert!(hash.len() == 64 && text.contains(hash), "{file}: {component:#}");
        }
    }
}

#[test]
fn a_published_layer_has_the_same_bill_later() {
    let sandbox = Sandbox::with_requirements("psycopg2-binary==2.9.10\nrequests==2.32.5\n");
    sandbox.write("app/__init__.py", "");
    sandbox.write("tool", "#!/bin/sh\n");
    let arguments = ["--sbom", "sbom.json", "--source", "app", "--include", "tool=bin/tool"];
    publish(&sandbox).args(&arguments).run().success().says("published");
    let first = sandbox.read("sbom.json");
    fs_err::remove_file(sandbox.path("sbom.json")).expect("is there");
    publish(&sandbox).args(&arguments).run().success().says("unchanged");
    assert_eq!(sandbox.read("sbom.json"), first);
    read_by_cyclonedx(&sandbox.path("sbom.json"));
    let bill = sandbox.json("sbom.json");
    assert_eq!(bill["metadata"]["component"]["version"], "1");
    // Without state and inputs less is known.
    sandbox
        .run(&["audit", ".lambda-layers/shared/1/layer.zip", "--python-version", "3.13", "--sbom", "audit.json"])
        .run()
        .success();
    read_by_cyclonedx(&sandbox.path("audit.json"));
    let audited = sandbox.json("audit.json");
    assert_eq!(audited["metadata"]["component"]["hashes"], bill["metadata"]["component"]["hashes"]);
    assert_eq!(audited["dependencies"], bill["dependencies"]);
}

#[test]
fn hostile_metadata_makes_a_valid_bill() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(10_000);
    let metadata = format!(
        "Name: a\nVersion: 1.0\"<script>\u{202e}{long}\nLicense: <b>&\u{202e}::error::\u{7}|`{long}\nLicense-Expression: (((MIT\n"
    );
    let files: [(&str, &[u8]); 5] = [
        ("python/a.py", b""),
        ("python/a-1.0.dist-info/METADATA", metadata.as_bytes()),
        ("python/a-1.0.dist-info/RECORD", b"a.libs/\xe2\x80\xae<b>.so.1.2,,\na.py,,\n"),
        ("python/a.libs/\u{202e}<b>.so.1.2", b"x"),
        ("python/a b%20\u{202e}\"<i>/x.py", b""),
    ];
    zip_of(&sandbox.path("layer.zip"), &files);
    let audit = sandbox.run(&[
        "audit",
        "layer.zip",
        "--fail-on",
        "never",
        "--sbom",
        "sbom.json",
        "--third-party-licenses",
        "licences.txt",
    ]);
    audit.run().success();
    read_by_cyclonedx(&sandbox.path("sbom.json"));
    for text in [sandbox.read("sbom.json"), sandbox.read("licences.txt")] {
        assert!(!text.contains(['\u{202e}', '\u{7}']) && text.len() < 20_000, "{text}");
    }
}
