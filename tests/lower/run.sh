#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What lowered eBPF code computes, run by the kernel on one packet.
#   tests/lower/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

# Ethernet, IPv4 (20 bytes), UDP to port 53
PACKET=001122334455aabbccddeeff08004500002e000000004011f96e0a0000010a000002c0000035001a0000$(printf '00%.0s' {1..30})

# expect_result FILE PROGRAM RESULT: at both levels
expect_result() {
	need_root
	local level
	for level in -O0 -O1; do
		"$KS" build $level --emit=bpf -o object.o "$ROOT/tests/lower/$1.ks" 2>warnings ||
			fail "$(grep -m 3 error warnings)"
		"$TOOLS/prog_run" object.o --prog "$2" --packet "$PACKET" --repeat 1 >result
		expect_line "$2 $level" result "^run $2 retval=$3 "
	done
}

# expect_both FILE RESULT: the program `both` gives what `main` prints
expect_both() {
	expect_result "$1" both "$2"
	"$KS" run "$ROOT/tests/lower/$1.ks" >printed 2>messages || fail "$(cat messages)"
	expect_equal "$1 in userspace" "$(cat printed)" "$2"
}


# expect_result with the forms of loops that other kernels have.
expect_result_for() {
	need_root
	local kernel
	for kernel in 6.1 6.4 6.12; do
		"$KS" build -O1 --kernel $kernel --emit=bpf -o object.o "$ROOT/tests/lower/$1.ks" 2>warnings ||
			fail "$(grep -m 3 error warnings)"
		"$TOOLS/prog_run" object.o --prog "$2" --packet "$PACKET" --repeat 1 >result
		expect_line "$2 for $kernel" result "^run $2 retval=$3 "
	done
	expect_result "$@"
}

test_function_values() { expect_both function_values 1754; }
test_defers_in_loops_and_defers() { expect_both defers_in_loops_and_defers 33321211; }
test_defers_take_arguments() { expect_both defers_take_arguments 70463; }
test_entries_of_every_shape() { expect_both entries_of_every_shape 0; }
test_globals_and_constants() { expect_both globals_and_constants 48; }
test_text_appended() { expect_both text_appended 7; }
test_bools_as_bits() { expect_both bools_as_bits 514; }
test_bit_fields() { expect_both bit_fields 0; }
test_entries_stay_current() { expect_both entries_stay_current 0; }
test_loops() { expect_result_for loops loops 0; }
test_a_tail_call_that_cannot_happen() { expect_result tail_calls first 2; } # nobody filled the array
test_statements_and_expressions() { expect_result meaning meaning 0; }
test_packet_by_offset() { expect_result packets by_offset 53; }
test_definition_of_arithmetic() { expect_both definition_04_arithmetic 0; }
test_definition_of_strings() { expect_both definition_11_strings 0; }
test_named_results() { expect_both named_results 1108; }
test_locks() { expect_result locks locks 25; }
test_packet_types() { expect_result types_in_packets types 362093; }
test_packet_by_pointer() { expect_result packets by_pointer 17; }
test_packet_in_a_classifier() { expect_result packets in_classifier 70; }
test_packet_at_an_unbounded_offset() { expect_result packets unbounded_offset 69; }
test_throw_from_a_helper() { expect_result packets thrower 2; }
test_strings() { expect_result strings_matched_and_joined strs 12; }
test_nested_arrays() { expect_result nested_arrays_of_structs nested 39; }
test_structs_returned() { expect_result structs_returned_by_helpers structs 89; }
test_defers() { expect_result defers_in_nested_blocks defers 388; }
test_vlan_stack() { expect_result vlan_stack vlans 53; }
test_throws_with_structs() { expect_result throws_with_structs throwing 571; }
test_strings_as_keys() { expect_result strings_as_keys_and_fields words 3141; }
test_table_on_the_stack() { expect_result table_on_the_stack near 3; }
test_structs_by_value_and_pointer() { expect_result structs_by_value_and_pointer boxes 304; }
test_packet_rewriting() { expect_result packet_rewriting stamp 4669; }
test_sorting() { expect_result sorting_and_many_arguments sorts 117; }
test_prefix_lookup() { expect_result prefix_lookup firewall 78; }

# The kernel refuses the program while the calls are followed one by one.
test_functions_judged_apart() {
	need_root
	"$KS" build --emit=bpf -o object.o "$ROOT/tests/lower/functions_judged_apart.ks" 2>warnings || fail "$(grep -m 3 error warnings)"
	"$TOOLS/prog_run" object.o --prog both --packet "$PACKET" --repeat 1 >result
	expect_line both result "^run both retval=4547 "
	"$KS" build --no-verify --emit=bpf -o static.o "$ROOT/tests/lower/functions_judged_apart.ks" 2>warnings
	! "$TOOLS/prog_run" static.o >result 2>&1 || fail "the kernel follows every call"
}

# A jump over more instructions than its 16 bits can say, taken and not taken.
test_jumps_over_forty_thousand_instructions() {
	need_root
	local length mcpu wanted
	for length in 60 61; do
		awk -v length_=$length 'BEGIN {
			print "@tc(\"ingress\") fn far(ctx: *__sk_buff) -> i32 {\n    var x: u32 = ctx->len\n    var y: u32 = 3"
			print "    if (x == " length_ ") {"
			for (i = 0; i < 10000; i++) printf "        x = x * %d + %d\n        y ^= x << %d\n", i * 7 + 3, i % 97, i % 31
			print "    } else { y = 9 }\n    return ((x + y) & 0xffff) as i32\n}\nfn main() -> i32 { return 0 }" }' >far.ks
		for mcpu in v1 v3 v4; do
			"$KS" build --mcpu $mcpu --kernel 6.12 --emit=bpf -o object.o far.ks 2>warnings || fail "$(grep -m 3 error warnings)"
			"$TOOLS/prog_run" object.o --size 60 --repeat 1 | tee result | sed 's/ ns=.*//' | grep -E 'run ' >run.$mcpu
			grep -Eq ' insns=[4-9][0-9]{4} ' result || fail "too short: $(cat result)"
			cmp run.v1 run.$mcpu >&2
		done
	done
	expect_equal "the result without the way" "$(cat run.v1)" "run far retval=69"
}

run_cases lower "$@"
