//! The report as one HTML page: style, program and data are in it, and it asks for nothing.

mod data;
mod text;

use crate::report::Report;
use crate::types::Digest;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// One program, in files by what they do; each uses what stands before it.
const PROGRAM: &str = concat!(
    include_str!("layer.js"),
    include_str!("elements.js"),
    include_str!("treemap.js"),
    include_str!("map.js"),
    include_str!("sections.js"),
    include_str!("search.js"),
);

/// The same report gives the same bytes: neither times nor anything random is in it.
pub fn page(report: &Report) -> String {
    let data = data::of(report);
    // The browser runs this program and applies this style alone, whatever a name in the data manages to look like.
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        source_of(PROGRAM),
        source_of(STYLE)
    );
    let headline = format!("{} {}", report.layer_name, report.headline());
    let title = text::html(&text::visible(&headline, data::NAME));
    filled(TEMPLATE, |name| match name {
        "policy" => &policy,
        "title" => &title,
        "style" => STYLE,
        "data" => &data,
        "program" => PROGRAM,
        _ => unreachable!("the template has no other places"),
    })
}

/// As a Content Security Policy names what stands in the page.
fn source_of(inline: &str) -> String {
    format!("sha256-{}", Digest::of(inline.as_bytes()).base64())
}

/// Puts values in the place of `{{name}}`. What is in a value stays as it is.
fn filled<'a>(template: &'a str, value: impl Fn(&str) -> &'a str) -> String {
    let mut parts = template.split("{{");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").expect("the template closes its places");
        page.push_str(value(name));
        page.push_str(rest);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_templates() {
        let page = filled("<a>{{title}}</a>{{data}}", |name| if name == "title" { "{{data}}" } else { "1" });
        assert_eq!(page, "<a>{{data}}</a>1");
    }

    #[test]
    fn nothing_in_the_program_ends_it() {
        assert!(!PROGRAM.contains("</") && !PROGRAM.contains("<!--"), "the browser would end the script there");
        assert!(!STYLE.contains("</"));
    }
}
