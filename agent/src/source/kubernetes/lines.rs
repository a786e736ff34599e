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

    /// The next line; none at the end, where half a line counts for nothing. It may take long, as long as something comes now and then.
    pub async fn next(&mut self, silence: Duration) -> Result<Option<&[u8]>, Failure> {
        // What was read before a silence belongs to the line.
        if self.line.ends_with(b"\n") {
            self.line.clear();
        }
        while !self.line.ends_with(b"\n") {
            if !self.read_some(silence, true).await? {
                return Ok(None);
            }
        }
        Ok(Some(&self.line))
    }

    /// All that is left.
    pub async fn rest(mut self, silence: Duration) -> Result<Vec<u8>, Failure> {
        while self.read_some(silence, false).await? {}
        Ok(self.line)
    }

    /// Reads what has come, up to the end of a line if that is wanted. Whether there was anything.
    async fn read_some(&mut self, silence: Duration, by_line: bool) -> Result<bool, Failure> {
        let come = match timeout(silence, self.answer.fill_buf()).await {
            Ok(Ok(come)) => come,
            Ok(Err(error)) => return Err(Failure::Unreachable(chain(&error))),
            Err(_) => return Err(Failure::Silent),
        };
        let end = come.iter().position(|byte| by_line && *byte == b'\n').map_or(come.len(), |at| at + 1);
        self.line.extend_from_slice(&come[..end]);
        self.answer.consume_unpin(end);
        Ok(end > 0)
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, TryStreamExt as _, stream};
    use tokio::time::sleep;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(30);

    /// An answer whose parts come one by one, each after so long.
    fn slow(parts: &'static [(u64, &'static str)]) -> Lines<impl AsyncBufRead + Unpin> {
        let part = async |(seconds, part): &'static (u64, &'static str)| {
            sleep(Duration::from_secs(*seconds)).await;
            Ok::<_, std::io::Error>(part)
        };
        Lines::new(Box::pin(stream::iter(parts).then(part)).into_async_read())
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_slowly_is_not_silent() {
        let mut lines = slow(&[(20, "a"), (20, "b"), (20, "c\nd\n"), (20, "half")]);
        for line in [Some("abc\n"), Some("d\n"), None] {
            assert_eq!(lines.next(SILENCE).await, Ok(line.map(str::as_bytes)));
        }
        let parts = slow(&[(20, "a\n"), (20, "b"), (20, "c")]);
        assert_eq!(parts.rest(SILENCE).await, Ok(b"a\nbc".to_vec()));
        assert_eq!(slow(&[(20, "a"), (40, "b")]).rest(SILENCE).await, Err(Failure::Silent));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_loses_nothing_of_a_line() {
        let mut lines = slow(&[(1, "a"), (40, "b\n"), (1, "c\n")]);
        assert_eq!(lines.next(SILENCE).await, Err(Failure::Silent));
        assert_eq!(lines.next(SILENCE).await, Ok(Some(&b"ab\n"[..])));
        assert_eq!(lines.next(SILENCE).await, Ok(Some(&b"c\n"[..])));
    }
}
