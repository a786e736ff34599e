//! Random clusters, flows that probe their edges, and the smallest case that still fails.
//!
//! Everything follows from a seed, so that a failure is named by one number.

mod administrative;
mod cluster;
mod entity;
mod flows;
mod kubernetes;
mod node;
mod policies;
mod rng;
mod selectors;
mod shrink;
mod spelling;
mod vocabulary;

use serde_json::Value;

pub use self::{rng::Rng, shrink::shrink, spelling::vary};
use crate::{flow::Flow, reference::Reference};

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
    /// Whether the agents are told to see what was dialled (`nodeport_policy: consistent`).
    pub is_consistent: bool,
}

impl Universe {
    /// The universe of a seed, with so many flows.
    pub fn of(seed: u64, validity: Validity, flows: usize) -> Self {
        let mut rng = Rng::new(seed);
        let (mut vocabulary, mut objects) = cluster::generate(&mut rng);
        objects.extend(policies::generate(&mut rng, &mut vocabulary, validity));
        let flows = (0..flows).map(|_| flows::generate(&mut rng, &vocabulary)).collect();
        spelling::vary(&mut rng, &mut objects);
        Self { objects, flows, is_consistent: false }
    }

    /// The universe of a seed in which the nodes themselves are in play: host endpoints, policies for them, services, settings.
    pub fn of_nodes(seed: u64, flows: usize) -> Self {
        let mut rng = Rng::new(seed);
        let (mut vocabulary, mut objects) = cluster::generate(&mut rng);
        objects.iter_mut().for_each(cluster::confine_to_one_address);
        objects.extend(node::generate(&mut rng, &mut vocabulary, &objects.clone()));
        objects.extend(policies::generate(&mut rng, &mut vocabulary, Validity::Valid));
        let flows = (0..flows).map(|_| flows::through_nodes(&mut rng, &vocabulary)).collect();
        let is_consistent = rng.chance(40);
        spelling::vary(&mut rng, &mut objects);
        Self { objects, flows, is_consistent }
    }

    /// The reference model of such objects, with the settings of this universe.
    pub fn reference(&self, objects: &[Value]) -> Reference {
        let reference = Reference::new(objects);
        if self.is_consistent { reference.with_consistent_node_ports() } else { reference }
    }
}
