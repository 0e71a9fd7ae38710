//! The known vulnerabilities of a layer, for the comment and the job summary. New ones are never folded.

use std::fmt::Write as _;

use super::Report;
use super::escape::{inert, name, name_as_code, plain, tight};
use crate::error::counted;
use crate::layer::Finding;
use crate::vulnerabilities::{Effect, Rating, Vulnerabilities, Vulnerability};

/// Rows that are shown unfolded.
const SHOWN: usize = 10;
/// The longest summary, in characters.
const SENTENCE: usize = 120;
/// Names in a row.
const NAMES: usize = 3;

impl Report {
    /// The findings for a table, without those that have a table of their own here.
    pub(super) fn listed_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.code != "vulnerability" || self.vulnerabilities.is_none())
    }
}

/// `⚠️ 2 vulnerabilities, `, for the row of a layer among several; empty if it has no new ones.
pub(super) fn new_in_a_row(known: &Vulnerabilities) -> String {
    match known.found.iter().filter(|one| one.is_new()).count() {
        0 => String::new(),
        1 => "⚠️\u{a0}1 vulnerability, ".to_owned(),
        count => format!("⚠️\u{a0}{count} vulnerabilities, "),
    }
}

/// What a reviewer has to know first: one line, and a table of what is new.
pub(super) fn first_lines(known: &Vulnerabilities) -> String {
    let new: Vec<&Vulnerability> = known.found.iter().filter(|one| one.is_new()).collect();
    let headline = headline(known, &new);
    if new.is_empty() {
        return headline;
    }
    format!("{headline}\n\n{}", table(&new[..new.len().min(SHOWN)]).trim_end())
}

/// Title and table of the rest, in at most so many rows; `None` if there is nothing more to say.
pub(super) fn details(known: &Vulnerabilities, rows: usize) -> Option<(String, String)> {
    let new = known.found.iter().filter(|one| one.is_new()).skip(SHOWN);
    let others = known.found.iter().filter(|one| !one.is_new()).chain(&known.removed);
    let rest: Vec<&Vulnerability> = new.chain(others).collect();
    if rest.is_empty() {
        return None;
    }
    let mut text = if rows == 0 { String::new() } else { table(&rest[..rest.len().min(rows)]) };
    if let Some(more) = rest.len().checked_sub(rows).filter(|more| *more > 0) {
        write!(
            text,
            "{} in the output <code>result</code>.\n\n",
            if more == 1 { "1 more is".to_owned() } else { format!("{more} more are") }
        )
        .expect("a String takes everything");
    }
    let title = match rest.len() {
        1 => "1 other known vulnerability".to_owned(),
        count => format!("{count} other known vulnerabilities"),
    };
    Some((title, text))
}

/// `2 new known vulnerabilities (1 critical, 1 medium); 3 remain`, for a terminal.
pub(super) fn in_one_line(known: &Vulnerabilities) -> String {
    let new: Vec<&Vulnerability> = known.found.iter().filter(|one| one.is_new()).collect();
    let line = headline(known, &new).replace("**", "");
    line.split_once(' ').map_or(line.clone(), |(_sign, text)| text.to_owned())
}

/// `⚠️ **2 new known vulnerabilities** (1 critical, 1 medium); 3 remain, 1 is gone`
fn headline(known: &Vulnerabilities, new: &[&Vulnerability]) -> String {
    let is_compared = known.found.iter().any(|one| one.effect.is_some()) || !known.removed.is_empty();
    let what = if is_compared { "new known" } else { "known" };
    let kept = known.open().filter(|one| one.effect == Some(Effect::Kept)).count();
    let ignored = known.found.len() - known.open().count();
    let asked = counted(known.asked, "package");
    let mut text = match new.len() {
        0 if known.asked == 0 && known.problem.is_some() => {
            "❔ Known vulnerabilities could not be looked up".to_owned()
        }
        0 if is_compared => format!("🔒 No new known vulnerabilities in {asked}"),
        0 => format!("🔒 No known vulnerabilities in {asked}"),
        1 => format!("⚠️ **1 {what} vulnerability** ({})", ratings(new)),
        count => format!("⚠️ **{count} {what} vulnerabilities** ({})", ratings(new)),
    };
    let rest = [
        (kept, "remains", "remain"),
        (ignored, "is ignored", "are ignored"),
        (known.removed.len(), "is gone", "are gone"),
    ];
    let rest = rest.into_iter().filter(|(count, ..)| *count > 0);
    let rest: Vec<String> =
        rest.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect();
    if !rest.is_empty() {
        write!(text, "; {}", rest.join(", ")).expect("a String takes everything");
    }
    let unasked = known.not_asked.len();
    if unasked > 0 {
        let why = match unasked {
            1 => "1 was not looked up, because its name is not public".to_owned(),
            count => format!("{count} were not looked up, because their names are not public"),
        };
        write!(text, "; {why}").expect("a String takes everything");
    }
    if known.problem.is_some() && known.asked > 0 {
        text += "; the answer is not complete";
    }
    text
}

/// `1 critical, 2 medium`, the worst first.
fn ratings(found: &[&Vulnerability]) -> String {
    let all = [Rating::Critical, Rating::High, Rating::Medium, Rating::Low, Rating::None, Rating::Unknown];
    let counts = all.map(|rating| (rating, found.iter().filter(|one| one.severity == rating).count()));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    counts.map(|(rating, count)| format!("{count} {}", word(rating))).collect::<Vec<_>>().join(", ")
}

fn word(rating: Rating) -> &'static str {
    match rating {
        Rating::Unknown => "of unknown severity",
        Rating::None => "without severity",
        Rating::Low | Rating::Medium | Rating::High | Rating::Critical => rating.word(),
    }
}

fn table(found: &[&Vulnerability]) -> String {
    let mut text = "| vulnerability | severity | package | fixed in | because of |\n|---|---|---|---|---|\n".to_owned();
    for one in found {
        let cve = one.aliases.iter().find(|alias| alias.starts_with("CVE-"));
        let cve = cve.map(|cve| format!(" {}", name(cve))).unwrap_or_default();
        let told = state(one).unwrap_or_else(|| one.summary.clone());
        let told = if told.is_empty() { told } else { format!("<br><sub>{}</sub>", inert(&plain(&clipped(&told)))) };
        let bundled = one.bundled.as_deref().map(|bundled| format!("<br><sub>bundles {}</sub>", name(bundled)));
        let names: Vec<String> =
            one.brought_by.iter().take(NAMES).map(|brings| name_as_code(brings.as_str())).collect();
        let more = one.brought_by.len().checked_sub(NAMES).filter(|more| *more > 0);
        let names = names.join(", ") + &more.map(|more| format!(" and {more} more")).unwrap_or_default();
        writeln!(
            text,
            "| [{}]({}){cve}{told} | {} | {} {}{} | {} | {} |",
            plain(&one.id),
            one.url(),
            tight(&one.rated()),
            name_as_code(one.distribution.as_str()),
            name(&one.version),
            bundled.unwrap_or_default(),
            one.fixed_in.as_deref().map_or_else(|| "—".to_owned(), name),
            if names.is_empty() { "—" } else { &names },
        )
        .expect("a String takes everything");
    }
    text + "\n"
}

/// What became of it; `None` if it is new, or if that is not known.
pub(super) fn state(one: &Vulnerability) -> Option<String> {
    match (&one.ignored, one.effect) {
        (Some(ignored), _) => Some(format!("ignored until {}: {}", ignored.until, ignored.reason)),
        (None, Some(Effect::Kept)) => Some("it was there before".to_owned()),
        (None, Some(Effect::Removed)) => Some("no longer in the layer".to_owned()),
        (None, Some(Effect::Brought) | None) => None,
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(SENTENCE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vulnerabilities::Ignored;

    fn known(effects: &[Option<Effect>]) -> Vulnerabilities {
        let one = |effect: &Option<Effect>| Vulnerability {
            id: "GHSA-x".to_owned(),
            aliases: Vec::new(),
            distribution: "six".parse().expect("is a name"),
            version: "1|0 @everyone".to_owned(),
            bundled: Some("a|<b>".to_owned()),
            summary: "<img> #1 | [x](y)".to_owned(),
            severity: Rating::High,
            score: Some(7.5),
            vector: None,
            fixed_in: Some("2|<b>".to_owned()),
            brought_by: ["a", "b", "c", "d", "e"].map(|name| name.parse().expect("is a name")).into(),
            effect: *effect,
            ignored: None,
        };
        Vulnerabilities { asked: 7, found: effects.iter().map(one).collect(), ..Vulnerabilities::default() }
    }

    #[test]
    fn one_line_says_what_a_change_does() {
        let (brought, kept) = (Some(Effect::Brought), Some(Effect::Kept));
        assert_eq!(in_one_line(&known(&[])), "No known vulnerabilities in 7 packages");
        assert_eq!(in_one_line(&known(&[None, None])), "2 known vulnerabilities (2 high)");
        assert_eq!(in_one_line(&known(&[brought, kept, kept])), "1 new known vulnerability (1 high); 2 remain");
        assert_eq!(in_one_line(&known(&[kept])), "No new known vulnerabilities in 7 packages; 1 remains");
        let mut ignored = known(&[brought, kept]);
        ignored.found[0].ignored = Some(Ignored { until: "2999-12-31".to_owned(), reason: "x".to_owned() });
        ignored.removed = known(&[Some(Effect::Removed)]).found;
        ignored.not_asked = vec!["acme".to_owned()];
        assert_eq!(
            in_one_line(&ignored),
            "No new known vulnerabilities in 7 packages; 1 remains, 1 is ignored, 1 is gone; 1 was not looked up, because its name is not public"
        );
        let silent = Vulnerabilities { problem: Some("down".to_owned()), ..Vulnerabilities::default() };
        assert_eq!(in_one_line(&silent), "Known vulnerabilities could not be looked up");
        let half = Vulnerabilities { problem: Some("down".to_owned()), ..known(&[]) };
        assert_eq!(in_one_line(&half), "No known vulnerabilities in 7 packages; the answer is not complete");
        assert_eq!(new_in_a_row(&known(&[brought, kept])), "⚠️\u{a0}1 vulnerability, ");
        assert_eq!(new_in_a_row(&known(&[kept])), "");
    }

    #[test]
    fn whatever_an_advisory_says_is_text() {
        let found = known(&[None]);
        let row = first_lines(&found).lines().last().expect("has a row").to_owned();
        assert!(row.contains("@\u{200b}everyone") && row.contains("#\u{200b}1"), "{row}");
        let row = row.replace('\u{200b}', "").replace('\u{a0}', " ");
        insta::assert_snapshot!(row, @r"| [GHSA-x](https://osv.dev/vulnerability/GHSA-x)<br><sub>&lt;img&gt; \#1 \| \[x\](y)</sub> | high 7.5 | <code>six</code> 1\|0 \@everyone<br><sub>bundles a\|&lt;b&gt;</sub> | 2\|&lt;b&gt; | <code>a</code>, <code>b</code>, <code>c</code> and 2 more |");
        assert_eq!(details(&found, 10), None);
        let many = known(&[None; 13]);
        assert_eq!(first_lines(&many).lines().count(), 2 + 2 + SHOWN);
        let (title, rest) = details(&many, 2).expect("has a rest");
        assert_eq!(title, "3 other known vulnerabilities");
        assert!(rest.ends_with("1 more is in the output <code>result</code>.\n\n"), "{rest}");
    }
}
