//! What a node policy says about a packet, read straight from the intermediate form: no chain, no map, no jump.

mod matching;

use std::{net::IpAddr, sync::Arc};

use crate::{
    address::Family,
    evaluate::Outcome,
    ir::{
        DestinationView, Endpoint, HostEndpoint, HostInterface, NodePolicy, Profile, Rule, SubjectKind,
        TierStep, Verdicts,
    },
    name::InterfaceName,
    nft::Hook,
    packet::{Packet, Payload, Tracking},
    policy::{Action, Direction, TierAction},
    protocol::Protocol,
    resource::Tunnel,
    settings::{EndpointToHost, Failsafe, InvalidPackets, ServiceLoops, Switch},
};

/// What a list of tiers says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Allow,
    Deny,
    Nothing,
}

/// A packet and what is said of it.
pub(super) struct Reading<'a> {
    pub(super) policy: &'a NodePolicy,
    pub(super) packet: &'a Packet,
}

/// The end of a packet, or that it goes on.
type Step = Option<Outcome>;

const ACCEPT: Step = Some(Outcome::Accepted);
const DROP: Step = Some(Outcome::Dropped);

impl Reading<'_> {
    /// What becomes of the packet at its hook.
    pub(super) fn outcome(&self) -> Outcome {
        let step = match self.packet.hook {
            Hook::Prerouting => self.raw(Direction::Ingress),
            Hook::Input => self.input(),
            Hook::Forward => self.forward(),
            // Two priorities of one hook; the first sees the packet ahead of connection tracking.
            Hook::Output => self.output(),
            Hook::Postrouting => self.postrouting(),
        };
        step.unwrap_or(Outcome::Accepted)
    }

    fn tiers(
        &self,
        tiers: &[TierStep],
        direction: Direction,
        view: DestinationView,
        whose: SubjectKind,
    ) -> Said {
        // What was dialled is heard for pods only, and for what they send.
        let is_heard = |rule: &&Rule| {
            whose == SubjectKind::Pod || direction == Direction::Ingress || !rule.is_for_dialled_services()
        };
        for step in tiers {
            let policies = step.policies.iter().map(|key| &self.policy.policies[key]);
            let mut rules = policies.flat_map(|policy| policy.rules(direction)).filter(is_heard);
            let first = rules.find(|rule| {
                rule.action != Action::Log && matching::matches(self.policy, rule, self.packet, view)
            });
            match (first.map(|rule| rule.action), step.end) {
                (Some(Action::Allow), _) => return Said::Allow,
                (Some(Action::Deny), _) | (None, TierAction::Deny) => return Said::Deny,
                (Some(Action::Pass | Action::Log), _) | (None, TierAction::Pass) => {}
            }
        }
        Said::Nothing
    }

    fn verdicts(&self, verdicts: &Verdicts, direction: Direction, whose: SubjectKind) -> Said {
        match (self.tiers(&verdicts.tiers, direction, DestinationView::Current, whose), verdicts.profile) {
            (Said::Nothing, Profile::Allow) => Said::Allow,
            (Said::Nothing, Profile::Deny) => Said::Deny,
            (said, _) => said,
        }
    }

    fn host(&self, interface: Option<&InterfaceName>) -> Option<&Arc<HostEndpoint>> {
        let all = || self.policy.host_endpoints.values();
        let named =
            all().find(|it| matches!(&it.interface, HostInterface::Named(names) if interface.is_some_and(|it| names.contains(it))));
        let others = || all().find(|it| it.interface == HostInterface::Others);
        named.or_else(|| others().filter(|_| interface.is_none_or(|it| it.as_str() != "lo")))
    }

    fn pod(&self, interface: Option<&InterfaceName>) -> Option<&Arc<Endpoint>> {
        self.policy.endpoints.values().find(|endpoint| Some(&endpoint.interface) == interface)
    }

    fn raw(&self, direction: Direction) -> Step {
        let (interface, list, answers, peer) = match direction {
            Direction::Ingress => (
                &self.packet.in_interface,
                &self.policy.settings.failsafe_inbound,
                &self.policy.settings.failsafe_outbound,
                self.packet.source,
            ),
            Direction::Egress => (
                &self.packet.out_interface,
                &self.policy.settings.failsafe_outbound,
                &self.policy.settings.failsafe_inbound,
                self.packet.destination,
            ),
        };
        let host = self.host(interface.as_ref())?;
        if host.interface == HostInterface::Others || self.is_discovery(&[134, 137]) {
            return None;
        }
        let (from, to) = match self.packet.payload {
            Payload::Ports { source, destination, .. } => (Some(source), Some(destination)),
            Payload::Icmp { .. } | Payload::Other(_) => (None, None),
        };
        let any = Direction::ALL.into_iter().any(|direction| !host.untracked.get(direction).is_empty());
        if !any || self.failsafe(list, peer, to) || self.failsafe(answers, peer, from) {
            return None;
        }
        match self.tiers(
            host.untracked.get(direction),
            direction,
            DestinationView::Current,
            SubjectKind::Host,
        ) {
            Said::Deny => DROP,
            Said::Allow | Said::Nothing => None,
        }
    }

    fn failsafe(&self, list: &[Failsafe], peer: IpAddr, port: Option<u16>) -> bool {
        list.iter().any(|failsafe| {
            failsafe.protocol == self.packet.payload.protocol()
                && Some(failsafe.port) == port
                && failsafe.net.is_none_or(|net| net.contains(&peer))
        })
    }

    fn is_discovery(&self, besides: &[u8]) -> bool {
        match self.packet.payload {
            Payload::Icmp { protocol: Protocol::ICMPV6, kind, .. } => {
                let known = matches!(kind, 130..=133 | 135 | 136 | 143) || besides.contains(&kind);
                self.packet.family() == Family::V6 && known
            }
            Payload::Ports { .. } | Payload::Icmp { .. } | Payload::Other(_) => false,
        }
    }

    fn established(&self) -> Step {
        (self.packet.tracking == Tracking::Established).then_some(Outcome::Accepted)
    }

    fn tracked(&self) -> Step {
        match (self.packet.tracking, self.policy.settings.invalid) {
            (Tracking::Established, _) => ACCEPT,
            (Tracking::Invalid, InvalidPackets::Drop)
                if self.packet.payload.protocol() != Protocol::UDPLITE =>
            {
                DROP
            }
            (Tracking::New | Tracking::Invalid | Tracking::Untracked, _) => None,
        }
    }

    fn is_tunnel(&self, tunnel: Tunnel) -> bool {
        let vxlan = self.policy.settings.encapsulation.vxlan_port;
        match tunnel {
            Tunnel::Ipip => self.packet.payload.protocol() == Protocol(4),
            Tunnel::Vxlan => {
                self.packet.payload.protocol() == Protocol::UDP
                    && self.packet.payload.destination_port() == Some(vxlan)
            }
        }
    }

    fn tunnels(&self, peer: IpAddr) -> Step {
        let carried = self.policy.surroundings.tunnels.iter().any(|tunnel| {
            let outer = *tunnel == Tunnel::Vxlan || self.packet.family() == Family::V4;
            outer && self.is_tunnel(*tunnel)
        });
        (carried && self.policy.surroundings.hosts.contains(&peer)).then_some(Outcome::Accepted)
    }

    fn is_workload(&self, interface: Option<&InterfaceName>) -> bool {
        interface.is_some_and(|name| name.as_str().starts_with("cali")) || self.pod(interface).is_some()
    }

    fn input(&self) -> Step {
        if self.is_discovery(&[]) {
            return ACCEPT;
        }
        if self.is_workload(self.packet.in_interface.as_ref()) {
            return self.sent_by_pod();
        }
        if self.policy.host_endpoints.is_empty() || self.is_discovery(&[134, 137]) {
            return ACCEPT;
        }
        let step = self.established().or_else(|| self.tunnels(self.packet.source));
        step.or_else(|| self.local_in(self.host(self.packet.in_interface.as_ref())?))
    }

    fn local_in(&self, host: &HostEndpoint) -> Step {
        let step = self.tracked();
        let step = step.or_else(|| self.untracked(&host.untracked.ingress, Direction::Ingress));
        let step = step.or_else(|| self.pre_dnat(host));
        let list = &self.policy.settings.failsafe_inbound;
        let port = self.packet.payload.destination_port();
        step.or_else(|| self.failsafe(list, self.packet.source, port).then_some(Outcome::Accepted))
            .or_else(|| decided(self.verdicts(&host.local.ingress, Direction::Ingress, SubjectKind::Host)))
    }

    fn untracked(&self, tiers: &[TierStep], direction: Direction) -> Step {
        match self.packet.tracking {
            Tracking::Untracked => {
                decided(self.tiers(tiers, direction, DestinationView::Current, SubjectKind::Host))
            }
            Tracking::New | Tracking::Established | Tracking::Invalid => None,
        }
    }

    fn pre_dnat(&self, host: &HostEndpoint) -> Step {
        if host.pre_dnat.is_empty() {
            return None;
        }
        let (view, port) = match self.packet.dialled {
            Some(dialled) => (DestinationView::Dialled, dialled.port),
            None => (DestinationView::Current, self.packet.payload.destination_port()),
        };
        if self.failsafe(&self.policy.settings.failsafe_inbound, self.packet.source, port) {
            return None;
        }
        decided(self.tiers(&host.pre_dnat, Direction::Ingress, view, SubjectKind::Host))
    }

    fn forward(&self) -> Step {
        if self.is_workload(self.packet.in_interface.as_ref()) {
            return self.sent_by_pod();
        }
        self.tracked().or_else(|| self.join())
    }

    fn sent_by_pod(&self) -> Step {
        let Some(pod) = self.pod(self.packet.in_interface.as_ref()) else { return DROP };
        let source = self.packet.source;
        let own =
            pod.addresses.contains(&source) || pod.allowed_sources.iter().any(|net| net.contains(&source));
        let encapsulation = self.policy.settings.encapsulation;
        let carries = encapsulation.vxlan == Switch::Disabled && self.is_tunnel(Tunnel::Vxlan)
            || encapsulation.ipip == Switch::Disabled && self.is_tunnel(Tunnel::Ipip);
        if !own {
            return DROP;
        }
        self.tracked().or_else(|| match self.verdicts(&pod.egress, Direction::Egress, SubjectKind::Pod) {
            _ if carries => DROP,
            Said::Allow => self.join(),
            Said::Deny | Said::Nothing => DROP,
        })
    }

    fn forwarded(&self, host: &HostEndpoint, tiers: &[TierStep], direction: Direction) -> Step {
        let said = self.tiers(tiers, direction, DestinationView::Current, SubjectKind::Host);
        match (said, host.forwarded_end) {
            (Said::Nothing, Profile::Deny) => DROP,
            (said, _) => decided(said),
        }
    }

    /// Behind egress policy, if there was any.
    fn join(&self) -> Step {
        let forwarded = self.packet.hook == Hook::Forward;
        if let Some(host) = self.host(self.packet.in_interface.as_ref()) {
            let is_closed = host.forwarded_end == Profile::Deny;
            let has = !host.pre_dnat.is_empty() || is_closed || !host.forwarded.ingress.is_empty();
            let spared = if has { self.untracked(&host.untracked.ingress, Direction::Ingress) } else { None };
            let spared = spared.or_else(|| self.pre_dnat(host));
            let tiers = &host.forwarded.ingress;
            let judged = || self.forwarded(host, tiers, Direction::Ingress);
            if spared.or_else(|| judged().filter(|_| forwarded)) == DROP {
                return DROP;
            }
        }
        let leaves = self.packet.out_interface.as_ref();
        if let Some(host) = self.host(leaves).filter(|_| forwarded) {
            let tiers = &host.forwarded.egress;
            if self.forwarded(host, tiers, Direction::Egress) == DROP {
                return DROP;
            }
        }
        let loops =
            self.policy.surroundings.service_ranges.iter().any(|net| net.contains(&self.packet.destination));
        match self.pod(leaves) {
            Some(pod) => decided(self.verdicts(&pod.ingress, Direction::Ingress, SubjectKind::Pod)),
            None if self.is_workload(leaves) => DROP,
            None if !forwarded => match self.policy.settings.endpoint_to_host {
                EndpointToHost::Drop => DROP,
                EndpointToHost::Accept | EndpointToHost::Return => ACCEPT,
            },
            None if loops && self.policy.settings.service_loops != ServiceLoops::Disabled => DROP,
            None => ACCEPT,
        }
    }

    fn output(&self) -> Step {
        if self.raw(Direction::Egress) == DROP {
            return DROP;
        }
        let leaves = self.packet.out_interface.as_ref();
        if self.is_workload(leaves) || self.policy.host_endpoints.is_empty() || self.is_discovery(&[]) {
            return ACCEPT;
        }
        let step = self.established().or_else(|| self.tunnels(self.packet.destination));
        step.or_else(|| self.packet.dialled.map(|_| Outcome::Accepted)).or_else(|| {
            let host = self.host(leaves)?;
            self.tracked().or_else(|| self.local_out(host))
        })
    }

    fn postrouting(&self) -> Step {
        let leaves = self.packet.out_interface.as_ref();
        let others = self.packet.in_interface.is_some() || self.packet.tracking == Tracking::Established;
        if others || self.is_workload(leaves) || self.packet.dialled.is_none() {
            return ACCEPT;
        }
        self.local_out(self.host(leaves)?)
    }

    fn local_out(&self, host: &HostEndpoint) -> Step {
        let list = &self.policy.settings.failsafe_outbound;
        let port = self.packet.payload.destination_port();
        self.untracked(&host.untracked.egress, Direction::Egress)
            .or_else(|| self.failsafe(list, self.packet.destination, port).then_some(Outcome::Accepted))
            .or_else(|| decided(self.verdicts(&host.local.egress, Direction::Egress, SubjectKind::Host)))
    }
}

fn decided(said: Said) -> Step {
    match said {
        Said::Allow => ACCEPT,
        Said::Deny => DROP,
        Said::Nothing => None,
    }
}
