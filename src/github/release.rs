//! Releases of the repository and the files attached to them.

use serde::Deserialize;
use serde_json::json;

use super::ApiError;
use super::client::{Client, Method};
use crate::types::Digest;

/// As the API returns it.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    pub id: u64,
    pub tag_name: String,
    pub draft: bool,
    pub body: Option<String>,
    pub html_url: String,
    #[serde(default)]
    pub assets: Vec<Asset>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Asset {
    pub id: u64,
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `uploaded`, or another state while the upload is incomplete.
    pub state: String,
    /// `sha256:…`; GitHub has none for old ones.
    pub digest: Option<String>,
}

impl Asset {
    /// Whether it has these bytes, as far as GitHub reports its digest.
    pub fn is(&self, bytes: &[u8]) -> bool {
        let is_same = match &self.digest {
            Some(digest) => *digest == format!("sha256:{}", Digest::of(bytes).hex()),
            None => true,
        };
        is_same && self.size == bytes.len() as u64 && self.state == "uploaded"
    }
}

/// What a release is to be. A new one is a draft until its files are there, as immutable releases want it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub tag: &'a str,
    pub name: &'a str,
    /// Of the tag, if there is none yet; that of the default branch's end if nothing is said.
    pub commit: Option<&'a str>,
}

/// The newest hundred, drafts among them.
///
/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn newest(client: &Client) -> Result<Vec<Release>, ApiError> {
    client.get(&client.path("releases?per_page=100")).await
}

/// The one of a tag, drafts among the newest, too.
///
/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn find(client: &Client, tag: &str, newest: &[Release]) -> Result<Option<Release>, ApiError> {
    if let Some(release) = newest.iter().find(|release| release.tag_name == tag) {
        return Ok(Some(release.clone()));
    }
    client.find(&client.path(&format!("releases/tags/{}", encoded(tag)))).await
}

/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn draft(client: &Client, wanted: Wanted<'_>, body: &str) -> Result<Release, ApiError> {
    let mut request = json!({ "tag_name": wanted.tag, "name": wanted.name, "body": body, "draft": true });
    if let Some(commit) = wanted.commit {
        request["target_commitish"] = commit.into();
    }
    client.change(Method::Post, &client.path("releases"), &request).await
}

/// Writes the text, and publishes a draft. It does not become what the repository calls its latest release: that is
/// for the software in it.
///
/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn publish(client: &Client, release: &Release, body: &str) -> Result<Release, ApiError> {
    let mut request = json!({ "body": body, "draft": false });
    if release.draft {
        request["make_latest"] = "false".into();
    }
    client.change(Method::Patch, &client.path(&format!("releases/{}", release.id)), &request).await
}

/// Uploads a file, replacing one of the same name; `false` if the same file is there already.
///
/// # Errors
/// GitHub refuses the request or does not answer.
pub async fn attach(client: &Client, release: &Release, name: &str, bytes: Vec<u8>) -> Result<bool, ApiError> {
    if let Some(known) = release.assets.iter().find(|asset| asset.name == name) {
        if known.is(&bytes) {
            return Ok(false);
        }
        client.delete(&client.path(&format!("releases/assets/{}", known.id))).await?;
    }
    client.upload(release.id, name, bytes).await?;
    Ok(true)
}

fn encoded(tag: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(tag, KEPT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_digest_or_else_by_its_size() {
        let asset = |digest: Option<String>, state: &str| Asset {
            id: 1,
            name: "a".to_owned(),
            size: 3,
            state: state.to_owned(),
            digest,
        };
        let digest = format!("sha256:{}", Digest::of(b"abc").hex());
        assert!(asset(Some(digest.clone()), "uploaded").is(b"abc"));
        assert!(!asset(Some(digest.clone()), "uploaded").is(b"abd"));
        assert!(!asset(Some(digest), "starter").is(b"abc"));
        assert!(asset(None, "uploaded").is(b"xyz"));
        assert!(!asset(None, "uploaded").is(b"wxyz"));
    }

    #[test]
    fn a_tag_is_a_part_of_a_path() {
        assert_eq!(encoded("layer/shared/v7#?"), "layer%2Fshared%2Fv7%23%3F");
    }
}
