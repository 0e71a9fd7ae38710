//! Starts the program and what it talks to.

/// A variable of the test's own environment.
#[expect(clippy::disallowed_methods, reason = "tests have no other way to be told something")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
