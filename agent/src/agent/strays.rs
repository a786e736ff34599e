//! Pods of this node that no interface leads to, and for how long.
//!
//! Nothing can be enforced for such a pod, and nobody would notice: it works as if it had no policy. For a moment that is how every pod begins.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use ferrule_ruleset::{
    finding::{Finding, Severity},
    name::{InterfaceName, ObjectName},
    resource::ResourceKey,
};
use tokio::time::Instant;

/// After how long people are told.
const PATIENCE: Duration = Duration::from_secs(30);

/// What there is to know of a pod without an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Its addresses, at least one.
    pub addresses: BTreeSet<IpAddr>,
    /// The interface that it would have by its name.
    pub expected: InterfaceName,
}

/// All such pods.
pub type Unplaced = BTreeMap<ObjectName, Stray>;

/// The memory of them.
#[derive(Debug, Default)]
pub struct Strays {
    present: BTreeMap<ObjectName, (Instant, Stray)>,
    /// When there is something to tell that was not told.
    due: Option<Instant>,
}

impl Strays {
    /// These are all of them now.
    pub fn note(&mut self, unplaced: Unplaced, now: Instant) {
        let since = |name: &ObjectName| self.present.get(name).map_or(now, |(since, _)| *since);
        self.present =
            unplaced.into_iter().map(|(name, stray)| (name.clone(), (since(&name), stray))).collect();
        self.due = Some(now);
    }

    /// When there may be news.
    pub fn alarm(&self) -> Option<Instant> {
        self.due
    }

    /// What there is to tell, if that may have changed since this was last asked.
    pub fn news(&mut self, now: Instant) -> Option<Vec<Finding>> {
        self.due.take_if(|due| *due <= now)?;
        let (told, later): (Vec<_>, Vec<_>) =
            self.present.iter().partition(|(_, (since, _))| *since + PATIENCE <= now);
        self.due = later.iter().map(|(_, (since, _))| *since + PATIENCE).min();
        Some(told.into_iter().map(|(name, (_, stray))| finding(name, stray)).collect())
    }
}

fn finding(name: &ObjectName, Stray { addresses, expected }: &Stray) -> Finding {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    Finding {
        location: None,
        severity: Severity::Warning,
        object: Some(ResourceKey::Pod(name.clone())),
        field: String::new(),
        message: format!(
            "no interface of the node is the pod's: no host route leads to {}, and there is no {expected}; behind a bridge (CNI plug-in bridge, flannel as \
             it comes) pods have none, see deploy/README.md",
            addresses.join(" or ")
        ),
        consequence: "no policy is enforced for it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray() -> (ObjectName, Stray) {
        let stray = Stray { addresses: ["10.1.2.3".parse().unwrap()].into(), expected: "cali1".into() };
        (ObjectName::new("shop", "web-0"), stray)
    }

    #[test]
    fn only_what_lasts_is_told_and_only_when_it_is_news() {
        let start = Instant::now();
        let mut strays = Strays::default();
        assert_eq!((strays.news(start), strays.alarm()), (None, None));
        strays.note([stray()].into(), start);
        assert_eq!((strays.news(start), strays.alarm()), (Some(Vec::new()), Some(start + PATIENCE)));
        strays.note([stray()].into(), start + PATIENCE / 2);
        assert_eq!(strays.news(start + PATIENCE / 2), Some(Vec::new()));
        let told = strays.news(start + PATIENCE).unwrap();
        assert!(told[0].to_string().contains("Pod shop/web-0: no interface"), "{told:?}");
        assert!(told[0].message.contains("leads to 10.1.2.3, and there is no cali1"), "{told:?}");
        assert_eq!((strays.news(start + 2 * PATIENCE), strays.alarm()), (None, None));
        strays.note(Unplaced::new(), start + 2 * PATIENCE);
        assert_eq!(strays.news(start + 2 * PATIENCE), Some(Vec::new()));
    }
}
