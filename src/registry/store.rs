//! Reads and writes the state. A write succeeds only if nobody else wrote the state since it was read.

#[cfg(test)]
mod tests;

use std::io::Write as _;

use anyhow::Context as _;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::homes::{Bucket, Homes};
use super::state::State;
use crate::aws::errors;
use crate::error::{Failure, Kind};
use crate::types::{Digest, LayerName};

#[derive(Debug)]
pub enum StateStore {
    S3(Homes),
    Directory(Utf8PathBuf),
    /// No store: there are only the registry's lists of versions, and nothing keeps two runs from publishing at once.
    Nowhere,
}

/// The result of a read.
#[derive(Debug)]
pub struct Stored {
    /// `None` if there is nothing, or something that is not a state.
    pub state: Option<State>,
    pub tag: Tag,
}

/// The condition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Nothing must be stored.
    Absent,
    /// The stored object must still be this one.
    Present(String),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    Done(Tag),
    /// Another run was faster; the state has to be read again.
    Conflict,
}

impl StateStore {
    /// A store in one of these buckets.
    pub(super) fn in_s3(buckets: Vec<Bucket>, prefix: String) -> Self {
        Self::S3(Homes::new(buckets, prefix))
    }

    /// The time of the store's clock after it has answered once (UTC): the machines of runs may have different times.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::S3(homes) => homes.clock.now(),
            Self::Directory(_) | Self::Nowhere => Timestamp::now(),
        }
    }

    /// The path or URL of the state, for messages.
    pub fn place(&self, layer: &LayerName) -> String {
        match self {
            Self::S3(homes) => format!("s3://{}/{}", homes.home().name, key(&homes.prefix, &state_file(layer))),
            Self::Directory(folder) => folder.join(state_file(layer)).to_string(),
            Self::Nowhere => "the list of versions".to_owned(),
        }
    }

    /// The path or URL of the list of versions, for messages.
    pub fn list_place(&self, layer: &LayerName) -> String {
        match self {
            Self::S3(homes) => format!("s3://{}/{}", homes.home().name, key(&homes.prefix, &list_file(layer))),
            Self::Directory(folder) => folder.join(list_file(layer)).to_string(),
            Self::Nowhere => "nowhere".to_owned(),
        }
    }

    /// Reads the state of a layer.
    ///
    /// # Errors
    /// The state is of a newer program, or the store cannot be read.
    pub async fn read(&self, layer: &LayerName) -> anyhow::Result<Stored> {
        let (bytes, tag) = match self {
            Self::S3(homes) => homes.read_state(&state_file(layer)).await?,
            Self::Directory(_) | Self::Nowhere => self.read_file(&state_file(layer)).await?,
        };
        let state = match bytes {
            Some(bytes) => State::parse(&bytes, layer, &self.place(layer))?,
            None => None,
        };
        Ok(Stored { state, tag })
    }

    /// Writes the state, if the stored one is still the one of `tag`.
    pub async fn write(&self, state: &State, tag: &Tag) -> anyhow::Result<Written> {
        self.write_file(&state_file(&state.layer), state.to_json(), tag).await
    }

    /// Lets runs with other regions find a state that may be in one of several buckets, before it is written; `false`
    /// if it is in another bucket by now.
    pub(super) async fn announce(&self, state: &mut State) -> bool {
        match self {
            Self::S3(homes) => homes.put_up_signposts(&state_file(&state.layer), &mut state.announced_in).await,
            Self::Directory(_) | Self::Nowhere => true,
        }
    }

    /// Reads the list of versions that is published for others.
    pub(crate) async fn read_list(&self, layer: &LayerName) -> anyhow::Result<(Option<Vec<u8>>, Tag)> {
        self.read_file(&list_file(layer)).await
    }

    /// Writes that list, if the stored one is still the one of `tag`.
    pub(crate) async fn write_list(&self, layer: &LayerName, bytes: Vec<u8>, tag: &Tag) -> anyhow::Result<Written> {
        self.write_file(&list_file(layer), bytes, tag).await
    }

    async fn read_file(&self, name: &str) -> anyhow::Result<(Option<Vec<u8>>, Tag)> {
        match self {
            Self::S3(homes) => {
                let Bucket { client, name: bucket } = homes.home();
                read_s3(&client, &bucket, &key(&homes.prefix, name)).await
            }
            Self::Directory(folder) => match fs_err::read(folder.join(name)) {
                Ok(bytes) => {
                    let tag = Tag::Present(Digest::of(&bytes).hex());
                    Ok((Some(bytes), tag))
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok((None, Tag::Absent)),
                Err(error) => Err(error.into()),
            },
            Self::Nowhere => Ok((None, Tag::Absent)),
        }
    }

    async fn write_file(&self, name: &str, bytes: Vec<u8>, tag: &Tag) -> anyhow::Result<Written> {
        match self {
            Self::S3(homes) => {
                let Bucket { client, name: bucket } = homes.home();
                write_s3(&client, &bucket, &key(&homes.prefix, name), bytes, tag).await
            }
            Self::Directory(folder) => {
                write_file(folder, name, &bytes, tag).with_context(|| format!("could not write `{name}`"))
            }
            Self::Nowhere => Ok(Written::Done(Tag::Absent)),
        }
    }
}

fn state_file(layer: &LayerName) -> String {
    format!("{layer}.json")
}

/// The file name of the list. No state of a layer can have it, because layer names have no dots.
fn list_file(layer: &LayerName) -> String {
    format!("{layer}.versions.json")
}

pub(super) fn key(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

pub(super) async fn read_s3(client: &Client, bucket: &str, key: &str) -> anyhow::Result<(Option<Vec<u8>>, Tag)> {
    match client.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => {
            let tag = Tag::Present(object.e_tag().unwrap_or_default().to_owned());
            let bytes = object.body.collect().await.context("could not read the whole state")?;
            Ok((Some(bytes.to_vec()), tag))
        }
        Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok((None, Tag::Absent)),
        Err(error) => Err(failed_read(client, bucket, key, &error).into()),
    }
}

fn arn(client: &Client, path: &str) -> String {
    errors::s3_arn(client.config().region().map_or("", AsRef::as_ref), path)
}

fn failed_read(client: &Client, bucket: &str, key: &str, error: &SdkError<GetObjectError>) -> Failure {
    let failure = errors::failure_of("s3:GetObject", &arn(client, &format!("{bucket}/{key}")), error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let regions = errors::bucket_region(error).zip(client.config().region());
    match (regions.filter(|(actual, asked)| actual != asked.as_ref()), status, &failure.hint) {
        (Some((actual, asked)), Some(300..=499), _) => Failure { kind: Kind::User, ..failure }.hint(format!(
            "use a bucket in the first region that you publish to: this bucket is in {actual}, not in {asked}"
        )),
        // Without permission to list a bucket, S3 answers 403 if an object does not exist.
        (_, Some(403), Some(hint)) if !errors::names_action(error) => {
            let listing = format!(
                "{hint}, and `s3:ListBucket` on `{}`, without which S3 denies access to objects that do not exist yet",
                arn(client, bucket)
            );
            failure.hint(listing)
        }
        _ => failure,
    }
}

pub(super) async fn write_s3(
    client: &Client,
    bucket: &str,
    key: &str,
    bytes: Vec<u8>,
    tag: &Tag,
) -> anyhow::Result<Written> {
    let request =
        client.put_object().bucket(bucket).key(key).content_type("application/json").body(ByteStream::from(bytes));
    let request = match tag {
        Tag::Absent => request.if_none_match("*"),
        Tag::Present(etag) => request.if_match(etag),
    };
    match request.send().await {
        Ok(reply) => Ok(Written::Done(Tag::Present(reply.e_tag().unwrap_or_default().to_owned()))),
        // 412, or 409 during another write; 404 if the object that was read is gone.
        Err(error)
            if matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")) =>
        {
            Ok(Written::Conflict)
        }
        Err(error) => Err(errors::explain("s3:PutObject", &arn(client, &format!("{bucket}/{key}")), &error)),
    }
}

/// Compares and replaces the file under a lock. It changes by one rename, so that nobody reads a part of it.
fn write_file(folder: &camino::Utf8Path, name: &str, bytes: &[u8], tag: &Tag) -> anyhow::Result<Written> {
    fs_err::create_dir_all(folder)?;
    let path = folder.join(name);
    let lock = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(format!(".{}.lock", name.trim_end_matches(".json"))))?;
    lock.file().lock()?;
    let stored = match fs_err::read(&path) {
        Ok(bytes) => Tag::Present(Digest::of(&bytes).hex()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Tag::Absent,
        Err(error) => return Err(error.into()),
    };
    if stored != *tag {
        return Ok(Written::Conflict);
    }
    let mut file = tempfile::Builder::new()
        .prefix(".state-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(&path)?;
    Ok(Written::Done(Tag::Present(Digest::of(bytes).hex())))
}
