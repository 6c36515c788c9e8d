#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How time and memory of the compiler grow with the program: generated programs of 10,000 and 100,000 lines, and
# `ks check` of a small program beside clang's check of the same program in C.
#   bench/compile.sh          prints tables in Markdown
set -euo pipefail
cd "$(dirname "$0")/.."
KS=${KS:-build/release/bin/ks}
TOOLS=${TOOLS:-build/release/tests}
ROUNDS=${ROUNDS:-5} # least time of so many
out=$(mktemp -d /tmp/ks-compile-XXXXXX)
trap 'rm -rf "$out"' EXIT

# generate LINES: half of them userspace functions, half eBPF programs; one function in each half is a tenth of it
generate() {
	awk -v lines="$1" '
	function body(i, update) {
		print "    var x: u64 = b + " i
		print "    var y: u32 = a ^ " i * 7 % 65536
		print "    for (j in 0.." 2 + i % 7 ") {"
		print "        if (y > " i % 100 ") { x += y as u64 } else { x ^= " i % 255 " }"
		print "        y = y * 3 + j"
		print "    }"
		if (update) {
			print "    counts[y & 1023] += x"
			print "    if (counts[y & 1023] > " i * 3 + 9 ") { x = x - 1 }"
		}
		print "    x = match (y & 3) { 0: x, 1: x * 2, 2: x + 5, default: x - 1 }"
	}
	function huge(count,  i) {
		for (i = 0; i < count; i++) {
			print "    x = x * " i % 13 + 3 " + y as u64"
			print "    y = y ^ " i % 4093
			print "    if (y % " i % 11 + 2 " == 0) { x += " i " } else { y += 1 }"
		}
	}
	BEGIN {
		print "include \"xdp.kh\""
		print "var counts : hash<u32, u64>(1024)"
		for (i = 0; made < lines * 0.45; i++) {
			print "fn user_" i "(a: u32, b: u64) -> u64 {"
			body(i, 0)
			print "    return x\n}"
			made += 10
		}
		for (p = 0; made < lines * 0.9; p++) {
			print "@xdp fn program_" p "(ctx: *xdp_md) -> xdp_action {"
			print "    var a = ctx->rx_queue_index"
			print "    var b: u64 = " p
			body(p, 1)
			print "    if (x > 5) { return XDP_DROP }\n    return XDP_PASS\n}"
			made += 15
		}
		print "fn user_huge(a: u32, b: u64) -> u64 {\n    var x = b\n    var y = a"
		huge(lines / 60)
		print "    return x\n}"
		print "@xdp fn program_huge(ctx: *xdp_md) -> xdp_action {"
		print "    var x: u64 = 1\n    var y = ctx->ingress_ifindex"
		huge(lines / 60)
		print "    if (x > 5) { return XDP_DROP }\n    return XDP_PASS\n}"
		print "fn main() -> i32 {\n    var s: u64 = user_huge(1, 2)"
		for (k = 0; k < i; k++) print "    s += user_" k "(" k ", s)"
		print "    print(s)\n    return 0\n}"
	}'
}

value() { sed -n "s/.* $1=\([-0-9.]*\).*/\1/p" <<<" $2 "; }
measure() { "$TOOLS/measure" "$ROUNDS" "$@" 2>/dev/null; }
row() { awk -v what="$1" -v a="$2" -v b="$3" 'BEGIN { printf "| %s | %.2f | %.2f | %.1f |\n", what, a, b, b / a }'; }

generate 10000 >"$out/small.ks"
generate 100000 >"$out/large.ks"
echo "Generated programs of $(wc -l <"$out/small.ks") and $(wc -l <"$out/large.ks") lines, least of $ROUNDS:"
echo
echo "| | small | large | ratio |"
echo "|---|---|---|---|"
for what in "check" "build --emit=bpf -o $out/object.o" "build --emit=ir -o $out/text.ir"; do
	small=$(measure "$KS" $what "$out/small.ks") large=$(measure "$KS" $what "$out/large.ks")
	shown=${what%% -o*}
	row "\`ks $shown\`, s" "$(awk "BEGIN { print $(value ms "$small") / 1000 }")" "$(awk "BEGIN { print $(value ms "$large") / 1000 }")"
	row "\`ks $shown\`, MB" "$(awk "BEGIN { print $(value kb "$small") / 1024 }")" "$(awk "BEGIN { print $(value kb "$large") / 1024 }")"
done

# tracked COUNT: one function with so many pointers and as many bools that say something of them
tracked() {
	awk -v count="$1" 'BEGIN {
		print "struct Node { value: u32, next: *Node }"
		print "fn find(n: *Node, x: u32) -> *Node {\n    if (x > 3) { return null }\n    return n\n}"
		print "fn many(n: *Node) -> u32 {\n    var sum: u32 = 0"
		for (i = 0; i < count; i++) {
			print "    var p" i " = find(n, " i % 7 ")\n    var b" i " = p" i " != null"
			print "    if (b" i ") { sum += p" i "->value }"
		}
		print "    return sum\n}"
		print "fn main() -> i32 {\n    var n = Node { value: 1 }\n    print(many(&n))\n    return 0\n}"
	}'
}

# bound COUNT: a helper with a function parameter that is called with so many functions
bound() {
	awk -v count="$1" 'BEGIN {
		print "@helper fn apply(f: fn(u32) -> u32, x: u32) -> u32 { return f(x) * 2 }"
		for (i = 0; i < count; i++) print "@helper fn f" i "(x: u32) -> u32 { return x + " i " }"
		for (i = 0; i < count; i += 50) {
			print "@helper fn g" i "(a: u32) -> u32 {\n    var x = a"
			for (j = i; j < i + 50; j++) print "    x = apply(f" j ", x)"
			print "    return x\n}"
			print "@xdp fn p" i "(ctx: *xdp_md) -> xdp_action { return g" i "(ctx->rx_queue_index) as xdp_action }"
		}
	}'
}

echo
echo "\`ks check\`, seconds: one function with N pointers and N bools, and one helper that is called with N functions:"
echo
echo "| | 1,000 | 5,000 | ratio |"
echo "|---|---|---|---|"
for what in tracked bound; do
	$what 1000 >"$out/small.ks"
	$what 5000 >"$out/large.ks"
	small=$(measure "$KS" check "$out/small.ks") large=$(measure "$KS" check "$out/large.ks")
	row $what "$(awk "BEGIN { print $(value ms "$small") / 1000 }")" "$(awk "BEGIN { print $(value ms "$large") / 1000 }")"
done

echo
echo "Checking examples/packet_quota.ks, and its eBPF half in C, least of $ROUNDS:"
echo
ks=$(measure "$KS" check examples/packet_quota.ks)
clang=$(measure "${CLANG:-clang-19}" -fsyntax-only -target bpf -I"/usr/include/$(gcc -print-multiarch)" bench/c/packet_quota.bpf.c)
echo "| | ms | MB |"
echo "|---|---|---|"
for what in ks clang; do
	echo "| $what | $(value ms "${!what}") | $(awk "BEGIN { printf \"%.0f\", $(value kb "${!what}") / 1024 }") |"
done
