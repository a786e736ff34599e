use ferrule_ruleset::{manifest::pruned::Keep, name::NamespaceName};
use tokio::sync::{mpsc, watch};

use super::{
    super::{
        discovery::Form,
        fake::{Fake, added},
        object::Line,
        watching::News,
    },
    *,
};
use crate::api_server::{Access, Connection};

/// Policies of Calico, in either group.
const APIS: [&str; 2] = ["projectcalico.org/v3", "crd.projectcalico.org/v1"];

fn index(hub: &Hub) -> usize {
    let is_it = |kind: &Kind| kind.followed.apis.iter().any(|api| *api == (APIS[0], "NetworkPolicy"));
    hub.kinds.iter().position(is_it).unwrap()
}

/// A source that does what it is told, beside a server that says nothing.
async fn hub() -> (Hub, Fake) {
    let fake = Fake::script(Vec::new()).await;
    let connection = Connection { client: fake.client(), address: fake.address.clone() };
    let hub = Hub::new(Access::default(), connection, watch::channel(None).0, mpsc::channel(64).0);
    (hub, fake)
}

fn served(api_version: &'static str) -> Presence {
    let served = Served {
        api_version,
        kind: "NetworkPolicy",
        resource: "networkpolicies".to_owned(),
        path: format!("/apis/{api_version}/networkpolicies"),
        keep: Keep::All,
        form: Form::Whole,
    };
    Presence::Served { served, is_paired: false }
}

/// The server says this of policies, and that there is nothing else.
fn discovered(hub: &mut Hub, presence: &Presence) {
    let index = index(hub);
    let one = |number| if number == index { presence.clone() } else { Presence::Absent };
    let presences = (0..hub.kinds.len()).map(one).collect();
    hub.note_discovery(Ok(Discovery { presences, remarks: Vec::new() }), Instant::now());
}

fn say(hub: &mut Hub, news: News) {
    let index = index(hub);
    let epoch = hub.kinds[index].epoch;
    hub.take((Subject::Kind(index), epoch), news);
}

/// The kind is served, and a list of one policy has ended.
async fn following() -> (Hub, Fake) {
    let (mut hub, fake) = hub().await;
    discovered(&mut hub, &served(APIS[0]));
    say(&mut hub, News::ListBegan);
    let Ok(Line::Present(policy)) = Line::read(added("web", 3).as_bytes(), Keep::All) else { panic!() };
    say(&mut hub, News::Present(policy));
    say(&mut hub, News::ListEnded("7".into()));
    assert!(has_policy(&hub));
    (hub, fake)
}

fn has_policy(hub: &Hub) -> bool {
    hub.kinds[index(hub)].mirror.has_any_in(&NamespaceName::new("shop"))
}

fn refused(code: u16) -> News {
    News::Failed(Failure::Refused { code, message: String::new() })
}

fn api(hub: &Hub) -> Option<&'static str> {
    Some(hub.kinds[index(hub)].following.as_ref()?.served.api_version)
}

#[tokio::test]
async fn a_kind_is_gone_when_its_collection_is_not_found_and_no_sooner() {
    let (mut hub, _fake) = following().await;
    // A server that is starting does not know of it, as often as it is asked.
    for news in [News::Alive("8".into()), refused(503), refused(404), News::Alive("9".into())] {
        say(&mut hub, news);
        let is_found = !hub.kinds[index(&hub)].is_missing;
        if is_found {
            (0..3).for_each(|_| discovered(&mut hub, &Presence::Absent));
        }
        assert!(has_policy(&hub) && api(&hub).is_some());
    }
    say(&mut hub, refused(404));
    // As long as it is named it is waited for.
    discovered(&mut hub, &served(APIS[0]));
    assert!(has_policy(&hub));
    discovered(&mut hub, &Presence::Absent);
    assert!(!has_policy(&hub));
    assert_eq!(api(&hub), None);
}

#[tokio::test]
async fn another_group_is_followed_when_the_first_is_gone_and_no_sooner() {
    let (mut hub, _fake) = following().await;
    discovered(&mut hub, &served(APIS[1]));
    assert_eq!(api(&hub), Some(APIS[0]));
    say(&mut hub, refused(404));
    discovered(&mut hub, &served(APIS[1]));
    assert_eq!(api(&hub), Some(APIS[1]));
    assert!(has_policy(&hub));
}

#[tokio::test]
async fn a_follower_that_was_ended_says_nothing_any_more() {
    let (mut hub, _fake) = following().await;
    let speaker = (Subject::Kind(index(&hub)), hub.kinds[index(&hub)].epoch);
    say(&mut hub, refused(404));
    discovered(&mut hub, &Presence::Absent);
    // It had said this before it was ended.
    hub.take(speaker, News::ListEnded("8".into()));
    assert!(!hub.kinds[index(&hub)].is_listed);
    discovered(&mut hub, &served(APIS[0]));
    hub.take(speaker, News::ListEnded("9".into()));
    assert!(!hub.kinds[index(&hub)].is_listed);
}

#[tokio::test]
async fn what_is_followed_elsewhere_is_listed_anew() {
    let (mut hub, _fake) = following().await;
    say(&mut hub, refused(404));
    discovered(&mut hub, &served(APIS[1]));
    assert!(!hub.kinds[index(&hub)].is_listed);
}
