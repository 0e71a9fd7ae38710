//! The same work on many things, shared by all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The results in the order of `items`, whoever does what.
///
/// # Errors
/// The first error, by the order of the threads; what was begun is finished.
pub(crate) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || -> anyhow::Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(done) };
            done.push((index, work(item)?));
        }
    };
    let mut done = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        for thread in threads {
            done.extend(thread.join().expect("does not panic")?);
        }
        anyhow::Ok(())
    })?;
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_order_of_their_items() {
        let items: Vec<u64> = (0..100).collect();
        let slow_first = |item: &u64| {
            (0..100 - item).for_each(|_| std::thread::yield_now());
            Ok(item * 2)
        };
        let doubled = side_by_side(&items, slow_first).expect("works");
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(side_by_side(&[0_u8; 0], |_| Ok(())).expect("works").is_empty());
        let failed = side_by_side(&items, |item| if *item == 70 { anyhow::bail!("no") } else { Ok(()) });
        assert_eq!(failed.expect_err("fails").to_string(), "no");
    }
}
