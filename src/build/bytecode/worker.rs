//! Runs the interpreters that compile modules, one per core.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::marshal;
use super::marshal::CodeLayout;
use super::room::Room;
use crate::environment::Environment;
use crate::error::Failure;
use crate::process::{Host, child};
use crate::types::{ByteSize, Digest};

const SCRIPT: &str = include_str!("compile.py");
/// Bytes of source that an interpreter gets at once, small enough that all cores finish at about the same time.
const CHUNK: u64 = 128 * 1024;
/// The stack size of a thread in bytes: `marshal` allows code that is nested 2000 levels deep.
const STACK: usize = 16 << 20;

/// A module of a layer.
#[derive(Clone, Debug)]
pub(super) struct Module {
    /// The path in the layer, relative to `/opt`.
    pub(super) place: Utf8PathBuf,
    /// Of its source.
    pub(super) size: ByteSize,
}

/// A compiled module.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) file: Utf8PathBuf,
    pub(super) digest: Digest,
    pub(super) size: ByteSize,
}

/// What to compile, and with what.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) modules: &'a [Module],
    /// The indexes of the modules to compile, each with the file of its source.
    pub(super) asked: &'a [(usize, Utf8PathBuf)],
    /// The folder for the bytecode.
    pub(super) folder: &'a Utf8Path,
    pub(super) host: &'a Host,
    pub(super) layout: CodeLayout,
    pub(super) environment: &'a Environment,
}

/// Compiles modules until all are done or the room for them is used up: with so many interpreters, of which the first may
/// be running already. The result is `None` for a module that cannot be compiled. The same modules give the same bytes,
/// however many interpreters share the work.
pub(super) fn compile_all(
    work: &Work<'_>,
    (first, interpreters): (Option<Interpreter>, usize),
    room: &mut Room,
) -> anyhow::Result<Vec<(usize, Option<Compiled>)>> {
    let sources: BTreeMap<usize, &Utf8Path> =
        work.asked.iter().map(|(index, source)| (*index, source.as_path())).collect();
    let order: Vec<usize> = room.order().iter().copied().filter(|index| sources.contains_key(index)).collect();
    let chunks = chunks(&order, work.modules);
    let next = AtomicUsize::new(0);
    let (room, first) = (Mutex::new(room), Mutex::new(first));
    let is_used_up = || room.lock().unwrap_or_else(PoisonError::into_inner).is_used_up();
    let note = |index: usize, compiled: Option<&Compiled>| {
        let bytes = compiled.map_or(0, |compiled| compiled.size.0);
        room.lock().unwrap_or_else(PoisonError::into_inner).note(index, bytes);
    };
    let run = || -> anyhow::Result<Vec<(usize, Option<Compiled>)>> {
        let mut interpreter = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut done = Vec::new();
        while !is_used_up()
            && let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let mut left = *chunk;
            while !left.is_empty() {
                let mut running = match interpreter.take() {
                    Some(running) => running,
                    None => Interpreter::start(work.host, work.environment)?,
                };
                running.ask(left.iter().map(|index| (sources[index], work.modules[*index].place.as_path())));
                let mut answered = 0;
                while let Some(index) = left.get(answered)
                    && let Some(frame) = running.answer()
                {
                    let pyc = pyc(&running.magic, &frame, work.layout);
                    let compiled = pyc.map(|pyc| keep(&pyc, work.folder, *index)).transpose()?;
                    note(*index, compiled.as_ref());
                    done.push((*index, compiled));
                    answered += 1;
                }
                if answered == left.len() {
                    interpreter = Some(running);
                } else {
                    // If an answer is missing, the interpreter crashed on that module. Only that module is skipped.
                    note(left[answered], None);
                    done.push((left[answered], None));
                }
                left = left.get(answered + 1..).unwrap_or_default();
            }
        }
        Ok(done)
    };
    let mut compiled = Vec::new();
    std::thread::scope(|scope| {
        let threads = (0..interpreters.min(chunks.len()))
            .map(|_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run))
            .collect::<Result<Vec<_>, _>>()?;
        for thread in threads {
            compiled.extend(thread.join().expect("does not panic")?);
        }
        Ok(compiled)
    })
}

fn chunks<'a>(order: &'a [usize], modules: &[Module]) -> Vec<&'a [usize]> {
    let mut chunks = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (position, index) in order.iter().enumerate() {
        size += modules[*index].size.0;
        if size >= CHUNK {
            chunks.push(&order[start..=position]);
            (start, size) = (position + 1, 0);
        }
    }
    if start < order.len() {
        chunks.push(&order[start..]);
    }
    chunks
}

/// A `.pyc` that Python never compares with its source (PEP 552), made from the hash of the source and the marshalled
/// code.
fn pyc(magic: &[u8], answer: &[u8], layout: CodeLayout) -> Option<Vec<u8>> {
    const UNCHECKED_HASH: [u8; 4] = 1_u32.to_le_bytes();
    let (hash, code) = answer.split_at_checked(8)?;
    let code = marshal::normalized(code, layout)?;
    Some([magic, &UNCHECKED_HASH, hash, &code].concat())
}

fn keep(pyc: &[u8], folder: &Utf8Path, index: usize) -> anyhow::Result<Compiled> {
    let file = folder.join(format!("{index}.pyc"));
    fs_err::write(&file, pyc)?;
    Ok(Compiled { file, digest: Digest::of(pyc), size: ByteSize(pyc.len() as u64) })
}

/// A running Python. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Interpreter {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The magic number of its bytecode.
    magic: Vec<u8>,
}

impl Interpreter {
    pub(super) fn start(host: &Host, environment: &Environment) -> anyhow::Result<Self> {
        let mut command = child::command(host.executable.as_str(), Utf8Path::new("/"), environment);
        // Warnings about the sources concern only their authors.
        command.args(["-I", "-S", "-W", "ignore", "-c", SCRIPT]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("could not start `{}`", host.executable))?;
        let input = child.stdin.take().context("has no standard input")?;
        let output = BufReader::new(child.stdout.take().context("has no standard output")?);
        let mut interpreter = Self { child, input, output, magic: Vec::new() };
        interpreter.magic = interpreter.answer().ok_or_else(|| {
            Failure::system(format!("`{}` cannot compile Python", host.executable))
                .cause("it exited before it received anything to compile")
                .hint("repair that Python installation, or use `bytecode: none`")
        })?;
        Ok(interpreter)
    }

    /// Sends modules to the interpreter, each with the file of its source and its path in the layer. If it has died,
    /// [`Self::answer`] shows that.
    fn ask<'a>(&mut self, modules: impl Iterator<Item = (&'a Utf8Path, &'a Utf8Path)>) {
        let fields: Vec<String> = modules.map(|(source, place)| format!("{source}\0/opt/{place}\0")).collect();
        let frame = fields.concat();
        let length = u32::try_from(frame.len()).unwrap_or_default().to_le_bytes();
        self.input.write_all(&length).and_then(|()| self.input.write_all(frame.as_bytes())).ok();
    }

    fn answer(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).ok()?;
        let mut frame = vec![0; usize::try_from(u32::from_le_bytes(length)).ok()?];
        self.output.read_exact(&mut frame).ok()?;
        Some(frame)
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Modules with the files of their sources.
    fn modules(sources: &[(&str, &str)], folder: &Utf8Path) -> Vec<(Module, Utf8PathBuf)> {
        fs_err::create_dir_all(folder).expect("can be made");
        let module = |(place, source): &(&str, &str)| {
            let file = folder.join(place.replace('/', "-"));
            fs_err::write(&file, source).expect("can be written");
            (Module { place: place.into(), size: ByteSize(source.len() as u64) }, file)
        };
        sources.iter().map(module).collect()
    }

    fn compile(
        modules: &[(Module, Utf8PathBuf)],
        interpreters: usize,
        host: &Host,
        folder: &Utf8Path,
    ) -> anyhow::Result<Vec<Option<Vec<u8>>>> {
        let layout = CodeLayout::of(host.version.parse().expect("Lambda has it"));
        let asked: Vec<_> = modules.iter().map(|(_, file)| file.clone()).enumerate().collect();
        let modules: Vec<Module> = modules.iter().map(|(module, _)| module.clone()).collect();
        let environment = Environment::default();
        let work = Work { modules: &modules, asked: &asked, folder, host, layout, environment: &environment };
        let mut done = compile_all(&work, (None, interpreters), &mut Room::endless(&modules))?;
        done.sort_by_key(|(index, _)| *index);
        Ok(done.into_iter().map(|(_, module)| Some(fs_err::read(module?.file).expect("is there"))).collect())
    }

    /// Code that `marshal` writes differently from run to run: sets, names that another module also has, single
    /// letters.
    const SOURCES: &[(&str, &str)] = &[
        ("python/a.py", "é = 1\ndef f(x): return x in {'one', 'two', 'three', None, 'four'}\n"),
        ("python/b.py", "import gc, os.path\ndef compiled(path, name): return path + 'é,' + ',' + 'é'\n"),
        ("python/c.py", "# coding: latin-1\ncodec = getregentry = 'latin_1'\n"),
        ("python/d.py", "def getregentry(encode): return (encode, encode.latin_1, 1.5, 1 << 40, b'x', 2j)\n"),
        ("python/bad.py", "print 'two'\n"),
    ];

    fn compiled(
        modules: &[(Module, Utf8PathBuf)],
        interpreters: usize,
        host: &Host,
        folder: &Utf8Path,
    ) -> Vec<Option<Vec<u8>>> {
        fs_err::create_dir_all(folder).expect("can be made");
        compile(modules, interpreters, host, folder).expect("compiles")
    }

    #[expect(clippy::disallowed_methods, reason = "tests have no other way to find an interpreter")]
    fn search_path() -> String {
        std::env::var("PATH").expect("is set")
    }

    #[test]
    fn order_number_of_interpreters_and_folders_change_no_byte() {
        let keep = tempfile::tempdir().expect("can be made");
        let folder = crate::files::utf8(keep.path()).expect("is UTF-8");
        let variables = [("PATH".to_owned(), search_path())].into();
        let environment = Environment::new(variables, "/".into());
        // All Pythons of this machine.
        for runtime in crate::facts::runtimes() {
            let target = crate::types::Target {
                python: runtime.python.parse().expect("is known"),
                architecture: crate::types::Architecture::X86_64,
            };
            let Some(host) = Host::find(target, &environment).filter(|host| host.version == runtime.python) else {
                continue;
            };
            let one = compiled(&modules(SOURCES, &folder.join("one")), 1, &host, &folder.join(&runtime.python));
            assert_eq!(one.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, true, false]);
            // Each in a new interpreter, so that nothing was compiled before it.
            for (index, source) in SOURCES.iter().enumerate() {
                let place = folder.join(format!("{}-{index}", runtime.python));
                let alone = compiled(&modules(&[*source], &folder.join("two")), 1, &host, &place);
                assert_eq!(alone[0], one[index], "{} by {}", source.0, runtime.python);
            }
        }
    }

    /// A shell script in place of Python.
    fn scripted(folder: &Utf8Path, script: &str) -> Host {
        use std::os::unix::fs::PermissionsExt as _;
        let program = folder.join("python");
        fs_err::write(&program, format!("#!/bin/sh\n{script}\n")).expect("can be written");
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("can be changed");
        let mut host = serde_json::json!({"version": "3.13", "platform": "linux", "glibc": "2.34", "is_whole": true, "is_release": true});
        host["executable"] = program.as_str().into();
        serde_json::from_value(host).expect("is a host")
    }

    #[test]
    fn an_interpreter_that_dies_costs_one_module() {
        let keep = tempfile::tempdir().expect("can be made");
        let folder = crate::files::utf8(keep.path()).expect("is UTF-8");
        let modules = modules(SOURCES, folder);
        // The script answers the first module and never the second.
        let host = scripted(folder, r"printf '\4\0\0\0abcd\11\0\0\0hash1234N'");
        let done = compiled(&modules, 1, &host, folder);
        assert_eq!(done.iter().flatten().count(), 3);
        assert_eq!(done.iter().flatten().next().expect("is there"), b"abcd\x01\0\0\0hash1234N");
    }

    #[test]
    fn an_interpreter_that_does_not_start_is_named() {
        let keep = tempfile::tempdir().expect("can be made");
        let folder = crate::files::utf8(keep.path()).expect("is UTF-8");
        let host = scripted(folder, "exit 1");
        let failure = compile(&modules(SOURCES, folder), 2, &host, folder);
        assert!(failure.expect_err("cannot").to_string().contains(host.executable.as_str()));
    }
}
