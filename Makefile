.PHONY: help setup build demo test test-cluster apiserver check bench golden crds

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and testing need (Debian or Ubuntu, as root)
	@.ci/setup

build: setup ## Build the agent and the command line tool, optimised
	cargo build --release --locked --workspace --bins

demo: build ## Two nodes, three pods each, a three-tier application under policy
	@target/release/ferrule-demo

apiserver: setup ## Build the API server for tests, once for all clones
	@.ci/apiserver

test: apiserver ## Run every test, packets through real namespaces and a real API server included (as root)
	cargo build --locked --workspace --bins
	cargo test --locked --workspace

test-cluster: apiserver ## Run only the tests with a real API server (as root)
	cargo build --locked --workspace --bins
	cargo test --locked --package ferrule-tests --lib api_server
	cargo test --locked --package ferrule-tests --test 'cluster_*' --test definitions --test deploy

check: ## Form, lints, licences, direction of dependencies
	.ci/check

bench: build ## Measure against the physical limit, as ratios of one run (as root)
	@target/release/ferrule-bench

golden: setup ## Write the golden texts of the case folder and docs/services.md anew (as root)
	cargo build --locked --workspace --bins
	UPDATE_EXPECT=1 cargo test --locked --package ferrule-tests --test cases --test services

crds: setup ## Write the definitions of deploy/ anew from the types of agent/src/definition
	UPDATE_EXPECT=1 cargo test --locked --package ferrule-agent --lib definition
