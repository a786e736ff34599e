//! The answer of `eval`, for programs and for people.

mod json;
mod miss;
mod text;

pub use json::{document, line};
pub use text::text;
