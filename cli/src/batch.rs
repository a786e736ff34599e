//! Questions from standard input, one per line, answered one per line.
//!
//! Works with input of any length: nothing is kept between lines. An answer is on its way before the next question is waited for, so that another program
//! can hold a conversation.

use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};

use serde_json::Value;

use crate::exit::Exit;

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// What is written about a line.
#[derive(Debug)]
pub enum Reply {
    /// The question was answered, whatever the answer is.
    Answer(Value),
    /// The question could not be answered.
    Refusal(Value),
}

/// Answers every line of standard input that is not blank; done if all could be answered.
///
/// `reply` is given the line, or why it could not be read.
pub fn answer(mut reply: impl FnMut(Result<&str, String>) -> Reply) -> anyhow::Result<Exit> {
    let mut input = BufReader::with_capacity(1 << 16, io::stdin());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut exit = Exit::Done;
    let mut bytes = Vec::new();
    loop {
        if input.buffer().is_empty() {
            output.flush()?;
        }
        bytes.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let whole = bytes.last() == Some(&b'\n') || (bytes.len() as u64) < LONGEST_LINE;
        let line = match std::str::from_utf8(&bytes) {
            _ if !whole => {
                skip_line(&mut input)?;
                Err(format!("the line is longer than {} KiB", LONGEST_LINE >> 10))
            }
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => Ok(text.trim()),
            Err(_) => Err("the line is not UTF-8".to_owned()),
        };
        let value = match reply(line) {
            Reply::Answer(value) => value,
            Reply::Refusal(value) => {
                exit = Exit::No;
                value
            }
        };
        writeln!(output, "{value}")?;
    }
    output.flush()?;
    Ok(exit)
}

/// What is wrong with a line that is not the JSON expected, by its column.
pub fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(message) => format!("{message} at column {}", error.column()),
        None => text,
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let skipped = end.map_or(buffer.len(), |end| end + 1);
        input.consume(skipped);
        if end.is_some() {
            return Ok(());
        }
    }
}
