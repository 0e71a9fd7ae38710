//! Finds the bucket of a layer's state, if the name of the bucket contains `{region}` or `{account}`.
//!
//! A state is created in the first of these buckets by name, whatever the order of the user's regions, and stays there.
//! The other buckets contain a signpost, so that a run with other regions also finds it.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::clock::Clock;
use super::store::{Tag, Written, key, read_s3, write_s3};

/// A bucket that may contain the state.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Bucket {
    fn region(&self) -> &str {
        self.client.config().region().map_or("", AsRef::as_ref)
    }
}

/// The buckets that may contain the state, and the one that does.
#[derive(Debug)]
pub struct Homes {
    /// Sorted by name.
    candidates: Vec<Bucket>,
    pub(super) prefix: String,
    pub(super) clock: Clock,
    /// The bucket that contains the state, or will contain it; `None` before the first read.
    home: RwLock<Option<Bucket>>,
}

/// The object that a bucket has in place of the state. To older programs it looks like the state of a newer one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Signpost {
    state_is_in: Home,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Home {
    region: String,
    bucket: String,
}

/// The content of a bucket.
enum Found {
    Nothing,
    State(Option<Vec<u8>>, Tag),
    Elsewhere(Home),
}

impl Homes {
    /// `buckets` must not be empty.
    pub(super) fn new(buckets: Vec<Bucket>, prefix: String) -> Self {
        let clock = Clock::default();
        let with_clock = |bucket: Bucket| {
            let config = bucket.client.config().to_builder().interceptor(clock.clone()).build();
            Bucket { client: Client::from_conf(config), name: bucket.name }
        };
        let mut candidates: Vec<Bucket> = buckets.into_iter().map(with_clock).collect();
        candidates.sort_by(|left, right| left.name.cmp(&right.name));
        candidates.dedup_by(|left, right| left.name == right.name);
        Self { candidates, prefix, clock, home: RwLock::default() }
    }

    /// The bucket with the state, as far as is known by now.
    pub(super) fn home(&self) -> Bucket {
        let home = self.home.read().unwrap_or_else(PoisonError::into_inner).clone();
        home.unwrap_or_else(|| self.candidates[0].clone())
    }

    fn set_home(&self, bucket: Bucket) {
        *self.home.write().unwrap_or_else(PoisonError::into_inner) = Some(bucket);
    }

    /// Reads the state, wherever it is.
    ///
    /// # Errors
    /// The bucket that has the state, or would have it, cannot be read. The others may be unreachable.
    pub(super) async fn read_state(&self, name: &str) -> anyhow::Result<(Option<Vec<u8>>, Tag)> {
        let (mut bucket, mut seen) = (self.home(), Vec::new());
        loop {
            seen.push(bucket.name.clone());
            let next = match self.look(&bucket, name).await {
                Ok(Found::State(bytes, tag)) => {
                    self.set_home(bucket);
                    return Ok((bytes, tag));
                }
                Ok(Found::Elsewhere(home)) => Some(self.bucket_of(&home)),
                Ok(Found::Nothing) => self.find_elsewhere(name, &seen).await,
                // A bucket without the state may be unreachable.
                Err(error) => match self.find_elsewhere(name, &seen).await {
                    Some(next) if !seen.contains(&next.name) => Some(next),
                    Some(_) | None => return Err(error),
                },
            };
            let Some(next) = next.filter(|next| !seen.contains(&next.name)) else {
                self.set_home(bucket);
                return Ok((None, Tag::Absent));
            };
            bucket = next;
        }
    }

    /// A bucket of this run that has the state, or a signpost to it.
    async fn find_elsewhere(&self, name: &str, seen: &[String]) -> Option<Bucket> {
        let others: Vec<&Bucket> = self.candidates.iter().filter(|bucket| !seen.contains(&bucket.name)).collect();
        let found = join_all(others.iter().map(|bucket| self.look(bucket, name))).await;
        others.iter().zip(found).find_map(|(bucket, found)| match found.ok()? {
            Found::State(..) => Some((*bucket).clone()),
            Found::Elsewhere(home) => Some(self.bucket_of(&home)),
            Found::Nothing => None,
        })
    }

    async fn look(&self, bucket: &Bucket, name: &str) -> anyhow::Result<Found> {
        let (bytes, tag) = read_s3(&bucket.client, &bucket.name, &key(&self.prefix, name)).await?;
        let signpost = bytes.as_ref().and_then(|bytes| serde_json::from_slice::<Signpost>(bytes).ok());
        Ok(match (signpost, tag) {
            (Some(signpost), _) => Found::Elsewhere(signpost.state_is_in),
            (None, Tag::Absent) => Found::Nothing,
            (None, tag) => Found::State(bytes, tag),
        })
    }

    fn bucket_of(&self, home: &Home) -> Bucket {
        let known = self.candidates.iter().find(|bucket| bucket.name == home.bucket);
        known.cloned().unwrap_or_else(|| {
            let config = self.candidates[0].client.config().to_builder().region(Region::new(home.region.clone()));
            Bucket { client: Client::from_conf(config.build()), name: home.bucket.clone() }
        })
    }

    /// Writes the missing signposts, before something is published; `false` if the state is elsewhere by now and has to
    /// be read again. `standing` are the buckets that have one. An unreachable bucket gets none for now.
    pub(super) async fn put_up_signposts(&self, name: &str, standing: &mut BTreeSet<String>) -> bool {
        let (home, place) = (self.home(), key(&self.prefix, name));
        let mut own: Vec<(&Bucket, Tag)> = Vec::new();
        for bucket in self.candidates.iter().filter(|bucket| bucket.name != home.name) {
            if standing.contains(&bucket.name) {
                continue;
            }
            match write_s3(&bucket.client, &bucket.name, &place, signpost(&home), &Tag::Absent).await {
                Ok(Written::Done(tag)) => {
                    standing.insert(bucket.name.clone());
                    own.push((bucket, tag));
                }
                Ok(Written::Conflict) => {
                    let other = match self.look(bucket, name).await {
                        Ok(Found::State(..)) => bucket.clone(),
                        Ok(Found::Elsewhere(other)) => self.bucket_of(&other),
                        Ok(Found::Nothing) | Err(_) => continue,
                    };
                    if other.name != home.name {
                        // Ours are removed, because they would lead to an empty bucket.
                        for (bucket, tag) in own {
                            write_s3(&bucket.client, &bucket.name, &place, signpost(&other), &tag).await.ok();
                        }
                        self.set_home(other);
                        return false;
                    }
                    standing.insert(bucket.name.clone());
                }
                Err(_) => {}
            }
        }
        true
    }
}

fn signpost(home: &Bucket) -> Vec<u8> {
    let home = Home { region: home.region().to_owned(), bucket: home.name.clone() };
    json!({ "format": 2, "state-is-in": home }).to_string().into_bytes()
}
