//! Tests each rule alone, and properties that hold for every layer.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::types::Digest;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn arn(number: u64) -> LayerVersionArn {
    format!("arn:aws:lambda:eu-west-1:123456789012:layer:shared:{number}").parse().expect("is valid")
}

fn label(text: &str) -> Label {
    text.parse().expect("is valid")
}

fn ago(age: SignedDuration) -> Timestamp {
    NOW.checked_sub(age).expect("is a time")
}

/// A version of this program, a year old, that no rule keeps.
fn version(number: u64) -> Candidate {
    Candidate {
        arn: arn(number),
        created: Some(ago(SignedDuration::from_hours(24 * 365))),
        size: Some(ByteSize(1000)),
        contents: BTreeSet::from([ContentHash(Digest::of(&number.to_be_bytes()))]),
        labels: BTreeSet::new(),
        is_current: false,
        is_claimed: false,
        recorded: None,
    }
}

fn user(function: &str) -> LayerUser {
    let (function, version) =
        function.split_once(':').map_or((function, None), |(name, version)| (name, Some(version)));
    let (function, version) = (function.to_owned(), version.map(str::to_owned));
    LayerUser { account: None, region: "eu-west-1".to_owned(), function, version }
}

fn inventory(versions: Vec<Candidate>) -> Inventory {
    Inventory { versions, unread: Vec::new(), rebuilt: None, known_labels: BTreeSet::new() }
}

fn keep(versions: usize) -> Retention {
    Retention { versions: Some(versions), ..Retention::default() }
}

/// Why the last of five versions is kept after a change by the test.
fn reasons(retention: &Retention, change: impl Fn(&mut Candidate, &mut Usage)) -> Vec<String> {
    let mut versions: Vec<Candidate> = (1..=5).map(version).collect();
    let mut usage = Usage::default();
    change(&mut versions[0], &mut usage);
    let decisions = decide(&inventory(versions), &usage, retention, NOW);
    decisions.last().expect("are five").reasons.iter().map(ToString::to_string).collect()
}

#[test]
fn each_rule_keeps_alone() {
    let one = keep(1);
    let none = Vec::<String>::new();
    assert_eq!(reasons(&one, |_, _| ()), none);
    assert_eq!(reasons(&keep(5), |_, _| ()), ["among the newest 5"]);
    let days = Retention { days: Some(400), ..Retention::default() };
    assert_eq!(reasons(&days, |_, _| ()), ["younger than 400 days"]);
    assert_eq!(reasons(&Retention { days: Some(365), ..days }, |_, _| ()), none);
    let labels = Retention { labels: BTreeSet::from([label("production")]), ..Retention::default() };
    assert_eq!(reasons(&labels, |version, _| version.labels = BTreeSet::from([label("test")])), none);
    let labelled = reasons(&labels, |version, _| version.labels = BTreeSet::from([label("production")]));
    assert_eq!(labelled, ["has the label production"]);
    assert_eq!(reasons(&one, |version, _| version.labels = BTreeSet::from([label("production")])), none);
    let used = reasons(&one, |version, usage| {
        for function in ["orders:7", "orders:8", "mail"] {
            usage.add_function(version.arn.clone(), user(function));
        }
    });
    assert_eq!(used, ["used by orders:7 and 2 more"]);
    let named = reasons(&one, |version, usage| {
        usage.add_parameter(version.arn.clone(), "/layers/latest".to_owned());
    });
    assert_eq!(named, ["used by the parameter /layers/latest"]);
    assert_eq!(reasons(&one, |version, _| version.is_current = true), ["the current version"]);
    assert_eq!(reasons(&one, |version, _| version.is_claimed = true), ["another run is publishing the same content"]);
    assert_eq!(reasons(&one, |version, _| version.created = None), ["its age is unknown"]);
    let recent = Some(ago(SignedDuration::from_mins(9)));
    assert_eq!(reasons(&one, |version, _| version.recorded = recent), ["was in use in the last 10 minutes"]);
    assert_eq!(reasons(&one, |version, _| version.created = recent), ["was in use in the last 10 minutes"]);
    assert_eq!(reasons(&one, |version, _| version.contents.clear()), ["published by something else"]);
    let unknown = Retention { includes_unknown: true, ..one };
    assert_eq!(reasons(&unknown, |version, _| version.contents.clear()), none);
}

#[test]
fn what_stays_anyway_takes_nobodys_place() {
    let mut versions: Vec<Candidate> = (1..=5).map(version).collect();
    versions[4].contents.clear();
    versions[3].contents.clear();
    let going = |retention: &Retention| -> Vec<u64> {
        let decisions = decide(&inventory(versions.clone()), &Usage::default(), retention, NOW);
        decisions.iter().filter(|decision| decision.goes()).map(|decision| decision.version.arn.version()).collect()
    };
    assert_eq!(going(&keep(2)), [1], "2 and 3 are the newest of ours");
    assert_eq!(going(&Retention { includes_unknown: true, ..keep(2) }), [3, 2, 1]);
}

#[test]
fn a_lost_state_keeps_what_may_have_had_a_label() {
    let retention = Retention { labels: BTreeSet::from([label("production")]), ..Retention::default() };
    let rebuilt = ago(SignedDuration::from_hours(24 * 400));
    let lost_but = |rebuilt, known_labels| {
        let inventory = Inventory { rebuilt: Some(rebuilt), known_labels, ..inventory((1..=3).map(version).collect()) };
        decide(&inventory, &Usage::default(), &retention, NOW).iter().filter(|decision| decision.goes()).count()
    };
    let lost = |rebuilt| lost_but(rebuilt, BTreeSet::new());
    assert_eq!(lost(rebuilt), 2, "they came after");
    assert_eq!(lost(NOW), 0);
    assert_eq!(lost_but(NOW, BTreeSet::from([label("production")])), 2, "somebody put it on a version again");
}

#[test]
fn what_could_not_be_read_keeps_everything() {
    let unread = vec!["the functions of eu-west-1".to_owned()];
    let inventory = Inventory { unread, ..inventory((1..=3).map(version).collect()) };
    let decisions = decide(&inventory, &Usage::default(), &keep(1), NOW);
    assert_eq!(decisions.iter().map(Decision::goes).collect::<Vec<_>>(), [false; 3]);
}

prop_compose! {
    fn any_version()(
        minutes in prop::option::weighted(0.9, -20_i64..1_000_000),
        recorded in prop::option::of(0_i64..40),
        contents in btree_set(0_u8..4, 0..3),
        labels in btree_set(prop::sample::select(vec!["production", "test", "old"]), 0..2),
        is_current in prop::bool::weighted(0.1),
        is_claimed in prop::bool::weighted(0.1),
        is_used in prop::bool::weighted(0.2),
        is_named in prop::bool::weighted(0.1),
    ) -> (Candidate, bool, bool) {
        let candidate = Candidate {
            created: minutes.map(|minutes| ago(SignedDuration::from_mins(minutes))),
            contents: contents.into_iter().map(|content| ContentHash(Digest::of(&[content]))).collect(),
            labels: labels.into_iter().map(label).collect(),
            recorded: recorded.map(|minutes| ago(SignedDuration::from_mins(minutes))),
            is_current,
            is_claimed,
            ..version(0)
        };
        (candidate, is_used, is_named)
    }
}

prop_compose! {
    fn any_retention()(
        versions in prop::option::of(1_usize..8),
        days in prop::option::of(1_u32..600),
        labels in btree_set(prop::sample::select(vec!["production", "test"]), 0..2),
        includes_unknown in any::<bool>(),
    ) -> Retention {
        Retention { versions, days, labels: labels.into_iter().map(label).collect(), includes_unknown, applies: true }
    }
}

/// Versions in any order, with gaps between the numbers.
fn any_layer() -> impl Strategy<Value = (Inventory, Usage)> {
    let versions = vec(any_version(), 0..20).prop_shuffle();
    let rebuilt = prop::option::weighted(0.2, 0_i64..1_000_000);
    (versions, rebuilt, prop::bool::weighted(0.1)).prop_map(|(versions, rebuilt, is_unread)| {
        let mut usage = Usage::default();
        let versions = versions.into_iter().enumerate().map(|(index, (candidate, is_used, is_named))| {
            let arn = arn(3 * (index as u64 * 7 % 20) + 1);
            if is_used {
                usage.add_function(arn.clone(), user("orders"));
            }
            if is_named {
                usage.add_parameter(arn.clone(), "/layers/latest".to_owned());
            }
            Candidate { arn, ..candidate }
        });
        let versions = versions.collect();
        let unread = if is_unread { vec!["the functions".to_owned()] } else { Vec::new() };
        let rebuilt = rebuilt.map(|minutes| ago(SignedDuration::from_mins(minutes)));
        (Inventory { versions, unread, rebuilt, known_labels: BTreeSet::new() }, usage)
    })
}

fn going(inventory: &Inventory, usage: &Usage, retention: &Retention) -> BTreeSet<LayerVersionArn> {
    let decisions = decide(inventory, usage, retention, NOW);
    decisions.into_iter().filter(Decision::goes).map(|decision| decision.version.arn).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_goes_that_anything_keeps((inventory, usage) in any_layer(), retention in any_retention()) {
        let newest = inventory.versions.iter().map(|version| version.arn.version()).max();
        let going = going(&inventory, &usage, &retention);
        for version in inventory.versions.iter().filter(|version| going.contains(&version.arn)) {
            prop_assert!(inventory.unread.is_empty());
            prop_assert_ne!(Some(version.arn.version()), newest);
            prop_assert!(!usage.functions.contains_key(&version.arn) && !usage.parameters.contains_key(&version.arn));
            prop_assert!(!version.is_current && !version.is_claimed);
            prop_assert!(version.labels.is_disjoint(&retention.labels));
            prop_assert!(retention.includes_unknown || !version.contents.is_empty());
            let created = version.created.expect("has a known age");
            let age = NOW.duration_since(created);
            prop_assert!(age >= GRACE);
            prop_assert!(retention.days.is_none_or(|days| age.as_hours() >= 24 * i64::from(days)));
            prop_assert!(version.recorded.is_none_or(|recorded| NOW.duration_since(recorded) >= GRACE));
            prop_assert!(retention.labels.is_empty() || inventory.rebuilt.is_none_or(|rebuilt| created > rebuilt));
            let newer = inventory.versions.iter().filter(|other| other.arn.version() > version.arn.version()).count();
            prop_assert!(retention.versions.is_none_or(|count| newer >= count));
        }
    }

    #[test]
    fn every_version_is_decided_once_and_newest_first((inventory, usage) in any_layer(), retention in any_retention()) {
        let decisions = decide(&inventory, &usage, &retention, NOW);
        prop_assert_eq!(decisions.len(), inventory.versions.len());
        prop_assert!(decisions.windows(2).all(|pair| pair[0].version.arn.version() > pair[1].version.arn.version()));
    }

    #[test]
    fn a_second_clean_up_finds_nothing((mut inventory, usage) in any_layer(), retention in any_retention()) {
        let gone = going(&inventory, &usage, &retention);
        inventory.versions.retain(|version| !gone.contains(&version.arn));
        prop_assert!(going(&inventory, &usage, &retention).is_empty());
    }

    #[test]
    fn one_more_rule_never_removes_more((inventory, usage) in any_layer(), one in any_retention(), other in any_retention()) {
        let both = Retention {
            versions: one.versions.max(other.versions),
            days: one.days.max(other.days),
            labels: one.labels.union(&other.labels).cloned().collect(),
            includes_unknown: one.includes_unknown && other.includes_unknown,
            applies: true,
        };
        prop_assert!(going(&inventory, &usage, &both).is_subset(&going(&inventory, &usage, &one)));
    }
}
