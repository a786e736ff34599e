use ferrule_ruleset::name::NodeName;

use super::*;
use crate::source::Source;

/// A responder on a port of its own, and the state that it reports.
async fn responder(pages: Pages) -> (SocketAddr, watch::Sender<Status>) {
    let (sender, status) = watch::channel(Status::new(
        NodeName::from("node-1"),
        Source::Manifests.awaited_with(),
        Instant::now(),
    ));
    let listener = Responder::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Responder { status, metrics: Arc::new(Metrics::new()), pages }.serve(listener));
    (address, sender)
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn get(address: SocketAddr, target: &str) -> String {
    ask(address, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

fn in_step(status: &mut Status) {
    status.awaited.clear();
    status.reconciliations = 1;
    status.behind_since = None;
}

#[tokio::test]
async fn readiness_follows_the_status() {
    let (address, status) = responder(Pages::Health).await;
    let response = get(address, "/readiness").await;
    assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
    assert!(
        response.contains("not ready: node node-1\nmanifests: not read yet\nlinks: not read yet\n"),
        "{response}"
    );
    status.send_modify(in_step);
    let response = get(address, "/readiness").await;
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nready: node node-1\n"),
        "{response}"
    );
}

#[tokio::test]
async fn readiness_is_to_be_had_as_json() {
    let (address, status) = responder(Pages::Both).await;
    status.send_modify(in_step);
    status.send_modify(|status| status.failure = Some("no buffer space".to_owned()));
    let response = get(address, "/readiness?format=json").await;
    let body: serde_json::Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["ready"], false);
    assert!(body["shortfalls"][0].as_str().unwrap().ends_with("no buffer space"), "{body}");
}

#[tokio::test]
async fn each_address_serves_its_pages_only() {
    let (health, _status) = responder(Pages::Health).await;
    let (metrics, _status) = responder(Pages::Metrics).await;
    let (both, _status) = responder(Pages::Both).await;
    for (address, target, code) in [
        (health, "/metrics", 404),
        (health, "/liveness", 200),
        (metrics, "/metrics", 200),
        (metrics, "/readiness", 404),
        (both, "/metrics", 200),
        (both, "/liveness", 200),
        (both, "/", 404),
    ] {
        let response = get(address, target).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {code} ")), "{target}: {response}");
    }
    let figures = get(both, "/metrics").await;
    assert!(figures.contains("ferrule_refused_policies 0") && figures.ends_with("# EOF\n"), "{figures}");
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let (address, _status) = responder(Pages::Both).await;
    for (request, code) in [
        ("rubbish\r\n\r\n", 400),
        ("GET /readiness SIP/2.0\r\n\r\n", 400),
        ("POST /readiness HTTP/1.1\r\n\r\n", 405),
        ("\r\n\r\n", 400),
    ] {
        let response = ask(address, request).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {code} ")), "{request:?}: {response}");
    }
}

#[tokio::test]
async fn head_has_no_body() {
    let (address, status) = responder(Pages::Health).await;
    status.send_modify(in_step);
    let response = ask(address, "HEAD /readiness HTTP/1.1\r\n\r\n").await;
    assert!(response.ends_with("\r\n\r\n") && response.contains("Content-Length: 19\r\n"), "{response}");
}

#[tokio::test]
async fn an_endless_request_is_answered_at_the_limit() {
    let (address, _status) = responder(Pages::Health).await;
    let response = ask(address, &"x".repeat(HEAD_LIMIT)).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[test]
fn an_update_under_way_is_no_shortfall_before_its_time() {
    let start = Instant::now();
    let mut status = Status::new(NodeName::from("node-1"), Source::Manifests.awaited_with(), start);
    in_step(&mut status);
    status.behind_since = Some(start);
    assert_eq!(status.shortfalls(start + crate::status::PATIENCE), Vec::<String>::new());
    assert_eq!(status.shortfalls(start + crate::status::PATIENCE * 2).len(), 1);
}

#[test]
fn a_silent_loop_is_stuck() {
    let start = Instant::now();
    let status = Status::new(NodeName::from("node-1"), Source::Manifests.awaited_with(), start);
    assert_eq!(status.stuck(start + crate::status::STUCK), None);
    assert!(status.stuck(start + crate::status::STUCK * 2).is_some());
}
