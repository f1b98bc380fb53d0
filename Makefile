# Two targets are enough on a fresh clone: `make demo` and `make test`. Both install what they need.
PYTHON ?= python3
BIN := .venv/bin
# What is installed: all of it, or what `make demo` needs.
INSTALLED := .venv/.installed
FOR_DEMO := .venv/.installed-demo

# A container may tell Python to keep no bytecode; every process of the tests would then compile each library anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo app test test-slow check bench learning architectures crawl pictures format clean reference-counts reference-abstracts

# Trends, a probe, advice and a pilot, as `posttrain demo` shows them; each step says how long it takes.
demo: $(FOR_DEMO)
	@$(BIN)/posttrain demo

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

# Every causal language model of transformers, tiny, decoded and trained: docs/architectures.md. Half an hour on two cores.
architectures: $(INSTALLED)
	$(BIN)/python -m tests.reference_impls.architectures --trials tests/reference_impls/golden/architectures.jsonl

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

# .ci/install.py installs with uv, or pip; constraints.txt pins torch to the CPU-sized build that CI ran.
$(INSTALLED): pyproject.toml constraints.txt
	@echo "environment: .venv with every package of development (about a minute, most of it downloads)"
	@$(PYTHON) .ci/install.py train app dev
	@touch $(FOR_DEMO) $@

$(FOR_DEMO): pyproject.toml constraints.txt
	@echo "environment: .venv with what a pilot needs, torch for the CPU among it (half a minute, most of it downloads)"
	@$(PYTHON) .ci/install.py train
	@touch $@

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The committed counts and labels of real papers, and what the labels are worth, made by the chain itself. CORPORA is a folder of papers (data/README.md).
CORPORA ?= ../shared/corpora
reference-counts: $(INSTALLED)
	rm -rf data/reference-build
	$(BIN)/survey ingest --data data/reference-build $(CORPORA)/papers/A_fulltext $(CORPORA)/arxiv_md_2025.parquet $(CORPORA)/arxiv_fulltext_2023_2024.parquet
	$(BIN)/survey extract --data data/reference-build
	$(BIN)/survey annotate train --data data/reference-build --out data/reference
	$(BIN)/survey label --data data/reference-build --export data/reference/mentions.parquet
	$(BIN)/python -m survey.trends.methods_by_domain > data/reference/prevalence.csv
	rm -rf data/reference-build

# The committed counts, names and facts on abstracts (data/README.md): four minutes, most of them for the names.
reference-abstracts: $(INSTALLED)
	rm -rf data/reference-build
	$(BIN)/survey ingest --data data/reference-build $(CORPORA)/arxiv_abstracts_2022_2025.parquet
	$(BIN)/python -m survey.bundled.counts data/reference-build data/reference/abstracts
	rm -rf data/reference-build
	$(BIN)/python -m survey.bundled.facts $(CORPORA)/arxiv_abstracts_2022_2025.parquet $(CORPORA)/arxiv_md_2025.parquet --out data/reference
