# `make lab` and `make test` need nothing but Python 3.11 or newer. Everything they install goes into .venv.

PYTHON ?= python3
ARGS ?=
# Processes that tests are spread over: one for each core, four at most since each takes a GB; WORKERS=0, and a machine
# of one core, has them all in pytest's own. A file stays in one process: a notebook has one kernel, and fixtures are
# made once a file. The browser's tests have their own, for they measure.
WORKERS ?= $(shell $(BIN)/python -c 'import os; \
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1; \
    print(min(cores, 4) if cores > 1 else 0)')
SPREAD = OMP_NUM_THREADS=1 PYTEST_XDIST_AUTO_NUM_WORKERS=$(WORKERS) $(BIN)/python -m pytest -n auto --dist loadfile \
    --max-worker-restart 0
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

# What is installed is known by what was asked for: the content of pyproject.toml (a fresh clone has new dates) and the
# place of the checkout (a virtual environment cannot be moved).
KEY := $(shell (cat pyproject.toml; pwd) | cksum | cut -d ' ' -f 1)
FOR_LAB := $(VENV)/.janus-lab-$(KEY)
FOR_TEST := $(VENV)/.janus-test-$(KEY)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help lab test lint test-fast test-notebooks test-browser clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*##/\1\t/p' Makefile | expand -t 16

lab: $(FOR_LAB)  ## Install, and open the workbench in JupyterLab; ARGS="--no-browser --port 9000" goes to `janus lab`
	@$(BIN)/janus lab $(ARGS)

test: lint test-fast test-notebooks test-browser  ## Install, then lint, unit and property, notebook and browser tests

lint: $(FOR_TEST)  ## Formatting, lint and types
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m ruff check
	$(BIN)/python -m mypy

test-fast: $(FOR_TEST)  ## Unit and property tests
	$(SPREAD) -m "not browser" $(ARGS)

test-notebooks: $(FOR_TEST)  ## Every notebook runs, and gives the outputs it is stored with
ifneq ($(NOTEBOOKS),)
	$(SPREAD) --nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg $(NOTEBOOKS)
endif

test-browser: $(FOR_TEST)  ## JupyterLab in Chromium
	$(BIN)/python -m pytest -m browser -rs $(ARGS)

clean:  ## Remove .venv and every cache
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The last file that `python -m venv` makes, so that an interrupted one is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Janus needs Python 3.11 or newer, and $(PYTHON) is " \
	    + sys.version.split()[0] + ": say which one, as in PYTHON=python3.12.") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# One pip command for everything: with two, torchvision brings a second torch (several GB of CUDA).
$(FOR_LAB): | $(BIN)/pip
	$(BIN)/python -m pip install --editable .
	$(BIN)/python -m janus.mend
	$(BIN)/python -m janus.explorer.library
	@touch $@

$(FOR_TEST): | $(BIN)/pip
	$(BIN)/python -m pip install --editable '.[dev]'
	$(BIN)/python -m janus.mend
	$(BIN)/python -m janus.explorer.library
	@touch $@ $(FOR_LAB)
