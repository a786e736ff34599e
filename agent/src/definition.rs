//! The kinds of objects that are defined here, as Rust types from which the CustomResourceDefinitions are made.

pub mod node_status;
