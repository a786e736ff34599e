//! Benchmarks: ratios between things measured in turn within one run.

pub mod packet_path;
pub mod ratio;
pub mod universe;
