# SPDX-License-Identifier: Apache-2.0
# Sourced by the kernel tests and the demonstration: two network namespaces joined by a veth pair, and
# what is needed to leave nothing behind. Names carry the process id, so runs do not meet.
#
#   here (10.77.0.2, interface ks1)  <--- veth --->  (10.77.0.1, interface ks0) there
#
# Programs under test run "here"; traffic is sent from "there".

HERE=ks-here-$$ THERE=ks-there-$$
HERE_IP=10.77.0.2 THERE_IP=10.77.0.1

here() { ip netns exec "$HERE" "$@"; }
there() { ip netns exec "$THERE" "$@"; }

# background here|there COMMAND…: its process id is $!, so it can be signalled
background() {
	local namespace=$HERE
	[ "$1" = here ] || namespace=$THERE
	shift
	exec ip netns exec "$namespace" "$@"
}

# Two queues, each used by one CPU, so that two senders are received on two CPUs at once.
network_make() {
	ip netns add "$HERE"
	ip netns add "$THERE"
	ip -n "$THERE" link add ks0 numrxqueues 2 numtxqueues 2 type veth \
		peer name ks1 netns "$HERE" numrxqueues 2 numtxqueues 2
	# No IPv6: its neighbour discovery would be traffic that nobody asked for.
	local side
	for side in here there; do
		$side sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null || true
	done
	ip -n "$HERE" addr add $HERE_IP/24 dev ks1
	ip -n "$THERE" addr add $THERE_IP/24 dev ks0
	ip -n "$HERE" link set lo up
	ip -n "$HERE" link set ks1 up
	ip -n "$THERE" link set ks0 up
	there sh -c 'echo 1 >/sys/class/net/ks0/queues/tx-0/xps_cpus
		echo 2 >/sys/class/net/ks0/queues/tx-1/xps_cpus' 2>/dev/null || true
	for side in here there; do
		background $side "$TOOLS/pktsend" sink </dev/null >/dev/null 2>&1 &
	done
	HERE_MAC=$(here cat /sys/class/net/ks1/address)
	THERE_MAC=$(there cat /sys/class/net/ks0/address)
}

# Ends what runs in the namespaces, then removes them; the links and programs attached there go with them.
network_remove() {
	local ns pids
	for ns in "$HERE" "$THERE"; do
		pids=$(ip netns pids "$ns" 2>/dev/null) || continue
		[ -z "$pids" ] || kill -TERM $pids 2>/dev/null || true
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			pids=$(ip netns pids "$ns" 2>/dev/null) || break
			[ -n "$pids" ] || break
			sleep 0.1
		done
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
		ip netns del "$ns" 2>/dev/null || true
	done
}

# send SOURCE_IP COUNT [PROTOCOL] [SIZE] [CPUS]: packets from there to here
send() {
	there "$TOOLS/pktsend" send ks0 "$HERE_MAC" $HERE_IP "$@"
}

# send_back COUNT [PROTOCOL] [SIZE] [CPUS]: packets from here to there, some of which may not get out
send_back() {
	here "$TOOLS/pktsend" offer ks1 "$THERE_MAC" $THERE_IP $HERE_IP "$@"
}

# count_start here|there PROTOCOL; then count_stop here|there PROTOCOL prints "SOURCE N" lines
count_start() {
	background "$1" "$TOOLS/pktsend" count "$2" >"arrived.$1.$2" &
	echo $! >"counter.$1.$2"
	wait_for "arrived.$1.$2" ready
}

count_stop() {
	sleep 0.1
	kill -TERM "$(cat "counter.$1.$2")"
	wait_for "arrived.$1.$2" end
	grep -Ev 'ready|end' "arrived.$1.$2" || true
}
