#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Generated programs: accepted, laid out, compiled; edited at random; loaded, run. PROGRAMS, EDITED, LOADED,
# SAME and JUDGED say how many (the figures that the project promises are 10000, 10000, 5000, 1000 and 5000), FIRST
# where the seeds begin.
#   tests/gen/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

PROGRAMS=${PROGRAMS:-1500} EDITED=${EDITED:-1500} LOADED=${LOADED:-500} SAME=${SAME:-60} JUDGED=${JUDGED:-200} FIRST=${FIRST:-1}

test_valid_programs_compile_and_are_laid_out() {
	"$TOOLS/gentest" check "$FIRST" "$PROGRAMS" >&2
}

test_edited_programs_give_a_message_or_compile() {
	"$TOOLS/gentest" edit "$FIRST" "$EDITED" >&2
}

test_programs_load_and_do_the_same_in_kernel_and_interpreter() {
	need_root
	"$TOOLS/gentest" load "$FIRST" "$LOADED" >&2
}

test_programs_of_older_instruction_sets_load_and_do_the_same() {
	need_root
	for isa in 1 2 3; do "$TOOLS/gentest" load "$((FIRST + (isa - 1) * LOADED / 5))" $((LOADED / 5)) $isa >&2; done
}

test_kernel_interpreter_and_userspace_do_the_same() {
	need_root
	KS=$KS "$TOOLS/gentest" same "$FIRST" "$SAME" >&2
}

test_simulated_verifier_takes_what_the_kernel_takes() {
	need_root
	[ -r /sys/kernel/btf/vmlinux ] || skip "the kernel has no types"
	"$TOOLS/gentest" verify "$FIRST" "$JUDGED" >&2
}

# same_layout COMPILER…: ORDER is the machine's byte order
same_layout() {
	need_command "$1"
	need_command llvm-objcopy-19
	"$TOOLS/gentest" structs "$FIRST" 400 structs.c wanted ${ORDER:-} >&2
	"$@" -std=gnu11 -w -c -o structs.o structs.c >&2
	llvm-objcopy-19 -O binary --only-section=probe structs.o got
	cmp got wanted >&2
}

test_structs_are_laid_out_as_gcc_does() { same_layout gcc -fno-toplevel-reorder; }

test_structs_are_laid_out_as_clang_does_for_bpf() { same_layout clang-19 -target bpf -ffreestanding; }

test_structs_are_laid_out_as_clang_does_for_big_endian_bpf() {
	ORDER=big same_layout clang-19 --target=bpfeb -ffreestanding
}

run_cases gen "$@"
