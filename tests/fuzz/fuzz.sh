#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs libFuzzer on one target and keeps what it finds:
#	tests/fuzz/fuzz.sh syntax|sema|compile|btf|object|verify|vm SECONDS
# Begins with the kept corpus, the sources of the tree and, for BTF, pieces of the running kernel's. What ends the
# target lies in build/fuzz/crashes/TARGET afterwards; the corpus, without what adds no coverage, is packed again.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1 seconds=$2
found=build/fuzz/found/$target crashes=build/fuzz/crashes/$target
kept=tests/fuzz/corpus/$target.tar.xz

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null
rm -rf "$found"
mkdir -p "$found/corpus" "$found/merged" "$crashes" tests/fuzz/corpus
[ ! -e "$kept" ] || tar -xf "$kept" -C "$found/corpus"
if [ "$target" = btf ]; then
	build/fuzz/tests/fuzzseeds btf "$found/corpus"
	dictionary=()
elif [[ $target = object || $target = verify || $target = vm ]]; then
	build/fuzz/tests/fuzzseeds code "$found/corpus" examples/*.ks tests/exec/*.ks tests/kstest/*.ks
	dictionary=()
else
	git ls-files '*.ks' '*.kh' | while read -r file; do
		cp "$file" "$found/corpus/$(tr / _ <<<"$file")"
	done
	build/fuzz/tests/fuzzseeds dictionary >"$found/dictionary"
	dictionary=(-dict="$found/dictionary")
fi
export ASAN_OPTIONS=detect_leaks=0
nice -n 19 build/fuzz/bin/fuzz_$target -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -timeout=20 -rss_limit_mb=1500 \
	-max_len=16000 "${dictionary[@]}" -artifact_prefix="$crashes/" -max_total_time="$seconds" "$found/corpus" ||
	true
nice -n 19 build/fuzz/bin/fuzz_$target -merge=1 "$found/merged" "$found/corpus" 2>&1 | tail -2
tar -cJf "$kept" -C "$found/merged" --sort=name --owner=0 --group=0 --mtime=2020-01-01 .
ls "$crashes"
