//! Netlink messages and attributes into bytes.

use super::uapi::flag;

/// Bit of an attribute's type that says that it holds attributes.
const NESTED: u16 = 0x8000;

/// A buffer of netlink messages. Integers of nf_tables attributes are in network order, those of headers in host order.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

/// The header of a message, less what the writer knows itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`; NLM_F_REQUEST is added.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub sequence: u32,
    /// `nfgen_family`.
    pub family: u8,
    /// `res_id`.
    pub resource: u16,
}

impl Writer {
    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How much was written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// One message; the body writes its attributes.
    pub fn message(&mut self, header: Header, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&header.kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(header.flags | flag::REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&header.sequence.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&[header.family, 0]);
        self.bytes.extend_from_slice(&header.resource.to_be_bytes());
        body(self);
        self.close_message(start);
    }

    /// A message that somebody else wrote, with attributes of ours after its own.
    pub fn extend_message(&mut self, message: &[u8], body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.pad();
        body(self);
        self.close_message(start);
    }

    /// An attribute of raw bytes; at most 65,531.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.header(kind, value.len());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    /// An attribute that is a text with its terminator.
    pub fn text(&mut self, kind: u16, value: &str) {
        self.header(kind, value.len() + 1);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.pad();
    }

    /// An attribute of 4 bytes.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    /// An attribute that holds attributes; at most 64 KiB of them.
    pub fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.header(kind | NESTED, 0);
        body(self);
        let length = self.bytes.len() - start;
        debug_assert!(length <= usize::from(u16::MAX), "attribute {kind} of {length} bytes");
        self.bytes[start..start + 2].copy_from_slice(&(length as u16).to_ne_bytes());
    }

    fn header(&mut self, kind: u16, length: usize) {
        debug_assert!(length + 4 <= usize::from(u16::MAX), "attribute {kind} of {length} bytes");
        self.bytes.extend_from_slice(&((length + 4) as u16).to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn close_message(&mut self, start: usize) {
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }
}
