//! How much bytecode a layer has room for, and whether that is used up: nobody compiles for ten seconds what does not
//! fit.

use crate::facts;
use crate::layer::Tree;
use crate::process::Host;
use crate::spec::Bytecode;

use super::worker::Module;

/// The largest modules are compiled first. As soon as the first of them, in this order, make more bytecode than there is
/// room for, nothing further is needed; so the answer does not depend on how many interpreters share the work, or on
/// what the cache has.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes; `None` if there is always enough.
    bytes: Option<u64>,
    /// The modules' indexes, the largest first.
    order: Vec<usize>,
    /// For each module the size of its source, and of its bytecode, as far as that is known; both in bytes.
    sources: Vec<u64>,
    made: Vec<Option<u64>>,
    /// How many modules, in their order, are added up, and their bytecode.
    counted: usize,
    sum: u64,
}

impl Room {
    /// With `bytecode: only`, bytecode takes the place of the sources, and a layer that is too large without bytecode is
    /// refused in any case.
    pub(super) fn of(tree: &Tree, modules: &[Module], host: &Host, bytecode: Bytecode) -> Self {
        let before = tree.unzipped_size().0;
        let bytes = facts::limits().unzipped_size.checked_sub(before).filter(|_| bytecode != Bytecode::Only);
        let known = |module: &Module| {
            let known = tree.compiled.get(&module.place).filter(|known| known.python == host.build)?;
            Some(known.made.as_ref().map_or(0, |made| made.size.0))
        };
        Self::new(bytes, modules.iter().map(|module| module.size.0).collect(), modules.iter().map(known).collect())
    }

    fn new(bytes: Option<u64>, sources: Vec<u64>, made: Vec<Option<u64>>) -> Self {
        let mut order: Vec<usize> = (0..sources.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(sources[*index]));
        let mut room = Self { bytes, order, sources, made, counted: 0, sum: 0 };
        room.count();
        room
    }

    /// The modules' indexes in the order in which they should be compiled.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Notes the bytecode of a module, in bytes; 0 for one that cannot be compiled.
    pub(super) fn note(&mut self, module: usize, bytes: u64) {
        self.made[module] = Some(bytes);
        self.count();
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.bytes.is_some_and(|bytes| self.sum > bytes)
    }

    /// What all modules would make, in bytes, if the others are like those that were added up.
    pub(super) fn estimate(&self) -> u64 {
        let counted: u64 = self.order[..self.counted].iter().map(|module| self.sources[*module]).sum();
        let all: u64 = self.sources.iter().sum();
        let estimate = u128::from(self.sum) * u128::from(all) / u128::from(counted.max(1));
        u64::try_from(estimate).unwrap_or(u64::MAX).max(self.sum)
    }

    fn count(&mut self) {
        while !self.is_used_up()
            && let Some(module) = self.order.get(self.counted)
            && let Some(bytes) = self.made[*module]
        {
            self.sum += bytes;
            self.counted += 1;
        }
    }
}

#[cfg(test)]
impl Room {
    pub(super) fn endless(modules: &[Module]) -> Self {
        Self::new(None, modules.iter().map(|module| module.size.0).collect(), vec![None; modules.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_does_not_depend_on_who_is_done_first() {
        let made = [150, 90, 200, 40, 10];
        let sources = vec![100, 60, 120, 50, 10];
        let of = |bytes: u64, noted: &[usize]| {
            let mut room = Room::new(Some(bytes), sources.clone(), vec![None; 5]);
            for module in noted {
                room.note(*module, made[*module]);
            }
            (room.is_used_up(), room.estimate())
        };
        // The largest module is the third: with the first, it is too much for 300 bytes.
        for noted in [&[0, 2][..], &[2, 0], &[4, 3, 1, 0, 2], &[2, 4, 0]] {
            assert_eq!(of(300, noted), (true, 350 * 340 / 220), "{noted:?}");
        }
        assert_eq!(of(300, &[0, 1, 3, 4]), (false, 0));
        assert_eq!(of(490, &[0, 1, 2, 3, 4]), (false, 490));
        let known = Room::new(Some(300), sources.clone(), made.map(Some).to_vec());
        assert!(known.is_used_up() && known.estimate() == 350 * 340 / 220);
        assert!(!Room::new(None, sources.clone(), made.map(Some).to_vec()).is_used_up());
    }
}
