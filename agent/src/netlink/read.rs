//! Bytes into netlink messages and attributes. Total: what is cut short ends the iteration.

/// Length of `struct nlmsghdr`.
pub(super) const MESSAGE_HEADER: usize = 16;

/// Length of `struct nfgenmsg`.
const FAMILY_HEADER: usize = 4;

/// Length of `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;

/// A message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// `nfgen_family` of a message of the netfilter bus; 0 if there is none.
    pub fn family(&self) -> u8 {
        self.payload.first().copied().unwrap_or(0)
    }

    /// The attributes of a message of the netfilter bus.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes(self.payload.get(FAMILY_HEADER..).unwrap_or(&[]))
    }
}

/// The messages of a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = host32(self.0.get(..4)?)? as usize;
        let whole = self.0.get(..length)?;
        let message = Message {
            kind: u16::from_ne_bytes(whole.get(4..6)?.try_into().ok()?),
            flags: u16::from_ne_bytes(whole.get(6..8)?.try_into().ok()?),
            sequence: host32(whole.get(8..12)?)?,
            payload: whole.get(MESSAGE_HEADER..)?,
        };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    }
}

/// The attributes of a message or of another attribute: type without its flag bits, and value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the first attribute of a type.
    pub fn find(self, wanted: u16) -> Option<&'a [u8]> {
        { self }.find_map(|(kind, value)| (kind == wanted).then_some(value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(self.0.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(self.0.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    }
}

/// An integer of 4 bytes in network order.
pub(crate) fn be32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// An integer of 8 bytes in network order.
pub(super) fn be64(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_be_bytes)
}

/// An integer of 4 bytes in host order.
pub(super) fn host32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// A text with or without its terminator.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(|text| text.trim_end_matches('\0'))
}

/// The entries of user data as libnftnl lays them out: type, length, value, a byte each for the first two.
pub(super) fn userdata(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&kind, &length) = (bytes.first()?, bytes.get(1)?);
        let value = bytes.get(2..2 + usize::from(length))?;
        bytes = &bytes[2 + usize::from(length)..];
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::write::{Header, Writer};

    #[test]
    fn reads_what_was_written() {
        let mut writer = Writer::default();
        let header = Header { kind: 7, flags: 0x400, sequence: 9, family: 2, resource: 10 };
        writer.message(header, |writer| {
            writer.text(1, "abc");
            writer.nest(2, |writer| writer.u32(3, 0xdead_beef));
        });
        writer.message(Header { sequence: 10, ..header }, |_| {});
        let messages: Vec<_> = Messages(writer.bytes()).collect();
        assert_eq!(messages.len(), 2);
        assert_eq!((messages[0].kind, messages[0].flags, messages[0].sequence), (7, 0x401, 9));
        assert_eq!(messages[0].family(), 2);
        assert_eq!(text(messages[0].attributes().find(1).unwrap()), Some("abc"));
        let nested = Attributes(messages[0].attributes().find(2).unwrap());
        assert_eq!(be32(nested.find(3).unwrap()), Some(0xdead_beef));
        assert_eq!(messages[1].attributes().count(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_in_bounded_steps(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Messages(&bytes).take(1000).count() <= bytes.len() / MESSAGE_HEADER);
            prop_assert!(Attributes(&bytes).take(1000).count() <= bytes.len() / ATTRIBUTE_HEADER);
            prop_assert!(userdata(&bytes).take(1000).count() <= bytes.len() / 2);
        }
    }
}
