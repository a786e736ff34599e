//! The dataplane against the running kernel, each test in a network namespace of its own. Needs root.

mod adopt;
mod edit;
mod foreign;
mod namespace;
mod program;
mod refusal;
mod sample;
