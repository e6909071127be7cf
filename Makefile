# Every target does its own set-up: a fresh Debian needs python3 (3.11 to 3.13), git and make, nothing else.
# Settings: STUDY=folder PACS=host:port:AET OUT=folder (demo), CONFIG=file.toml (serve), ARGS=... (train, tests),
# SECONDS=... SEED=... (fuzz).

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PYTHON := $(BIN)/python
READY := .venv/.ready

# TensorFlow writes pages of start-up notes; what goes wrong is still raised as an exception.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(READY) ## a study goes in over DICOM, SEG and SR come back; STUDY=folder PACS=host:port:AET OUT=folder
	@$(PYTHON) -m node demo $(if $(STUDY),--study "$(STUDY)") $(if $(PACS),--pacs "$(PACS)") $(if $(OUT),--out "$(OUT)")

.PHONY: test
test: $(READY) ## every test: unit, integration, acceptance (against a real Orthanc)
	@./setup.sh tools
	@$(BIN)/pytest $(ARGS)

.PHONY: viewer
viewer: $(READY) ## look at results in a real viewer, OHIF in a headless Chromium; the pictures stay in out/viewer
	@./setup.sh tools
	@$(BIN)/pytest -q tests/acceptance/test_viewer.py $(ARGS)

.PHONY: check
check: lint ## format, lint, types, arrows between rooms, unit tests: about a minute
	@$(BIN)/pytest -q tests/unit tests/test_architecture.py

.PHONY: lint
lint: $(READY) ## the part of check that runs no test
	@$(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(READY) ## let ruff write the format and the fixes it is sure of
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

.PHONY: serve
serve: $(READY) ## the node itself: glia serve; CONFIG=file.toml
	@$(PYTHON) -m node serve $(if $(CONFIG),--config "$(CONFIG)")

.PHONY: train
train: $(READY) ## train the models anew; ARGS="..." go to python -m inference.training
	@$(PYTHON) -m inference.training $(ARGS)

.PHONY: bench
bench: $(READY) ## measure: instances received a second, reading against SimpleITK; FIGURES=docs/figures keeps them
	@./setup.sh tools
	@$(BIN)/pytest -q tests/bench/bench_*.py

.PHONY: bench-ingest
bench-ingest: $(READY) ## receivers in turn: ours, Orthanc, DCMTK, pynetdicom; FIGURES=docs/figures ROUNDS=5 RECEIVERS=glia,storescp
	@./setup.sh tools
	@$(BIN)/pytest -q tests/bench/bench_ingest.py

.PHONY: fuzz
fuzz: $(READY) ## read damaged series: only volumes and refusals may come out; SECONDS=600 SEED=1 ARGS="--json FILE"
	@$(PYTHON) tests/fuzz/fuzz_read.py --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1) $(ARGS)

.PHONY: lock
lock: ## write requirements.lock from pyproject.toml, keeping pins that still fit; ARGS=--upgrade takes newer ones
	@./setup.sh lock $(ARGS)

.PHONY: clean
clean: ## remove what was made here: .venv, caches, builds, demo output
	@rm -rf .venv tests/viewer/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist out *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Twice stamped, so that an edit in pyproject.toml does not install 80 packages again.
.venv/.locked: requirements.lock
	@./setup.sh venv
	@touch $@

$(READY): .venv/.locked pyproject.toml
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
