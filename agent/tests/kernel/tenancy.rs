//! Who holds which address according to the kernel, when whoever asks did not write the rules and wants others.

use std::{net::IpAddr, sync::Arc};

use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{
    compile::{Options, compile},
    ir::{Endpoint, NodePolicy, Profile, Verdicts},
    name::ObjectName,
    nft::Ruleset,
    tenancy::Tenancy,
};

use crate::namespace::{isolated, nft, programmed};

const PODS: [(&str, &str, &[&str]); 4] = [
    ("web", "cali1", &["10.0.0.1", "fd00::1"]),
    ("many", "cali2", &["10.0.0.2", "10.0.0.22", "fd00::2", "fd00::22", "fd00::222"]),
    ("four", "cali3", &["10.0.0.3"]),
    ("none", "cali4", &[]),
];

fn ruleset(pods: &[(&str, &str, &[&str])]) -> Ruleset {
    let verdicts = Verdicts { tiers: Vec::new(), profile: Profile::Allow };
    let endpoint = |(name, interface, addresses): &(&str, &str, &[&str])| {
        let pod = ObjectName::new("default", *name);
        let endpoint = Endpoint {
            pod: pod.clone(),
            interface: (*interface).into(),
            addresses: addresses.iter().map(|address| address.parse::<IpAddr>().unwrap()).collect(),
            allowed_sources: Default::default(),
            limits: Default::default(),
            dscp: None,
            floating: Default::default(),
            ingress: verdicts.clone(),
            egress: verdicts.clone(),
        };
        (pod, Arc::new(endpoint))
    };
    let policy = NodePolicy { endpoints: pods.iter().map(endpoint).collect(), ..NodePolicy::default() };
    compile(&policy, &Options::default())
}

/// What another agent, which wants `desired`, finds in the kernel.
async fn found(desired: &Ruleset) -> Tenancy {
    let kernel = Kernel::start().unwrap();
    let adopted = kernel.adopt(desired).await.unwrap();
    kernel.tenancy(adopted.as_ref()).await.unwrap()
}

#[test]
fn tenants_are_read_whatever_is_wanted_now() {
    isolated(async || {
        let written = ruleset(&PODS);
        let _kernel = programmed(&written).await;
        let expected = Tenancy::of(&written);
        for wanted in [&PODS[..], &PODS[..1], &[], &[("many", "cali2", &["10.0.0.2"])]] {
            assert_eq!(found(&ruleset(wanted)).await, expected, "{wanted:?}");
        }
    });
}

/// A table that has to be replaced as a whole, as it holds what we would not make, still says who was there.
#[test]
fn tenants_are_read_from_tables_that_cannot_be_adopted() {
    isolated(async || {
        let written = ruleset(&PODS);
        let _kernel = programmed(&written).await;
        nft(&["add", "counter", "ip", "ferrule", "stranger"]);
        assert_eq!(Kernel::start().unwrap().adopt(&written).await.unwrap(), None);
        assert_eq!(found(&ruleset(&[])).await, Tenancy::of(&written));
    });
}

#[test]
fn where_there_are_no_tables_there_are_no_tenants() {
    isolated(async || assert_eq!(found(&ruleset(&PODS)).await, Tenancy::default()));
}
