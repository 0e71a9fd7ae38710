//! What to do about an error, by its code and message, from `data/aws-errors.yml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::refusal::{Refusal, statement};
use super::{opt_in_region, pattern, region};
use crate::error::{Failure, Hintless, Kind};
use crate::facts;

/// `data/aws-errors.yml` says what each field means, and has the sources.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AwsErrors {
    pub(super) policies: Vec<Policy>,
    errors: Vec<Advice>,
    profiles: Vec<OfProfile>,
}

/// A kind of policy, by its name in AWS's messages.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) name: String,
    #[serde(rename = "where")]
    pub(super) place: String,
    pub(super) who: String,
    /// Whether its statements name a principal.
    #[serde(default)]
    pub(super) principal: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Advice {
    /// Empty stands for any code.
    #[serde(default)]
    codes: Vec<String>,
    /// The message must contain all of these.
    #[serde(default)]
    says: Vec<String>,
    /// Services as in IAM actions, `ssm`; empty stands for any service.
    #[serde(default)]
    services: Vec<String>,
    /// Whether the entry holds only for regions that an account has to enable.
    #[serde(default)]
    opt_in: bool,
    #[serde(default)]
    culprit: Kind,
    hint: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test reads it"))]
    example: Option<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "people read it"))]
    source: Option<String>,
}

/// Why a profile gives no credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProfile {
    says: String,
    message: String,
    hint: String,
}

static ERRORS: LazyLock<AwsErrors> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("../../../data/aws-errors.yml")).expect("the data files are checked by a test")
});

impl AwsErrors {
    pub(super) fn get() -> &'static Self {
        &ERRORS
    }

    fn advice(&self, asked: (&str, &str), code: &str, message: &str) -> Option<&Advice> {
        self.errors.iter().find(|advice| advice.fits(asked, code, message))
    }
}

impl Advice {
    fn fits(&self, (action, resource): (&str, &str), code: &str, message: &str) -> bool {
        let service = action.split(':').next().unwrap_or_default();
        (self.codes.is_empty() || self.codes.iter().any(|known| known == code))
            && self.says.iter().all(|text| message.contains(text.as_str()))
            && (self.services.is_empty() || self.services.iter().any(|known| known == service))
            && (!self.opt_in || opt_in_region(resource).is_some())
    }
}

/// Adds the hint for an error. `asked` is the action and the resource of the request.
pub(super) fn advise(failed: Hintless, asked: (&str, &str), code: &str, status: u16, message: &str) -> Failure {
    let (action, resource) = asked;
    let statement = statement(action, &pattern(resource), None);
    if let Some(refusal) = Refusal::read(message, facts::partition(region(resource).unwrap_or_default())) {
        return failed.hint(refusal.hint(asked));
    }
    match AwsErrors::get().advice(asked, code, message) {
        Some(advice) => {
            let hint = advice.hint.replace("{region}", region(resource).unwrap_or("the region"));
            let failure = failed.hint(hint.replace("{statement}", &statement));
            Failure { kind: advice.culprit, ..failure }
        }
        _ if status == 403 => failed.hint(format!("allow it: {statement}")),
        _ if status >= 500 => failed.hint("run again: this is a fault in the service, and nothing published is lost"),
        _ => failed.hint("correct what AWS reports, or run again if something else was changing the same resource"),
    }
}

/// Why there are no credentials, and what to do. `said` is the text of all causes in lower case.
pub(super) fn of_profile(said: &str) -> Option<(&'static str, &'static str)> {
    let known = AwsErrors::get().profiles.iter().find(|known| said.contains(&known.says))?;
    Some((&known.message, &known.hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYER: &str = "arn:aws:lambda:eu-west-1:1:layer:a:7";

    fn advised(asked: (&str, &str), code: &str, status: u16, message: &str) -> (Kind, String) {
        let failure = advise(Failure::system("x"), asked, code, status, message);
        (failure.kind, failure.hint.unwrap_or_default())
    }

    #[test]
    fn each_message_as_somebody_got_it_has_its_own_advice() {
        for known in &AwsErrors::get().errors {
            assert!(known.example.is_some() || known.says.is_empty(), "{}", known.hint);
            assert_eq!(known.example.is_some(), known.source.is_some(), "{}", known.hint);
            let Some(example) = &known.example else { continue };
            let service = known.services.first().map_or("lambda", String::as_str);
            let asked = (&*format!("{service}:X"), LAYER);
            let code = known.codes.first().map_or("InvalidParameterValueException", String::as_str);
            let found = AwsErrors::get().advice(asked, code, example).expect("is known");
            assert!(std::ptr::eq(found, known), "{example}: {}", found.hint);
            assert_eq!(Refusal::read(example, "aws"), None);
        }
    }

    #[test]
    fn every_known_code_has_its_advice_and_its_culprit() {
        let asked = ("lambda:GetLayerVersion", LAYER);
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
                let (found, hint) = advised(asked, code, 400, "");
                assert_eq!(found, kind, "{code}");
                assert!(!hint.is_empty() && !hint.contains("correct what AWS reports"), "{code}: {hint}");
            }
        }
        let abroad = ("lambda:ListLayerVersions", "arn:aws:lambda:af-south-1:*:layer:a");
        let (kind, hint) = advised(abroad, "UnrecognizedClientException", 403, "");
        assert_eq!(kind, Kind::User);
        assert!(hint.starts_with("check that `af-south-1` is enabled"), "{hint}");
        assert!(advised(asked, "whatever", 403, "").1.starts_with("allow it"));
        assert!(advised(asked, "whatever", 503, "").1.contains("run again"));
        assert!(!advised(asked, "whatever", 400, "").1.is_empty());
    }

    #[test]
    fn a_reserved_name_is_no_matter_of_permissions() {
        let asked = ("ssm:PutParameter", "arn:aws:ssm:eu-west-1:*:parameter/aws/x");
        let (kind, hint) = advised(asked, "AccessDeniedException", 400, "No access to reserved parameter name: aws/x.");
        assert_eq!(kind, Kind::User);
        assert!(hint.contains("`ssm-parameter`") && !hint.contains("Allow"), "{hint}");
        let (kind, hint) = advised(asked, "ValidationException", 400, "1 validation error detected");
        assert_eq!(kind, Kind::User);
        assert!(hint.contains("`ssm-parameter`"), "{hint}");
    }

    #[test]
    fn a_region_without_architectures_is_named() {
        let asked = ("lambda:PublishLayerVersion", "arn:aws:lambda:af-south-1:*:layer:a");
        let message = "CompatibleArchitectures are not supported in af-south-1. Please remove the CompatibleArchitectures value from your request and try again";
        let (kind, hint) = advised(asked, "InvalidParameterValueException", 400, message);
        assert_eq!(kind, Kind::User);
        assert!(hint.contains("af-south-1") && hint.contains("`compatible-architectures: none`"), "{hint}");
    }
}
