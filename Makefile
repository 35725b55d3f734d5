# Gonzo. `make help` lists the targets.
SHELL := /bin/bash
BUILD := build
JOBS  ?= $(shell nproc)
export CCACHE_NOHASHDIR = 1

.DEFAULT_GOAL := help
.PHONY: help run build test check analyze bench bench-policies bench-peers fuzz oracle soak tsan coverage programs install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# $(1): preset, $(2): package stages
define configure
	@tools/install-packages $(2)
	@cmake --preset $(1) --log-level=WARNING >/dev/null
endef

build: ## the command: build/release/gonzo
	$(call configure,release,build test bench)
	@cmake --build --preset release --target gonzo -j $(JOBS)

run: build ## build, then run a real program on Gonzo
	@tools/demo $(BUILD)/release/gonzo

test: ## all tests, under ASan and UBSan
	$(call configure,debug,build test)
	@cmake --build --preset debug -j $(JOBS)
	@ctest --test-dir $(BUILD)/debug --output-on-failure -j $(JOBS)

tsan: ## the tests under TSan
	$(call configure,tsan,build test)
	@cmake --build --preset tsan -j $(JOBS)
	@ctest --test-dir $(BUILD)/tsan --output-on-failure -j $(JOBS)

check: ## clang-format, include direction, thread-safety analysis, clang-tidy
	$(call configure,clang,build test check)
	@tools/check $(BUILD)/clang

analyze: ## make check's clang-tidy with its slow checks and Clang's static analyzer too
	$(call configure,clang,build test check)
	@tools/tidy $(BUILD)/clang --thorough

bench: ## the table of figures: our core, gonzo run, and the host kernel in one run (ROUNDS=5, JSON=file)
	$(call configure,release,build test bench)
	@cmake --build --preset release --target gonzo bench_table core_bench guest_ops index_bench swap_bench reclaim_bench bench_cycle -j $(JOBS)
	@JSON=$(JSON) TABLE=$(TABLE) tools/bench $(BUILD)/release $(ROUNDS)

bench-policies: ## what the reclaim policies cost, and their misses on three traces (FILTER=regular expression)
	$(call configure,release,build test bench)
	@cmake --build --preset release --target reclaim_bench -j $(JOBS)
	@$(BUILD)/release/bench/reclaim_bench --benchmark_filter='$(or $(FILTER),.)'

bench-peers: ## the same rows on Gonzo, User-mode Linux, gVisor, qemu-user and valgrind, those that are installed (ROUNDS=3, TABLE=README.md)
	$(call configure,release,build test bench)
	@cmake --build --preset release --target gonzo bench_peers guest_ops -j $(JOBS)
	@JSON=$(JSON) TABLE=$(TABLE) tools/bench --peers $(BUILD)/release $(ROUNDS)

fuzz: ## a minute (SECONDS=60) of libFuzzer on each target of tests/fuzz, and of guests that call the whole table with garbage
	$(call configure,fuzz,build test check)
	@cmake --build --preset fuzz --target fuzz_operations fuzz_elf -j $(JOBS)
	@cmake --preset debug --log-level=WARNING >/dev/null
	@cmake --build --preset debug --target gonzo confine storms -j $(JOBS)
	@tools/fuzz $(BUILD)/fuzz $(BUILD)/debug $(or $(SECONDS),60)

oracle: ## OPS (default 10,000,000) random memory calls on the live kernel and on Gonzo
	$(call configure,debug,build test)
	@cmake --build --preset debug --target oracle -j $(JOBS)
	@GONZO_ORACLE_OPS=$(or $(OPS),10000000) GONZO_ORACLE_SEED=$(or $(SEED),1) $(BUILD)/debug/tests/oracle

soak: ## MINUTES (default 10) of programs larger than their machine, by every policy and swap device (SEED=n, PRESET=tsan)
	$(call configure,$(or $(PRESET),debug),build test)
	@cmake --build --preset $(or $(PRESET),debug) --target gonzo pressures -j $(JOBS)
	@tests/soak/soak.sh $(BUILD)/$(or $(PRESET),debug)/gonzo $(BUILD)/$(or $(PRESET),debug)/guests $(or $(MINUTES),10) $(SEED)

programs: build ## real programs, natively and on Gonzo: a table (ROWS="git node", PRESSURE=1 for too little memory, MACHINE=host, TABLE=README.md)
	@TABLE=$(TABLE) MACHINE=$(MACHINE) PRESSURE=$(PRESSURE) tests/programs/programs.sh $(BUILD)/release/gonzo $(ROWS)

coverage: ## the tests with coverage counters (build/coverage)
	$(call configure,coverage,build test)
	@cmake --build --preset coverage -j $(JOBS)
	@ctest --test-dir $(BUILD)/coverage --output-on-failure -j $(JOBS)

install: build ## command, library and headers into PREFIX (default /usr/local)
	@cmake --build --preset release --target gonzo_library -j $(JOBS)
	@cmake --install $(BUILD)/release --prefix $(or $(PREFIX),/usr/local)

clean: ## remove build/
	@rm -rf $(BUILD)
