//! What sources tell the core: a closed set of facts, each complete in itself.
//!
//! The result of a sequence of events depends only on the last event of each key. Order between keys, repetition and deletes of what is not there
//! have no effect.

use crate::{
    links::Links,
    resource::{Resource, ResourceKey},
};

/// A fact about the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The object is now this.
    Upsert(Resource),
    /// There is no such object.
    Delete(ResourceKey),
    /// The node's links and host routes are now these.
    Links(Links),
}
