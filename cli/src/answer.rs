//! The answer of `eval`, for programs and for people.

mod json;
mod text;

pub use json::{document, line};
pub use text::text;
