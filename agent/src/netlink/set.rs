//! Sets and verdict maps without their elements.

use ferrule_ruleset::{
    address::Family,
    nft::{Elements, Set, TABLE},
    render,
};

use super::{
    key::{FIELD, INTERFACE_NAME},
    uapi::{DATA_VERDICT, attribute, datatype, set_flag, userdata},
    write::Writer,
};

/// Byte order of a key, as nft writes it into user data (`BYTEORDER_HOST_ENDIAN`).
const HOST_ENDIAN: u32 = 1;

/// What a set holds: its key, and whether its elements lead to verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Of [`Elements::Addresses`].
    Addresses,
    /// Of [`Elements::Intervals`].
    Intervals,
    /// Of [`Elements::AddressPorts`].
    AddressPorts,
    /// Of [`Elements::InterfaceVerdicts`].
    InterfaceVerdicts,
    /// Of [`Elements::PortVerdicts`].
    PortVerdicts,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::Addresses, Self::Intervals, Self::AddressPorts, Self::InterfaceVerdicts, Self::PortVerdicts];

    /// The kind of a set.
    pub fn of(elements: &Elements) -> Self {
        match elements {
            Elements::Addresses(_) => Self::Addresses,
            Elements::Intervals(_) => Self::Intervals,
            Elements::AddressPorts(_) => Self::AddressPorts,
            Elements::InterfaceVerdicts(_) => Self::InterfaceVerdicts,
            Elements::PortVerdicts(_) => Self::PortVerdicts,
        }
    }

    /// The kind that the kernel's description of a set belongs to, if any.
    pub fn recognise(family: Family, flags: u32, key_type: u32, key_length: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            (kind.flags(), kind.key_type(family), kind.key_length(family)) == (flags, key_type, key_length)
        })
    }

    /// `enum nft_set_flags`.
    fn flags(self) -> u32 {
        match self {
            Self::Addresses | Self::AddressPorts => 0,
            Self::Intervals => set_flag::INTERVAL,
            Self::InterfaceVerdicts | Self::PortVerdicts => set_flag::MAP,
        }
    }

    /// The type of the key as nft reads it.
    fn key_type(self, family: Family) -> u32 {
        let address = address_type(family);
        match self {
            Self::Addresses | Self::Intervals => address,
            Self::AddressPorts => {
                datatype::concatenation(&[address, datatype::INET_PROTO, datatype::INET_SERVICE])
            }
            Self::InterfaceVerdicts => datatype::IFNAME,
            Self::PortVerdicts => datatype::concatenation(&[datatype::INET_PROTO, datatype::INET_SERVICE]),
        }
    }

    /// The length of the key in bytes.
    fn key_length(self, family: Family) -> u32 {
        let address = usize::from(family.width()) / 8;
        let length = match self {
            Self::Addresses | Self::Intervals => address,
            Self::AddressPorts => address + 2 * FIELD,
            Self::InterfaceVerdicts => INTERFACE_NAME,
            Self::PortVerdicts => 2 * FIELD,
        };
        length as u32
    }
}

/// The data type of an address.
pub(crate) fn address_type(family: Family) -> u32 {
    match family {
        Family::V4 => datatype::IPV4_ADDR,
        Family::V6 => datatype::IPV6_ADDR,
    }
}

/// Body of a message that creates a set. The id is a number of its own in the batch.
pub(crate) fn write(writer: &mut Writer, family: Family, set: &Set, id: u32) {
    let kind = Kind::of(&set.elements);
    writer.text(attribute::TABLE, TABLE);
    writer.text(attribute::set::NAME, set.name.as_str());
    writer.u32(attribute::set::FLAGS, kind.flags());
    writer.u32(attribute::set::KEY_TYPE, kind.key_type(family));
    writer.u32(attribute::set::KEY_LENGTH, kind.key_length(family));
    if kind.flags() & set_flag::MAP != 0 {
        writer.u32(attribute::set::DATA_TYPE, DATA_VERDICT);
    }
    if let Some(capacity) = set.capacity {
        write_size(writer, capacity);
    }
    writer.u32(attribute::set::ID, id);
    let userdata = userdata_of(kind, render::set_comment(set));
    if !userdata.is_empty() {
        writer.attribute(attribute::set::USERDATA, &userdata);
    }
}

/// The number of elements that a set is made for.
pub(crate) fn write_size(writer: &mut Writer, size: u32) {
    writer.nest(attribute::set::DESCRIPTION, |writer| writer.u32(attribute::set::DESCRIPTION_SIZE, size));
}

/// Without the byte order, nft shows interface names as empty texts, which it cannot read again.
fn userdata_of(kind: Kind, comment: String) -> Vec<u8> {
    let mut bytes = Vec::new();
    if kind == Kind::InterfaceVerdicts {
        append_userdata(&mut bytes, userdata::SET_KEY_BYTE_ORDER, &HOST_ENDIAN.to_ne_bytes());
    }
    if !comment.is_empty() {
        append_comment(&mut bytes, userdata::SET_COMMENT, comment);
    }
    bytes
}

/// Appends an entry of user data; the value has at most 255 bytes.
pub(crate) fn append_userdata(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.extend_from_slice(&[kind, value.len() as u8]);
    bytes.extend_from_slice(value);
}

/// Appends a comment of at most 254 bytes, as `render` makes them, as an entry of user data.
pub(crate) fn append_comment(bytes: &mut Vec<u8>, kind: u8, mut comment: String) {
    comment.push('\0');
    append_userdata(bytes, kind, comment.as_bytes());
}
