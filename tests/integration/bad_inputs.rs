//! Inputs that chance has damaged: whatever stands in them, the program ends by itself, soon, with little memory, with an
//! exit code that is documented, and says why.
//!
//! `BAD_INPUTS` is how many are tried, `BAD_INPUTS_SEED` which; `BAD_INPUTS_CASE` is the number of one that is tried alone.
//! What a failed case was made of stays in `target/tmp/bad-inputs/`.

mod cases;
mod chance;
mod damage;
mod elf;
mod examples;
mod zips;

use std::num::NonZero;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cases::Case;

use crate::harness::{Sandbox, environment, tools};

const MOST_MEMORY: u64 = 500 << 20;
/// Of the processor: a machine with much to do makes nobody slow.
const MOST_SECONDS: u32 = 5;
/// For one that waits for something.
const MOST_WAITING: Duration = Duration::from_mins(1);

#[test]
fn no_input_makes_it_crash_or_hang() {
    let number = |name: &str, otherwise: u64| {
        environment(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("`{name}` is `{text}`")))
    };
    let seed = number("BAD_INPUTS_SEED", 1);
    let count = usize::try_from(number("BAD_INPUTS", 300)).expect("is small");
    let numbers: Vec<usize> = match environment("BAD_INPUTS_CASE") {
        Some(_) => vec![usize::try_from(number("BAD_INPUTS_CASE", 0)).expect("is small")],
        None => (0..count).collect(),
    };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut faults = Vec::new();
        while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-inputs/{seed}-{number}"));
            if let Err(fault) = tried(&cases::made(seed, *number), &folder) {
                faults.push(format!("BAD_INPUTS_SEED={seed} BAD_INPUTS_CASE={number}: {fault} ({folder})"));
            }
        }
        faults
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let faults: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("does not panic")).collect()
    });
    assert!(faults.is_empty(), "{} of {} inputs\n{}", faults.len(), numbers.len(), faults.join("\n"));
}

/// If the examples were refused, what is behind the first check would never be reached.
#[test]
fn the_inputs_are_right_before_they_are_damaged() {
    let mut refused = Vec::new();
    for case in cases::right() {
        let (end, sandbox) = run(&case);
        let stderr = fs_err::read_to_string(sandbox.root().join("stderr")).expect("is there");
        if end.status.code() != Some(0) {
            refused.push(format!("{:?}\n{stderr}", case.arguments));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// How a run ended.
struct End {
    status: ExitStatus,
    /// The most that was resident at once, in bytes.
    memory: u64,
    is_late: bool,
}

/// What is wrong with how the program takes the case; then it is written into the folder.
fn tried(case: &Case, folder: &Utf8Path) -> Result<(), String> {
    let (end, sandbox) = run(case);
    let said = |name: &str| fs_err::read(sandbox.root().join(name)).expect("is there");
    let stderr = String::from_utf8_lossy(&said("stderr")).into_owned();
    // A step tells its errors as commands to the runner, which reads standard output.
    let told = stderr.clone() + &String::from_utf8_lossy(&said("stdout"));
    let fault = fault(&end, &told).or_else(|| {
        let is_text = ["stdout", "stderr"].iter().all(|name| String::from_utf8(said(name)).is_ok());
        (!is_text).then(|| "wrote something that is not UTF-8".to_owned())
    });
    fault.map_or(Ok(()), |fault| {
        keep(case, &stderr, folder);
        Err(fault)
    })
}

fn fault(end: &End, told: &str) -> Option<String> {
    // SIGXCPU, of the limit below.
    const OUT_OF_TIME: i32 = 24;
    let (code, signal) = (end.status.code(), end.status.signal());
    if end.is_late {
        return Some(format!("was not done after {} s", MOST_WAITING.as_secs()));
    }
    if signal == Some(OUT_OF_TIME) {
        return Some(format!("took more than {MOST_SECONDS} s of the processor"));
    }
    if told.contains("panicked") || code == Some(101) {
        let line = told.lines().find(|line| line.contains("panicked")).unwrap_or_default();
        return Some(format!("panicked: {line}"));
    }
    if let Some(signal) = signal {
        return Some(format!("was ended by signal {signal}: {}", told.lines().last().unwrap_or_default()));
    }
    if end.memory > MOST_MEMORY {
        return Some(format!("took {} MB of memory", end.memory >> 20));
    }
    let is_told = told.lines().any(|line| line.starts_with("error:") || line.starts_with("::error"));
    match code {
        Some(0) => None,
        Some(1 | 2) if is_told => None,
        Some(1 | 2) => Some("failed and does not say why".to_owned()),
        other => Some(format!("ended with {other:?}, which is documented nowhere")),
    }
}

fn run(case: &Case) -> (End, Sandbox) {
    let sandbox = Sandbox::new();
    lay(&case.files, &sandbox.path(""));
    let output = |name: &str| fs_err::File::create(sandbox.root().join(name)).expect("can be made").into_file();
    // The second limit is far above what is allowed: it keeps the machine alive.
    let limits = format!("ulimit -t {MOST_SECONDS} && ulimit -d 1000000 && ulimit -f 2000000 && exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &limits, env!("CARGO_BIN_EXE_lambda-layer")]).args(&case.arguments);
    command.current_dir(sandbox.path("")).stdin(std::process::Stdio::null());
    command.stdout(output("stdout")).stderr(output("stderr")).env_clear();
    let home = sandbox.root().join("home");
    command.env("PATH", if case.needs_installer { tools().path() } else { home.to_string() }).env("HOME", &home);
    // Nobody is asked anything.
    for (name, value) in [("UV_OFFLINE", "1"), ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_MAX_ATTEMPTS", "1")] {
        command.env(name, value);
    }
    command.env("GITHUB_API_URL", "http://127.0.0.1:9").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    command.env("GITHUB_WORKSPACE", sandbox.path(""));
    command.envs(case.variables.iter().map(|(name, value)| (name, value)));
    let child = command.spawn().expect("can be started");
    (watched(child), sandbox)
}

/// A path that cannot be, or that stands twice, is left out.
fn lay(files: &cases::Files, root: &Utf8Path) {
    for (path, bytes) in files {
        let place = root.join(path);
        fs_err::create_dir_all(place.parent().expect("has a parent")).expect("can be made");
        fs_err::write(place, bytes).expect("can be written");
    }
}

/// Waits for the end, and looks at the memory meanwhile.
fn watched(mut child: Child) -> End {
    let status = Utf8PathBuf::from(format!("/proc/{}/status", child.id()));
    let (start, mut memory, mut is_late) = (Instant::now(), 0, false);
    loop {
        let text = fs_err::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        memory = memory.max(kilobytes.unwrap_or(0) << 10);
        if let Some(status) = child.try_wait().expect("is ours") {
            return End { status, memory, is_late };
        }
        if start.elapsed() > MOST_WAITING && !is_late {
            is_late = true;
            child.kill().expect("is ours");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Everything that is needed to try it by hand.
fn keep(case: &Case, stderr: &str, folder: &Utf8Path) {
    fs_err::remove_dir_all(folder).ok();
    lay(&case.files, &folder.join("workspace"));
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let words = case.variables.iter().map(|(name, value)| quoted(&format!("{name}={value}")));
    let words = words.chain(["lambda-layer".to_owned()]).chain(case.arguments.iter().map(|argument| quoted(argument)));
    fs_err::write(folder.join("command"), format!("env {}\n", words.collect::<Vec<_>>().join(" "))).expect("is ours");
    fs_err::write(folder.join("stderr"), stderr).expect("is ours");
}
