//! An agent that hears of its cluster by watch events on standard input; for `ferrule-bench scale`.

fn main() -> anyhow::Result<()> {
    // As the agent does.
    ferrule_agent::allocator::share_one_arena();
    ferrule_tests::bench::scale::replay::run()
}
