//! How much of a commit is the kernel's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The time that the kernel has worked on batches, from the system call to its answer, since the start. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct KernelTime(Arc<AtomicU64>);

impl KernelTime {
    /// All of it so far.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Adds what a piece of work takes.
    pub(super) fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        let nanoseconds = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }
}
