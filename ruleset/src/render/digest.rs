//! A digest of all that a rule says.
//!
//! The digest is over an encoding of its own, not over the text of the rule: the text replaces characters and cuts comments, and two rules that differ
//! must not meet in one text. Each value is a tag or number of fixed width, or bytes with their length before them, so that no two rules are encoded
//! alike. The encoding may change between versions: what an older version wrote is then replaced once.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::{
    address::Family,
    name::ObjectName,
    nft::{CtState, InterfaceMatch, Match, NatPorts, Operator, RateLimit, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
    protocol::Protocol,
};

/// A digest of everything a rule says, for recognising it in the kernel after a restart: the first 8 bytes of SHA-256.
pub fn digest(family: Family, rule: &Rule) -> [u8; 8] {
    let mut encoding = Encoding(Sha256::new());
    encoding.tag(family.width());
    encoding.length(rule.statements.len());
    rule.statements.iter().for_each(|statement| encoding.statement(statement));
    encoding.origin(&rule.origin);
    let mut first = [0; 8];
    first.iter_mut().zip(encoding.0.finalize()).for_each(|(first, byte)| *first = byte);
    first
}

struct Encoding(Sha256);

impl Encoding {
    fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.update(text);
    }

    fn address(&mut self, address: &IpAddr) {
        self.text(&address.to_string());
    }

    fn net(&mut self, net: &IpNet) {
        self.text(&net.to_string());
    }

    fn compare(&mut self, tag: u8, operator: Operator) {
        self.tag(tag);
        self.tag(match operator {
            Operator::Is => 0,
            Operator::IsNot => 1,
        });
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Match(condition) => {
                self.tag(0);
                self.condition(condition);
            }
            Statement::Counter => self.tag(1),
            Statement::Log(prefix) => {
                self.tag(2);
                self.text(prefix);
            }
            Statement::Verdict(verdict) => {
                self.tag(3);
                self.verdict(verdict);
            }
            Statement::InterfaceMap(side, map) => {
                self.tag(4);
                self.tag(*side as u8);
                self.text(map.as_str());
            }
            Statement::PortMap(map) => {
                self.tag(5);
                self.text(map.as_str());
            }
            Statement::Limit(limit) => {
                self.tag(6);
                self.limit(*limit);
            }
            Statement::ConnectionsOver(flows) => {
                self.tag(7);
                self.number((*flows).into());
            }
            Statement::Notrack => self.tag(8),
            Statement::Dscp(codepoint) => {
                self.tag(9);
                self.tag(*codepoint);
            }
            Statement::Reject(reject) => {
                self.tag(10);
                self.tag(*reject as u8);
            }
            Statement::Masquerade(ports) => {
                self.tag(11);
                self.nat_ports(*ports);
            }
            Statement::SourceNat(address, ports) => {
                self.tag(12);
                self.address(address);
                self.nat_ports(*ports);
            }
            Statement::DestinationNat(address) => {
                self.tag(13);
                self.address(address);
            }
        }
    }

    fn limit(&mut self, limit: RateLimit) {
        self.tag(limit.sense as u8);
        self.number(limit.packets);
        self.tag(limit.per as u8);
        self.number(limit.burst.into());
    }

    fn nat_ports(&mut self, ports: NatPorts) {
        self.tag(ports.fully_random as u8);
        self.length(ports.range.iter().len());
        ports
            .range
            .iter()
            .flat_map(|range| [range.first, range.last])
            .for_each(|port| self.number(port.into()));
    }

    fn verdict(&mut self, verdict: &Verdict) {
        let (tag, chain) = match verdict {
            Verdict::Accept => (0, ""),
            Verdict::Drop => (1, ""),
            Verdict::Return => (2, ""),
            Verdict::Jump(chain) => (3, chain.as_str()),
            Verdict::Goto(chain) => (4, chain.as_str()),
        };
        self.tag(tag);
        self.text(chain);
    }

    fn condition(&mut self, condition: &Match) {
        match condition {
            Match::Protocol(operator, Protocol(number)) => {
                self.compare(0, *operator);
                self.tag(*number);
            }
            Match::Net(side, operator, net) => {
                self.compare(1, *operator);
                self.tag(*side as u8);
                self.net(net);
            }
            Match::AnyOf(side, operator, addresses) => {
                self.compare(2, *operator);
                self.tag(*side as u8);
                self.length(addresses.len());
                addresses.iter().for_each(|address| self.address(address));
            }
            Match::InSet(side, operator, set) => {
                self.compare(3, *operator);
                self.tag(*side as u8);
                self.text(set.as_str());
            }
            Match::AddressPortInSet(side, operator, set) => {
                self.compare(4, *operator);
                self.tag(*side as u8);
                self.text(set.as_str());
            }
            Match::Port(side, operator, ranges) => {
                self.compare(5, *operator);
                self.tag(*side as u8);
                self.length(ranges.len());
                ranges
                    .iter()
                    .flat_map(|range| [range.first, range.last])
                    .for_each(|port| self.number(port.into()));
            }
            Match::IcmpType(operator, kind) => {
                self.compare(6, *operator);
                self.tag(*kind);
            }
            Match::IcmpTypeCode(operator, kind, code) => {
                self.compare(7, *operator);
                self.0.update([*kind, *code]);
            }
            Match::IcmpTypes(kinds) => {
                self.tag(8);
                self.length(kinds.len());
                self.0.update(kinds);
            }
            Match::Interface(side, operator, name) => {
                self.compare(9, *operator);
                self.tag(*side as u8);
                self.interface(name);
            }
            Match::Ct(operator, state) => {
                self.tag(match operator {
                    Operator::Is => 10,
                    Operator::IsNot => 12,
                });
                self.tag(match state {
                    CtState::EstablishedOrRelated => 0,
                    CtState::Invalid => 1,
                    CtState::New => 2,
                    CtState::Untracked => 3,
                });
            }
            Match::LocalDestination => self.tag(11),
            Match::Translated(operator) => self.compare(13, *operator),
            Match::HasInterface(side, operator) => {
                self.compare(14, *operator);
                self.tag(*side as u8);
            }
        }
    }

    fn interface(&mut self, name: &InterfaceMatch) {
        let (tag, text) = match name {
            InterfaceMatch::Exact(name) => (0, name.as_str()),
            InterfaceMatch::Prefix(prefix) => (1, &**prefix),
        };
        self.tag(tag);
        self.text(text);
    }

    fn origin(&mut self, origin: &Origin) {
        match origin {
            Origin::Rule { tier, policy, direction, index } => {
                self.tag(0);
                self.text(tier.as_str());
                self.policy(policy, *direction);
                self.number((*index).into());
            }
            Origin::Policy { tier, policy, direction } => {
                self.tag(1);
                self.text(tier.as_str());
                self.policy(policy, *direction);
            }
            Origin::EndOfTier { tier, direction, policies } => {
                self.tag(2);
                self.text(tier.as_str());
                self.tag(*direction as u8);
                self.length(policies.len());
                policies.iter().for_each(|policy| self.policy(policy, *direction));
            }
            Origin::StandIn { policy, direction } => {
                self.tag(3);
                self.policy(policy, *direction);
            }
            Origin::Endpoint { pod, direction, role } => {
                self.tag(4);
                self.object(pod);
                self.tag(*direction as u8);
                self.builtin(*role);
            }
            Origin::HostEndpoint { name, direction, role } => {
                self.tag(7);
                self.text(name.as_str());
                self.tag(*direction as u8);
                self.builtin(*role);
            }
            Origin::Profile { direction } => {
                self.tag(6);
                self.tag(*direction as u8);
            }
            Origin::Builtin(role) => {
                self.tag(5);
                self.builtin(*role);
            }
        }
    }

    fn policy(&mut self, policy: &PolicyKey, direction: Direction) {
        self.text(policy.kind.as_str());
        // A namespace is never empty, so that the empty text stands for none.
        self.text(policy.namespace.as_ref().map_or("", |namespace| namespace.as_str()));
        self.text(&policy.name);
        self.tag(direction as u8);
    }

    fn object(&mut self, name: &ObjectName) {
        self.text(name.namespace.as_str());
        self.text(&name.name);
    }

    fn builtin(&mut self, role: Builtin) {
        self.text(role.as_str());
    }
}
