//! Files about a layer: where they go, and what becomes of a run that cannot write them.

use std::os::unix::fs::PermissionsExt as _;

use crate::account::{Account, EU};
use crate::directory::{publish, versions};
use crate::harness::{FileServer, Sandbox};
use crate::packages::wheel;
use crate::proxy::Rule;
use crate::zip::{members, unpack};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_requirements("./wheels/a-1.0-py3-none-any.whl\n");
    wheel(&sandbox.path("wheels"), "a", "1.0");
    sandbox
}

#[test]
fn they_are_outputs_and_told() {
    let sandbox = sandbox();
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", ".lambda-layers"),
        ("sbom", "out/deep/sbom.json"),
        ("third-party-licenses", "out/licences.txt"),
    ];
    for verdict in ["published", "unchanged"] {
        let outcome = sandbox.run(&[]).in_actions(&inputs).run().success();
        let outputs = outcome.outputs();
        assert_eq!(outputs["sbom-path"], "out/deep/sbom.json");
        assert_eq!(outputs["licenses-path"], "out/licences.txt");
        outcome.says("  sbom          out/deep/sbom.json\n").says(&format!("shared {verdict}"));
    }
    let mode = fs_err::metadata(sandbox.path("out/deep/sbom.json")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let names: Vec<_> = sandbox.path("out/deep").read_dir_utf8().expect("is there").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_run_without_them_starts_and_opens_nothing() {
    let sandbox = sandbox();
    publish(&sandbox).run().success();
    let outcome = publish(&sandbox).run().success();
    assert!(!outcome.stderr.contains("Open") && !outcome.stderr.contains("Write"), "{}", outcome.stderr);
}

#[test]
fn what_is_published_on_aws_is_opened_there() {
    let account = Account::with_buckets(&[EU]);
    let sandbox = sandbox();
    let inputs = ["--regions", EU, "--sbom", "s.json"];
    account.publish(&sandbox, &inputs).run().success().says("published");
    let first = sandbox.read("s.json");
    assert!(first.contains("arn:aws:lambda:eu-west-1:"), "{first}");
    fs_err::remove_file(sandbox.path("s.json")).expect("is there");
    let key = account
        .keys(EU)
        .into_iter()
        .find(|key| key.strip_suffix(".zip").is_some())
        .expect("the zip went through the bucket");
    sandbox.write("served/layer.zip", account.object(EU, &key));
    let files = FileServer::start(&sandbox.path("served"));
    let path = "shared/versions/1";
    account.proxy.rule(Rule::on("GET", path).replace("s3://", &format!("{}/layer.zip", files.url())));
    account.publish(&sandbox, &inputs).run().success().says("shared unchanged");
    assert_eq!(sandbox.read("s.json"), first);
    account.proxy.behave();
    // Something goes wrong after it was asked whether the version still exists.
    let denied = "User is not authorized to perform: lambda:GetLayerVersion";
    account.proxy.rule(Rule::on("GET", path).after(1).refuse(403, "AccessDeniedException", denied));
    let outcome = account.publish(&sandbox, &inputs).run().code(2);
    insta::assert_snapshot!(outcome.stderr.split_once("error: ").expect("says one").1, @"
    a file about `shared` could not be written
    cause: file: there is no published version of `shared` to report on: lambda:GetLayerVersion failed for `arn:aws:lambda:eu-west-1:123456789012:layer:shared:1`: AccessDeniedException (HTTP 403): User is not authorized to perform: lambda:GetLayerVersion (request 8f3c)
    hint: the report page, the SBOM and the licences need a version that can be downloaded; everything else was done
    ");
    assert!(outcome.stdout.contains("shared unchanged"), "{}", outcome.stdout);
}

#[test]
fn a_folder_is_told_as_its_zip_is() {
    let sandbox = sandbox();
    sandbox.write("tool/COPYING", "Copy it\n");
    let arguments = ["build", "--python-version", "3.13", "--output", "layer.zip", "--include", "tool=bin"];
    sandbox.run(&arguments).run().success();
    unpack(&members(&sandbox.path("layer.zip")), &sandbox.path("layer"));
    for subject in ["layer", "layer.zip"] {
        let (bill, licences) = (format!("{subject}.json"), format!("{subject}.txt"));
        let audit =
            ["audit", subject, "--python-version", "3.13", "--sbom", &bill, "--third-party-licenses", &licences];
        sandbox.run(&audit).run().success();
    }
    assert_eq!(sandbox.json("layer.json")["components"], sandbox.json("layer.zip.json")["components"]);
    let rest = |text: String| text.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(rest(sandbox.read("layer.txt")), rest(sandbox.read("layer.zip.txt")));
    assert!(sandbox.read("layer.txt").ends_with("bin/COPYING\n\nCopy it\n"));
}

#[test]
fn a_plan_writes_none() {
    let sandbox = sandbox();
    let outcome =
        sandbox.run(&["plan", "--layer-name", "shared", "--python-version", "3.13", "--sbom", "s.json"]).run();
    outcome.success().says("a plan does not build or open a layer");
    assert!(!sandbox.path("s.json").exists());
}

#[test]
fn a_refused_layer_is_described() {
    let sandbox = sandbox();
    let arguments = ["--max-zipped-size", "10 bytes", "--sbom", "s.json"];
    let outcome = publish(&sandbox).args(&arguments).run().code(1);
    assert!(sandbox.json("s.json")["components"][0]["name"] == "a", "{}", outcome.stderr);
    // What is too large to be packed is worth looking at all the more.
    fs_err::remove_file(sandbox.path("s.json")).expect("is there");
    let arguments = ["--max-unzipped-size", "10 bytes", "--sbom", "s.json", "--report", "page.html"];
    publish(&sandbox).args(&arguments).run().code(1);
    assert_eq!(sandbox.json("s.json")["components"][0]["name"], "a");
    assert!(sandbox.read("page.html").contains("a-1.0.dist-info"));
}

#[test]
fn places_that_cannot_be_are_refused_before_anything_is_done() {
    let sandbox = sandbox();
    sandbox.write("file", "");
    let arguments = ["--sbom", "wheels", "--third-party-licenses", "file/x"];
    let outcome = publish(&sandbox).args(&arguments).run().code(1);
    outcome
        .says("work/wheels`, which is a folder (give the path of a file in this folder)")
        .says("`third-party-licenses` cannot be written");
    let arguments = ["--sbom", "same", "--third-party-licenses", "./same"];
    publish(&sandbox).args(&arguments).run().code(1).says("`same` is the path of two different files");
    assert_eq!(versions(&sandbox), Vec::<u64>::new());
}

#[test]
fn what_was_published_stays_told() {
    let sandbox = sandbox();
    // Something becomes a folder while the run is under way.
    sandbox.write("script.sh", "mkdir -p \"$GITHUB_WORKSPACE/s.json/x\"\n");
    let inputs = [
        ("layer-name", "shared"),
        ("python-version", "3.13"),
        ("registry", ".lambda-layers"),
        ("sbom", "s.json"),
        ("build-script", "script.sh"),
    ];
    let outcome = sandbox.run(&[]).in_actions(&inputs).run().code(2);
    assert_eq!(outcome.outputs()["published"], "true");
    assert!(outcome.outputs()["layer-arn"].ends_with(":shared:1"));
    outcome.says("error: a file about `shared` could not be written\n").says("s.json");
}

#[test]
fn they_are_no_part_of_what_they_stand_in() {
    let sandbox = Sandbox::new();
    crate::packages::modern_project(&sandbox, "ours", "");
    let arguments = ["--source", "ours", "--sbom", "ours/sbom.json"];
    publish(&sandbox).args(&arguments).run().success();
    publish(&sandbox).args(&arguments).run().success().says("unchanged: the inputs are the same as for version 1");
}
