//! A file to its documents.
//!
//! A line that begins with `---` and a blank ends a document wherever it stands: YAML forbids it inside every kind of scalar (YAML 1.2.2 §9.1.2). So a
//! file is cut there before anything is parsed, and an error in one document costs no other.

use std::borrow::Cow;

/// Text between two document markers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// The text, markers included.
    pub text: Cow<'a, str>,
    /// Lines of the file before it.
    pub lines_before: u32,
}

/// Cuts a file at its document markers. A part that holds nothing but comments and directives belongs to what follows.
pub(super) fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut offset, mut line) = (0, 0, 0);
    let mut start_line = 0;
    let mut has_content = false;
    for current in text.split_inclusive('\n') {
        let is_marker = is_document_marker(current);
        if is_marker && has_content {
            chunks.push(Chunk { text: Cow::Borrowed(&text[start..offset]), lines_before: start_line });
            (start, start_line) = (offset, line);
        }
        has_content |= is_marker || !is_blank(current);
        offset += current.len();
        line += 1;
    }
    if has_content {
        chunks.push(Chunk { text: Cow::Borrowed(&text[start..]), lines_before: start_line });
    }
    for chunk in &mut chunks {
        join_surrogates(&mut chunk.text);
    }
    chunks
}

fn is_document_marker(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}');
    line.starts_with('%') || line.trim_start().is_empty() || line.trim_start().starts_with('#')
}

/// JSON writes a character beyond U+FFFF as two escapes, YAML as one: `\ud83d\ude00` becomes `\U0001f600`. Only where the document is JSON, for there
/// every backslash stands inside double quotes.
fn join_surrogates(text: &mut Cow<'_, str>) {
    let mut content = text.lines().filter(|line| !is_blank(line) && !is_document_marker(line));
    let is_json = content
        .next()
        .is_some_and(|line| line.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']));
    if !is_json || !text.contains("\\u") {
        return;
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest: &str = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        joined.push_str(before);
        if let Some(character) = surrogate_pair(escape) {
            joined.push_str(&format!("\\U{:08x}", u32::from(character)));
            rest = &escape[12..];
        } else {
            // The character after a backslash belongs to it, another backslash above all.
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            joined.push_str(&escape[..length]);
            rest = &escape[length..];
        }
    }
    joined.push_str(rest);
    *text = Cow::Owned(joined);
}

fn surrogate_pair(escape: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?]).next()?.ok().filter(|character| u32::from(*character) > 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(String, u32)> {
        split(text).into_iter().map(|chunk| (chunk.text.into_owned(), chunk.lines_before)).collect()
    }

    #[test]
    fn a_file_is_cut_at_markers_only() {
        assert_eq!(parts("a: 1\n---\nb: 2\n"), [("a: 1\n".into(), 0), ("---\nb: 2\n".into(), 1)]);
        assert_eq!(parts("# head\n%YAML 1.2\n---\na: 1\n"), [("# head\n%YAML 1.2\n---\na: 1\n".into(), 0)]);
        assert_eq!(parts("a: |\n  ---\nb: ----\n"), [("a: |\n  ---\nb: ----\n".into(), 0)]);
        assert_eq!(parts("---\r\na: 1\r\n---\r\n"), [("---\r\na: 1\r\n".into(), 0), ("---\r\n".into(), 2)]);
        assert_eq!(parts(" \n# nothing\n"), []);
    }

    #[test]
    fn json_surrogates_become_one_escape() {
        assert_eq!(parts(r#"{"a":"\ud83d\ude00"}"#)[0].0, r#"{"a":"\U0001f600"}"#);
        assert_eq!(parts(r#"{"a":"\\ud83d\\ude00"}"#)[0].0, r#"{"a":"\\ud83d\\ude00"}"#);
        assert_eq!(
            parts("---\n# head\n{\"a\":\"\\ud83d\\ude00\"}")[0].0,
            "---\n# head\n{\"a\":\"\\U0001f600\"}"
        );
        assert_eq!(parts(r#"{"a":"\ud83d"}"#)[0].0, r#"{"a":"\ud83d"}"#);
        assert_eq!(parts(r"a: '\ud83d\ude00'")[0].0, r"a: '\ud83d\ude00'");
    }
}
