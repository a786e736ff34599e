//! An answer that comes line by line.

use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt as _};
use tokio::time::timeout;

use super::failure::{Failure, chain};

/// The lines of an answer.
pub struct Lines<R> {
    answer: R,
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Nothing has been read yet.
    pub fn new(answer: R) -> Self {
        Self { answer, line: Vec::new() }
    }

    /// The next line; none at the end, where half a line counts for nothing.
    pub async fn next(&mut self, silence: Duration) -> Result<Option<&[u8]>, Failure> {
        self.line.clear();
        match timeout(silence, self.answer.read_until(b'\n', &mut self.line)).await {
            Ok(Ok(_)) => Ok(self.line.ends_with(b"\n").then_some(&self.line)),
            Ok(Err(error)) => Err(Failure::Unreachable(chain(&error))),
            Err(_) => Err(Failure::Silent),
        }
    }
}
