//! What one event costs, from the resolver to the kernel.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{diff::diff, event::Event, nft::Ruleset};

use super::{pipeline::Pipeline, ratio::median};
use crate::namespace::Namespace;

/// How long events took, one by one.
#[derive(Debug)]
pub struct Steps(Vec<[Duration; 2]>);

impl Steps {
    /// Programs a ruleset in a namespace of its own, then carries out the events one after the other. Each must change something.
    pub fn measure(name: &str, mut pipeline: Pipeline, start: Ruleset, events: Vec<Event>) -> Result<Self> {
        let namespace = Namespace::create(name)?;
        let mut applied = start;
        let times = namespace.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let kernel = Kernel::start()?;
                kernel.commit(diff(None, &applied)).await?;
                let mut times = Vec::new();
                for event in events {
                    let started = Instant::now();
                    let desired = pipeline.step(event);
                    let transaction = diff(Some(&applied), &desired);
                    let computed = started.elapsed();
                    ensure!(!transaction.is_empty(), "an event that changes nothing");
                    kernel.commit(transaction).await?;
                    times.push([computed, started.elapsed()]);
                    applied = desired;
                }
                Ok(times)
            })
        })?;
        Ok(Self(times))
    }

    /// The median of our own part, and of all with the kernel's, in microseconds.
    pub fn medians(&self) -> [f64; 2] {
        [0, 1].map(|part| median(self.microseconds(part)))
    }

    /// What one event in a hundred exceeds, in microseconds.
    pub fn late(&self) -> Result<f64> {
        let mut sorted = self.microseconds(1);
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() * 99 / 100).copied().context("an event")
    }

    fn microseconds(&self, part: usize) -> Vec<f64> {
        self.0.iter().map(|time| time[part].as_secs_f64() * 1e6).collect()
    }
}
