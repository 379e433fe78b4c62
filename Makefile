# make demo   train a small model with and without augmentation on a bundled data set, and write a report
# make test   the test suite
# make test-long   the long trial: fuzzed files, kills, signals, hostile input; under 40 minutes on two cores
# make lint   ruff and pyright
# make bench  the README's benchmark table (takes a while; wants a quiet machine)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-long lint bench clean

demo: $(VENV)/train.done
	$(BIN)/augfuse train

test: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2

test-long: $(VENV)/dev.done
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/long

lint: $(VENV)/dev.done
	$(BIN)/ruff check src tests benchmarks examples docs/pictures
	$(BIN)/ruff format --check src tests benchmarks examples docs/pictures
	$(BIN)/pyright

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
	rm -rf $(VENV) .numba_cache .pytest_cache .ruff_cache .hypothesis dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
