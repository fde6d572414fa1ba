# Everything is set up on first use: Python 3.11+ and make are enough.

PYTHON ?= python3
PY = .venv/bin/python

# What make test runs of the faults; make faults runs them all, many times over.
FAULTS_IN_SHORT = tests/launcher/test_group.py \
  "tests/faults/test_kill.py::test_kill_9_at_random_moments_loses_nothing_and_doubles_nothing[postgresql]" \
  "tests/faults/test_redis.py::test_redis_killed_and_started_again[sqlite]"

.PHONY: help run test test-all faults bench lint format docs texts lock setup setup-dev setup-doubles clean python

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Set up what is missing and serve http://127.0.0.1:8000 (another port: make run PORT=8001)
	@exec $(PY) -m flowapp.launcher

test: setup-dev lint ## Set up what is missing and run every check and every test, faults in a short form
	$(PY) -m pytest -n 2 --dist loadgroup -m "not e2e and not faults and not doubles"
	$(PY) -m pytest -n 2 --dist worksteal -m e2e
	$(PY) -m pytest -m faults $(FAULTS_IN_SHORT)

test-all: setup-doubles lint ## The full matrix: every test on SQLite and on PostgreSQL, heavy doubles, all faults in full form
	FLOWAPP_TEST_DATABASES=both $(PY) -m pytest -n 2 --dist loadgroup -m "not e2e and not faults"
	$(PY) -m pytest -n 2 --dist worksteal -m e2e
	@$(MAKE) faults

faults: setup-dev ## Kill, freeze, fill and restart everything in full form, print a table, write it to bench/results/
	FLOWAPP_FAULTS=full $(PY) -m pytest -m faults
	FLOWAPP_FAULTS=full $(PY) -m pytest tests/engine/machine/test_state_model.py tests/engine/store/test_journal_machine.py

bench: setup-dev ## Measure, print a table, write JSON to bench/results/
	@$(PY) scripts/servers.py
	@exec $(PY) -m bench

lint: setup-dev ## Run the linters and the type checker
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/yamllint --strict .
	@$(PY) -m pip --disable-pip-version-check check

format: setup-dev ## Format the code and mend what the linter can mend
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

docs: setup-dev ## Make docs/steps.md and the README's table of settings from the declarations
	@$(PY) scripts/make_docs.py

texts: setup-dev ## Bring the French catalogue up to date with the texts in the code; new ones stand empty in it
	.venv/bin/pybabel --quiet extract -F babel.cfg -k N_ -k say -k _l -k lazy_gettext --no-location --omit-header -o .venv/messages.pot .
	.venv/bin/pybabel --quiet update -i .venv/messages.pot -d flowapp/translations -w 100 --no-fuzzy-matching --ignore-obsolete

lock: setup-dev ## Pin requirements/*.in anew, with hashes
	$(PY) -m pip install --quiet uv
	for name in app dev node; do \
	  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

setup: python
	@$(PYTHON) scripts/setup.py app

setup-dev: python
	@$(PYTHON) scripts/setup.py dev
	@$(PYTHON) scripts/servers.py

setup-doubles: setup-dev
	@$(PYTHON) scripts/setup.py doubles
	@$(PY) scripts/servers.py all

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'Flowapp needs Python 3.11 or newer, which $(PYTHON) is not; name it: make PYTHON=python3.11 $(MAKECMDGOALS)' >&2; \
	  exit 1; }

clean: ## Remove what was installed and built (the data in var/ stays)
	rm -rf .venv node_modules static/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
