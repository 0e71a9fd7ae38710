use super::*;
use crate::error::Explanation;
use crate::layer::{DistributionSize, KnownFinding};
use crate::report::Before;
use crate::types::{Place, Target};

/// About the layer of these tests.
fn comment(reports: &[&Report], run: Option<&str>) -> String {
    super::comment(reports, &marker("shared"), run, None)
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
    ### 📦 <code>shared</code> +38.1 MB

    | | version 7 | this change | |
    |---|--:|--:|--:|
    | unzipped | 49.6 MB | **87.8 MB** | +38.1 MB |
    | zipped | 16.5 MB | **29.3 MB** | +12.7 MB |

    `███████             ` 35% of 250 MB (19% before)

    1 added, 1 removed, 1 upgraded, 1 downgraded; the largest growth is <code>pandas</code> +38.1 MB

    | | package | before | after | unzipped |
    |---|---|---|---|--:|
    | ➕ added | <code>pandas</code> |  | 2.3.1 | +38.1 MB |
    | ➖ removed | <code>gone</code> | 1 |  | −1.9 MB |
    | ⬆️ upgraded | <code>numpy</code> | 2.2.0 | 2.3.0 | +1.9 MB |
    | ⬇️ downgraded | <code>six</code> | 1.17.0 | 1.16.0 | −1000 B |

    **1 new finding**

    | finding | about | |
    |---|---|---|
    | ⚠️ missing-library | python/pandas/x.so | <code>x.so</code> needs <code>libx.so.1</code>: add it |

    **Would be published** to eu-west-1, us-east-1

    <details><summary>Details: 3 packages, 1 other finding</summary>

    Why: requirements: pandas added

    | finding | about | |
    |---|---|---|
    | ℹ️ no-licence | six | <code>six</code> has no licence: ask its authors |

    | package | version | unzipped | |
    |---|---|--:|---|
    | <code>pandas</code> | 2.3.1 | 38.1 MB | `████████████████████` |
    | <code>numpy</code> | 2.3.0 | 49.6 MB | `████████████████████` |
    | <code>six</code> | 1.16.0 | 28.3 KB | `                    ` |

    </details>

    <sub>[run](https://github.com/acme/x/actions/runs/7) · python3.13 on x86_64</sub>
    ");
}

#[test]
fn nothing_to_compare_with_is_said() {
    let report = report(DistributionSize::rows(&[("six", "1.17.0", 30_000)]));
    insta::assert_snapshot!(comment(&[&report], None), @r"
    <!-- lambda-layer-action:v1:shared -->
    ### 📦 <code>shared</code> 29.3 KB

    requirements: pandas added

    **29.3 KB** unzipped, 9.8 KB zipped
    `                    ` under 1% of 250 MB

    <details><summary>Details: 1 package</summary>

    | package | version | unzipped | |
    |---|---|--:|---|
    | <code>six</code> | 1.17.0 | 29.3 KB | `████████████████████` |

    </details>

    <sub>python3.13 on x86_64</sub>
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
        })
        .collect();
    let findings = (0..500)
        .map(|index| Finding::warning("missing-library", name(index), "`|`".repeat(5_000), "<b>".repeat(5_000)));
    let findings = findings.collect();
    let report = Report { findings, ..report(many) }.compared_with(before(Vec::new()));
    let text = comment(&[&report], Some("https://x/1"));
    assert!(text.len() <= LONGEST, "{}", text.len());
    assert!(text.len() > LONGEST / 3, "{}", text.len());
    for said in ["2000 added", "not shown here", "500 findings", "</details>", "[run](https://x/1)"] {
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
        ..report(DistributionSize::rows(&[(hostile, hostile, 30_000)]))
    };
    let report = report.compared_with(before(DistributionSize::rows(&[("x", "1", 1)])));
    let text = comment(&[&report], None);
    let (_, rest) = text.split_once(" -->\n").expect("has a marker");
    for wrong in [
        "@o", "#1", "#2", "GH-3", ":t", "://", "www.e", "<img", "[a]", " | e", "\n# f", "`c`", "*d*", "-->", "<!--",
        "\u{202e}",
    ] {
        assert!(!rest.contains(wrong), "`{wrong}` in\n{rest}");
    }
}
