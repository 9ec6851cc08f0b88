# SPDX-License-Identifier: Apache-2.0
# The everyday commands. Two of them matter: `make run` and `make test`. CMake does the building.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: help run build install docs test test-fast fuzz tsan perf soak nightly format lint clean setup setup-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: build ## build if needed and start the gateway; ARGS="--config F" are passed on
	@exec build/release/papi serve $(ARGS)

build: setup ## the release program, build/release/papi
	@scripts/build release papi

install: ## program, man pages, completion and service; PREFIX=/usr/local DESTDIR=
	@[ -x build/release/papi ] || $(MAKE) build
	@scripts/install build/release/papi "$(DESTDIR)" "$(PREFIX)"

docs: ## write man pages and the reference anew from the program's tables
	@scripts/build release papi
	@scripts/docs build/release/papi

test: setup-test ## every suite under ASan and UBSan; the last line counts
	@tests/run

test-fast: setup-test ## under two minutes: unit, checks, fuzz seeds, quick API tests
	@tests/run --fast

fuzz: setup-test ## every fuzz target for FUZZ_SECONDS (60) each
	@tests/run --fuzz

tsan: setup-test ## the API suite against a ThreadSanitizer build
	@tests/run --tsan

perf: ## CPU, latency and memory beside nginx in one run
	@scripts/setup --perf
	@scripts/build release papi
	@tests/perf/run

soak: ## twenty minutes of faults, reloads, upgrades and kills under load
	@$(MAKE) build setup-test
	@tests/soak/run

nightly: soak ## the long forms: soak, fuzzing, threads, then docs/reliability.md anew
	@tests/run --fuzz
	@tests/run --tsan
	@scripts/reliability

format: ## clang-format over our own sources
	@find src tests tools -name "*.[ch]" -not -path "*/node_modules/*" -print0 | \
		xargs -0 -r "$$(command -v clang-format-14 || echo clang-format)" -i

lint: setup-test ## clang-tidy over our own sources (slow, advisory)
	@scripts/build dev
	@find src -name '*.c' -print0 | xargs -0 -r -n 4 -P $(JOBS) clang-tidy -p build/dev --quiet

setup:
	@scripts/setup

setup-test:
	@scripts/setup --test

clean: ## remove everything that was built
	@rm -rf build .venv tests/api/node/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
