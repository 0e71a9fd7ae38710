//! Errors of AWS in words: what was asked, the code, the message, the request's id, and what to do.
//!
//! `Display` of an SDK error says only "service error", its `Debug` prints the whole request.

use std::error::Error;

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId as _;

use crate::error::{Failure, Hintless, Kind};
use crate::facts;
use crate::permissions;

/// `action` as in an IAM statement, `lambda:PublishLayerVersion`; `resource` an ARN, as far as it is known.
pub(crate) fn explain<E>(action: &str, resource: &str, error: &SdkError<E, HttpResponse>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    failure_of(action, resource, error).into()
}

/// The same as a value.
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
                _ => "no code",
            });
            let message = service.err().message().unwrap_or("without a message");
            let id = error.request_id().map(|id| format!(" (request {id})")).unwrap_or_default();
            let failed = failed.cause(format!("{code} (HTTP {status}): {message}{id}"));
            advise(failed, action, resource, code, status)
        }
        SdkError::TimeoutError(_) => {
            failed.cause("no answer in time").hint("check the network, then run again; nothing published is lost")
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => not_sent(failed, error),
        _ => failed.causes(chain(error)).hint("run again; nothing published is lost"),
    }
}

fn advise(failed: Hintless, action: &str, resource: &str, code: &str, status: u16) -> Failure {
    let pattern = pattern(resource);
    let statement = format!(r#"allow it: {{"Effect": "Allow", "Action": "{action}", "Resource": "{pattern}"}}"#);
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "Forbidden" => failed.hint(statement),
        "ExpiredToken" | "ExpiredTokenException" => failed.hint("the session ended: ask for a longer one (`role-duration-seconds` of aws-actions/configure-aws-credentials) and run again"),
        // What AWS says of a region that the account has not enabled, or that a session of the global STS is not for.
        "UnrecognizedClientException" | "InvalidClientTokenId" | "RegionDisabledException" | "InvalidToken"
            if opt_in_region(resource).is_some() =>
        {
            let region = opt_in_region(resource).unwrap_or_default();
            of_user(failed.hint(format!(
                "is `{region}` enabled for the account? `aws account enable-region --region-name {region}`; sessions of the global STS endpoint are not valid there, those of a region's are"
            )))
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            failed.hint("the credentials are not valid for this region; check those that the step before sets")
        }
        "TooManyRequestsException" | "Throttling" | "ThrottlingException" | "SlowDown" | "RequestLimitExceeded" => {
            failed.hint("AWS kept throttling; run again later, what was published stays")
        }
        "NoSuchBucket" => of_user(failed.hint("create the bucket, or correct `bucket` or `state`")),
        "CodeStorageExceededException" => failed.hint("delete old versions or ask AWS for more code storage in this region"),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => of_user(failed.hint("the bucket is in another region: name one in the layer's region")),
        "InvalidParameterValueException" | "ValidationException" | "RequestEntityTooLargeException" => of_user(failed.hint("Lambda does not accept a value; correct the input that it names")),
        _ if status == 403 => failed.hint(statement),
        _ if status >= 500 => failed.hint("the service has a fault; run again, what was published stays"),
        _ => failed.hint("correct what AWS names; run again if something else was changing the same"),
    }
}

fn of_user(failure: Failure) -> Failure {
    Failure { kind: Kind::User, ..failure }
}

/// The region in an ARN, if an account has to enable it.
fn opt_in_region(resource: &str) -> Option<&str> {
    resource.split(':').nth(3).filter(|region| facts::is_opt_in(region))
}

/// What a statement should name: the next version and the next zip need the same permission as this one.
fn pattern(resource: &str) -> String {
    let (start, last) = resource.rsplit_once([':', '/']).unwrap_or(("", resource));
    let is_one_of_many = last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_suffix(".zip").is_some();
    if is_one_of_many { format!("{}*", &resource[..=start.len()]) } else { resource.to_owned() }
}

fn not_sent(failed: Hintless, error: &(dyn Error + 'static)) -> Failure {
    let causes = chain(error);
    let all = causes.join(" ").to_lowercase();
    let failed = failed.causes(causes);
    if all.contains("credential") || all.contains("identity") {
        let failed = failed.hint("run aws-actions/configure-aws-credentials before this step (with `permissions: id-token: write`), or log in; `registry` with a folder needs none, unless `codeartifact` is given");
        return Failure { message: "there are no AWS credentials".to_owned(), ..failed };
    }
    failed.hint("check the network and AWS_ENDPOINT_URL, then run again; nothing published is lost")
}

/// What the error's sources say, each once.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    // Kinds of errors inside the SDK, which tell nobody anything.
    const NOISE: &[&str] = &["", "other", "io error", "dispatch failure", "the credential provider was not enabled"];
    let mut texts: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        let text = error.to_string();
        // After this comes a list of everything that was not set up.
        let text = text.split_once(". Attempted:").map_or(text.as_str(), |(start, _)| start).to_owned();
        if !texts.contains(&text) && !NOISE.contains(&text.as_str()) {
            texts.push(text);
        }
        source = error.source();
    }
    texts
}

/// ARN of a bucket or of an object in it, `bucket/key`, in the partition of a region.
pub(crate) fn s3_arn(region: &str, path: &str) -> String {
    format!("arn:{}:s3:::{path}", facts::partition(region))
}

/// A header of the reply that says which region a bucket is in; S3 sends it with refusals, too.
pub(crate) fn bucket_region<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    error.raw_response()?.headers().get("x-amz-bucket-region").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advised(code: &str, status: u16) -> Failure {
        advise(Failure::system("x"), "lambda:GetLayerVersion", "arn:aws:lambda:eu-west-1:1:layer:a:7", code, status)
    }

    #[test]
    fn a_statement_is_good_for_the_next_version_and_the_next_zip() {
        assert_eq!(pattern("arn:aws:lambda:eu-west-1:1:layer:a:7"), "arn:aws:lambda:eu-west-1:1:layer:a:*");
        assert_eq!(pattern("arn:aws:s3:::b/lambda-layers/a/00ff.zip"), "arn:aws:s3:::b/lambda-layers/a/*");
        for exact in ["arn:aws:lambda:eu-west-1:*:layer:a", "arn:aws:s3:::b/state/a.json", "arn:aws:s3:::b", "*"] {
            assert_eq!(pattern(exact), exact);
        }
    }

    #[test]
    fn every_known_code_has_its_advice_and_its_culprit() {
        let system = [
            "AccessDenied",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "ThrottlingException",
            "SlowDown",
            "CodeStorageExceededException",
        ];
        let user = ["NoSuchBucket", "PermanentRedirect", "InvalidParameterValueException"];
        for (codes, kind) in [(&system[..], Kind::System), (&user[..], Kind::User)] {
            for code in codes {
                let failure = advised(code, 400);
                assert_eq!(failure.kind, kind, "{code}");
                assert!(failure.hint.is_some(), "{code}");
            }
        }
        let abroad = "arn:aws:lambda:af-south-1:*:layer:a";
        let failure =
            advise(Failure::system("x"), "lambda:ListLayerVersions", abroad, "UnrecognizedClientException", 403);
        assert_eq!(failure.kind, Kind::User);
        assert!(failure.hint.is_some_and(|hint| hint.starts_with("is `af-south-1` enabled")));
        assert!(advised("whatever", 403).hint.is_some_and(|hint| hint.starts_with("allow it")));
        assert!(advised("whatever", 503).hint.is_some_and(|hint| hint.contains("run again")));
        assert!(advised("whatever", 400).hint.is_some());
    }
}
