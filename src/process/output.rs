//! Shortens the output of a tool to the lines that help the user.

/// A tool's own explanation: its `error:` and `cause:` lines with their continuation lines, or else the last lines of
/// the output.
pub(crate) fn causes(output: &str) -> Vec<String> {
    let starts = |line: &str| ["error:", "cause:", "ERROR:"].iter().any(|marker| line.trim_start().starts_with(marker));
    let mut causes: Vec<String> = Vec::new();
    for line in output.lines().skip_while(|line| !starts(line)) {
        let text = line.trim();
        if text.is_empty() || text.starts_with("hint:") {
            continue;
        }
        if starts(line) {
            let text = text.split_once(':').map_or(text, |(_, rest)| rest.trim());
            causes.push(text.to_owned());
        } else if let Some(last) = causes.last_mut().filter(|last| last.len() < 600) {
            last.push(' ');
            last.push_str(text);
        }
    }
    causes.truncate(8);
    if causes.is_empty() { last_lines(output) } else { causes }
}

/// The last six lines that are not empty.
pub(crate) fn last_lines(output: &str) -> Vec<String> {
    let lines: Vec<String> = output.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines[lines.len().saturating_sub(6)..].to_vec()
}
