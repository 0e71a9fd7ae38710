use std::collections::BTreeMap;

use super::*;
use crate::error::Explanation;
use crate::layer::{DistributionSize, Finding, KnownFinding, ManifestPlace, OwnLimits, Provenance};
use crate::report::{Before, DestinationReport, Outcome};
use crate::types::{ByteSize, Place, Target};

/// About the layer of these tests.
fn comment(reports: &[&Report], run: Option<&str>) -> String {
    super::comment(reports, &marker("shared"), Links { run, ..Links::default() })
}

fn target() -> Target {
    Target { python: "3.13".parse().expect("is valid"), architecture: "x86_64".parse().expect("is valid") }
}

fn report(distributions: Vec<DistributionSize>) -> Report {
    let sum = distributions.iter().map(|row| row.size.0).sum();
    Report {
        changed: true,
        unzipped_size: Some(ByteSize(sum)),
        zipped_size: Some(ByteSize(sum / 3)),
        distributions,
        ..Report::of_audit("shared".to_owned(), target(), "requirements: pandas added".to_owned())
    }
}

fn before(distributions: Vec<DistributionSize>) -> Before {
    let sum = distributions.iter().map(|row| row.size.0).sum();
    Before {
        name: "version 7".to_owned(),
        unzipped_size: Some(ByteSize(sum)),
        zipped_size: Some(ByteSize(sum / 3)),
        distributions,
        findings: None,
    }
}

#[test]
fn a_change_is_told_with_its_bytes() {
    let known = KnownFinding { code: "no-licence".to_owned(), subject: "six".to_owned(), severity: None };
    let was = before(DistributionSize::rows(&[
        ("numpy", "2.2.0", 50_000_000),
        ("six", "1.17.0", 30_000),
        ("gone", "1", 2_000_000),
    ]));
    let is = DistributionSize::rows(&[
        ("pandas", "2.3.1", 40_000_000),
        ("numpy", "2.3.0", 52_000_000),
        ("six", "1.16.0", 29_000),
    ]);
    let findings = vec![
        Finding::warning("missing-library", "python/pandas/x.so", "`x.so` needs `libx.so.1`", "add it"),
        Finding::notice("no-licence", "six", "`six` has no licence", "ask its authors"),
    ];
    let report = report(is).compared_with(Before { findings: Some(vec![known]), ..was });
    let places = [Place::own("eu-west-1"), Place::own("us-east-1")];
    let destinations = places.map(|place| DestinationReport::new(&place, Outcome::WouldPublish, None)).to_vec();
    let report = Report { destinations, findings, ..report };
    insta::assert_snapshot!(comment(&[&report], Some("https://github.com/acme/x/actions/runs/7")), @r"
    <!-- lambda-layer-action:v1:shared -->
    ### 📦 Lambda layer <code>shared</code>: +38.1 MB (49.6 → 87.8 MB, 35% of 250 MB)

    zipped 16.5 → 29.3 MB · compared with version 7

    | change | package | version | unzipped |
    |---|---|---|--:|
    | ➕ added | <code>pandas</code> | 2.3.1 | +38.1 MB |
    | ⬆️ upgraded | <code>numpy</code> | 2.2.0 → 2.3.0 | +1.9 MB |
    | ⬇️ downgraded | <code>six</code> | 1.17.0 → 1.16.0 | −1000 B |
    | ➖ removed | <code>gone</code> | 1 | −1.9 MB |

    **1 new finding**

    | finding | about | what to do |
    |---|---|---|
    | ⚠️ missing-library | python/pandas/x.so | <code>x.so</code> needs <code>libx.so.1</code>: add it |

    **Would be published** to eu-west-1, us-east-1

    <details><summary>1 other finding</summary>

    | finding | about | what to do |
    |---|---|---|
    | ℹ️ no-licence | six | <code>six</code> has no licence: ask its authors |

    </details>

    <details><summary>Contents: 3 packages</summary>

    Why: requirements: pandas added

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>pandas</code> | 2.3.1 | 38.1 MB | `████████████████████` |
    | <code>numpy</code> | 2.3.0 | 49.6 MB | `████████████████████` |
    | <code>six</code> | 1.16.0 | 28.3 KB | `                    ` |

    </details>

    <sub>python3.13 on x86_64 · [run](https://github.com/acme/x/actions/runs/7) · written by lambda-layer-action 1.0.0 · <code>comment: never</code> turns this off</sub>
    ");
}

/// Name, file and line, what it needs.
type Row<'a> = (&'a str, Option<(&'a str, usize)>, &'a [&'a str]);

fn provenance(rows: &[Row<'_>]) -> BTreeMap<String, Provenance> {
    let of = |(name, place, needs): &Row<'_>| {
        let place = place.map(|(file, line)| ManifestPlace { file: file.to_owned(), line });
        let needs = needs.iter().map(|name| (*name).to_owned()).collect();
        let index = Some("https://pypi.org/simple".to_owned());
        ((*name).to_owned(), Provenance { place, needs, index, changelog: None })
    };
    rows.iter().map(of).collect()
}

#[test]
fn what_was_asked_for_stands_first_with_its_line_and_what_it_brings() {
    let was = before(DistributionSize::rows(&[("idna", "3.10", 30_000), ("urllib3", "1.26.20", 400_000)]));
    let is = DistributionSize::rows(&[
        ("botocore", "1.40.1", 19_000_000),
        ("boto3", "1.40.1", 900_000),
        ("urllib3", "2.5.0", 410_000),
        ("idna", "3.11", 31_000),
    ]);
    let mut provenance = provenance(&[
        ("boto3", Some(("layers/requirements.txt", 3)), &["botocore"]),
        ("botocore", None, &["urllib3"]),
        ("urllib3", None, &[]),
        ("idna", None, &[]),
    ]);
    let changelog = "https://urllib3.example/changes(2)#v2".to_owned();
    provenance.entry("urllib3".to_owned()).or_default().changelog = Some(changelog);
    provenance.entry("idna".to_owned()).or_default().changelog = Some("javascript:alert(1)".to_owned());
    // Private: nothing of it is linked.
    provenance.entry("botocore".to_owned()).or_default().index = None;
    provenance.entry("idna".to_owned()).or_default().index = Some("https://pypi.acme.example/simple".to_owned());
    let limits = OwnLimits { max_unzipped_size: Some(ByteSize(10 << 20)), max_zipped_size: None };
    let report = Report { provenance, limits, ..report(is) }.compared_with(was);
    let links = Links {
        run: Some("https://x/1"),
        docs: Some("https://github.com/acme/lambda-layer-action/blob/v1/docs"),
        pull_request: Some("https://github.com/acme/x/pull/7"),
        commit: Some("0123456789abcdef0123456789abcdef01234567"),
        report: Some("https://github.com/acme/x/actions/runs/7/artifacts/1"),
    };
    insta::assert_snapshot!(super::comment(&[&report], &marker("shared"), links), @r"
    <!-- lambda-layer-action:v1:shared -->
    ### 📦 Lambda layer <code>shared</code>: +19.0 MB (419.9 KB → 19.4 MB, 7% of 250 MB)

    limit 10 MB: ❌ **9.4 MB over** · zipped 140.0 KB → 6.5 MB · compared with version 7

    | change | package | version | unzipped | brings |
    |---|---|---|--:|---|
    | ➕ added | [<code>boto3</code>](https://pypi.org/project/boto3/)<br><sub>[layers/requirements.txt:3](https://github.com/acme/x/pull/7/files#diff-166fac38ee3e345097b820ff31c0f5060e1d21604586905def57d710ccd29f32R3)</sub> | [1.40.1](https://pypi.org/project/boto3/1.40.1/) | +19.0 MB | botocore |
    | ⬆️ upgraded, major | [<code>urllib3</code>](https://pypi.org/project/urllib3/)<br><sub>for boto3</sub> | 1.26.20 → [2.5.0](https://pypi.org/project/urllib3/2.5.0/)<br><sub>[changelog](https://urllib3.example/changes%282%29#v2)</sub> | +9.8 KB |  |

    <details><summary>2 other changed packages</summary>

    | change | package | version | unzipped |
    |---|---|---|--:|
    | ➕ added | <code>botocore</code> | 1.40.1 | +18.1 MB |
    | ⬆️ upgraded | <code>idna</code> | 3.10 → 3.11 | +1000 B |

    </details>

    <details><summary>Contents: 4 packages</summary>

    Why: requirements: pandas added

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>botocore</code> | 1.40.1 | 18.1 MB | `████████████████████` |
    | <code>boto3</code> | 1.40.1 | 878.9 KB | `▉                   ` |
    | <code>urllib3</code> | 2.5.0 | 400.4 KB | `▍                   ` |
    | <code>idna</code> | 3.11 | 30.3 KB | `                    ` |

    </details>

    <sub>python3.13 on x86_64 · commit [0123456](https://github.com/acme/x/pull/7/commits/0123456789abcdef0123456789abcdef01234567) · [report page](https://github.com/acme/x/actions/runs/7/artifacts/1) · [run](https://x/1) · written by lambda-layer-action 1.0.0 · [documentation](https://github.com/acme/lambda-layer-action/blob/v1/docs/pull-requests.md) · <code>comment: never</code> turns this off</sub>
    ");
}

#[test]
fn a_layer_with_500_distributions_is_told_in_full_length() {
    let name = |index: usize| format!("package-{index}");
    let row = |version: &str, index: usize| DistributionSize {
        name: name(index),
        version: version.to_owned(),
        size: ByteSize(1_000 + index as u64),
        licence: None,
    };
    let was = before((0..500).map(|index| row("1.0", index)).collect());
    for (version, is_risky) in [("1.1", false), ("2.0", true), ("0.9", true)] {
        let place = |index| ManifestPlace { file: "requirements.txt".to_owned(), line: index + 1 };
        let of = |index| (name(index), Provenance { place: Some(place(index)), ..Provenance::default() });
        let is = (0..500).map(|index| row(version, index)).collect();
        let report = Report { provenance: (0..500).map(of).collect(), ..report(is) }.compared_with(was.clone());
        let text = comment(&[&report], Some("https://x/1"));
        assert!(text.len() <= LONGEST, "{}", text.len());
        let (open, _) = text.split_once("<details>").expect("has details");
        assert_eq!(open.matches("\n| ⬆️").count() + open.matches("\n| ⬇️").count() > 20, is_risky, "{open}");
        assert!(text.contains("not shown here") && text.contains("[run]("), "{text}");
    }
}

#[test]
fn nothing_to_compare_with_is_said() {
    let report = report(DistributionSize::rows(&[("six", "1.17.0", 30_000)]));
    insta::assert_snapshot!(comment(&[&report], None), @r"
    <!-- lambda-layer-action:v1:shared -->
    ### 📦 Lambda layer <code>shared</code>: 29.3 KB (under 1% of 250 MB)

    zipped 9.8 KB

    requirements: pandas added

    <details><summary>Contents: 1 package</summary>

    | package | version | unzipped | compared with the largest |
    |---|---|--:|---|
    | <code>six</code> | 1.17.0 | 29.3 KB | `████████████████████` |

    </details>

    <sub>python3.13 on x86_64 · written by lambda-layer-action 1.0.0 · <code>comment: never</code> turns this off</sub>
    ");
}

#[test]
fn layers_have_markers_of_their_own() {
    assert_eq!(marker("shared"), "<!-- lambda-layer-action:v1:shared -->");
    let of_set = set_marker("lambda-layers.yml");
    assert_eq!(of_set, "<!-- lambda-layer-action:v1:+604519b52425c94b -->");
    assert_ne!(of_set, set_marker("services/lambda-layers.yml"));
}

#[test]
fn only_links_differ_between_runs() {
    let report = report(DistributionSize::rows(&[("six", "1.17.0", 30_000)]));
    let text = |run| comment(&[&report], Some(run));
    assert!(says_the_same(&text("https://x/1"), &text("https://x/2").replace('\n', "\r\n")));
    let of_commit = |commit| {
        let links = Links { commit: Some(commit), run: Some("https://x/1"), ..Links::default() };
        super::comment(&[&report], &marker("shared"), links)
    };
    assert!(says_the_same(&of_commit("1234567"), &of_commit("1234567").replace("x/1", "x/2")));
    assert!(!says_the_same(&of_commit("1234567"), &of_commit("7654321")), "people look for their last commit");
    let other = Report { layer_name: "other".to_owned(), ..report.clone() };
    assert!(!says_the_same(&text("https://x/1"), &comment(&[&other], Some("https://x/1"))));
}

#[test]
fn what_is_least_important_is_dropped_to_fit() {
    let name = |index: usize| format!("package-{index}-{}", "_".repeat(200));
    let many: Vec<DistributionSize> = (0..2_000_u64)
        .map(|index| DistributionSize {
            name: name(usize::try_from(index).expect("fits")),
            version: "@".repeat(10_000),
            size: ByteSize(5_000_000 - index),
            licence: None,
        })
        .collect();
    let findings = (0..500)
        .map(|index| Finding::warning("missing-library", name(index), "`|`".repeat(5_000), "<b>".repeat(5_000)));
    let findings = findings.collect();
    let report = Report { findings, ..report(many) }.compared_with(before(Vec::new()));
    let text = comment(&[&report], Some("https://x/1"));
    assert!(text.len() <= LONGEST, "{}", text.len());
    assert!(text.len() > LONGEST / 3, "{}", text.len());
    for said in ["1990 other changed packages", "not shown here", "500 findings", "</details>", "[run](https://x/1)"] {
        assert!(text.contains(said), "lacks `{said}`");
    }
    let five = [&report; 5];
    assert!(comment(&five, None).len() <= LONGEST);
}

#[test]
fn what_comes_from_outside_is_text() {
    let hostile = "@octocat #1 acme/x#2 GH-3 :tada: https://evil.example www.evil.example <img src=x> [a](b) `c` *d* \
        | e\n# f\n::set-output name=x::y --> <!-- \u{202e}txt.exe 🎉";
    let findings = vec![Finding::warning("missing-library", hostile, hostile, hostile)];
    let error = Explanation::of(&anyhow::anyhow!("{hostile}"));
    let report = Report {
        findings,
        layer_name: hostile.to_owned(),
        reason: hostile.to_owned(),
        destinations: vec![DestinationReport::failed(&Place::own("eu-west-1"), error)],
        provenance: provenance(&[(hostile, Some((hostile, 1)), &[hostile])]),
        ..report(DistributionSize::rows(&[(hostile, hostile, 30_000)]))
    };
    let report = report.compared_with(before(DistributionSize::rows(&[("x", "1", 1)])));
    let links = Links { pull_request: Some("https://github.com/acme/x/pull/7"), ..Links::default() };
    let text = super::comment(&[&report], &marker("shared"), links);
    let (_, rest) = text.split_once(" -->\n").expect("has a marker");
    // Links that are meant have no text from outside in them.
    let meant = regex::Regex::new(
        r"\]\(https://(pypi\.org/project/[A-Za-z0-9%._-]+/|github\.com/acme/x/pull/7/files#diff-[0-9a-f]{64}R1)\)",
    );
    let rest = meant.expect("is a pattern").replace_all(rest, "]()");
    for wrong in [
        "@o", "#1", "#2", "GH-3", ":t", "://", "www.e", "<img", "[a]", " | e", "\n# f", "`c`", "*d*", "-->", "<!--",
        "\u{202e}",
    ] {
        assert!(!rest.contains(wrong), "`{wrong}` in\n{rest}");
    }
}
