//! Notifications about the tree. They say where to look, and are allowed to say too much.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use ferrule_ruleset::manifest::Directory;
use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};

use super::tree;

/// How long to wait for more notifications after one.
const DEBOUNCE: Duration = Duration::from_millis(5);
/// For how long at most notifications are gathered.
const DEBOUNCE_LIMIT: Duration = Duration::from_millis(50);

/// Where to look. Names are relative to the directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files whose writer is done: closed after writing, renamed or removed.
    pub done: BTreeSet<String>,
    /// Files that changed in some other way.
    pub perhaps_busy: BTreeSet<String>,
    /// Look everywhere.
    pub everything: bool,
}

/// The notifications about one tree.
pub struct Watch {
    root: PathBuf,
    armed: Option<Armed>,
    complained: bool,
}

struct Armed {
    /// The directory that is watched; the path may come to name another.
    identity: (u64, u64),
    notifications: Receiver<notify::Result<notify::Event>>,
    /// Its drop ends the watch.
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// A watch that is not armed yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root, armed: None, complained: false }
    }

    /// Watches the directory that the path names now. Where that is not possible, everything rests on looking again from time to time.
    pub fn arm(&mut self) {
        let identity = tree::identity(&self.root).ok();
        if identity.is_some() && identity == self.armed.as_ref().map(|armed| armed.identity) {
            return;
        }
        self.armed = None;
        let Some(identity) = identity else { return };
        match open(&self.root, identity) {
            Ok(armed) => {
                self.armed = Some(armed);
                self.complained = false;
            }
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(directory = %self.root.display(), %error, "cannot watch the manifests; looking every few seconds instead");
            }
            Err(_) => {}
        }
    }

    /// Waits for notifications and gathers those that come close together.
    pub fn wait(&mut self, timeout: Duration) -> Changes {
        let mut changes = Changes::default();
        let Some(armed) = &self.armed else {
            // Waiting for the directory to come to be, or for watches to be had.
            std::thread::sleep(timeout.min(Duration::from_secs(1)));
            changes.everything = true;
            return changes;
        };
        let mut until = Instant::now() + timeout;
        let mut limit = None;
        loop {
            match armed.notifications.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(notification) => self.note(notification, &mut changes),
                Err(RecvTimeoutError::Timeout) => return changes,
                Err(RecvTimeoutError::Disconnected) => {
                    changes.everything = true;
                    self.armed = None;
                    return changes;
                }
            }
            if changes != Changes::default() {
                let now = Instant::now();
                until = (now + DEBOUNCE).min(*limit.get_or_insert(now + DEBOUNCE_LIMIT));
            }
        }
    }

    fn note(&self, notification: notify::Result<notify::Event>, changes: &mut Changes) {
        let event = match notification {
            Ok(event) if !event.need_rescan() => event,
            Ok(_) | Err(_) => {
                changes.everything = true;
                return;
            }
        };
        let closed = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
        if event.kind.is_access() && !closed {
            return;
        }
        let done =
            closed || event.kind.is_remove() || matches!(event.kind, EventKind::Modify(ModifyKind::Name(_)));
        for path in &event.paths {
            match self.place(path) {
                Place::Outside => {}
                Place::Elsewhere => changes.everything = true,
                Place::File(name) if done => drop(changes.done.insert(name)),
                Place::File(name) => drop(changes.perhaps_busy.insert(name)),
            }
        }
    }

    fn place(&self, path: &Path) -> Place {
        let Ok(relative) = path.strip_prefix(&self.root) else { return Place::Outside };
        match relative.to_str() {
            Some(name) if Directory::admits(name) && !tree::is_hidden(name) && !path.is_dir() => {
                Place::File(name.to_owned())
            }
            _ => Place::Elsewhere,
        }
    }
}

enum Place {
    /// Beside the directory.
    Outside,
    /// A directory, a link, something hidden: anything may have changed.
    Elsewhere,
    /// A file that takes part.
    File(String),
}

fn open(root: &Path, identity: (u64, u64)) -> notify::Result<Armed> {
    let (sender, notifications) = channel();
    let mut watcher = notify::recommended_watcher(sender)?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    if let Some(parent) = root.parent() {
        // Only to learn at once that the directory itself was put in place of another; without it, the next look finds out.
        let _ = watcher.watch(parent, RecursiveMode::NonRecursive);
    }
    Ok(Armed { identity, notifications, _watcher: watcher })
}
