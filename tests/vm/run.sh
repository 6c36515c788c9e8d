#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The interpreter and the kernel on the same programs and packets: results, packets and maps agree.
#   tests/vm/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

PACKETS=${PACKETS:-1000}

# compare OBJECT [MAP…]: maps that hold times are not compared
compare() {
	need_root
	local object=$1
	shift
	"$TOOLS/vmtest" object "$object" "$PACKETS" "$@" >&2
}

# compile FILE OPTION…
compile() {
	need_command clang-19
	[ -e /usr/include/bpf/bpf_helpers.h ] || skip "libbpf-dev is not installed"
	local file=$1
	shift
	clang-19 -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" "$@" -c "$file" -o object.o
}

# Programs whose decisions follow the clock, so that two runs on one packet may differ.
CLOCKED=' rate_limiter connection_tracker '

# comparable FILE: the kernel runs all its programs on a packet by request, and no clock decides what they do
comparable() {
	local name
	name=$(basename "${1%%.*}")
	[[ $CLOCKED != *" $name "* ]] || return 1
	case "$1" in
	*.ks) ! grep -E '^@' "$1" | grep -Evq '^@(xdp|tc|helper|flags|packed|align|test)' ;;
	*) ! grep -E '^SEC\("' "$1" | grep -Evq '"(xdp|tc|classifier|license|\.maps)' ;;
	esac
}

for file in "$ROOT"/examples/*.ks; do
	comparable "$file" || continue
	name=$(basename "$file" .ks)
	eval "test_example_$name() {
		\"\$KS\" build --emit=bpf -o object.o \"\$ROOT/examples/$name.ks\"
		compare object.o recent
	}
	test_unoptimised_example_$name() {
		\"\$KS\" build -O0 --emit=bpf -o object.o \"\$ROOT/examples/$name.ks\"
		compare object.o recent
	}"
done

for file in "$ROOT"/bench/c/*.bpf.c; do
	comparable "$file" || continue
	name=$(basename "$file" .bpf.c)
	eval "test_c_program_$name() {
		compile \"\$ROOT/bench/c/$name.bpf.c\"
		compare object.o recent
	}"
done

for version in v1 v2 v3 v4; do
	eval "test_helpers_$version() {
		compile \"\$ROOT/tests/vm/helpers.bpf.c\" -mcpu=$version \$([ $version != v1 ] || echo -DNO_FETCH)
		compare object.o
	}"
done

# What a slot keeps is an address, which is nobody's business.
test_objects_of_programs() {
	compile "$ROOT/tests/vm/objects.bpf.c" -mcpu=v3
	compare object.o slots ring
}

test_every_instruction_on_edge_values() {
	need_root
	"$TOOLS/vmtest" instructions >&2
}

# Only an optimised build has to be fast.
test_speed() {
	local least=1 figure
	[[ $BUILD != */release ]] || least=100
	figure=$("$TOOLS/vmtest" speed)
	echo "vm: $figure" >&"$out"
	[ "${figure%% *}" -ge $least ] || fail "$figure"
}

exec {out}>&1
run_cases vm "$@"
