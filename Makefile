# Set-up and the main jobs. A fresh machine needs git, make and python3 (3.11 or newer, with venv).
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: setup demo test check proof benchmark clean

setup: $(READY)

# The lock file pins every package with its hash; the project itself is installed without asking any index.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $@"; exit 1; }
	$(PYTHON) -m venv .venv || { echo "python3-venv is missing (Debian: apt install python3-venv)"; exit 1; }
	$(BIN)/pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $(READY)

demo: $(READY)
	$(BIN)/archive-pipeline demo demo

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not proof"

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/contracts

proof: $(READY)
	$(BIN)/python -m pytest -q -m proof --timeout=7200

benchmark: $(READY)
	$(BIN)/python scripts/benchmark_start.py

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
