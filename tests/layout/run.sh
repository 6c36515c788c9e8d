#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Structs lie in memory as a C compiler lays them out: random ones with arrays, structs in structs, bit-fields and
# `@packed`, their sizes, offsets, and the bytes after writes.
#   tests/layout/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

test_random_structs() {
	need_command clang-19
	local seed
	for seed in 1 2 3 4 5; do
		awk -v seed=$seed -v count=40 -v ks=structs.ks -v c=structs.c -f "$ROOT/tests/layout/structs.awk"
		clang-19 -w -o structs structs.c
		./structs >wanted
		"$KS" run -Wno-narrowing structs.ks >got 2>messages || fail "seed $seed: $(head -5 messages)"
		[ "$(wc -l <wanted)" -ge 400 ] || fail "seed $seed: only $(wc -l <wanted) lines"
		diff got wanted >differences || fail "seed $seed: < ks, > C: $(head -8 differences)"
	done
}

run_cases layout "$@"
