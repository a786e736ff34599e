//! What is told through the API server, as far as the loop hears of it.

use super::*;

/// Whoever tells people may end for any reason; what is enforced stays in step.
#[tokio::test(start_paused = true)]
async fn the_end_of_reports_is_a_finding_and_ends_nothing() {
    let (alive, ended) = crate::source::Ended::watch();
    World::play_with(
        |agent, _| agent.with_reports(Some(ended)),
        async |world| {
            world.start(Vec::new()).await;
            assert_eq!(world.status.borrow().findings().count(), 0);
            let teller = std::thread::spawn(move || {
                let _alive = alive;
                std::panic::resume_unwind(Box::new("a fault"));
            });
            assert!(teller.join().is_err());
            world.settle().await;
            assert!(
                world
                    .status
                    .borrow()
                    .text(Instant::now())
                    .contains("tells people through the API server has ended")
            );
            world.tell(allow("web", 80)).await;
            world.settle().await;
            assert_eq!((world.kernel.commits(), world.shortfalls()), (2, Vec::new()));
        },
    )
    .await;
}
