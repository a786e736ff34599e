//! What holds on workload interfaces from the start until the sources have been read.

/// What holds until the first reconciliation, if the kernel enforces nothing yet. Where it enforces something, that stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartupProtection {
    /// Closed where no workload interface exists yet, as at boot; where workloads run already, their traffic stays as it is.
    #[default]
    Auto,
    /// Closed in any case.
    Closed,
    /// Traffic stays as it is in any case.
    Open,
}
