//! What a layer costs, in the words of its first lines: the same in the comment, the job summary and the terminal.

use super::Report;
use crate::facts;
use crate::layer::sizes::{percent, signed};
use crate::types::ByteSize;

impl Report {
    /// `+106.2 MB (12.3 → 118.5 MB, 47% of 250 MB)`; `None` if the size is not known.
    pub fn cost(&self) -> Option<String> {
        let after = self.unzipped_size?;
        let share = format!("{} of 250 MB", percent(after.0, facts::limits().unzipped_size));
        Some(match (self.size_diff, self.before.as_ref().and_then(|before| before.unzipped_size)) {
            (Some(diff), Some(before)) => format!("{} ({}, {share})", signed(diff), range(before, after)),
            _ => format!("{after} ({share})"),
        })
    }

    /// The verdict against the user's own limits, and the size of the zip: `limit 200 MB: fits, 81.5 MB left`. `strong`
    /// marks a verdict, and is told whether the limit is kept.
    pub fn limits_kept(&self, strong: impl Fn(&str, bool) -> String) -> Vec<String> {
        let verdict = |size: ByteSize, limit: ByteSize| {
            let (least, most) = (size.0.min(limit.0), size.0.max(limit.0));
            let difference = ByteSize(most - least);
            if size <= limit {
                format!("limit {}: {}, {difference} left", short(limit), strong("fits", true))
            } else {
                format!("limit {}: {}", short(limit), strong(&format!("{difference} over"), false))
            }
        };
        let unzipped = self.unzipped_size.zip(self.limits.max_unzipped_size).map(|(size, limit)| verdict(size, limit));
        let zipped = self.zipped_size.map(|size| {
            let before = self.before.as_ref().and_then(|before| before.zipped_size);
            let limit = self.limits.max_zipped_size.map(|limit| format!(", {}", verdict(size, limit)));
            let sizes = before.map_or_else(|| size.to_string(), |before| range(before, size));
            format!("zipped {sizes}{}", limit.unwrap_or_default())
        });
        unzipped.into_iter().chain(zipped).collect()
    }
}

/// `12.3 → 118.5 MB`, with each unit if they differ.
pub(super) fn range(before: ByteSize, after: ByteSize) -> String {
    let (before, after) = (before.to_string(), after.to_string());
    match (before.split_once(' '), after.split_once(' ')) {
        _ if before == after => after,
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} → {after}"),
        _ => format!("{before} → {after}"),
    }
}

/// `200 MB` for `200.0 MB`.
fn short(size: ByteSize) -> String {
    size.to_string().replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::OwnLimits;
    use crate::report::Before;

    const MB: u64 = 1024 * 1024;

    fn report(limit: u64) -> Report {
        let report = Report::new("preview", "shared".to_owned(), None, String::new());
        let limits = OwnLimits { max_unzipped_size: Some(ByteSize(limit)), max_zipped_size: Some(ByteSize(5 * MB)) };
        let sizes = (Some(ByteSize(118 * MB + MB / 2)), Some(ByteSize(30 * MB)));
        Report { unzipped_size: sizes.0, zipped_size: sizes.1, limits, ..report }
    }

    #[test]
    fn a_change_is_told_in_one_line() {
        let before = Before {
            unzipped_size: Some(ByteSize(12 * MB)),
            zipped_size: Some(ByteSize(500 * 1024)),
            ..Before::default()
        };
        let report = report(200 * MB);
        assert_eq!(report.cost().as_deref(), Some("118.5 MB (47% of 250 MB)"));
        let report = report.compared_with(before);
        assert_eq!(report.cost().as_deref(), Some("+106.5 MB (12.0 → 118.5 MB, 47% of 250 MB)"));
        assert_eq!(
            report.limits_kept(|verdict, _| verdict.to_uppercase()),
            ["limit 200 MB: FITS, 81.5 MB left", "zipped 500.0 KB → 30.0 MB, limit 5 MB: 25.0 MB OVER"]
        );
    }

    #[test]
    fn a_limit_is_kept_to_the_last_byte() {
        let kept = |limit: u64| report(limit).limits_kept(|verdict, _| verdict.to_owned())[0].clone();
        assert_eq!(kept(118 * MB + MB / 2), "limit 118.5 MB: fits, 0 B left");
        assert_eq!(kept(118 * MB + MB / 2 - 1), "limit 118.5 MB: 1 B over");
    }
}
