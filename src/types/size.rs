//! Sizes in bytes.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// A number of bytes; shows itself in the unit a person would choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl Display for ByteSize {
    /// Binary units under the names that AWS uses for its limits: 262,144,000 bytes are `250.0 MB`.
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            bytes @ 0..1024 => format!("{bytes} B"),
            bytes @ 1024..1_048_524 => format!("{:.1} KB", bytes as f64 / 1024.0),
            bytes => format!("{:.1} MB", bytes as f64 / 1_048_576.0),
        };
        formatter.pad(&text)
    }
}

impl std::str::FromStr for ByteSize {
    type Err = ();

    /// A number of bytes, or with a unit of 1,024: `40 MB`, `1.5GiB`, `512kb`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    fn from_str(text: &str) -> Result<Self, ()> {
        let end = text.find(|other: char| !other.is_ascii_digit() && other != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" | "bytes" => 1.0,
            "k" | "kb" | "kib" => 1024.0,
            "m" | "mb" | "mib" => 1_048_576.0,
            "g" | "gb" | "gib" => 1_073_741_824.0,
            _ => return Err(()),
        };
        let bytes = (number.parse::<f64>().or(Err(()))? * factor).round();
        if (1.0..1e15).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_the_limits() {
        assert_eq!(ByteSize(262_144_000).to_string(), "250.0 MB");
        assert_eq!(ByteSize(1023).to_string(), "1023 B");
        assert_eq!(ByteSize(1_048_575).to_string(), "1.0 MB");
        assert_eq!(ByteSize(1536).to_string(), "1.5 KB");
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!("250 MB".parse(), Ok(ByteSize(262_144_000)));
        assert_eq!("1.5kib".parse(), Ok(ByteSize(1536)));
        assert_eq!("42".parse(), Ok(ByteSize(42)));
        for wrong in ["", "MB", "-1", "1 TB", "1,5 MB", "0", "1.2.3"] {
            assert_eq!(wrong.parse::<ByteSize>(), Err(()), "{wrong}");
        }
    }
}
