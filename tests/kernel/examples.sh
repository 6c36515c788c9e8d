# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh: the examples of firewalls, limits, balancing and tracking with real packets, counted exactly.

test_prefix_firewall_takes_the_longest_prefix() {
	start prefix_firewall --seconds 2
	ready filtering
	count_start here udp
	send 10.77.0.1 40 udp
	send 10.77.0.3 30 udp
	send 10.5.0.1 20 udp
	send 192.168.1.1 10 udp
	expect_equal arrived "$(count_stop here udp)" $'10.77.0.1 40\n192.168.1.1 10'
	finish || true
	expect_line counts log '^10/8: 20, 10.77/16: 40, 10.77.0.3: 30, others: 10$'
}

test_rate_limiter_lets_the_burst_through() {
	start rate_limiter --per-second 0 --burst 50 --seconds 2
	ready limiting
	count_start here udp
	send 10.77.0.1 80 udp
	send 10.77.0.3 20 udp
	expect_equal arrived "$(count_stop here udp)" $'10.77.0.1 50\n10.77.0.3 20'
	finish || true
	expect_line counts log '^70 passed, 30 dropped$'
}

test_connection_tracker_lets_answers_in() {
	start connection_tracker --lifetime-ms 60000 --seconds 3
	ready tracking
	background there "$TOOLS/sockets" serve udp 10.77.0.1 45111 >served &
	wait_for served ready
	expect_equal "a talk from here" "$(here "$TOOLS/sockets" talk udp 10.77.0.1 45111 25 100)" "ok 25 from 10.77.0.1:45111"
	count_start here udp
	send 10.77.0.1 30 udp
	expect_equal arrived "$(count_stop here udp)" ""
	finish || true
	expect_line counts log '^25 known, 30 strange$'
}

test_load_balancer_shares_and_repairs_checksums() {
	need_root
	network_make
	build_source verify <<-'END'
		include "net.kh"
		struct Words { word: be16[10] }
		var right: u64 = 0
		var wrong: u64 = 0
		@xdp fn look(ctx: *xdp_md) -> xdp_action {
		    var ip = ctx.at(iphdr, 14)
		    var words = ctx.at(Words, 14)
		    if (ip == null || words == null || ip->protocol != IPPROTO_UDP) { return XDP_PASS }
		    if (ntohl(ip->daddr) >> 2 != 0x0a4d0064 >> 2) { return XDP_PASS }
		    var sum: u32 = 0
		    for (i in 0..10) { sum += ntohs(words->word[i]) as u32 }
		    sum = (sum & 0xffff) + (sum >> 16)
		    if (sum == 0xffff) { right += 1 } else { wrong += 1 }
		    return XDP_DROP
		}
		fn main() -> i32 {
		    if (attach(load(look), "ks0", 0) != 0) { return 1 }
		    print("ready")
		    sleep(3500)
		    print("%lu right, %lu wrong", right, wrong)
		    return 3
		}
	END
	background there ./verify >verified 2>&1 &
	wait_for verified ready
	start load_balancer --address $((10 << 24 | 77 << 16 | 2)) --port 4001 --first $((10 << 24 | 77 << 16 | 100)) --backends 4 --seconds 3
	ready balancing
	count_start here udp
	local i
	for i in 1 2 3 4 5 6 7 8; do send 10.77.1.$i 10 udp; done
	send 10.77.0.1 5 icmp
	expect_equal "arrived here" "$(count_stop here udp)" ""
	finish || true
	expect_line total log '^80 packets balanced$'
	expect_equal "of all backends" "$(sed -n 's/^backend .: //p' log | awk '{ n += $1; used += $1 > 0 } END { print n, (used > 1) }')" "80 1"
	wait_for verified wrong
	expect_line checksums verified '^80 right, 0 wrong$'
}

test_cgroup_firewall_refuses_a_port() {
	trap kinds_end EXIT
	group_make
	serve tcp 127.0.0.1 45113
	serve tcp 127.0.0.1 45114
	"$KS" build -o cgroup_firewall "$ROOT/examples/cgroup_firewall.ks"
	./cgroup_firewall --group "$GROUP" --port 45114 --seconds 2 >log 2>errors &
	PROGRAM=$!
	ready filtering
	expect_equal allowed "$(inside "$TOOLS/sockets" talk tcp 127.0.0.1 45113 2 10)" "ok 2 from 127.0.0.1:45113"
	expect_equal refused "$(inside "$TOOLS/sockets" talk tcp 127.0.0.1 45114 2 10 || true)" "connect: EPERM"
	expect_equal outside "$("$TOOLS/sockets" talk tcp 127.0.0.1 45114 2 10)" "ok 2 from 127.0.0.1:45114"
	finish || true
	expect_line counts log '^2 connections, 1 refused, [1-9][0-9]* bytes sent$'
}

test_syn_counter_drops_what_never_answers() {
	start syn_counter --unanswered 7 --seconds 4
	ready counting
	# A closed port answers with a reset; the other side never goes on, so every attempt stays unanswered.
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		there timeout 0.2 "$TOOLS/sockets" talk tcp 10.77.0.2 45115 1 1 >>said || true
	done
	finish || true
	expect_line counts log '^1[0-9]* attempts, [3-9][0-9]* dropped$'
	expect_equal "answered with a reset" "$(grep -c 'connect: ECONNREFUSED' said)" 7
}

test_dns_filter_drops_a_name() {
	start dns_filter --name ads --seconds 3
	ready filtering
	background here "$TOOLS/sockets" serve udp 10.77.0.2 53 >served &
	wait_for served ready
	local question='\0\1\1\0\0\1\0\0\0\0\0\0'
	there bash -c "for i in 1 2 3; do printf '$question\3ADS\7example\0\0\1\0\1' >/dev/udp/10.77.0.2/53; done
		for i in 1 2 3 4; do printf '$question\3www\7example\0\0\1\0\1' >/dev/udp/10.77.0.2/53; done"
	finish || true
	expect_line counts log '^7 questions, 3 dropped$'
}
