# `make` alone lists the verbs. Everything runs in .venv, which each verb makes first if need be.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed
SITE ?= rehearsal/site
PORT ?= 5006
TESTS ?= tests
WORKERS ?= 3
# Browsers, whole exercises and killed engines are tested one after the other: each takes the machine. The others mostly wait: three workers fill two cores.
WAITING := $(addprefix tests/integration/workflow/test_,condor_contract.py condor_engine.py engine_contract.py)
ALONE := tests/browser tests/e2e $(filter-out $(WAITING),$(wildcard tests/integration/workflow/test_*.py))
BOOKS := $(wildcard runbooks/*.ipynb notebooks/*.ipynb)

.PHONY: help
help: ## List the verbs
	@echo "DMSOps: make VERB"
	grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 16

# A name on PATH is not enough: version switchers leave names that refuse to run. So each candidate is run.
define find_python
for candidate in $${PYTHON:-python3.14 python3.13 python3.12 python3 \
    "$$HOME"/.pyenv/versions/3.1[2-9]*/bin/python /opt/*/bin/python3 /usr/local/bin/python3}; do
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
    found=$$candidate
    break
  fi
done
if [ -z "$${found:-}" ]; then
  echo "DMSOps needs Python 3.12 or newer; tried $${PYTHON:-PATH, ~/.pyenv, /opt and /usr/local} and found none." >&2
  echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
  exit 1
fi
endef
export PYTHON

# Runbooks and notebooks are shown on a small site that is the same on every machine; its clock stands still.
define frozen_site
frozen=$$(mktemp -d)
trap 'rm -rf "$$frozen"' EXIT
$(BIN)/python -m tests.runbooks.make_site "$$frozen/site"
export DMSOPS_SITE="$$frozen/site"
endef

define compare_books
$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --nbval --nbval-current-env --nbval-sanitize-with=tests/nbval_sanitize.cfg --nbval-cell-timeout=120 $(BOOKS)
endef

.PHONY: setup
setup: $(STAMP) ## Make .venv with the exact packages of requirements.txt

$(STAMP): requirements.txt pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then
	  $(find_python)
	  echo "making .venv with $$found ($$("$$found" -V))"
	  rm -rf .venv
	  "$$found" -m venv .venv
	fi
	echo "installing $$(wc -l < requirements.txt) packages into .venv; the first time takes about two minutes"
	$(BIN)/python -m pip install -qq -r requirements.txt
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	touch $@

.PHONY: rehearsal
rehearsal: $(STAMP) ## Fly a simulated wavefront visit and follow it to the wavefront team (the main job)
	@$(BIN)/dmsops rehearse wavefront --site $(SITE) $(if $(ENGINE),--engine $(ENGINE))

.PHONY: condor
condor: ## Fetch HTCondor's programs into .condor for the tests of its engine (Debian; needs patchelf)
	@tools/fetch_condor.sh trixie .condor

.PHONY: clients
clients: $(STAMP) ## Fetch the newest astroquery (a pre-release) and CADC's client into .clients for the tests with them
	@$(BIN)/python -m pip install -qq --no-deps --upgrade --target .clients -r tests/integration/clients/requirements.txt

.PHONY: test
test: $(STAMP) ## Run every test (WORKERS=3 at a time), and every runbook and notebook; goes on after a failure, and fails at the end
	@failed=0
	if [ "$(TESTS)" = tests ]; then
	  $(BIN)/python -m pytest $(ALONE) || failed=1
	fi
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS) $(if $(filter tests,$(TESTS)),$(ALONE:%=--ignore=%)) || failed=1
	$(frozen_site)
	$(compare_books) || failed=1
	exit $$failed

.PHONY: check
check: $(STAMP) ## Style, format, types and floors; seconds
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file= --ignore-missing-imports --follow-imports=silent -p dashboards
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m dmsops.procedures.canonical check runbooks notebooks

.PHONY: fix
fix: $(STAMP) ## Repair style and format where a tool can
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: boards
boards: $(STAMP) ## Serve the boards on this machine (PORT=5006, SITE=rehearsal/site)
	@$(BIN)/python -m dashboards.serve --site $(SITE) --port $(PORT)

.PHONY: lab
lab: $(STAMP) ## Open JupyterLab on this machine, with the runbooks and notebooks
	@export DMSOPS_SITE=$(abspath $(SITE))
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1

.PHONY: notebooks
notebooks: $(STAMP) ## Execute runbooks and notebooks on the frozen site and rewrite them in canonical form
	@$(frozen_site)
	$(BIN)/python -m dmsops.procedures.canonical build runbooks notebooks
	$(compare_books)

.PHONY: docs
docs: $(STAMP) ## Build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/sphinx-build -q -b html -W --keep-going docs docs/_build/html
	echo "docs/_build/html/index.html"

.PHONY: bench
bench: $(STAMP) ## Measure speed and size; writes bench.json
	@$(BIN)/python -m tests.bench

.PHONY: peers
peers: .venv-peers/.installed ## Install the workflow engines that `make bench` compares with into .venv-peers

.venv-peers/.installed: tests/bench/peers/requirements.txt
	@$(find_python)
	"$$found" -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install -qq -r $<
	touch $@

.PHONY: requirements
requirements: $(STAMP) ## Pin every package again from pyproject.toml (UPGRADE=1: the newest)
	@$(BIN)/uv pip compile pyproject.toml --extra desk --extra dev --extra docs --extra htcondor --extra postgresql --extra s3 --universal --python-version 3.12 \
	  --no-emit-index-url --no-annotate --no-header -q $(if $(UPGRADE),--upgrade) -o requirements.txt

.PHONY: clean
clean: ## Remove caches and built documentation; .venv and the rehearsal site stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache docs/_build docs/reference/generated bench.json
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
