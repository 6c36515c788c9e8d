#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The simulated verifier against kernels of other releases: a sample of the kernel's selftests is loaded in a guest
# with each of them, and judged for that release with that kernel's own types. Prints the confusion matrix, the
# agreement by class of refusal, and every program where verdicts differ.
#   tests/verify/guests.sh [KERNEL…]      default: 6.1 6.12
# SAMPLE: how many programs (default 500). What these kernels say is kept in $KS_VERIFY_DIR/truth-guest-K.tsv.
set -u
. "$(dirname "$0")/../cases.sh"
. "$ROOT/tests/guest/boot.sh"

HERE=$ROOT/tests/verify
DIR=${KS_VERIFY_DIR:-$HOME/.cache/ks-verify}
SAMPLE=${SAMPLE:-500}
LEAST=97 # per cent of verdicts that must agree
kernels=("$@")
[ ${#kernels[@]} != 0 ] || kernels=(6.1 6.12)
work=$(mktemp -d /tmp/ks-verify-guest-XXXXXX)
trap 'rm -rf "$work"' EXIT

skip_all() {
	echo "SKIP verdicts in guests: $1"
	echo "verdicts in guests: 0 passed, 0 failed, 1 skipped"
	exit 0
}

# The job: the loader, linked statically, and the objects without what is for debuggers.
make_job() {
	local object
	mkdir -p "$work/job/obj"
	cc -O1 -w -static -I"$DIR/include" "$HERE/kernel_load.c" "$DIR/libbpf.a" -lelf -lz -lzstd -o "$work/job/kernel_load" ||
		return
	for object in "$DIR"/obj/*.o; do
		llvm-strip-19 -g -o "$work/job/obj/$(basename "$object")" "$object"
	done
	local all
	all=$("$TOOLS/judge" -n "$work"/job/obj/*.o)
	echo "./kernel_load -e $((all > SAMPLE ? all / SAMPLE : 1)) obj/*.o" >"$work/job/run.sh"
}

# ask K: what that kernel says of the sample
ask() {
	local truth=$DIR/truth-guest-$1.tsv key
	key="$SAMPLE $(cd "$work/job" && cat run.sh obj/*.o | sha256sum) $(cksum <"$CACHE/vmlinux-$1")"
	[ "$(cat "$truth.key" 2>/dev/null)" != "$key" ] || return 0
	boot "$1" "$work/job" 1800 || return
	tr -d '\r' <"$work/output" >"$truth"
	grep -q . "$truth" && echo "$key" >"$truth.key"
}

# compare K: false when a program is accepted that the kernel refuses, or too few verdicts agree
compare() {
	"$TOOLS/judge" -k "$1" -b "$CACHE/vmlinux-$1" -c 1 "$work"/job/obj/*.o >"$work/said.tsv"
	python3 "$HERE/compare.py" "$DIR/truth-guest-$1.tsv" "$work/said.tsv" -v >"$work/agreement" || true
	echo "Linux $1, $(wc -l <"$DIR/truth-guest-$1.tsv") programs:"
	grep -v -e '^class' -e '^count	' "$work/agreement"
	awk -v least=$LEAST '
		/^(yes|no) / { all += $2 + $3; same += $1 == "yes" ? $2 : $3 }
		END { exit !(all > 100 && same * 100 >= all * least) }' "$work/agreement"
}

[ "$(id -u)" = 0 ] || skip_all "only root can pack a guest"
why=$(find_obstacle "${kernels[@]}")
[ -z "$why" ] || skip_all "$why"
if [ ! -e "$DIR/obj/verifier_and.o" ]; then
	"$HERE/corpus.sh" "$KS" >"$work/corpus" 2>&1
	case $? in
	0) ;;
	77) skip_all "$(tail -1 "$work/corpus")" ;;
	*) echo "FAIL corpus.sh: $(tail -3 "$work/corpus")" && exit 1 ;;
	esac
fi
make_job || { echo "FAIL the job cannot be made"; exit 1; }
passed=0 failed=0
for k in "${kernels[@]}"; do
	if ask "$k" && compare "$k"; then
		passed=$((passed + 1))
	else
		echo "FAIL verdicts of Linux $k"
		failed=$((failed + 1))
	fi
done
echo "verdicts in guests: $passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
