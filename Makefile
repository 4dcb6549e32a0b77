# Each target sets up what it needs in .venv by itself (tools/setup.sh) and does nothing twice.
#   make demo [ARGS=--smoke]      virtual homes and a staff server on this machine
#   make test [ARGS="-k mat"]     the tests, on every core (ARGS=-n0: one after the other)
#   make test ARGS=--quick        what is quick of them, for work in hand
#   make check                    lint, types, import rules, generated pages and texts up to date
#   make docs | make texts        write the generated pages; take new texts into the catalogues
#   make golden                   write down what this version writes (tests/golden)
#   make bench [ARGS=--json]      our numbers beside a plain reference
#   make deb [ARGS=--help]        Debian packages of both programs, in build/deb
#   make deb-proof                their life in a clean Debian (root, mmdebstrap, lintian)
#   make image                    a card for a home's Pi, in build/image (root; docs/image.md)
#   make image-proof              the card starts in QEMU, and is what that page says
#   make deb-scene                a server and a home of their packages alone, booted (root, mmdebstrap)
#   make mutate ARGS=access       changes a room's lines and names those that no test notices
#   make sbom                     bills of materials of this version, into build/sbom (CycloneDX)
#   make load [ARGS="--homes 1000"]  a town of simulated homes against the real server
#   make format                   what ruff can put in order by itself
#   make lock                     the packages anew, with versions and hashes, into requirements
#   make clean                    away with .venv, build and what was kept for speed
# PYTHON=python3.12 chooses another Python; APT=no never installs a Debian package.

.PHONY: help demo test check bench load deb deb-proof deb-scene image image-proof mutate docs texts golden sbom format lock clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

export PYTHON APT
PY := .venv/bin/python
SETUP := @sh tools/setup.sh

help:
	@sed -n 's/^#   //p' Makefile

demo:
	$(SETUP) demo
	@.venv/bin/tryggve demo $(ARGS)

test:
	$(SETUP) test chromium postgresql
	@$(PY) -m pytest -n auto $(ARGS)

check:
	$(SETUP) test
	@sh tools/check.sh

bench:
	$(SETUP) test gcc postgresql
	@$(PY) -m tests.bench $(ARGS)

mutate:
	$(SETUP) mutate
	@$(PY) tools/mutate.py $(ARGS)

load:
	$(SETUP) test postgresql
	@$(PY) -m tests.load $(ARGS)

docs:
	$(SETUP) test
	@$(PY) -m gateway.docs --write

texts:
	$(SETUP) test
	@$(PY) -m web.staff.cli.catalogue --write

golden:
	$(SETUP) test
	@$(PY) -m tests.golden --write

sbom:
	$(SETUP) test
	@$(PY) tools/sbom.py $(ARGS)

format:
	$(SETUP) test
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

deb:
	$(SETUP) test
	@$(PY) -m tools.deb $(ARGS)

deb-proof:
	$(SETUP) test mmdebstrap lintian
	@$(PY) -m tools.deb.proof $(ARGS)

image:
	$(SETUP) test mmdebstrap mtools qemu-user-static
	@$(PY) -m tools.image $(ARGS)

image-proof:
	$(SETUP) test mtools qemu-system-arm qemu-system-x86
	@$(PY) -m tools.image.proof $(ARGS)

deb-scene:
	$(SETUP) test mmdebstrap
	@$(PY) -m tools.deb.scene $(ARGS)

lock:
	@sh tools/lock.sh

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
