//! Sequences of faults, with the SDK's own client and replies in place of the network.

mod buckets;
mod publishing;

use aws_config::SdkConfig;
use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::primitives::SdkBody;
use serde_json::json;

use super::{AwsRegistry, PlaceClients};
use crate::archive::pack::Archive;
use crate::error::Explanation;
use crate::types::description::{Declaration, Identity};
use crate::types::{Architecture, ContentHash, Digest, Fingerprint, LayerName, Place};

pub(crate) const REGION: &str = "eu-west-1";

impl AwsRegistry {
    /// A registry whose clients behave as a test says.
    pub(crate) fn with_clients(
        clients: impl IntoIterator<Item = (&'static str, aws_sdk_lambda::Client, aws_sdk_s3::Client)>,
        bucket: Option<&str>,
        account: Option<&str>,
    ) -> Self {
        let config = SdkConfig::builder().build();
        let of_place =
            |region| Place { account: account.map(|account| account.parse().expect("is valid")), ..Place::own(region) };
        let clients = clients.into_iter().map(|(region, lambda, s3)| PlaceClients {
            place: of_place(region),
            lambda,
            s3,
            config: config.clone(),
            parameter_writes: super::Limits::default().of(&of_place(region)).parameter_writes,
        });
        Self {
            clients: clients.collect(),
            own: config.clone(),
            account: std::sync::Arc::default(),
            path_style: true,
            bucket: bucket.map(str::to_owned),
            signing_profile: None,
            settling: jiff::SignedDuration::from_secs(60),
            direct: std::sync::Arc::new(tokio::sync::Semaphore::new(1)),
            functions: super::functions::Listed::default(),
        }
    }
}

pub(crate) fn place() -> Place {
    Place::own(REGION)
}

pub(crate) fn layer() -> LayerName {
    "shared".parse().expect("is valid")
}

pub(crate) fn archive() -> Archive {
    Archive::of_bytes(b"zip")
}

pub(crate) fn identity() -> Identity {
    Identity { fingerprint: Fingerprint(Digest::of(b"inputs")), content: ContentHash(Digest::of(b"zip")) }
}

pub(crate) fn declaration() -> Declaration {
    Declaration {
        text: "packages".to_owned(),
        label: None,
        license: None,
        compatible_runtimes: vec!["python3.13".to_owned()],
        compatible_architectures: vec![Architecture::X86_64],
        given: std::collections::BTreeSet::new(),
        republish: false,
    }
}

pub(crate) fn arn(version: u64) -> String {
    format!("arn:aws:lambda:{REGION}:123456789012:layer:shared:{version}")
}

/// A reply as it arrives over the network.
pub(crate) fn reply(status: u16, headers: &[(&'static str, &str)], body: impl Into<String>) -> HttpResponse {
    let mut reply = HttpResponse::new(status.try_into().expect("is a status"), SdkBody::from(body.into()));
    for (name, value) in headers {
        reply.headers_mut().insert(*name, (*value).to_owned());
    }
    reply
}

/// An error reply of Lambda.
pub(crate) fn refused(status: u16, code: &str, message: &str) -> HttpResponse {
    let headers = [("x-amzn-errortype", code), ("x-amzn-requestid", "8f3c")];
    reply(status, &headers, json!({ "Message": message }).to_string())
}

/// An error reply of S3.
pub(crate) fn refused_by_s3(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    reply(status, &[("x-amz-request-id", "4F2A")], body)
}

/// Lambda's reply about a version that it published.
pub(crate) fn made(version: u64, hash: &ContentHash) -> HttpResponse {
    let body =
        json!({ "LayerVersionArn": arn(version), "Version": version, "Content": { "CodeSha256": hash.to_string() } });
    reply(201, &[], body.to_string())
}

/// One page of a list.
pub(crate) fn page(versions: &[(u64, &str)], next: Option<&str>) -> HttpResponse {
    let versions: Vec<_> = versions
        .iter()
        .map(|(version, description)| json!({ "LayerVersionArn": arn(*version), "Version": version, "Description": description }))
        .collect();
    reply(200, &[], json!({ "LayerVersions": versions, "NextMarker": next }).to_string())
}

pub(crate) fn explained(error: &anyhow::Error) -> String {
    Explanation::of(error).to_string()
}
