# Every command of the project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME := $(CURDIR)/data/dagster
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test ui lint bench profile gpu-check clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/installed ## make .venv with the pinned versions, and the Dagster instance in data/dagster
	@mkdir -p $(DAGSTER_HOME)
	@ln -sf ../../dagster.yaml $(DAGSTER_HOME)/dagster.yaml

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Wavemill needs Python 3.11 or newer; this is %s. Try make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

run: setup ## fill the price history, run the newest two sessions, print the top patterns and where the page is
	$(BIN)/python -m jobs.first_run

test: setup ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

ui: setup ## serve Dagster on 127.0.0.1:3000
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p 3000

lint: setup ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## measure the kernels and the jobs, parity first; the last two need ../shared/data
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/python -m benchmarks.waves --json benchmarks/results/waves.json --plot benchmarks/results/waves.svg
	$(BIN)/python -m benchmarks.lake
	$(BIN)/python -m benchmarks.market
	$(BIN)/python -m benchmarks.windows
	$(BIN)/python -m benchmarks.volatility
	$(BIN)/python -m benchmarks.warm_start --json benchmarks/results/warm_start.json
	$(BIN)/python -m benchmarks.metrics
	$(BIN)/python -m benchmarks.trading --json benchmarks/results/trading.json
	$(BIN)/python -m benchmarks.portfolio
	$(BIN)/python -m benchmarks.sample_kernels
	$(BIN)/python -m benchmarks.sample_files
	$(BIN)/python -m benchmarks.samples --json benchmarks/results/samples.json
	$(BIN)/python -m benchmarks.sample_loader
	$(BIN)/python -m benchmarks.quality --json benchmarks/results/quality.json
	$(BIN)/python -m benchmarks.jobs --json benchmarks/results/jobs.json

profile: setup ## sample a forecast day: flame graph and table in data/profile
	$(BIN)/python -m benchmarks.profile_report

gpu-check: ## check and measure an NVIDIA GPU in under 8 minutes; uses the Python on the PATH, needs no Dagster
	$(PYTHON) -m benchmarks.gpu_check

clean: ## remove .venv and the caches; data/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
