//! Elements of sets.

use std::net::IpAddr;

use ferrule_ruleset::{
    address::Family,
    name::ChainName,
    nft::{Element, TABLE, Verdict},
};

use super::{
    batch::{Batch, Place},
    encode::Unencodable,
    key::Key,
    read::{Attributes, be32, text},
    uapi::{INTERVAL_END, attribute, flag, message},
    write::Writer,
};

/// Where a message of elements is closed and the next begun: the list is one attribute, and an attribute has a length of 16 bits.
const FULL: usize = 60_000;

/// An element as the kernel takes it. An interval is two: its first address, and the first one after it, marked as the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its key, or the lowest one of an interval.
    pub key: Key,
    /// For intervals: the lowest key that is not in it any more, if there is one.
    pub end: Option<Key>,
    /// For verdict maps: where it leads.
    pub verdict: Option<Verdict>,
}

impl Entry {
    /// Of a single key.
    pub fn key(key: Key) -> Self {
        Self { key, end: None, verdict: None }
    }
}

/// The set that elements are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The family of its table.
    pub family: Family,
    /// Its name.
    pub set: &'a str,
    /// Its number, if it is of the same batch and has no name of its own.
    pub id: Option<u32>,
}

/// What is done with elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// They come to be.
    Add,
    /// They cease to be.
    Delete,
}

/// Writes elements in as many messages as it takes. The part of each message's place is the number of its first element, if it is to be counted.
pub(crate) fn write_elements<'a, T>(
    batch: &mut Batch,
    place: Place,
    target: Target<'_>,
    change: Change,
    elements: &'a [T],
    entry: impl Fn(&'a T) -> Result<Entry, Unencodable>,
) -> Result<(), Unencodable> {
    let (kind, flags) = match change {
        Change::Add => (message::NEWSETELEM, flag::CREATE),
        Change::Delete => (message::DELSETELEM, 0),
    };
    let mut next = 0;
    while next < elements.len() {
        let mut outcome = Ok(());
        let place = if target.id.is_some() { place } else { Place { part: next, ..place } };
        batch.message(place, kind, flags, target.family, |writer| {
            writer.text(attribute::TABLE, TABLE);
            writer.text(attribute::elements::SET, target.set);
            if let Some(id) = target.id {
                writer.u32(attribute::elements::SET_ID, id);
            }
            writer.nest(attribute::elements::LIST, |writer| {
                let start = writer.len();
                while outcome.is_ok() && next < elements.len() && writer.len() - start < FULL {
                    outcome = entry(&elements[next]).map(|entry| write_entry(writer, &entry));
                    next += 1;
                }
            });
        });
        outcome?;
    }
    Ok(())
}

fn write_entry(writer: &mut Writer, entry: &Entry) {
    writer.nest(attribute::LIST_ELEMENT, |writer| {
        write_key(writer, &entry.key);
        if let Some(verdict) = &entry.verdict {
            write_verdict(writer, verdict);
        }
    });
    if let Some(end) = &entry.end {
        writer.nest(attribute::LIST_ELEMENT, |writer| {
            writer.u32(attribute::element::FLAGS, INTERVAL_END);
            write_key(writer, end);
        });
    }
}

fn write_key(writer: &mut Writer, key: &Key) {
    writer.nest(attribute::element::KEY, |writer| writer.attribute(attribute::data::VALUE, key.as_slice()));
}

fn write_verdict(writer: &mut Writer, verdict: &Verdict) {
    writer.nest(attribute::element::DATA, |writer| {
        writer.nest(attribute::data::VERDICT, |writer| {
            writer.u32(attribute::data::VERDICT_CODE, verdict_code(verdict).cast_unsigned());
            if let Some(chain) = verdict.chain() {
                writer.text(attribute::data::VERDICT_CHAIN, chain.as_str());
            }
        });
    });
}

/// The number of a verdict: `NF_ACCEPT`, `NFT_JUMP` and so on.
pub(crate) fn verdict_code(verdict: &Verdict) -> i32 {
    match verdict {
        Verdict::Accept => libc::NF_ACCEPT,
        Verdict::Drop => libc::NF_DROP,
        Verdict::Return => libc::NFT_RETURN,
        Verdict::Jump(_) => libc::NFT_JUMP,
        Verdict::Goto(_) => libc::NFT_GOTO,
    }
}

/// An element of one of our sets.
pub(crate) fn entry(family: Family, element: &Element) -> Result<Entry, Unencodable> {
    let of_family = |address: &IpAddr| {
        if Family::of(address) == family { Ok(Key::address(address)) } else { Err(Unencodable::Family) }
    };
    Ok(match element {
        Element::Address(address) => Entry::key(of_family(address)?),
        Element::Interval(interval) => Entry {
            end: successor(&interval.last).map(|end| Key::address(&end)),
            ..Entry::key(of_family(&interval.first)?)
        },
        Element::AddressPort(element) => {
            of_family(&element.address)?;
            Entry::key(Key::address_port(element))
        }
        Element::InterfaceVerdict(interface, verdict) => Entry {
            verdict: Some(verdict.clone()),
            ..Entry::key(Key::interface(interface).ok_or(Unencodable::InterfaceName)?)
        },
        Element::PortVerdict(port, verdict) => {
            Entry { verdict: Some(verdict.clone()), ..Entry::key(Key::protocol_port(port)) }
        }
    })
}

/// The next address; none after the highest one.
fn successor(address: &IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add(1).map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(address) => address.to_bits().checked_add(1).map(|bits| IpAddr::V6(bits.into())),
    }
}

/// An element as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedElement {
    /// Its key.
    pub key: Key,
    /// Whether it marks the end of an interval.
    pub end: bool,
    /// Where it leads.
    pub verdict: Option<Verdict>,
}

/// The elements of a message. `None` in the place of one that is none of ours.
pub(crate) fn read_elements(attributes: Attributes<'_>) -> impl Iterator<Item = Option<ListedElement>> {
    let list = Attributes(attributes.find(attribute::elements::LIST).unwrap_or(&[]));
    list.map(|(_, element)| read_element(Attributes(element)))
}

fn read_element(attributes: Attributes<'_>) -> Option<ListedElement> {
    let key = Attributes(attributes.find(attribute::element::KEY)?).find(attribute::data::VALUE)?;
    let flags = attributes.find(attribute::element::FLAGS).map_or(Some(0), be32)?;
    let verdict = match attributes.find(attribute::element::DATA) {
        Some(data) => Some(read_verdict(Attributes(data))?),
        None => None,
    };
    Some(ListedElement { key: Key::listed(key)?, end: flags & INTERVAL_END != 0, verdict })
}

fn read_verdict(data: Attributes<'_>) -> Option<Verdict> {
    let verdict = Attributes(data.find(attribute::data::VERDICT)?);
    let chain = verdict.find(attribute::data::VERDICT_CHAIN).and_then(text).map(ChainName::from);
    match (be32(verdict.find(attribute::data::VERDICT_CODE)?)?.cast_signed(), chain) {
        (libc::NF_ACCEPT, None) => Some(Verdict::Accept),
        (libc::NF_DROP, None) => Some(Verdict::Drop),
        (libc::NFT_RETURN, None) => Some(Verdict::Return),
        (libc::NFT_JUMP, Some(chain)) => Some(Verdict::Jump(chain)),
        (libc::NFT_GOTO, Some(chain)) => Some(Verdict::Goto(chain)),
        _ => None,
    }
}

/// Which element of a message, counted from its first, the byte at this offset belongs to. An interval counts once.
pub(crate) fn element_at(message: &[u8], offset: usize) -> usize {
    let mut starts = 0_usize;
    let Some(payload) = super::read::Messages(message).next().map(|message| message.attributes()) else {
        return 0;
    };
    let list = payload.find(attribute::elements::LIST).unwrap_or(&[]);
    // Slices of one buffer: the distance of their starts is the offset of the one in the other.
    let offset_of = |part: &[u8]| part.as_ptr() as usize - message.as_ptr() as usize;
    for (_, element) in Attributes(list) {
        if offset_of(element) > offset + 4 {
            break;
        }
        let end = Attributes(element)
            .find(attribute::element::FLAGS)
            .and_then(be32)
            .is_some_and(|flags| flags & 1 != 0);
        starts += usize::from(!end);
    }
    starts.saturating_sub(1)
}
