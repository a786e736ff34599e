//! One file: what state it is in, and what it says.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    time::{Duration, SystemTime},
};

/// The largest file that is read.
const SIZE_LIMIT: u64 = 64 << 20;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Signature {
    /// The state of a file, symbolic links followed; none if there is no file. A link that leads nowhere is an error, not an absence.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => regular(&metadata).map(Some),
            Err(error) if is_absence(&error) => match fs::symlink_metadata(path) {
                Ok(_) => Err(io::Error::other("the symbolic link leads nowhere")),
                Err(absent) if is_absence(&absent) => Ok(None),
                Err(other) => Err(other),
            },
            Err(error) => Err(error),
        }
    }

    /// The time since it was last written to; zero if that lies in the future, long if it is not known.
    pub fn age(&self) -> Duration {
        let (seconds, nanoseconds) = self.modified;
        let Ok(seconds) = u64::try_from(seconds) else { return Duration::MAX };
        let modified = SystemTime::UNIX_EPOCH
            + Duration::from_secs(seconds)
            + Duration::from_nanos(nanoseconds.unsigned_abs());
        match SystemTime::now().duration_since(modified) {
            Ok(age) => age,
            // A clock that is set wrong must not keep a file from being read.
            Err(ahead) if ahead.duration() > Duration::from_secs(1) => Duration::MAX,
            Err(_) => Duration::ZERO,
        }
    }
}

/// The text of a file, and the state in which it was read; none if it is gone.
pub fn read(path: &Path) -> io::Result<Option<(Signature, String)>> {
    // A pipe put in the place of a file must not hold us up.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let signature = regular(&file.metadata()?)?;
    if signature.size > SIZE_LIMIT {
        return Err(io::Error::other(format!("larger than {} MiB", SIZE_LIMIT >> 20)));
    }
    text(&file).map(|text| Some((signature, text)))
}

fn text(file: &File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        io::Error::other(format!("line {line} is not UTF-8"))
    })
}

fn regular(metadata: &Metadata) -> io::Result<Signature> {
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(Signature {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Whether the error says that there is nothing of that name.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
