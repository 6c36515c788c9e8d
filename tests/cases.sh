# SPDX-License-Identifier: Apache-2.0
# Sourced by the test scripts: named cases, each in a subshell and a scratch folder of its own, and their totals.
#
#   test_some_name() { …; }    fails when a command fails; prints why on standard error
#   run_cases SUITE "$@"       runs every test_* function (or those whose name contains an argument)
#
# KS is the compiler under test, BUILD its build folder.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
KS=$(realpath "${KS:-$ROOT/build/debug/bin/ks}")
BUILD=$(dirname "$(dirname "$KS")")
TOOLS=${TOOLS:-$BUILD/tests}
SKIPPED=77
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=0:allocator_may_return_null=1}

# Whatever ends the script, nothing stays: end_case, if a script defines it, undoes what a case did.
end_run() {
	! declare -F end_case >/dev/null || end_case
	[ -z "${SCRATCH:-}" ] || rm -rf "$SCRATCH"
}
trap end_run EXIT
trap 'exit 130' INT TERM

# Ends the case as skipped.
skip() {
	echo "$*" >"$SCRATCH/.why"
	exit $SKIPPED
}

# Says why and makes the case fail, at once unless the caller goes on with `|| true`.
fail() {
	echo "    $*" | tee -a "$SCRATCH/.failed" >&2
	return 1
}

need_root() {
	[ "$(id -u)" = 0 ] || skip "needs root"
}

need_command() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

# expect_equal WHAT GOT WANTED
expect_equal() {
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
}

# expect_line WHAT FILE REGEX: some line of the file matches
expect_line() {
	grep -Eq -- "$3" "$2" && return
	fail "$1: no line matches '$3' in:" || sed 's/^/        /' "$2" >&2
	return 1
}

# wait_for FILE REGEX: up to 10 s
wait_for() {
	local i
	for ((i = 0; i < 200; i++)); do
		grep -Eq -- "$2" "$1" 2>/dev/null && return
		sleep 0.05
	done
	expect_line "waiting for output" "$1" "$2"
}

run_case() {
	SCRATCH=$(mktemp -d /tmp/ks-test-XXXXXX)
	(
		trap - EXIT
		set -eE
		trap 'echo "    line $LINENO: $BASH_COMMAND" >&2' ERR
		cd "$SCRATCH"
		"$1"
	) 2>"$SCRATCH/.log" >&2
	local status=$?
	[ $status != 0 ] || [ ! -e "$SCRATCH/.failed" ] || status=1
	declare -F end_case >/dev/null && end_case
	case $status in
	0) passed=$((passed + 1)) ;;
	"$SKIPPED")
		skipped=$((skipped + 1))
		echo "SKIP $2 ${1#test_}: skipped: $(cat "$SCRATCH/.why")"
		;;
	*)
		failed=$((failed + 1))
		echo "FAIL $2 ${1#test_}"
		tail -40 "$SCRATCH/.log"
		;;
	esac
	rm -rf "$SCRATCH"
	SCRATCH=
}

is_wanted() {
	local name=$1 filter
	shift
	[ $# != 0 ] || return 0
	for filter in "$@"; do
		[[ $name != *"$filter"* ]] || return 0
	done
	return 1
}

run_cases() {
	local suite=$1 name
	shift
	passed=0 failed=0 skipped=0
	for name in $(compgen -A function test_); do
		# Not `is_wanted && run_case`: bash ignores `set -e` in whatever is part of a condition.
		if ! is_wanted "$name" "$@"; then continue; fi
		run_case "$name" "$suite"
	done
	echo "$suite: $passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
}
