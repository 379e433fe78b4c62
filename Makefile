# make demo   train a small model with and without augmentation on a bundled data set, and write a report
# make test   the test suite without the slow tests: what to run while working
# make test-slow   the slow tests: trained networks, killed processes, every kernel compiled anew
# make test-long   the long trial: fuzzed files, kills, signals, hostile input; under 40 minutes on two cores
# make lint   ruff and pyright
# make format  ruff's formatting and mends, written into the files
# make coverage  the test suite, and which lines it did not reach: htmlcov/index.html
# make dist    the wheel and the sdist in dist/, each tried in an empty environment
# make bench  the README's benchmark table (takes a while; wants a quiet machine)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow test-long lint format coverage dist bench clean

demo: $(VENV)/train.done
	$(BIN)/augfuse train

test: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

test-long: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/long

lint: $(VENV)/dev.done
	$(BIN)/ruff check src tests benchmarks examples docs/pictures
	$(BIN)/ruff format --check src tests benchmarks examples docs/pictures
	$(BIN)/pyright

format: $(VENV)/dev.done
	$(BIN)/ruff check --fix src tests benchmarks examples docs/pictures
	$(BIN)/ruff format src tests benchmarks examples docs/pictures

coverage: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2 --cov=augfuse --cov-report=html --cov-report=term:skip-covered

dist: $(VENV)/dev.done
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python tests/installed.py dist

bench: $(VENV)/bench.done
	$(BIN)/python benchmarks/throughput.py --markdown

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras, so that `make demo` does not install what only the tests need.
$(VENV)/%.done: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

$(VENV)/dev.done: $(VENV)/train.done

clean:
	rm -rf $(VENV) .numba_cache .pytest_cache .ruff_cache .hypothesis dist htmlcov .coverage
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
