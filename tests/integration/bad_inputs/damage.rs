//! What happens to files: on disks, in transfers, in editors, in merges, and by people who want to do harm.

use super::chance::Chance;

/// Of texts whose form is not known, and of the numbers and names in them.
const TEXTS: &[&str] = &[
    "",
    " ",
    "..",
    "../../etc/passwd",
    "/",
    "//",
    "C:\\x",
    "-",
    "--",
    "-r",
    "*",
    "**",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "%",
    "%s",
    "$X",
    "${X}",
    "${{ x }}",
    "$(x)",
    "`x`",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "#",
    ";",
    ":",
    ",",
    "=",
    "==",
    ">=",
    "<",
    "~=1",
    "1",
    "1.",
    ".1",
    "1!2.3+local",
    "1.0.*",
    "latest",
    "null",
    "true",
    "NaN",
    "inf",
    "0x7f",
    "1e999",
    "1e-999",
    "é",
    "\u{202e}",
    "\u{0}",
    "\u{1b}[2J",
    "::error::x",
    "\u{feff}",
    "\u{1f40d}",
    "http://",
    "http://[::1",
    "https://u:p@h:99999/",
    "file:///",
    "file://h/x",
    "git+ssh://@",
    "git+https://h/x@y#egg=z",
    "x @ https://h/x-1-py3-none-any.whl",
    "sha256:",
    "sha256:zz",
    "--hash=sha256:00",
    "python_version < '3'",
    "extra == 'x'",
    "2026-13-45T99:99:99Z",
    "!!python/object:x",
    "&a",
    "*a",
    "<<",
    "|",
    ">",
    "---",
    "...",
    "@",
    "&",
    "? x",
    "py3-none-any",
    "arn:aws:lambda:::layer:x:1",
    "<<<<<<< HEAD",
];

const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "-0",
    "1",
    "255",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "1e400",
    "0.1",
    "007",
    "1_000",
    "0x10",
];

/// What opens, and what closes, of the formats that nest.
const NESTS: &[(&str, &str)] = &[
    ("[", "]"),
    ("{\"a\":", "}"),
    ("{a = ", "}"),
    ("(", ")"),
    ("((", ""),
    ("[", ""),
    ("{", ""),
    ("- ", ""),
    ("a: {", ""),
    ("? ", ""),
    ("not ", ""),
    ("!", ""),
    ("<a>", "</a>"),
    ("{a,", "}"),
    ("a.", ""),
    ("a[b],", ""),
    ("[a.", "]"),
    ("\n[[a]]", ""),
    ("(a OR ", ")"),
    ("a AND ", ""),
    ("\"", ""),
    ("\\", ""),
    ("/", ""),
    ("../", ""),
    ("a/", ""),
    ("*", ""),
    ("**/", ""),
    ("1.", ""),
    ("x; ", ""),
    ("-r ", ""),
    ("&a [*a, ", "]"),
    ("python_version<'3' or ", ""),
    ("(python_version<'3' and ", ")"),
];

/// Of an input that was made larger, in bytes.
const LARGEST: usize = 4 << 20;

/// So many copies of something of this size as make it no larger.
pub(super) fn at_most(times: usize, size: usize) -> usize {
    times.min(LARGEST / size.max(1)).max(1)
}

fn deep(chance: &mut Chance) -> String {
    let (open, close) = chance.pick(NESTS);
    let times = chance.pick(&[100, 1000, 10_000, 100_000]);
    format!("{}1{}", open.repeat(times), close.repeat(times))
}

/// Something that stands where a value was.
pub(super) fn value(chance: &mut Chance) -> String {
    match chance.below(12) {
        0..5 => chance.pick(TEXTS).to_owned(),
        5 | 6 => chance.pick(NUMBERS).to_owned(),
        7 => format!("\"{}\"", chance.pick(TEXTS)),
        8 => format!("\"{}\"", chance.pick(TEXTS).repeat(20_000)),
        9 => deep(chance),
        10 => format!("{} {}", chance.pick(TEXTS), chance.pick(TEXTS)),
        _ => chance
            .pick(&["[]", "{}", "[[]]", "{\"a\": null}", "[1, \"a\", {}]", "null", "~", "''", "\"\"", "1979-05-27"])
            .to_owned(),
    }
}

/// A thousand million of items, a few lines long.
fn bomb() -> String {
    let lines = (1..10).map(|level| {
        let before = format!("*a{}", level - 1);
        format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "))
    });
    format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", lines.collect::<String>())
}

/// A text with one to four things wrong.
pub(super) fn text(text: &str, chance: &mut Chance) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=chance.below(4) {
        bytes = match String::from_utf8(bytes) {
            Ok(text) if text.len() > LARGEST => return text.into_bytes(),
            Ok(text) if !chance.one_in(6) => text_once(&text, chance),
            Ok(text) => bytes_once(text.into_bytes(), chance),
            Err(error) => bytes_once(error.into_bytes(), chance),
        };
    }
    bytes
}

fn text_once(text: &str, chance: &mut Chance) -> Vec<u8> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let (at, other) = (chance.below(lines.len()), chance.below(lines.len()));
    match chance.below(20) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, other),
        3 => lines.truncate(at + 1),
        4 => lines = lines.into_iter().map(|line| line + "\r").collect(),
        5 => lines.insert(0, "\u{feff}".to_owned() + &lines[0].clone()),
        6 => lines[at] = format!("{}{}", " ".repeat(chance.below(9)), lines[at]),
        7 => lines = vec![lines.join(" ")],
        8 => lines.insert(at, lines[other].repeat(at_most(chance.pick(&[2, 100, 10_000]), lines[other].len()))),
        9 => lines.insert(at, deep(chance)),
        10 => lines.insert(at, value(chance)),
        11 => lines.insert(at, bomb()),
        12 => {
            let line = lines[at].clone();
            lines.splice(at..=at, (0..at_most(chance.pick(&[3, 1000, 20_000]), line.len())).map(|_| line.clone()));
        }
        13 => lines.insert(at, "x".repeat(chance.pick(&[5000, 70_000, 2_000_000]))),
        14 => lines[at] = with_number(&lines[at], chance),
        _ => lines[at] = with_value(&lines[at], chance),
    }
    lines.join("\n").into_bytes()
}

/// Something else behind the `=` or `:`, in a text, or for a word.
fn with_value(line: &str, chance: &mut Chance) -> String {
    let new = value(chance);
    let ends: Vec<usize> = line.match_indices(['=', ':', ',', '"', ' ']).map(|(at, found)| at + found.len()).collect();
    if ends.is_empty() {
        return new;
    }
    let start = chance.pick(&ends);
    let length = line[start..].find(['"', ',', '}', ']', ';', ' ']).unwrap_or(line.len() - start);
    let end = if chance.one_in(3) { line.len() } else { start + length };
    format!("{}{new}{}", &line[..start], &line[end..])
}

fn with_number(line: &str, chance: &mut Chance) -> String {
    let starts: Vec<usize> = line.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
    if starts.is_empty() {
        return format!("{line}{}", chance.pick(NUMBERS));
    }
    let start = chance.pick(&starts);
    let rest = line[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}{}{rest}", &line[..start], chance.pick(NUMBERS))
}

/// Bytes with one to eight things wrong.
pub(super) fn bytes(bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    (0..=chance.below(8)).fold(bytes, |bytes, _| bytes_once(bytes, chance))
}

fn bytes_once(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    // Tables stand at the start or at the end, as a rule.
    let length = bytes.len();
    let at = match chance.below(3) {
        0 => chance.below(length.min(128)),
        1 => length.saturating_sub(1 + chance.below(length.min(256))),
        _ => chance.below(length),
    };
    let end = (at + chance.below(64)).min(length);
    match chance.below(10) {
        0 if length > 0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..end)),
        3 => {
            let chunk = bytes[at..end].to_vec();
            bytes.splice(at..at, chunk);
        }
        4 => {
            let other = chance.below(length);
            let chunk = bytes[at..end].to_vec();
            bytes.splice(other..other, chunk);
        }
        5 => {
            let bad: &[&[u8]] =
                &[b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r\n", b"\x1b[31m", b"\x80"];
            bytes.splice(at..at, chance.pick(bad).iter().copied());
        }
        _ => {
            let number = chance.pick(&[
                0,
                1,
                0x7f,
                0xff,
                0x7fff,
                0xffff,
                0x7fff_ffff,
                0xffff_ffff,
                1 << 63,
                u64::MAX,
                u64::MAX - 7,
            ]);
            let number = if chance.one_in(3) { chance.next() } else { number };
            let width = chance.pick(&[1, 2, 4, 8]);
            for (place, byte) in bytes[at..].iter_mut().zip(number.to_le_bytes()).take(width) {
                *place = byte;
            }
        }
    }
    bytes
}
