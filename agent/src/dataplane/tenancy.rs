//! Who holds which address according to our tables in the kernel.

use std::io;

use ferrule_ruleset::{
    address::Family,
    compile::dispatch_map,
    nft::{Ruleset, Verdict},
    policy::Direction,
    tenancy::{Tenancy, Tenant},
};
use nix::errno::Errno;

use crate::netlink::{Socket, read_interface};

/// What `held` says, and what the kernel says of chains that `held` does not: those of pods that went, or got another address, while nobody looked.
pub(super) fn tenancy(socket: &mut Socket, held: Option<&Ruleset>) -> io::Result<Tenancy> {
    let mut tenancy = held.map(Tenancy::of).unwrap_or_default();
    for family in Family::ALL {
        let elements = match socket.elements(family, &dispatch_map(Direction::Egress)) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => continue,
            elements => elements?,
        };
        for element in elements.iter().flatten() {
            let chain = element.verdict.as_ref().and_then(Verdict::chain);
            let (Some(interface), Some(chain)) = (read_interface(element.key.as_slice()), chain) else {
                continue;
            };
            let known = held.and_then(|held| held.table(family).chains.get(chain));
            if known.is_some_and(|chain| chain.rules.iter().all(|rule| !rule.statements.is_empty())) {
                continue;
            }
            let tenant = Tenant { chain: chain.clone(), interface };
            for address in socket.source_addresses(family, chain)? {
                tenancy.admit(address, tenant.clone());
            }
        }
    }
    Ok(tenancy)
}
