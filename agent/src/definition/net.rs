//! Networks and addresses as text, by the formats that API servers know.
//!
//! Those formats let numbers begin with zeros, which some readers take for octal and ours refuses. Rules in CEL would say more in words, but the lists of a
//! policy hold more than the cost estimate of an API server leaves room for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of an IPv4 address, or the length of a prefix, that begins with a zero and goes on.
const OCTAL: &str = "(?:^|[.:])0[0-9]+[.]|[./]0[0-9]";

/// A network in CIDR form, or a single address.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend(
    "anyOf" = [{ "format": "cidr" }, { "format": "ipv4" }, { "format": "ipv6" }],
    "not" = { "pattern": OCTAL },
))]
pub struct Net(pub String);

/// A network in CIDR form.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("format" = "cidr", "not" = { "pattern": OCTAL }))]
pub struct Cidr(pub String);

/// A single address.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("anyOf" = [{ "format": "ipv4" }, { "format": "ipv6" }], "not" = { "pattern": OCTAL }))]
pub struct Address(pub String);

/// A network or an address; empty text says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend(
    "anyOf" = [{ "format": "cidr" }, { "format": "ipv4" }, { "format": "ipv6" }, { "maxLength": 0 }],
    "not" = { "pattern": OCTAL },
))]
pub struct OptionalNet(pub String);

/// A single IPv4 address; empty text says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend(
    "anyOf" = [{ "format": "ipv4" }, { "pattern": "(?i)^::ffff:[0-9.]+$", "format": "ipv6" }, { "maxLength": 0 }],
    "not" = { "pattern": OCTAL },
))]
pub struct OptionalIpv4(pub String);
