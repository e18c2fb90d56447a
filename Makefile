# Everything needs Python 3.11 or later with pip and venv (Debian: apt-get install python3-venv);
# `make test` also needs Node, a Redis server, which the tests start themselves, and two browsers (Debian: apt-get install nodejs npm
# redis-server chromium firefox-esr); `make demo-web` needs Node.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# pytest rewrites the asserts of test modules, so they hold under -O too; those of helpers vanish, which is what it warns of.
# tests/architecture/test_optimised.py keeps helpers free of assert, and sees a test fail that must fail.
OPTIMISED := -W "ignore:assertions not in test modules:pytest.PytestConfigWarning"

.NOTPARALLEL:
.PHONY: demo demo-web test lint docs coverage optimised endurance crowd fuzz clean

demo: $(VENV)/made
	$(BIN)/mtproto-bind demo

# The page of docs/demo on loopback, beside a server and a vault of its own. Open the address that it prints.
demo-web: build/browser/made
	$(BIN)/python docs/demo/demo_web.py

test: lint coverage optimised

lint: $(VENV)/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The whole suite; every branch of the core must be taken.
coverage: $(VENV)/made $(VENV)/node build/browser/made
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --include="src/*" --fail-under=100 --format=total

# The whole suite once more without assert statements, in subprocesses too. What runs in browsers hears nothing of that.
optimised: $(VENV)/made $(VENV)/node
	PYTHONOPTIMIZE=1 $(BIN)/python -m pytest $(OPTIMISED) --ignore=tests/browser

# A simulated week of faults, and two minutes of TCP streams that are killed: a few minutes in all.
endurance: $(VENV)/made
	$(BIN)/python tests/kit/endurance.py week
	$(BIN)/python tests/kit/endurance.py tcp

# 500 clients at once against one anyio server, on either event loop: what it takes of time and memory.
crowd: $(VENV)/made
	$(BIN)/python tests/kit/crowd.py 500 asyncio
	$(BIN)/python tests/kit/crowd.py 500 trio

# Every decoder, both machines and the session, for SECONDS in all; what is found is kept in fuzz/corpus. Coverage guided where
# atheris has a wheel for this Python; else Hypothesis takes the time.
SECONDS ?= 60
fuzz: $(VENV)/made
	-$(BIN)/python -m pip install --quiet --only-binary :all: atheris
	nice -n 15 $(BIN)/python fuzz/run_atheris.py --seconds $(SECONDS)

# The generated pages of docs/reference.
docs: $(VENV)/made
	$(BIN)/python docs/generate.py
	$(BIN)/python tests/kit/drawing.py

$(VENV)/made: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group test --group lint --group interop
	touch $@

# The real clients of tests/interop that are in JavaScript. Where Node is missing those tests fail, and say what to install.
$(VENV)/node: $(VENV)/made $(wildcard tests/interop/package.json tests/interop/package-lock.json)
	if test -f tests/interop/package.json && command -v npm >/dev/null; \
	then npm ci --prefix tests/interop --ignore-scripts --no-audit --no-fund && touch $@; fi

# Python in WebAssembly, and wheels for it: pip finds those by the name of that platform. Where Node is missing, tests say so.
build/browser/made: $(VENV)/made $(wildcard tests/browser/package.json tests/browser/package-lock.json tests/browser/wheels.txt)
	if command -v npm >/dev/null; then npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund; fi
	$(BIN)/python -m pip download --quiet --dest build/browser/wheels --requirement tests/browser/wheels.txt --only-binary=:all: \
	  --platform pyemscripten_2026_0_wasm32 --platform any --python-version 314 --implementation cp --abi cp314 --abi none
	touch $@

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist tests/interop/node_modules tests/browser/node_modules
