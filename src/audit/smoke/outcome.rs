//! What happened to the modules that were imported, and what they read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

/// What happened to one module.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Imported(Duration),
    /// The exception and its causes, the outermost first; never empty.
    Raised(Vec<Raised>),
    /// The process ended; says how.
    Died(String),
    /// The import did not finish within this time.
    Hung(Duration),
    /// The time for all modules had run out before.
    NotTried,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Raised {
    /// `ModuleNotFoundError`
    pub(super) kind: String,
    pub(super) message: String,
    /// The module that was not found.
    pub(super) missing: Option<String>,
    /// Whether the exception before was raised `from` this one, and not only while this one was handled.
    #[serde(default)]
    pub(super) explicit: bool,
    /// The environment variable that was not set.
    #[serde(default)]
    pub(super) variable: Option<String>,
    /// The last line of the layer's code that ran, `package/module.py:12`.
    pub(super) place: Option<String>,
}

#[cfg(test)]
impl Raised {
    /// An exception without further details.
    pub(super) fn new(kind: &str, message: &str) -> Self {
        let (kind, message) = (kind.to_owned(), message.to_owned());
        Self { kind, message, missing: None, explicit: false, variable: None, place: None }
    }
}

#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcomes: BTreeMap<String, Outcome>,
    /// Compiled files that modules loaded, as paths on this machine, until [`Self::make_relative`].
    pub(super) loaded: BTreeSet<Utf8PathBuf>,
    /// Compiled files that modules tried to load.
    pub(super) tried: BTreeSet<Utf8PathBuf>,
    /// Modules in whose process one of the user's own modules had been imported when they were.
    pub(super) near_own: BTreeSet<String>,
    /// What the imports read, in their order.
    pub(super) reads: Vec<Reads>,
    /// Whether a module looked for something that was not laid out.
    pub(super) has_missed: bool,
    /// How Python ended before it imported the first module, while it read the layer's `.pth` files.
    pub(super) stopped: Option<String>,
    /// The beginning of what the modules printed.
    pub(super) output: String,
}

/// What the import of a module read.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) module: String,
    /// The number of its process.
    pub(super) process: usize,
    /// Files of the layer that were opened or loaded, as paths on this machine. They may not exist.
    pub(super) files: BTreeSet<Utf8PathBuf>,
    /// Whether another program was started, which could have read anything.
    pub(super) has_started: bool,
}

impl Ran {
    /// Nothing was imported yet.
    pub(super) fn nothing() -> Self {
        Self {
            outcomes: BTreeMap::new(),
            loaded: BTreeSet::new(),
            tried: BTreeSet::new(),
            near_own: BTreeSet::new(),
            reads: Vec::new(),
            has_missed: false,
            stopped: None,
            output: String::new(),
        }
    }

    pub(super) fn was_imported(&self, module: &str) -> bool {
        matches!(self.outcomes.get(module), Some(Outcome::Imported(_)))
    }
}

impl Ran {
    /// Keeps only files of the layer, by their paths in it. `opt` has all the names of its folder.
    pub(super) fn make_relative(&mut self, opt: &[Utf8PathBuf]) {
        let below = |path: &Utf8PathBuf| opt.iter().find_map(|opt| path.strip_prefix(opt).ok()).map(Utf8Path::to_owned);
        let inside = |paths: &BTreeSet<Utf8PathBuf>| paths.iter().filter_map(below).collect();
        (self.loaded, self.tried) = (inside(&self.loaded), inside(&self.tried));
        self.reads.iter_mut().for_each(|reads| reads.files = inside(&reads.files));
    }

    /// Changes the messages of exceptions.
    pub(super) fn rename(&mut self, renamed: impl Fn(&str) -> String) {
        let raised = self.outcomes.values_mut().filter_map(|outcome| match outcome {
            Outcome::Raised(errors) => Some(errors),
            _ => None,
        });
        raised.flatten().for_each(|error| error.message = renamed(&error.message));
    }
}
