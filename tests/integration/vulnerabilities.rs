//! Known vulnerabilities: what is asked, what is made of the answers, and what is done without one.

use serde_json::{Value, json};

use crate::audit::{found, zip_of};
use crate::directory::publish;
use crate::github_server::GitHub;
use crate::harness::{Outcome, Run, Sandbox, dead_port};
use crate::osv_server::{Osv, advisory, fixtures};
use crate::packages::{modern_project, wheel_of};
use crate::preview::preview;
use crate::pypi::PasswordIndex;
use crate::tools::{check_jsonschema, read_by_cyclonedx};

/// Six versions of a page of OSV.
const BAD_IDNA: &str = "GHSA-jjg7-2v4v-x38h";

/// A zip with these distributions, each by its name, version and further headers of its metadata.
fn layer(sandbox: &Sandbox, distributions: &[(&str, &str, &str)]) {
    let metadata = |(name, version, headers): &(&str, &str, &str)| {
        (
            format!("python/{name}-{version}.dist-info/METADATA"),
            format!("Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{headers}\n"),
        )
    };
    let module = |(name, ..): &(&str, &str, &str)| (format!("python/{name}/__init__.py"), String::new());
    let files: Vec<(String, String)> = distributions.iter().flat_map(|one| [metadata(one), module(one)]).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect();
    zip_of(&sandbox.path("layer.zip"), &files);
}

/// An audit that looks up vulnerabilities at this level; an empty one is the default.
fn audit(sandbox: &Sandbox, osv: &Osv, level: &str) -> Run {
    osv.reach(sandbox.run(&["audit", "layer.zip", "--python-version", "3.13", "--vulnerabilities", level]))
}

/// Those of the findings that are about vulnerabilities.
fn told(outcome: &Outcome) -> String {
    let lines: Vec<String> = found(outcome).lines().map(str::to_owned).collect();
    let is_one = |head: &str| {
        ["vulnerab", "ignore-vulnerab"]
            .iter()
            .any(|code| head.split_whitespace().nth(1).is_some_and(|found| found.starts_with(code)))
    };
    let pairs = lines.chunks(2).filter(|pair| is_one(&pair[0]));
    pairs.map(|pair| pair.join("\n")).collect::<Vec<_>>().join("\n")
}

fn result(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.outputs()["result"]).expect("is JSON")
}

#[test]
fn the_copies_of_advisories_are_in_the_format_of_osv() {
    let folder = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/osv");
    let own = tempfile::NamedTempFile::with_suffix(".json").expect("can be made");
    fs_err::write(own.path(), advisory("GHSA-own", "six", &["1.0"]).to_string()).expect("can be written");
    let mut validator = std::process::Command::new(check_jsonschema());
    validator.arg("--schemafile").arg(folder.join("schema.json")).arg(own.path());
    for entry in folder.join("advisories").read_dir_utf8().expect("is a folder") {
        validator.arg(entry.expect("is readable").into_path());
    }
    let output = validator.output().expect("can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn an_audit_lists_what_is_known() {
    let (sandbox, osv) = (Sandbox::new(), Osv::with(&fixtures()));
    layer(
        &sandbox,
        &[
            ("requests", "2.32.5", "Requires-Dist: idna"),
            ("idna", "3.6", ""),
            ("Six", "1.17.0", ""),
            ("attrs", "25.3.0", ""),
        ],
    );
    let outcome = audit(&sandbox, &osv, "").args(&["--sbom", "sbom.json"]).run().success();
    insta::assert_snapshot!(told(&outcome), @r"
    notice   vulnerability  idna: GHSA-jjg7-2v4v-x38h
      `idna 3.6`, which `requests` brings, has the known vulnerability GHSA-jjg7-2v4v-x38h (medium 6.2, CVE-2024-3651): Internationalized Domain Names in Applications (IDNA) can take very long to encode a name
    notice   vulnerability  six: GHSA-vvvv-4444-aaaa
      `six 1.17.0` has the known vulnerability GHSA-vvvv-4444-aaaa (high): Of version 4 of CVSS there is only a word
    ");
    assert!(outcome.stdout.contains("osv           2 known vulnerabilities (1 high, 1 medium)"), "{}", outcome.stdout);
    assert_eq!(
        osv.asked(),
        ["pkg:pypi/attrs@25.3.0", "pkg:pypi/idna@3.6", "pkg:pypi/requests@2.32.5", "pkg:pypi/six@1.17.0"]
    );
    let seen = osv.seen();
    assert_eq!(seen.iter().filter(|request| request["method"] == "POST").count(), 1, "one question is enough");
    let details = seen.iter().filter(|request| request["method"] == "GET").count();
    assert_eq!(details, 4, "each advisory is read once");
    // What is in the bill can be read by others, too.
    read_by_cyclonedx(&sandbox.path("sbom.json"));
    insta::assert_json_snapshot!(sandbox.json("sbom.json")["vulnerabilities"], @r#"
    [
      {
        "id": "GHSA-vvvv-4444-aaaa",
        "source": {
          "name": "OSV",
          "url": "https://osv.dev/vulnerability/GHSA-vvvv-4444-aaaa"
        },
        "ratings": [
          {
            "severity": "high"
          }
        ],
        "description": "Of version 4 of CVSS there is only a word",
        "affects": [
          {
            "ref": "pkg:pypi/six@1.17.0"
          }
        ]
      },
      {
        "id": "GHSA-jjg7-2v4v-x38h",
        "source": {
          "name": "OSV",
          "url": "https://osv.dev/vulnerability/GHSA-jjg7-2v4v-x38h"
        },
        "references": [
          {
            "id": "CVE-2024-3651",
            "source": {
              "name": "OSV",
              "url": "https://osv.dev/vulnerability/CVE-2024-3651"
            }
          },
          {
            "id": "PYSEC-2024-60",
            "source": {
              "name": "OSV",
              "url": "https://osv.dev/vulnerability/PYSEC-2024-60"
            }
          }
        ],
        "ratings": [
          {
            "score": 6.2,
            "severity": "medium",
            "method": "CVSSv31",
            "vector": "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
          }
        ],
        "description": "Internationalized Domain Names in Applications (IDNA) can take very long to encode a name",
        "recommendation": "Use idna 3.7 or later",
        "affects": [
          {
            "ref": "pkg:pypi/idna@3.6"
          }
        ]
      }
    ]
    "#);
}

#[test]
fn levels_decide_as_for_other_findings() {
    let (sandbox, osv) = (Sandbox::new(), Osv::with(&fixtures()));
    layer(&sandbox, &[("idna", "3.6", "")]);
    audit(&sandbox, &osv, "notice").run().success().says("notice   vulnerability");
    audit(&sandbox, &osv, "warning").run().success().says("warning  vulnerability");
    audit(&sandbox, &osv, "warning").args(&["--fail-on", "warning"]).run().code(1);
    audit(&sandbox, &osv, "error").run().code(1).says("error    vulnerability");
    audit(&sandbox, &osv, "error").args(&["--fail-on", "never"]).run().success();
    let asked = osv.asked().len();
    let outcome = audit(&sandbox, &osv, "off").run().success();
    assert_eq!((told(&outcome).as_str(), osv.asked().len()), ("", asked));
    audit(&sandbox, &osv, "high").run().code(1).says("`vulnerabilities` is `high`, which is not a valid value");
}

#[test]
fn a_pull_request_is_told_first_what_it_brings() {
    let sandbox = Sandbox::with_requirements("six==1.16.0\nidna==3.6\n");
    publish(&sandbox).run().success();
    sandbox.write("requirements.txt", "six==1.17.0\nidna==3.10\nattrs==25.3.0\n");
    let mut advisories = fixtures();
    let mut brought = advisory("GHSA-attr-attr-attr", "attrs", &["25.3.0"]);
    brought["affected"][0]["ranges"] =
        json!([{"type": "ECOSYSTEM", "events": [{"introduced": "25"}, {"fixed": "25.4.0"}]}]);
    brought["aliases"] = json!(["CVE-2025-1234"]);
    advisories.push(brought);
    let (osv, github) = (Osv::with(&advisories), GitHub::start(&json!({})));
    let run = |inputs: &[(&str, &str)]| osv.reach(preview(&sandbox, &github, inputs)).run();
    let outcome = run(&[("vulnerabilities", "")]).success();
    let comments = github.comments(7);
    let (_, body) = &comments[0];
    let start = body.find("⚠️").expect("is told");
    insta::assert_snapshot!(body[start..].lines().take(5).collect::<Vec<_>>().join("\n"), @r"
    ⚠️ **1 new known vulnerability** (1 critical); 1 remains, 1 is gone

    | vulnerability | severity | package | fixed in | because of |
    |---|---|---|---|---|
    | [GHSA-attr-attr-attr](https://osv.dev/vulnerability/GHSA-attr-attr-attr) CVE-2025-1234<br><sub>Something is wrong with attrs</sub> | critical 9.8 | <code>attrs</code> 25.3.0 | 25.4.0 | — |
    ");
    let folded = body.find("other known vulnerabilities</summary>").expect("is told");
    insta::assert_snapshot!(body[folded..].lines().take(7).collect::<Vec<_>>().join("\n"), @r"
    other known vulnerabilities</summary>

    | vulnerability | severity | package | fixed in | because of |
    |---|---|---|---|---|
    | [GHSA-vvvv-4444-aaaa](https://osv.dev/vulnerability/GHSA-vvvv-4444-aaaa)<br><sub>it was there before</sub> | high | <code>six</code> 1.17.0 | — | — |
    | [GHSA-jjg7-2v4v-x38h](https://osv.dev/vulnerability/GHSA-jjg7-2v4v-x38h) CVE-2024-3651<br><sub>no longer in the layer</sub> | medium 6.2 | <code>idna</code> 3.6 | 3.7 | — |
    ");
    assert!(outcome.stdout.contains("::notice file=requirements.txt,line=3,"), "{}", outcome.stdout);
    let result = result(&outcome);
    let effects: Vec<String> = result["vulnerabilities"]["found"]
        .as_array()
        .into_iter()
        .chain(result["vulnerabilities"]["removed"].as_array())
        .flatten()
        .map(|one| format!("{} {} {}", one["distribution"], one["effect"], one["severity"]))
        .collect();
    assert_eq!(effects, [r#""attrs" "brought" "critical""#, r#""six" "kept" "high""#, r#""idna" "removed" "medium""#]);
    assert_eq!(result["findings"][0]["code"], "vulnerability");
    let outcome = run(&[("vulnerabilities", "error")]).code(1);
    outcome.says("findings prevent the layer from being published");
}

#[test]
fn builds_and_publishes_ask_nothing_until_they_are_told_to() {
    let (sandbox, osv) = (Sandbox::with_requirements("idna==3.6\n"), Osv::with(&fixtures()));
    osv.reach(publish(&sandbox)).args(&["--dry-run"]).run().success();
    osv.reach(sandbox.run(&["build", "--python-version", "3.13"])).run().success();
    osv.reach(sandbox.run(&[
        "plan",
        "--layer-name",
        "shared",
        "--python-version",
        "3.13",
        "--vulnerabilities",
        "error",
    ]))
    .run()
    .success();
    assert_eq!(osv.seen().len(), 0);
    osv.reach(publish(&sandbox))
        .args(&["--vulnerabilities", "error"])
        .run()
        .code(1)
        .says(BAD_IDNA)
        .says("or accept it for a time");
    assert!(!sandbox.path(".lambda-layers/shared/1").exists(), "nothing was published");
    let outcome = osv.reach(publish(&sandbox)).args(&["--vulnerabilities", "warning"]).run().success();
    assert!(outcome.stderr.contains("warning: `idna 3.6` has the known vulnerability"), "{}", outcome.stderr);
    let state = fs_err::read_to_string(sandbox.path(".lambda-layers/state/shared.json")).expect("is there");
    assert!(!state.contains("vulnerability"), "what is known of a version changes: {state}");
}

#[test]
fn names_that_are_not_public_are_never_sent() {
    let sandbox = Sandbox::with_requirements("./wheels/acme_wheel-1.0-py3-none-any.whl\nidna==3.6\n");
    wheel_of(&sandbox.path("wheels"), "acme_wheel", "1.0", &[("acme_wheel.py", "")]);
    modern_project(&sandbox, "acme_project", "");
    let osv = Osv::with(&fixtures());
    let build = ["build", "--python-version", "3.13", "--vulnerabilities", "error"];
    osv.reach(sandbox.run(&build)).args(&["--source", "acme_project"]).run().code(1).says(BAD_IDNA);
    assert_eq!(osv.asked(), ["pkg:pypi/idna@3.6"]);

    let index = PasswordIndex::with_wheels(
        &sandbox.root().join("index"),
        "reader",
        "s3cr3t-w0rd",
        &[("acmeindex", "1.0"), ("idna", "3.6")],
    );
    sandbox.write("requirements.txt", "acmeindex==1.0\nidna==3.6\n");
    let url = index.url_with_password();
    let outcome = osv.reach(sandbox.run(&build)).args(&["--index-url", &url]).run().success();
    outcome.says("notice:  2 distributions were not looked up, because they may not be from PyPI");
    let url = index.url_with_password();
    osv.reach(sandbox.run(&build)).env("UV_INDEX", url).run().success().says("2 distributions were not looked up");
    assert!(!osv.seen().iter().any(|request| request.to_string().contains("acme")), "{:?}", osv.seen());
    assert_eq!(osv.asked().len(), 1, "nothing else was asked");
}

#[test]
fn an_audit_sends_nothing_that_may_be_private() {
    let (sandbox, osv) = (Sandbox::new(), Osv::with(&fixtures()));
    let place = |url: &str| format!("{{\"url\": \"{url}\", \"dir_info\": {{}}}}");
    let metadata = |name: &str, rest: &str| format!("Metadata-Version: 2.4\nName: {name}\nVersion: 3.6\n{rest}\n");
    let files = [
        ("python/idna-3.6.dist-info/METADATA", metadata("idna", "")),
        ("python/local-3.6.dist-info/METADATA", metadata("local", "")),
        ("python/local-3.6.dist-info/direct_url.json", place("file:///home/acme/local")),
        ("python/remote-3.6.dist-info/METADATA", metadata("remote", "")),
        ("python/remote-3.6.dist-info/direct_url.json", place("https://acme.example/remote.whl")),
        ("python/marked-3.6.dist-info/METADATA", metadata("marked", "Classifier: Private :: Do Not Upload")),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    zip_of(&sandbox.path("layer.zip"), &files);
    audit(&sandbox, &osv, "notice").run().says(BAD_IDNA);
    assert_eq!(osv.asked(), ["pkg:pypi/idna@3.6"]);
    // With another index, nobody knows what is from where.
    for (name, value) in
        [("UV_INDEX", "https://acme.example/simple"), ("PIP_EXTRA_INDEX_URL", "https://acme.example/simple")]
    {
        audit(&sandbox, &osv, "notice")
            .env(name, value)
            .run()
            .says("1 distribution was not looked up, because it may not be from PyPI");
    }
    sandbox.write("uv.toml", "[[index]]\nurl = \"https://acme.example/simple\"\n");
    audit(&sandbox, &osv, "notice").run().says("1 distribution was not looked up");
    assert_eq!(osv.asked().len(), 1);
}

#[test]
fn without_an_answer_nothing_fails_unless_that_was_asked_for() {
    let sandbox = Sandbox::new();
    layer(&sandbox, &[("idna", "3.6", ""), ("six", "1.0", "")]);
    let unknown = |outcome: &Outcome| told(outcome).lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let dead = format!("http://127.0.0.1:{}", dead_port());
    let down = |level: &str| {
        let run = sandbox.run(&["audit", "layer.zip", "--python-version", "3.13", "--vulnerabilities", level]);
        run.env("LAMBDA_LAYER_OSV_URL", &dead).unset("PIP_FIND_LINKS").run()
    };
    let outcome = down("").success();
    assert_eq!(told(&outcome), "", "nobody asked for it");
    outcome.says("known vulnerabilities were not looked up: http://127.0.0.1");
    let outcome = down("warning").success();
    assert!(unknown(&outcome).starts_with("notice   vulnerabilities-unknown"), "{}", outcome.stdout);
    down("error").code(1).says("error    vulnerabilities-unknown");

    for (manner, says, found) in [
        (json!({"refuse": {"/v1/querybatch": [-500]}}), "refused the request (500)", 0),
        (json!({"refuse": {"/v1/querybatch": [-403]}}), "refused the request (403)", 0),
        (
            json!({"refuse": {"/v1/querybatch": [-429]}, "retry_after": u64::MAX}),
            "accepts no more requests for now (429)",
            0,
        ),
        (json!({"refuse": {"/v1/querybatch": [429, 503]}, "retry_after": 0}), "", 1),
        (json!({"raw": {"/v1/querybatch": "<html>"}}), "returned an unexpected response", 0),
        (json!({"raw": {"/v1/querybatch": "[]"}}), "returned an unexpected response", 0),
        (json!({"raw": {"/v1/querybatch": "{\"results\": 7}"}}), "returned an unexpected response", 0),
        (
            json!({"raw": {"/v1/querybatch": "{\"results\": [null, {\"vulns\": [{\"id\": \"\\u001b[31m\"}, {}]}]}"}}),
            "",
            0,
        ),
        (json!({"half": true}), "did not answer completely for 1 package", 1),
        (json!({"refuse": {"/v1/vulns": [-500]}}), "the details of 3 advisories are missing", 3),
        (json!({"raw": {"/v1/vulns": "{\"id\": 7}"}}), "the details of 3 advisories are missing", 3),
        (json!({"delay": 30}), "did not respond within 1 second", 0),
        (json!({"prefix": "/mirror/osv"}), "", 1),
    ] {
        let osv = Osv::start(&fixtures(), &manner);
        let outcome = audit(&sandbox, &osv, "warning")
            .env("LAMBDA_LAYER_OSV_SECONDS", if says.contains("within") { "1" } else { "20" })
            .run()
            .success();
        assert!(unknown(&outcome).contains(says), "{manner}\n{}", outcome.stdout);
        assert_eq!(
            unknown(&outcome).contains("vulnerabilities-unknown"),
            !says.is_empty(),
            "{manner}\n{}",
            outcome.stdout
        );
        assert_eq!(
            outcome.stdout.matches("has the known vulnerability").count(),
            found,
            "{manner}\n{}",
            outcome.stdout
        );
    }
}

#[test]
fn many_and_long_advisories_fit_everywhere() {
    let sandbox = Sandbox::new();
    layer(&sandbox, &[("idna", "3.6", "")]);
    let mut advisories: Vec<Value> =
        (0..2_000).map(|number| advisory(&format!("GHSA-many-{number:04}"), "idna", &["3.6"])).collect();
    advisories[7]["details"] = json!("long ".repeat(200_000));
    advisories[7]["summary"] = json!("");
    let osv = Osv::start(&advisories, &json!({"page": 300}));
    let run = sandbox.run(&[]).in_actions(&[
        ("command", "audit"),
        ("subject", "layer.zip"),
        ("python-version", "3.13"),
        ("vulnerabilities", "notice"),
        ("report", "page.html"),
        ("sbom", "sbom.json"),
    ]);
    let outcome = osv.reach(run).env("LAMBDA_LAYER_OSV_SECONDS", "300").run().success();
    let result = result(&outcome);
    assert!(
        result["vulnerabilities"]["found"].as_array().is_some_and(|found| found.len() >= 50),
        "{}",
        result["vulnerabilities"]
    );
    assert!(outcome.summary().contains("2000 known vulnerabilities"), "{}", &outcome.summary()[..2000]);
    assert!(outcome.stdout.matches("::notice").count() <= 11, "{}", outcome.stdout);
    assert_eq!(sandbox.json("sbom.json")["vulnerabilities"].as_array().map(Vec::len), Some(2_000));
    outcome.says("and 101 more findings");
}

#[test]
fn advisories_cannot_write_markup_or_commands() {
    let sandbox = Sandbox::new();
    layer(&sandbox, &[("idna", "3.6", ""), ("six", "1.17.0", "")]);
    let mut hostile = advisory("GHSA-x", "idna", &["3.6"]);
    hostile["summary"] = json!(
        "<script>alert(1)</script> | [x](javascript:alert(1)) `code` @everyone #1 \u{1b}[31m\u{202e}\r\n::error::gotcha\n##[error]x"
    );
    hostile["aliases"] = json!(["CVE-1<b>", "\u{1b}[2J", "../../etc/passwd", "CVE-2024-9"]);
    hostile["references"] = json!([{"type": "WEB", "url": "javascript:alert(1)"}]);
    hostile["affected"][0]["ranges"] =
        json!([{"type": "ECOSYSTEM", "events": [{"introduced": "<img>"}, {"fixed": "4|<img src=x>"}]}]);
    let mut unnamed = advisory("GHSA-y\n::error::gotcha", "six", &["1.17.0"]);
    unnamed["summary"] = json!("x");
    let osv = Osv::with(&[hostile, unnamed]);
    let run = sandbox.run(&[]).in_actions(&[
        ("command", "audit"),
        ("subject", "layer.zip"),
        ("python-version", "3.13"),
        ("vulnerabilities", "notice"),
        ("report", "page.html"),
        ("sbom", "sbom.json"),
    ]);
    let outcome = osv.reach(run).run().success();
    let everything = format!("{}{}{}{}", outcome.stdout, outcome.stderr, outcome.summary(), sandbox.read("page.html"));
    assert!(!everything.contains('\u{1b}') && !everything.contains('\u{202e}'), "{everything}");
    assert!(outcome.stdout.contains("GHSA-x") && !outcome.stdout.contains("GHSA-y"), "{}", outcome.stdout);
    assert!(!outcome.stdout.lines().any(|line| line.starts_with("::error")), "{}", outcome.stdout);
    let summary = outcome.summary();
    for wrong in ["<script>", "[x](", "`code`", "CVE-1<b>", "passwd", "<img"] {
        assert!(!summary.contains(wrong), "{wrong}: {summary}");
    }
    assert!(!sandbox.read("page.html").contains("<script>alert"), "is text of the page");
    read_by_cyclonedx(&sandbox.path("sbom.json"));
}

#[test]
fn what_was_accepted_is_no_finding_until_its_day() {
    let (sandbox, osv) = (Sandbox::new(), Osv::with(&fixtures()));
    layer(&sandbox, &[("idna", "3.6", ""), ("six", "1.17.0", "")]);
    let entries = "cve-2024-3651 2999-12-31 we encode only our own names\nGHSA-vvvv-4444-aaaa 2020-01-31 not used\nCVE-1999-0001 2999-12-31 fixed long ago";
    let outcome = audit(&sandbox, &osv, "error")
        .args(&["--ignore-vulnerabilities", entries, "--sbom", "sbom.json"])
        .run()
        .code(1);
    insta::assert_snapshot!(told(&outcome), @r"
    error    vulnerability                 six: GHSA-vvvv-4444-aaaa
      `six 1.17.0` has the known vulnerability GHSA-vvvv-4444-aaaa (high): Of version 4 of CVSS there is only a word
    notice   ignore-vulnerability-expired  GHSA-vvvv-4444-aaaa
      `GHSA-vvvv-4444-aaaa` was ignored until 2020-01-31 (not used), and counts again
    notice   ignore-vulnerability-unused   CVE-1999-0001
      `ignore-vulnerabilities` contains `CVE-1999-0001`, which is not known of any distribution in the layer
    ");
    let bill = sandbox.json("sbom.json");
    let ignored =
        bill["vulnerabilities"].as_array().into_iter().flatten().find(|one| one["id"] == BAD_IDNA).expect("is listed");
    assert_eq!(ignored["analysis"]["detail"], "Ignored until 2999-12-31: we encode only our own names");
    read_by_cyclonedx(&sandbox.path("sbom.json"));
    audit(&sandbox, &osv, "error")
        .args(&["--exclude", "six"])
        .args(&["--ignore-vulnerabilities", &entries.replace("2020", "2999")])
        .run()
        .success();
}

#[test]
fn bad_inputs_are_refused_together_before_anything_is_built() {
    let (sandbox, osv) = (Sandbox::with_requirements("idna==3.6\n"), Osv::with(&fixtures()));
    let trap = sandbox.trap(&["uv"]);
    let entries = "CVE-2024-3651\nCVE-2024-3652 soon because\nCVE-2024-3653 2999-12-31\nOK-1 2999-12-31 fine\nok-1 2999-12-31 again";
    let run = osv.reach(sandbox.run(&[
        "build",
        "--python-version",
        "3.13",
        "--vulnerabilities",
        "all",
        "--ignore-vulnerabilities",
        entries,
        "--vulnerability-database",
        "db.zip",
    ]));
    let outcome = run.path_first(&trap).run().code(1);
    for problem in [
        "`vulnerabilities` is `all`, which is not a valid value",
        "`ignore-vulnerabilities` contains `CVE-2024-3651`, which has no date and no reason",
        "`ignore-vulnerabilities` contains `CVE-2024-3652 soon because`, whose second word is not a date such as `2027-06-30`",
        "`ignore-vulnerabilities` contains `CVE-2024-3653 2999-12-31`, which has no reason",
        "`ignore-vulnerabilities` contains `ok-1` more than once",
        "`vulnerability-database` is a path that cannot be read: `db.zip` does not exist",
    ] {
        assert!(outcome.stderr.contains(problem), "{problem}\n{}", outcome.stderr);
    }
    assert_eq!((sandbox.trapped(), osv.seen().len()), (String::new(), 0));
    for address in ["ftp://osv.example", "https://user:s3cr3t-w0rd@osv.example", "osv"] {
        let run = sandbox
            .run(&["build", "--python-version", "3.13", "--vulnerabilities", "error"])
            .env("LAMBDA_LAYER_OSV_URL", address);
        let outcome = run.path_first(&trap).run().code(1);
        assert!(
            outcome.stderr.contains("which is not a valid address") && !outcome.stderr.contains("s3cr3t"),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(sandbox.trapped(), "");
}

#[test]
fn a_database_is_searched_without_a_network() {
    let sandbox = Sandbox::new();
    layer(&sandbox, &[("idna", "3.6", ""), ("Six", "1.17.0+local", ""), ("acme", "1.0", "")]);
    let dead = format!("http://127.0.0.1:{}", dead_port());
    let run = |level: &str| {
        let run = sandbox.run(&[
            "audit",
            "layer.zip",
            "--python-version",
            "3.13",
            "--vulnerability-database",
            "osv.zip",
            "--vulnerabilities",
            level,
        ]);
        run.env("LAMBDA_LAYER_OSV_URL", &dead).env("UV_INDEX", "https://acme.example/simple").run()
    };
    let texts: Vec<(String, String)> = fixtures()
        .iter()
        .map(|advisory| (format!("{}.json", advisory["id"].as_str().expect("is a text")), advisory.to_string()))
        .collect();
    let mut files: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    zip_of(&sandbox.path("osv.zip"), &files);
    let outcome = run("").success();
    insta::assert_snapshot!(told(&outcome), @r"
    notice   vulnerability  idna: GHSA-jjg7-2v4v-x38h
      `idna 3.6` has the known vulnerability GHSA-jjg7-2v4v-x38h (medium 6.2, CVE-2024-3651): Internationalized Domain Names in Applications (IDNA) can take very long to encode a name
    notice   vulnerability  six: GHSA-vvvv-4444-aaaa
      `six 1.17.0+local` has the known vulnerability GHSA-vvvv-4444-aaaa (high): Of version 4 of CVSS there is only a word
    ");
    // A file that is broken is told, and the others count.
    files.push(("broken.json", b"{\"idna"));
    zip_of(&sandbox.path("osv.zip"), &files);
    run("").success().says("1 file of `osv.zip` could not be read, such as `broken.json`").says(BAD_IDNA);
    run("error").code(1).says("error    vulnerabilities-unknown");
    let zip = fs_err::read(sandbox.path("osv.zip")).expect("is there");
    zip_of(
        &sandbox.path("npm.zip"),
        &[("a.json", br#"{"id": "GHSA-a", "affected": [{"package": {"ecosystem": "npm", "name": "a"}}]}"#)],
    );
    zip_of(&sandbox.path("layer-as-database.zip"), &[("python/a.py", b"")]);
    let others = [
        fs_err::read(sandbox.path("npm.zip")).expect("is there"),
        fs_err::read(sandbox.path("layer-as-database.zip")).expect("is there"),
        zip[..zip.len() / 2].to_vec(),
        b"{}".to_vec(),
        Vec::new(),
    ];
    for wrong in others {
        sandbox.write("osv.zip", wrong);
        let outcome =
            run("notice").code(1).says("`vulnerability-database` is `osv.zip`, which is not OSV's database of PyPI");
        outcome.says("hint: download https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip again");
    }
    fs_err::remove_file(sandbox.path("osv.zip")).expect("is there");
    fs_err::create_dir(sandbox.path("osv.zip")).expect("can be made");
    run("notice").code(1).says("`vulnerability-database` is `osv.zip`, which is not a file");
}

#[test]
fn what_a_wheel_says_that_it_bundles_is_looked_up_too() {
    let sandbox = Sandbox::new();
    let bom = json!({"bomFormat": "CycloneDX", "components": [
        {"name": "idna-rs", "components": [{"name": "openssl", "purl": "pkg:cargo/openssl@0.10.55"}]},
        {"name": "zlib", "purl": "pkg:generic/zlib@1.2.11"},
        {"name": "odd", "purl": "pkg:cargo/o\u{1b}dd@1"},
    ]});
    let (bom, place) = (bom.to_string(), "{\"url\": \"file:///home/acme\", \"dir_info\": {}}");
    let own = bom.replace("openssl", "acme-crate");
    let record = |name: &str| format!("{name}-3.6.dist-info/METADATA,,\n{name}-3.6.dist-info/sboms/rust.cdx.json,,\n");
    let (of_idna, of_acme) = (record("idna"), record("acme"));
    let files: [(&str, &[u8]); 7] = [
        ("python/idna-3.6.dist-info/METADATA", b"Name: idna\nVersion: 3.6\n"),
        ("python/idna-3.6.dist-info/RECORD", of_idna.as_bytes()),
        ("python/idna-3.6.dist-info/sboms/rust.cdx.json", bom.as_bytes()),
        ("python/acme-3.6.dist-info/METADATA", b"Name: acme\nVersion: 3.6\n"),
        ("python/acme-3.6.dist-info/RECORD", of_acme.as_bytes()),
        ("python/acme-3.6.dist-info/sboms/rust.cdx.json", own.as_bytes()),
        ("python/acme-3.6.dist-info/direct_url.json", place.as_bytes()),
    ];
    zip_of(&sandbox.path("layer.zip"), &files);
    let mut inside = advisory("RUSTSEC-2023-0072", "openssl", &["0.10.55"]);
    inside["affected"][0]["package"] =
        json!({"ecosystem": "crates.io", "name": "openssl", "purl": "pkg:cargo/openssl"});
    inside["affected"][0]["ranges"] =
        json!([{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}, {"fixed": "0.10.60"}]}]);
    let mut unmaintained = inside.clone();
    unmaintained["id"] = json!("RUSTSEC-2024-0001");
    unmaintained["affected"][0]["database_specific"] = json!({"informational": "unmaintained"});
    let osv = Osv::with(&[inside, unmaintained]);
    let outcome = audit(&sandbox, &osv, "warning").run();
    assert_eq!(osv.asked(), ["pkg:cargo/openssl@0.10.55", "pkg:pypi/idna@3.6"]);
    insta::assert_snapshot!(told(&outcome), @r"
    warning  vulnerability       idna: RUSTSEC-2023-0072
      `idna 3.6` bundles `openssl 0.10.55`, which has the known vulnerability RUSTSEC-2023-0072 (critical 9.8): Something is wrong with openssl
    ");
    outcome.says("use a version of idna that bundles 0.10.60 or later");
}

#[test]
fn results_of_jobs_keep_what_is_known() {
    let (sandbox, osv) = (Sandbox::with_requirements("idna==3.6\n"), Osv::with(&fixtures()));
    let preview = [
        "preview",
        "--layer-name",
        "shared",
        "--python-version",
        "3.13",
        "--results",
        "results",
        "--vulnerabilities",
        "",
    ];
    osv.reach(sandbox.run(&preview)).run().success();
    let merged = sandbox.run(&[]).in_actions(&[("command", "merge"), ("results", "results")]).run().success();
    let known = &result(&merged)["vulnerabilities"];
    assert_eq!((&known["found"][0]["id"], &known["asked"]), (&json!(BAD_IDNA), &json!(1)));
    assert!(merged.summary().contains("1 known vulnerability"), "{}", merged.summary());
}
