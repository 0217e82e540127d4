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
# pytest's own arguments, e.g. make test ARGS="tests/unit -x". One process more than two cores: some tests wait for a browser,
# or for what they have started.
ARGS ?= -n 3
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

.PHONY: help setup manifest run test faults dev dashboard wheel wheel-check superset-check citus-check sbom bench check clean

help:  ## this list
	@echo "Causerie: exact indicators from conversation extracts. Start with: make run"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)
	@echo
	@echo "Then: $(BIN)/causerie --help"

run: setup  ## try the platform on a made-up brand: extracts, load, audits, indicators
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/causerie demo --days $(DAYS) --seed $(SEED)
	@echo "Here, causerie is $(BIN)/causerie; make dev opens Dagster and the screens at once; README.md: your own data."

test: setup  ## every test, against a real PostgreSQL that the tests start themselves
	@$(BIN)/python -m pytest $(ARGS)

faults: setup  ## every fault scenario and every test that is long; writes the scenarios' figures into README.md
	@CAUSERIE_TEST_THOROUGH=1 $(BIN)/python -m pytest $(ARGS) -m "fault or long" --faults-table=README.md

setup: $(READY) manifest  ## the environment from the pinned lock, and dbt's manifest

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned environment into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --compile-bytecode --require-hashes requirements.lock
	@$(UV) install --no-deps --editable .
	@touch $@

# Read by Dagster when it loads; made here and not at import, so that loading stays quick. By content and not by the time of
# files: what git brings back may be older than what dbt has read.
manifest: $(READY)
	@$(BIN)/python -m orchestration.marts.dbt_manifest

dashboard: setup  ## the screens on http://127.0.0.1:3001 (SCREENS_PORT=...)
	@$(BIN)/causerie dashboard --port $(SCREENS_PORT)

# The screens end with Dagster.
dev: setup  ## Dagster on http://127.0.0.1:3000 (PORT=...), and the screens beside it
	@$(BIN)/causerie db start
	@$(BIN)/causerie dashboard --port $(SCREENS_PORT) & screens=$$!; trap 'kill $$screens 2>/dev/null' EXIT; \
		$(BIN)/causerie dev --port $(PORT)

WHEELS := build/wheels
wheel: setup  ## the package, with everything that is no Python in it, in build/wheels
	@rm -rf build/lib $(WHEELS)
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(WHEELS) .
	@ls $(WHEELS)

wheel-check: setup  ## install that package into an empty environment, and try it from another folder
	@$(BIN)/python -m pytest -q -m long tests/integration/test_wheel.py

superset-check: setup  ## try the dashboards of bi/superset in a Superset of their own, on what `make run` published
	@$(BIN)/python bi/superset/check.py

citus-check: setup  ## try it past one machine: on Citus, two workers, beside one node (docs/scale.md; CITUS_SOURCE=...)
	@$(BIN)/python citus/check.py

# Tools that are run and not depended on, in environments of their own.
TOOL = $(BIN)/uv $${PIP_INDEX_URL:+--default-index "$$PIP_INDEX_URL"} --quiet tool run
sbom: setup  ## what this is made of (CycloneDX, build/sbom.json), and under which licences (docs/licences.md)
	@mkdir -p build
	@$(TOOL) --from cyclonedx-bom==7.5.0 cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --no-validate \
		-o build/sbom.json $(BIN)/python
	@$(TOOL) --from pip-licenses==5.5.5 pip-licenses --python $(BIN)/python --format=markdown > docs/licences.md

bench: setup  ## how long everything takes beside its floor, into benchmarks/RESULTS.md; on a quiet machine, three quarters of an hour; beside DuckDB, which it installs
	@$(BIN)/uv $${PIP_INDEX_URL:+--default-index "$$PIP_INDEX_URL"} --quiet pip install --python $(BIN)/python duckdb==2.0.1
	@$(BIN)/python benchmarks/bench.py

check: setup  ## lints and types
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project
	@$(BIN)/python citus/rules.py

clean:  ## stop the embedded PostgreSQL, remove its data, the environment and what was built
	@test ! -x $(BIN)/causerie || $(BIN)/causerie db stop
	rm -rf "$(CAUSERIE_HOME)" $(VENV) dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
