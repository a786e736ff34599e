//! What the kernel has to be told about a workload's interface besides rules: the settings under `/proc/sys/net`.
//!
//! Invariants:
//! * Read before written: what is as it should be is left alone, and what was written is read back.
//! * Interfaces that bear the workload prefix are ours to set. Those that were found by a route belong to another CNI plug-in and are only looked at.
//! * Nothing here ends readiness. What cannot be set is one finding, however many interfaces it is about.
//!
//! Files under `/proc/sys/net` are those of the network namespace of the thread that opens them; the thread that is started here works in that of its
//! starter. It looks again after each reconciliation, and every [`RECHECK`] in any case.

mod inspection;
mod setting;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::mpsc as std_mpsc,
    thread,
    time::{Duration, Instant},
};

use ferrule_ruleset::{links::InterfacePrefix, name::InterfaceName};
use tokio::sync::mpsc;

use inspection::Inspector;
pub use inspection::{Deviation, Report};
pub use setting::Care;

/// How often everything is looked at although nothing seems to have happened.
const RECHECK: Duration = Duration::from_secs(30);
/// How long a look at the same interfaces is put off after the last one, so that a flood of changes elsewhere costs nothing here.
const CALM: Duration = Duration::from_secs(1);
/// Where settings are files.
const ROOT: &str = "/proc/sys";

/// What to do about settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Set those of our own interfaces, look at those of others.
    #[default]
    Apply,
    /// Look at all.
    Check,
    /// Neither.
    Off,
}

/// Whether the node has to forward packets between its interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpForwarding {
    /// It has to.
    #[default]
    Enabled,
    /// That is somebody else's business.
    Disabled,
}

/// Whether a pod may send from addresses that are not its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceSpoofing {
    /// It may not.
    #[default]
    Forbidden,
    /// It may.
    Allowed,
}

/// The interfaces to look at.
pub type Interfaces = BTreeMap<InterfaceName, SourceSpoofing>;

/// What the thread is to do.
#[derive(Debug)]
enum Order {
    /// Look at these.
    Look(Interfaces),
    /// Look at the same again, soon.
    LookAgain,
}

/// The thread that sets and looks, in the hands of the loop.
#[derive(Debug)]
pub struct InterfaceSettings {
    orders: std_mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
}

/// Starts the thread in the network namespace of the caller; none if it has nothing to do.
///
/// # Errors
/// If there is no thread to be had.
pub fn start(
    mode: Mode,
    forwarding: IpForwarding,
    prefixes: Vec<InterfacePrefix>,
) -> io::Result<Option<InterfaceSettings>> {
    let ours = match mode {
        Mode::Apply => Care::Apply,
        Mode::Check => Care::Check,
        Mode::Off => return Ok(None),
    };
    let (orders, inbox) = std_mpsc::channel();
    let (outbox, reports) = mpsc::channel(1);
    let work = move || {
        let inspector = Inspector::new(Path::new(ROOT), ours, forwarding, prefixes);
        work(&inspector, &inbox, &outbox);
    };
    thread::Builder::new().name("settings".to_owned()).spawn(work)?;
    Ok(Some(InterfaceSettings { orders, reports }))
}

impl InterfaceSettings {
    /// These are all the interfaces of workloads now; look at them. What was asked for before and has not begun is not done any more.
    pub fn look_at(&self, interfaces: Interfaces) {
        // A thread that is gone shows in the reports.
        self.orders.send(Order::Look(interfaces)).ok();
    }

    /// The interfaces are the same, and something has changed that may have touched their settings.
    pub fn look_again(&self) {
        self.orders.send(Order::LookAgain).ok();
    }

    /// What was found, if it differs from the last time; none if the thread is gone. May be dropped while it waits.
    pub async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

fn work(inspector: &Inspector, inbox: &std_mpsc::Receiver<Order>, outbox: &mpsc::Sender<Report>) {
    let mut interfaces = Interfaces::new();
    let mut last = Report::default();
    let mut looked_at = Instant::now();
    let mut due = looked_at + RECHECK;
    loop {
        match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(Order::Look(these)) => (interfaces, due) = (these, Instant::now()),
            Ok(Order::LookAgain) => due = due.min(looked_at + CALM),
            Err(std_mpsc::RecvTimeoutError::Timeout) => {}
            Err(std_mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while let Ok(order) = inbox.try_recv() {
            if let Order::Look(these) = order {
                (interfaces, due) = (these, Instant::now());
            }
        }
        if Instant::now() < due {
            continue;
        }
        looked_at = Instant::now();
        due = looked_at + RECHECK;
        let report = inspector.inspect(&interfaces);
        let news = report.applied > 0 || report.deviations != last.deviations;
        last = report.clone();
        if news && outbox.blocking_send(report).is_err() {
            return;
        }
    }
}
