//! Ports of rules.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// 0 to 65535.
const NUMBER: &str = "0*(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// 1 to 65535.
const PORT: &str =
    "0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// A name holds a letter, so that "8000-8080" and "70000" can only be numbers gone wrong.
const NAME: &str = "[a-zA-Z0-9_.-]*[a-zA-Z][a-zA-Z0-9_.-]*";

/// The longest text, in characters: the name of a port of a host endpoint may be long, and the cost that an API server expects of [`ORDER`] grows with it.
const MAX_LENGTH: u32 = 63;

/// What no regular expression tells of a range.
const ORDER: &str = "type(self) == int || !self.contains(':') || int(self.substring(0, self.indexOf(':'))) <= int(self.substring(self.indexOf(':') + 1))";
const ORDER_MESSAGE: &str = "a range of ports goes from its first to its last";

/// A port number, 1 to 65535.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("format" = "int32", "minimum" = 1, "maximum" = 65535))]
pub struct PortNumber(pub u16);

/// A port of a rule: a number, a range `first:last`, or the name of a port.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend(
    "minimum" = 1,
    "maximum" = 65535,
    "maxLength" = MAX_LENGTH,
    "pattern" = format!("^(?:{PORT}|{NUMBER}:{PORT}|{NAME})$"),
    "x-kubernetes-validations" = [{ "rule": ORDER, "message": ORDER_MESSAGE }],
))]
pub struct Port(pub IntOrString);

/// A port number or a range `first:last`; empty text says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend(
    "minimum" = 1,
    "maximum" = 65535,
    "maxLength" = MAX_LENGTH,
    "pattern" = format!("^(?:{PORT}(?::{PORT})?)?$"),
    "x-kubernetes-validations" = [{ "rule": ORDER, "message": ORDER_MESSAGE }],
))]
pub struct OptionalPortRange(pub IntOrString);
