//! Every expression through libnftnl, which ends the process where an attribute has a width that it does not expect.

use ferrule_ruleset::{
    address::Family,
    nft::{FullyRandom, LimitSense, NatPorts},
    port::PortRange,
};
use nftnl::{Chain, MsgType, ProtoFamily, Rule, Table};

use super::*;
use crate::netlink::{
    batch::{Batch, Place},
    read::{Attributes, Messages, text},
    socket::{Generation, Opening},
};

/// `NFTA_RULE_EXPRESSIONS`.
const EXPRESSIONS: u16 = 4;

/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const NAME: u16 = 1;
const DATA: u16 = 2;

/// The name of an expression and its attributes as they go to the kernel: type and value, nested ones in one piece.
fn written(expression: &Expression) -> (String, Vec<(u16, Vec<u8>)>) {
    let table = Table::new(c"t", ProtoFamily::Ipv4);
    let chain = Chain::new(c"c", &table);
    let mut rule = Rule::new(&chain);
    rule.add_expr(expression);
    let mut batch = Batch::new(Opening { generation: Generation(1), sequence: 1 });
    batch.object(Place { operation: 0, part: 0 }, &rule, MsgType::Add, 0, |_| {});
    let batch = batch.finish();
    let message = Messages(batch.bytes()).nth(1).unwrap();
    assert_eq!(message.family(), crate::netlink::protocol_family(Family::V4));
    let list = Attributes(message.attributes().find(EXPRESSIONS).unwrap());
    let (_, expression) = { list }.next().unwrap();
    let name = text(Attributes(expression).find(NAME).unwrap()).unwrap().to_owned();
    let data = Attributes(Attributes(expression).find(DATA).unwrap_or(&[]));
    (name, data.map(|(kind, value)| (kind, value.to_vec())).collect())
}

fn word(value: u32) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

/// `NFTA_DATA_VALUE` of at most 4 bytes.
fn value(bytes: &[u8]) -> Vec<u8> {
    let mut value = [&(4 + bytes.len() as u16).to_ne_bytes()[..], &1_u16.to_ne_bytes(), bytes].concat();
    value.resize(value.len().next_multiple_of(4), 0);
    value
}

/// The bytes that each attribute of `enum nft_*_attributes` must have.
#[test]
fn each_attribute_has_its_width_and_order() {
    let port = Value::new(&80_u16.to_be_bytes());
    let set = || SetReference { name: c"s".into(), id: 7 };
    let cases = [
        (
            Expression::Payload { base: Base::Transport, offset: 2, length: 2, register: Register::FIRST },
            ("payload", vec![(1, word(1)), (2, word(2)), (3, word(2)), (4, word(2))]),
        ),
        (
            Expression::Meta(Meta::TransportProtocol, Register::after(4)),
            ("meta", vec![(2, word(16)), (1, word(9))]),
        ),
        (Expression::Connection(Connection::State), ("ct", vec![(2, word(0)), (1, word(1))])),
        (
            Expression::Original(Original::DestinationV6, Register::FIRST),
            ("ct", vec![(2, word(22)), (1, word(1)), (3, vec![0])]),
        ),
        (
            Expression::Immediate(Register::after(16), port),
            ("immediate", vec![(1, word(12)), (2, value(&[0, 80]))]),
        ),
        (
            Expression::Overwrite(Value::new(&[3, 255]), Value::new(&[0, 40])),
            (
                "bitwise",
                vec![(1, word(1)), (2, word(1)), (3, word(2)), (4, value(&[3, 255])), (5, value(&[0, 40]))],
            ),
        ),
        (Expression::DestinationType, ("fib", vec![(3, word(2)), (2, word(3)), (1, word(1))])),
        (
            Expression::Compare(Operator::IsNot, port),
            ("cmp", vec![(1, word(1)), (2, word(1)), (3, value(&[0, 80]))]),
        ),
        (
            Expression::Range(Operator::Is, port, port),
            ("range", vec![(1, word(1)), (2, word(0)), (3, value(&[0, 80])), (4, value(&[0, 80]))]),
        ),
        (
            Expression::Mask(Value::new(&[255, 255, 0, 0])),
            (
                "bitwise",
                vec![
                    (1, word(1)),
                    (2, word(1)),
                    (3, word(4)),
                    (4, value(&[255, 255, 0, 0])),
                    (5, value(&[0; 4])),
                ],
            ),
        ),
        (
            Expression::Lookup(Operator::IsNot, set()),
            ("lookup", vec![(2, word(1)), (1, b"s\0".to_vec()), (4, word(7)), (5, word(1))]),
        ),
        (
            Expression::VerdictLookup(set()),
            ("lookup", vec![(2, word(1)), (3, word(0)), (1, b"s\0".to_vec()), (4, word(7))]),
        ),
        (Expression::Counter, ("counter", vec![])),
        (Expression::Log(c"denied: ".into()), ("log", vec![(2, b"denied: \0".to_vec())])),
    ];
    for (expression, (name, mut attributes)) in cases {
        let (found_name, mut found) = written(&expression);
        attributes.sort();
        found.sort();
        assert_eq!((found_name.as_str(), found), (name, attributes), "{expression:?}");
    }
}

/// Likewise for what is done with packets and flows.
#[test]
fn each_attribute_of_an_action_has_its_width() {
    let long = |value: u64| value.to_be_bytes().to_vec();
    let (base, offset, length) = (Base::Network, 0, 2);
    let checksum = Checksum::Internet { offset: 10 };
    let ports = Ports::behind_address(NatPorts {
        range: Some(PortRange { first: 1, last: 2 }),
        fully_random: FullyRandom::Yes,
    });
    let limit = Action::Limit { packets: 7, seconds: 60, burst: 9, sense: LimitSense::Over };
    let cases = [
        (Action::Notrack, ("notrack", vec![])),
        (
            Action::Write { base, offset, length, checksum },
            (
                "payload",
                vec![
                    (2, word(1)),
                    (3, word(0)),
                    (4, word(2)),
                    (5, word(1)),
                    (6, word(1)),
                    (7, word(10)),
                    (8, word(0)),
                ],
            ),
        ),
        (limit, ("limit", vec![(1, long(7)), (2, long(60)), (3, word(9)), (4, word(0)), (5, word(1))])),
        (Action::ConnectionsOver(3), ("connlimit", vec![(1, word(3)), (2, word(1))])),
        (Action::Reject(Rejection::ICMP_ADMIN_PROHIBITED), ("reject", vec![(1, word(0)), (2, vec![13])])),
        (Action::Reject(Rejection::TCP_RESET), ("reject", vec![(1, word(1)), (2, vec![0])])),
        (Action::Masquerade(Ports::default()), ("masq", vec![])),
        (
            Action::Nat(Nat::Source, Family::V6, ports),
            (
                "nat",
                vec![(1, word(0)), (2, word(10)), (3, word(1)), (5, word(12)), (6, word(16)), (7, word(18))],
            ),
        ),
    ];
    for (action, (name, attributes)) in cases {
        let (found_name, mut found) = written(&Expression::Act(action.clone()));
        found.sort();
        assert_eq!((found_name.as_str(), found), (name, attributes), "{action:?}");
    }
}

/// A verdict is nested: number, and the chain it leads to.
#[test]
fn verdicts_lead_to_their_chains() {
    for (code, chain) in [(libc::NF_DROP, None), (libc::NFT_JUMP, Some(c"web"))] {
        let (name, attributes) = written(&Expression::Verdict(code, chain.map(Into::into)));
        assert_eq!(name, "immediate");
        let data = &attributes.iter().find(|(kind, _)| *kind == 2).unwrap().1;
        let verdict = Attributes(Attributes(data).find(2).unwrap());
        assert_eq!(verdict.find(1), Some(&code.to_be_bytes()[..]));
        assert_eq!(verdict.find(2), chain.map(std::ffi::CStr::to_bytes_with_nul));
    }
}

/// Concatenations lie one field after the other from the first register on.
#[test]
fn registers_follow_each_other() {
    assert_eq!(Register::after(0), Register::FIRST);
    assert_eq!([4, 8, 16, 20].map(Register::after), [9, 10, 12, 13].map(Register));
}
