use super::*;
use crate::error::{Explanation, Failure};
use crate::layer::DistributionSize;
use crate::report::Before;
use crate::report::comment::{LONGEST, Links, comment, set_marker};
use crate::types::{ByteSize, Target};

fn report(name: &str, sizes: &[(&str, &str, u64)]) -> Report {
    let target =
        Target { python: "3.13".parse().expect("is valid"), architecture: "x86_64".parse().expect("is valid") };
    let distributions = DistributionSize::rows(sizes);
    let sum = ByteSize(distributions.iter().map(|row| row.size.0).sum());
    let report = Report::of_audit(name.to_owned(), target, "requirements: six 1.16.0 → 1.17.0".to_owned());
    Report { command: "preview", changed: true, unzipped_size: Some(sum), distributions, ..report }
}

fn changed(name: &str) -> Report {
    let before = Before {
        name: "version 7".to_owned(),
        unzipped_size: Some(ByteSize(20_000)),
        distributions: DistributionSize::rows(&[("six", "1.16.0", 20_000)]),
        ..Before::default()
    };
    report(name, &[("six", "1.17.0", 30_000)]).compared_with(before)
}

fn unchanged(name: &str) -> Report {
    Report { changed: false, ..report(name, &[("six", "1.17.0", 30_000)]) }
}

fn text_of(reports: &[Report]) -> String {
    let links = Links { run: Some("https://x/1"), ..Links::default() };
    comment(&reports.iter().collect::<Vec<_>>(), &set_marker("lambda-layers.yml"), links)
}

#[test]
fn a_table_stands_above_what_changes() {
    let refused = report("ml", &[("torch", "2.0", 300_000_000)]).rejected(&Failure::user("too large").hint("drop it"));
    let lost = Explanation::of(&Failure::system("its job wrote no result").hint("look at the job").into());
    let lost = Report { error: Some(lost), changed: false, unzipped_size: None, ..unchanged("data") };
    insta::assert_snapshot!(text_of(&[changed("shared"), unchanged("web"), refused, lost, unchanged("tools")]));
}

#[test]
fn one_cause_is_told_once_with_the_folders() {
    let lost = Explanation::of(&Failure::user("`requirements.txt` does not exist").hint("create it").into());
    let failed = |name: &str, folder: &str| Report {
        error: Some(lost.clone()),
        folder: Some(folder.to_owned()),
        changed: false,
        ..unchanged(name)
    };
    let text = text_of(&[failed("web", "services/web"), changed("shared"), failed("api", "services/api")]);
    let title = "<details open><summary>❌ Lambda layers <code>web</code> (services/web), <code>api</code> (services/api) failed";
    assert!(text.contains(title), "{text}");
    assert_eq!(text.matches("create it").count(), 1, "{text}");
    assert_eq!(text.matches("| **failed**: <code>requirements.txt</code> does not exist |").count(), 2, "{text}");
}

#[test]
fn layers_for_different_targets_say_theirs() {
    let arm = Report { architecture: Some("arm64".parse().expect("is valid")), ..changed("arm") };
    let text = text_of(&[changed("intel"), arm]);
    assert!(text.contains("<code>arm</code><br><sub>python3.13 on arm64</sub> |"), "{text}");
    assert!(!text_of(&[changed("a"), changed("b")]).contains("<br><sub>"));
}

#[test]
fn names_are_shown_as_they_are_where_no_markdown_is_read() {
    let text = text_of(&[changed("web-x86_64"), unchanged("tools")]);
    assert!(text.contains("<summary>📦 Lambda layer <code>web-x86_64</code>: +9.8 KB ("), "{text}");
    assert!(text.contains("| 📦\u{a0}<code>web-x86\\_64</code> |"), "{text}");
}

#[test]
fn nothing_changes_in_a_line() {
    let text = text_of(&[unchanged("web"), unchanged("tools")]);
    assert!(text.contains("### 💤 2 Lambda layers: 2 unchanged\n"), "{text}");
    assert!(!text.contains("| layer |"), "{text}");
}

#[test]
fn a_hundred_layers_fit() {
    let packages: Vec<(String, u64)> = (0..80).map(|index| (format!("package-{index}"), 10_000 - index)).collect();
    let sizes: Vec<(&str, &str, u64)> = packages.iter().map(|(name, size)| (name.as_str(), "1.0", *size)).collect();
    let layer = |index: usize| {
        let name = format!("{}-{index}", "long_name".repeat(7));
        let report = report(&name, &sizes).compared_with(Before { name: "version 1".to_owned(), ..Before::default() });
        Report { reason: "@".repeat(1_000), ..report }
    };
    let mut reports: Vec<Report> = (0..100).map(layer).collect();
    reports[99] = Report { layer_name: "last".to_owned(), ..reports[99].clone() }
        .rejected(&Failure::user("too large").hint("make it smaller"));
    let text = text_of(&reports);
    assert!(text.len() <= LONGEST, "{}", text.len());
    for said in [
        "<summary>❌ Lambda layer <code>last</code> would be refused",
        "are only in the output <code>result</code>",
        "[run](",
    ] {
        assert!(text.contains(said), "lacks `{said}`");
    }
    assert_eq!(text.matches("\n| 📦\u{a0}").count(), 99, "each layer has its row");
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
    // More layers than a matrix can have.
    let many = vec![reports; 30].concat();
    assert!(text_of(&many).len() <= LONGEST);
}

#[test]
fn no_layer_breaks_out_of_its_part() {
    let hostile = "@octocat #1 :tada: https://evil.example </details></summary> <img src=x> | e\n# f\n| x | --> <!--";
    let error = Explanation::of(&anyhow::anyhow!("{hostile}"));
    let failed = Report { error: Some(Explanation { hint: Some(hostile.to_owned()), ..error }), ..changed(hostile) };
    let text = text_of(&[failed, Report { reason: hostile.to_owned(), ..changed(hostile) }, unchanged(hostile)]);
    let (_, rest) = text.split_once(" -->\n").expect("has a marker");
    for wrong in ["@o", "#1", ":t", "://evil", "</details></", "<img", " | e", "\n# f", "-->", "<!--"] {
        assert!(!rest.contains(wrong), "`{wrong}` in\n{rest}");
    }
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
}
