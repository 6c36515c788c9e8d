#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing on Debian 12, builds ks, compiles examples/packet_quota.ks and shows it at work
# between two network namespaces: as root, or with sudo. Leaves nothing behind but the build folder.
set -euo pipefail
cd "$(dirname "$0")"
. tests/setup.sh

if [ "${1:-}" != --built ]; then
	install_packages "${BUILD_PACKAGES[@]}"
	mount_kernel_filesystems
	build_preset release
	[ -z "$SUDO" ] || exec sudo "$0" --built
	[ "$(id -u)" = 0 ] || { echo "The demonstration makes network namespaces: run it as root." && exit 1; }
fi

KS=$PWD/build/release/bin/ks
. tests/cases.sh
. tests/network.sh
SCRATCH=$(mktemp -d /tmp/ks-demo-XXXXXX)
end_case() { network_remove; }

# Address, packets of a round, protocol, size of each packet.
traffic=("10.77.0.1 10 udp 64" "10.77.0.3 10 udp 1400" "10.77.0.4 10 icmp 100" "192.168.7.7 3 icmp 1000")

# Sends the traffic and prints what came through the XDP program.
round() {
	local line source count protocol size got
	count_start here udp
	count_start here icmp
	for line in "${traffic[@]}"; do send $line; done
	{ count_stop here udp; count_stop here icmp; } >arrived
	printf '   %-14s %-9s %6s %8s %8s\n' source protocol sent passed dropped
	for line in "${traffic[@]}"; do
		read -r source count protocol size <<<"$line"
		got=$(sed -n "s/^$source //p" arrived)
		printf '   %-14s %-9s %6d %8d %8d\n' "$source" "$protocol" "$count" "${got:-0}" $((count - ${got:-0}))
	done
}

step "Compiling: ks build packet_quota.ks   (one file: the part for the kernel and the program that drives it)"
cp examples/packet_quota.ks "$SCRATCH"
cd "$SCRATCH"
"$KS" build packet_quota.ks
ls -l packet_quota | awk '{print "   " $5 " bytes, nothing else needed to run it: " $9}'

step "Two network namespaces with a veth pair between them"
network_make

step "Starting: ./packet_quota --interface ks1 --limit 5 --next-limit 12 --seconds 4"
background here ./packet_quota --interface ks1 --limit 5 --next-limit 12 --seconds 4 >log 2>&1 &
program=$!
wait_for log 'limit: 5 '
sed 's/^/   it prints: /' log

step "Sending UDP and ICMP packets of 64 to 1400 bytes from four addresses: 5 of each may pass"
round

wait_for log 'limit: 12 '
step "The running program has changed the limit"
tail -1 log | sed 's/^/   it prints: /'

step "Sending the same again: three counters stand at 10, so packets 11 and 12 pass"
round

wait $program
step "What the program read back from its map"
grep sent log | sed 's/^/   it prints: /'
network_remove
step "Done: namespaces, programs and files are removed"
