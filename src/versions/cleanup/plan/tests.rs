//! Tests which zips are removed with the versions.

use super::*;
use crate::environment::Environment;
use crate::types::description::Identity;
use crate::types::{Digest, Fingerprint};
use crate::versions::cleanup::decide::Usage;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

fn identity(number: u64) -> Identity {
    let digest = Digest::of(&number.to_be_bytes());
    Identity { fingerprint: Fingerprint(digest), content: ContentHash(digest) }
}

fn arn(region: &str, number: u64) -> LayerVersionArn {
    format!("arn:aws:lambda:{region}:123456789012:layer:shared:{number}").parse().expect("is valid")
}

fn zip(number: u64, age: SignedDuration) -> StoredZip {
    let content = identity(number).content;
    let modified = NOW.checked_sub(age).ok();
    StoredZip { key: format!("{}.zip", content.0.hex()), content, size: ByteSize(number), modified }
}

/// Old versions with these numbers in each region, one bucket for both, and a zip of each content from 1 to 5.
fn read(numbers: [&[u64]; 2]) -> Read {
    let places = REGIONS.iter().zip(numbers).map(|(region, numbers)| PlaceRead {
        place: Place::own(region),
        listed: numbers
            .iter()
            .map(|number| Listed {
                arn: arn(region, *number),
                identity: Some(identity(*number)),
                created: Some(Timestamp::UNIX_EPOCH),
                size: None,
                declares: None,
            })
            .collect(),
        faults: Vec::new(),
        unread: Vec::new(),
        storage: None,
    });
    let day = SignedDuration::from_hours(24);
    let bucket = Bucket {
        name: "layers".to_owned(),
        places: REGIONS.map(Place::own).to_vec(),
        zips: Ok((1..=5).map(|number| zip(number, day)).collect()),
    };
    Read { places: places.collect(), usage: Usage::default(), buckets: vec![bucket] }
}

/// The removed zips, by the numbers of their contents, if the newest version of each region is kept.
fn going(read: &Read, state: &State) -> Vec<u64> {
    let retention = Retention { versions: Some(1), ..Retention::default() };
    let owner = Owner::this_run(&Environment::default());
    let plan = plan(read, state, &retention, &owner, NOW);
    plan.buckets.iter().flat_map(|bucket| &bucket.zips).map(|zip| zip.size.0).collect()
}

fn state() -> State {
    State::new(&"shared".parse().expect("is valid"))
}

#[test]
fn zips_without_a_version_go() {
    assert_eq!(going(&read([&[1, 2, 5], &[1, 4]]), &state()), [1, 2, 3]);
    assert_eq!(going(&read([&[1, 2, 5], &[1]]), &state()), [2, 3, 4], "1 is the newest of the other region");
}

#[test]
fn what_other_accounts_have_or_somebody_needs_stays() {
    let mut state = state();
    let elsewhere = "arn:aws:lambda:eu-west-1:210987654321:layer:shared:9".parse().expect("is valid");
    state.record_version(identity(1), &elsewhere, Timestamp::UNIX_EPOCH);
    state.record_version(identity(2), &arn(REGIONS[0], 2), Timestamp::UNIX_EPOCH);
    state.current = Some(identity(1).fingerprint);
    assert_eq!(going(&read([&[1, 2, 5], &[4]]), &state), [2, 3]);
}

#[test]
fn young_zips_and_those_of_places_that_were_not_read_stay() {
    let mut young = read([&[5], &[5]]);
    young.buckets[0].zips = Ok(vec![zip(1, SignedDuration::from_mins(59)), zip(2, SignedDuration::from_mins(60))]);
    assert_eq!(going(&young, &state()), [2]);
    let mut unread = read([&[5], &[5]]);
    unread.places[1].unread.push("the functions of us-east-1".to_owned());
    assert_eq!(going(&unread, &state()), [0; 0]);
}
