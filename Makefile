# Two commands do everything: `make demo` and `make test`. They need Python 3.11+ and make; the rest is made here.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Certificates as the machine trusts them: a company's proxy signs with its own.
export UV_SYSTEM_CERTS ?= true

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock
TESTS ?= tests
MARKED ?= not slow
JOBS ?= 2

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## Make .venv from the lock file

$(STAMP): requirements/dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Clary needs Python 3.11 or newer: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements/dev.lock)"
	$(RUN)/uv pip sync --quiet --python $(RUN)/python requirements/dev.lock
	$(RUN)/uv pip install --quiet --python $(RUN)/python --no-deps --editable .
	@touch $(STAMP)

system:  # The sandbox, where this machine lets us install it; jobs run without it too
	@command -v bwrap >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -y -qq bubblewrap >/dev/null; } \
		|| echo "bubblewrap is not here: jobs will run as plain processes (clary doctor tells more)"

demo: setup  ## Train a real sweep in an empty home, and show its table, bar plot and curves
	$(RUN)/clary demo

test: setup system  ## Run the tests
	$(RUN)/coverage erase
	$(RUN)/coverage run -m pytest -n $(JOBS) --dist loadgroup -m "$(MARKED)" $(TESTS)
	@$(RUN)/coverage combine --quiet && echo "$$($(RUN)/coverage report --format=total) % of the lines and branches were run"

test-slow: setup system  ## Run the tests that take minutes each
	$(RUN)/pytest -n $(JOBS) --dist loadgroup -m slow $(TESTS)

check: setup  ## Lint, types, layers
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

bench: setup  ## Run the benchmarks: peers, floors and Clary side by side
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(RUN)/python $$file || exit 1; done

format: setup  ## Format the code
	$(RUN)/ruff check --fix --quiet .
	$(RUN)/ruff format --quiet .

docs: setup  ## Write docs/reference from the code
	$(RUN)/python tools/reference.py

lock: setup  ## Resolve requirements/dev.lock again from pyproject.toml
	$(RUN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--group dev pyproject.toml --output-file requirements/dev.lock

.PHONY: help setup system demo test test-slow check bench format docs lock
