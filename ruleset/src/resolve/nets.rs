//! The networks of one owner, in little room: most owners are pods with one address of either family, and there are very many of them.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A set of networks. Equal sets have equal forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Nets {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Dual(Ipv4Addr, Ipv6Addr),
    /// Anything else, in order.
    Other(Box<[IpNet]>),
}

impl From<&BTreeSet<IpNet>> for Nets {
    fn from(nets: &BTreeSet<IpNet>) -> Self {
        let mut inner = nets.iter();
        // IPv4 stands before IPv6.
        match (inner.next(), inner.next(), inner.next()) {
            (Some(IpNet::V4(v4)), None, _) if is_v4_address(v4) => Self::V4(v4.addr()),
            (Some(IpNet::V6(v6)), None, _) if is_v6_address(v6) => Self::V6(v6.addr()),
            (Some(IpNet::V4(v4)), Some(IpNet::V6(v6)), None) if is_v4_address(v4) && is_v6_address(v6) => {
                Self::Dual(v4.addr(), v6.addr())
            }
            _ => Self::Other(nets.iter().copied().collect()),
        }
    }
}

impl Nets {
    /// The set as others read it.
    pub(super) fn to_set(&self) -> BTreeSet<IpNet> {
        match self {
            Self::V4(address) => [IpNet::V4((*address).into())].into(),
            Self::V6(address) => [IpNet::V6((*address).into())].into(),
            Self::Dual(v4, v6) => [IpNet::V4((*v4).into()), IpNet::V6((*v6).into())].into(),
            Self::Other(nets) => nets.iter().copied().collect(),
        }
    }
}

fn is_v4_address(net: &Ipv4Net) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

fn is_v6_address(net: &Ipv6Net) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, prelude::*};

    use super::*;

    fn nets() -> impl Strategy<Value = BTreeSet<IpNet>> {
        let texts = ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/8", "fd00::1/128", "fd00::2/128", "fd00::/8"];
        btree_set(proptest::sample::select(texts.to_vec()), 0..4)
            .prop_map(|texts| texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    proptest! {
        #[test]
        fn a_set_comes_back_as_it_was(nets in nets()) {
            prop_assert_eq!(Nets::from(&nets).to_set(), nets);
        }

        #[test]
        fn equal_sets_have_equal_forms_and_others_have_not(left in nets(), right in nets()) {
            prop_assert_eq!(Nets::from(&left) == Nets::from(&right), left == right);
        }
    }
}
