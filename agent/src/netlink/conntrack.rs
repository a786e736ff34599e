//! Connection tracking entries (ctnetlink): listed by address, deleted by tuple.
//!
//! Deletion by filter in the kernel (Linux 6.8) is deliberately absent: it does not say how many entries went, and a kernel that knows no such filter
//! would have to be found out first, lest it takes the request for one to delete everything. A listing may be filtered without that danger, as every
//! answer is looked at again here.

use std::{collections::BTreeSet, io, net::IpAddr};

use ferrule_ruleset::address::Family;
use nix::errno::Errno;

use super::{
    key::read_address,
    read::{Attributes, Message},
    socket::{Request, Socket},
    uapi::{flag, protocol_family},
    write::{Header, Writer},
};

/// `NFNL_SUBSYS_CTNETLINK` in the high byte, then `IPCTNL_MSG_CT_GET`, `IPCTNL_MSG_CT_DELETE`.
const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
/// `enum ctattr_type`.
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const ID: u16 = 12;
const ZONE: u16 = 18;
const FILTER: u16 = 25;
/// `CTA_TUPLE_IP`.
const TUPLE_ADDRESSES: u16 = 1;
/// `CTA_FILTER_ORIG_FLAGS`, `CTA_FILTER_REPLY_FLAGS`: masks in host order.
const FILTER_ORIGINAL: u16 = 1;
const FILTER_REPLY: u16 = 2;
/// How many deletions are sent at once: their refusals, about 1 KiB of buffer each, are read afterwards.
const BATCH: usize = 1024;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// Where an address may stand in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    /// [`TUPLE_ORIGINAL`] or [`TUPLE_REPLY`].
    tuple: u16,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

const SIDES: [Side; 4] = [
    Side { tuple: TUPLE_ORIGINAL, end: End::Source },
    Side { tuple: TUPLE_ORIGINAL, end: End::Destination },
    Side { tuple: TUPLE_REPLY, end: End::Source },
    Side { tuple: TUPLE_REPLY, end: End::Destination },
];

impl End {
    /// `CTA_IP_V4_SRC`, `CTA_IP_V4_DST`, `CTA_IP_V6_SRC`, `CTA_IP_V6_DST`.
    fn attribute(self, family: Family) -> u16 {
        match (family, self) {
            (Family::V4, Self::Source) => 1,
            (Family::V4, Self::Destination) => 2,
            (Family::V6, Self::Source) => 3,
            (Family::V6, Self::Destination) => 4,
        }
    }

    /// `CTA_FILTER_F_CTA_IP_SRC`, `CTA_FILTER_F_CTA_IP_DST`.
    fn filter(self) -> u32 {
        match self {
            Self::Source => 1 << 0,
            Self::Destination => 1 << 1,
        }
    }
}

/// An entry, as it takes to delete it and no other. Attributes are kept as the kernel wrote them, whatever the protocol's ports are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    tuple: Vec<u8>,
    zone: Option<Vec<u8>>,
    id: Vec<u8>,
}

/// How deletions went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// Entries that are gone by our hand.
    pub count: usize,
    /// Entries that the kernel would not delete, and its last reason.
    pub refused: Option<(usize, Errno)>,
}

impl Socket {
    /// The entries of all zones in which any of these addresses of one family stands on any side.
    pub(crate) fn connections_of(
        &mut self,
        family: Family,
        addresses: &BTreeSet<IpAddr>,
    ) -> io::Result<BTreeSet<Connection>> {
        let mut found = BTreeSet::new();
        match addresses.first() {
            // Four walks of the table in the kernel cost less than showing all of it once.
            Some(address) if addresses.len() == 1 => {
                for side in SIDES {
                    found.extend(self.list(family, addresses, |writer| filter(writer, side, address))?);
                }
            }
            Some(_) => found.extend(self.list(family, addresses, |_| {})?),
            None => {}
        }
        Ok(found)
    }

    fn list(
        &mut self,
        family: Family,
        addresses: &BTreeSet<IpAddr>,
        filter: impl Fn(&mut Writer),
    ) -> io::Result<Vec<Connection>> {
        let request = Request { kind: GET, flags: flag::DUMP, family: protocol_family(family) };
        self.request(request, filter, |answer, found| found.extend(concerned(family, answer, addresses)))
    }

    /// Deletes entries. One that is gone already, or that another has taken the place of, is no failure.
    pub(crate) fn forget(
        &mut self,
        family: Family,
        connections: &BTreeSet<Connection>,
    ) -> io::Result<Deleted> {
        let mut deleted = Deleted::default();
        let connections: Vec<&Connection> = connections.iter().collect();
        for chunk in connections.chunks(BATCH) {
            let bodies = chunk.iter().map(|connection| |writer: &mut Writer| connection.write(writer));
            let header =
                Header { kind: DELETE, flags: 0, sequence: 0, family: protocol_family(family), resource: 0 };
            let kept = self.carry_out(header, bodies)?;
            deleted.count += chunk.len() - kept.len();
            for errno in kept.into_iter().filter(|errno| *errno != Errno::ENOENT) {
                let before = deleted.refused.map_or(0, |(before, _)| before);
                deleted.refused = Some((before + 1, errno));
            }
        }
        Ok(deleted)
    }
}

impl Connection {
    fn write(&self, writer: &mut Writer) {
        writer.attribute(TUPLE_ORIGINAL | NESTED, &self.tuple);
        if let Some(zone) = &self.zone {
            writer.attribute(ZONE, zone);
        }
        writer.attribute(ID, &self.id);
    }
}

/// Asks for entries with an address on one side. A kernel before 5.8 passes over this and lists everything.
fn filter(writer: &mut Writer, side: Side, address: &IpAddr) {
    let family = Family::of(address);
    writer.nest(side.tuple, |writer| {
        writer.nest(TUPLE_ADDRESSES, |writer| match address {
            IpAddr::V4(address) => writer.attribute(side.end.attribute(family), &address.octets()),
            IpAddr::V6(address) => writer.attribute(side.end.attribute(family), &address.octets()),
        });
    });
    let mask = |tuple| if side.tuple == tuple { side.end.filter() } else { 0 };
    writer.nest(FILTER, |writer| {
        writer.attribute(FILTER_ORIGINAL, &mask(TUPLE_ORIGINAL).to_ne_bytes());
        writer.attribute(FILTER_REPLY, &mask(TUPLE_REPLY).to_ne_bytes());
    });
}

/// The entry, if any of these addresses stands in it.
fn concerned(family: Family, entry: &Message<'_>, addresses: &BTreeSet<IpAddr>) -> Option<Connection> {
    let attributes = entry.attributes();
    let stands = SIDES.iter().any(|side| {
        let address = || {
            let tuple = Attributes(attributes.find(side.tuple)?);
            let value = Attributes(tuple.find(TUPLE_ADDRESSES)?).find(side.end.attribute(family))?;
            Some(read_address(family, value)?.0)
        };
        address().is_some_and(|address| addresses.contains(&address))
    });
    if !stands {
        return None;
    }
    Some(Connection {
        tuple: attributes.find(TUPLE_ORIGINAL)?.to_vec(),
        zone: attributes.find(ZONE).map(<[u8]>::to_vec),
        id: attributes.find(ID)?.to_vec(),
    })
}
