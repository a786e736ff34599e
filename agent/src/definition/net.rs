//! Networks and addresses as text.
//!
//! An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is none to the API server, as in the API of Kubernetes itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest text of an address with a prefix length, in characters.
const MAX_LENGTH: u32 = 49;

/// A network in CIDR form, or a single address.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "x-kubernetes-validations" = [
    { "rule": "isCIDR(self) || isIP(self)", "message": "must be a network in CIDR form, like 10.0.0.0/8 or fd00::/8, or an address" }
]))]
pub struct Net(pub String);

/// A network in CIDR form.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "x-kubernetes-validations" = [
    { "rule": "isCIDR(self)", "message": "must be a network in CIDR form, like 10.0.0.0/8 or fd00::/8" }
]))]
pub struct Cidr(pub String);

/// A single address.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "x-kubernetes-validations" = [
    { "rule": "isIP(self)", "message": "must be an IP address" }
]))]
pub struct Address(pub String);

/// A network or an address; empty text says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "x-kubernetes-validations" = [
    { "rule": "self == '' || isCIDR(self) || isIP(self)", "message": "must be a network in CIDR form or an address" }
]))]
pub struct OptionalNet(pub String);

/// A single IPv4 address; empty text says nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = MAX_LENGTH, "x-kubernetes-validations" = [
    { "rule": "self == '' || (isIP(self) && ip(self).family() == 4)", "message": "must be an IPv4 address" }
]))]
pub struct OptionalIpv4(pub String);
