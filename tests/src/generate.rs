//! Random clusters, flows that probe their edges, and the smallest case that still fails.
//!
//! Everything follows from a seed, so that a failure is named by one number.

mod cluster;
mod entity;
mod flows;
mod kubernetes;
mod policies;
mod rng;
mod selectors;
mod shrink;
mod vocabulary;

use serde_json::Value;

pub use self::{rng::Rng, shrink::shrink};
use crate::flow::Flow;

/// Whether the generator may write what cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Only objects that an API server would admit.
    Valid,
    /// Now and then a rule or policy that it would not.
    Mixed,
}

/// A cluster and flows to judge in it.
#[derive(Debug)]
pub struct Universe {
    /// The objects, as a manifest directory would hold them.
    pub objects: Vec<Value>,
    /// The flows.
    pub flows: Vec<Flow>,
}

impl Universe {
    /// The universe of a seed, with so many flows.
    pub fn of(seed: u64, validity: Validity, flows: usize) -> Self {
        let mut rng = Rng::new(seed);
        let (mut vocabulary, mut objects) = cluster::generate(&mut rng);
        objects.extend(policies::generate(&mut rng, &mut vocabulary, validity));
        let flows = (0..flows).map(|_| flows::generate(&mut rng, &vocabulary)).collect();
        Self { objects, flows }
    }
}
