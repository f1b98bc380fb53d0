# Two targets are enough on a fresh clone: `make demo` and `make test`. Both install what they need.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo app test test-slow check bench learning crawl pictures format clean reference-counts

DEMO := data/demo

demo: $(INSTALLED) $(DEMO)/plan.json
	@$(BIN)/survey report
	@echo
	@$(BIN)/advisor ask --no-input --traits $(DEMO)/traits.json --set prompting=tried --set evaluation=yes
	@echo
	@$(BIN)/advisor pilot $(DEMO)/plan.json --out $(DEMO)/pilot --resume --at-once 2

# What the pilot of the demo starts from: measured and planned once.
$(DEMO)/plan.json: | $(INSTALLED)
	@mkdir -p $(DEMO)
	@echo "measuring the starter policy, then a pilot of about a minute; the next time both are read from $(DEMO)"
	@$(BIN)/advisor probe --model starter --data task:addition --prompts 50 --out $(DEMO)/traits.json > $(DEMO)/probe.txt
	@$(BIN)/advisor ask --no-input --traits $(DEMO)/traits.json --set prompting=tried --set evaluation=yes \
		--out $(DEMO)/advice.json > $(DEMO)/advice.txt
	@$(BIN)/advisor plan $(DEMO)/advice.json --budget 30k-tokens --set eval_size=100 --out $@ > $(DEMO)/plan.txt

# Trends, advice and pilots in the browser, for this machine alone: http://127.0.0.1:8501. ARGS="-- --allow-verifiers"
# lets a pilot name a verifier of your own.
app: $(INSTALLED)
	@$(BIN)/python -m streamlit run app.py $(ARGS)

# The quick tests, on two cores; a file's tests stay together.
test: $(INSTALLED)
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile

# The rest: pilots, crawls that are killed, twenty windows before the app.
test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory test test-slow

bench: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks.run
	$(BIN)/python -m tests.benchmarks.training
	$(BIN)/python -m tests.benchmarks.app

# What each technique learns from the starter at equal work; about an hour on two cores. docs/learning.md keeps its table.
learning: $(INSTALLED)
	$(BIN)/python -m tests.benchmarks.learning

# The crawl at its real size against a server that misbehaves; hours, not minutes. docs/harvest.md keeps its table.
crawl: $(INSTALLED)
	POSTTRAIN_KILLS=40 $(BIN)/python -m pytest -rP -m slow tests/survey/test_killed.py
	$(BIN)/python -m tests.crawl_at_scale

# The app's pictures in docs/images, taken of the app itself by Chromium, with a pilot that is run once.
pictures: $(INSTALLED)
	$(BIN)/python -m tests.pictures data/pictures

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# constraints.txt pins torch to the CPU-sized build that CI ran; an unpinned torch pulls gigabytes of GPU packages;
# it is installed first, so that nothing else chooses it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "posttrain needs Python 3.11 or newer, found " + sys.version.split()[0] + "; try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv; the first time this takes about two minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,app,dev]'
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The committed counts and labels of real papers, and what the labels are worth, made by the chain itself. CORPORA is a folder of papers (data/README.md).
CORPORA ?= ../shared/corpora
reference-counts: $(INSTALLED)
	rm -rf data/reference-build
	$(BIN)/survey ingest --data data/reference-build $(CORPORA)/papers/A_fulltext $(CORPORA)/arxiv_md_2025.parquet
	$(BIN)/survey extract --data data/reference-build
	$(BIN)/survey annotate train --data data/reference-build --out data/reference
	$(BIN)/survey label --data data/reference-build --export data/reference/mentions.parquet
	$(BIN)/python -m survey.prevalence > data/reference/prevalence.csv
	rm -rf data/reference-build
