//! The directory of manifests: watched, read and told to the loop as events.
//!
//! Works in a thread of its own, so that neither a slow disk nor a large file keeps the loop from repairing the kernel.
//!
//! Invariants:
//! * A notification only says where to look. What is true is what the file system says then, and a full look every [`RESCAN`] finds what went unnoticed:
//!   an overflowing queue, a symbolic link's distant target, a directory put in place of another.
//! * A file is read when its writer is done with it: it was closed, renamed into place, or left alone for [`SETTLE`]. Half a file could be a valid one
//!   that lacks a policy.
//! * What cannot be read is not gone: the last good version stays, and a finding says so. That goes for the directory itself too, and so for a file that
//!   is looked for while the directory is away.

mod file;
mod tree;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use ferrule_ruleset::{
    event::Event,
    finding::{Finding, Location, Severity},
    manifest::Directory,
    resource::ResourceKey,
};
use tokio::sync::mpsc;

use super::{Alive, Ended, Message, Report, Source};
use file::Signature;
use watch::Watch;

/// How often everything is looked at again.
const RESCAN: Duration = Duration::from_secs(5);
/// For how long a file has to be left alone before it counts as written, if nobody closed it or renamed it into place.
const SETTLE: Duration = Duration::from_millis(100);
/// After how long a file that is written to without end is read as it is.
const SETTLE_LIMIT: Duration = Duration::from_secs(2);

/// Where objects stand, for those who report on them.
#[derive(Clone, Debug, Default)]
pub struct Locations(Arc<Mutex<Directory>>);

impl Locations {
    /// Where an object stands.
    pub fn of(&self, object: &ResourceKey) -> Option<Location> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).location(object).cloned()
    }
}

/// Starts the source. A directory that does not exist (yet) is waited for.
pub fn start(root: &Path, sender: mpsc::Sender<Message>) -> io::Result<(Locations, Ended)> {
    let root = std::path::absolute(root)?;
    let locations = Locations::default();
    let (alive, ended) = Ended::watch();
    let manifests = Manifests::new(root, locations.clone(), sender);
    thread::Builder::new().name("manifests".to_owned()).spawn(move || manifests.run(alive))?;
    Ok((locations, ended))
}

/// Whether a file's writer is known to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writer {
    Done,
    PerhapsBusy,
}

/// The loop of this source is gone: the process is about to end.
struct NobodyListens;

struct Manifests {
    root: PathBuf,
    locations: Locations,
    sender: mpsc::Sender<Message>,
    /// The files that the directory knows, with their state when they were read; none if they are to be read again in any case.
    known: BTreeMap<String, Option<Signature>>,
    /// What cannot be read, and why.
    unreadable: BTreeMap<String, String>,
    /// Files that somebody may still be writing, since when.
    unsettled: BTreeMap<String, Instant>,
    reported: Vec<Finding>,
    /// What was last said to be unknown.
    unknown: BTreeSet<String>,
    in_sync: bool,
}

impl Manifests {
    fn new(root: PathBuf, locations: Locations, sender: mpsc::Sender<Message>) -> Self {
        Self {
            root,
            locations,
            sender,
            known: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            reported: Vec::new(),
            unknown: BTreeSet::new(),
            in_sync: false,
        }
    }

    fn run(mut self, _alive: Alive) {
        let mut watch = Watch::new(self.root.clone());
        let mut scanned = Instant::now();
        let mut changes = watch::Changes { everything: true, ..watch::Changes::default() };
        loop {
            if scanned.elapsed() >= RESCAN {
                changes.everything = true;
            }
            let mut events = self.look_at_each(&changes);
            if changes.everything {
                watch.arm();
                events.extend(self.scan());
                scanned = Instant::now();
            }
            if self.tell(events).is_err() {
                return;
            }
            changes = watch.wait(if self.unsettled.is_empty() { RESCAN } else { SETTLE });
        }
    }

    fn look_at_each(&mut self, changes: &watch::Changes) -> Vec<Event> {
        let unsettled: BTreeSet<String> = self.unsettled.keys().cloned().collect();
        let mut events = Vec::new();
        for name in &changes.done {
            events.extend(self.look(name, Writer::Done));
        }
        for name in changes.perhaps_busy.union(&unsettled).filter(|name| !changes.done.contains(*name)) {
            events.extend(self.look(name, Writer::PerhapsBusy));
        }
        events
    }

    /// Looks at everything there is.
    fn scan(&mut self) -> Vec<Event> {
        let listing = match tree::list(&self.root) {
            Ok(listing) => listing,
            Err(error) => {
                self.unreadable = [(String::new(), error.to_string())].into();
                return Vec::new();
            }
        };
        let led_to_known = |name: &String| self.known.keys().any(|known| is_at_or_below(known, name));
        self.unreadable = listing.unreadable;
        self.unreadable.extend(listing.dangling.into_iter().filter(|(name, _)| led_to_known(name)));
        let missing: Vec<String> = self
            .known
            .keys()
            .filter(|name| !listing.files.contains(*name) && !self.is_hidden_by_error(name))
            .cloned()
            .collect();
        let mut events: Vec<Event> = missing.iter().flat_map(|name| self.forget(name)).collect();
        for name in &listing.files {
            events.extend(self.look(name, Writer::PerhapsBusy));
        }
        events
    }

    /// Whether a file may still be there, unseen because it or a directory above it cannot be read.
    fn is_hidden_by_error(&self, name: &str) -> bool {
        self.unreadable.keys().any(|path| is_at_or_below(name, path))
    }

    /// Looks at one file and reads it if it has changed.
    fn look(&mut self, name: &str, writer: Writer) -> Vec<Event> {
        let path = self.root.join(name);
        let directory = tree::identity(&self.root);
        let signature = match Signature::of(&path) {
            Ok(Some(signature)) => signature,
            Ok(None) => return self.miss(name, directory),
            Err(error) => return self.cannot_read(name, &error),
        };
        if self.known.get(name) == Some(&Some(signature)) {
            self.unsettled.remove(name);
            return Vec::new();
        }
        if writer == Writer::PerhapsBusy && !self.is_settled(name, &signature) {
            return Vec::new();
        }
        match file::read(&path) {
            Ok(Some((read, text))) => {
                // If it was written to meanwhile, the notification of that, or the next look, finds that it differs.
                self.unsettled.remove(name);
                self.unreadable.remove(name);
                self.known.insert(name.to_owned(), Some(read));
                self.update(name, Some(&text))
            }
            Ok(None) => self.miss(name, directory),
            Err(error) => self.cannot_read(name, &error),
        }
    }

    /// A file is not where it should be, in the directory of this identity: it is gone if that is still in its place.
    fn miss(&mut self, name: &str, directory: io::Result<(u64, u64)>) -> Vec<Event> {
        let present = tree::identity(&self.root);
        match (directory, present) {
            (Ok(before), Ok(present)) if before == present => self.forget(name),
            (_, Ok(_)) => self.cannot_read(name, &io::Error::other("its directory was replaced meanwhile")),
            (_, Err(error)) => {
                self.unreadable.insert(String::new(), error.to_string());
                self.cannot_read(name, &error)
            }
        }
    }

    fn is_settled(&mut self, name: &str, signature: &Signature) -> bool {
        if signature.age() >= SETTLE {
            return true;
        }
        self.unsettled.entry(name.to_owned()).or_insert_with(Instant::now).elapsed() >= SETTLE_LIMIT
    }

    fn forget(&mut self, name: &str) -> Vec<Event> {
        self.unsettled.remove(name);
        self.unreadable.remove(name);
        if self.known.remove(name).is_none() { Vec::new() } else { self.update(name, None) }
    }

    fn cannot_read(&mut self, name: &str, error: &io::Error) -> Vec<Event> {
        self.unsettled.remove(name);
        self.unreadable.insert(name.to_owned(), error.to_string());
        if let Some(signature) = self.known.get_mut(name) {
            *signature = None;
        }
        Vec::new()
    }

    fn update(&self, name: &str, text: Option<&str>) -> Vec<Event> {
        self.locations.0.lock().unwrap_or_else(PoisonError::into_inner).update(name, text)
    }

    fn tell(&mut self, events: Vec<Event>) -> Result<(), NobodyListens> {
        if !events.is_empty() {
            self.send(Report::Events(events))?;
        }
        let findings = self.findings();
        if findings != self.reported {
            self.reported.clone_from(&findings);
            self.send(Report::Findings(findings))?;
        }
        let unknown = self.unknown_files();
        if unknown != self.unknown {
            self.unknown.clone_from(&unknown);
            self.send(Report::Unknown(unknown))?;
        }
        let root_is_readable = !self.unreadable.contains_key("");
        if !self.in_sync && root_is_readable && self.unsettled.is_empty() {
            self.in_sync = true;
            self.send(Report::InSync)?;
        }
        Ok(())
    }

    fn send(&self, report: Report) -> Result<(), NobodyListens> {
        let message = Message { source: Source::Manifests, report };
        self.sender.blocking_send(message).map_err(|_| NobodyListens)
    }

    /// Files that could not be read since the start, or not as a whole.
    fn unknown_files(&self) -> BTreeSet<String> {
        let never_read = |name: &&String| !self.known.keys().any(|known| is_at_or_below(known, name));
        let unread = self.unreadable.keys().filter(never_read).cloned();
        let directory = self.locations.0.lock().unwrap_or_else(PoisonError::into_inner);
        unread.chain(directory.unknown_files().map(str::to_owned)).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let unreadable = self.unreadable.iter().map(|(name, error)| self.unreadable_finding(name, error));
        unreadable.chain(self.locations.0.lock().unwrap_or_else(PoisonError::into_inner).findings()).collect()
    }

    fn unreadable_finding(&self, name: &str, error: &str) -> Finding {
        let file = if name.is_empty() { self.root.display().to_string() } else { name.to_owned() };
        let was_read =
            self.in_sync && (name.is_empty() || self.known.keys().any(|known| is_at_or_below(known, name)));
        Finding {
            location: Some(Location { file: file.into(), document: 1, line: 1 }),
            severity: Severity::Error,
            object: None,
            field: String::new(),
            message: format!("cannot be read: {error}"),
            consequence: if was_read {
                "what was last read of it stays enforced".to_owned()
            } else if name.is_empty() {
                "nothing is changed in the kernel until it can be read".to_owned()
            } else {
                "none of its objects is known".to_owned()
            },
        }
    }
}

/// Whether a name is this path or lies below it.
fn is_at_or_below(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
