//! A claim says: this run is publishing. It keeps two runs from publishing the same content twice, because
//! `PublishLayerVersion` itself knows no condition.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::description::Identity;
use crate::environment::Environment;

/// How long a claim holds.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(3);
/// The longest that one call to publish may take.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(90);
/// No call to publish starts so long after the claim was written: it could end after the claim does.
pub const PUBLISH_WINDOW: Duration = Duration::from_secs(75);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is being published.
    pub fingerprint: crate::types::Fingerprint,
    pub content: crate::types::ContentHash,
    pub owner: Owner,
    /// When the owner counts as dead (UTC).
    pub expires: Timestamp,
}

/// The run that holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Owner {
    /// The page of the workflow run, or the process, for people.
    pub run: String,
    /// Where `process` means something: the boot of the machine and its space of process numbers. Linux alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    pub process: u32,
    /// Tells processes with the same number apart: start, in clock ticks since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
}

impl Owner {
    /// This process.
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

    /// The page of its workflow run, if it is in one.
    pub fn workflow_run(&self) -> Option<&str> {
        Some(self.run.as_str()).filter(|run| run.contains("://"))
    }

    /// Known to be dead; `false` if it cannot be known from here.
    pub fn is_dead(&self) -> bool {
        let here = machine();
        here.is_some() && self.machine == here && start_of(self.process) != self.started
    }
}

impl Claim {
    pub fn new(identity: Identity, owner: Owner, now: Timestamp) -> Self {
        Self { fingerprint: identity.fingerprint, content: identity.content, owner, expires: now + LIFETIME }
    }

    /// Whether another run may take it over.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        now >= self.expires || self.owner.is_dead()
    }
}

fn machine() -> Option<String> {
    let boot = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs_err::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.display()))
}

/// Field 22 of `/proc/PID/stat` (proc(5)); `None` where there is no such process.
fn start_of(process: u32) -> Option<String> {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace();
    // A zombie has ended; it only waits for its parent to notice.
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
        assert!(PUBLISH_WINDOW + PUBLISH_TIMEOUT < LIFETIME.unsigned_abs());
        assert!(claim.is_abandoned(now + LIFETIME));
    }

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
