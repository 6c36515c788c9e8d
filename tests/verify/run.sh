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

# Wrong programs, one for each mistake that people make: what is said of each is read by people and kept in NAME.out
# (KS_ACCEPT=1 writes it). The kernel must refuse each for the same reason, and its own log must be told alike.
#	// reason: CLASS       of reasons.def
#	// kernel: VERSION     judged for that kernel only, since this one takes it
explain_one() {
	local name=$1 reason kernel status=0 said real
	reason=$(sed -n 's,^// reason: ,,p' "$HERE/explain/$name.c")
	kernel=$(sed -n 's,^// kernel: ,,p' "$HERE/explain/$name.c")
	(cd "$HERE/explain" && clang-19 -O2 -g -mcpu=v3 --target=bpfel -w -fdebug-compilation-dir=. -c "$name.c" -o "$OLDPWD/$name.o")
	"$KS" verify --kernel "${kernel:-running}" "$name.o" >verdict.txt 2>told.txt || status=$?
	[ $status = 1 ] || { echo "$name: exit status $status"; return; }
	sed -i 's/refused by Linux [0-9.]*/refused/' told.txt
	[ -z "${KS_ACCEPT:-}" ] || cp told.txt "$HERE/explain/$name.out"
	diff -u "$HERE/explain/$name.out" told.txt || echo "$name: other words"
	said=$("$KS" verify --json --kernel "${kernel:-running}" "$name.o" | sed -n 's/.*"reason":"\([^"]*\)".*/\1/p')
	[ "$said" = "$reason" ] || echo "$name: the reason is $said, not $reason"
	[ -z "$kernel" ] || return 0
	"$DIR/kernel_load" -l 1 "$name.o" >kernel.txt
	[ "$(head -1 kernel.txt | cut -f3)" = no ] || { echo "$name: the kernel takes it"; return; }
	sed 1d kernel.txt >log.txt
	real=$("$KS" verify --json --explain-log log.txt "$name.o" | sed -n 's/.*"reason":"\([^"]*\)".*/\1/p')
	[ "$real" = "$reason" ] || echo "$name: the kernel's reason is $real, not $reason"
	status=0
	"$KS" verify --explain-log log.txt "$name.o" >verdict.txt 2>log-told.txt || status=$?
	[ $status = 1 ] || echo "$name: exit status $status for the log"
	# What is known of values is told in more words by the simulation; the kernel names no place where it looks at
	# functions and maps as a whole, and a path may be too long by an instruction more or less.
	case $reason in stack-depth | bad-map | too-complex) return ;; esac
	[ "$(head -1 log-told.txt | cut -d: -f1-2)" = "$(head -1 told.txt | cut -d: -f1-2)" ] ||
		echo "$name: the log is told of another place: $(head -1 log-told.txt)"
}

# The same mistakes in source text, as far as it can have them: most are told by the checker (`// told by:`), which
# is what NAME.ks.out then has. The rest the kernel must refuse.
explain_source() {
	local name=$1 by kernel status=0
	by=$(sed -n 's,^// told by: the ,,p' "$HERE/explain/$name.ks")
	kernel=$(sed -n 's,^// kernel: ,,p' "$HERE/explain/$name.ks")
	(cd "$HERE/explain" && "$KS" build --kernel "${kernel:-running}" --emit=bpf -o "$OLDPWD/$name.o" "$name.ks") 2>told.txt || status=$?
	[ $status = 1 ] || { echo "$name.ks: exit status $status"; return; }
	[ ! -e "$name.o" ] || echo "$name.ks: an object was written"
	sed -i 's/refused by Linux [0-9.]*/refused/' told.txt
	[ -z "${KS_ACCEPT:-}" ] || cp told.txt "$HERE/explain/$name.ks.out"
	diff -u "$HERE/explain/$name.ks.out" told.txt || echo "$name.ks: other words"
	[ "$by" = "$(grep -q refused-by-verifier told.txt && echo verifier || echo checker)" ] ||
		echo "$name.ks: not told by the $by"
	[ "$by" = verifier ] || return 0
	"$KS" build --no-verify --kernel "${kernel:-running}" --emit=bpf -o "$name.o" "$HERE/explain/$name.ks" || echo "$name.ks: does not compile"
	[ "$("$DIR/kernel_load" "$name.o" | cut -f3)" = no ] || echo "$name.ks: the kernel takes it"
	rm -f "$name.o"
}

test_explanations() {
	build_corpus
	local source
	for source in "$HERE"/explain/*.ks; do
		explain_source "$(basename "$source" .ks)"
	done >wrong.txt 2>&1
	for source in "$HERE"/explain/*.c; do
		explain_one "$(basename "$source" .c)"
	done >>wrong.txt 2>&1
	[ ! -s wrong.txt ] || fail "$(cat wrong.txt)"
}

# What a built program says when the kernel refuses it: a null test is taken out of intermediate code.
test_refusal_at_run_time() {
	need_root
	local status=0
	cat >count.ks <<-'END'
		var hits: hash<u32, u64>(16)

		@xdp fn count(_ctx: *xdp_md) -> xdp_action {
		    if (var n = hits[1]) { return n as xdp_action }
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(count)
		    return 0
		}
	END
	"$KS" build --emit=ir -o - count.ks | sed 's/= ne %1, null/= ne 1, 0/' >count.ir
	"$KS" build -o count count.ir 2>told.txt && fail "ks build takes it"
	expect_line "ks build" told.txt 'may be null here \[refused-by-verifier\]'
	[ ! -e count ] || fail "a program was written"
	"$KS" run count.ir 2>told.txt && fail "ks run takes it"
	expect_line "ks run" told.txt 'may be null here \[refused-by-verifier\]'
	"$KS" build --no-verify -o count count.ir
	KS_VERIFIER_LOG=log.txt ./count 2>told.txt || status=$?
	cat told.txt >&2
	expect_line "the kernel's words" told.txt "refused program .count.: R[0-9] invalid mem access 'map_value_or_null'"
	expect_line "its class" told.txt 'the pointer may be null here \[missing-null-check\]'
	expect_line "the remedy" told.txt 'hint: Test the value for null first'
	"$KS" build --no-verify --emit=bpf -o count.o count.ir
	"$KS" verify --explain-log log.txt count.o 2>told.txt && fail "the log holds no refusal"
	expect_line "the log" told.txt 'is refused by the kernel: .*may be null here'
	expect_line "the origin" told.txt 'note: .bpf_map_lookup_elem. gives'
}

test_logs_of_older_kernels() {
	need_command clang-19
	(cd "$HERE/explain" && clang-19 -O2 -g -mcpu=v3 --target=bpfel -w -fdebug-compilation-dir=. -c packet_test_before_move.c -o "$OLDPWD/packet.o")
	"$KS" dump packet.o >code.txt
	"$KS" verify --log packet.o >own.txt 2>/dev/null || true
	"$KS" verify --explain-log own.txt packet.o >none.txt 2>from-own.txt || true
	expect_line "our own log" from-own.txt 'packet_test_before_move.c:13:9: error: .options. is refused by the kernel'
	# In the words of 5.10: values in inv() and with names of their own, states in front of instructions.
	sed -E 's/scalar\(/inv(/g; s/([us])(min|max)=/\1\2_value=/g; s/^([0-9]+): (R|\()/\1: \2/' own.txt >old.txt
	"$KS" verify --explain-log old.txt packet.o >none.txt 2>from-old.txt || true
	expect_equal "a log in old words" "$(cat from-old.txt)" "$(cat from-own.txt)"
	echo "nothing here" >not-a-log.txt
	printf '' >empty.txt
	"$KS" verify --explain-log empty.txt packet.o 2>told.txt && fail "an empty log is a refusal"
	expect_line "an empty log" told.txt 'log-without-refusal'
	"$KS" verify --explain-log missing.txt packet.o 2>told.txt && fail "a missing log is read"
	expect_line "a missing log" told.txt 'file-not-readable'
	head -c 100000 /dev/urandom >random.txt
	"$KS" verify --explain-log random.txt packet.o >none.txt 2>&1 && fail "random bytes are a log"
	expect_line "random bytes" none.txt 'error: '
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
	expect_line "its reasons" table.txt 'read_value +missing-null-check +missing-null-check'
	expect_line "a reason of several kernels once" table.txt 'refused by Linux 5\.15 and 6\.12: '
	[ "$(grep -c 'error: ' table.txt)" = 1 ] || fail "the reason is told twice: $(cat table.txt)"
	status=0
	"$KS" verify --kernel 5.10,6.18 --json "$HERE/explain/../../../examples/firewall.ks" >two.json || status=$?
	python3 -c '
import json
rows = [json.loads(line) for line in open("two.json")]
assert [r["kernel"] for r in rows] == ["5.10", "6.18"], rows
assert all(r["accepted"] for r in rows), rows'
	python3 -c '
import json
r = json.load(open("refused.json"))
assert r["reason"] == "missing-null-check" and r["line"] == 6 and r["because"][0]["line"] == 6, r
assert "may be null" in r["message"] and "values" in r["known"] and r["hint"], r'
}

run_cases verify "$@"
