//! Rules of policies.

use std::{borrow::Cow, collections::BTreeMap};

use kube::{KubeSchema, core::validate};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{entity::EntityRule, protocol::Protocol};

/// What becomes of a packet that a rule matches.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum Action {
    /// It may pass.
    Allow,
    /// It is dropped.
    Deny,
    /// A line is logged, and the next rule decides.
    Log,
    /// The next tier decides.
    Pass,
}

/// A rule. Everything that is given must hold.
#[derive(Clone, Debug, Deserialize, KubeSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!has(self.http)", "matching of HTTP requests is not supported"))]
#[x_kube(validation = Rule::new(ICMP).message("icmp needs protocol ICMP or ICMPv6 beside it"))]
#[x_kube(validation = Rule::new(version("protocol")).message("ipVersion must be 4 with protocol ICMP and 6 with ICMPv6"))]
#[x_kube(validation = Rule::new(version("notProtocol")).message("ipVersion must be 4 with notProtocol ICMP and 6 with ICMPv6"))]
#[x_kube(validation = Rule::new(PORTS).message("ports need protocol TCP, UDP or SCTP in the rule"))]
pub struct PolicyRule {
    /// What becomes of a packet that the rule matches.
    pub action: Action,
    /// The IP version, 4 or 6.
    #[x_kube(validation = ("self == 4 || self == 6", "must be 4 or 6"))]
    pub ip_version: Option<i32>,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// A protocol that the packet does not have.
    pub not_protocol: Option<Protocol>,
    /// The ICMP message.
    pub icmp: Option<IcmpFields>,
    /// An ICMP message that the packet is not.
    #[serde(rename = "notICMP")]
    pub not_icmp: Option<IcmpFields>,
    /// Where the packet comes from.
    pub source: Option<EntityRule>,
    /// Where the packet goes.
    pub destination: Option<EntityRule>,
    /// Not supported. The field is here to be refused: one that the definition did not know would be taken from the rule without a word.
    pub http: Option<HttpMatch>,
    /// For people.
    pub metadata: Option<RuleMetadata>,
}

const ICMP: &str = "!has(self.icmp) || (has(self.protocol) && string(self.protocol).matches('^(?:(?i:ICMP|ICMPv6)|0*(?:1|58))$'))";

/// Names of ports may stand without a protocol.
const PORTS: &str = "(has(self.protocol) && string(self.protocol).matches('^(?:(?i:TCP|UDP|SCTP)|0*(?:6|17|132))$')) \
    || [has(self.source) && has(self.source.ports) ? self.source.ports : [], \
        has(self.source) && has(self.source.notPorts) ? self.source.notPorts : [], \
        has(self.destination) && has(self.destination.ports) ? self.destination.ports : [], \
        has(self.destination) && has(self.destination.notPorts) ? self.destination.notPorts : []] \
        .all(ports, ports.size() == 0 || (!has(self.protocol) && ports.all(port, type(port) == string && port.matches('[a-zA-Z]'))))";

/// That the IP version does not contradict a protocol that only one of them has.
fn version(field: &str) -> String {
    format!(
        "!has(self.ipVersion) || !has(self.{field}) || (self.ipVersion == 4 ? !string(self.{field}).matches('^(?:(?i:ICMPv6)|0*58)$') : !string(self.{field}).matches('^(?:(?i:ICMP)|0*1)$'))"
    )
}

/// A rule for packets towards the subject.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct IngressRule(pub PolicyRule);

/// A rule for packets of the subject.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct EgressRule(pub PolicyRule);

impl JsonSchema for IngressRule {
    fn schema_name() -> Cow<'static, str> {
        "IngressRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        rule(
            generator,
            &[(
                "!has(self.destination) || !has(self.destination.services)",
                "an ingress rule can ask for services at its source only",
            )],
        )
    }
}

impl JsonSchema for EgressRule {
    fn schema_name() -> Cow<'static, str> {
        "EgressRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        rule(
            generator,
            &[
                (
                    "!has(self.source) || !has(self.source.services)",
                    "an egress rule can ask for services at its destination only",
                ),
                (
                    "!has(self.destination) || !has(self.destination.services) || ((!has(self.destination.ports) || self.destination.ports.size() == 0) && (!has(self.destination.notPorts) || self.destination.notPorts.size() == 0))",
                    "services at the destination cannot stand beside ports or notPorts, as their ports are those of their endpoints",
                ),
            ],
        )
    }
}

/// A rule with what its direction adds.
fn rule(generator: &mut SchemaGenerator, additions: &[(&str, &str)]) -> Schema {
    let mut schema = PolicyRule::json_schema(generator);
    for addition in additions {
        validate(&mut schema, *addition).expect("text is a value of JSON");
    }
    schema
}

/// An ICMP or ICMPv6 message.
#[derive(Clone, Debug, Deserialize, KubeSchema, Serialize)]
#[x_kube(validation = ("!has(self.code) || has(self.type)", "a code needs a type beside it"))]
pub struct IcmpFields {
    /// The type, 0 to 254.
    #[schemars(range(min = 0, max = 254))]
    pub r#type: Option<i32>,
    /// The code, 0 to 255.
    #[schemars(range(min = 0, max = 255))]
    pub code: Option<i32>,
}

/// Matching of HTTP requests.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct HttpMatch {}

/// Notes on a rule.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct RuleMetadata {
    /// Notes by name.
    pub annotations: Option<BTreeMap<String, String>>,
}
