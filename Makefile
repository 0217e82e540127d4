# The two commands of a newcomer are `make run` and `make test`. Needs Python 3.11+ and make, nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# The brand is made up while dbt reads its project.
MAKEFLAGS += --jobs=2

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# uv reads no configuration of pip's: an index of one's own is handed on.
UV = $(BIN)/uv $${PIP_INDEX_URL:+--default-index "$$PIP_INDEX_URL"} --quiet pip
READY := $(VENV)/.ready
MANIFEST := dbt_project/target/manifest.json
# pytest's own arguments, e.g. make test ARGS="tests/unit -x"
ARGS ?= -n 2
# How much of a brand the simulator makes up for `make run`
DAYS ?= 60
SEED ?= 1
PORT ?= 3000
# Where the screens are
SCREENS_PORT ?= 3001

# Nothing calls home: a closed network must not stall a run.
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false
export CAUSERIE_HOME ?= $(CURDIR)/.causerie
export CAUSERIE_LANDING ?= $(CAUSERIE_HOME)/landing
export DAGSTER_HOME ?= $(CAUSERIE_HOME)/dagster

.PHONY: help setup run test faults dev dashboard check clean

help:  ## this list
	@echo "Causerie: exact indicators from conversation extracts. Start with: make run"
	@echo
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)
	@echo
	@echo "Then: $(BIN)/causerie --help"

run: setup $(CAUSERIE_HOME)/.simulated  ## try the platform on a made-up brand: extracts, load, audits, indicators
	@$(BIN)/causerie run
	@$(BIN)/causerie report
	@echo "Where to look next:"
	@echo "  $(BIN)/causerie report --breakdown source        the same, by where conversations come from"
	@echo "  $(BIN)/causerie report --help                    other days, filters, breakdowns, a comparison"
	@echo "  $(BIN)/causerie db psql                          the published tables, in the schema marts"
	@echo "  make dev                                         runs, assets and checks in the browser"
	@echo "  README.md                                        your own data instead of the made-up brand's"
	@echo "  make dashboard                                   the screens: http://127.0.0.1:$(SCREENS_PORT)"

# Up to yesterday, as a nightly feed would be. Extracts of one's own in CAUSERIE_LANDING are left alone.
FIRST_DAY = $$($(BIN)/python -c 'from datetime import *; print((datetime.now(UTC) - timedelta($(DAYS))).date())')
$(CAUSERIE_HOME)/.simulated: | $(READY)
	@umask 077; mkdir -p "$(CAUSERIE_HOME)"
	@test -n "$$(ls -A "$(CAUSERIE_LANDING)" 2>/dev/null)" || \
		$(BIN)/causerie simulate "$(CAUSERIE_LANDING)" --days $(DAYS) --seed $(SEED) --from "$(FIRST_DAY)"
	@touch "$@"

test: setup  ## every test, against a real PostgreSQL that the tests start themselves
	@$(BIN)/python -m pytest $(ARGS)

faults: setup  ## every fault scenario, the long ones too; writes their figures into README.md
	@CAUSERIE_TEST_THOROUGH=1 $(BIN)/python -m pytest $(ARGS) -m fault --faults-table=README.md

setup: $(READY) $(MANIFEST)  ## the environment from the pinned lock, and dbt's manifest

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned environment into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --compile-bytecode --require-hashes requirements.lock
	@$(UV) install --no-deps --editable .
	@touch $@

# Read by Dagster when it loads; made here and not at import, so that loading stays quick.
$(MANIFEST): $(READY) $(shell find dbt_project -name '*.sql' -o -name '*.yml' -o -name '*.md' | grep -v /target/)
	@echo "Reading the dbt project ..."
	@$(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project
	@touch $@

dashboard: setup  ## the screens on http://127.0.0.1:3001 (SCREENS_PORT=...)
	@$(BIN)/causerie dashboard --port $(SCREENS_PORT)

# The screens end with Dagster.
dev: setup  ## Dagster on http://127.0.0.1:3000 (PORT=...), and the screens beside it
	@umask 077; $(BIN)/python -m orchestration.automation.instance
	@$(BIN)/causerie db start
	@$(BIN)/causerie dashboard --port $(SCREENS_PORT) & screens=$$!; trap 'kill $$screens 2>/dev/null' EXIT; \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dagster dev --host 127.0.0.1 --port $(PORT) --workspace workspace.yaml

check: setup  ## lints and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project

clean:  ## stop the embedded PostgreSQL, remove its data, the environment and what was built
	@test ! -x $(BIN)/causerie || $(BIN)/causerie db stop
	rm -rf "$(CAUSERIE_HOME)" $(VENV) dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
