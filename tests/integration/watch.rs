//! Looks for a secret in everything that a run says, writes and starts.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use camino::{Utf8Path, Utf8PathBuf};

use crate::harness::{Outcome, Run, Sandbox};
use crate::pypi::url_encoded;

/// A secret, and how it might be written.
pub(crate) struct Watched(AhoCorasick);

impl Watched {
    pub(crate) fn new(user: &str, secret: &str) -> Self {
        let encoded = url_encoded(secret);
        let base64 =
            [base64(&format!("{user}:{secret}")), base64(secret)].map(|text| text.trim_end_matches('=').to_owned());
        let in_path = encoded.replace("%2F", "/");
        let spellings = [vec![secret.to_owned(), encoded.to_lowercase(), encoded, in_path], base64.to_vec()].concat();
        Self(AhoCorasick::new(spellings).expect("are few"))
    }

    /// Any of these texts, which look the same in a URL.
    pub(crate) fn any(texts: &[&str]) -> Self {
        Self(AhoCorasick::new(texts).expect("are few"))
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Runs to the end, and looks at the arguments of all processes meanwhile. They must not have it, and some of them
    /// must have been those of `child`.
    #[track_caller]
    pub(crate) fn run(&self, run: Run, child: &str) -> Outcome {
        let is_over = AtomicBool::new(false);
        let mut others = Others(processes());
        let (outcome, seen) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut seen = BTreeSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    seen.extend(others.command_lines_of_new());
                    // Processes live longer than this, and the run needs the processor, too.
                    std::thread::sleep(Duration::from_millis(1));
                }
                seen
            });
            let outcome = run.run();
            is_over.store(true, Ordering::Relaxed);
            (outcome, watcher.join().expect("does not panic"))
        });
        let having: Vec<_> =
            seen.iter().filter(|line| self.is_in(line)).map(|line| String::from_utf8_lossy(line)).collect();
        assert!(having.is_empty(), "{having:?}");
        let is_child = |line: &&Vec<u8>| String::from_utf8_lossy(line).contains(child);
        assert!(seen.iter().any(|line| is_child(&line)), "no `{child}` was seen");
        outcome
    }

    /// It is in nothing that was printed, but where the runner is told to hide it, and in no file of the sandbox but
    /// those in these places; zips are opened.
    #[track_caller]
    pub(crate) fn is_nowhere(&self, sandbox: &Sandbox, outcome: &Outcome, given_in: &[Utf8PathBuf]) {
        for text in [&outcome.stdout, &outcome.stderr] {
            let lines = text.lines().filter(|line| !line.starts_with("::add-mask::"));
            assert_eq!(lines.filter(|line| self.is_in(line.as_bytes())).collect::<Vec<_>>(), [""; 0]);
        }
        for entry in walkdir::WalkDir::new(sandbox.root()) {
            let entry = entry.expect("is readable");
            let path = Utf8Path::from_path(entry.path()).expect("is UTF-8");
            if entry.path_is_symlink() || given_in.iter().any(|given| path.starts_with(given)) {
                continue;
            }
            assert!(!self.is_in(path.as_str().as_bytes()), "`{path}` is named after it");
            if entry.file_type().is_file() {
                assert!(!self.is_in(&fs_err::read(path).expect("is readable")), "`{path}` has it");
            }
            if path.extension() == Some("zip") {
                for (name, member) in crate::zip::members(path) {
                    assert!(!self.is_in(&member.bytes), "`{name}` in `{path}` has it");
                }
            }
        }
    }

    /// It is in no file of a folder that others use as well, among those that are newer than `marker`.
    #[track_caller]
    pub(crate) fn is_not_in_newer(&self, folder: &Utf8Path, marker: &Utf8Path) {
        let modified = |path: &std::path::Path| fs_err::symlink_metadata(path).and_then(|metadata| metadata.modified());
        let start = modified(marker.as_std_path()).expect("is there");
        // What is gone by now was somebody else's.
        for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
            let path = entry.path();
            if modified(path).is_ok_and(|time| time >= start) {
                assert!(!self.is_in(path.as_os_str().as_encoded_bytes()), "`{}` is named after it", path.display());
                let bytes =
                    if entry.file_type().is_file() { fs_err::read(path).unwrap_or_default() } else { Vec::new() };
                assert!(!self.is_in(&bytes), "`{}` has it", path.display());
            }
        }
    }
}

/// Processes that ran before there was anything to watch: most of those of a machine.
struct Others(BTreeSet<u32>);

impl Others {
    /// Arguments of all other processes that can be seen now.
    fn command_lines_of_new(&mut self) -> Vec<Vec<u8>> {
        let now = processes();
        // Numbers are given out again.
        self.0.retain(|process| now.contains(process));
        let lines = now.difference(&self.0).filter_map(|process| {
            let mut line = Vec::new();
            // It may be over by now.
            fs_err::File::open(format!("/proc/{process}/cmdline")).ok()?.read_to_end(&mut line).ok()?;
            Some(line)
        });
        lines.collect()
    }
}

/// Numbers of all processes that can be seen now.
fn processes() -> BTreeSet<u32> {
    let entries = fs_err::read_dir("/proc").expect("is Linux").filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
