//! Waiting, taking over and merging, with a clock that jumps to the next event.

use aws_sdk_lambda::Client;
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::environment::Environment;
use crate::error::Explanation;
use crate::registry::aws::AwsRegistry;
use crate::registry::aws::tests::{REGION, archive, arn, declaration, identity, layer, made, page, refused, reply};
use crate::registry::store::{Tag, Written};
use crate::types::description::Identity;
use crate::types::{ContentHash, Digest, Fingerprint};

struct Place {
    folder: Utf8PathBuf,
    _keep: tempfile::TempDir,
}

/// A folder for the state.
fn place() -> Place {
    let keep = tempfile::tempdir().expect("can be made");
    Place { folder: Utf8PathBuf::try_from(keep.path().to_owned()).expect("is UTF-8"), _keep: keep }
}

fn registry(rules: &[&Rule]) -> Registry {
    let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, rules);
    let nothing: [&Rule; 0] = [];
    let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, nothing);
    Registry::Aws(std::sync::Arc::new(AwsRegistry::with_clients([(REGION, lambda, s3)], None, None)))
}

async fn run(place: &Place, rules: &[&Rule]) -> anyhow::Result<Published> {
    let (layer, archive, declaration, identity) = (layer(), archive(), declaration(), identity());
    let publication = Publication {
        version: NewVersion { layer: &layer, archive: &archive, declaration: &declaration, identity, signed: None },
        build: Build { content: identity.content, inputs: None, recipe: None },
        content: Content::default(),
        owner: Owner::this_run(&Environment::default()),
    };
    let mut store = StateStore::Directory(place.folder.clone());
    publish(&publication, &registry(rules), &mut store, &Console::new(&Environment::default())).await
}

/// The outcome in the only region.
fn only(published: anyhow::Result<Published>) -> Placed {
    let Published { outcomes, recorded, .. } = published.expect("is done");
    recorded.expect("is recorded");
    let [outcome] = <[PlaceOutcome; 1]>::try_from(outcomes).expect("is one");
    // The declaration is tested elsewhere.
    Placed { declares: None, ..outcome.result.expect("is placed") }
}

fn placed(version: u64, published: bool) -> Placed {
    Placed { arn: arn(version).parse().expect("is valid"), declares: None, published }
}

/// A claim of a run somewhere else.
fn claim_from_elsewhere(expires: Timestamp) -> Claim {
    let run = "https://github.com/o/r/actions/runs/7/attempts/1".to_owned();
    let owner = Owner { run, machine: None, process: 7, started: None };
    Claim { expires, ..Claim::new(identity(), owner, Timestamp::now()) }
}

fn state_with(claim: Option<Claim>) -> State {
    let mut state = State::new(&layer());
    state.claim = claim;
    state
}

async fn stored(place: &Place) -> (State, Tag) {
    let stored = StateStore::Directory(place.folder.clone()).read(&layer()).await.expect("can be read");
    (stored.state.expect("is there"), stored.tag)
}

async fn store(place: &Place, state: &State, tag: &Tag) {
    let written = StateStore::Directory(place.folder.clone()).write(state, tag).await.expect("can be written");
    assert!(matches!(written, Written::Done(_)), "nobody else writes");
}

fn publishes(version: u64) -> Rule {
    mock!(Client::publish_layer_version).then_http_response(move || made(version, &identity().content))
}

fn exists(version: u64) -> Rule {
    mock!(Client::get_layer_version).then_http_response(move || made(version, &identity().content))
}

fn gone() -> Rule {
    mock!(Client::get_layer_version).then_http_response(|| refused(404, "ResourceNotFoundException", "not there"))
}

fn lists(versions: &'static [u64]) -> Rule {
    mock!(Client::list_layer_versions).then_http_response(move || {
        let description = declaration().description(identity());
        page(&versions.iter().map(|version| (*version, description.as_str())).collect::<Vec<_>>(), None)
    })
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

#[tokio::test(start_paused = true)]
async fn what_another_run_publishes_meanwhile_is_adopted() {
    let place = place();
    store(&place, &state_with(Some(claim_from_elsewhere(in_an_hour()))), &Tag::Absent).await;
    let publishing = publishes(5);
    let other = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (mut state, tag) = stored(&place).await;
        state.record_version(identity(), &arn(4).parse().expect("is valid"), Timestamp::now());
        state.claim = None;
        store(&place, &state, &tag).await;
    };
    let listing = lists(&[]);
    let rules = [&publishing, &exists(4), &listing];
    let (published, ()) = tokio::join!(run(&place, &rules), other);
    assert_eq!(only(published), placed(4, false));
    assert_eq!((publishing.num_calls(), listing.num_calls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_ends_without_a_version_is_followed_by_ours() {
    let place = place();
    store(&place, &state_with(Some(claim_from_elsewhere(in_an_hour()))), &Tag::Absent).await;
    let other = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let (mut state, tag) = stored(&place).await;
        state.claim = None;
        store(&place, &state, &tag).await;
    };
    let (publishing, listing) = (publishes(1), lists(&[]));
    let rules = [&publishing, &listing];
    let (published, ()) = tokio::join!(run(&place, &rules), other);
    assert_eq!(only(published), placed(1, true));
    let (state, _) = stored(&place).await;
    assert_eq!((state.claim, state.current), (None, Some(identity().fingerprint)));
}

#[tokio::test(start_paused = true)]
async fn patience_has_an_end() {
    let place = place();
    store(&place, &state_with(Some(claim_from_elsewhere(in_an_hour()))), &Tag::Absent).await;
    let error = run(&place, &[]).await.expect_err("never gets its turn");
    let told = Explanation::of(&error).to_string().replace(place.folder.as_str(), "[folder]");
    insta::assert_snapshot!(told, @"
    error: other runs have been publishing `shared` for 20 minutes
    hint: check `[folder]/shared.json`; the claim of a run that died expires by itself
    ");
}

#[tokio::test]
async fn an_expired_claim_is_taken_over_with_what_its_run_published() {
    let place = place();
    store(&place, &state_with(Some(claim_from_elsewhere(Timestamp::now()))), &Tag::Absent).await;
    let publishing = publishes(5);
    let published = run(&place, &[&publishing, &lists(&[4]), &exists(4)]).await;
    assert_eq!(only(published), placed(4, false));
    assert_eq!(publishing.num_calls(), 0);
    let (state, _) = stored(&place).await;
    assert_eq!(state.claim, None);
    assert_eq!(
        state.version_in(identity().content, &crate::types::Place::own(REGION)).map(|version| version.version),
        Some(4)
    );
}

#[tokio::test]
async fn a_version_that_no_state_tells_of_is_found_before_publishing() {
    let place = place();
    store(&place, &state_with(None), &Tag::Absent).await;
    let publishing = publishes(5);
    let published = run(&place, &[&publishing, &lists(&[4]), &exists(4)]).await;
    assert_eq!(only(published), placed(4, false));
    assert_eq!(publishing.num_calls(), 0);
}

#[tokio::test]
async fn a_listed_version_with_other_bytes_than_it_says_is_not_adopted() {
    let place = place();
    store(&place, &state_with(None), &Tag::Absent).await;
    let lying = mock!(Client::get_layer_version).then_http_response(|| made(4, &ContentHash(Digest::of(b"other"))));
    let published = run(&place, &[&publishes(5), &lists(&[4]), &lying]).await;
    assert_eq!(only(published), placed(5, true));
}

#[tokio::test]
async fn what_others_wrote_meanwhile_is_kept() {
    let place = place();
    let other = Identity {
        fingerprint: Fingerprint(Digest::of(b"other inputs")),
        content: ContentHash(Digest::of(b"other zip")),
    };
    let folder = place.folder.clone();
    let publishing = mock!(Client::publish_layer_version).then_compute_response(move |_| {
        // Another run writes to the state while this one waits for AWS.
        let path = folder.join(format!("{}.json", layer()));
        let bytes = fs_err::read(&path).expect("is claimed");
        let mut state = State::parse(&bytes, &layer(), "x").expect("is ours").expect("is a state");
        assert!(state.claim.is_some());
        state.record_version(other, &arn(3).parse().expect("is valid"), Timestamp::UNIX_EPOCH);
        fs_err::write(&path, state.to_json()).expect("can be written");
        MockResponse::Http(made(4, &identity().content))
    });
    assert_eq!(only(run(&place, &[&publishing, &lists(&[]), &gone()]).await), placed(4, true));
    let (state, _) = stored(&place).await;
    assert_eq!(state.claim, None);
    assert_eq!(
        state.version_in(other.content, &crate::types::Place::own(REGION)).map(|version| version.version),
        Some(3)
    );
    assert_eq!(
        state.version_in(identity().content, &crate::types::Place::own(REGION)).map(|version| version.version),
        Some(4)
    );
}

#[tokio::test]
async fn a_publish_that_is_refused_ends_the_claim_and_changes_nothing() {
    let place = place();
    let refusing = mock!(Client::publish_layer_version)
        .then_http_response(|| refused(403, "AccessDeniedException", "not authorized"));
    let Published { outcomes, recorded, .. } = run(&place, &[&refusing, &lists(&[])]).await.expect("is done");
    assert!(outcomes[0].result.is_err());
    recorded.expect("is recorded");
    assert_eq!(stored(&place).await.0, state_with(None));
}

#[tokio::test(start_paused = true)]
async fn a_dead_runs_request_may_still_make_its_version() {
    let place = place();
    let dead =
        Claim { expires: Timestamp::now(), renewed: Some(Timestamp::now()), ..claim_from_elsewhere(in_an_hour()) };
    store(&place, &state_with(Some(dead)), &Tag::Absent).await;
    let (publishing, start) = (publishes(5), tokio::time::Instant::now());
    // The version appears after the list was read a few times.
    let listing = mock!(Client::list_layer_versions)
        .sequence()
        .http_response(|| page(&[], None))
        .times(9)
        .http_response(|| page(&[(4, &declaration().description(identity()))], None))
        .build();
    let published = run(&place, &[&publishing, &listing, &exists(4)]).await;
    assert_eq!(only(published), placed(4, false));
    assert_eq!(publishing.num_calls(), 0);
    assert!(start.elapsed() >= Duration::from_secs(9));
}

#[tokio::test]
async fn a_version_that_came_between_counts_and_ours_goes() {
    let place = place();
    store(&place, &state_with(None), &Tag::Absent).await;
    // The list does not yet show the version of a dead run, whose number is taken.
    let removing = mock!(Client::delete_layer_version).then_http_response(|| reply(204, &[], ""));
    let functions = mock!(Client::list_functions).then_http_response(|| reply(200, &[], r#"{"Functions": []}"#));
    let published = run(&place, &[&publishes(5), &lists(&[3]), &exists(4), &removing, &functions]).await;
    assert_eq!(only(published), placed(4, false));
    assert_eq!(removing.num_calls(), 1);
    let other = run(&place, &[&publishes(9), &gone(), &lists(&[]), &removing]).await;
    assert_eq!(only(other), placed(9, true), "what is gone by now is published again");
}
