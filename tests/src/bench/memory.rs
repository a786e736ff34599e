//! What a process holds.

use std::{fmt, fs};

use anyhow::{Context, Result};

/// The memory of a process, in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now (`VmRSS`).
    pub now: f64,
    /// At most so far (`VmHWM`).
    pub peak: f64,
}

impl Memory {
    /// The memory of a process by its id.
    pub fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let figure = |name: &str| -> Result<f64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("a figure of memory")?;
            Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
        };
        Ok(Self { now: figure("VmRSS:")?, peak: figure("VmHWM:")? })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RSS {:6.1} MiB, at most {:6.1} MiB", self.now, self.peak)
    }
}
