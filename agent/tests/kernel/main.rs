//! The dataplane against the running kernel, each test in a network namespace of its own. Needs root.
#![allow(
    clippy::unwrap_used,
    reason = "the bodies of tests are closures, which the lint does not take for tests"
)]

mod adopt;
mod base_chain;
mod edit;
mod foreign;
mod namespace;
mod program;
mod refusal;
mod sample;
mod settings;
mod tenancy;
mod vocabulary;
