# run and test need nothing but python3 >= 3.11, make and package registries.
PYTHON ?= python3
V := .venv
BIN := $(V)/bin
HOME_DIR ?= .home
PORT ?= 8460
DAYS ?= 30
# tests that run side by side; those that draw pages come after them, one by one: they need the machine for themselves
WORKERS ?= 3
.DEFAULT_GOAL := help
.PHONY: help setup run test check audit fix bench docs pack web clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(V)/.run web  ## prepare .venv with everything that running needs, and build the web app

$(V)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "CityTwin needs Python 3.11 or newer: '$(PYTHON)' is absent or older. Try: make run PYTHON=python3.12"; exit 1; }
	@echo "── creating $(V)"
	@$(PYTHON) -m venv $(V) || { echo "Python cannot create $(V): install the venv module (Debian: apt install python3-venv)"; exit 1; }

$(V)/.run: requirements.txt pyproject.toml | $(V)/bin/python
	@echo "── installing CityTwin and what it runs on"
	@$(BIN)/python -m pip install --progress-bar off --disable-pip-version-check -q -r requirements.txt || { \
	  echo "Installing packages failed: is the package registry reachable from here?"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps -e . || { echo "Installing citytwin into $(V) failed (see above)"; exit 1; }
	@touch $@

$(V)/.dev: requirements-dev.txt $(V)/.run
	@echo "── installing what tests and checks need"
	@$(BIN)/python -m pip install --progress-bar off --disable-pip-version-check -q -r requirements-dev.txt || { \
	  echo "Installing test packages failed: is the package registry reachable from here?"; exit 1; }
	@touch $@

web: $(V)/.run  ## build the web app (only when its sources changed)
	@$(BIN)/python web/build.py

run: setup  ## create the reference city Lingang and serve it
	@exec $(BIN)/citytwin run --home $(HOME_DIR) --city lingang --port $(PORT) --demo-days $(DAYS)

test: setup $(V)/.dev  ## everything that must hold
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --ignore tests/web
	@$(BIN)/python -m pytest tests/web

audit: $(V)/.dev  ## known weaknesses of what we depend on, where the registries answer
	@$(BIN)/python -m citytwin.cli.audit

check: setup $(V)/.dev  ## everything a reviewer would run
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python web/build.py --check
	@$(BIN)/citytwin pack check
	@$(BIN)/python -m citytwin.cli.generate --check
	@$(MAKE) --no-print-directory audit
	@$(MAKE) --no-print-directory test

fix: $(V)/.dev  ## format, and regenerate what is generated
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/python -m citytwin.cli.generate

bench: setup $(V)/.dev  ## run the benchmarks, writing benchmarks/results and their page
	@for b in benchmarks/bench_*.py; do echo "── $$b"; $(BIN)/python $$b || exit 1; done
	@$(BIN)/python -m citytwin.cli.generate

docs: setup  ## regenerate reference and coverage pages
	@$(BIN)/python -m citytwin.cli.generate

pack: setup  ## a new pack from the template: make pack NAME=lighting
	@test -n "$(NAME)" || { echo "Say which: make pack NAME=lighting"; exit 1; }
	@$(BIN)/citytwin pack new $(NAME)

clean:  ## remove what was built (not the city's data)
	@rm -rf $(V) web/node_modules citytwin/api/static
