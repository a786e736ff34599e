//! What can stand between the quotes of an nft string.

use crate::{name::InterfaceName, nft::InterfaceMatch};

/// Bytes of a comment that nft and the crate `nftnl` both take.
const COMMENT_BYTES: usize = 125;

/// `NF_LOG_PREFIXLEN` less the terminator.
const LOG_PREFIX_BYTES: usize = 127;

/// A comment of a rule or set: one line without `"`.
pub(super) fn comment(text: &str) -> String {
    cut(text.chars().map(printable), COMMENT_BYTES)
}

/// The prefix of a log statement. nft 1.0.6 takes `$` for the beginning of a variable and knows no escape.
pub(super) fn log_prefix(text: &str) -> String {
    cut(text.chars().map(printable).map(|char| if char == '$' { '_' } else { char }), LOG_PREFIX_BYTES)
}

/// The name of an interface as key of a map or in a compare. A `*` at its end would be a wildcard.
pub(super) fn interface(name: &InterfaceName) -> String {
    let name: String = name.as_str().chars().map(printable).collect();
    match name.strip_suffix('*') {
        Some(stem) => format!("{stem}\\*"),
        None => name,
    }
}

/// An interface or a prefix of interfaces.
pub(super) fn interface_match(interface_match: &InterfaceMatch) -> String {
    match interface_match {
        InterfaceMatch::Exact(name) => interface(name),
        InterfaceMatch::Prefix(prefix) => format!("{}*", prefix.chars().map(printable).collect::<String>()),
    }
}

fn printable(char: char) -> char {
    match char {
        '"' => '\'',
        char if char.is_control() => ' ',
        char => char,
    }
}

/// The longest beginning that fits.
fn cut(chars: impl Iterator<Item = char>, bytes: usize) -> String {
    let mut text = String::new();
    for char in chars {
        if text.len() + char.len_utf8() > bytes {
            break;
        }
        text.push(char);
    }
    text
}
