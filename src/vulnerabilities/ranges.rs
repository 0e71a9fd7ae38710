//! Ranges of affected versions, as a list of events (<https://ossf.github.io/osv-schema/#affectedrangesevents-fields>).

use pep440_rs::Version;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// From this version on, versions are affected; `0` stands for the first one.
    Introduced(Version),
    /// From this version on, they are not.
    Fixed(Version),
    /// Versions above this one are not.
    LastAffected(Version),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range(Vec<Event>);

impl Event {
    fn version(&self) -> &Version {
        match self {
            Self::Introduced(version) | Self::Fixed(version) | Self::LastAffected(version) => version,
        }
    }
}

impl Range {
    /// The order of the events does not matter.
    pub(super) fn new(mut events: Vec<Event>) -> Self {
        events.sort_by(|left, right| left.version().cmp(right.version()));
        Self(events)
    }

    pub(super) fn contains(&self, version: &Version) -> bool {
        let mut is_affected = false;
        for event in &self.0 {
            match event {
                Event::Introduced(first) if version >= first || *first == Version::new([0]) => is_affected = true,
                Event::Fixed(fixed) if version >= fixed => is_affected = false,
                Event::LastAffected(last) if version > last => is_affected = false,
                Event::Introduced(_) | Event::Fixed(_) | Event::LastAffected(_) => {}
            }
        }
        is_affected
    }

    /// The first fixed version after an affected one.
    pub(super) fn fix_of(&self, version: &Version) -> Option<&Version> {
        let mut ends = self.0.iter().filter(|event| match event {
            Event::Introduced(_) => false,
            Event::Fixed(end) => end > version,
            Event::LastAffected(end) => end >= version,
        });
        match ends.next() {
            Some(Event::Fixed(fixed)) if self.contains(version) => Some(fixed),
            // Of the versions after the last affected one, none is named.
            Some(_) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("is valid")
    }

    #[test]
    fn events_may_come_in_any_order() {
        let range = Range::new(vec![
            Event::Fixed(version("3.0")),
            Event::Introduced(version("2.0")),
            Event::LastAffected(version("1.5")),
            Event::Introduced(version("0")),
        ]);
        let affected = ["0.dev1", "1.0", "1.5", "1.6", "2.0", "2.9", "3.0"].map(|text| range.contains(&version(text)));
        assert_eq!(affected, [true, true, true, false, true, true, false]);
        assert_eq!(range.fix_of(&version("2.1")), Some(&version("3.0")));
        assert_eq!(range.fix_of(&version("1.0")), None, "the last affected version is known, and no fixed one");
        assert_eq!(range.fix_of(&version("1.6")), None, "is not affected");
        assert_eq!(Range::new(vec![Event::Introduced(version("1"))]).fix_of(&version("2")), None);
    }
}
