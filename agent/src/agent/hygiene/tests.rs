use tokio::sync::mpsc;

use super::*;

fn addresses(texts: &[&str]) -> BTreeSet<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn hygiene() -> (Hygiene, mpsc::Receiver<BTreeSet<IpAddr>>) {
    let (conntrack, orders, _) = Conntrack::channel();
    (Hygiene::new(Some(conntrack)), orders)
}

fn failure() -> Outcome {
    Err(ForgetError::Transport("no buffer".to_owned()))
}

#[test]
fn addresses_that_leave_while_an_order_is_under_way_are_the_next_order() {
    let (mut hygiene, mut orders) = hygiene();
    let now = Instant::now();
    hygiene.owe(addresses(&["10.0.0.1"]));
    assert!(hygiene.begin(now).is_none());
    assert_eq!(orders.try_recv().unwrap(), addresses(&["10.0.0.1"]));
    hygiene.owe(addresses(&["10.0.0.2", "fd00::2"]));
    hygiene.owe(addresses(&["10.0.0.1"]));
    assert!(hygiene.begin(now).is_none());
    assert!(orders.try_recv().is_err(), "one at a time");
    assert_eq!(hygiene.settle(Ok(3), now).unwrap().addresses, 1);
    assert!(hygiene.begin(now).is_none());
    assert_eq!(orders.try_recv().unwrap(), addresses(&["10.0.0.1", "10.0.0.2", "fd00::2"]));
}

#[test]
fn a_failure_is_tried_again_with_growing_pauses_until_it_succeeds() {
    let (mut hygiene, mut orders) = hygiene();
    let mut now = Instant::now();
    hygiene.owe(addresses(&["10.0.0.1"]));
    for pause in [500, 1000, 2000] {
        hygiene.begin(now);
        assert_eq!(orders.try_recv().unwrap(), addresses(&["10.0.0.1"]));
        let settled = hygiene.settle(failure(), now).unwrap();
        assert_eq!(settled.pause, Some(Duration::from_millis(pause)));
        hygiene.begin(now + Duration::from_millis(pause - 1));
        assert!(orders.try_recv().is_err(), "not before {pause} ms");
        now += Duration::from_millis(pause);
        assert_eq!(hygiene.retry_at(), Some(now));
    }
    hygiene.begin(now);
    orders.try_recv().unwrap();
    assert_eq!(hygiene.settle(Ok(1), now).unwrap().pause, None);
    assert_eq!(hygiene.retry_at(), None);
    hygiene.begin(now);
    assert!(orders.try_recv().is_err(), "nothing is owed any more");
}

#[test]
fn a_thread_that_is_gone_is_a_failure() {
    let (mut hygiene, orders) = hygiene();
    drop(orders);
    hygiene.owe(addresses(&["10.0.0.1"]));
    let settled = hygiene.begin(Instant::now()).unwrap();
    assert!(settled.outcome.is_err() && settled.pause.is_some(), "{settled:?}");
}

#[test]
fn without_connection_tracking_nothing_is_owed() {
    let mut hygiene = Hygiene::new(None);
    hygiene.owe(addresses(&["10.0.0.1"]));
    assert!(hygiene.begin(Instant::now()).is_none());
    assert!(hygiene.settle(Ok(0), Instant::now()).is_none());
}
