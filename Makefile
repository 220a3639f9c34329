# `make demo` and `make test` each do all the set-up. Nothing is fetched but packages.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := reports/demo

.PHONY: demo test check calibrate bench gallery clean

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

demo: $(VENV)/.ready
	rm -rf $(DEMO)
	$(BIN)/gancheck prove --out $(DEMO)/theory
	$(BIN)/gancheck train ring8 --out $(DEMO)/ring8
	$(BIN)/gancheck diagnose $(DEMO)/ring8 || test $$? -eq 1
	@echo
	@echo "The theory page:  $(CURDIR)/$(DEMO)/theory/theory.html"
	@echo "The report:       $(CURDIR)/$(DEMO)/ring8/report.html"
	@echo "A failing finding in the report is an answer about the game, not an error of the demo."

test: check
	$(BIN)/pytest -n 2

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright --warnings

calibrate: $(VENV)/.ready
	HYPOTHESIS_PROFILE=deep $(BIN)/pytest --calibrate

bench: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	@# BackPACK asks for torchvision, whose wheel is built for CUDA, and runs without it.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		curvlinops-for-pytorch==3.0.1 backpack-for-pytorch==1.7.1
	$(BIN)/python benchmarks/first_journey.py
	$(BIN)/python benchmarks/bench_support.py
	$(BIN)/python benchmarks/bench_audit.py
	$(BIN)/python benchmarks/bench_spectrum.py
	$(BIN)/python benchmarks/bench_dynamics.py
	$(BIN)/python benchmarks/bench_training.py
	$(BIN)/python benchmarks/bench_gpu.py

# About an hour of one core the first time; finished runs are kept in reports/runs.
gallery: $(VENV)/.ready
	$(BIN)/python -m experiments.least_squares_codes
	$(BIN)/python -m experiments.cost_of_curvature
	$(BIN)/python -m experiments.one_generator_or_many
	$(BIN)/python -m experiments.rotation
	$(BIN)/python -m experiments.saturation
	$(BIN)/python -m experiments.stability
	$(BIN)/python -m experiments.distance
	$(BIN)/python -m experiments.critic_slope
	$(BIN)/python -m experiments.true_ratio
	$(BIN)/python -m experiments.gap
	$(BIN)/python -m experiments.mode_collapse
	$(BIN)/python -m experiments.fashion

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
