//! What a ruleset does with a packet: the kernel's evaluation as a pure function.
//!
//! * A `goto` leaves no way back to its chain: the end of the chain it leads to, or a `return` there, comes back behind the last `jump`, or is the end
//!   of the base chain, whose policy is `accept`.
//! * A verdict map without the key lets the rule pass by, and the next rule is looked at.
//! * A packet is what it is at its hook from first to last: what connection tracking does between two base chains, and what statements change of the
//!   packet (`notrack`, DSCP, translated addresses), is for the caller to put into the packet of the next hook.
//! * Limits of rate and of flows are taken as not exceeded.
//! * Total: what the kernel would have refused to load (a chain that is not there, jumps in a loop) drops the packet here.

mod condition;

use std::sync::Arc;

use crate::{
    diff::JUMP_DEPTH,
    name::{ChainName, SetName},
    nft::{
        Chain, ChainKind, Elements, InterfaceSide, LimitSense, ProtocolPort, RateLimit, Rule, Ruleset,
        Statement, Table, Verdict,
    },
    origin::Origin,
    packet::{Packet, Payload, Tracking},
};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It goes on.
    Accepted,
    /// It is gone.
    Dropped,
}

/// The way of a packet through a ruleset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What became of it.
    pub outcome: Outcome,
    /// The rules that matched, in order; the last one decided, unless the base chain's policy did.
    pub path: Vec<Step>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The chain.
    pub chain: ChainName,
    /// The place of the rule in it.
    pub rule: usize,
    /// Why the rule stands there.
    pub origin: Arc<Origin>,
}

/// The way of a packet through the base chains of its hook, by ascending priority: each has to accept it. Chains that translate addresses see the first
/// packet of a flow only. The path holds the rules that end with a verdict, a rejection or a translation, or log, whose conditions held.
pub fn evaluate(ruleset: &Ruleset, packet: &Packet) -> Trace {
    let table = ruleset.table(packet.family());
    let at_hook = table.chains.values().filter_map(|chain| {
        let base = chain.base.filter(|base| base.hook == packet.hook && sees(base.kind, packet.tracking))?;
        Some((base.priority, chain))
    });
    let mut bases: Vec<(i32, &Arc<Chain>)> = at_hook.collect();
    bases.sort_by_key(|(priority, _)| *priority);
    let mut walk = Walk { table, packet, path: Vec::new() };
    let dropped = bases.into_iter().any(|(_, base)| walk.through(base) == Outcome::Dropped);
    Trace { outcome: if dropped { Outcome::Dropped } else { Outcome::Accepted }, path: walk.path }
}

/// Whether chains of a kind are asked about a packet.
fn sees(kind: ChainKind, tracking: Tracking) -> bool {
    match kind {
        ChainKind::Filter | ChainKind::Route => true,
        ChainKind::Nat => tracking == Tracking::New,
    }
}

/// The first statement of a rule that lets a packet not go on, by its place; none if the rule matches.
pub fn first_miss(rule: &Rule, packet: &Packet, table: &Table) -> Option<usize> {
    rule.statements.iter().position(|statement| match statement {
        Statement::Match(condition) => !condition::holds(condition, packet, table),
        Statement::ConnectionsOver(_) | Statement::Limit(RateLimit { sense: LimitSense::Over, .. }) => true,
        Statement::Limit(RateLimit { sense: LimitSense::Under, .. })
        | Statement::Counter
        | Statement::Log(_)
        | Statement::Verdict(_)
        | Statement::InterfaceMap(..)
        | Statement::PortMap(_)
        | Statement::Notrack
        | Statement::Dscp(_)
        | Statement::Reject(_)
        | Statement::Masquerade(_)
        | Statement::SourceNat(..)
        | Statement::DestinationNat(_) => false,
    })
}

/// A packet on its way.
struct Walk<'a> {
    table: &'a Table,
    packet: &'a Packet,
    path: Vec<Step>,
}

/// Where evaluation stands in a chain.
#[derive(Clone, Copy)]
struct Position<'a> {
    chain: &'a Chain,
    /// The rule to look at next.
    next: usize,
    /// Jumps and gotos from the base chain to here.
    depth: usize,
}

impl<'a> Walk<'a> {
    fn through(&mut self, base: &'a Chain) -> Outcome {
        let mut at = Position { chain: base, next: 0, depth: 0 };
        let mut callers: Vec<Position<'a>> = Vec::new();
        loop {
            let verdict = match at.chain.rules.get(at.next) {
                Some(rule) => {
                    at.next += 1;
                    self.rule(at.chain, at.next - 1, rule)
                }
                None => Some(Verdict::Return),
            };
            let target = match verdict {
                None => continue,
                Some(Verdict::Accept) => return Outcome::Accepted,
                Some(Verdict::Drop) => return Outcome::Dropped,
                Some(Verdict::Return) => match callers.pop() {
                    Some(caller) => {
                        at = caller;
                        continue;
                    }
                    None => return Outcome::Accepted,
                },
                Some(Verdict::Jump(target)) => {
                    callers.push(at);
                    target
                }
                Some(Verdict::Goto(target)) => target,
            };
            match self.table.chains.get(&target) {
                Some(chain) if at.depth < JUMP_DEPTH => {
                    at = Position { chain, next: 0, depth: at.depth + 1 };
                }
                Some(_) | None => return Outcome::Dropped,
            }
        }
    }

    /// The verdict of a rule; none if it does not match or only counts and logs.
    fn rule(&mut self, chain: &Chain, place: usize, rule: &Rule) -> Option<Verdict> {
        let mut logged = false;
        let mut verdict = None;
        for statement in &rule.statements {
            verdict = match statement {
                Statement::Match(condition) if condition::holds(condition, self.packet, self.table) => {
                    continue;
                }
                Statement::Match(_)
                | Statement::ConnectionsOver(_)
                | Statement::Limit(RateLimit { sense: LimitSense::Over, .. }) => break,
                Statement::Counter
                | Statement::Limit(RateLimit { sense: LimitSense::Under, .. })
                | Statement::Notrack
                | Statement::Dscp(_) => continue,
                Statement::Log(_) => {
                    logged = true;
                    continue;
                }
                Statement::Verdict(reached) => Some(reached.clone()),
                Statement::InterfaceMap(side, map) => self.by_interface(*side, map),
                Statement::PortMap(map) => self.by_port(map),
                Statement::Reject(_) => Some(Verdict::Drop),
                Statement::Masquerade(_) | Statement::SourceNat(..) | Statement::DestinationNat(_) => {
                    Some(Verdict::Accept)
                }
            };
            break;
        }
        if logged || verdict.is_some() {
            self.path.push(Step { chain: chain.name.clone(), rule: place, origin: Arc::clone(&rule.origin) });
        }
        verdict
    }

    fn by_interface(&self, side: InterfaceSide, map: &SetName) -> Option<Verdict> {
        let name = condition::interface(self.packet, side)?;
        match &self.table.sets.get(map)?.elements {
            Elements::InterfaceVerdicts(verdicts) => verdicts.get(name).cloned(),
            Elements::Addresses(_)
            | Elements::Intervals(_)
            | Elements::AddressPorts(_)
            | Elements::PortVerdicts(_) => None,
        }
    }

    fn by_port(&self, map: &SetName) -> Option<Verdict> {
        let Payload::Ports { protocol, destination, .. } = self.packet.payload else { return None };
        match &self.table.sets.get(map)?.elements {
            Elements::PortVerdicts(verdicts) => {
                verdicts.get(&ProtocolPort { protocol, port: destination }).cloned()
            }
            Elements::Addresses(_)
            | Elements::Intervals(_)
            | Elements::AddressPorts(_)
            | Elements::InterfaceVerdicts(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
