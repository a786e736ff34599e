//! Files that tell a CNI plug-in which pods' policy is in force: in the place, by the names and with the content that Felix gives them.
//!
//! Calico's plug-in, told to by `policy_setup_timeout_seconds`, lets a pod start only once there is a file for it in `<prefix>/endpoint-status`. Here that
//! is so while the pod's interface exists and the kernel holds the chain that its interface leads to, with all of its addresses.
//!
//! Invariants:
//! * A file appears after the commit that makes it true. It changes with what it says, and goes with the pod, its interface or its addresses.
//! * A file is there as a whole or not at all, and nothing else ever appears in the directory.
//! * What an earlier agent left behind goes with the first order, which the loop gives after its first reconciliation.
//! * What cannot be written is one finding, however many files it is about, and is tried again. Nothing waits for a file.
//!
//! Deliberately absent: the pod's own hardware address, which no API object tells, and the BGP peer. Both may be missing in Felix's files too.

mod directory;
mod file;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::mpsc as std_mpsc,
    thread,
    time::{Duration, Instant},
};

use ferrule_ruleset::{
    finding::{Finding, Severity},
    name::ObjectName,
};
use tokio::sync::mpsc;

use directory::Directory;
pub use file::EndpointStatus;

/// How often the directory itself is looked at although nothing seems to have happened.
const RECHECK: Duration = Duration::from_secs(30);
/// The first pause before what failed is tried again; each is twice the one before, up to [`RECHECK`].
const RETRY: Duration = Duration::from_secs(1);

/// The pods of this node whose policy is in force.
pub type Endpoints = BTreeMap<ObjectName, EndpointStatus>;

/// The thread that keeps the files, in the hands of the loop.
#[derive(Debug)]
pub struct EndpointStatusFiles {
    orders: std_mpsc::Sender<Endpoints>,
    reports: mpsc::Receiver<Report>,
}

/// What cannot be kept as it should be now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A line for each file or directory, in order.
    pub problems: Vec<String>,
}

/// Starts the thread that keeps the files below this directory.
///
/// # Errors
/// If there is no thread to be had.
pub fn start(prefix: &Path) -> io::Result<EndpointStatusFiles> {
    let (files, inbox, outbox) = EndpointStatusFiles::channel();
    let directory = Directory::new(prefix);
    thread::Builder::new()
        .name("endpoint-status".to_owned())
        .spawn(move || work(directory, &inbox, &outbox))?;
    Ok(files)
}

impl EndpointStatusFiles {
    /// The loop's end, and the ends of whoever does the work.
    pub(crate) fn channel() -> (Self, std_mpsc::Receiver<Endpoints>, mpsc::Sender<Report>) {
        let (orders, inbox) = std_mpsc::channel();
        let (outbox, reports) = mpsc::channel(1);
        (Self { orders, reports }, inbox, outbox)
    }

    /// These are all the pods whose policy is in force now. What was asked for before and has not begun is not done any more.
    pub fn keep(&self, endpoints: Endpoints) {
        // A thread that is gone shows in the reports.
        self.orders.send(endpoints).ok();
    }

    /// What cannot be kept, if that differs from the last time; none if the thread is gone. May be dropped while it waits.
    pub async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

impl Report {
    /// The same for people.
    pub fn findings(&self) -> Vec<Finding> {
        let Some(first) = self.problems.first() else { return Vec::new() };
        let more = match self.problems.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        vec![Finding {
            location: None,
            severity: Severity::Warning,
            object: None,
            field: String::new(),
            message: format!("endpoint status files are not as they should be: {first}{more}"),
            consequence:
                "a CNI plug-in that waits for such a file lets its pod wait in vain; it is tried again"
                    .to_owned(),
        }]
    }
}

fn work(mut directory: Directory, inbox: &std_mpsc::Receiver<Endpoints>, outbox: &mpsc::Sender<Report>) {
    let Ok(mut endpoints) = inbox.recv() else { return };
    let mut last = Report::default();
    let mut looked_at = Instant::now();
    let mut retry = RETRY;
    loop {
        endpoints = inbox.try_iter().last().unwrap_or(endpoints);
        if looked_at.elapsed() >= RECHECK {
            directory.distrust();
        }
        if !directory.is_known() {
            looked_at = Instant::now();
        }
        let report = Report { problems: directory.bring_in_step(&endpoints) };
        let pause = if report.problems.is_empty() { RECHECK } else { retry };
        retry = if report.problems.is_empty() { RETRY } else { (retry * 2).min(RECHECK) };
        if report != last {
            last = report.clone();
            if outbox.blocking_send(report).is_err() {
                return;
            }
        }
        match inbox.recv_timeout(pause) {
            Ok(newer) => endpoints = newer,
            Err(std_mpsc::RecvTimeoutError::Timeout) => {}
            Err(std_mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}
