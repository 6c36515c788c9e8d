#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ks against clang and libbpf on the same programs, side by side: build time and memory, instructions, what the
# verifier processed, time of a run. Needs root, clang-19, bpftool, libbpf-dev.
#   bench/run.sh [PROGRAM…]       prints tables in Markdown
# A program is a file of examples/ with an equivalent in bench/c/PROGRAM.bpf.c. With bench/c/PROGRAM.c, its
# userspace half, the build of the whole is measured, too.
set -euo pipefail
cd "$(dirname "$0")/.."
KS=${KS:-build/release/bin/ks}
TOOLS=${TOOLS:-build/release/tests}
SCHED_EXT_BTF=${SCHED_EXT_BTF:-$HOME/.cache/ks-kernels/vmlinux-6.18} # types of a kernel with sched_ext
out=$(mktemp -d /tmp/ks-bench-XXXXXX)
groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
group=$groups/ks-bench-$$
cleanup() {
	rm -rf "$out"
	rmdir "$group" 2>/dev/null || true
}
trap cleanup EXIT

ROUNDS=${ROUNDS:-7}       # least time of so many builds, least mean of so many runs
REPEAT=${REPEAT:-1000000} # runs of a program on a packet, of which the mean is taken
EVENTS=${EVENTS:-2000}    # things that happen for programs that watch, in one round

ethernet=001122334455667788990011
# From 192.168.0.5 port 4000 to 192.168.0.1 port 4001: 64 bytes of UDP, the beginning of a TCP connection
UDP=${ethernet}080045000032000000004011000ac0a80005c0a800010fa00fa1001e000000000000000000000000000000000000000000000000
TCP=${ethernet}080045000028000000004006000ac0a80005c0a800010fa00fa1000000010000000050020200000000000000000000000000
# A question for ads.example; a packet with two VLAN tags
DNS=${ethernet}080045000039000000004011000ac0a80005c0a800010fa00035002500000001010000010000000000000341445307657861
DNS=${DNS}6d706c650000010001
VLAN=${ethernet}88a80064810000c8080045000032000000004011000ac0a80005c0a800010fa00fa1001e00000000000000000000000000000000

packet_of() {
	case $1 in
	syn_counter) echo $TCP ;;
	dns_filter) echo $DNS ;;
	header_parser) echo $VLAN ;;
	*) echo $UDP ;;
	esac
}

# Entries that the program finds, so that it does all of its work.
entries_of() {
	case $1 in
	load_balancer) echo --set services=c0a800010fa10000:01000000 --set services=000000000fa10000:01000000 ;;
	prefix_firewall) echo --set rules=18000000c0a80000:01000000000000000000000000000000 ;;
	esac
}

source_of() { if [ -f "examples/$1.ks" ]; then echo "examples/$1.ks"; else echo "examples/sched_ext/$1.ks"; fi; }

# What only the types of another kernel know is not judged for this one.
options_of() { case $(source_of "$1") in */sched_ext/*) echo "--kernel 6.18 --btf $SCHED_EXT_BTF --no-verify" ;; esac; }

names=("$@")
[ ${#names[@]} != 0 ] || names=($(ls bench/c/*.bpf.c | sed 's,.*/,,; s/\.bpf\.c$//'))
programs=()
for p in "${names[@]}"; do
	case $(source_of "$p") in
	*/sched_ext/*) [ -f "$SCHED_EXT_BTF" ] || continue ;;
	esac
	programs+=("$p")
done

value() { sed -n "s/.* $1=\([-0-9.]*\).*/\1/p" <<<" $2 "; }
megabytes() { awk "BEGIN { printf \"%.0f\", $1 / 1024 }"; }
clang_bpf() {
	"${CLANG:-clang-19}" -O2 -g -target bpf -I"/usr/include/$(gcc -print-multiarch)" -c "bench/c/$1.bpf.c" -o "$2"
}

for p in "${programs[@]}"; do # once without the clock, so that all files are in memory
	# shellcheck disable=SC2046
	"$KS" build --emit=bpf $(options_of "$p") -o "$out/$p.ks.o" "$(source_of "$p")" 2>/dev/null
	clang_bpf "$p" "$out/$p.clang.o"
done

# ---- builds ----

whole=()
for p in "${programs[@]}"; do [ ! -f "bench/c/$p.c" ] || whole+=("$p"); done
if [ ${#whole[@]} != 0 ]; then
	echo "Build of the whole program (eBPF and userspace), least of $ROUNDS:"
	echo
	echo "| program | ks ms | C ms | C / ks | ks MB | C MB | ks --emit=bpf ms | clang -target bpf ms |"
	echo "|---|---|---|---|---|---|---|---|"
fi
for p in "${whole[@]}"; do
	"$KS" build -o "$out/$p.ksbin" "examples/$p.ks" 2>/dev/null
	bench/c/build.sh "$p" "$out"
	ks=$("$TOOLS/measure" "$ROUNDS" "$KS" build -o "$out/$p.ksbin" "examples/$p.ks" 2>/dev/null)
	c=$("$TOOLS/measure" "$ROUNDS" bench/c/build.sh "$p" "$out")
	bpf=$("$TOOLS/measure" "$ROUNDS" "$KS" build --emit=bpf -o "$out/$p.o" "examples/$p.ks" 2>/dev/null)
	clang=$("$TOOLS/measure" "$ROUNDS" "${CLANG:-clang-19}" -O2 -g -target bpf \
		-I"/usr/include/$(gcc -print-multiarch)" -c "bench/c/$p.bpf.c" -o "$out/again.o")
	echo "| $p | $(value ms "$ks") | $(value ms "$c") | $(awk "BEGIN { printf \"%.1f\", $(value ms "$c") / $(value ms "$ks") }") |" \
		"$(megabytes "$(value kb "$ks")") | $(megabytes "$(value kb "$c")") | $(value ms "$bpf") | $(value ms "$clang") |"
done
[ ${#whole[@]} = 0 ] || echo

# ---- eBPF programs ----

# measure_one PROGRAM OBJECT: one round of "program …" and "run …" lines
measure_one() {
	# shellcheck disable=SC2046
	if ! "$TOOLS/prog_run" "$2" $(entries_of "$1") --packet "$(packet_of "$1")" --repeat "$REPEAT" 2>/dev/null; then
		"$TOOLS/prog_run" "$2" --count 2>/dev/null || true # libbpf may be too old for it
		return 0
	fi
}

# Programs that the kernel cannot run by itself, at real events
measure_events() {
	[ -n "$groups" ] || return 0
	mkdir -p "$group"
	timeout 120 "$TOOLS/prog_events" "$1" --group "$group" --rounds "$ROUNDS" --events "$EVENTS" 2>/dev/null || true
	rmdir "$group" 2>/dev/null || sleep 0.2
	rmdir "$group" 2>/dev/null || true
}

# Something was loaded that did not run.
needs_events() { [ "$(sed -n 's/^program \([^ ]*\) .*/\1/p' "$1" | sort -u)" != "$(sed -n 's/^run \([^ ]*\) .*/\1/p' "$1" | sort -u)" ]; }

# rows FILE: "function insns machine processed ns" for each program; members of structs are named alike
rows() {
	sed 's/ ks_\(gentle\|fifo\)_/ /' "$1" | awk '
		function value(name,  i) { for (i = 1; i <= NF; i++) if (index($i, name "=") == 1) return substr($i, length(name) + 2); return "-" }
		$1 == "program" { seen[$2] = 1; insns[$2] = value("insns"); processed[$2] = value("processed"); machine[$2] = value("jited") }
		$1 == "run" { ns = value("ns"); if (!($2 in best) || ns + 0 < best[$2] + 0) best[$2] = ns }
		END { for (p in seen) print p, insns[p], machine[p], processed[p], (p in best) ? best[p] : "-" }' | sort
}

echo "The eBPF programs: instructions in the object, bytes of machine code, instructions that the verifier"
echo "processed, nanoseconds of a run (the least mean of $ROUNDS rounds):"
echo
echo "| program | eBPF function | insns ks | clang | ratio | machine code ks | clang | processed ks | clang | ratio | ns ks | clang | ratio |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
for p in "${programs[@]}"; do
	for ((i = 0; i < ROUNDS; i++)); do
		for side in ks clang; do measure_one "$p" "$out/$p.$side.o" >>"$out/$p.$side.txt"; done
	done
	if needs_events "$out/$p.ks.txt"; then
		for side in ks clang ks clang; do measure_events "$out/$p.$side.o" >>"$out/$p.$side.txt"; done
	fi
	join <(rows "$out/$p.ks.txt") <(rows "$out/$p.clang.txt") | sed "s/^/$p /"
done | awk '
	function ratio(a, b, k) { if (a == "-" || b == "-" || !(a + 0) || !(b + 0)) return "-"; sum[k] += log(a / b); count[k]++; return sprintf("%.2f", a / b) }
	{
		printf "| %s | %s | %s | %s | %s ", $1, $2, $3, $7, ratio($3, $7, "insns")
		printf "| %s | %s | %s | %s | %s ", $4, $8, $5, $9, ratio($5, $9, "processed")
		printf "| %s | %s | %s |\n", $6, $10, ratio($6, $10, "ns")
	}
	END {
		printf "\nGeometric means of ks / clang: "
		printf "instructions %.3f (%d functions), processed %.3f (%d), ns %.3f (%d).\n", exp(sum["insns"] / count["insns"]), count["insns"],
			exp(sum["processed"] / count["processed"]), count["processed"], exp(sum["ns"] / count["ns"]), count["ns"]
	}'

echo
echo "The interpreter: $("$TOOLS/vmtest" speed) in a loop; on the programs that get packets:"
echo
echo "| eBPF program | instructions of a run | ns | million instructions per second |"
echo "|---|---|---|---|"
for p in "${programs[@]}"; do
	"$TOOLS/vmtest" speed "$out/$p.ks.o"
done
