.PHONY: help setup build demo test check bench golden

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and testing need (Debian or Ubuntu, as root)
	@.ci/setup

build: setup ## Build the agent and the command line tool, optimised
	cargo build --release --locked --workspace --bins

demo: build ## Two nodes, three pods each, a three-tier application under policy
	@target/release/ferrule-demo

test: setup ## Run every test, packets through real namespaces included (as root)
	cargo build --locked --workspace --bins
	cargo test --locked --workspace

check: ## Form, lints, licences, direction of dependencies
	.ci/check

bench: build ## Measure against the physical limit, as ratios of one run (as root)
	@target/release/ferrule-bench

golden: setup ## Write the golden texts of the case folder and docs/services.md anew (as root)
	cargo build --locked --workspace --bins
	UPDATE_EXPECT=1 cargo test --locked --package ferrule-tests --test cases --test services
