//! Exceptions that mean that the build environment lacks something, and not that the layer is broken.

use std::sync::LazyLock;

use regex::Regex;

use super::outcome::Raised;
use crate::facts;
use crate::facts::missing_in_builds::Need;

struct Rule {
    need: &'static Need,
    kind: Option<&'static str>,
    message: Option<Regex>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let tellings = facts::not_in_a_build().iter().flat_map(|need| {
        need.exceptions.iter().map(move |telling| Rule {
            need,
            kind: telling.kind.as_deref(),
            message: telling.message.as_deref().map(|text| Regex::new(text).expect("is checked by a test")),
        })
    });
    tellings.collect()
});

impl Rule {
    fn fits(&self, error: &Raised) -> bool {
        self.kind.is_none_or(|kind| kind == error.kind)
            && self.message.as_ref().is_none_or(|message| message.is_match(&error.message))
    }
}

fn of(error: &Raised) -> Option<&'static Need> {
    RULES.iter().find(|rule| rule.fits(error)).map(|rule| rule.need)
}

/// What a module needs that a build does not have, by its exception or one of the causes of that.
pub(super) fn needed(errors: &[Raised]) -> Option<&'static Need> {
    errors.iter().find_map(of)
}

/// The same as the end of a sentence: `Django settings`, or the environment variable. `None` if a module is missing,
/// which `is_missing` says for each exception. The exception that was raised last decides, unless it was raised `from`
/// another one.
pub(super) fn named(errors: &[Raised], is_missing: impl Fn(&Raised) -> bool) -> Option<String> {
    let is_absent = |error: &Raised| error.variable.is_some() || of(error).is_some();
    let first = errors.iter().position(|error| is_absent(error) || is_missing(error))?;
    let reason = errors.get(first + 1).filter(|reason| reason.explicit);
    let (error, is_caused) = (&errors[first], reason.is_some_and(&is_missing));
    if is_caused || is_missing(error) {
        return None;
    }
    let variable = error.variable.as_ref().map(|name| format!("the environment variable `{name}`"));
    variable.or_else(|| Some(of(error)?.needs.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(errors: &[(&str, &str)]) -> Option<&'static str> {
        let errors: Vec<Raised> = errors.iter().map(|(kind, message)| Raised::new(kind, message)).collect();
        needed(&errors).map(|need| need.needs.as_str())
    }

    #[test]
    fn exceptions_tell_what_is_not_here() {
        let settings = "Requested setting DEBUG, but settings are not configured. You must either define the environment \
            variable DJANGO_SETTINGS_MODULE or call settings.configure() before accessing settings.";
        assert_eq!(of(&[("ImproperlyConfigured", settings)]), Some("Django settings"));
        assert_eq!(of(&[("ValidationError", &format!("9 validation errors\n{settings}"))]), Some("Django settings"));
        assert_eq!(of(&[("RuntimeError", "wrapped"), ("gaierror", "-3")]), Some("the network"));
        assert_eq!(of(&[("PermissionError", "[Errno 13] Permission denied")]), Some("the network"));
    }

    #[test]
    fn others_are_faults() {
        for (kind, message) in [
            ("ImportError", "cannot import name 'ugettext' from 'django.utils.translation'"),
            ("PermissionError", "[Errno 13] Permission denied: '/opt/x'"),
            ("KeyError", "'x'"),
            ("ValidationError", "1 validation error for User"),
        ] {
            assert_eq!(of(&[(kind, message)]), None, "{kind}: {message}");
        }
    }
    #[test]
    fn a_missing_module_is_a_fault_if_it_is_the_reason() {
        let missing = |explicit| Raised {
            missing: Some("psycopg".to_owned()),
            explicit,
            ..Raised::new("ModuleNotFoundError", "No module named 'psycopg'")
        };
        let variable = Raised { variable: Some("HOST".to_owned()), ..Raised::new("KeyError", "'HOST'") };
        let improper = || Raised::new("ImproperlyConfigured", "Error loading psycopg2 or psycopg module");
        let named = |errors: &[Raised]| named(errors, |error| error.missing.is_some());
        assert_eq!(named(&[improper(), missing(true)]), None);
        assert_eq!(named(&[improper(), missing(false)]).as_deref(), Some("Django settings"));
        assert_eq!(named(&[missing(false), variable.clone()]), None);
        assert_eq!(named(&[variable, missing(false)]).as_deref(), Some("the environment variable `HOST`"));
    }
}
