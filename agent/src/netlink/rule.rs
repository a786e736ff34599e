//! Rules: statements as expressions, and the anonymous sets that they look into.

use std::ffi::CString;

use ferrule_ruleset::{
    address::Family,
    name::SetName,
    nft::{InterfaceSide, NatPorts, Operator, PortSide, Rule, Statement, TABLE},
    render,
};
use nftnl::MsgType;

use super::{
    batch::{Batch, Place},
    element::{Change, Entry, Target, verdict_code, write_elements},
    encode::{Unencodable, name},
    expression::{Action, Expression, Meta, Nat, Register, SetReference},
    key::FIELD,
    matching::{load_interface, load_port},
    set::{append_comment, append_userdata, write_size},
    uapi::{attribute, flag, message, set_flag, userdata},
};

/// How many expressions a rule can have (`NFT_RULE_MAXEXPRS`).
const EXPRESSIONS: usize = 128;

/// The name that the kernel replaces by one of its own.
const ANONYMOUS: &str = "__set%d";

/// A set that belongs to one rule and cannot change.
#[derive(Debug)]
pub(crate) struct AnonymousSet {
    /// The type of its keys.
    pub key_type: u32,
    /// Whether its elements are intervals.
    pub interval: bool,
    /// Its elements, at least one.
    pub entries: Vec<Entry>,
}

impl AnonymousSet {
    /// Of single keys.
    pub fn plain(key_type: u32, entries: Vec<Entry>) -> Self {
        Self { key_type, interval: false, entries }
    }
}

/// A rule in the course of its translation. The sets are written into the batch ahead of the rule.
pub(crate) struct Program<'a> {
    pub family: Family,
    batch: &'a mut Batch,
    place: Place,
    expressions: Vec<Expression>,
    outcome: Result<(), Unencodable>,
}

impl Program<'_> {
    pub fn push(&mut self, expression: Expression) {
        self.expressions.push(expression);
    }

    /// Looks into a set of the rule's own.
    pub fn push_anonymous(&mut self, operator: Operator, set: &AnonymousSet) {
        let id = self.batch.next_set();
        let (Some(first), size) = (set.entries.first(), set.entries.len() as u32) else {
            self.outcome = Err(Unencodable::EmptySet);
            return;
        };
        let mut flags = set_flag::ANONYMOUS | set_flag::CONSTANT;
        if set.interval {
            flags |= set_flag::INTERVAL;
        }
        self.batch.message(self.place, message::NEWSET, flag::CREATE, self.family, |writer| {
            writer.text(attribute::TABLE, TABLE);
            writer.text(attribute::set::NAME, ANONYMOUS);
            writer.u32(attribute::set::FLAGS, flags);
            writer.u32(attribute::set::KEY_TYPE, set.key_type);
            writer.u32(attribute::set::KEY_LENGTH, first.key.as_slice().len() as u32);
            if !set.interval {
                write_size(writer, size);
            }
            writer.u32(attribute::set::ID, id);
        });
        let target = Target { family: self.family, set: ANONYMOUS, id: Some(id) };
        let written = write_elements(self.batch, self.place, target, Change::Add, &set.entries, |entry| {
            Ok(entry.clone())
        });
        self.outcome = self.outcome.and(written);
        self.push(Expression::Lookup(operator, SetReference { name: c"__set%d".into(), id }));
    }

    fn push_statement(&mut self, statement: &Statement) -> Result<(), Unencodable> {
        match statement {
            Statement::Match(condition) => self.push_match(condition)?,
            Statement::Counter => self.push(Expression::Counter),
            Statement::Log(prefix) => {
                let prefix = CString::new(render::log_prefix(prefix)).map_err(|_| Unencodable::Nul)?;
                self.push(Expression::Log(prefix));
            }
            Statement::Verdict(verdict) => {
                let chain = verdict.chain().map(|chain| name(chain.as_str())).transpose()?;
                self.push(Expression::Verdict(verdict_code(verdict), chain));
            }
            Statement::InterfaceMap(side, map) => self.push_interface_map(*side, map)?,
            Statement::PortMap(map) => {
                self.push(Expression::Meta(Meta::TransportProtocol, Register::FIRST));
                self.push(load_port(PortSide::Destination, Register::after(FIELD as u32)));
                self.push(Expression::VerdictLookup(named(map)?));
            }
            Statement::Limit(limit) => self.push_limit(*limit),
            Statement::ConnectionsOver(flows) => self.act(Action::ConnectionsOver(*flows)),
            Statement::Notrack => self.act(Action::Notrack),
            Statement::Dscp(codepoint) => self.push_dscp(*codepoint),
            Statement::Reject(reject) => self.push_reject(*reject),
            Statement::Masquerade(ports) => self.push_masquerade(*ports),
            Statement::SourceNat(to, ports) => self.push_nat(Nat::Source, to, *ports)?,
            Statement::DestinationNat(to) => self.push_nat(Nat::Destination, to, NatPorts::default())?,
        }
        Ok(())
    }

    fn push_interface_map(&mut self, side: InterfaceSide, map: &SetName) -> Result<(), Unencodable> {
        self.push(load_interface(side));
        self.push(Expression::VerdictLookup(named(map)?));
        Ok(())
    }
}

/// Where a rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// To the end of the chain.
    End,
    /// Before the rule with this handle.
    Before(u64),
    /// In the place of the rule with this handle.
    InsteadOf(u64),
}

/// Writes a rule, its anonymous sets first.
pub(crate) fn write(
    batch: &mut Batch,
    place: Place,
    chain: &nftnl::Chain<'_>,
    family: Family,
    rule: &Rule,
    position: Position,
) -> Result<(), Unencodable> {
    let mut program = Program { family, batch, place, expressions: Vec::with_capacity(16), outcome: Ok(()) };
    rule.statements.iter().try_for_each(|statement| program.push_statement(statement))?;
    program.outcome?;
    let expressions = program.expressions;
    if expressions.len() > EXPRESSIONS {
        return Err(Unencodable::TooManyExpressions);
    }
    let mut object = nftnl::Rule::new(chain);
    expressions.iter().for_each(|expression| object.add_expr(expression));
    let flags = match position {
        Position::End => flag::CREATE | flag::APPEND,
        Position::Before(handle) => {
            object.set_position(handle);
            flag::CREATE
        }
        Position::InsteadOf(handle) => {
            object.set_handle(handle);
            flag::REPLACE
        }
    };
    let mut bytes = Vec::with_capacity(160);
    append_comment(&mut bytes, userdata::RULE_COMMENT, &render::comment(rule));
    append_userdata(&mut bytes, userdata::RULE_DIGEST, &render::digest(family, rule));
    batch.object(place, &object, MsgType::Add, flags, |writer| {
        writer.attribute(attribute::rule::USERDATA, &bytes)
    });
    Ok(())
}

/// A set by its own name.
pub(crate) fn named(set: &SetName) -> Result<SetReference, Unencodable> {
    Ok(SetReference { name: name(set.as_str())?, id: 0 })
}
