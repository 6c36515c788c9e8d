#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Built programs on the running kernel, with real traffic between two network namespaces.
#   tests/kernel/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"
. "$ROOT/tests/network.sh"
. "$ROOT/tests/kernel/maps.sh"

end_case() { network_remove; }

# start EXAMPLE OPTION…: builds the example, runs it here with its output in ./log, as $PROGRAM
start() {
	need_root
	"$KS" build -o "$1" "$ROOT/examples/$1.ks"
	[ -n "${HERE_MAC:-}" ] || network_make
	background here "./$1" --interface ks1 "${@:2}" >log 2>errors &
	PROGRAM=$!
}

# finish [SIGNAL]: ends it, or waits for its end; its exit status
finish() {
	[ -z "${1:-}" ] || kill -"$1" $PROGRAM
	local status=0
	wait $PROGRAM || status=$?
	cat errors >&2
	return $status
}

# The program has said that it is attached.
ready() { wait_for log "${1:-.}"; }

attached_here() { here ip -details link show ks1 | grep -c 'prog/xdp' || true; }

test_xdp_counts_are_exact_for_each_source() {
	start packet_quota --limit 1000000 --seconds 3
	ready limit
	count_start here udp
	count_start here icmp
	send 10.77.0.1 1000 udp 64
	send 10.77.0.3 777 udp 1400
	send 192.168.5.6 500 icmp 333
	expect_equal "UDP arrived" "$(count_stop here udp)" $'10.77.0.1 1000\n10.77.0.3 777'
	expect_equal "ICMP arrived" "$(count_stop here icmp)" "192.168.5.6 500"
	finish
	expect_line counter log '^10.77.0.1 sent 1000 packets$'
	expect_line counter log '^10.77.0.3 sent 777 packets$'
	expect_line counter log '^192.168.5.6 sent 500 packets$'
}

test_xdp_packets_beyond_the_limit_do_not_arrive() {
	start packet_quota --limit 10 --seconds 3
	ready limit
	count_start here udp
	send 10.77.0.1 25 udp 64
	send 10.77.0.3 10 udp 64
	send 10.77.0.4 11 udp 1500
	expect_equal arrived "$(count_stop here udp)" $'10.77.0.1 10\n10.77.0.3 10\n10.77.0.4 10'
	finish
	expect_line counter log '^10.77.0.1 sent 25 packets$'
	expect_line counter log '^10.77.0.4 sent 11 packets$'
}

test_config_changed_while_running_takes_effect() {
	start packet_quota --limit 10 --next-limit 15 --seconds 4
	ready limit
	count_start here udp
	send 10.77.0.1 12
	wait_for log 'limit: 15'
	send 10.77.0.1 12
	expect_equal arrived "$(count_stop here udp)" "10.77.0.1 13"
	finish
	expect_line counter log '^10.77.0.1 sent 24 packets$'
}

test_xdp_counts_are_exact_with_two_cpus_sending() {
	[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
	start packet_quota --limit 1000000 --seconds 5
	ready limit
	count_start here udp
	send 10.77.0.1 20000 udp 64 2
	expect_equal arrived "$(count_stop here udp)" "10.77.0.1 40000"
	finish
	expect_line counter log '^10.77.0.1 sent 40000 packets$'
}

test_tc_ingress_counts_are_exact_and_the_limit_holds() {
	start tc_counter --seconds 3 --drop-ingress-above 300
	ready counting
	count_start here udp
	send 10.77.0.1 200
	send 10.77.0.3 200 udp 1400
	expect_equal arrived "$(count_stop here udp)" $'10.77.0.1 200\n10.77.0.3 100'
	finish
	expect_line counter log '^in 400 out [0-9]+$'
}

test_tc_egress_counts_are_exact_and_the_limit_holds() {
	start tc_counter --seconds 3 --drop-egress-above 300
	ready counting
	count_start there udp
	send_back 450 udp 200
	expect_equal arrived "$(count_stop there udp)" "10.77.0.2 300"
	finish
	expect_line counter log '^in [0-9]+ out 450$'
}

test_tc_counts_are_exact_with_two_cpus_sending() {
	[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
	start tc_counter --seconds 5
	ready counting
	count_start here udp
	send 10.77.0.1 10000 udp 64 2
	send_back 10000 udp 64 2
	expect_equal arrived "$(count_stop here udp)" "10.77.0.1 20000"
	finish
	expect_line counter log '^in 20000 out 20000$'
}

test_match_sorts_protocols() {
	start protocol_counter --seconds 2
	ready counting
	send 10.77.0.1 30 udp 100
	send 10.77.0.1 20 icmp 100
	send 10.77.0.1 10 tcp 100
	finish
	expect_line udp log '^udp   30 packets 3420 bytes$'
	expect_line icmp log '^icmp  20 packets 2280 bytes$'
	expect_line tcp log '^tcp   10 packets 1140 bytes$'
}

test_firewall_applies_its_rules() {
	start firewall --seconds 3 --close-port 4001 --max-icmp 100
	ready filtering
	count_start here udp
	count_start here icmp
	send 10.77.0.1 10 udp 64
	send 10.77.0.1 5 icmp 100
	send 10.77.0.1 7 icmp 101
	expect_equal "UDP arrived" "$(count_stop here udp)" ""
	expect_equal "ICMP arrived" "$(count_stop here icmp)" "10.77.0.1 5"
	finish
	expect_line verdicts log 'closed port 10, large icmp 7, fragment 0, broken 0'
}

test_map_idioms_do_what_they_say() {
	start map_idioms --seconds 2
	ready counting
	send 10.77.0.1 40 udp 50
	send 10.77.0.3 1000 udp 28
	finish
	expect_line "counted and summed" log '^10.77.0.1: 40 packets, 2000 bytes$'
	! grep -q '^10.77.0.3' log || fail "the entry of 10.77.0.3 was not deleted"
}

test_two_programs_share_one_map() {
	start shared_counter --seconds 1
	ready running
	send 10.77.0.1 1
	finish
	expect_line values log 'shared_counter\[1\] = 100, shared_counter\[2\] = 200'
}

test_headers_are_parsed_with_plain_pointers() {
	start header_parser --seconds 1
	ready parsing
	send 10.77.0.1 9
	finish
	expect_line values log '^plain 9, tagged 0, ipv4 9, ipv6 0, too short 0$'
}

test_signals_remove_what_was_attached() {
	local signal
	for signal in INT TERM; do
		start packet_quota --limit 10 --seconds 60
		ready limit
		expect_equal "attached before SIG$signal" "$(attached_here)" 1
		local status=0
		finish $signal || status=$?
		[ $status != 0 ] || fail "exit status 0 after SIG$signal"
		expect_equal "attached after SIG$signal" "$(attached_here)" 0
	done
}

test_tc_programs_go_with_a_signal() {
	start tc_counter --seconds 60
	ready counting
	finish INT || true
	expect_equal "programs on ks1" "$(here bpftool net show dev ks1 | grep -c count_)" 0
}

# Builds ./NAME from the source on standard input.
build_source() {
	cat >"$1.ks"
	"$KS" build -o "$1" "$1.ks"
}

test_attachments_outlive_a_main_that_returns_0() {
	need_root
	network_make
	build_source stays <<-'END'
		@xdp fn keep(ctx: *xdp_md) -> xdp_action { return XDP_DROP }
		fn main() -> i32 {
		    var prog = load(keep)
		    if (attach(prog, "ks1", 0) != 0) { return 1 }
		    return 0
		}
	END
	here ./stays >log 2>&1
	expect_equal attached "$(attached_here)" 1
	expect_line "how to remove it" log '`keep` stays attached to ks1; remove it with: ks detach stays$'
	count_start here udp
	send 10.77.0.1 3
	expect_equal arrived "$(count_stop here udp)" ""
	here "$KS" detach --list >list
	expect_line "what is recorded" list '^stays: `keep` \(xdp\) on ks1, program [0-9]+, attached$'
	"$KS" detach stays 2>errors && fail "detached from outside of the namespace"
	expect_line "where to detach" errors 'another network namespace'
	here "$KS" detach stays >removed
	expect_line "what was removed" removed '^removed `keep` \(xdp\) from ks1$'
	expect_equal "attached after ks detach" "$(attached_here)" 0
	here "$KS" detach stays 2>errors && fail "detached twice"
	expect_line "nothing more" errors 'nothing is recorded for `stays`'
	printf 'xdp ks1 0 5 0x4 1 keep\nbad\n\0xdp' >/run/ks/stays
	"$KS" detach stays 2>errors && fail "detached by a damaged record"
	expect_line "damaged record" errors 'nothing is recorded for `stays`'
}

test_detach_removes_only_what_is_its_own() {
	need_root
	network_make
	build_source leaves <<-'END'
		@xdp fn first(ctx: *xdp_md) -> xdp_action { return XDP_PASS }
		@tc("ingress") fn second(ctx: *__sk_buff) -> i32 { return TC_ACT_OK }
		@tc("egress") fn third(ctx: *__sk_buff) -> i32 { return TC_ACT_OK }
		fn main() -> i32 {
		    attach(load(first), "ks1", 0)
		    attach(load(second), "ks1", 0)
		    attach(load(third), "ks1", 0)
		    return 0
		}
	END
	cp leaves other
	here ./leaves 2>/dev/null
	here ./leaves 2>/dev/null
	expect_equal "entries after two runs" "$(wc -l </run/ks/leaves)" 3
	here ./other 2>/dev/null
	here "$KS" detach ./leaves >removed
	expect_line "replaced by the other" removed '^`first` \(xdp\) was no longer attached to ks1$'
	expect_line ingress removed '^removed `second` \(tcx?/ingress\) from ks1$'
	expect_line egress removed '^removed `third` \(tcx?/egress\) from ks1$'
	expect_equal "left of the other" "$(here "$KS" detach --list | grep -c '^other: .*, attached$')" 3
	here "$KS" detach other >removed
	expect_equal removed "$(grep -c '^removed' removed)" 3
	expect_equal "left at all" "$(here "$KS" detach --list | grep -c '^other: .*, attached$')" 0
}

# pinning_program TYPE ENTRIES: a program with a pinned variable of that type and a pinned map of that size
pinning_program() {
	build_source "keeps$$" <<-END
		pin var total: $1 = 100
		pin var seen : hash<u32, u64>($2)
		var fresh: u32 = 7
		@xdp fn count(ctx: *xdp_md) -> xdp_action {
		    total += 1
		    fresh += 1
		    seen[5] += 1
		    return XDP_PASS
		}
		fn main() -> i32 {
		    print("began with", total, seen[5], fresh)
		    attach(load(count), "ks1", 0)
		    print("ready")
		    sleep(1500)
		    return 1
		}
	END
}

test_pinned_variables_and_maps_keep_their_values() {
	need_root
	local pins=/sys/fs/bpf/keeps$$
	trap "rm -rf $pins" EXIT
	network_make
	pinning_program u64 16
	# ip netns exec has a /sys of its own, without the BPF file system
	local program="nsenter --net=/run/netns/$HERE ./keeps$$" i
	for i in 1 2; do
		$program >log 2>errors &
		PROGRAM=$!
		ready ready
		count_start here udp
		send 10.77.0.1 30
		expect_equal arrived "$(count_stop here udp)" "10.77.0.1 30"
		finish || true
		local had=$((i * 30 - 30))
		expect_line "values at start $i" log "^began with $((100 + had)) $had 7$"
	done
	pinning_program u32 16
	$program >log 2>errors && fail "another type of variable was accepted"
	expect_line "both shapes" errors 'total at 0: 8 bytes there, total at 0: 4 bytes here$'
	pinning_program u64 17
	$program >log 2>errors && fail "another size of map was accepted"
	expect_line "both shapes" errors '16 entries, flags 0x0 there, .* 17 entries, flags 0x0 here$'
	rm -r "$pins"
	$program >log || true
	expect_line "values without pins" log '^began with 100 0 7$'
}

# build_tails PROGRAM LAST_LINES_OF_MAIN: the classifier of the documentation, each protocol with a way of its own
build_tails() {
	build_source "$1" <<-END
		include "net.kh"
		const TCP: u8 = 6
		const UDP: u8 = 17
		const ICMP: u8 = 1
		var counts: u64[3]
		@xdp fn tcp_classifier(ctx: *xdp_md) -> xdp_action { counts[0] += 1; return XDP_DROP }
		@xdp fn udp_classifier(ctx: *xdp_md) -> xdp_action {
		    counts[1] += 1
		    return if (ctx.len() > 100) { long_packet(ctx) } else { XDP_PASS }
		}
		@xdp fn long_packet(ctx: *xdp_md) -> xdp_action { counts[2] += 1; return XDP_DROP }
		@xdp fn endless(ctx: *xdp_md) -> xdp_action { return endless(ctx) }
		@xdp fn classify(ctx: *xdp_md) -> xdp_action {
		    var ip = ctx.at(iphdr, 14)
		    if (ip == null) { return XDP_PASS }
		    var protocol = ip->protocol
		return match (protocol) {
		    TCP:  tcp_classifier(ctx),    // transparent tail call
		    UDP:  udp_classifier(ctx),
		    ICMP: endless(ctx),
		    default: XDP_PASS
		}
		}
		fn main() -> i32 {
		    if (attach(load(classify), "ks1", 0) != 0) { return 1 }
		    $2
		    return 0
		}
	END
}

test_tail_calls_go_to_the_program_of_each_protocol() {
	need_root
	network_make
	build_tails tails 'print("ready"); sleep(2500); print("%lu %lu %lu", counts[0], counts[1], counts[2]); exit(7)'
	background here ./tails >log 2>errors &
	PROGRAM=$!
	ready
	count_start here udp
	count_start here icmp
	send 10.77.0.1 5 tcp 64
	send 10.77.0.1 7 udp 64
	send 10.77.0.3 4 udp 400
	send 10.77.0.1 3 icmp 64
	expect_equal "UDP arrived" "$(count_stop here udp)" "10.77.0.1 7"
	expect_equal "ICMP, beyond the limit of the kernel" "$(count_stop here icmp)" ""
	local status=0
	wait $PROGRAM || status=$?
	expect_equal status $status 7
	expect_line counts log '^5 11 4$'
}

test_tail_calls_outlive_the_process() {
	need_root
	network_make
	build_tails stays_too ''
	local pins=/sys/fs/bpf/stays_too/tail_calls run
	[ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ] || skip "/sys/fs/bpf is not mounted"
	for run in first second; do
		here ./stays_too >log 2>&1
		expect_line "how to remove it" log '`classify` stays attached to ks1; remove it with: ks detach stays_too$'
		expect_equal "pins after the $run run" "$(ls $pins | wc -l)" 1
		count_start here udp
		send 10.77.0.1 3 udp 64
		send 10.77.0.3 3 udp 400
		expect_equal arrived "$(count_stop here udp)" "10.77.0.1 3"
	done
	here "$KS" detach stays_too >removed
	expect_equal "attached after ks detach" "$(attached_here)" 0
	[ ! -e /sys/fs/bpf/stays_too ] || fail "the pins were not removed"
}

test_tail_calls_without_a_bpf_file_system_do_not_stay() {
	need_root
	network_make
	build_tails stays_not ''
	local status=0
	mkdir root
	cp stays_not root
	env -i "$(command -v ip)" netns exec "$HERE" "$(command -v chroot)" root /stays_not 2>errors || status=$?
	expect_equal status $status 1
	expect_line reason errors '`classify` cannot stay attached: .* mount -t bpf bpf /sys/fs/bpf'
	expect_equal attached "$(attached_here)" 0
}

test_a_main_that_fails_leaves_nothing_attached() {
	need_root
	network_make
	build_source fails <<-'END'
		@xdp fn keep(ctx: *xdp_md) -> xdp_action { return XDP_DROP }
		fn main() -> i32 {
		    attach(load(keep), "ks1", 0)
		    return 3
		}
	END
	local status=0
	here ./fails >log 2>&1 || status=$?
	expect_equal "exit status" $status 3
	expect_equal attached "$(attached_here)" 0
}

test_attach_to_a_missing_interface_is_a_negative_errno() {
	need_root
	network_make
	build_source missing <<-'END'
		@xdp fn pass(ctx: *xdp_md) -> xdp_action { return XDP_PASS }
		fn main() -> i32 {
		    var e = attach(load(pass), "nosuch0", 0)
		    print(e)
		    return 7
		}
	END
	local status=0
	here ./missing >log 2>errors || status=$?
	expect_equal "exit status" $status 7
	expect_line errno log '^-19$'
}

test_bpftool_shows_names_types_and_lines() {
	need_command bpftool
	start packet_quota --limit 5 --seconds 4
	ready limit
	send 10.77.0.1 3
	local id map btf
	id=$(here ip -details link show ks1 | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p')
	bpftool prog show id "$id" >prog
	expect_line "program name" prog 'name packet_quota'
	map=$(sed -n 's/.*map_ids \([0-9,]*\).*/\1/p' prog)
	btf=$(sed -n 's/.*btf_id \([0-9]*\).*/\1/p' prog)
	bpftool prog dump xlated id "$id" linum >dump
	expect_line "source line" dump 'packet_counts\[src_ip\] \+= 1'
	expect_line "file name" dump 'packet_quota.ks'
	for m in ${map//,/ }; do bpftool map show id "$m"; bpftool map dump id "$m"; done >maps
	expect_line "map name" maps 'name packet_counts'
	expect_line "formatted value" maps '"value": 3'
	bpftool btf dump id "$btf" >types
	expect_line "function type" types "FUNC 'packet_quota'"
	expect_line "map type" types "VAR 'packet_counts'"
	bpftool btf dump id "$btf" format c >types.h
	finish TERM || true
}

test_the_program_needs_nothing_but_a_kernel() {
	start packet_quota --limit 10 --seconds 0
	finish
	mkdir empty
	cp packet_quota empty/
	expect_equal "dynamic sections" "$(readelf -d packet_quota | grep -c NEEDED)" 0
	env -i "$(command -v ip)" netns exec "$HERE" "$(command -v chroot)" empty /packet_quota --interface ks1 --limit 3 --seconds 2 >log 2>errors &
	PROGRAM=$!
	ready limit
	count_start here udp
	send 10.77.0.1 5
	expect_equal arrived "$(count_stop here udp)" "10.77.0.1 3"
	finish
	expect_line counter log '^10.77.0.1 sent 5 packets$'
}

test_without_privilege_one_line_says_what_is_missing() {
	need_root
	need_command setpriv
	"$KS" build -o quota "$ROOT/examples/packet_quota.ks"
	chmod 755 . quota
	local status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups ./quota --interface lo >log 2>errors || status=$?
	expect_equal "exit status" $status 1
	expect_equal "lines on standard error" "$(wc -l <errors)" 1
	expect_line "what is missing" errors 'CAP_BPF|root|CAP_NET_ADMIN'
}

# Programs that strain the compiler: the kernel accepts them and they compute what they should.
test_programs_at_the_limits_load_and_compute() {
	need_root
	local file
	for file in "$ROOT"/tests/limits/loads_*.ks; do
		"$KS" build --emit=bpf -o limit.o "$file"
		"$TOOLS/prog_run" limit.o --repeat 1 >out 2>err || fail "$(basename "$file"): $(tail -3 err)" || continue
		grep -q 'retval=2 ' out || fail "$(basename "$file"): $(cat out)" || true
	done
}

# example_loads FILE
example_loads() {
	"$KS" build --emit=bpf -o example.o "$1"
	"$TOOLS/prog_run" example.o --repeat 1 >out 2>err
}

test_every_example_loads() {
	need_root
	local file
	for file in $(grep -L '^@lsm' "$ROOT"/examples/*.ks); do
		example_loads "$file" || fail "$(basename "$file"): $(tail -3 err)" || true
	done
}

test_examples_with_security_hooks_load() {
	need_root
	local file
	for file in $(grep -l '^@lsm' "$ROOT"/examples/*.ks); do
		example_loads "$file" && continue
		! grep -q 'permission error' err || skip "this machine lets nobody load security hooks; the guests do"
		fail "$(basename "$file"): $(tail -3 err)" || true
	done
}

test_nothing_stays_after_all_of_this() {
	need_root
	need_command bpftool
	network_make
	network_remove
	expect_equal namespaces "$(ip netns list | grep -c -- "-$$")" 0
}

. "$ROOT/tests/kernel/kinds.sh"
. "$ROOT/tests/kernel/calls.sh"
. "$ROOT/tests/kernel/examples.sh"
. "$ROOT/tests/kernel/trace.sh"

run_cases kernel "$@"
