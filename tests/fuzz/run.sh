#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kept corpora of the fuzzers through their targets: no crash, no report of a sanitizer, no promise broken.
#   tests/fuzz/run.sh [FILTER…]
# fuzz.sh finds new inputs and adds them.
. "$(dirname "$0")/../cases.sh"

replay() {
	mkdir corpus
	tar -xf "$ROOT/tests/fuzz/corpus/$1.tar.xz" -C corpus
	[ "$(ls corpus | wc -l)" -gt 100 ] || fail "the corpus is empty"
	"$TOOLS/fuzzreplay" "$1" corpus/* >out 2>last || {
		tail -20 last >&2
		fail "see above"
	}
	cat out >&2
}

for target in syntax sema compile btf object verify vm; do
	eval "test_corpus_$target() { replay $target; }"
done

run_cases fuzz "$@"
