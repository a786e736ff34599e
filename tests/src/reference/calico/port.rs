//! Ports in rules: a number, a range `a:b`, or a name (policy-model §1.1 "ports").

use serde_json::Value;

/// A port of a rule.
#[derive(Clone, Debug)]
pub enum Port {
    /// From the first to the last, inclusive.
    Range(u16, u16),
    /// Whatever an endpoint calls so.
    Named(String),
}

/// Reads a port; `None` if it is none.
pub fn read(value: &Value) -> Option<Port> {
    if let Some(text) = value.as_str() {
        return read_text(text);
    }
    let number = u16::try_from(value.as_u64()?).ok().filter(|number| *number > 0)?;
    Some(Port::Range(number, number))
}

fn read_text(text: &str) -> Option<Port> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse().ok().filter(|number| *number > 0)?;
        return Some(Port::Range(number, number));
    }
    if let Some((first, last)) = text.split_once(':') {
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        return (first <= last).then_some(Port::Range(first, last));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    ((1..=128).contains(&text.len()) && text.bytes().all(is_name)).then(|| Port::Named(text.to_owned()))
}
