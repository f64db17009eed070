# What a person does here. `make help` lists it. Needs make and a Python from 3.11 to 3.13, nothing else;
# only `make lock` needs uv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test quick endurance made made-check ui bench bench-read bench-tasks compare readers pages pictures sample docs docs-serve catalogue lint lock matrix clean

# The Python to make .venv with. Empty: the first of these that runs and fits.
PYTHON ?=
CANDIDATES = python3.11 python3.12 python3.13 python3 python
FITS = import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))

UV ?= uv
PORT ?= 3000
# `make compare BASE=main`
BASE ?= main
# `make test ARGS="-k qc"`
ARGS ?=

BIN := .venv/bin
# Absolute, as Dagster wants it. `make run` writes the history here and `make ui` shows it.
HOME_OF_DAGSTER := $(CURDIR)/.dagster

# What is set for whoever calls make would otherwise change what runs here. Without compiled files each
# process that a test starts compiles all that it imports: .venv was made without them.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@sed -n 's/^\([.a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r what does; do \
	  printf '%-17s %s\n' "$$what" "$$does"; done

# $(call environment,FOLDER): a new environment with the first Python that fits, without packages.
define environment
@python=''; \
for each in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
  if "$$each" -c '$(FITS)' 2>/dev/null; then python=$$each; break; fi; \
done; \
if [ -z "$$python" ]; then \
  echo 'make: Python 3.11, 3.12 or 3.13 is needed; none of these is one: $(if $(PYTHON),$(PYTHON),$(CANDIDATES))' >&2; \
  for each in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
    "$$each" -c 'import sys; print("make:  ", sys.executable, sys.version.split()[0])' >&2 2>/dev/null; \
  done; \
  echo 'make: install one, or name it: make PYTHON=path/to/python3.11' >&2; exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "make: $$python has no venv or ensurepip; on Debian and Ubuntu: apt-get install python3.11-venv (the number as yours)" >&2; exit 1; \
fi; \
echo "make: $(1) with $$("$$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"; \
rm -rf $(1) && "$$python" -m venv $(1)
endef

# Two stamps: a changed lock makes the environment anew, so that nothing stays in it that is no longer
# locked; a changed pyproject.toml only installs the project again. The lock is whole, hence --no-deps
# (in hash mode pip 23 refuses `gql[requests]` beside the pinned `gql`); `pip check` holds it to that.
# Python compiles what it imports, pip would compile everything: 120 s without that, 178 s with it.
.venv: .venv/project ## make the environment from constraints.txt

.venv/locked: constraints.txt
	$(call environment,.venv)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --only-binary :all: --no-deps --no-compile --require-hashes -r constraints.txt
	@touch $@

.venv/project: .venv/locked pyproject.toml
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --no-index -e .
	$(BIN)/python -m pip check
	@touch $@

# The library that the institute's documents are written with wants another pydantic than Dagster's commands.
.venv-made: .venv-made/locked

.venv-made/locked: tests/made/constraints.txt
	$(call environment,.venv-made)
	.venv-made/bin/python -m pip --disable-pip-version-check install --quiet --only-binary :all: --no-deps --no-compile --require-hashes -r tests/made/constraints.txt
	.venv-made/bin/python -m pip check
	@touch $@

.dagster/dagster.yaml: dagster.yaml
	@mkdir -p .dagster
	cp dagster.yaml $@

run: .venv .dagster/dagster.yaml ## build every acorn from the sample into ./data-asset-cache
	DAGSTER_HOME="$(HOME_OF_DAGSTER)" $(BIN)/zs build
	$(BIN)/zs status --store .

test: .venv ## run all tests (ARGS="-k qc" for some)
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

# Three quarters of the tests, an eighth of the work. tests/slow.py says what is slow.
quick: .venv ## run the tests that build nothing and start no server: 45 s on two cores (ARGS as of `make test`)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow" --hypothesis-profile=quick $(ARGS)

# Kills at random moments, sources that change at random, objects lost at random, prunes beside builds, the size
# of a store over sixty nights, kills between the writes of two layouts: an hour and a half. Every run of the
# tests takes a tenth of it, with the same seeds; ARGS="--rounds 500 --seed 7" for others.
endurance: .venv ## what is tried at length, by hand (ARGS="--only kills" for one trial)
	PYTHONPATH=tests $(BIN)/python tests/endurance.py $(ARGS)

# Tests read the documents that are kept, and need neither of the two.
made: .venv-made ## make the documents anew that tests compare values on
	.venv-made/bin/python tests/made/make_documents.py $(ARGS)

made-check: .venv-made ## whether the documents that are kept are those that are made
	.venv-made/bin/python tests/made/make_documents.py --check

# Dagster warns that ./dagster.yaml is not the one it reads: it reads the copy above.
ui: .venv .dagster/dagster.yaml ## Dagster's UI on what `make run` built (PORT=3000)
	ZS_STORE="$${ZS_STORE:-.}" DAGSTER_HOME="$(HOME_OF_DAGSTER)" $(BIN)/dg dev --port $(PORT)

# 2,000 and 20,000 documents, from a dump and from servers. `make bench SIZE=2000 MODE=dump` for a quick look,
# `make bench SIZE=100000` for as many documents as there are; ARGS="--markdown BENCHMARKS.md" keeps them.
bench: .venv ## what a build costs, on made-up documents (SIZE=2000, MODE=dump)
	$(BIN)/python -m bench $(if $(SIZE),--size $(SIZE)) $(if $(MODE),--mode $(MODE)) $(ARGS)

bench-read: .venv ## what six questions cost, beside polars, DuckDB and pyarrow (ARGS="--store FOLDER")
	$(BIN)/python -m bench.reads $(ARGS)

bench-tasks: .venv ## what sixteen tasks of three users cost (ARGS="--size 20000 --successor" asks biodata-cache, too)
	$(BIN)/python -m bench.tasks $(ARGS)

# Of this checkout and another one: `make compare BASE=main`, or BASE="--base FOLDER" for one that lies there.
# ARGS="--speed 5" times five pairs of first builds as well; `-h` in its place lists the rest.
compare: .venv ## whether this checkout builds the same as BASE, byte by byte (BASE=main)
	$(BIN)/python -m bench.checkouts $(BASE) $(ARGS)

# Real readers, each in an environment of its own under a temporary folder, never among the dependencies.
# ARGS="--parts browser" for one of packages, drop-in, duckdb, browser; ARGS=--write puts what was run into docs/readers.md;
# ARGS=--signatures writes the signatures that tests compare zs_client.biodata_cache with.
readers: .venv ## what other programs answer on the cache of the sample: zombie-squirrel, biodata-cache, DuckDB, a browser
	$(BIN)/python -m bench.readers $(ARGS)

# What README.md, docs/values.md and the client's stub tell of the tables.
pages: .venv ## write again what is made from the declarations
	$(BIN)/python -m pages.readme
	$(BIN)/python -m pages.stub
	$(BIN)/python -m pages.schemas

# In Chromium, of the sample. They have the times of their build, so each of them changes: look at what you commit.
pictures: .venv ## make the pictures of the catalogue and of Dagster's UI in docs/ anew (needs Chromium)
	$(BIN)/python -m pages.pictures

# `ZS_STORE=sample`, in the client's wheel. A test fails where it lacks what a build of the sample has.
sample: .venv ## write again the tables that come with the client
	$(BIN)/python -m pages.sample

docs: .venv ## build the site of the pages into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'make: open site/index.html; its search needs a server: make docs-serve'

# A browser lets no page of file:// load the index of the search.
docs-serve: .venv ## the site with its search, on http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

# The page that comes with the pipeline is committed, so that nobody else needs Node.
catalogue: ## bundle the catalogue's page from catalogue/ (needs Node 20 and npm)
	cd catalogue && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs

lint: .venv ## ruff and mypy, and whether the packages are fit to publish
	@rm -rf dist && $(BIN)/python -m hatchling build >/dev/null
	@failed=0; for each in 'ruff check .' 'ruff format --check .' 'mypy' 'twine check --strict dist/*' \
	  'check-wheel-contents dist'; do \
	  echo "$(BIN)/$$each"; $(BIN)/$$each || failed=1; \
	done; exit $$failed

# Each in an environment of its own, under a temporary folder: the tests of the client with the lowest
# libraries, the newest and the locked ones, on every Python that there is here, and the sample built.
# ARGS=--short is the shortest of each, ARGS=--write puts the table into docs/support.md.
matrix: .venv ## run the client and the sample with every Python here, oldest and newest libraries
	$(BIN)/python -m bench.matrix $(ARGS)

# For every supported Python and platform at once. Keeps the pins that still fit: `make lock ARGS=--upgrade`
# takes the newest, `ARGS="--upgrade-package NAME"` one of them.
lock: ## make both constraints.txt anew, from pyproject.toml and of `make made` (needs uv)
	$(UV) pip compile pyproject.toml --no-config --all-extras --group dev --group build --group bench --group docs \
	  --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' --quiet $(ARGS) --output-file constraints.txt
	$(UV) pip compile tests/made/requirements.in --no-config \
	  --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' --quiet $(ARGS) --output-file tests/made/constraints.txt

clean: ## remove what make made, the built tables and Dagster's history with it
	rm -rf .venv .venv-made .dagster data-asset-cache bench-results site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .tmp_dagster_home_*
	find bench pages zs_client zs_pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +
