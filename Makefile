# The one entry point. `make` alone says what there is; `.ci/run` calls the same targets.

CARGO ?= cargo
ENGINE ?= harness
# Seconds that the fuzz targets share.
TIME ?= 60
# The files below have fixed places, whatever the user's cargo is set to.
export CARGO_TARGET_DIR := $(CURDIR)/target
TAMIS := target/debug/tamis
STAGE := scripts/stage

# Where `tamis setup` installs; the tools of `make lint` are called from there.
TAMIS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tamis
export TAMIS_CACHE
TOOLS := $(TAMIS_CACHE)/tools/bin

# On a developer's machine a missing Envoy or registry is a line; in CI it is a failure.
SKIP := $(if $(filter true,$(CI)),,--skip-missing)

# What `tamis build` makes, a crate per line.
MODULES := $(addprefix -p ,\
  transformation \
  dlp-masking \
  header-routing \
  local-rate-limit \
  add-header \
  auth-callout \
  block-by-path \
  cookie-ab \
  counter \
  edit-json \
  grpc-callout \
  hello \
  path-echo \
  replace-body \
  shared-limiter \
  tcp-guard \
  probe \
  bodies \
  buffer-body \
  callouts \
  empty \
  extras \
  read-headers \
  state \
  tcp \
  tcp-callouts \
  two-headers \
)
# Tests have all that full images have.
FULL := --features transformation/full,header-routing/full,local-rate-limit/full,dlp-masking/full
# A filter on the plain `proxy-wasm` crate says by hand which phases it has.
PLAIN := -p plain-crate --phases request_headers,response_headers

# The peer in `make bench`: as that crate makes it, and with the callbacks only that it uses.
PEER := $(TAMIS) build -p plain-peer --out target/bench

.DEFAULT_GOAL := help
.PHONY: help demo test lint modules setup fmt figures conformance cost rules bench bench-envoy bench-loading bench-limit bench-bodies load tamis
.SILENT:
# `make -j lint test` would have two cargos wait for each other.
.NOTPARALLEL:

help:
	echo "make demo [ENGINE=harness|envoy]  a filter in front of traffic, before and after"
	echo "make test                         everything that must hold, set-up included"
	echo "make lint                         formatting, clippy, licences, advisories, spelling, documentation"
	echo "make conformance [ALL=1]          the harness and five real Envoys side by side, call by call; CI runs it"
	echo "make modules                      the wasm modules, in target/tamis"
	echo "make setup                        what all of these need, in $(TAMIS_CACHE)"
	echo "make fmt                          format the code"
	echo "make fuzz [TIME=60|EACH=600]      search for inputs that break a parser or the gate: so many seconds in all, or each"
	echo "make coverage [ONLY=crate]        which lines the tests run, by crate; llvm-cov has to be there (tamis setup coverage)"
	echo "make cost [BLESS=1]               what every scenario costs, against what is recorded"
	echo "make bench [BLESS=1]              filters in a real Envoy beside their peers, and the harness beside a bare loop, as ratios"
	echo "make bench-envoy [BLESS=1]        the first of these, in five minutes"
	echo "make bench-loading [BLESS=1]      what it costs to load each image of the filters, in two minutes"
	echo "make bench-limit [BLESS=1]        the limiter beside Envoy's own, in ten minutes"
	echo "make bench-bodies [BLESS=1]       masked bodies beside Lua, in five minutes"
	echo "make quality [BLESS=1]            precision and recall of the masking detectors, against their floors"
	echo "make interop [BLESS=1]            skopeo, buildah, crane, oras and cosign read what we wrote, and we what they wrote"
	echo "make interop-resources            images and resources before the fetchers and validators of others"
	echo "make rules [BLESS=1]              which rules of Envoy's behaviour have a test"
	echo "make mesh [BLESS=1]               Istio and Envoy Gateway themselves, with our images and resources"
	echo "make load                         the embedded gateway under load; records it for the figures"
	echo "make figures                      rewrite docs/figures.md"
	echo "make reference                    rewrite the configuration references in docs/filters"

tamis:
	if [ -x $(TAMIS) ]; then $(CARGO) build -q -p tamis-cli; \
	else echo "==> building the tamis command, a few minutes the first time"; $(CARGO) build -p tamis-cli; fi

setup: tamis
	$(TAMIS) setup all $(SKIP)
	$(TAMIS) setup tools

modules: tamis
	$(TAMIS) setup wasm32
	$(TAMIS) build $(MODULES)
	$(TAMIS) build $(PLAIN)
	$(PEER)/all
	$(PEER)/request --phases request_headers
	$(PEER)/both --phases request_headers,response_headers

demo: export TAMIS_STAGES := target/stages-demo.txt
demo:
	case "$(ENGINE)" in harness | envoy) ;; *) echo "error: ENGINE is harness or envoy, not '$(ENGINE)'" >&2; exit 2 ;; esac
	$(STAGE) --start
	$(STAGE) "the tamis command" $(MAKE) --no-print-directory tamis
	$(STAGE) "set-up" $(TAMIS) setup wasm32 $(if $(filter envoy,$(ENGINE)),envoy registry)
	$(STAGE) "modules" $(MAKE) --no-print-directory modules
	$(STAGE) "demo" $(TAMIS) demo --engine $(ENGINE)
	$(STAGE) --table

test: export TAMIS_STAGES := target/stages-test.txt
test:
	$(STAGE) --start
	$(STAGE) "the tamis command" $(MAKE) --no-print-directory tamis
	$(STAGE) "set-up" $(TAMIS) setup wasm32 envoy registry load $(SKIP)
	$(STAGE) "schemas" $(TAMIS) setup schemas --skip-missing
	$(STAGE) "modules" $(MAKE) --no-print-directory modules
	$(STAGE) "tests, compiled" $(CARGO) test --workspace $(FULL) --no-run
	$(STAGE) "tests" $(CARGO) test -q --workspace $(FULL)
	$(STAGE) "tests, no regular expressions" $(CARGO) test -q -p tamis-core
	$(STAGE) --table

lint: export TAMIS_STAGES := target/stages-lint.txt
lint:
	$(STAGE) --start
	$(STAGE) "the tamis command" $(MAKE) --no-print-directory tamis
	$(STAGE) "set-up" $(TAMIS) setup tools
	$(STAGE) "formatting" $(CARGO) fmt --all --check
	$(STAGE) "spelling" $(TOOLS)/typos
	$(STAGE) "clippy" $(CARGO) clippy -q --workspace $(FULL) --all-targets -- -D warnings
	$(STAGE) "licences, sources, duplicates" $(TOOLS)/cargo-deny --locked check --hide-inclusion-graph licenses sources bans
	$(STAGE) "advisories" scripts/advisories $(TOOLS)/cargo-deny
	$(STAGE) "documentation" $(MAKE) --no-print-directory docs
	$(STAGE) --table

# The command and the SDK are both called `tamis`, so their pages have one place: the SDK, documented last, has it.
.PHONY: docs
docs: export RUSTDOCFLAGS := -Dwarnings
docs:
	$(CARGO) doc -q -p tamis-cli --no-deps
	$(CARGO) doc -q --workspace $(FULL) --no-deps --exclude tamis-cli

fmt:
	$(CARGO) fmt --all

# Clients of others read what we wrote, and we what they wrote, in every kind of registry; BLESS=1 keeps the table for `make figures`.
.PHONY: interop
interop: export TAMIS_VENDORS := $(TAMIS_CACHE)/go/bin
interop: export TAMIS_INTEROP_REPORT := $(CURDIR)/$(if $(BLESS),docs/measured,target)/interop.md
interop: tamis
	$(TAMIS) setup registry crane oras cosign
	$(CARGO) test -q -p tamis-oci --test main -- interop::
	cat $(TAMIS_INTEROP_REPORT)

# What we say of images and resources beside what Istio's fetcher and the vendors' own validators say; BLESS=1 records theirs, which
# `make test` replays.
.PHONY: interop-resources
interop-resources: export TAMIS_VENDORS := $(TAMIS_CACHE)/go/bin
interop-resources: export TAMIS_ISTIO_FETCH := $(TAMIS_VENDORS)/istio-fetch
interop-resources: modules
	$(TAMIS) setup registry schemas istio-fetch istio envoy-gateway kubectl-validate admission
	$(CARGO) test -q -p tamis-oci --test main -- doctor::
	$(CARGO) test -q -p tamis-cli --test main -- vendors::

# One target after the other. A failure prints the seed that repeats it: ARBTEST_SEED=... make fuzz
FUZZED := --workspace $(FULL) --test main
fuzz: modules
	$(CARGO) test -q $(FUZZED) --no-run
	targets=$$($(CARGO) test -q $(FUZZED) fuzz:: -- --list | grep -c ': test$$'); \
	each=$(if $(EACH),$$(($(EACH) * 1000)),$$(($(TIME) * 1000 / targets))); \
	echo "==> $$targets targets, $$((each / 1000)) s each"; \
	ARBTEST_BUDGET_MS=$$each $(CARGO) test -q $(FUZZED) fuzz:: -- --test-threads 1

# On texts that are made up anew by every run, and are the same in each.
.PHONY: quality
quality:
	$(CARGO) run -q -p dlp-quality $(if $(BLESS),-- --out docs/measured/quality.md)

# With counters in the crates of the workspace alone. Without the tools it is a line that says so. ONLY takes names of crates.
.PHONY: coverage
coverage: modules
	$(TAMIS) coverage $(addprefix -p ,$(ONLY))

# The references in docs/filters, from what the filters say of their configurations; fails when no scenario shows a field.
.PHONY: reference
reference: modules
	for filter in $(notdir $(wildcard filters/*)); do \
	  $(TAMIS) inspect target/tamis/$$filter-full.wasm --page docs/filters/$$filter.md --examples filters/$$filter/scenarios || exit 1; \
	done

figures: modules
	$(TAMIS) figures

# What is recorded is a gate; BLESS=1 records what is so now.
cost: modules
	$(TAMIS) cost $(if $(BLESS),--bless)

# Ratios of one run on one machine: nothing here fails a build. BLESS=1 takes them over into docs/measured, for `make figures`.
bench: bench-envoy bench-loading bench-limit bench-bodies
	$(CARGO) bench -q -p tamis-harness --bench requests -- $(if $(BLESS),--out $(CURDIR)/docs/measured/requests.md)

# Five minutes; refuses to judge when too much else is at work on the machine.
bench-envoy: modules
	$(TAMIS) setup envoy load
	$(TAMIS) bench $(if $(BLESS),--out docs/measured/filters.md)

# Processor time and memory of a start with each image of the filters: two minutes.
bench-loading: modules
	$(TAMIS) setup envoy
	$(TAMIS) bench loading --blocks 9 $(if $(BLESS),--out docs/measured/loading.md)

# The limiter beside Envoy's own, and with a million keys: ten minutes.
bench-limit: modules
	$(TAMIS) setup envoy load
	$(TAMIS) bench limit --cycles 16 $(if $(BLESS),--out docs/measured/limiter.md)

# Bodies of a megabyte that are masked, beside Lua: five minutes.
bench-bodies: modules
	$(TAMIS) setup envoy load
	$(TAMIS) bench bodies --blocks 3 --cycles 10 $(if $(BLESS),--out docs/measured/bodies.md)

# 200,000 requests beside clients that misbehave; what is lost or left is an error.
load: modules
	$(TAMIS) setup load
	$(TAMIS) load --record docs/measured/load.md

# The programs are built once, which takes ten minutes; a run takes five. BLESS=1 keeps the report for `make figures`.
.PHONY: mesh
mesh: export TAMIS_STAGES := target/stages-mesh.txt
mesh:
	$(STAGE) --start
	$(STAGE) "the tamis command" $(MAKE) --no-print-directory tamis
	$(STAGE) "set-up" $(TAMIS) setup wasm32 registry envoy crane istio envoy-gateway
	$(STAGE) "set-up, another Envoy" $(TAMIS) setup envoy --envoy-version 1.39.3
	$(STAGE) "modules" $(TAMIS) build -p hello -p transformation -p header-routing -p dlp-masking -p local-rate-limit
	$(STAGE) "the stage, compiled" $(CARGO) build -q -p tamis-mesh
	$(STAGE) "control planes" timeout 1200 env TAMIS_MESH_REPORT=$(if $(BLESS),docs/measured,target)/mesh.md target/debug/tamis-mesh
	$(STAGE) --table

rules: tamis
	$(TAMIS) rules $(if $(BLESS),--bless)

# All versions in full with ALL=1, which also writes docs/conformance.md; else the newest in full and a sample of the others.
ENVOYS := 1.36.4 1.37.0 1.38.2 1.39.3 1.40.0
conformance: export TAMIS_STAGES := target/stages-conformance.txt
conformance:
	$(STAGE) --start
	$(STAGE) "the tamis command" $(MAKE) --no-print-directory tamis
	$(STAGE) "modules" $(MAKE) --no-print-directory modules
	$(STAGE) "set-up, five Envoys" $(MAKE) --no-print-directory envoys
	$(STAGE) "conformance" $(TAMIS) conformance $(if $(ALL),--all)
	$(STAGE) --table

.PHONY: envoys
envoys: tamis
	for version in $(ENVOYS); do $(TAMIS) setup envoy --envoy-version $$version || exit 1; done
