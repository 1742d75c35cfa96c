# The commands of this project. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export CITYLAKE_HOME ?= $(CURDIR)/.citylake
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: help refresh test lint types unit app dagster sql dbt lock clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# One environment, two locks: what runs the city, and on top of it what guards the project.
$(VENV)/.run: requirements/run.txt requirements/bootstrap.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "citylake needs Python 3.11 or newer; name one with PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/run.txt --python $(BIN)/python
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable . --python $(BIN)/python
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt --python $(BIN)/python
	@touch $@

refresh: $(VENV)/.run ## Make the sample city if landing is empty, then run one whole night
	@$(BIN)/citylake sample-city --if-empty
	@$(BIN)/citylake refresh

test: $(VENV)/.dev ## All that guards the project: lint, types, imports, unit, dbt, integration, browser
	@bash tests/run.sh

lint: $(VENV)/.dev ## Style of Python and SQL, and the import law
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint dbt_project/models dbt_project/tests dbt_project/macros

types: $(VENV)/.dev ## The strict type checker
	@$(BIN)/basedpyright

app: $(VENV)/.run ## The cockpit, on localhost
	@$(BIN)/streamlit run apps/cockpit/streamlit_app.py

dagster: $(VENV)/.run ## Dagster's UI, on localhost
	@$(BIN)/citylake dagster

sql: $(VENV)/.run ## SQL on the current release
	@$(BIN)/citylake sql

dbt: $(VENV)/.run ## dbt alone, on the last identity state
	@$(BIN)/citylake dbt build

lock: ## Write the hash-locked requirement files anew (needs uv)
	@bash requirements/lock.sh

clean: ## Remove what builds leave behind; never the lake
	@rm -rf .pytest_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs
