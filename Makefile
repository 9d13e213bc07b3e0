# make demo | test | test-long | test-gpu (needs a CUDA GPU) | test-slurm (as root) | test-browser
#      test-openmmlab | lint | env | lock | clean
#
# PYTHON=/path/to/python   interpreter for the environment (default: a fitting python3)
# PIP_ARGS="..."           for pip install, e.g. torch without CUDA:
#                          PIP_ARGS="--extra-index-url <index of CPU wheels>"
# DEMO_ARGS="..."          for tools/demo.py
# TESTS=tests/test_x WORKERS=4   which tests, in how many processes

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.mmdepthseg-stamp
TESTS ?= tests
WORKERS ?= 2
# Spinning OpenMP threads make a busy machine several times slower.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help env demo test test-openmmlab test-long test-gpu test-slurm test-browser lint lock clean

help:
	@sed -n '1,9s/^# \{0,1\}//p' Makefile

env: $(STAMP)

$(STAMP): setup.cfg pyproject.toml requirements/constraints.txt requirements/create_env.sh
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" sh requirements/create_env.sh $(VENV) $(STAMP)

demo: $(STAMP)
	@$(PY) tools/demo.py $(DEMO_ARGS)

test: $(STAMP)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(WORKERS) -m "not gpu and not slurm and not browser and not long" $(PYTEST_ARGS) $(TESTS)

# The suite on OpenMMLab's originals, in an environment of its own.
ORIGINALS := .venv-openmmlab
test-openmmlab: $(ORIGINALS)/.mmdepthseg-stamp
	@OMP_NUM_THREADS=1 $(ORIGINALS)/bin/python -m pytest -q -n $(WORKERS) -m "not gpu and not slurm and not browser and not long" $(PYTEST_ARGS) $(TESTS)

$(ORIGINALS)/.mmdepthseg-stamp: setup.cfg pyproject.toml requirements/constraints.txt requirements/create_env.sh
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" sh requirements/create_env.sh $(ORIGINALS) $@ openmmlab

# Real trainings of each stage, and all that writes, killed at random moments.
test-long: $(STAMP)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -m long $(PYTEST_ARGS) tests/test_tools

# What a CUDA GPU must do as the CPU does; the tests above hide it.
test-gpu: $(STAMP)
	@OMP_NUM_THREADS=1 MMDEPTHSEG_TEST_GPU=1 $(PY) -m pytest -q -m gpu $(PYTEST_ARGS) $(TESTS)

# Tables as jobs of a Slurm of one node, this one; needs slurm-wlm and munge of Debian.
test-slurm: $(STAMP)
	@OMP_NUM_THREADS=1 tests/helpers/slurm_node.sh $(PY) -m pytest -q -m slurm $(PYTEST_ARGS) $(TESTS)

# The page of a selection in a real browser (Debian: apt-get install chromium).
test-browser: $(STAMP)
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q $(PYTEST_ARGS) tests/test_selection/test_page/test_browser.py

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

# After a change of the extras: write down what is installed now.
lock: $(STAMP)
	@sh requirements/write_lock.sh $(PY) requirements/constraints.txt

clean:
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
