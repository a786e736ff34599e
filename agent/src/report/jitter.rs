//! Nodes keep out of each other's way: each waits for a time of its own.

use std::time::Duration;

use ferrule_ruleset::name::NodeName;
use sha2::{Digest, Sha256};

/// A node's place among all nodes. It follows from the node's name, so that it needs no randomness and can be told beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(f64);

impl Jitter {
    /// The place of a node.
    pub fn of(node: &NodeName) -> Self {
        let digest = Sha256::digest(node.as_str());
        let leading = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        Self(f64::from(leading) / (f64::from(u32::MAX) + 1.0))
    }

    /// A time from zero to less than this.
    pub fn within(self, span: Duration) -> Duration {
        span.mul_f64(self.0)
    }

    /// A time from nine tenths to eleven tenths of this.
    pub fn around(self, span: Duration) -> Duration {
        span.mul_f64(0.9 + self.0 / 5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_spread_over_the_whole_span() {
        let span = Duration::from_secs(100);
        let mut tenths = [0; 10];
        for number in 0..1000 {
            let jitter = Jitter::of(&NodeName::new(format!("node-{number}")));
            let time = jitter.within(span);
            tenths[usize::try_from(time.as_secs() / 10).unwrap()] += 1;
            assert!((90..110).contains(&jitter.around(span).as_secs()));
        }
        assert!(tenths.iter().all(|count| (60..140).contains(count)), "{tenths:?}");
    }
}
