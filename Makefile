# Ratchet: every way to build, run and check it. `make help` lists them; CI calls exactly these.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The GPU set where an NVIDIA GPU answers, the CPU set elsewhere; `make run DEVICE=cpu` decides by hand.
DEVICE ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
TORCH_INDEX := https://download.pytorch.org/whl/cpu
MINUTES ?= 60

# Settings given on make's command line reach the service: make run RATCHET_BASE_MODEL=Qwen/Qwen3-0.6B
export RATCHET_HOME RATCHET_PORT RATCHET_HOST RATCHET_DATABASE_URL RATCHET_ENGINE_URL RATCHET_BASE_MODEL \
	RATCHET_OPERATOR_TOKEN RATCHET_SCHEDULE RATCHET_WEB_URL

.DEFAULT_GOAL := help
.PHONY: help run test test-all check fix bench demo-model system clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run-$(DEVICE) ## set everything up and start the service on http://127.0.0.1:7860
	@exec $(BIN)/ratchet up

test: $(VENV)/.dev-$(DEVICE) ## all tests that need no GPU and no long time (one tier: make test TIER=unit)
	@$(BIN)/python -m pytest tests/$(TIER) $(if $(filter unit,$(TIER)),-n 2 --dist worksteal) -m "not slow and not gpu"

test-all: $(VENV)/.dev-$(DEVICE) ## the slow tier too
	@$(BIN)/python -m pytest tests

check: $(VENV)/.dev-$(DEVICE) ## lint, format, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_architecture.py

fix: $(VENV)/.dev-$(DEVICE) ## format, and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev-$(DEVICE) ## the benchmarks; results go to benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

demo-model: $(VENV)/.run-$(DEVICE) ## train the demo's base model from nothing (MINUTES=60 on two cores)
	@$(BIN)/python -m demo.train_model --minutes $(MINUTES) --out demo/model
	@$(BIN)/python -m demo.evaluate_model demo/model

system: ## Debian packages: Tesseract, which reads scans; Chromium, a Korean font and PostgreSQL, for tests
	@command -v apt-get >/dev/null || { echo "make system knows Debian and Ubuntu only; install Tesseract (kor, eng), Chromium, a Korean font and PostgreSQL yourself."; exit 1; }
	@sudo=$$( [ "$$(id -u)" = 0 ] || echo sudo ); \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		tesseract-ocr tesseract-ocr-kor chromium fonts-noto-cjk postgresql >/dev/null && \
		echo "Tesseract, Chromium, a Korean font and PostgreSQL are installed."

clean: ## remove the environment and caches (never data/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -type d -not -path './data/*' -prune -exec rm -rf {} +

# --- installing -------------------------------------------------------------------------------------------------------
# --no-deps: the files pin everything, and two packages name others that text does not need (requirements/cpu.txt says which).
# awk turns pip's hundreds of lines into one line that moves.
COUNT = awk -v total=$$(grep -c == $(1)) '/^Collecting/{n++; printf "\r  fetching %d of %d packages   ", n, total; fflush()} \
	/^Installing/{printf "\n  unpacking, about a minute ...\n"; fflush()} /^ERROR|error:/{print}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Ratchet needs Python 3.11 to 3.13, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module: on Debian, apt-get install python3-venv"; exit 1; }

$(VENV)/.run-cpu: requirements/cpu.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the CPU environment (about 4 GB, a few minutes the first time)"
	@echo "  PyTorch, CPU build"
	@$(BIN)/pip install -q --no-deps --retries 0 --timeout 15 --extra-index-url $(TORCH_INDEX) $$(grep '^torch==' $<) 2>&1 | grep -v ^WARNING || true
	@set -o pipefail; $(BIN)/pip install --no-deps --progress-bar off -r $< 2>&1 | $(call COUNT,$<) || \
		{ echo "Installing failed. Is the package index reachable? Run it again: what was fetched is kept."; exit 1; }
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e . && touch $@

$(VENV)/.run-gpu: requirements/gpu.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the GPU environment (about 12 GB)"
	@set -o pipefail; $(BIN)/pip install --no-deps --progress-bar off -r $< 2>&1 | $(call COUNT,$<) || \
		{ echo "Installing failed. Is the package index reachable? Run it again: what was fetched is kept."; exit 1; }
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e . && touch $@

$(VENV)/.dev-$(DEVICE): requirements/dev.txt $(VENV)/.run-$(DEVICE)
	@$(BIN)/pip install -q --no-deps -r $< && touch $@

SHELL := /bin/bash
