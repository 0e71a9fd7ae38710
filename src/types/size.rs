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
}
