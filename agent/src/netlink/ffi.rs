//! Everything unsafe: what `nix` and `tokio` leave to their callers, and libnftnl's expressions.
//!
//! libnftnl takes sizes on trust and ends the process where one is wrong. So each attribute is a constant whose type says how wide it is, and the setters
//! take only those.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    slice,
};

use nftnl::{
    MsgType, NlMsg,
    nftnl_sys::{self as sys, libc},
};
use tokio::io::{Interest, unix::AsyncFd};

/// An attribute of an expression that is an integer of 1 byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct U8(u16);

/// An attribute of an expression that is an integer of 8 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct U64(u16);

/// An attribute of an expression that is an integer of 4 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct U32(u16);

/// An attribute of an expression that is a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text(u16);

/// An attribute of an expression that is the content of a register: at most [`DATA_LENGTH`] bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data(u16);

/// The longest value that a register comparison holds (`NFT_DATA_VALUE_MAXLEN` is 64; libnftnl keeps at least 16).
pub(crate) const DATA_LENGTH: usize = 16;

macro_rules! attributes {
    ($($kind:ident { $($name:ident = $raw:ident;)* })*) => {$($(
        pub(crate) const $name: $kind = $kind(sys::$raw as u16);
    )*)*};
}

attributes! {
    U8 {
        CT_DIRECTION = NFTNL_EXPR_CT_DIR;
        REJECT_CODE = NFTNL_EXPR_REJECT_CODE;
    }
    U64 {
        LIMIT_RATE = NFTNL_EXPR_LIMIT_RATE;
        LIMIT_UNIT = NFTNL_EXPR_LIMIT_UNIT;
    }
    U32 {
        PAYLOAD_SOURCE = NFTNL_EXPR_PAYLOAD_SREG;
        PAYLOAD_CHECKSUM = NFTNL_EXPR_PAYLOAD_CSUM_TYPE;
        PAYLOAD_CHECKSUM_OFFSET = NFTNL_EXPR_PAYLOAD_CSUM_OFFSET;
        PAYLOAD_FLAGS = NFTNL_EXPR_PAYLOAD_FLAGS;
        LIMIT_BURST = NFTNL_EXPR_LIMIT_BURST;
        LIMIT_TYPE = NFTNL_EXPR_LIMIT_TYPE;
        LIMIT_FLAGS = NFTNL_EXPR_LIMIT_FLAGS;
        CONNLIMIT_COUNT = NFTNL_EXPR_CONNLIMIT_COUNT;
        CONNLIMIT_FLAGS = NFTNL_EXPR_CONNLIMIT_FLAGS;
        REJECT_TYPE = NFTNL_EXPR_REJECT_TYPE;
        MASQUERADE_FLAGS = NFTNL_EXPR_MASQ_FLAGS;
        MASQUERADE_FIRST_PORT = NFTNL_EXPR_MASQ_REG_PROTO_MIN;
        MASQUERADE_LAST_PORT = NFTNL_EXPR_MASQ_REG_PROTO_MAX;
        NAT_TYPE = NFTNL_EXPR_NAT_TYPE;
        NAT_FAMILY = NFTNL_EXPR_NAT_FAMILY;
        NAT_ADDRESS = NFTNL_EXPR_NAT_REG_ADDR_MIN;
        NAT_FIRST_PORT = NFTNL_EXPR_NAT_REG_PROTO_MIN;
        NAT_LAST_PORT = NFTNL_EXPR_NAT_REG_PROTO_MAX;
        NAT_FLAGS = NFTNL_EXPR_NAT_FLAGS;
        PAYLOAD_BASE = NFTNL_EXPR_PAYLOAD_BASE;
        PAYLOAD_OFFSET = NFTNL_EXPR_PAYLOAD_OFFSET;
        PAYLOAD_LENGTH = NFTNL_EXPR_PAYLOAD_LEN;
        PAYLOAD_REGISTER = NFTNL_EXPR_PAYLOAD_DREG;
        META_KEY = NFTNL_EXPR_META_KEY;
        META_REGISTER = NFTNL_EXPR_META_DREG;
        CT_KEY = NFTNL_EXPR_CT_KEY;
        CT_REGISTER = NFTNL_EXPR_CT_DREG;
        FIB_REGISTER = NFTNL_EXPR_FIB_DREG;
        FIB_RESULT = NFTNL_EXPR_FIB_RESULT;
        FIB_FLAGS = NFTNL_EXPR_FIB_FLAGS;
        COMPARE_REGISTER = NFTNL_EXPR_CMP_SREG;
        COMPARE_OPERATOR = NFTNL_EXPR_CMP_OP;
        RANGE_REGISTER = NFTNL_EXPR_RANGE_SREG;
        RANGE_OPERATOR = NFTNL_EXPR_RANGE_OP;
        BITWISE_SOURCE = NFTNL_EXPR_BITWISE_SREG;
        BITWISE_DESTINATION = NFTNL_EXPR_BITWISE_DREG;
        BITWISE_LENGTH = NFTNL_EXPR_BITWISE_LEN;
        LOOKUP_REGISTER = NFTNL_EXPR_LOOKUP_SREG;
        LOOKUP_DESTINATION = NFTNL_EXPR_LOOKUP_DREG;
        LOOKUP_SET_ID = NFTNL_EXPR_LOOKUP_SET_ID;
        LOOKUP_FLAGS = NFTNL_EXPR_LOOKUP_FLAGS;
        IMMEDIATE_REGISTER = NFTNL_EXPR_IMM_DREG;
        IMMEDIATE_VERDICT = NFTNL_EXPR_IMM_VERDICT;
    }
    Text {
        LOOKUP_SET = NFTNL_EXPR_LOOKUP_SET;
        LOG_PREFIX = NFTNL_EXPR_LOG_PREFIX;
        IMMEDIATE_CHAIN = NFTNL_EXPR_IMM_CHAIN;
    }
    Data {
        COMPARE_DATA = NFTNL_EXPR_CMP_DATA;
        RANGE_FIRST = NFTNL_EXPR_RANGE_FROM_DATA;
        RANGE_LAST = NFTNL_EXPR_RANGE_TO_DATA;
        IMMEDIATE_DATA = NFTNL_EXPR_IMM_DATA;
        BITWISE_MASK = NFTNL_EXPR_BITWISE_MASK;
        BITWISE_XOR = NFTNL_EXPR_BITWISE_XOR;
    }
}

/// An expression under construction. Freed unless it is handed on by [`Self::into_raw`].
#[derive(Debug)]
pub(crate) struct RawExpression(NonNull<sys::nftnl_expr>);

impl RawExpression {
    /// An expression without attributes.
    ///
    /// # Panics
    /// If libnftnl does not know the name, or memory is exhausted.
    pub fn new(name: &CStr) -> Self {
        // SAFETY: the name is a terminated string, which libnftnl only reads during the call.
        let expression = unsafe { sys::nftnl_expr_alloc(name.as_ptr()) };
        Self(NonNull::new(expression).expect("libnftnl knows the expression"))
    }

    /// With an integer.
    pub fn u8(self, attribute: U8, value: u8) -> Self {
        // SAFETY: the expression is valid while `self` lives, and the attribute is one of 1 byte.
        unsafe { sys::nftnl_expr_set_u8(self.0.as_ptr(), attribute.0, value) };
        self
    }

    /// With an integer.
    pub fn u64(self, attribute: U64, value: u64) -> Self {
        // SAFETY: the expression is valid while `self` lives, and the attribute is one of 8 bytes.
        unsafe { sys::nftnl_expr_set_u64(self.0.as_ptr(), attribute.0, value) };
        self
    }

    /// With an integer.
    pub fn u32(self, attribute: U32, value: u32) -> Self {
        // SAFETY: the expression is valid while `self` lives, and the attribute is one of 4 bytes.
        unsafe { sys::nftnl_expr_set_u32(self.0.as_ptr(), attribute.0, value) };
        self
    }

    /// With a text, which is copied.
    pub fn text(self, attribute: Text, value: &CStr) -> Self {
        // SAFETY: the expression is valid while `self` lives; the text is terminated and copied during the call.
        unsafe { sys::nftnl_expr_set_str(self.0.as_ptr(), attribute.0, value.as_ptr()) };
        self
    }

    /// With a value, which is copied.
    ///
    /// # Panics
    /// If the value is longer than [`DATA_LENGTH`].
    pub fn data(self, attribute: Data, value: &[u8]) -> Self {
        assert!(value.len() <= DATA_LENGTH, "value of {} bytes", value.len());
        // SAFETY: the expression is valid while `self` lives; pointer and length are those of one slice, no longer than the field it is copied to.
        unsafe {
            sys::nftnl_expr_set(self.0.as_ptr(), attribute.0, value.as_ptr().cast(), value.len() as u32)
        };
        self
    }

    /// Hands the expression on to whoever frees it: a rule.
    pub fn into_raw(self) -> NonNull<sys::nftnl_expr> {
        let raw = self.0;
        std::mem::forget(self);
        raw
    }
}

impl Drop for RawExpression {
    fn drop(&mut self) {
        // SAFETY: nobody else has the expression; `into_raw` does not come here.
        unsafe { sys::nftnl_expr_free(self.0.as_ptr()) };
    }
}

/// Room for one message of libnftnl, aligned as a message header must be.
#[derive(Debug)]
pub(crate) struct Scratch(Vec<u64>);

impl Default for Scratch {
    fn default() -> Self {
        Self(vec![0; nftnl::nft_nlmsg_maxsize() as usize / size_of::<u64>() + 1])
    }
}

impl Scratch {
    /// Lets libnftnl write a message, with other flags than its own.
    ///
    /// The message must be smaller than `nft_nlmsg_maxsize` (64 KiB and a page), which libnftnl does not check. It is, for what this crate writes: names of
    /// at most 255 bytes, and rules of at most 128 expressions with one text each, for which the encoder answers.
    pub fn write(&mut self, message: &impl NlMsg, kind: MsgType, sequence: u32, flags: u16) -> &[u8] {
        let start: *mut libc::nlmsghdr = self.0.as_mut_ptr().cast();
        // SAFETY: the buffer has the room that `NlMsg::write` asks for, see above.
        unsafe { message.write(start.cast(), sequence, kind) };
        // SAFETY: `write` has put a header at the start of the buffer, which is aligned to 8 bytes.
        let header = unsafe { &mut *start };
        header.nlmsg_flags = flags;
        let length = header.nlmsg_len as usize;
        assert!(length <= self.0.len() * size_of::<u64>(), "message of {length} bytes");
        // SAFETY: the bytes lie in the buffer, as just checked, and were all initialised when it was made.
        unsafe { slice::from_raw_parts(self.0.as_ptr().cast(), length) }
    }
}

/// The file descriptor of a socket, for calls that take it by the type of its owner.
pub(crate) fn descriptor(socket: &mnl::Socket) -> BorrowedFd<'_> {
    // SAFETY: the socket keeps its descriptor open for as long as it is borrowed.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// Lets a tokio runtime, which must be around the caller, watch a descriptor for what there is to read.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor names the same open file until it is dropped, which is after the registration that keeps it.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// Turns a netlink option on.
pub(crate) fn enable(socket: &mnl::Socket, option: NetlinkOption) -> io::Result<()> {
    set_option(descriptor(socket), libc::SOL_NETLINK, option as libc::c_int, &1)
}

/// Options of netlink sockets that are on or off.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(crate) enum NetlinkOption {
    /// Acknowledgements hold the header of the message that they answer, not all of it.
    CapAck = libc::NETLINK_CAP_ACK,
    /// Errors come with the place of the attribute at fault and a text.
    ExtAck = libc::NETLINK_EXT_ACK,
}

/// Lets the kernel drop, before they are queued, all datagrams that begin with a message from this port.
pub(crate) fn ignore_port(socket: &mnl::Socket, port: u32) -> io::Result<()> {
    const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    /// Where `nlmsg_pid` stands in `struct nlmsghdr`.
    const PORT: u32 = 12;
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        instruction(LOAD_WORD, 0, 0, PORT),
        // The load takes the word for network order, in which it is not.
        instruction(JUMP_IF_EQUAL, 0, 1, u32::from_be_bytes(port.to_ne_bytes())),
        instruction(RETURN, 0, 0, 0),
        instruction(RETURN, 0, 0, u32::MAX),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    set_option(descriptor(socket), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

/// Whether a socket hears the notifications of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Membership {
    /// It does from now on.
    Join = libc::NETLINK_ADD_MEMBERSHIP,
    /// It does not any more. What was queued before stays.
    Leave = libc::NETLINK_DROP_MEMBERSHIP,
}

/// Joins or leaves a group of notifications.
pub(crate) fn change_membership(
    socket: BorrowedFd<'_>,
    membership: Membership,
    group: libc::c_int,
) -> io::Result<()> {
    set_option(socket, libc::SOL_NETLINK, membership as libc::c_int, &group)
}

fn set_option<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is a plain C value of that length, and so is what it points to; the kernel copies both during the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
