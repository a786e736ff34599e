//! Benchmarks: ratios between things measured in turn within one run.

pub mod cluster;
pub mod member;
mod memory;
mod packet_path;
pub mod paths;
mod pipeline;
mod population;
pub mod programming;
mod ratio;
pub mod scale;
pub mod services;
pub mod start;
mod step;
mod universe;
