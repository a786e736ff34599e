use std::time::Duration;

use ferrule_ruleset::manifest::pruned::Keep;
use tokio::time::timeout;

use super::{
    super::fake::{Fake, Reply, added, bookmark, line, object, status},
    *,
};

/// How long something that has to come is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Follows pods of a server and tells the first so many things it hears; besides, so many times, that a watch ended as soon as it had begun. The latter is
/// left out, because where this machine takes its time nothing ends early.
async fn heard(fake: &Fake, count: usize, early: usize) -> Vec<String> {
    let begun = Instant::now();
    let served = Served {
        api_version: "v1",
        kind: "Pod",
        resource: "pods".to_owned(),
        path: "/api/v1/pods".to_owned(),
        keep: Keep::All,
        form: Form::Whole,
    };
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
