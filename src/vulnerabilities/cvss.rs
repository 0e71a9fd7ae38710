//! The base score of a CVSS v3 vector, by the equations of the specification
//! (<https://www.first.org/cvss/v3.1/specification-document>, sections 7.1 and 7.4, and appendix A for rounding).
//!
//! Version 4 has no equations but a table of 270 groups of vectors, so its severity is taken from the advisory.

use serde::{Deserialize, Serialize};

/// The qualitative rating of a severity (section 5 of the specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rating {
    Unknown,
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl Rating {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    pub(super) fn of_score(score: f64) -> Self {
        match score {
            9.0.. => Self::Critical,
            7.0.. => Self::High,
            4.0.. => Self::Medium,
            0.1.. => Self::Low,
            _ => Self::None,
        }
    }

    /// As GitHub's advisories write it (`database_specific.severity`), and others.
    pub(super) fn of_word(word: &str) -> Self {
        match word.to_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" | "important" => Self::High,
            "moderate" | "medium" => Self::Medium,
            "low" => Self::Low,
            "none" => Self::None,
            _ => Self::Unknown,
        }
    }
}

/// Scope, attack vector, attack complexity, privileges required, user interaction; confidentiality, integrity,
/// availability.
struct Metrics {
    is_changed: bool,
    exploitability: [f64; 4],
    impacts: [f64; 3],
}

/// From 0 to 10, with one decimal; `None` if it is no complete vector of version 3. Temporal and environmental metrics
/// are ignored.
pub(super) fn base_score(vector: &str) -> Option<f64> {
    let metrics = metrics(vector)?;
    let [confidentiality, integrity, availability] = metrics.impacts;
    let sub_score = 1.0 - (1.0 - confidentiality) * (1.0 - integrity) * (1.0 - availability);
    let impact = if metrics.is_changed {
        7.52 * (sub_score - 0.029) - 3.25 * (sub_score - 0.02_f64).powi(15)
    } else {
        6.42 * sub_score
    };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * metrics.exploitability.iter().product::<f64>();
    let factor = if metrics.is_changed { 1.08 } else { 1.0 };
    Some(rounded_up((factor * (impact + exploitability)).min(10.0)))
}

fn metrics(vector: &str) -> Option<Metrics> {
    let rest = vector.strip_prefix("CVSS:3.1/").or_else(|| vector.strip_prefix("CVSS:3.0/"))?;
    let value = |metric: &str| {
        let mut found = rest.split('/').filter_map(|part| part.split_once(':')).filter(|(name, _)| *name == metric);
        // A metric that stands twice makes the vector invalid.
        found.next().filter(|_| found.next().is_none()).map(|(_, value)| value)
    };
    let is_changed = match value("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let attack = match value("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = match value("AC")? {
        "L" => 0.77,
        "H" => 0.44,
        _ => return None,
    };
    let privileges = match (value("PR")?, is_changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = match value("UI")? {
        "N" => 0.85,
        "R" => 0.62,
        _ => return None,
    };
    let impact = |metric: &str| match value(metric)? {
        "H" => Some(0.56),
        "L" => Some(0.22),
        "N" => Some(0.0),
        _ => None,
    };
    let impacts = [impact("C")?, impact("I")?, impact("A")?];
    Some(Metrics { is_changed, exploitability: [attack, complexity, privileges, interaction], impacts })
}

/// The smallest number with one decimal that is not less, without the errors of binary fractions.
fn rounded_up(score: f64) -> f64 {
    let scaled = (score * 100_000.0).round();
    if scaled % 10_000.0 == 0.0 { scaled / 100_000.0 } else { ((scaled / 10_000.0).floor() + 1.0) / 10.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of the examples in <https://www.first.org/cvss/v3.1/examples>, and of advisories of PyPI.
    #[test]
    fn vectors_have_the_scores_of_the_specification() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N", 6.1),
            ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
            ("CVSS:3.1/AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.2),
            ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 4.6),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
            ("CVSS:3.1/AV:L/AC:H/PR:H/UI:N/S:U/C:H/I:H/A:N/E:P/RL:O", 5.7),
        ] {
            assert_eq!(base_score(vector).map(|found| format!("{found:.1}")), Some(format!("{score:.1}")), "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_of_version_3_has_no_score() {
        for wrong in [
            "",
            "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(base_score(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn scores_have_words() {
        for (score, word) in
            [(0.0, "none"), (0.1, "low"), (3.9, "low"), (4.0, "medium"), (7.0, "high"), (9.0, "critical")]
        {
            assert_eq!(Rating::of_score(score).word(), word);
        }
        assert_eq!((Rating::of_word("MODERATE"), Rating::of_word("<b>")), (Rating::Medium, Rating::Unknown));
    }
}
