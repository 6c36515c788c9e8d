#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing on Debian 12, builds, and runs all tests: as root, or with sudo.
#   ./test.sh            everything: a debug build, and the same suites under ASan and UBSan
#   ./test.sh --quick    the debug build only
#   ./test.sh --guests   also Debian's kernels in qemu, some minutes; skipped where these cannot be had
# The last line gives the totals; the exit status is 0 when nothing failed.
set -euo pipefail
cd "$(dirname "$0")"
. tests/setup.sh

passed=0 failed=0 skipped=0
results=$(mktemp /tmp/ks-results-XXXXXX) beside=$(mktemp /tmp/ks-results-XXXXXX)
trap 'rm -f "$results" "$beside"' EXIT

# Adds up every "N passed, N failed, N skipped" of a suite's output.
add_totals() {
	local p f s
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done < <(sed -En 's/.* ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$results")
}

# suite WHAT COMMAND…: a suite that ends without totals has crashed and counts as a failure
suite() {
	local start=$SECONDS
	step "$1"
	shift
	"$@" 2>&1 | tee "$results" || true
	grep -Eq '[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$results" ||
		echo "the suite ended early: 0 passed, 1 failed, 0 skipped" | tee -a "$results"
	add_totals
	echo "   $((SECONDS - start)) s"
}

unit_tests() {
	local test log p=0 f=0 line
	log=$(mktemp /tmp/ks-unit-XXXXXX)
	for test in "$1"/tests/unit/*_test; do
		timeout 300 "$test" --jobs 6 >"$log" 2>&1 || true
		line=$(sed -En 's/.*Tested: ([0-9]+) \| Passing: ([0-9]+) .*/\1 \2/p' "$log" | tail -1)
		[ -n "$line" ] || line="1 0"
		[ "${line% *}" = "${line#* }" ] || { echo "FAIL $(basename "$test")"; tail -30 "$log"; }
		p=$((p + ${line#* })) f=$((f + ${line% *} - ${line#* }))
	done
	rm -f "$log"
	echo "unit: $p passed, $f failed, 0 skipped"
}

# compiler_suites BUILD VARIABLE=VALUE…: everything that a build of the compiler can be judged by, kernel or not; the
# variables say how many programs are generated.
compiler_suites() {
	local build=$PWD/build/$1
	suite "Unit tests ($1)" unit_tests "$build"
	suite "Golden tests and diagnostics ($1)" $SUDO "$build/tests/golden" --ks "$build/bin/ks" --tests tests
	suite "The command line ($1)" $SUDO env KS="$build/bin/ks" tests/command/run.sh
	suite "Documentation ($1)" $SUDO env KS="$build/bin/ks" tests/docs/run.sh
	suite "The language server ($1)" $SUDO env KS="$build/bin/ks" tests/lsp/run.sh
	suite "What lowered eBPF code computes ($1)" $SUDO env KS="$build/bin/ks" tests/lower/run.sh
	suite "Broken input ($1)" $SUDO env KS="$build/bin/ks" tests/broken/run.sh
	suite "The same function in eBPF, in the interpreter, in userspace and in a model ($1)" \
		$SUDO env KS="$build/bin/ks" tests/diff/run.sh
	suite "The interpreter and the kernel ($1)" $SUDO env KS="$build/bin/ks" tests/vm/run.sh
	suite "ks test ($1)" $SUDO env KS="$build/bin/ks" tests/kstest/run.sh
	suite "Generated programs ($1)" $SUDO env KS="$build/bin/ks" "${@:2}" tests/gen/run.sh
	suite "Kept inputs of the fuzzers ($1)" $SUDO env KS="$build/bin/ks" tests/fuzz/run.sh
}

install_packages "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
install_packages linux-source-6.12 || true # what needs it says so
mount_kernel_filesystems
build_preset debug
suite "Checks of the tree itself" tests/checks/run.sh
# The longest one, on the second core beside the others; its output comes when it is its turn.
$SUDO env KS="$PWD/build/debug/bin/ks" tests/verify/run.sh >"$beside" 2>&1 &
compiler_suites debug EDITED=300
suite "Structs as C lays them out" env KS="$PWD/build/debug/bin/ks" tests/layout/run.sh
suite "What the verifier looked at, shown" env KS="$PWD/build/debug/bin/ks" tests/see/run.sh
suite "Built programs on this kernel, with traffic" $SUDO env KS="$PWD/build/debug/bin/ks" tests/kernel/run.sh
wait
suite "The simulated verifier and the kernel's" cat "$beside"
if [ "${1:-}" != --quick ]; then
	build_preset asan
	compiler_suites asan PROGRAMS=300 LOADED=50
fi
if [ "${1:-}" = --guests ]; then
	install_packages qemu-system-x86 busybox-static cpio zstd lz4 xz-utils kmod || true
	suite "Other kernels, in guests" $SUDO env KS="$PWD/build/debug/bin/ks" tests/guest/run.sh
	suite "The simulated verifier and those of other kernels" $SUDO env KS="$PWD/build/debug/bin/ks" tests/verify/guests.sh
	install_packages qemu-system-misc gcc-s390x-linux-gnu libc6-dev-s390x-cross || true
	suite "A big-endian machine, in a guest" $SUDO env KS="$PWD/build/debug/bin/ks" tests/guest/big.sh
fi

step "All suites"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
