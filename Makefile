# Every target prepares what it needs, so each of them may be the first command on a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Articles for the demo (a file or a folder), and the data sets to train and measure on (CONTRIBUTING, Data).
ARTICLES ?= services/copydesk/samples
DATA ?= ../shared/data

scripts := deploy/*.sh tests/peers/*.sh .ci/run
train := services/encoder/train
venv := .cache/venv
tools := .cache/tools
cargo_tools := .cache/cargo
go_tools := .cache/go
pictures := .cache/pictures
python := $(train) deploy tests/peers

.PHONY: help setup native broker build demo test check fmt deny helm image compose pictures fuzz train recipe quality peers bench soak memory chaos pauses clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: ## Install the system packages that are missing, or say which
	@deploy/setup.sh

native: setup ## Fetch libtorch and OpenVINO into .cache/native
	@deploy/native.sh
	@deploy/openvino.sh

broker: setup ## Fetch Apache Kafka into .cache/kafka
	@deploy/broker.sh fetch

build: native ## Build target/release/copydesk
	cargo build --locked --release --package copydesk

demo: ## Send articles through a real broker: make demo [ARTICLES=path]
	@deploy/demo.sh "$(ARTICLES)"

test: native broker ## Run all tests, on a real broker and the built program
	cargo build --locked --workspace
	cargo test --locked --workspace

check: native $(tools)/ready ## Check format, lints, documentation and scripts
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
	$(tools)/bin/shellcheck --external-sources $(scripts)
	$(tools)/bin/hadolint deploy/Dockerfile
	$(tools)/bin/ruff check --quiet --no-cache $(python)
	$(tools)/bin/ruff format --quiet --no-cache --check $(python)

fmt: $(tools)/ready ## Format the code
	cargo fmt --all
	$(tools)/bin/ruff format --quiet --no-cache $(python)

deny: $(cargo_tools)/bin/cargo-deny ## Check licences and sources of dependencies; make deny ARGS=advisories asks GitHub for known holes
	$< --all-features check $(or $(ARGS),bans licenses sources)

helm: native $(tools)/ready $(go_tools)/helm $(go_tools)/kubeconform $(go_tools)/compose-spec ## Check the Helm chart and compose.yaml, by schemas and by the program (needs Go)
	cargo build --locked --package copydesk
	PATH="$(CURDIR)/$(go_tools):$$PATH" $(tools)/bin/python deploy/helm/check.py target/debug/copydesk
	PATH="$(CURDIR)/$(go_tools):$$PATH" $(tools)/bin/python deploy/check_compose.py target/debug/copydesk

image: native $(cargo_tools)/bin/cargo-cyclonedx ## Build the image around the program and try it: make image [ARGS=torch] (needs root)
	@deploy/setup.sh buildah debootstrap
	cargo build --locked --release --package copydesk \
	  $(if $(ARGS),,--no-default-features --features openvino --target-dir target/image)
	@PATH="$(CURDIR)/$(cargo_tools)/bin:$$PATH" deploy/image_test.sh target/$(if $(ARGS),,image/)release/copydesk $(ARGS)

compose: ## Run compose.yaml with each profile and look at every service (needs Docker; ARGS=--no-build takes the image that is there)
	python3 deploy/try_compose.py $(ARGS)

pictures: build broker $(pictures)/ready ## Take the pictures of the dashboards, in 12 minutes (needs npm, chromium, pngquant); ARGS=--again draws the last run
	python3 deploy/grafana/pictures/take.py $(pictures) $(ARGS)

fuzz: $(cargo_tools)/bin/cargo-fuzz ## Run each fuzz target: make fuzz [SECONDS=60 each]
	@deploy/fuzz.sh $(or $(SECONDS),60)

train: setup $(venv)/ready ## Train the model into services/encoder/models: make train [DATA=path] [ARGS="--out FOLDER"]
	$(venv)/bin/python $(train)/train.py --data $(DATA) --out services/encoder/models $(ARGS)

recipe: setup $(venv)/ready ## Test the training recipe's parts, on small models (6.6 GB of packages)
	PYTHONPATH=$(train) $(venv)/bin/python -m unittest discover --start-directory $(train)/tests

quality: native ## Measure quality against gold: make quality [DATA=path] [ARGS=...]
	cargo build --locked --release --package copydesk
	cargo run --locked --release --package copydesk-tests --bin quality -- --data=$(DATA) $(ARGS)

peers: setup ## Fetch what bench compares with into .cache/peers (8 GB)
	@tests/peers/fetch.sh

bench: native broker peers ## Measure speed, waits and accuracy, and the peers': make bench [DATA=path] [ARGS=...]
	cargo build --locked --release --package copydesk
	cargo run --locked --release --package copydesk-tests --bin bench -- --data=$(DATA) $(ARGS)

soak: native broker ## Watch memory over hours of work: make soak [SECONDS=3600] [RATE=10 articles a second]
	cargo build --locked --release --package copydesk
	cargo run --locked --release --package copydesk-tests --bin bench -- --data=$(DATA) --only=soak --json=target/bench/soak.json \
	  $(if $(SECONDS),--soak=$(SECONDS)) $(if $(RATE),--rate=$(RATE)) $(ARGS)

memory: native broker ## Measure memory under a backlog of 100,000 articles and bodies of 10 MB: make memory [ARGS=...]
	cargo build --locked --release --package copydesk
	cargo run --locked --release --package copydesk-tests --bin bench -- --data=$(DATA) --only=scaling,bodies --backlogs=100000 --lengths=20000 \
	  --json=target/bench/memory.json $(ARGS)

chaos: broker ## Try to break exactly-once: make chaos [SECONDS=600] [SEED=1] [ARGS=...]
	cargo run --locked --release --package copydesk-tests --bin chaos -- \
	  $(if $(SECONDS),--seconds=$(SECONDS)) $(if $(SEED),--seed=$(SEED)) $(ARGS)

pauses: broker ## Measure for how long a rebalance halts the partitions that stay
	cargo test --locked --release --package copydesk-tests --test worker pauses -- --ignored --nocapture --test-threads=1

clean: ## Remove what was built; with ALL=1 also what was fetched
	cargo clean
	rm -rf .cache/demo $(if $(ALL),.cache)

$(venv)/ready: $(train)/requirements.txt | setup
	python3 -m venv --clear $(venv)
	$(venv)/bin/pip install --quiet --requirement $<
	touch $@

$(tools)/ready: deploy/tools.txt | setup
	python3 -m venv --clear $(tools)
	$(tools)/bin/pip install --quiet --requirement $<
	touch $@

# Tools by name and version. They follow this file, where the versions stand; the same one is not built again.
helm := helm.sh/helm/v3/cmd/helm@v3.22.0
kubeconform := github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
compose-spec := github.com/compose-spec/compose-go/v2/cmd@v2.16.2
cargo-deny := cargo-deny@0.20.2
cargo-cyclonedx := cargo-cyclonedx@0.5.9
cargo-fuzz := cargo-fuzz@0.13.2

$(go_tools)/%: Makefile | setup
	GOBIN="$(CURDIR)/$(go_tools)" go install $($*)
	touch $@

# The program that the Compose Specification is validated with has no name of its own.
$(go_tools)/compose-spec: Makefile | setup
	GOBIN="$(CURDIR)/$(go_tools)" go install $(compose-spec)
	mv $(go_tools)/cmd $@
	touch $@

# Without optimisation: building them takes longer than they run.
$(cargo_tools)/bin/%: Makefile | setup
	cargo install --quiet --debug --locked --root $(cargo_tools) --target-dir target/tools $($*)
	touch $@

$(pictures)/ready: deploy/grafana/pictures/package.json deploy/grafana/pictures/package-lock.json | setup
	mkdir -p $(pictures)
	cp $^ $(pictures)
	npm ci --silent --prefix $(pictures)
	touch $@
