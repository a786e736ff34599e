//! Kinds come and go.
//!
//! A kind that was followed is gone, and with it its objects and what they denied, only when discovery does not name it and its own collection was not
//! found when it was asked for last. A server that is starting leaves groups out of discovery, and where there are several any of them may answer; but
//! for paths that it does not know yet it answers 503, and a watch that goes on proves that the kind is there. Of a kind that two groups serve,
//! objects that a list does not hold are gone only when the server has said, asked after the list had ended, that this group is the one to follow: the
//! other may hold them, and this one may have been replaced by an empty store since.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    departure::Survey,
    discovery::{self, Discovery, Presence, Served},
    failure::Failure,
    hub::{Following, Hub, Kind, Loss, Outcome, Speaker, Subject},
    outbox::Remarked,
    watching::follow,
};

/// How often it is asked which kinds there are where the definitions of custom resources can be watched; for kinds that come otherwise.
const CALM: Duration = Duration::from_secs(300);
/// The same where they cannot.
const UNWATCHED: Duration = Duration::from_secs(60);
/// The same while something is not clear yet, at first and at last.
const UNCLEAR: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// For how long after a change of definitions it counts as not clear: discovery follows them with a delay.
const UNSETTLED: Duration = Duration::from_secs(10);
/// How long definitions may gather before it is asked.
const GATHER: Duration = Duration::from_millis(200);

impl Hub {
    pub(super) fn begin_discovery(&mut self) {
        let client = self.target.borrow().client.clone();
        for kind in &mut self.kinds {
            if kind.loss == Loss::Doubtful {
                kind.loss = Loss::Asked;
            }
        }
        let current = |kind: &Kind| kind.following.as_ref().map(|following| following.served.api_version);
        let kinds: Vec<_> = self.kinds.iter().map(|kind| (kind.followed.clone(), current(kind))).collect();
        self.tasks.spawn(async move { Outcome::Discovered(discovery::discover(&client, &kinds).await) });
    }

    pub(super) fn note_discovery(&mut self, answer: Result<Discovery, Failure>, now: Instant) {
        let mut clarity = Clarity::Clear;
        match answer {
            Ok(Discovery { presences, remarks }) => {
                self.note_answer(now);
                self.is_discovered = true;
                self.follow_definitions();
                self.outbox.set_remarks(Remarked::Kinds, remarks);
                for (index, presence) in presences.into_iter().enumerate() {
                    clarity = clarity.max(self.set_presence(index, presence, now));
                }
            }
            Err(failure) => {
                self.standing.note_server_failure(&failure, now);
                clarity = Clarity::Unclear;
            }
        }
        let is_settled = self.schedule.unsettled_until.is_none_or(|until| until <= now);
        let next = match clarity {
            Clarity::Clear if is_settled => self.calm_until_next(),
            Clarity::Unclear if is_settled => self.growing_until_next(),
            Clarity::Clear | Clarity::Unclear => UNCLEAR.0,
        };
        if clarity < Clarity::Unclear {
            self.schedule.unclear = 0;
        }
        self.schedule.discovery.end(now + next);
    }

    /// What is not clear at first may be so for long, and for every agent of the cluster.
    fn growing_until_next(&mut self) -> Duration {
        let (first, last) = UNCLEAR;
        let pause = (first * 2_u32.saturating_pow(self.schedule.unclear)).min(last);
        self.schedule.unclear = self.schedule.unclear.saturating_add(1);
        let spread = u32::try_from(pause.as_millis() / 2).unwrap_or(u32::MAX);
        pause / 2 + Duration::from_millis(self.pause.random(spread).into())
    }

    fn calm_until_next(&mut self) -> Duration {
        let watched = self.are_definitions_followed;
        let pause = if watched { CALM } else { UNWATCHED };
        // The agents of a cluster are not to ask all at once.
        pause + Duration::from_millis(self.pause.random(60_000).into())
    }

    /// The definitions of custom resources have changed.
    pub(super) fn note_definitions(&mut self, now: Instant) {
        self.schedule.unsettled_until = Some(now + UNSETTLED);
        self.schedule.discovery.hasten(now + GATHER);
    }

    fn follow_definitions(&mut self) {
        if self.definitions.is_none() {
            let served = discovery::definitions();
            self.definitions = Some(self.begin_following((Subject::Definitions, 0), served));
        }
    }

    fn begin_following(&mut self, speaker: Speaker, served: Served) -> Following {
        let follower = follow(speaker, served.clone(), self.target.subscribe(), self.to_us.clone());
        let task = self.tasks.spawn(async move {
            follower.await;
            Outcome::Ended
        });
        Following { served, task }
    }

    fn set_presence(&mut self, index: usize, presence: Presence, now: Instant) -> Clarity {
        let kind = &self.kinds[index];
        let is_followed = kind.following.is_some() && !kind.is_missing;
        match presence {
            Presence::Unknown { subject, reason } => {
                self.set_unknown(index, Some(&subject));
                self.standing.note_trouble(&subject, &reason, now);
                Clarity::Unclear
            }
            Presence::Absent if is_followed => Clarity::Unclear,
            Presence::Served { served, is_paired: false } if is_followed && kind.is_elsewhere(&served) => {
                Clarity::Unclear
            }
            Presence::Absent => {
                self.set_unknown(index, None);
                let kind = &mut self.kinds[index];
                if let Some(following) = kind.following.take() {
                    // What its follower has said last may not have been heard yet.
                    kind.epoch += 1;
                    kind.is_listed = false;
                    kind.loss = Loss::Certain;
                    self.departures.survey.note_absent(index);
                    self.standing.note_success(&following.served.resource);
                    let missing = kind.mirror.clear();
                    missing.iter().for_each(|name| self.note_missing(index, name));
                }
                Clarity::Clear
            }
            Presence::Served { served, is_paired } => {
                self.set_unknown(index, None);
                self.kinds[index].is_paired = is_paired;
                self.set_served(index, served, now);
                if self.kinds[index].loss == Loss::Asked {
                    self.end_list(index);
                }
                Clarity::Clear
            }
        }
    }

    /// What the list did not hold is gone.
    pub(super) fn end_list(&mut self, index: usize) {
        let kind = &mut self.kinds[index];
        kind.loss = Loss::Certain;
        let missing = kind.mirror.end_list();
        missing.iter().for_each(|name| self.note_missing(index, name));
    }

    /// The list has ended; what it did not hold is gone, if that is beyond doubt.
    pub(super) fn note_list_ended(&mut self, index: usize, now: Instant) {
        let kind = &mut self.kinds[index];
        kind.is_listed = true;
        if kind.is_paired && kind.mirror.has_unseen() {
            kind.loss = Loss::Doubtful;
            self.schedule.discovery.hasten(now);
        } else {
            self.end_list(index);
        }
        if Survey::concerns(&self.kinds[index].followed) {
            self.departures.survey.note_listed(index);
        }
    }

    /// What there is of a kind is to be listed, or being listed.
    pub(super) fn note_unlisted(&mut self, index: usize) {
        if Survey::concerns(&self.kinds[index].followed) {
            self.departures.survey.note_unlisted(index);
        }
    }

    fn set_served(&mut self, index: usize, served: Served, now: Instant) {
        let kind = &mut self.kinds[index];
        if kind.following.as_ref().is_some_and(|following| following.served == served) {
            return;
        }
        if let Some(following) = kind.following.take() {
            self.standing.note_success(&following.served.resource);
        }
        kind.epoch += 1;
        kind.is_listed = false;
        // What the earlier one held is gone when the list of this one has ended.
        kind.loss = Loss::Certain;
        let speaker = (Subject::Kind(index), kind.epoch);
        self.standing.note_listing(&served.resource, now);
        self.kinds[index].following = Some(self.begin_following(speaker, served));
        self.note_unlisted(index);
    }

    /// Which part of the server does not say whether the kind is served. An obstacle stays as long as it is one for any kind.
    fn set_unknown(&mut self, index: usize, subject: Option<&str>) {
        let earlier = std::mem::replace(&mut self.kinds[index].unknown, subject.map(str::to_owned));
        if let Some(earlier) = earlier
            && !self.kinds.iter().any(|kind| kind.unknown.as_ref() == Some(&earlier))
        {
            self.standing.note_success(&earlier);
        }
    }
}

/// Whether a kind's presence is beyond doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Clarity {
    Clear,
    Unclear,
}

#[cfg(test)]
mod tests;
