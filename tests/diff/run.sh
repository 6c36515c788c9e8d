#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One set of random functions, four times: run by the kernel as eBPF, by the interpreter, by the built
# program's userspace half, and by the model. SEEDS and COUNT change what is generated.
#   tests/diff/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

SEEDS=${SEEDS:-1 2 3}
COUNT=${COUNT:-150}

# compare SEED OPTION…: with these options of `ks build`
compare() {
	need_root
	local seed=$1
	shift
	"$TOOLS/difftest" generate "$seed" "$COUNT" >diff.ks
	"$KS" build "$@" -o program diff.ks 2>warnings || fail "$(grep -m 3 error warnings)"
	./program >printed
	"$TOOLS/difftest" userspace "$seed" "$COUNT" printed >&2 || fail "userspace, seed $seed" || true
	"$KS" build "$@" --emit=bpf -o object.o diff.ks 2>/dev/null
	"$TOOLS/difftest" bpf "$seed" "$COUNT" object.o >&2 || fail "eBPF, seed $seed" || true
	"$TOOLS/difftest" vm "$seed" "$COUNT" object.o >&2 || fail "interpreter, seed $seed" || true
}

for seed in $SEEDS; do
	eval "test_ebpf_userspace_and_model_agree_seed_$seed() { compare $seed; }"
	eval "test_ebpf_userspace_and_model_agree_unoptimised_seed_$seed() { compare $seed -O0; }"
done

# compare_set N: with an instruction set, of which the code must keep to
compare_set() {
	compare 4 --mcpu "v$1"
	"$TOOLS/difftest" isa "$1" 2 object.o >&2
	compare 5 -O0 "-mcpu=v$1"
	"$TOOLS/difftest" isa "$1" 2 object.o >&2
}
for isa in 1 2 3 4; do
	eval "test_ebpf_userspace_and_model_agree_mcpu_v$isa() { compare_set $isa; }"
done

test_examples_keep_to_the_instruction_set() {
	for isa in 1 2 3; do
		for source in "$ROOT"/examples/*.ks; do
			"$KS" build --mcpu v$isa --emit=bpf -o object.o "$source" 2>/dev/null
			"$TOOLS/difftest" isa $isa 1 object.o >&2 || fail "$source"
		done
	done
	"$KS" build --mcpu v4 --emit=bpf -o object.o "$ROOT/examples/dns_filter.ks" 2>/dev/null
	! "$TOOLS/difftest" isa 1 1 object.o >&2 || fail "the test sees nothing"
}

run_cases diff "$@"
