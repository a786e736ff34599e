//! Protocols by name or number.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A protocol: TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite in any letter case, or a number, 1 to 255.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = 16, "x-kubernetes-validations" = [{
    "rule": "type(self) == int ? self >= 1 && self <= 255 : self.matches('^(?:(?i:TCP|UDP|ICMP|ICMPv6|SCTP|UDPLite)|0*(?:[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5]))$')",
    "message": "unknown protocol; use TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number, 1 to 255"
}]))]
pub struct Protocol(pub IntOrString);

/// A protocol with ports: TCP, UDP, SCTP in any letter case, or their numbers.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = 16, "x-kubernetes-validations" = [{
    "rule": "string(self).matches('^(?:(?i:TCP|UDP|SCTP)|0*(?:6|17|132))$')",
    "message": "must be TCP, UDP or SCTP"
}]))]
pub struct PortProtocol(pub IntOrString);

/// A protocol that failsafe ports may have: TCP or UDP in any letter case, or their numbers.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(transparent)]
#[schemars(extend("maxLength" = 16, "x-kubernetes-validations" = [{
    "rule": "string(self).matches('^(?:(?i:TCP|UDP)|0*(?:6|17))$')",
    "message": "a failsafe port is one of TCP or UDP"
}]))]
pub struct FailsafeProtocol(pub IntOrString);
