# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Needs make, git and python3 (3.11 or later, with venv). Everything else is installed into the checkout.
RUN := tests/tools/run
ARGS ?=
ANSIBLE_TEST_ARGS ?=
PYTEST_ARGS ?=

.PHONY: help venv demo test browser bench chaos lint sanity unit integration matrix docs changelog build release pins clean

help:  ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## Roll the credentials of a small fleet, and watch; ARGS=-vvv shows what Ansible does
	@tests/tools/venv .venv-demo requirements/demo.txt
	@VENV=.venv-demo $(RUN) python -m tests.demo $(ARGS)

test: venv  ## Everything below, side by side; pytest's verdict is the last line
	@$(RUN) python -m tests.tools.all

browser:  ## Look at the audit's report in a real browser, and use it
	@tests/tools/browser $(PYTEST_ARGS)

bench: venv  ## Measure it beside what people would use instead, for docs/performance.md (half an hour alone on the machine)
	@$(RUN) python -m tests.bench $(ARGS)

chaos: venv  ## Roll racks under faults (under half an hour); ARGS="--replay 42:17" plays one case again
	@$(RUN) python -m tests.chaos $(ARGS)

lint: venv  ## ruff, mypy, shellcheck, yamllint, antsibull-changelog, ansible-lint
	@$(RUN) tests/tools/lint

sanity: venv  ## ansible-test sanity: every test that needs no container
	@$(RUN) python -m tests.tools.sanity $(ANSIBLE_TEST_ARGS)

unit: venv  ## Unit tests; PYTEST_ARGS="-k word" picks some
	@$(RUN) python -m pytest -n 2 --maxschedchunk 1 tests/unit $(PYTEST_ARGS)

integration: venv  ## ansible-playbook against the stand-in
	@$(RUN) python -m pytest -n 2 --maxschedchunk 1 tests/integration $(PYTEST_ARGS)

matrix: venv  ## Both with each ansible-core and the Pythons found here (hours); ARGS=--list shows which
	@$(RUN) python -m tests.tools.matrix $(ARGS) -- $(PYTEST_ARGS)

docs:  ## Lint the documentation, and build the site of it with the reference of modules, plugins and roles
	@tests/tools/venv .venv-docs requirements/docs.txt
	@VENV=.venv-docs $(RUN) python -m tests.tools.docs

venv:  ## .venv from requirements/test.txt, made anew only when that changed
	@tests/tools/venv .venv requirements/test.txt

changelog: venv  ## Turn the fragments into the release that galaxy.yml names
	@$(RUN) antsibull-changelog release

build: venv  ## The artifact for Galaxy
	@$(RUN) ansible-galaxy collection build --force

release: build  ## Hold the artifact to all that a release must be, and upload nothing; ARGS="--tag v1.2.3" for one that is due
	@tests/tools/venv .venv-release requirements/release.txt
	@$(RUN) python -m tests.tools.release $(ARGS)

pins: venv  ## requirements/*.txt anew from requirements/*.in
	@$(RUN) python -m tests.tools.pin
	@$(RUN) python -m tests.tools.matrix_pins

clean:  ## Remove everything that the above made
	rm -rf .venv .venv-browser .venv-demo .venv-docs .venv-release .cache .demo .hypothesis .ansible collections htmlcov tests/output
	rm -f changelogs/.plugin-cache.yaml convox-credentials-*.tar.gz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
