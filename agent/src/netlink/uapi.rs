//! Constants of `linux/netlink.h`, `linux/netfilter/nfnetlink.h` and `linux/netfilter/nf_tables.h`, in the widths in which they are written.

use ferrule_ruleset::address::Family;

/// Message types. Those of nf_tables carry the subsystem number (10) in their high byte.
pub(crate) mod message {
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const DONE: u16 = 3;
    pub(crate) const BATCH_BEGIN: u16 = 0x10;
    pub(crate) const BATCH_END: u16 = 0x11;
    const NFTABLES: u16 = super::SUBSYSTEM_NFTABLES << 8;
    pub(crate) const GETTABLE: u16 = NFTABLES | 1;
    pub(crate) const GETCHAIN: u16 = NFTABLES | 4;
    pub(crate) const GETRULE: u16 = NFTABLES | 7;
    pub(crate) const DELRULE: u16 = NFTABLES | 8;
    pub(crate) const NEWSET: u16 = NFTABLES | 9;
    pub(crate) const GETSET: u16 = NFTABLES | 10;
    pub(crate) const DELSET: u16 = NFTABLES | 11;
    pub(crate) const NEWSETELEM: u16 = NFTABLES | 12;
    pub(crate) const GETSETELEM: u16 = NFTABLES | 13;
    pub(crate) const DELSETELEM: u16 = NFTABLES | 14;
    pub(crate) const NEWGEN: u16 = NFTABLES | 15;
    pub(crate) const GETGEN: u16 = NFTABLES | 16;
    pub(crate) const GETOBJ: u16 = NFTABLES | 19;
    pub(crate) const GETFLOWTABLE: u16 = NFTABLES | 23;
}

/// `NFNL_SUBSYS_NFTABLES`.
pub(crate) const SUBSYSTEM_NFTABLES: u16 = 10;

/// `NLM_F_*`.
pub(crate) mod flag {
    pub(crate) const REQUEST: u16 = 0x1;
    pub(crate) const MULTI: u16 = 0x2;
    pub(crate) const ACK: u16 = 0x4;
    pub(crate) const DUMP_INTERRUPTED: u16 = 0x10;
    pub(crate) const CAPPED: u16 = 0x100;
    pub(crate) const ACK_ATTRIBUTES: u16 = 0x200;
    pub(crate) const DUMP: u16 = 0x300;
    pub(crate) const REPLACE: u16 = 0x100;
    pub(crate) const EXCLUSIVE: u16 = 0x200;
    pub(crate) const CREATE: u16 = 0x400;
    pub(crate) const APPEND: u16 = 0x800;
}

/// `NFTA_*` attribute types, a module per enum.
pub(crate) mod attribute {
    /// The table's name: attribute 1 of every object of nf_tables (`NFTA_*_TABLE`, `NFTA_TABLE_NAME`).
    pub(crate) const TABLE: u16 = 1;
    /// `NFTA_LIST_ELEM`.
    pub(crate) const LIST_ELEMENT: u16 = 1;
    /// `NFNL_BATCH_GENID`.
    pub(crate) const BATCH_GENERATION: u16 = 1;
    /// `NFTA_GEN_ID`.
    pub(crate) const GENERATION: u16 = 1;

    pub(crate) mod table {
        pub(crate) const FLAGS: u16 = 2;
    }
    pub(crate) mod chain {
        pub(crate) const NAME: u16 = 3;
        pub(crate) const HOOK: u16 = 4;
        pub(crate) const POLICY: u16 = 5;
        pub(crate) const TYPE: u16 = 7;
        pub(crate) const HOOK_NUMBER: u16 = 1;
        pub(crate) const HOOK_PRIORITY: u16 = 2;
    }
    pub(crate) mod rule {
        pub(crate) const CHAIN: u16 = 2;
        pub(crate) const HANDLE: u16 = 3;
        pub(crate) const USERDATA: u16 = 7;
    }
    pub(crate) mod set {
        pub(crate) const NAME: u16 = 2;
        pub(crate) const FLAGS: u16 = 3;
        pub(crate) const KEY_TYPE: u16 = 4;
        pub(crate) const KEY_LENGTH: u16 = 5;
        pub(crate) const DATA_TYPE: u16 = 6;
        pub(crate) const DESCRIPTION: u16 = 9;
        pub(crate) const ID: u16 = 10;
        pub(crate) const USERDATA: u16 = 13;
        pub(crate) const DESCRIPTION_SIZE: u16 = 1;
    }
    pub(crate) mod elements {
        pub(crate) const SET: u16 = 2;
        pub(crate) const LIST: u16 = 3;
        pub(crate) const SET_ID: u16 = 4;
    }
    pub(crate) mod element {
        pub(crate) const KEY: u16 = 1;
        pub(crate) const DATA: u16 = 2;
        pub(crate) const FLAGS: u16 = 3;
    }
    pub(crate) mod data {
        pub(crate) const VALUE: u16 = 1;
        pub(crate) const VERDICT: u16 = 2;
        pub(crate) const VERDICT_CODE: u16 = 1;
        pub(crate) const VERDICT_CHAIN: u16 = 2;
    }
    /// `NLMSGERR_ATTR_*`.
    pub(crate) mod extended_ack {
        pub(crate) const MESSAGE: u16 = 1;
        pub(crate) const OFFSET: u16 = 2;
    }
}

/// `enum nft_set_flags`.
pub(crate) mod set_flag {
    pub(crate) const ANONYMOUS: u32 = 0x1;
    pub(crate) const CONSTANT: u32 = 0x2;
    pub(crate) const INTERVAL: u32 = 0x4;
    pub(crate) const MAP: u32 = 0x8;
}

/// `NFT_SET_ELEM_INTERVAL_END`.
pub(crate) const INTERVAL_END: u32 = 0x1;

/// `NFT_DATA_VERDICT`.
pub(crate) const DATA_VERDICT: u32 = 0xffff_ff00;

/// Types of user data, as libnftnl and nft use them (`libnftnl/udata.h`), and one of ours that nft passes over.
pub(crate) mod userdata {
    /// `NFTNL_UDATA_RULE_COMMENT`.
    pub(crate) const RULE_COMMENT: u8 = 0;
    /// Ours: the digest of the rule.
    pub(crate) const RULE_DIGEST: u8 = 0xfe;
    /// `NFTNL_UDATA_SET_KEYBYTEORDER`.
    pub(crate) const SET_KEY_BYTE_ORDER: u8 = 0;
    /// `NFTNL_UDATA_SET_COMMENT`.
    pub(crate) const SET_COMMENT: u8 = 7;
}

/// Data types as nft numbers them in the key type of a set (`enum datatypes` of nft); a concatenation is written 6 bits apiece.
pub(crate) mod datatype {
    pub(crate) const IPV4_ADDR: u32 = 7;
    pub(crate) const IPV6_ADDR: u32 = 8;
    pub(crate) const INET_PROTO: u32 = 12;
    pub(crate) const INET_SERVICE: u32 = 13;
    pub(crate) const ICMP_TYPE: u32 = 14;
    pub(crate) const ICMPV6_TYPE: u32 = 29;
    pub(crate) const ICMP_CODE: u32 = 32;
    pub(crate) const ICMPV6_CODE: u32 = 33;
    pub(crate) const IFNAME: u32 = 41;

    /// The key type of a concatenation.
    pub(crate) fn concatenation(parts: &[u32]) -> u32 {
        parts.iter().fold(0, |whole, part| whole << 6 | part)
    }
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
pub(crate) fn protocol_family(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}
