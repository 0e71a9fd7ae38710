//! Finds the lines that cause the problems of layers. A problem that many layers share is reported once.

use super::expand::{Origin, Wanted};
use super::problem::{Problem, Span};
use crate::error::Failure;

/// Further problems are only counted, because just the first few are shown, and finding the lines of tens of thousands
/// takes long.
const MOST: usize = 1000;

#[derive(Debug)]
pub(super) struct Wrong {
    /// How many layers there are.
    layers: usize,
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    span: Option<Span>,
    failure: Failure,
    /// Whether the line is in the layer itself, so that it is clear which layer is meant.
    is_own: bool,
    /// The name of the first layer with this problem.
    layer: String,
    count: usize,
}

impl Wrong {
    pub(super) fn new(layers: usize) -> Self {
        Self { layers, found: Vec::new() }
    }

    /// Adds the problems of one layer, one by one.
    pub(super) fn add(&mut self, layer: &Wanted, failure: Failure) {
        let parts = if failure.each.is_empty() { vec![failure] } else { failure.each };
        for failure in parts {
            if self.found.len() >= MOST {
                let (span, layer) = (Some(layer.span), layer.name.clone());
                self.found.push(Found { span, failure, is_own: true, layer, count: 1 });
                continue;
            }
            let place = place(&failure.message, layer);
            // A missing value may be one that could not be read.
            if place.is_none() && layer.is_broken {
                continue;
            }
            let (span, is_own) = place.unwrap_or((Some(layer.span), true));
            let same = |found: &&mut Found| found.span == span && found.failure == failure;
            match self.found.iter_mut().find(same) {
                Some(known) => known.count += 1,
                None => self.found.push(Found { span, failure, is_own, layer: layer.name.clone(), count: 1 }),
            }
        }
    }

    pub(super) fn into_problems(self) -> impl Iterator<Item = Problem> {
        let all = self.layers;
        self.found.into_iter().map(move |Found { span, mut failure, is_own, layer, count }| {
            if !is_own && count < all {
                let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                failure.message = format!("layer `{layer}`{more}: {}", failure.message);
            }
            Problem::of(span, failure)
        })
    }
}

/// The value that a message is about, and whether it is the layer's own: the value of the first input in the message,
/// or the quoted value.
fn place(message: &str, layer: &Wanted) -> Option<(Option<Span>, bool)> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let at = |origin: &Origin| (origin.span, !origin.is_default);
    if let Some(values) = quoted.first().and_then(|input| layer.origins.get(*input)) {
        let item = values.iter().find(|value| quoted.iter().any(|quoted| value.text == *quoted));
        if let Some(origin) = item.or(values.first()) {
            return Some(at(origin));
        }
    }
    let all = || layer.origins.values().flatten();
    let quoted = quoted.first().filter(|quoted| quoted.len() > 1);
    let exact = quoted.and_then(|quoted| all().find(|value| value.text == *quoted));
    let origin = exact.or_else(|| quoted.and_then(|quoted| all().find(|value| value.text.contains(quoted))));
    origin.map(at)
}
