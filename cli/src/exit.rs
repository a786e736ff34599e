//! How a command ends.

use std::{io, process::ExitCode};

/// The end of a command, by exit code. A wrong command line (2) is clap's to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; of a question: yes.
    Done,
    /// 1: the answer is no.
    No,
    /// 3: it could not do its work.
    Failed,
}

impl Exit {
    /// The end of a command that met an error, which is told to the user. A reader that has seen enough of our output is no error.
    pub fn of_error(error: &anyhow::Error) -> Self {
        let io_kind = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        if io_kind == Some(io::ErrorKind::BrokenPipe) {
            return Self::Done;
        }
        eprintln!("ferrule: {error:#}");
        Self::Failed
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Failed => 3,
        })
    }
}
