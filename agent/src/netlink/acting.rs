//! Statements that do something with a packet as expressions: those that nft itself emits.

use std::net::IpAddr;

use ferrule_ruleset::{
    address::Family,
    nft::{NatPorts, RateLimit, Reject},
};

use super::{
    encode::Unencodable,
    expression::{Action, Base, Checksum, Expression, Nat, Ports, Register, Rejection, Value},
    key::Key,
    rule::Program,
};

impl Program<'_> {
    /// Appends an action.
    pub(super) fn act(&mut self, action: Action) {
        self.push(Expression::Act(action));
    }

    /// Goes on within or beyond a limit.
    pub(super) fn push_limit(&mut self, RateLimit { sense, packets, per, burst }: RateLimit) {
        self.act(Action::Limit { packets, seconds: per.seconds(), burst, sense });
    }

    /// Writes the codepoint, which lies across the first two bytes: behind the version and the header's length in IPv4, between the version and the flow
    /// label in IPv6. Only IPv4 has a checksum over it.
    pub(super) fn push_dscp(&mut self, codepoint: u8) {
        let codepoint = u16::from(codepoint & 0x3f);
        let (shift, checksum) = match self.family {
            Family::V4 => (2, Checksum::Internet { offset: IPV4_CHECKSUM }),
            Family::V6 => (6, Checksum::None),
        };
        let word = |bits: u16| Value::new(&bits.to_be_bytes());
        let (base, offset, length) = (Base::Network, 0, 2);
        self.push(Expression::Payload { base, offset, length, register: Register::FIRST });
        self.push(Expression::Overwrite(word(!(0x3f << shift)), word(codepoint << shift)));
        self.act(Action::Write { base, offset, length, checksum });
    }

    /// Drops and tells the sender.
    pub(super) fn push_reject(&mut self, reject: Reject) {
        self.act(Action::Reject(match (reject, self.family) {
            (Reject::TcpReset, _) => Rejection::TCP_RESET,
            (Reject::AdminProhibited, Family::V4) => Rejection::ICMP_ADMIN_PROHIBITED,
            (Reject::AdminProhibited, Family::V6) => Rejection::ICMPV6_ADMIN_PROHIBITED,
        }));
    }

    /// Takes the address of the device.
    pub(super) fn push_masquerade(&mut self, ports: NatPorts) {
        let registers = Ports::alone(ports);
        self.push_ports_of(ports, registers);
        self.act(Action::Masquerade(registers));
    }

    /// Translates the source or the destination to an address.
    pub(super) fn push_nat(&mut self, nat: Nat, to: &IpAddr, ports: NatPorts) -> Result<(), Unencodable> {
        if Family::of(to) != self.family {
            return Err(Unencodable::Family);
        }
        let registers = Ports::behind_address(ports);
        self.push(Expression::Immediate(Register::FIRST, Value::new(Key::address(to).as_slice())));
        self.push_ports_of(ports, registers);
        self.act(Action::Nat(nat, self.family, registers));
        Ok(())
    }

    fn push_ports_of(&mut self, ports: NatPorts, registers: Ports) {
        let Some(range) = ports.range else { return };
        for (register, port) in [(registers.first, range.first), (registers.last, range.last)] {
            if let Some(register) = register {
                self.push(Expression::Immediate(register, Value::new(&port.to_be_bytes())));
            }
        }
    }
}

/// Where the checksum stands in an IPv4 header.
const IPV4_CHECKSUM: u32 = 10;
