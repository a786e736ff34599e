//! The source addresses that a chain in the kernel admits, read from the expressions of its rule.
//!
//! Rules are recognised by digest among those that are wanted; of a chain that is not wanted any more nothing is known but what is read here.

use std::{io, net::IpAddr};

use ferrule_ruleset::{
    address::Family,
    name::{ChainName, SetName},
    nft::TABLE,
    origin::Builtin,
};

use super::{
    key::read_address,
    read::{Attributes, Message, be32, text, userdata},
    socket::{Request, Socket},
    uapi::{attribute, flag, message, protocol_family, userdata as kind},
    write::Writer,
};

/// `NFTA_RULE_EXPRESSIONS`.
const RULE_EXPRESSIONS: u16 = 4;
/// `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`.
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
/// `NFTA_CMP_OP`, `NFTA_CMP_DATA`, `NFT_CMP_NEQ`.
const COMPARE_OPERATOR: u16 = 2;
const COMPARE_DATA: u16 = 3;
const NOT_EQUAL: u32 = 1;
/// `NFTA_LOOKUP_SET`, `NFTA_LOOKUP_FLAGS`, `NFT_LOOKUP_F_INV`.
const LOOKUP_SET: u16 = 1;
const LOOKUP_FLAGS: u16 = 5;
const INVERTED: u32 = 1;

/// What a rule drops everything but.
#[derive(Debug)]
enum Admitted {
    Address(IpAddr),
    Set(SetName),
}

impl Socket {
    /// The addresses that the rule of a chain that tests them admits; none if the chain has no such rule.
    pub(crate) fn source_addresses(&mut self, family: Family, chain: &ChainName) -> io::Result<Vec<IpAddr>> {
        let request = Request { kind: message::GETRULE, flags: flag::DUMP, family: protocol_family(family) };
        let body = |writer: &mut Writer| {
            writer.text(attribute::TABLE, TABLE);
            writer.text(attribute::rule::CHAIN, chain.as_str());
        };
        let admitted = self.request(request, body, |answer, found| found.extend(admitted(family, answer)))?;
        let mut addresses = Vec::new();
        for admitted in admitted {
            match admitted {
                Admitted::Address(address) => addresses.push(address),
                Admitted::Set(set) => {
                    let elements = self.elements(family, &set)?;
                    let keys = elements.iter().flatten().map(|element| element.key.as_slice());
                    addresses.extend(keys.filter_map(|key| Some(read_address(family, key)?.0)));
                }
            }
        }
        Ok(addresses)
    }
}

fn admitted(family: Family, rule: &Message<'_>) -> Option<Admitted> {
    let comment = userdata(rule.attributes().find(attribute::rule::USERDATA)?)
        .find(|(entry, _)| *entry == kind::RULE_COMMENT)?;
    if text(comment.1) != Some(Builtin::SourceAddress.as_str()) {
        return None;
    }
    let mut expressions = Attributes(rule.attributes().find(RULE_EXPRESSIONS)?);
    expressions.find_map(|(_, expression)| {
        let expression = Attributes(expression);
        let data = Attributes(expression.find(EXPRESSION_DATA)?);
        match expression.find(EXPRESSION_NAME).and_then(text)? {
            "cmp" if data.find(COMPARE_OPERATOR).and_then(be32) == Some(NOT_EQUAL) => {
                let value = Attributes(data.find(COMPARE_DATA)?).find(attribute::data::VALUE)?;
                Some(Admitted::Address(read_address(family, value)?.0))
            }
            "lookup" if data.find(LOOKUP_FLAGS).and_then(be32) == Some(INVERTED) => {
                Some(Admitted::Set(data.find(LOOKUP_SET).and_then(text)?.into()))
            }
            _ => None,
        }
    })
}
