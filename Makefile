# Needs git, make and python3 (3.11 or newer, with venv); everything else is fetched into .venv.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

# The tests start hundreds of processes: each would compile every library anew.
unexport PYTHONDONTWRITEBYTECODE
# Databases that live as long as a test need no disk, which would take nearly half of the suite's time.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
test: export TMPDIR := $(or $(MEMORY),$(TMPDIR),/tmp)

# What takes longest begins first, so that in the end no worker waits for another.
LONGEST := tests/promises tests/cli tests/api/test_fuzz.py tests/api/test_every_route_and_role.py tests/console

# The other queues are fetched by those who ask for them; nothing is removed, so the checks go on as before.
PEERS := UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv \
	$(BIN)/uv sync --quiet --frozen --all-extras --inexact --group bench --python $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help demo test prove bench-outbox bench-http bench-policy check format screenshots clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## seed a scratch database, start everything and print a sign-in link
	@$(BIN)/flowops demo

test: check  ## check, then every test on SQLite, PostgreSQL and Chromium, and the endpoints' against `flowops up`
	@chromium=$$($(BIN)/python tools/find_chromium.py) && \
		FLOWOPS_CHROMIUM="$$chromium" $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder $(LONGEST) flowops tests
	@$(BIN)/pytest -n 2 tests/api --live -k "not postgresql"

prove: $(READY)  ## the long runs of the promises, with their figures; goes on where it was stopped, PARTS=... chooses
	@$(BIN)/python -m tests.prove $(PARTS)

bench-outbox: $(READY)  ## how fast jobs are delivered, beside other queues and the least that is possible
	@$(PEERS)
	@$(BIN)/python -m benchmarks.outbox $(BENCH)

bench-http: $(READY)  ## how fast cases come in over HTTP, beside the least that is possible
	@$(BIN)/python -m benchmarks.http $(BENCH)

bench-policy: $(READY)  ## what a decision costs, beside a plain function and other engines
	@$(PEERS)
	@$(BIN)/python -m benchmarks.policy $(BENCH)

check: $(READY)  ## format, lint, types and import contracts, without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)  ## rewrite the code the way `check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(READY)  ## take the pictures of the README from the demo
	@$(BIN)/python -m tools.screenshots

clean:  ## remove the environment and every cache
	rm -rf .venv dist .hypothesis .prove .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock tools/bootstrap
	@PYTHON="$(PYTHON)" tools/bootstrap
	@touch $@
