//! What policy sees, as the kernel records it: in the hooks where an agent applies policy and just before it, after every translation of destinations
//! and before every translation of sources.
//!
//! A set of the witness's own table holds, for each first packet of a TCP connection that comes from or goes to a pod, its addresses and ports as they
//! are at that moment and its sequence number, which no translation changes. [`super::dial`] chooses the sequence number: it is the name of the connection.
//! It takes the way through the mark of the tracked connection, which nothing else here uses: `nft` cannot list a sequence number within a set.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result};
use ferrule_ruleset::address::Family;
use serde_json::Value;

use crate::namespace::Namespace;

/// Source and destination of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ends {
    /// Where it is from.
    pub source: SocketAddr,
    /// Where it is bound for.
    pub destination: SocketAddr,
}

/// What one node has seen, by the name of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// Packets from pods of the node, as egress policy sees them.
    pub egress: BTreeMap<u32, Ends>,
    /// Packets to pods of the node, as ingress policy sees them.
    pub ingress: BTreeMap<u32, Ends>,
}

/// The table that records, as text for `nft -f`, which empties it if it is there.
pub fn table(family: Family) -> String {
    let key = format!("ct mark . {family} saddr . tcp sport . {family} daddr . tcp dport");
    let set = |name: &str| format!("  set {name} {{ typeof {key}; flags dynamic; size 65535; }}\n");
    format!(
        "table {family} witness\ndelete table {family} witness\ntable {family} witness {{\n{}{}  chain record {{
    ct mark set tcp sequence
    iifname \"cali*\" update @egress {{ {key} }}
    oifname \"cali*\" update @ingress {{ {key} }}
  }}
  chain forward {{ type filter hook forward priority -20; tcp flags & (syn | ack) == syn jump record; }}
  chain input {{ type filter hook input priority -20; tcp flags & (syn | ack) == syn jump record; }}
}}\n",
        set("egress"),
        set("ingress"),
    )
}

/// Takes down what the node has seen so far, in both families.
pub fn hear(namespace: &Namespace) -> Result<Testimony> {
    let mut testimony = Testimony::default();
    for family in Family::ALL {
        let listing =
            namespace.execute("nft", &["-j", "list", "table", &family.to_string(), "witness"], "")?;
        let listing: Value = serde_json::from_str(&listing).context("nft -j list table")?;
        let objects = listing["nftables"].as_array().context("no objects in the listing")?;
        for set in objects.iter().map(|object| &object["set"]).filter(|set| set.is_object()) {
            let side = if set["name"] == "egress" { &mut testimony.egress } else { &mut testimony.ingress };
            for element in set["elem"].as_array().into_iter().flatten() {
                let (name, ends) = read(element).with_context(|| format!("element {element}"))?;
                side.insert(name, ends);
            }
        }
    }
    Ok(testimony)
}

/// `{"concat": [mark, address, port, address, port]}`
fn read(element: &Value) -> Option<(u32, Ends)> {
    let key = &element["concat"];
    let end = |at: usize| -> Option<SocketAddr> {
        let address: IpAddr = key[at].as_str()?.parse().ok()?;
        Some(SocketAddr::new(address, u16::try_from(key[at + 1].as_u64()?).ok()?))
    };
    // `ct mark set tcp sequence` leaves the bytes in the order that they have in the packet.
    let name = u32::from_be(u32::try_from(key[0].as_u64()?).ok()?);
    Some((name, Ends { source: end(1)?, destination: end(3)? }))
}
