# The front door.  `make` lists what there is.

NODE   ?=
FROM   ?=
AI     ?=
BUILD  := build/release
ASAN   := build/asan
JOBS   ?= $(shell nproc)
# A build directory without its generator's file is half made: configure it (again).
configure = [ -f $(1)/build.ninja ] || cmake -B $(1) -G Ninja -DCMAKE_BUILD_TYPE=$(2) >/dev/null
# Ninja is quiet about what it has not to do.
compile = ninja -C $(1) -j$(JOBS) $(2)
# DOCKER=1: the lab's targets work on the containers of compose.yaml.
DOCKER ?=
lab = $(if $(DOCKER),packaging/docker/lab $(1),$(2))

.DEFAULT_GOAL := help
.PHONY: help setup build asan up down restart clean status topology report logs logs-node \
        attack attack-all attack-lateral release dashboard demo-30 showcase walkthrough test unit bench bench-coordinator bench-page screenshots sweep mutants soak lint deb

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (asks for root only then)
	@scripts/setup

build: setup ## build the release in build/release
	@$(call configure,$(BUILD),Release)
	@$(call compile,$(BUILD))

asan: setup ## build with AddressSanitizer and UBSan in build/asan
	@$(call configure,$(ASAN),Asan)
	@$(call compile,$(ASAN))

up: $(if $(DOCKER),,build) ## start the lab (PORT=8090, AI=http://HOST:PORT; DOCKER=1: in containers): coordinator, nodes a to e, an intruder
	@AI=$(AI) $(call lab,up,lab/up)

down: ## stop the lab and discard its mesh
	@$(call lab,down,lab/down)

restart: $(if $(DOCKER),,build) ## stop and start the lab, its state kept: quarantines hold
	@$(call lab,restart,lab/down keep && lab/up restart)

clean: down ## down, and the build outputs too
	@$(if $(DOCKER),packaging/docker/lab clean,rm -rf build)

status: ## what each node knows, and its processes
	@$(call lab,status,lab/show status)

topology: ## the coordinator's view of the mesh
	@$(call lab,topology,lab/show topology)

report: ## the coordinator's list of scored events
	@$(call lab,report,lab/show report)

logs: ## follow all logs
	@$(call lab,logs,lab/logs)

logs-node: ## follow one node's log (NODE=b)
	@$(call lab,logs,lab/logs) $(or $(NODE),$(error Which one?  make logs-node NODE=b))

attack: ## the intruder touches a node's decoy (NODE=a)
	@$(call lab,attack,lab/attack) $(or $(NODE),$(error Which one?  make attack NODE=a))

attack-all: ## the intruder touches all five at once
	@$(call lab,attack,lab/attack) all

attack-lateral: ## a node's own shell scans the others (FROM=e, PARALLEL=1 at once)
	@PARALLEL=$(PARALLEL) $(call lab,attack,lab/attack) lateral $(or $(FROM),$(error From where?  make attack-lateral FROM=e))

release: ## the operator readmits a node (NODE=a, REASON="…", OVERTURNED=1)
	@OVERTURNED=$(OVERTURNED) $(call lab,release,lab/release) $(or $(NODE),$(error Whom?  make release NODE=a)) $(if $(REASON),"$(REASON)")

dashboard: ## a link that signs in at the page; releases asked there are confirmed here
	@$(call lab,dashboard,lab/dashboard)

demo-30: build ## 30 nodes, one attacked and replaced (KEEP=1 keeps them, BENCH=1 measures them)
	@KEEP=$(KEEP) BENCH=$(BENCH) lab/demo-30

showcase: build ## a bank: one of five services turns, is cut off, and payments go on
	@lab/showcase

walkthrough: build ## a guided tour: identity, attack, consensus, audit, release (PAUSE=0: no pauses)
	@PAUSE=$(PAUSE) lab/walkthrough

deb: setup ## build the Debian package in build/deb
	@packaging/stage build/deb/build build/deb/root
	@packaging/debian/build build/deb/root build/deb

test: build asan ## build everything and pass every test
	@scripts/test

unit: build asan ## unit tests and the simulated network only, release and sanitizers
	@scripts/test unit

bench: build ## measure latency, memory, idle CPU and throughput (docs/benchmarks.md)
	@tests/bench/run

sweep: build ## simulate 10,000 seeds that no commit before this one explored
	@tests/soak/sweep $(BUILD)/bin/phalanx-sim

mutants: build ## plant each bug of sim/mutants/list: does the simulator see it? (SAMPLE=N: only so many)
	@scripts/mutants $(if $(SAMPLE),--sample $(SAMPLE))

bench-coordinator: build ## memory and processor time of the coordinator at 30, 1,000 and 10,000 nodes, its answers and events
	@tests/bench/coordinator

bench-page: build ## the page at 300, 1,000 and 10,000 nodes: bytes, paint, frames, memory (SIZES, MINUTES)
	@tests/browser/run load $(BUILD)/bin

screenshots: build ## the pictures of docs/pictures, from a lab that is attacked
	@scripts/screenshots

bench-sim: build ## how fast the simulator is, and how an entry spreads (LARGE=1: 9,999 hosts)
	@tests/bench/sim

soak: build asan ## longer sweeps, and each fuzzer for a minute
	@scripts/soak

lint: setup ## formatting of C, and what shellcheck says of the scripts
	@scripts/lint
