//! Tiers: ordered groups of policies.

use std::cmp::Ordering;

use crate::name::TierName;

/// A place in an order: lower first, absent last.
///
/// `None` is +∞ (API: `spec.order` absent). A NaN cannot be built.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order(Option<f64>);

impl Order {
    /// No order given: after every number.
    pub const LAST: Self = Self(None);

    /// An order by number; `None` for NaN.
    pub fn new(order: f64) -> Option<Self> {
        // +0.0 and -0.0 are one place.
        (!order.is_nan()).then_some(Self(Some(order + 0.0)))
    }

    /// The number, if one was given.
    pub fn value(self) -> Option<f64> {
        self.0
    }
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Order {}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.unwrap_or(f64::INFINITY).total_cmp(&other.0.unwrap_or(f64::INFINITY))
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What happens to a packet that no policy of a tier has decided, if the tier governs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TierAction {
    /// Drop. The default.
    Deny,
    /// Go on with the next tier.
    Pass,
}

/// A tier as its resource describes it. A tier that policies name but no resource describes comes last and denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: TierName,
    /// Its place; ties are broken by the name, bytewise.
    pub order: Order,
    /// What happens at its end.
    pub default_action: TierAction,
}

/// A tier that exists without a resource.
#[derive(Clone, Copy, Debug)]
pub struct TierDefault {
    /// Its name.
    pub name: &'static str,
    /// Its order.
    pub order: f64,
    /// What happens at its end.
    pub default_action: TierAction,
}

impl Tier {
    /// The order of a tier resource that gives none (API default).
    pub const DEFAULT_ORDER: f64 = 1_000_000.0;

    /// The tiers that exist without a resource.
    pub const BUILT_IN: [TierDefault; 3] = [
        TierDefault { name: "kube-admin", order: 1_000.0, default_action: TierAction::Pass },
        TierDefault { name: "default", order: Self::DEFAULT_ORDER, default_action: TierAction::Deny },
        TierDefault { name: "kube-baseline", order: 10_000_000.0, default_action: TierAction::Pass },
    ];
}
