//! A claim says that a run is publishing. It keeps two runs from publishing the same content twice, because
//! `PublishLayerVersion` itself has no conditions.
//!
//! A run renews its claim while it works. Without renewal, a claim ends by itself. The last request of its run may
//! still be under way then, so the claim becomes a request without an answer ([`Unanswered`]).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::types::description::Identity;

/// How often a claim is renewed.
pub const RENEWAL: Duration = Duration::from_secs(10);
/// How long a claim is valid after it was renewed.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(1);
/// The time after a renewal in which requests may be sent: they have to arrive before the claim ends.
pub const WINDOW: Duration = Duration::from_secs(25);

/// The claim of a run, as the state stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is being published.
    pub fingerprint: crate::types::Fingerprint,
    pub content: crate::types::ContentHash,
    pub owner: Owner,
    /// When it was last written or renewed, by the clock of the state's store (UTC). Claims of older programs lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<Timestamp>,
    /// When the owner counts as dead (UTC).
    pub expires: Timestamp,
    /// Whether a clean-up holds the claim: it may be removing versions that the state no longer names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removes: bool,
}

/// A request whose outcome is unknown: AWS may have executed it, or may still do so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unanswered {
    /// The content of which a version may appear or be removed; `None` for everything that the state does not name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<crate::types::ContentHash>,
    /// Whether a clean-up sent the request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removes: bool,
    /// The latest time at which it was sent (UTC).
    pub sent: Timestamp,
}

/// The run that holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Owner {
    /// The page of the workflow run, or the process, to show to the user.
    pub run: String,
    /// Where `process` is valid: the boot of the machine and its namespace of process ids. Only on Linux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    pub process: u32,
    /// The start of the process in clock ticks since boot, which distinguishes processes with the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
}

impl Owner {
    /// The owner for this process.
    pub fn this_run(environment: &Environment) -> Self {
        let process = std::process::id();
        let run = match (
            environment.get("GITHUB_SERVER_URL"),
            environment.get("GITHUB_REPOSITORY"),
            environment.get("GITHUB_RUN_ID"),
        ) {
            (Some(server), Some(repository), Some(id)) => {
                format!(
                    "{server}/{repository}/actions/runs/{id}/attempts/{}",
                    environment.get("GITHUB_RUN_ATTEMPT").unwrap_or("1")
                )
            }
            _ => format!("process {process}"),
        };
        Self { run, machine: machine(), process, started: start_of(process) }
    }

    /// The page of its workflow run, if there is one.
    pub fn workflow_run(&self) -> Option<&str> {
        Some(self.run.as_str()).filter(|run| run.contains("://"))
    }

    /// Whether the process is known to have ended; `false` if that cannot be known from here.
    pub fn is_dead(&self) -> bool {
        let here = machine();
        here.is_some() && self.machine == here && start_of(self.process) != self.started
    }
}

impl Claim {
    pub fn new(identity: Identity, owner: Owner, now: Timestamp) -> Self {
        Self {
            fingerprint: identity.fingerprint,
            content: identity.content,
            owner,
            renewed: Some(now),
            expires: now + LIFETIME,
            removes: false,
        }
    }

    pub fn renew(&mut self, now: Timestamp) {
        self.renewed = Some(now);
        self.expires = now + LIFETIME;
    }

    /// Whether another run may take it over.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        now >= self.expires || self.owner.is_dead()
    }

    /// The request that its owner may have sent last. Even if the process has ended, its request may be under way.
    pub fn last_request(&self, now: Timestamp) -> Unanswered {
        let at_the_latest =
            self.renewed.map_or(self.expires, |renewed| renewed + WINDOW.try_into().unwrap_or(LIFETIME));
        let content = (!self.removes).then_some(self.content);
        Unanswered { content, removes: self.removes, sent: at_the_latest.min(now) }
    }
}

fn machine() -> Option<String> {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs_err::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// Field 22 of `/proc/PID/stat` (proc(5)); `None` if there is no such process.
fn start_of(process: u32) -> Option<String> {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace();
    // A zombie has ended, and only waits for its parent to notice.
    (fields.next()? != "Z").then(|| fields.nth(18)).flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ContentHash, Digest, Fingerprint};

    #[test]
    fn a_live_run_keeps_its_claim_until_it_expires() {
        let identity = Identity { fingerprint: Fingerprint(Digest::of(b"i")), content: ContentHash(Digest::of(b"z")) };
        let now = Timestamp::UNIX_EPOCH;
        let claim = Claim::new(identity, Owner::this_run(&Environment::default()), now);
        assert!(!claim.is_abandoned(now));
        let late = now + LIFETIME - SignedDuration::from_secs(10);
        assert!(!claim.is_abandoned(late));
        assert!(RENEWAL * 2 < WINDOW && WINDOW * 2 < LIFETIME.unsigned_abs());
        assert!(claim.is_abandoned(now + LIFETIME));
    }

    #[test]
    fn what_was_sent_last_was_sent_soon_after_a_renewal_and_not_in_the_future() {
        let identity = Identity { fingerprint: Fingerprint(Digest::of(b"i")), content: ContentHash(Digest::of(b"z")) };
        let (now, second) = (Timestamp::UNIX_EPOCH, SignedDuration::from_secs(1));
        let claim = Claim::new(identity, Owner::this_run(&Environment::default()), now);
        let request = claim.last_request(now + second);
        assert_eq!(request, Unanswered { content: Some(identity.content), removes: false, sent: now + second });
        assert_eq!(claim.last_request(now + LIFETIME).sent, now + second * 25);
        let old = Claim { renewed: None, removes: true, ..claim.clone() };
        assert_eq!(
            old.last_request(now + LIFETIME * 2),
            Unanswered { content: None, removes: true, sent: claim.expires }
        );
    }

    // Elsewhere claims only expire.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_dead_process_of_this_machine_is_noticed_at_once() {
        let mut child = std::process::Command::new("true").spawn().expect("runs");
        let mut owner =
            Owner { process: child.id(), started: Some("1".to_owned()), ..Owner::this_run(&Environment::default()) };
        child.wait().expect("ends");
        assert!(owner.is_dead());
        owner.machine = Some("elsewhere".to_owned());
        assert!(!owner.is_dead());
    }
}
