//! The report as one HTML page. Style, program and data are inside, so that it loads nothing.

mod data;
mod text;
mod usage;

use crate::report::Report;
use crate::types::Digest;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The page's program. Its files are in order: each uses only those before it.
const PROGRAM: &str = concat!(
    include_str!("layer.js"),
    include_str!("elements.js"),
    include_str!("treemap.js"),
    include_str!("map.js"),
    include_str!("usage.js"),
    include_str!("sections.js"),
    include_str!("search.js"),
);

/// Renders the page. The same report gives the same bytes: there are no times and nothing random in it.
/// `docs` is the address of this program's documentation.
pub fn page(report: &Report, docs: Option<&str>) -> String {
    let data = data::of(report, docs);
    // The browser runs only this program and applies only this style, whatever a name in the data contains.
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

/// The source expression by which a Content Security Policy allows an inline script or style.
fn source_of(inline: &str) -> String {
    format!("sha256-{}", Digest::of(inline.as_bytes()).base64())
}

/// Replaces each `{{name}}` with its value. Values are not searched again.
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
