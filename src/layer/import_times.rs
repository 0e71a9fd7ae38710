//! How long the imports of a layer take, on the machine that measured them.

use std::fmt::{self, Display};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A duration in milliseconds, `655 ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Milliseconds(pub u64);

impl Milliseconds {
    pub fn of(duration: Duration) -> Self {
        Self(u64::try_from((duration.as_micros() + 500) / 1000).unwrap_or(u64::MAX))
    }
}

impl Display for Milliseconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{} ms", self.0))
    }
}

impl std::str::FromStr for Milliseconds {
    type Err = ();

    /// A number of milliseconds, or with a unit: `800`, `800 ms`, `1.5 s`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn from_str(text: &str) -> Result<Self, ()> {
        let end = text.find(|other: char| !other.is_ascii_digit() && other != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "ms" => 1.0,
            "s" | "sec" | "seconds" => 1000.0,
            _ => return Err(()),
        };
        let milliseconds = (number.parse::<f64>().or(Err(()))? * factor).round();
        if (1.0..1e9).contains(&milliseconds) { Ok(Self(milliseconds as u64)) } else { Err(()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImportTimes {
    /// Of all requirements together, in one process.
    pub milliseconds: Milliseconds,
    /// Each in a process of its own, the slowest first.
    pub requirements: Vec<ImportTime>,
    /// The layer that this one is compared with, measured in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Self>>,
}

/// The imports of one requirement, with all that they import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImportTime {
    /// A distribution, or a module that `smoke-test` names.
    pub name: String,
    pub milliseconds: Milliseconds,
    /// The slowest modules, each before those that it imports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tree: Vec<ImportedModule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImportedModule {
    pub module: String,
    /// 0 for a module that nothing else imported.
    pub depth: usize,
    /// With all that it imports for the first time.
    pub milliseconds: Milliseconds,
}

impl ImportTimes {
    /// Drops what is imported by whom, which is long.
    pub fn forget_trees(&mut self) {
        self.requirements.iter_mut().for_each(|time| time.tree.clear());
        if let Some(before) = &mut self.before {
            before.forget_trees();
        }
    }

    /// The time of a requirement, if it was measured.
    pub fn of(&self, name: &str) -> Option<Milliseconds> {
        self.requirements.iter().find(|time| time.name == name).map(|time| time.milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!("800".parse(), Ok(Milliseconds(800)));
        assert_eq!("800ms".parse(), Ok(Milliseconds(800)));
        assert_eq!("1.5 s".parse(), Ok(Milliseconds(1500)));
        for wrong in ["", "s", "-1", "0", "1 min", "1,5 s", "0.1"] {
            assert_eq!(wrong.parse::<Milliseconds>(), Err(()), "{wrong}");
        }
        assert_eq!(Milliseconds::of(Duration::from_micros(1_499)).to_string(), "1 ms");
    }
}
