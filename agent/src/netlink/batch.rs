//! A transaction of the kernel in bytes, and which message of it stands for what.

use ferrule_ruleset::address::Family;
use nftnl::{MsgType, NlMsg};

use super::{
    ffi::Scratch,
    read::Messages,
    socket::{Generation, Opening},
    uapi::{SUBSYSTEM_NFTABLES, attribute, flag, message, protocol_family},
    write::{Header, Writer},
};

/// What a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The operation, by its place in the batch of operations.
    pub operation: usize,
    /// What of it: the rule of a chain, the edit, or the first element of the message.
    pub part: usize,
}

/// A batch of messages.
#[derive(Debug)]
pub struct Batch {
    writer: Writer,
    first: u32,
    /// Of each message after BATCH_BEGIN: where it starts, and what it stands for.
    messages: Vec<(usize, Place)>,
    sets: u32,
    scratch: Scratch,
}

impl Batch {
    /// An empty batch that the kernel takes only in this generation of its rules. Sequence numbers count from the given one.
    pub fn new(opening: Opening) -> Self {
        let mut batch = Self {
            writer: Writer::default(),
            first: opening.sequence,
            messages: Vec::new(),
            sets: 0,
            scratch: Scratch::default(),
        };
        let Generation(generation) = opening.generation;
        let header = batch.limit(message::BATCH_BEGIN, 0);
        batch.writer.message(header, |writer| writer.u32(attribute::BATCH_GENERATION, generation));
        batch
    }

    /// The finished batch.
    pub fn finish(mut self) -> Sealed {
        let header = self.limit(message::BATCH_END, flag::ACK);
        self.writer.message(header, |_| {});
        Sealed { writer: self.writer, first: self.first, messages: self.messages }
    }

    /// Appends a message of nf_tables.
    pub(crate) fn message(
        &mut self,
        place: Place,
        kind: u16,
        flags: u16,
        family: Family,
        body: impl FnOnce(&mut Writer),
    ) {
        let header =
            Header { kind, flags, sequence: self.sequence(), family: protocol_family(family), resource: 0 };
        self.messages.push((self.writer.len(), place));
        self.writer.message(header, body);
    }

    /// Appends a message that libnftnl writes, with attributes of ours after its own.
    pub(crate) fn object(
        &mut self,
        place: Place,
        object: &impl NlMsg,
        kind: MsgType,
        flags: u16,
        body: impl FnOnce(&mut Writer),
    ) {
        let sequence = self.sequence();
        self.messages.push((self.writer.len(), place));
        let message = self.scratch.write(object, kind, sequence, flags | flag::REQUEST);
        self.writer.extend_message(message, body);
    }

    /// A number for a set that no other set of the batch has.
    pub(crate) fn next_set(&mut self) -> u32 {
        self.sets += 1;
        self.sets
    }

    /// The sequence number of the next message.
    fn sequence(&self) -> u32 {
        self.first.wrapping_add(1 + self.messages.len() as u32)
    }

    fn limit(&self, kind: u16, flags: u16) -> Header {
        let sequence = if kind == message::BATCH_BEGIN { self.first } else { self.sequence() };
        Header { kind, flags, sequence, family: 0, resource: SUBSYSTEM_NFTABLES }
    }
}

/// A batch that is ready to be sent.
#[derive(Debug)]
pub struct Sealed {
    writer: Writer,
    first: u32,
    messages: Vec<(usize, Place)>,
}

impl Sealed {
    /// What is sent.
    pub fn bytes(&self) -> &[u8] {
        self.writer.bytes()
    }

    /// How many sequence numbers it takes up.
    pub fn sequences(&self) -> u32 {
        self.messages.len() as u32 + 2
    }

    /// What the message with this sequence number stands for, and its bytes. None for the first and last message.
    pub fn place(&self, sequence: u32) -> Option<(Place, &[u8])> {
        let index = sequence.wrapping_sub(self.first).checked_sub(1)? as usize;
        let (start, place) = *self.messages.get(index)?;
        let bytes = self.bytes().get(start..)?;
        debug_assert_eq!(Messages(bytes).next().map(|message| message.sequence), Some(sequence));
        Some((place, bytes))
    }

    /// Whether this is the sequence number of BATCH_BEGIN.
    pub fn is_begin(&self, sequence: u32) -> bool {
        sequence == self.first
    }
}
