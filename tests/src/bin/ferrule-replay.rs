//! An agent that hears of its cluster by watch events on standard input; for `ferrule-bench scale`.

fn main() -> anyhow::Result<()> {
    ferrule_tests::bench::scale::replay::run()
}
