//! Tables, sets and chains as blocks.

use std::fmt;

use crate::{
    address::Family,
    nft::{BaseChain, Chain, Elements, Hook, Interval, Set, TABLE, Table},
    render,
    render::{keyword::protocol_name, quoted},
};

/// A script that replaces a table in one transaction.
pub(super) struct Script<'a> {
    /// The family of the table.
    pub(super) family: Family,
    /// The table.
    pub(super) table: &'a Table,
}

impl fmt::Display for Script<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, table } = self;
        // `delete` fails on a table that is not there, so it is added first.
        writeln!(f, "add table {family} {TABLE}\ndelete table {family} {TABLE}\ntable {family} {TABLE} {{")?;
        for set in table.sets.values() {
            self.set(f, set)?;
        }
        for chain in table.chains.values() {
            self.chain(f, chain)?;
        }
        writeln!(f, "}}")
    }
}

impl Script<'_> {
    fn set(&self, f: &mut fmt::Formatter<'_>, set: &Set) -> fmt::Result {
        let kind = match set.elements {
            Elements::Addresses(_) | Elements::Intervals(_) | Elements::AddressPorts(_) => "set",
            Elements::InterfaceVerdicts(_) | Elements::PortVerdicts(_) => "map",
        };
        writeln!(f, "\t{kind} {} {{\n\t\ttype {}", set.name, self.key(&set.elements))?;
        if let Some(capacity) = set.capacity {
            writeln!(f, "\t\tsize {capacity}")?;
        }
        if matches!(set.elements, Elements::Intervals(_)) {
            writeln!(f, "\t\tflags interval")?;
        }
        if !set.comment.is_empty() {
            writeln!(f, "\t\tcomment \"{}\"", quoted::comment(&set.comment))?;
        }
        let elements = elements(&set.elements);
        if !elements.is_empty() {
            // nft aligns what follows with what stands behind the brace.
            writeln!(f, "\t\telements = {{ {} }}", elements.join(",\n\t\t\t     "))?;
        }
        writeln!(f, "\t}}\n")
    }

    fn key(&self, elements: &Elements) -> String {
        let address = match self.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        };
        match elements {
            Elements::Addresses(_) | Elements::Intervals(_) => address.to_owned(),
            Elements::AddressPorts(_) => format!("{address} . inet_proto . inet_service"),
            Elements::InterfaceVerdicts(_) => "ifname : verdict".to_owned(),
            Elements::PortVerdicts(_) => "inet_proto . inet_service : verdict".to_owned(),
        }
    }

    fn chain(&self, f: &mut fmt::Formatter<'_>, chain: &Chain) -> fmt::Result {
        writeln!(f, "\tchain {} {{", chain.name)?;
        if let Some(BaseChain { hook, priority, kind }) = chain.base {
            let priority = Priority(priority, hook);
            writeln!(f, "\t\ttype {kind} hook {hook} priority {priority}; policy accept;")?;
        }
        for rule in &chain.rules {
            writeln!(f, "\t\t{}", render::rule(self.family, rule))?;
        }
        writeln!(f, "\t}}\n")
    }
}

/// A priority at a hook as nft lists it: relative to one that has a name there, if that is no further away than 10.
struct Priority(i32, Hook);

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(priority, hook) = *self;
        let at_hook = NAMED_PRIORITIES.iter().filter(|(.., only)| only.is_none_or(|only| only == hook));
        let near = at_hook
            .map(|(name, named, _)| (name, priority.saturating_sub(*named)))
            .find(|(_, distance)| (-10..=10).contains(distance));
        match near {
            None => write!(f, "{priority}"),
            Some((name, 0)) => f.write_str(name),
            Some((name, above @ 1..)) => write!(f, "{name} + {above}"),
            Some((name, below)) => write!(f, "{name} - {}", below.unsigned_abs()),
        }
    }
}

/// `NF_IP_PRI_*` and `NF_IP6_PRI_*` as nft 1.0.6 names them, some at one hook only.
const NAMED_PRIORITIES: [(&str, i32, Option<Hook>); 6] = [
    ("raw", -300, None),
    ("mangle", -150, None),
    ("dstnat", -100, Some(Hook::Prerouting)),
    ("filter", 0, None),
    ("security", 50, None),
    ("srcnat", 100, Some(Hook::Postrouting)),
];

/// The elements, as many to an entry as nft would put on a line.
fn elements(elements: &Elements) -> Vec<String> {
    match elements {
        Elements::Addresses(nets) => pairs(nets.iter().map(|net| net.addr().to_string())),
        Elements::Intervals(intervals) => pairs(intervals.iter().map(interval)),
        Elements::AddressPorts(members) => members
            .iter()
            .map(|member| {
                format!("{} . {} . {}", member.address, protocol_name(member.protocol), member.port)
            })
            .collect(),
        Elements::InterfaceVerdicts(map) => {
            map.iter().map(|(name, verdict)| format!("\"{}\" : {verdict}", quoted::interface(name))).collect()
        }
        Elements::PortVerdicts(map) => map
            .iter()
            .map(|(key, verdict)| format!("{} . {} : {verdict}", protocol_name(key.protocol), key.port))
            .collect(),
    }
}

fn interval(interval: &Interval) -> String {
    match interval {
        Interval { first, last } if first == last => first.to_string(),
        Interval { first, last } => format!("{first}-{last}"),
    }
}

fn pairs(elements: impl Iterator<Item = String>) -> Vec<String> {
    let elements: Vec<String> = elements.collect();
    elements.chunks(2).map(|pair| pair.join(", ")).collect()
}
