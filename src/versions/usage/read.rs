//! Reads who uses the versions of a layer, and tells which versions are current. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{FunctionUsage, LATEST, LayerUsage, Status, Unread, VersionUsage, users};
use crate::console::Console;
use crate::error::{Explanation, counted};
use crate::registry::aws::functions::{Freshness, LayerUser};
use crate::registry::claim::Owner;
use crate::registry::state::State;
use crate::registry::{Listed, Registry};
use crate::types::{AccountId, Destination, LayerName, LayerVersionArn, ParameterTemplate};
use crate::versions::cleanup::decide::{Candidate, Usage, Users};
use crate::versions::cleanup::plan::Facts;
use crate::versions::cleanup::read::{FUNCTIONS, PlaceRead, VERSIONS, read_usage};

/// After this time, lists should show a new version.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// Whose users are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) layer: &'a LayerName,
    /// SSM parameters that fit this are read, too.
    pub(crate) parameters: Option<&'a ParameterTemplate>,
    /// How old the list of functions may be.
    pub(crate) freshness: Freshness,
}

/// Reads the versions in all places, and who uses them. What cannot be read is part of the result.
pub(crate) async fn read(
    wanted: Wanted<'_>,
    state: &State,
    owner: &Owner,
    registry: &Registry,
    now: Timestamp,
    console: &Console,
) -> LayerUsage {
    let Wanted { layer, parameters, freshness } = wanted;
    let step = console.step("Find versions in use");
    let (places, usage) = read_usage(registry, layer, parameters, state, freshness).await;
    let listed = places.iter().map(|place| place.listed.len()).sum();
    step.done(format!("{}, {} in use", counted(listed, "version"), usage.functions.len()));
    of(&places, &usage, state, owner, now)
}

/// A pure function of what was read.
fn of(places: &[PlaceRead], usage: &Usage, state: &State, owner: &Owner, now: Timestamp) -> LayerUsage {
    let facts = Facts::of(state, &[], owner, now);
    let is_unread = |place: &PlaceRead, what: &str| place.faults.iter().any(|(unread, _)| *unread == what);
    let row = |candidate: Candidate, status: Status| {
        let region = candidate.arn.destination().region;
        // A function uses only layers of its own region, but of any account.
        let is_complete = !places.iter().any(|place| place.place.region == region && is_unread(place, FUNCTIONS));
        let functions = usage.functions.get(&candidate.arn).map(functions).unwrap_or_default();
        let published =
            |function: &FunctionUsage| function.versions.iter().filter(|version| *version != LATEST).count();
        VersionUsage {
            status,
            created: candidate.created,
            zipped_size: candidate.size,
            labels: candidate.labels,
            function_count: functions.iter().filter(|function| function.has_latest()).count(),
            function_version_count: functions.iter().map(published).sum(),
            functions,
            parameters: usage.parameters.get(&candidate.arn).cloned().unwrap_or_default(),
            is_complete,
            known_vulnerabilities: None,
            contents: candidate.contents,
            arn: candidate.arn,
        }
    };
    let mut versions = Vec::new();
    for place in places {
        let candidates: Vec<Candidate> = place.listed.iter().map(|listed| facts.candidate(listed)).collect();
        let current = place.listed.first().and_then(|listed| state.current_of(&listed.arn.destination()));
        let current = current.filter(|current| candidates.iter().any(|it| it.contents.contains(current)));
        let newest = candidates.iter().map(|candidate| candidate.arn.version()).max();
        let is_current = |candidate: &Candidate| match &current {
            Some(current) => candidate.contents.contains(current),
            None => Some(candidate.arn.version()) == newest,
        };
        versions.extend(candidates.into_iter().map(|candidate| {
            let status = if is_current(&candidate) { Status::Current } else { Status::Outdated };
            row(candidate, status)
        }));
    }
    let listed: BTreeSet<LayerVersionArn> = versions.iter().map(|version| version.arn.clone()).collect();
    let read = destinations(places, usage);
    let unlisted = usage.functions.keys().chain(usage.parameters.keys()).filter(|arn| !listed.contains(*arn));
    for arn in unlisted.collect::<BTreeSet<_>>() {
        let candidate =
            facts.candidate(&Listed { arn: arn.clone(), identity: None, created: None, size: None, declares: None });
        let is_new = candidate.recorded.is_some_and(|time| now.duration_since(time) < LATE);
        let status = match state.current_of(&arn.destination()) {
            _ if !read.contains(&arn.destination()) => Status::Unknown,
            // Lists show a new version late.
            Some(current) if is_new && candidate.contents.contains(&current) => Status::Current,
            _ if is_new => Status::Outdated,
            _ => Status::Deleted,
        };
        versions.push(row(candidate, status));
    }
    let order: BTreeMap<Destination, usize> =
        versions.iter().enumerate().rev().map(|(index, version)| (version.arn.destination(), index)).collect();
    versions.sort_by_key(|version| (order[&version.arn.destination()], std::cmp::Reverse(version.arn.version())));
    let unread = places.iter().flat_map(|place| {
        place.faults.iter().map(|(what, error)| Unread {
            what: (*what).to_owned(),
            place: place.place.to_string(),
            error: Explanation::of(error),
        })
    });
    let (function_count, function_version_count) = users(&versions, |_| true);
    LayerUsage { read: now, function_count, function_version_count, versions, unread: unread.collect() }
}

/// The accounts and regions whose list of versions was read.
fn destinations(places: &[PlaceRead], usage: &Usage) -> BTreeSet<Destination> {
    let mut read = BTreeSet::new();
    let named: BTreeSet<&AccountId> = places.iter().filter_map(|place| place.place.account.as_ref()).collect();
    for place in places.iter().filter(|place| place.faults.iter().all(|(what, _)| *what != VERSIONS)) {
        let of_account =
            |account: &AccountId| Destination { account: account.to_string(), region: place.place.region.clone() };
        read.extend(place.listed.first().map(|listed| listed.arn.destination()));
        read.extend(place.place.account.as_ref().map(of_account));
        if place.place.account.is_none() {
            // Its functions tell which account it is: one that no other place names.
            let users = usage.functions.values().flat_map(|users| &users.0);
            let own = users.filter(|user| user.region == place.place.region).filter_map(|user| user.account.as_ref());
            read.extend(own.filter(|account| !named.contains(account)).map(of_account));
        }
    }
    read
}

/// One row for each function, by account and name.
fn functions(users: &Users) -> Vec<FunctionUsage> {
    let mut users: Vec<&LayerUser> = users.0.iter().collect();
    let number = |user: &LayerUser| user.version.as_deref().map(|version| version.parse::<u64>().unwrap_or(u64::MAX));
    users.sort_by_key(|user| (&user.account, &user.function, number(user)));
    let mut functions: Vec<FunctionUsage> = Vec::new();
    for LayerUser { account, function, version, .. } in users {
        let version = version.as_deref().unwrap_or(LATEST).to_owned();
        let known = functions.last_mut().filter(|last| last.account == *account && last.function == *function);
        if let Some(known) = known {
            known.versions.push(version);
        } else {
            let (account, function) = (account.clone(), function.clone());
            functions.push(FunctionUsage { account, function, versions: vec![version] });
        }
    }
    for function in &mut functions {
        // An edit of a function while the pages were read can show it twice.
        function.versions.dedup();
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::types::Place;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn arn(account: &str, number: u64) -> LayerVersionArn {
        format!("arn:aws:lambda:eu-west-1:{account}:layer:shared:{number}").parse().expect("is valid")
    }

    fn user(account: &str, function: &str, version: Option<&str>) -> LayerUser {
        LayerUser {
            account: account.parse().ok(),
            region: "eu-west-1".to_owned(),
            function: function.to_owned(),
            version: version.map(str::to_owned),
        }
    }

    fn place(numbers: &[u64]) -> PlaceRead {
        let listed = |number: &u64| Listed {
            arn: arn("111111111111", *number),
            identity: None,
            created: Some(Timestamp::UNIX_EPOCH),
            size: None,
            declares: None,
        };
        let listed = numbers.iter().map(listed).collect();
        PlaceRead { place: Place::own("eu-west-1"), listed, faults: Vec::new(), unread: Vec::new(), storage: None }
    }

    fn rows(places: &[PlaceRead], users: Vec<(LayerVersionArn, LayerUser)>) -> Vec<(u64, &'static str, bool)> {
        let mut usage = Usage::default();
        for (arn, user) in users {
            usage.functions.entry(arn).or_insert_with(|| Users(Vec::new())).0.push(user);
        }
        let state = State::new(&"shared".parse().expect("is valid"));
        let found = of(places, &usage, &state, &Owner::this_run(&Environment::default()), NOW);
        found.versions.iter().map(|row| (row.arn.version(), row.status.word(), row.is_complete)).collect()
    }

    #[test]
    fn a_version_that_is_used_but_not_listed_was_deleted_or_is_not_known() {
        let one = "111111111111";
        let users = vec![
            (arn(one, 2), user(one, "orders", None)),
            (arn(one, 1), user(one, "orders", Some("3"))),
            (arn("999999999999", 7), user(one, "mail", None)),
        ];
        let expected = [(3, "current", true), (2, "outdated", true), (1, "deleted", true), (7, "unknown", true)];
        assert_eq!(rows(&[place(&[3, 2])], users.clone()), expected);
        // All versions are gone: the functions tell which account it is.
        let expected = [(2, "deleted", true), (1, "deleted", true), (7, "unknown", true)];
        assert_eq!(rows(&[place(&[])], users.clone()), expected);
        let refused = |what| PlaceRead { faults: vec![(what, anyhow::anyhow!("no"))], ..place(&[]) };
        let expected = [(2, "unknown", true), (1, "unknown", true), (7, "unknown", true)];
        assert_eq!(rows(&[refused(VERSIONS)], users), expected);
        let unread = PlaceRead { faults: refused(FUNCTIONS).faults, ..place(&[3]) };
        assert_eq!(rows(&[unread], Vec::new()), [(3, "current", false)]);
    }

    #[test]
    fn the_versions_of_a_function_stand_together_and_in_order() {
        let versions = [Some("10"), None, Some("9")];
        let users = versions.map(|version| user("111111111111", "orders", version)).to_vec();
        let found = functions(&Users(users));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].versions, ["$LATEST", "9", "10"]);
    }

    #[test]
    fn shortening_keeps_the_counts() {
        let one = "111111111111";
        let mut usage = Usage::default();
        let users = (0..10_000).map(|number| user(one, &format!("function-{number}"), None)).collect();
        usage.functions.insert(arn(one, 1), Users(users));
        let state = State::new(&"shared".parse().expect("is valid"));
        let mut found = of(&[place(&[2, 1])], &usage, &state, &Owner::this_run(&Environment::default()), NOW);
        let summary = "10000 functions use it, but not the current version";
        assert_eq!(found.summary(), summary);
        found.shorten(5);
        assert_eq!((found.versions[1].functions.len(), found.versions[1].function_count), (5, 10_000));
        assert_eq!(found.summary(), summary);
    }
}
