use std::time::Duration;

use ferrule_ruleset::manifest::pruned::Keep;
use futures::{TryStreamExt as _, stream};
use tokio::time::timeout;

use super::{
    super::discovery::definitions,
    super::fake::{Fake, Reply, added, bookmark, line, object, status},
    *,
};

/// How long something that has to come is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

fn pods() -> Served {
    Served {
        api_version: "v1",
        kind: "Pod",
        resource: "pods".to_owned(),
        path: "/api/v1/pods".to_owned(),
        keep: Keep::All,
        form: Form::Whole,
    }
}

/// Follows pods of a server and tells the first so many things it hears; besides, so many times, that a watch ended as soon as it had begun. The latter is
/// left out, because where this machine takes its time nothing ends early.
async fn heard(fake: &Fake, count: usize, early: usize) -> Vec<String> {
    heard_of(pods(), fake, count, early).await
}

/// The same of any kind.
async fn heard_of(served: Served, fake: &Fake, count: usize, early: usize) -> Vec<String> {
    let begun = Instant::now();
    let (outbox, mut inbox) = mpsc::channel(64);
    let (_keep, client) = watch::channel(Target { client: fake.client(), generation: 0 });
    let follower = tokio::spawn(follow((), served, client, outbox));
    let (mut heard, mut ended_early) = (Vec::new(), 0);
    while heard.len() < count {
        let waited = timeout(PATIENCE, inbox.recv()).await;
        let ((), news) = waited.unwrap_or_else(|_| panic!("only {heard:?} after {PATIENCE:?}")).unwrap();
        if matches!(&news, News::Failed(failure) if *failure == super::ended_early()) {
            ended_early += 1;
            continue;
        }
        heard.push(match news {
            News::ListBegan => "list".to_owned(),
            News::Present(object) => format!("+{}", object.metadata("name").unwrap()),
            News::Deleted(object) => format!("-{}", object.metadata("name").unwrap()),
            News::ListEnded(_) => "end".to_owned(),
            News::Alive(_) => "alive".to_owned(),
            News::Failed(failure) => match &failure {
                Failure::Refused { code, message } => format!("{code} {}", message.trim()),
                Failure::Unreachable(_) | Failure::Unintelligible(_) | Failure::Silent => {
                    format!("{failure:?}")
                }
            },
        });
    }
    follower.abort();
    assert!(
        ended_early == early || begun.elapsed() >= SHORTEST_WATCH,
        "{ended_early} ended early: {heard:?}"
    );
    heard
}

#[tokio::test]
async fn definitions_are_listed_as_pods_are() {
    let lines = [added("networksets.projectcalico.org", 3), bookmark(7, true), added("tiers.other.org", 8)];
    let fake = Fake::script(vec![Reply::open(&lines)]).await;
    let heard = heard_of(definitions(), &fake, 3, 0).await;
    assert_eq!(heard, ["list", "+networksets.projectcalico.org", "end"]);
    assert_eq!(fake.requests().len(), 1);
}

fn version_of(request: &str) -> &str {
    let (_, rest) = request.split_once("resourceVersion=").unwrap();
    rest.split('&').next().unwrap()
}

#[tokio::test]
async fn a_list_comes_as_a_watch_and_goes_on_as_one() {
    let lines =
        [added("a", 3), added("b", 5), bookmark(7, true), line("MODIFIED", "a", 8), line("DELETED", "b", 9)];
    let fake = Fake::script(vec![Reply::open(&lines)]).await;
    assert_eq!(heard(&fake, 6, 0).await, ["list", "+a", "+b", "end", "+a", "-b"]);
    assert!(fake.requests()[0].contains("sendInitialEvents=true"));
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_ended() {
    let first = [added("a", 3), bookmark(7, true), bookmark(12, false)];
    let fake = Fake::script(vec![Reply::lines(&first), Reply::open(&[added("b", 13)])]).await;
    assert_eq!(heard(&fake, 6, 1).await, ["list", "+a", "end", "alive", "alive", "+b"]);
    let requests = fake.requests();
    assert_eq!(version_of(&requests[1]), "12");
    assert!(!requests[1].contains("sendInitialEvents"));
}

#[tokio::test]
async fn half_a_line_counts_for_nothing() {
    let half = added("c", 9).replace('\n', "");
    let first = [added("a", 3), bookmark(7, true), half];
    let fake = Fake::script(vec![Reply::lines(&first), Reply::open(&[])]).await;
    assert_eq!(heard(&fake, 4, 1).await, ["list", "+a", "end", "alive"]);
    assert_eq!(version_of(&fake.requests()[1]), "7");
}

#[tokio::test]
async fn a_server_without_such_lists_is_asked_page_by_page() {
    let forbidden = "resourceVersionMatch is forbidden for watch";
    let page = |name, next: &str| {
        format!(
            r#"{{"metadata":{{"resourceVersion":"20","continue":"{next}"}},"items":[{}]}}"#,
            object(name, 3)
        )
    };
    for code in [400, 422] {
        let fake = Fake::script(vec![
            Reply::new(code, status(code, forbidden)),
            Reply::new(200, page("a", "more")),
            Reply::new(200, page("b", "")),
            Reply::open(&[added("c", 21)]),
        ])
        .await;
        assert_eq!(heard(&fake, 6, 0).await, ["list", "+a", "+b", "end", "alive", "+c"]);
        let requests = fake.requests();
        assert!(requests[2].contains("continue=more"), "{requests:?}");
        assert_eq!(version_of(&requests[3]), "20");
    }
}

#[tokio::test]
async fn a_version_that_is_forgotten_leads_to_a_new_list_however_it_is_said() {
    let in_stream = format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", status(410, "too old"));
    for gone in [Reply::lines(&[in_stream]), Reply::new(410, status(410, "too old"))] {
        let fake = Fake::script(vec![
            Reply::lines(&[added("a", 3), bookmark(7, true)]),
            gone,
            Reply::open(&[added("b", 9), bookmark(9, true)]),
        ])
        .await;
        let heard: Vec<String> =
            heard(&fake, 5, 1).await.into_iter().filter(|word| word != "alive").collect();
        // That the first watch ended at once is a failure, that the version is forgotten is none.
        assert_eq!(heard[..3], ["list", "+a", "end"]);
        assert_eq!(heard[3..], ["list", "+b"][..heard.len() - 3]);
        assert!(!heard.iter().any(|word| word.contains("too old")), "{heard:?}");
    }
}

#[tokio::test]
async fn failures_are_told_with_their_status_and_do_not_end_anything() {
    let fake = Fake::script(vec![
        Reply::new(403, status(403, "pods is forbidden")),
        Reply::new(404, "404 page not found"),
        Reply::new(503, "service unavailable"),
        Reply::new(200, "<html>a proxy</html>\n"),
        Reply::open(&[bookmark(7, true)]),
    ])
    .await;
    let heard = heard(&fake, 7, 0).await;
    assert_eq!(heard[..3], ["403 pods is forbidden", "404 404 page not found", "503 service unavailable"]);
    assert_eq!(heard[3], "list");
    assert!(heard[4].contains("Unintelligible"), "{heard:?}");
    assert_eq!(heard[5..], ["list", "end"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_one_when_something_of_it_was_understood_or_it_stands_for_a_moment() {
    let fake = Fake::script(Vec::new()).await;
    let (outbox, mut inbox) = mpsc::channel(64);
    let (_keep, client) = watch::channel(Target { client: fake.client(), generation: 0 });
    let mut follower = Follower::new((), pods(), client, outbox);
    let garbage = &b"{\"type\":\"NEWS\",\"object\":{}}\n"[..];
    assert!(follower.read_on(Lines::new(garbage), Proof::Wanted).await.is_err());
    assert!(follower.read_on(Lines::new(&b""[..]), Proof::Wanted).await.is_err());
    assert!(inbox.try_recv().is_err());

    let text = added("a", 8);
    assert!(follower.read_on(Lines::new(text.as_bytes()), Proof::Wanted).await.is_err());
    assert!(matches!(inbox.try_recv(), Ok(((), News::Alive(_)))));
    assert!(matches!(inbox.try_recv(), Ok(((), News::Present(_)))));
    assert_eq!(follower.version.as_deref(), Some("8"));

    let silent = stream::pending::<std::io::Result<&[u8]>>().into_async_read();
    assert!(follower.read_on(Lines::new(silent), Proof::Wanted).await.is_ok());
    assert!(matches!(inbox.try_recv(), Ok(((), News::Alive(_)))));
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn pages_that_fail_are_asked_for_in_smaller_ones() {
    let page = |name, next: &str| {
        let metadata = format!(r#"{{"resourceVersion":"20","continue":"{next}"}}"#);
        Reply::new(200, format!(r#"{{"metadata":{metadata},"items":[{}]}}"#, object(name, 3)))
    };
    let fake = Fake::script(vec![
        Reply::new(400, status(400, "resourceVersionMatch is forbidden for watch")),
        page("a", "more"),
        Reply::new(504, status(504, "timeout")),
        Reply::new(403, status(403, "forbidden")),
        page("a", "more"),
        page("b", ""),
        Reply::new(410, status(410, "too old")),
        page("c", ""),
    ])
    .await;
    let heard = heard(&fake, 11, 0).await;
    assert_eq!(heard[..4], ["list", "+a", "504 timeout", "403 forbidden"]);
    assert_eq!(heard[4..], ["list", "+a", "+b", "end", "list", "+c", "end"]);
    let limits: Vec<String> = fake
        .requests()
        .iter()
        .filter_map(|request| Some(request.split_once("limit=")?.1.split('&').next()?.to_owned()))
        .collect();
    assert_eq!(limits, ["500", "500", "250", "250", "250", "500"]);
}

/// Pauses that grow have a least length; nothing is said of the greatest.
#[tokio::test]
async fn a_server_that_forgets_at_once_is_listed_less_and_less_often() {
    let list = Reply::new(200, r#"{"metadata":{"resourceVersion":"20"},"items":[]}"#);
    let gone = Reply::new(410, status(410, "too old"));
    let mut replies = vec![Reply::new(400, status(400, "forbidden for watch"))];
    replies.extend((0..6).flat_map(|_| [list.clone(), gone.clone()]));
    let (fake, began) = (Fake::script(replies).await, Instant::now());
    let heard = heard(&fake, 12, 0).await;
    assert_eq!(heard, ["list", "end"].repeat(6));
    assert!(began.elapsed() >= Duration::from_millis(50 + 100 + 200 + 400 + 800));
}
