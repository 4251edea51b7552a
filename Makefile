# Two commands on a fresh machine, `make up` and `make test`. Needs make, git and Python 3.11 or later; all else comes in .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up test check bench screenshots faults install lock clean

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
PRODUCT := flux_dispatch workers config
SDK := sdks/python
RUN := $(VENV)/installed-run
DEV := $(VENV)/installed-dev

# The Redis server that comes as a wheel exists up to Python 3.13, so those are taken first, then whatever is newer.
# PYTHON=/some/python3 chooses another.
PYTHON ?=
CANDIDATES := python3 python3.13 python3.12 python3.11 python python3.14
OLD_ENOUGH := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# what a shell says about other projects: where pip puts things, where Python looks for them
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS

help: export THIS = $(MAKEFILE_LIST)
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' "$${THIS# }"

up: $(RUN) ## Start everything and deliver a first event; Ctrl-C stops it all
	@exec $(BIN)/flux up

# Three processes also on two cores: the tests wait for servers more than they compute.
test: $(DEV) ## Run the whole test suite against real PostgreSQL and real Redis
	@$(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

check: $(DEV) ## Format, lint, types, layers and the fast tests; under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/unit tests/architecture $(SDK)/tests

bench: $(DEV) ## Measure what this machine delivers; QUICK=1 less of it, AGAINST=ref beside another commit
	@$(BIN)/python -m benchmarks$(if $(AGAINST),.against $(AGAINST) $(FIGURES),$(if $(QUICK), --quick))

screenshots: $(DEV) ## Take a picture of every page of the dashboard, in docs/images (needs a Chromium)
	@$(BIN)/python docs/screenshots.py

faults: $(DEV) ## Break every part while events flow, and count what is lost
	@$(BIN)/python -m tests.faults

install: $(RUN) ## Install into .venv what `make up` needs, and start nothing

lock: ## Lock the newest versions of all dependencies, with their hashes (needs a network)
	@sh requirements/lock.sh

clean: ## Remove .venv and all caches; the data under .flux stays
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One after the other even under -j: two pips in one environment would tread on each other.
$(DEV): requirements/dev.txt $(RUN)
	@echo 'Installing the tools for development into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(RUN): requirements/embedded.txt pyproject.toml $(SDK)/pyproject.toml | $(BIN)/python
	@echo 'Installing Flux Dispatch into $(VENV) ...'
	@$(PIP) install --require-hashes -r requirements/embedded.txt
	@$(PIP) install --no-deps --no-build-isolation --editable ./$(SDK) --editable .
	@touch $@

$(BIN)/python:
	@python=; \
	for each in $(or $(PYTHON),$(CANDIDATES)); do \
		"$$each" -c '$(OLD_ENOUGH)' >/dev/null 2>&1 && { python=$$each; break; }; \
	done; \
	test -n "$$python" || for each in $(or $(PYTHON),$(CANDIDATES)); do \
		"$$each" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && { python=$$each; break; }; \
	done; \
	test -n "$$python" || { \
		echo 'Python 3.11 or later is needed, and none was found. Install it, or name it: make PYTHON=/path/to/python3 up' >&2; \
		exit 1; }; \
	"$$python" -m venv --clear $(VENV) || { \
		rm -rf $(VENV); \
		echo "$$python cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv)." >&2; \
		exit 1; }
