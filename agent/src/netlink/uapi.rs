//! Constants of `linux/netlink.h`, `linux/netfilter/nfnetlink.h` and `linux/netfilter/nf_tables.h`, in the widths in which they are written.

use ferrule_ruleset::address::Family;

/// Message types. Those of nf_tables carry the subsystem number (10) in their high byte.
pub mod message {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    pub const BATCH_BEGIN: u16 = 0x10;
    pub const BATCH_END: u16 = 0x11;
    const NFTABLES: u16 = super::SUBSYSTEM_NFTABLES << 8;
    pub const NEWTABLE: u16 = NFTABLES;
    pub const GETTABLE: u16 = NFTABLES | 1;
    pub const DELTABLE: u16 = NFTABLES | 2;
    pub const NEWCHAIN: u16 = NFTABLES | 3;
    pub const GETCHAIN: u16 = NFTABLES | 4;
    pub const DELCHAIN: u16 = NFTABLES | 5;
    pub const NEWRULE: u16 = NFTABLES | 6;
    pub const GETRULE: u16 = NFTABLES | 7;
    pub const DELRULE: u16 = NFTABLES | 8;
    pub const NEWSET: u16 = NFTABLES | 9;
    pub const GETSET: u16 = NFTABLES | 10;
    pub const DELSET: u16 = NFTABLES | 11;
    pub const NEWSETELEM: u16 = NFTABLES | 12;
    pub const GETSETELEM: u16 = NFTABLES | 13;
    pub const DELSETELEM: u16 = NFTABLES | 14;
    pub const NEWGEN: u16 = NFTABLES | 15;
    pub const GETGEN: u16 = NFTABLES | 16;
    pub const GETOBJ: u16 = NFTABLES | 19;
    pub const GETFLOWTABLE: u16 = NFTABLES | 23;
}

/// `NFNL_SUBSYS_NFTABLES`.
pub const SUBSYSTEM_NFTABLES: u16 = 10;

/// `NLM_F_*`.
pub mod flag {
    pub const REQUEST: u16 = 0x1;
    pub const MULTI: u16 = 0x2;
    pub const ACK: u16 = 0x4;
    pub const DUMP_INTERRUPTED: u16 = 0x10;
    pub const CAPPED: u16 = 0x100;
    pub const ACK_ATTRIBUTES: u16 = 0x200;
    pub const DUMP: u16 = 0x300;
    pub const REPLACE: u16 = 0x100;
    pub const EXCLUSIVE: u16 = 0x200;
    pub const CREATE: u16 = 0x400;
    pub const APPEND: u16 = 0x800;
}

/// `NFTA_*` attribute types, a module per enum.
pub mod attribute {
    /// The table's name: attribute 1 of every object of nf_tables (`NFTA_*_TABLE`, `NFTA_TABLE_NAME`).
    pub const TABLE: u16 = 1;
    /// `NFTA_LIST_ELEM`.
    pub const LIST_ELEMENT: u16 = 1;
    /// `NFNL_BATCH_GENID`.
    pub const BATCH_GENERATION: u16 = 1;
    /// `NFTA_GEN_ID`.
    pub const GENERATION: u16 = 1;

    pub mod table {
        pub const FLAGS: u16 = 2;
    }
    pub mod chain {
        pub const NAME: u16 = 3;
        pub const HOOK: u16 = 4;
        pub const POLICY: u16 = 5;
        pub const TYPE: u16 = 7;
        pub const FLAGS: u16 = 10;
        pub const HOOK_NUMBER: u16 = 1;
        pub const HOOK_PRIORITY: u16 = 2;
    }
    pub mod rule {
        pub const CHAIN: u16 = 2;
        pub const HANDLE: u16 = 3;
        pub const USERDATA: u16 = 7;
    }
    pub mod set {
        pub const NAME: u16 = 2;
        pub const FLAGS: u16 = 3;
        pub const KEY_TYPE: u16 = 4;
        pub const KEY_LENGTH: u16 = 5;
        pub const DATA_TYPE: u16 = 6;
        pub const DESCRIPTION: u16 = 9;
        pub const ID: u16 = 10;
        pub const USERDATA: u16 = 13;
        pub const DESCRIPTION_SIZE: u16 = 1;
    }
    pub mod elements {
        pub const SET: u16 = 2;
        pub const LIST: u16 = 3;
        pub const SET_ID: u16 = 4;
    }
    pub mod element {
        pub const KEY: u16 = 1;
        pub const DATA: u16 = 2;
        pub const FLAGS: u16 = 3;
    }
    pub mod data {
        pub const VALUE: u16 = 1;
        pub const VERDICT: u16 = 2;
        pub const VERDICT_CODE: u16 = 1;
        pub const VERDICT_CHAIN: u16 = 2;
    }
    /// `NLMSGERR_ATTR_*`.
    pub mod extended_ack {
        pub const MESSAGE: u16 = 1;
        pub const OFFSET: u16 = 2;
    }
}

/// `enum nft_set_flags`.
pub mod set_flag {
    pub const ANONYMOUS: u32 = 0x1;
    pub const CONSTANT: u32 = 0x2;
    pub const INTERVAL: u32 = 0x4;
    pub const MAP: u32 = 0x8;
}

/// `NFT_SET_ELEM_INTERVAL_END`.
pub const INTERVAL_END: u32 = 0x1;

/// `NFT_DATA_VERDICT`.
pub const DATA_VERDICT: u32 = 0xffff_ff00;

/// Types of user data, as libnftnl and nft use them (`libnftnl/udata.h`), and one of ours that nft passes over.
pub mod userdata {
    /// `NFTNL_UDATA_RULE_COMMENT`.
    pub const RULE_COMMENT: u8 = 0;
    /// Ours: the digest of the rule.
    pub const RULE_DIGEST: u8 = 0xfe;
    /// `NFTNL_UDATA_SET_KEYBYTEORDER`.
    pub const SET_KEY_BYTE_ORDER: u8 = 0;
    /// `NFTNL_UDATA_SET_COMMENT`.
    pub const SET_COMMENT: u8 = 7;
}

/// Data types as nft numbers them in the key type of a set (`enum datatypes` of nft); a concatenation is written 6 bits apiece.
pub mod datatype {
    pub const IPV4_ADDR: u32 = 7;
    pub const IPV6_ADDR: u32 = 8;
    pub const INET_PROTO: u32 = 12;
    pub const INET_SERVICE: u32 = 13;
    pub const ICMP_TYPE: u32 = 14;
    pub const ICMPV6_TYPE: u32 = 29;
    pub const IFNAME: u32 = 41;

    /// The key type of a concatenation.
    pub fn concatenation(parts: &[u32]) -> u32 {
        parts.iter().fold(0, |whole, part| whole << 6 | part)
    }
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
pub fn protocol_family(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}
