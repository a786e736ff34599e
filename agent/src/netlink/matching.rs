//! Conditions of rules as expressions.
//!
//! Each choice lists as the condition it stands for in nft, and is the cheapest of those that do:
//! * A prefix of an address of 4 bytes is load, mask, compare. A load of 3 bytes, which nft itself emits for a /24, leaves the kernel's fast path.
//! * A prefix of a longer address at a byte boundary is a shorter load and a compare; no mask over 16 bytes.
//! * A range of ports is one expression, negated or not.

use ferrule_ruleset::{
    address::Family,
    nft::{AddressSide, InterfaceMatch, InterfaceSide, Match, Operator, PortSide},
    port::PortRange,
};
use ipnet::IpNet;

use super::{
    element::Entry,
    encode::Unencodable,
    expression::{Base, Connection, Expression, Meta, Original, Register, Value},
    key::{FIELD, Key},
    rule::{AnonymousSet, Program, named},
    set::address_type,
    uapi::datatype,
};

/// `IPS_DST_NAT`.
const IPS_DST_NAT: u32 = 1 << 5;

/// `RTN_UNICAST`.
const UNICAST: u32 = 1;

impl Program<'_> {
    /// Appends what a condition is made of.
    pub(super) fn push_match(&mut self, condition: &Match) -> Result<(), Unencodable> {
        match condition {
            Match::Protocol(operator, protocol) => {
                self.push(Expression::Meta(Meta::TransportProtocol, Register::FIRST));
                self.push(Expression::Compare(*operator, Value::new(&[protocol.0])));
            }
            Match::Net(side, operator, net) => self.push_net(*side, *operator, net)?,
            Match::AnyOf(side, operator, addresses) => {
                if addresses.iter().any(|address| Family::of(address) != self.family) {
                    return Err(Unencodable::Family);
                }
                let entries = addresses.iter().map(|address| Entry::key(Key::address(address))).collect();
                self.push(self.load_address(*side));
                self.push_anonymous(*operator, &AnonymousSet::plain(address_type(self.family), entries));
            }
            Match::InSet(side, operator, set) => {
                self.push(self.load_address(*side));
                self.push(Expression::Lookup(*operator, named(set)?));
            }
            Match::AddressPortInSet(side, operator, set) => {
                let address = u32::from(self.family.width()) / 8;
                self.push(self.load_address(*side));
                self.push(Expression::Meta(Meta::TransportProtocol, Register::after(address)));
                self.push(load_port(side.port(), Register::after(address + FIELD as u32)));
                self.push(Expression::Lookup(*operator, named(set)?));
            }
            Match::Port(side, operator, ranges) => self.push_ports(*side, *operator, ranges),
            Match::IcmpType(operator, kind) => {
                self.push(load_icmp(0, 1, Register::FIRST));
                self.push(Expression::Compare(*operator, Value::new(&[*kind])));
            }
            Match::IcmpTypeCode(operator, kind, code) => self.push_type_code(*operator, *kind, *code),
            Match::IcmpTypes(kinds) => {
                let entries = kinds.iter().map(|kind| Entry::key(Key::byte(*kind))).collect();
                self.push(load_icmp(0, 1, Register::FIRST));
                self.push_anonymous(Operator::Is, &AnonymousSet::plain(icmp_type(self.family), entries));
            }
            Match::Interface(side, operator, interface) => {
                let value = match interface {
                    InterfaceMatch::Exact(name) => {
                        Value::new(Key::interface(name).ok_or(Unencodable::InterfaceName)?.as_slice())
                    }
                    InterfaceMatch::Prefix(prefix) => {
                        Key::interface(&prefix.as_ref().into()).ok_or(Unencodable::InterfaceName)?;
                        Value::new(prefix.as_bytes())
                    }
                };
                self.push(load_interface(*side));
                self.push(Expression::Compare(*operator, value));
            }
            Match::Ct(operator, state) => self.push_bits(*operator, Connection::State, state.bits()),
            Match::Translated(operator) => self.push_bits(*operator, Connection::Status, IPS_DST_NAT),
            Match::HasInterface(side, operator) => {
                let index = match side {
                    InterfaceSide::In => Meta::InputIndex,
                    InterfaceSide::Out => Meta::OutputIndex,
                };
                self.push(Expression::Meta(index, Register::FIRST));
                // No device has the index 0.
                self.push(Expression::Compare(inverse(*operator), Value::new(&[0; 4])));
            }
            Match::LocalDestination => {
                self.push(Expression::DestinationType);
                self.push(Expression::Compare(Operator::IsNot, Value::new(&UNICAST.to_ne_bytes())));
            }
        }
        Ok(())
    }

    fn push_net(&mut self, side: AddressSide, operator: Operator, net: &IpNet) -> Result<(), Unencodable> {
        if Family::of_net(net) != self.family {
            return Err(Unencodable::Family);
        }
        let (prefix, width) = (usize::from(net.prefix_len()), usize::from(self.family.width()) / 8);
        let key = Key::address(&net.network());
        let shortens = match side {
            AddressSide::Source | AddressSide::Destination => width > FIELD,
            // The load is the same, and a compare of up to 4 bytes is on the fast path.
            AddressSide::Dialled => true,
        };
        let whole = if shortens && prefix > 0 && prefix.is_multiple_of(8) { prefix / 8 } else { width };
        self.push(self.load_bytes(side, whole as u32));
        if prefix < whole * 8 {
            self.push(Expression::Mask(Value::new(Key::address(&net.netmask()).as_slice())));
        }
        self.push(Expression::Compare(operator, Value::new(&key.as_slice()[..whole])));
        Ok(())
    }

    fn push_ports(&mut self, side: PortSide, operator: Operator, ranges: &[PortRange]) {
        self.push(load_port(side, Register::FIRST));
        let value = |port: u16| Value::new(&port.to_be_bytes());
        if let [range] = ranges {
            self.push(if range.first == range.last {
                Expression::Compare(operator, value(range.first))
            } else {
                Expression::Range(operator, value(range.first), value(range.last))
            });
            return;
        }
        let interval = ranges.iter().any(|range| range.first != range.last);
        let entry = |range: &PortRange| Entry {
            end: range.last.checked_add(1).filter(|_| interval).map(Key::port),
            ..Entry::key(Key::port(range.first))
        };
        let set = AnonymousSet {
            interval,
            ..AnonymousSet::plain(datatype::INET_SERVICE, ranges.iter().map(entry).collect())
        };
        self.push_anonymous(operator, &set);
    }

    /// As one value, so that the negation is that of both together. A negated compare of both would be listed by nft as two negated compares, which say
    /// something else; a concatenation lists as what it is.
    fn push_type_code(&mut self, operator: Operator, kind: u8, code: u8) {
        match operator {
            Operator::Is => {
                self.push(load_icmp(0, 2, Register::FIRST));
                self.push(Expression::Compare(operator, Value::new(&[kind, code])));
            }
            Operator::IsNot => {
                self.push(load_icmp(0, 1, Register::FIRST));
                self.push(load_icmp(1, 1, Register::after(FIELD as u32)));
                let types = match self.family {
                    Family::V4 => [datatype::ICMP_TYPE, datatype::ICMP_CODE],
                    Family::V6 => [datatype::ICMPV6_TYPE, datatype::ICMPV6_CODE],
                };
                let entries = vec![Entry::key(Key::type_code(kind, code))];
                let set = AnonymousSet::plain(datatype::concatenation(&types), entries);
                self.push_anonymous(operator, &set);
            }
        }
    }

    /// One of the bits is set, or none.
    fn push_bits(&mut self, operator: Operator, key: Connection, bits: u32) {
        self.push(Expression::Connection(key));
        self.push(Expression::Mask(Value::new(&bits.to_ne_bytes())));
        self.push(Expression::Compare(inverse(operator), Value::new(&[0; 4])));
    }

    fn load_address(&self, side: AddressSide) -> Expression {
        self.load_bytes(side, u32::from(self.family.width()) / 8)
    }

    /// Loads so many bytes of an address, or more.
    fn load_bytes(&self, side: AddressSide, length: u32) -> Expression {
        let register = Register::FIRST;
        let offset = match (self.family, side) {
            (Family::V4, AddressSide::Source) => 12,
            (Family::V4, AddressSide::Destination) => 16,
            (Family::V6, AddressSide::Source) => 8,
            (Family::V6, AddressSide::Destination) => 24,
            (Family::V4, AddressSide::Dialled) => {
                return Expression::Original(Original::DestinationV4, register);
            }
            (Family::V6, AddressSide::Dialled) => {
                return Expression::Original(Original::DestinationV6, register);
            }
        };
        Expression::Payload { base: Base::Network, offset, length, register }
    }
}

/// Loads the name of an interface.
pub(super) fn load_interface(side: InterfaceSide) -> Expression {
    let key = match side {
        InterfaceSide::In => Meta::InputInterface,
        InterfaceSide::Out => Meta::OutputInterface,
    };
    Expression::Meta(key, Register::FIRST)
}

/// The operator of a compare with 0.
fn inverse(operator: Operator) -> Operator {
    match operator {
        Operator::Is => Operator::IsNot,
        Operator::IsNot => Operator::Is,
    }
}

/// Loads a port; in packets, sources and destinations have the same places in the headers of all protocols that have ports.
pub(super) fn load_port(side: PortSide, register: Register) -> Expression {
    let offset = match side {
        PortSide::Source => 0,
        PortSide::Destination => 2,
        PortSide::Dialled => return Expression::Original(Original::DestinationPort, register),
    };
    Expression::Payload { base: Base::Transport, offset, length: 2, register }
}

fn load_icmp(offset: u32, length: u32, register: Register) -> Expression {
    Expression::Payload { base: Base::Transport, offset, length, register }
}

fn icmp_type(family: Family) -> u32 {
    match family {
        Family::V4 => datatype::ICMP_TYPE,
        Family::V6 => datatype::ICMPV6_TYPE,
    }
}
