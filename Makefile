# Everything happens in .venv; the first command that needs it makes it. Needs Python >= 3.10.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= auto
ARGS ?=

# The first of these that is new enough and whole; PYTHON=... on the command line decides instead.
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10)
NEW_ENOUGH := import sys, ensurepip, sqlite3, venv; sys.exit(sys.version_info < (3, 10))

.PHONY: help demo test check long matrix coverage bench bench-collector clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@for candidate in $(CANDIDATES); do \
	    if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo 'apilog needs Python 3.10 or newer with venv; none of these is: $(CANDIDATES).' >&2; \
	    echo 'Install one (on Debian: python3 and python3-venv), or name it: make PYTHON=...' >&2; \
	    exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version), once" >&2; \
	"$$found" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(READY)

demo: $(READY) ## Run the examples, call them, and show their calls (ONCE=1: once, then end)
	@$(if $(ONCE),ONCE=$(ONCE)) $(BIN)/python examples/demo.py

test: $(READY) ## Run the everyday tests (ARGS="tests/privacy -k cookie" for some of them)
	@scripts/system-packages.sh browser
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(READY) ## Check style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Those of delivery hold processes to their deadlines, so nothing runs beside them.
long: $(READY) ## Run the long tests: minutes, real servers, real crashes
	@$(if $(ARGS),,$(BIN)/python -m pytest -m long -n $(WORKERS) --ignore=tests/delivery)
	@$(BIN)/python -m pytest -m long $(or $(ARGS),tests/delivery)

matrix: $(READY) ## Run the everyday tests on every other Python, and with the oldest frameworks
	@$(BIN)/nox $(ARGS)

coverage: $(READY) ## Run the everyday tests and show what they do not reach
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n $(WORKERS) $(ARGS) || status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report && exit $${status:-0}

bench: $(READY) ## Measure what apilog costs, beside its peers, and each part of it
	@$(BIN)/python benchmarks/overhead.py $(ARGS)
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/endurance.py
	@$(BIN)/python benchmarks/masking.py
	@$(BIN)/python benchmarks/spool.py
	@$(BIN)/python benchmarks/drain.py
	@$(BIN)/python benchmarks/destinations.py
	@$(BIN)/python benchmarks/peers/compare.py

bench-collector: $(READY) ## Measure the collector and its viewer (ARGS="--events 20000 --only ingest")
	@$(BIN)/python benchmarks/collector.py $(ARGS)

clean: ## Remove everything that was made here
	rm -rf $(VENV) .environments .nox build dist htmlcov .coverage .coverage.* \
	    .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
