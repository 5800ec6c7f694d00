# `make up` builds and verifies the data layer, `make test` proves the program; both from a fresh clone.
# Everything lands in .venv, ./deployment and the runtime's folder; see `make help`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

DEPLOYMENT ?= deployment
PYTEST_ARGS ?=
UPGRADE ?=
BIN := .venv/bin
RFDATA := $(BIN)/rfdata

# A name on PATH may be a shim for a version that isn't there, so each is asked. .venv comes first:
# it is the same interpreter, found without searching.
CANDIDATES := .venv/bin/python python3.13 python3.12 python3.11 python3 python
ASK := import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)
PYTHON ?= $(shell for name in $(CANDIDATES); do \
	"$$name" -I -S -c '$(ASK)' 2>/dev/null && break; done)

define bootstrap
	@test -n '$(PYTHON)' || { echo 'rfdata needs Python 3.11 or newer, and PATH has none' \
	  '(Debian, Ubuntu: apt-get install python3 python3-venv; or make PYTHON=/path/to/python3)' >&2; exit 2; }
	@"$(PYTHON)" -I -S scripts/bootstrap.py $(1)
endef

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-14s %s\n", $$1, $$2 }'

.PHONY: ready
ready: # what `rfdata` needs to run
	$(call bootstrap)

.PHONY: dev
dev: # the same with what tests and checks need
	$(call bootstrap,--dev)

.PHONY: up
up: ready ## install what is missing, bring the layer up in ./deployment, verify, report
	@$(RFDATA) runtime install
	@test -e '$(DEPLOYMENT)/rfdata.toml' || $(RFDATA) -C '$(DEPLOYMENT)' init --profile prod --target native
	@$(RFDATA) -C '$(DEPLOYMENT)' up --yes

.PHONY: down
down: ready ## stop the layer; its data stays
	@$(RFDATA) -C '$(DEPLOYMENT)' down --yes

.PHONY: check
check: dev ## format, lint, strict types, generated docs current
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/generate_docs.py --check

.PHONY: docs
docs: dev ## write the generated docs anew
	@$(RFDATA) runtime install
	@$(BIN)/python scripts/generate_docs.py
	@$(BIN)/python scripts/generate_schema_docs.py

.PHONY: test
test: dev ## every test, on real servers
	@$(RFDATA) runtime install
	@$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

.PHONY: bench
bench: dev ## the ratios of docs/benchmarks.md, measured on this machine
	@$(RFDATA) runtime install
	@$(BIN)/python -m benchmarks

.PHONY: lock
lock: dev ## write requirements/*.lock anew (UPGRADE=--upgrade takes newer versions)
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(BIN)/python -m venv "$$tools" && "$$tools/bin/python" -m pip install -q uv && \
	compile() { "$$tools/bin/uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(UPGRADE) "$$@"; } && \
	compile --extra build pyproject.toml -o requirements/run.lock && \
	compile --extra dev -c requirements/run.lock pyproject.toml -o requirements/dev.lock

.PHONY: clean
clean: ## remove what make built here; deployments and the runtime stay
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
