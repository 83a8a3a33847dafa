# Needs git, make and Python 3.11 or newer; everything else is installed into .venv.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
PORT ?= 8000
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help up test lint fix docs locale bench clean

help:  ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

up: $(VENV)/.run  ## Start everything on this machine; Ctrl-C stops it. DATA=folder PORT=8000
	@exec $(BIN)/arena up --data $(DATA) --port $(PORT)

test: $(VENV)/.dev  ## Run every test. ARGS="-k name" narrows it down.
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(VENV)/.dev  ## Check style, types and import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(VENV)/.dev  ## Mend what can be mended by a machine.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev  ## Write the generated tables again.
	$(BIN)/python -m tests.docs
	$(BIN)/python -m tests.manifest_table

locale: $(VENV)/.dev  ## Collect the sentences to translate into templates/locale.
	$(BIN)/python -m tests.locale

bench: $(VENV)/.dev  ## Measure, each beside its reference in the same run. ARGS="grading queue --quick"
	$(BIN)/python -m tests.bench $(ARGS)

clean:  ## Remove the virtual environment and caches; data stays.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: https://www.python.org/downloads/"; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@$(PYTHON) -m venv $(VENV)

# torch comes from pip by its exact version, before anything that could ask for another one.
$(VENV)/.torch: $(VENV)/bin/python
	@echo "Installing torch …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@touch $@

$(VENV)/.run: pyproject.toml $(VENV)/.torch
	@echo "Installing Arena …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[web,grader]"
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.torch
	@echo "Installing Arena and its test tools …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.run
