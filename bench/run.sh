#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ks against clang and libbpf on the same programs, side by side: build time and memory, size, instructions,
# what the verifier processed, time of a run on a UDP packet. Needs root, clang-19, bpftool, libbpf-dev.
#   bench/run.sh [PROGRAM…]       prints tables in Markdown
set -euo pipefail
cd "$(dirname "$0")/.."
KS=${KS:-build/release/bin/ks}
TOOLS=${TOOLS:-build/release/tests}
out=$(mktemp -d /tmp/ks-bench-XXXXXX)
trap 'rm -rf "$out"' EXIT

ROUNDS=${ROUNDS:-7}       # least time of so many builds
REPEAT=${REPEAT:-1000000} # runs of a program, of which the mean is taken; the least of ROUNDS such means
# Ethernet, IPv4 from 192.168.0.5, UDP from port 4000 to 4001, 64 bytes
PACKET=001122334455667788990011080045000032000000004011000ac0a80005c0a800010fa00fa1001e000000000000000000000000000000000000000000000000

programs=("$@")
[ ${#programs[@]} != 0 ] || programs=(packet_filter packet_quota protocol_counter tc_counter map_idioms firewall header_parser
	syscall_counter open_snoop runqueue_latency tcp_retransmits off_cpu)

value() { sed -n "s/.* $1=\([-0-9.]*\).*/\1/p" <<<" $2 "; }
megabytes() { awk "BEGIN { printf \"%.0f\", $1 / 1024 }"; }

# program_rows OBJECT: "function insns processed ns" for each program of an object
program_rows() {
	local i
	for ((i = 0; i < ROUNDS; i++)); do
		"$TOOLS/prog_run" "$1" --packet $PACKET --repeat "$REPEAT"
	done | awk '
		function value(name,  i) { for (i = 1; i <= NF; i++) if (index($i, name "=") == 1) return substr($i, length(name) + 2) }
		$1 == "program" { order[$2] = order[$2] ? order[$2] : ++count; insns[$2] = value("insns"); processed[$2] = value("processed"); machine[$2] = value("jited") }
		$1 == "run" { ns = value("ns"); if (!($2 in best) || ns + 0 < best[$2] + 0) best[$2] = ns }
		END { for (p in order) print p, insns[p], machine[p], processed[p], (p in best) ? best[p] : "-" }' | sort
}

for p in "${programs[@]}"; do # once without the clock, so that all files are in memory
	"$KS" build -o "$out/$p.ksbin" "examples/$p.ks" 2>/dev/null
	bench/c/build.sh "$p" "$out"
done

echo "Build of the whole program (eBPF and userspace), least of $ROUNDS:"
echo
echo "| program | ks ms | C ms | C / ks | ks MB | C MB | ks --emit=bpf ms | clang -target bpf ms |"
echo "|---|---|---|---|---|---|---|---|"
for p in "${programs[@]}"; do
	ks=$("$TOOLS/measure" "$ROUNDS" "$KS" build -o "$out/$p.ksbin" "examples/$p.ks" 2>/dev/null)
	c=$("$TOOLS/measure" "$ROUNDS" bench/c/build.sh "$p" "$out")
	bpf=$("$TOOLS/measure" "$ROUNDS" "$KS" build --emit=bpf -o "$out/$p.o" "examples/$p.ks" 2>/dev/null)
	clang=$("$TOOLS/measure" "$ROUNDS" "${CLANG:-clang-19}" -O2 -g -target bpf \
		-I"/usr/include/$(gcc -print-multiarch)" -c "bench/c/$p.bpf.c" -o "$out/$p.clang.o")
	echo "| $p | $(value ms "$ks") | $(value ms "$c") | $(awk "BEGIN { printf \"%.1f\", $(value ms "$c") / $(value ms "$ks") }") |" \
		"$(megabytes "$(value kb "$ks")") | $(megabytes "$(value kb "$c")") | $(value ms "$bpf") | $(value ms "$clang") |"
done

echo
echo "The eBPF programs: instructions in the object, bytes of machine code, instructions that the verifier"
echo "processed, nanoseconds of a run (least of $ROUNDS means over $REPEAT runs):"
echo
echo "| eBPF program | insns ks | clang | machine code ks | clang | processed ks | clang | ns ks | clang |"
echo "|---|---|---|---|---|---|---|---|---|"
for p in "${programs[@]}"; do
	join <(program_rows "$out/$p.o") <(program_rows "$out/$p.bpf.o") |
		awk '{ print "| " $1 " | " $2 " | " $6 " | " $3 " | " $7 " | " $4 " | " $8 " | " $5 " | " $9 " |" }'
done

echo
echo "The interpreter: $("$TOOLS/vmtest" speed) in a loop; on the programs that get packets:"
echo
echo "| eBPF program | instructions of a run | ns | million instructions per second |"
echo "|---|---|---|---|"
for p in "${programs[@]}"; do
	"$TOOLS/vmtest" speed "$out/$p.o"
done
