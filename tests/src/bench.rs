//! Benchmarks: ratios between things measured in turn within one run.

mod packet_path;
pub mod paths;
mod pipeline;
mod ratio;
mod universe;
