//! AWS's errors in words: the request, the error code, the message, the request ID, and what to do.
//!
//! The SDK's own texts do not help: `Display` prints only "service error", and `Debug` the whole request.

mod advice;
mod refusal;

use std::error::Error;

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId as _;

use crate::aws::errors::advice::advise;
use crate::aws::errors::refusal::Refusal;
use crate::environment::certificates;
use crate::error::{Failure, Hintless};
use crate::facts;
use crate::facts::permissions;

/// The error of a request. `action` is as in an IAM statement, `lambda:PublishLayerVersion`; `resource` is the ARN, as
/// far as it is known.
pub(crate) fn explain<E>(action: &str, resource: &str, error: &SdkError<E, HttpResponse>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    failure_of(action, resource, error).into()
}

/// The same as a [`Failure`].
pub(crate) fn failure_of<E>(action: &str, resource: &str, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    debug_assert!(!action.contains(':') || permissions::is_known(action), "`{action}` is not in data/permissions.yml");
    let failed = Failure::system(format!("{action} failed for `{resource}`"));
    match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().unwrap_or(match status {
                403 => "AccessDenied",
                404 => "NotFound",
                429 => "TooManyRequestsException",
                _ => "no error code",
            });
            let message = service.err().message().unwrap_or("no message");
            let id = error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
            let failed = failed.cause(format!("{code} (HTTP {status}): {message}{id}"));
            advise(failed, (action, resource), code, status, message)
        }
        SdkError::TimeoutError(_) => {
            failed.cause("no response in time").hint("check the network, then run again; nothing published is lost")
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => not_sent(failed, resource, error),
        _ => failed.causes(chain(error)).hint("run again; nothing published is lost"),
    }
}

/// The region in an ARN.
fn region(resource: &str) -> Option<&str> {
    resource.split(':').nth(3).filter(|region| !region.is_empty() && *region != "*")
}

/// The region in an ARN, if it is one that an account has to enable.
fn opt_in_region(resource: &str) -> Option<&str> {
    region(resource).filter(|region| facts::is_opt_in(region))
}

/// The resource to name in a policy statement. It has to cover the next version and the next zip, too.
fn pattern(resource: &str) -> String {
    let (start, last) = resource.rsplit_once([':', '/']).unwrap_or(("", resource));
    let is_one_of_many = last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_suffix(".zip").is_some();
    if is_one_of_many { format!("{}*", &resource[..=start.len()]) } else { resource.to_owned() }
}

fn not_sent(failed: Hintless, resource: &str, error: &(dyn Error + 'static)) -> Failure {
    let causes = chain(error);
    let all = causes.join(" ").to_lowercase();
    let failed = failed.causes(causes);
    if let Some((message, hint)) = advice::of_profile(&all) {
        return Failure { message: message.to_owned(), ..failed.hint(hint) };
    }
    if all.contains("invalid peer certificate") {
        return failed.hint(certificates::HINT);
    }
    if all.contains("fips") || all.contains("dualstack") || all.contains("dual-stack") {
        return failed.hint("unset AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT (in a profile: `use_fips_endpoint` and `use_dualstack_endpoint`), or AWS_ENDPOINT_URL: they apply only to AWS's own endpoints, and not every region has such endpoints");
    }
    if all.contains("credential") || all.contains("identity") {
        let failed = failed.hint("run aws-actions/configure-aws-credentials before this step (with `permissions: id-token: write`), or set AWS_PROFILE to a profile (`aws configure list-profiles` lists them); a folder as `registry` needs no credentials, unless `codeartifact` is given");
        return Failure { message: "there are no AWS credentials".to_owned(), ..failed };
    }
    let is_known = |region: &str| facts::lambda().regions.values().flatten().any(|known| known == region);
    match region(resource).filter(|region| !is_known(region)) {
        Some(region) => failed.hint(format!(
            "check that the region `{region}` exists, and correct `regions` or AWS_REGION if not; otherwise check the network"
        )),
        None => failed.hint("check the network and AWS_ENDPOINT_URL, then run again; nothing published is lost"),
    }
}

/// The messages of an error and of its sources, without repetitions.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    // Names of error kinds inside the SDK, which explain nothing.
    const NOISE: &[&str] =
        &["", "other", "io error", "dispatch failure", "service error", "the credential provider was not enabled"];
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // The rest of the message lists every source of credentials that is not set up.
        let text = text.split_once(". Attempted:").map_or(text.as_str(), |(start, _)| start).to_owned();
        if !texts.contains(&text) && !NOISE.contains(&text.as_str()) {
            texts.push(text);
        }
        source = error.source();
    }
    texts
}

/// The ARN of a bucket, or of an object given as `bucket/key`, in the region's partition.
pub(crate) fn s3_arn(region: &str, path: &str) -> String {
    format!("arn:{}:s3:::{path}", facts::partition(region))
}

/// Whether a refusal names the action that is not allowed.
pub(crate) fn names_action<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    refusal(error).is_some()
}

/// Whether a new statement for the identity or the resource would not help: a policy denies the action, or one above
/// them does not allow it.
pub(crate) fn is_denied_from_above<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    refusal(error).is_some_and(|refusal| refusal.is_from_above())
}

fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Refusal> {
    Refusal::read(error.as_service_error()?.message()?, "aws")
}

/// The region of a bucket, from a header that S3 also sends with refusals.
pub(crate) fn bucket_region<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_good_for_the_next_version_and_the_next_zip() {
        assert_eq!(pattern("arn:aws:lambda:eu-west-1:1:layer:a:7"), "arn:aws:lambda:eu-west-1:1:layer:a:*");
        assert_eq!(pattern("arn:aws:s3:::b/lambda-layers/a/00ff.zip"), "arn:aws:s3:::b/lambda-layers/a/*");
        for exact in ["arn:aws:lambda:eu-west-1:*:layer:a", "arn:aws:s3:::b/state/a.json", "arn:aws:s3:::b", "*"] {
            assert_eq!(pattern(exact), exact);
        }
    }
}
