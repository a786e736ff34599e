//! How much a policy may come to.
//!
//! Where a rule of an API lists both peers and ports, the kernel needs a rule for each pair: a text of 50 kB can ask for a million rules, which take
//! minutes to write, and hold up every other policy of the node meanwhile. What is asked for beyond a budget counts as not understood. What grows no faster
//! than the text itself costs nothing here, so that no list of simple rules is ever too long.

use super::field::Problem;
use crate::port::Port;

/// How many rules in excess of its own entries the rules of a policy may come to in one direction.
const MOST: usize = 20_000;
/// Numeric ports up to this many are rules of their own; more of them are a set.
const ALONE: usize = 8;

/// What is left of a policy's budget in one direction.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Budget {
    /// Pays for a rule that stands for all combinations of some lists, each given by what it comes to and how many entries it has.
    pub(super) fn pay(
        &mut self,
        lists: &[(usize, usize)],
        problem: impl FnOnce(String) -> Problem,
    ) -> Result<(), Problem> {
        let product =
            lists.iter().fold(1_usize, |product, (extent, _)| product.saturating_mul((*extent).max(1)));
        let entries: usize = lists.iter().map(|(_, entries)| entries).sum();
        let excess = product.saturating_sub(entries.max(1));
        match self.0.checked_sub(excess) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(problem(format!(
                "its lists combine to about {product} rules, which is too many; join ports to ranges, select peers by fewer selectors, or split the policy"
            ))),
        }
    }
}

/// What a list of ports comes to, and how many it has.
pub(super) fn of_ports(ports: &[Port]) -> (usize, usize) {
    let numbers = ports.iter().filter(|port| matches!(port, Port::Number(_))).count();
    let named = ports.len() - numbers;
    let numbers = if numbers <= ALONE { numbers } else { 1 + numbers / ALONE };
    (numbers + named, ports.len())
}

/// The same of ports by protocol, each of which is a rule of its own.
pub(super) fn of_protocols<'a>(ports: impl IntoIterator<Item = &'a Vec<Port>>) -> (usize, usize) {
    ports.into_iter().fold((0, 0), |(extent, entries), ports| {
        let (more, count) = of_ports(ports);
        (extent + more.max(1), entries + count.max(1))
    })
}
