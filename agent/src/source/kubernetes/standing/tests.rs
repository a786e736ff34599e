use super::*;

fn refused(code: u16) -> Failure {
    Failure::Refused { code, message: "no".to_owned() }
}

fn subjects(news: Option<Vec<Obstacle>>) -> Vec<String> {
    news.unwrap().into_iter().map(|obstacle| obstacle.subject).collect()
}

#[test]
fn what_passes_in_a_moment_is_not_told_and_what_lasts_is_told_once() {
    let (mut standing, start) = (Standing::new("10.0.0.1:6443".to_owned()), Instant::now());
    standing.note_failure("pods", &refused(403), start);
    assert_eq!(standing.news(start), None);
    assert_eq!(standing.alarm(start), Some(start + MOMENT));
    let told = standing.news(start + MOMENT).unwrap();
    assert_eq!((told[0].subject.as_str(), told[0].since), ("pods", start));
    assert!(told[0].reason.contains("grant get, list and watch on pods"), "{}", told[0].reason);
    standing.note_failure("pods", &refused(403), start + 2 * MOMENT);
    assert_eq!(standing.news(start + 3 * MOMENT), None);
    standing.note_success("pods");
    assert_eq!(standing.news(start + 3 * MOMENT), Some(Vec::new()));
}

#[test]
fn the_loss_of_the_server_is_one_obstacle() {
    let (mut standing, start) = (Standing::new("10.0.0.1:6443".to_owned()), Instant::now());
    let lost = Failure::Unreachable("connection refused".to_owned());
    standing.note_failure("pods", &lost, start);
    standing.note_failure("nodes", &lost, start + MOMENT);
    assert_eq!(subjects(standing.news(start + 2 * MOMENT)), ["API server 10.0.0.1:6443"]);
    // It is back; one kind is not followed yet.
    standing.note_answer(start + 3 * MOMENT);
    standing.note_success("nodes");
    assert_eq!(standing.news(start + 3 * MOMENT), Some(Vec::new()));
    assert_eq!(standing.alarm(start + 3 * MOMENT), Some(start + 3 * MOMENT + WHILE));
    let told = standing.news(start + 3 * MOMENT + WHILE).unwrap();
    assert_eq!((told[0].subject.as_str(), told[0].since), ("pods", start));
}

#[test]
fn reasons_that_alternate_are_not_told_each_time() {
    let (mut standing, start) = (Standing::new("a:1".to_owned()), Instant::now());
    standing.note_failure("pods", &refused(500), start);
    standing.note_failure("pods", &refused(503), start);
    assert!(standing.news(start + MOMENT).unwrap()[0].reason.contains("503"));
    standing.note_failure("pods", &refused(500), start + 2 * MOMENT);
    assert_eq!(standing.news(start + 2 * MOMENT), None);
    standing.note_failure("pods", &refused(500), start + NEW_REASON);
    assert!(standing.news(start + NEW_REASON).unwrap()[0].reason.contains("500"));
}

#[test]
fn a_list_may_take_a_while_and_its_failure_may_not() {
    let (mut standing, start) = (Standing::new("a:1".to_owned()), Instant::now());
    standing.note_listing("pods", start);
    assert_eq!(standing.news(start + MOMENT), None);
    standing.note_failure("pods", &refused(403), start + MOMENT);
    let told = standing.news(start + 2 * MOMENT).unwrap();
    assert_eq!(told[0].since, start);
    assert!(told[0].reason.contains("403"));
}
