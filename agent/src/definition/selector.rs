//! Selectors of Calico's language, as a regular expression tells them.
//!
//! The expression knows words and what may follow what. It cannot count: that every parenthesis has its partner is not said. Its text takes part in no cost
//! estimate of the API server, other than a rule in CEL, of which there would have to be sixteen in each policy.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest selector that Calico's API admits, in characters.
const MAX_LENGTH: u32 = 1024;

/// The name of a label.
const LABEL: &str = r"[a-zA-Z0-9_./-]+";
/// A string literal.
const TEXT: &str = r#"(?:"[^"]*"|'[^']*')"#;
/// Blanks.
const BLANKS: &str = r"[ \t]*";

/// What may not stand at the end: an operator without its second term.
const DANGLING: &str = r"[&|][ \t]*$";

/// A selector in which `global()` has no meaning.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "pattern" = pattern("all"), "not" = { "pattern": DANGLING }))]
pub struct Selector(pub String);

/// A selector in which `global()` may stand.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "pattern" = pattern("(?:all|global)"), "not" = { "pattern": DANGLING }))]
pub struct AnySelector(pub String);

/// A run of terms that operators separate: an operator or the end follows each, and the end follows no operator. `constants` are the words that stand alone.
fn pattern(constants: &str) -> String {
    let set = format!(r"\{{{BLANKS}(?:{TEXT}{BLANKS},{BLANKS})*(?:{TEXT}{BLANKS})?\}}");
    let comparison = format!("{BLANKS}[!=]={BLANKS}{TEXT}");
    let words = format!(r"[ \t]+(?:contains|starts{BLANKS}with|ends{BLANKS}with){BLANKS}{TEXT}");
    let membership = format!(r"[ \t]+(?:not{BLANKS})?in{BLANKS}{set}");
    let label = format!("{LABEL}(?:{comparison}|{words}|{membership})");
    let term = format!(r"(?:{constants}\({BLANKS}\)|has\({BLANKS}{LABEL}{BLANKS}\)|{label})");
    format!(r"^(?:[ \t!(]*{term}[ \t)]*(?:&&|\|\||$))+$|^{BLANKS}$")
}
