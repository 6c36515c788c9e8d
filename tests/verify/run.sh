#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The simulated verifier (bpf-backend/verify) against the kernel's: verdicts, processed instructions, values in runs.
#   tests/verify/run.sh [FILTER…]
# The corpus is built once, in $KS_VERIFY_DIR (default ~/.cache/ks-verify); see corpus.sh.
. "$(dirname "$0")/../cases.sh"

HERE=$ROOT/tests/verify
DIR=${KS_VERIFY_DIR:-$HOME/.cache/ks-verify}
STREAMS=${STREAMS:-1000}
DAMAGED=${DAMAGED:-20}

# Objects, libbpf and the loader to ask the kernel with.
build_corpus() {
	need_root
	[ -r /sys/kernel/btf/vmlinux ] || skip "the kernel has no types"
	local status=0
	[ "$(cat "$DIR/built" 2>/dev/null)" != "$KS $$" ] || return 0
	"$HERE/corpus.sh" "$KS" >corpus.txt 2>&1 || status=$?
	[ $status != 77 ] || skip "$(tail -1 corpus.txt)"
	[ $status = 0 ] || fail "corpus.sh: $(tail -3 corpus.txt)"
	[ "$DIR/kernel_load" -nt "$HERE/kernel_load.c" ] || cc -O1 -w -I"$DIR/include" "$HERE/kernel_load.c" \
		"$DIR/libbpf.a" -lelf -lz -o "$DIR/kernel_load"
	echo "$KS $$" >"$DIR/built" # once in a run
}

# agree NAME LEAST OBJECT…: no false accept; verdicts and counts agree for LEAST per cent of what the kernel accepts
agree() {
	local name=$1 least=$2
	shift 2
	"$TOOLS/judge" "$@" >ours.tsv
	python3 "$HERE/compare.py" "$DIR/truth-$name.tsv" ours.tsv -v >agreement.txt || fail "$(cat agreement.txt)"
	tail -40 agreement.txt >&2
	awk -v least="$least" '
		/^yes / { all = $2 + $3; if (all == 0 || $2 * 100 < all * least) { print "accepted: " $2 " of " all; bad = 1 } }
		/^counts within/ { if ($3 * 100 < $5 * least) { print; bad = 1 } }
		END { exit bad }' agreement.txt || fail "less than $least % agree"
}

# What the kernel says is kept: it depends on the objects and the kernel alone.
test_selftests_of_the_kernel() {
	build_corpus
	local truth=$DIR/truth-selftests.tsv
	set -- "$DIR"/obj/verifier_*.o
	if [ ! -s "$truth" ] || [ "$(cat "$DIR/truth-kernel" 2>/dev/null)" != "$(uname -rv)" ]; then
		"$DIR/kernel_load" "$@" >"$truth"
		uname -rv >"$DIR/truth-kernel"
	fi
	agree selftests 98 "$@"
}

test_own_programs() {
	build_corpus
	set -- "$DIR"/ours/*.o
	"$DIR/kernel_load" "$@" >"$DIR/truth-ours.tsv"
	agree ours 99 "$@"
}

test_values_in_runs_are_as_predicted() {
	build_corpus
	"$TOOLS/sound" "$DIR"/ours/*.o >&2
}

test_random_streams() {
	need_root
	"$TOOLS/verify_random" -n "$STREAMS" -s "${SEED:-$RANDOM}" >&2
}

test_damaged_objects() {
	build_corpus
	"$TOOLS/verify_random" -n "$DAMAGED" -s "${SEED:-$RANDOM}" "$DIR"/ours/*-O1.o "$DIR"/obj/verifier_[a-c]*.o >&2
}

test_verdicts_of_the_command() {
	need_command clang-19
	local status=0
	"$KS" verify "$ROOT/examples/firewall.ks" >accepted.txt 2>&1 || fail "firewall.ks: $(cat accepted.txt)"
	cat >refused.c <<-'END'
		struct { int (*type)[2]; int (*max_entries)[4]; int *key; long *value; } values __attribute__((section(".maps")));
		static long *(*find)(void *map, const void *key) = (void *)1;
		__attribute__((section("socket"), used)) int read_value(void *ctx)
		{
			int key = 1;
			return *find(&values, &key);
		}
	END
	clang-19 -O2 -g --target=bpfel -w -c refused.c -o refused.o
	"$KS" verify refused.o >refused.txt 2>&1 || status=$?
	expect_equal "exit status" $status 1
	expect_line "the refusal" refused.txt 'missing-null-check|null'
	expect_line "the line" refused.txt 'refused.c:6'
	status=0
	"$KS" verify --json refused.o >refused.json || status=$?
	expect_equal "exit status with --json" $status 1
	python3 -m json.tool <refused.json >/dev/null
	status=0
	"$KS" verify --kernel 5.15,6.12 refused.o >table.txt 2>&1 || status=$?
	expect_equal "exit status with --kernel" $status 1
	expect_line "the table" table.txt '5\.15 +6\.12'
}

run_cases verify "$@"
