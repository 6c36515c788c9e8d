#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Bad input: every source in files/, and those that are made here because they are large, unreadable
# or no files at all, must give a message and exit status 1 or 2, in time, and leave no output.
#   tests/broken/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

TIME_LIMIT=20

# refused SOURCE: by `check` and by `build`
refused() {
	local action status
	for action in check "build -o made"; do
		status=0
		timeout -s ABRT $TIME_LIMIT "$KS" $action "$1" >out 2>err </dev/null || status=$?
		[ $status = 1 ] || [ $status = 2 ] || fail "ks $action $1: exit status $status, $(tail -c 300 err)"
		grep -Eq 'error' err || fail "ks $action $1: no message"
		! grep -Eq 'Sanitizer|runtime error' err || fail "ks $action $1: $(head -c 2000 err)"
		[ "$(stat -c %s err)" -lt 1000000 ] || fail "ks $action $1: a message of $(stat -c %s err) bytes"
		[ ! -e made ] || { rm made && fail "ks build $1 left an output file"; }
	done
}

# repeat COUNT TEXT
repeat() {
	yes "$2" | head -n "$1" | tr -d '\n'
}

test_each_broken_file_is_refused() {
	local file
	for file in "$ROOT"/tests/broken/files/*.ks; do
		refused "$file" || true
	done
}

# A valid program cut at every 7th byte must never do worse than give errors.
test_truncated_programs_are_refused_or_accepted_but_never_crash() {
	local size i status
	size=$(stat -c %s "$ROOT/examples/packet_quota.ks")
	for ((i = 1; i < size; i += 97)); do
		head -c $i "$ROOT/examples/packet_quota.ks" >cut.ks
		status=0
		timeout -s ABRT $TIME_LIMIT "$KS" check cut.ks >out 2>err || status=$?
		[ $status -le 1 ] || fail "cut at $i: exit status $status, $(tail -c 300 err)"
	done
}

test_bytes_changed_at_random_never_crash() {
	local i status size at
	RANDOM=4711
	size=$(stat -c %s "$ROOT/examples/firewall.ks")
	for ((i = 0; i < 60; i++)); do
		cp "$ROOT/examples/firewall.ks" changed.ks
		at=$(((RANDOM * 32768 + RANDOM) % size))
		printf "\\x$(printf %02x $((RANDOM % 256)))" |
			dd of=changed.ks bs=1 seek=$at conv=notrunc status=none
		status=0
		timeout -s ABRT $TIME_LIMIT "$KS" check changed.ks >out 2>err || status=$?
		[ $status -le 1 ] || fail "byte $at of change $i: exit status $status, $(tail -c 300 err)"
	done
}

test_binary_files() {
	cp /bin/true program.ks
	refused program.ks
	head -c 300000 /dev/zero >zeros.ks
	refused zeros.ks
	seq 100000 | gzip -9 >noise.ks
	refused noise.ks
}

test_deep_nesting() {
	local n=100000
	{ echo 'fn main() -> i32 { return '; repeat $n '('; echo 1; repeat $n ')'; echo '}'; } >parens.ks
	refused parens.ks
	{ echo 'fn main() -> i32 { return '; repeat $n '('; } >open.ks
	refused open.ks
	{ echo 'fn main() -> i32 { return '; repeat $n '-'; echo '1 }'; } >minus.ks
	refused minus.ks
	{ echo 'fn main() -> i32 { return '; repeat $n '!'; echo '1 }'; } >not.ks
	refused not.ks
	{ echo 'fn main() -> i32 {'; repeat $n '{'; repeat $n '}'; echo '}'; } >blocks.ks
	refused blocks.ks
	{ echo 'fn main() -> i32 {'; repeat $n 'if (1) { '; repeat $n '}'; echo '}'; } >ifs.ks
	refused ifs.ks
	{ echo -n 'var x: '; repeat $n '*'; echo 'u8'; } >pointers.ks
	refused pointers.ks
	{ echo -n 'var x: '; repeat $n '['; echo 'u8'; } >brackets.ks
	refused brackets.ks
	{ echo 'fn main() -> i32 { var x = 1'; echo -n 'return x'; repeat $n '[0]'; echo; echo '}'; } >index.ks
	refused index.ks
	{ echo 'fn main() -> i32 { return '; repeat $n 'match (1) { default: '; } >matches.ks
	refused matches.ks
}

test_long_chains() {
	local n=100000
	{ echo 'fn main() -> i32 { var a: i32 = 1'; echo -n 'return a'; repeat $n ' + nosuch'; echo; echo '}'; } >sum.ks
	refused sum.ks
	{ echo 'fn main() -> i32 {'; echo -n 'if (1) { }'; repeat $n ' else if (nosuch) { }'; echo; echo 'return 0 }'; } >elses.ks
	refused elses.ks
}

test_lines_of_10_megabytes() {
	{ echo -n '// '; repeat 1000000 0123456789; echo; echo 'fn main() -> i32 { return nosuch }'; } >comment.ks
	refused comment.ks
	{ echo -n 'fn main() -> i32 { return '; repeat 1000000 0123456789; echo ' }'; } >number.ks
	refused number.ks
	{ echo -n 'fn main() -> i32 { return '; repeat 1000000 abcdefghij; echo ' }'; } >name.ks
	refused name.ks
	{ echo -n 'fn main() -> i32 { print("'; repeat 1000000 0123456789; echo '") return nosuch }'; } >string.ks
	refused string.ks
	{ echo -n '"'; repeat 1000000 0123456789; } >unclosed.ks
	refused unclosed.ks
}

test_many_declarations_with_an_error_each() {
	local i
	for ((i = 0; i < 20000; i++)); do echo "fn f$i() -> nosuch$i { }"; done >many.ks
	refused many.ks
	for ((i = 0; i < 20000; i++)); do echo "var same : u32"; done >same.ks
	refused same.ks
}

test_no_file_a_folder_an_unreadable_file() {
	refused nosuch.ks
	mkdir folder.ks
	refused folder.ks
	echo 'include "folder.ks"' >includes_folder.ks
	refused includes_folder.ks
	: >empty_name
	echo 'include ""' >includes_nothing.ks
	refused includes_nothing.ks
	refused ""
}

test_a_file_without_permission() {
	echo 'fn main() -> i32 { return 0 }' >secret.ks
	chmod 000 secret.ks
	if [ "$(id -u)" = 0 ]; then
		need_command setpriv
		mkdir -p ks/bin ks/lib
		cp "$KS" ks/bin
		[ ! -d "$BUILD/lib/ks" ] || cp -rL "$BUILD/lib/ks" ks/lib/ks
		chmod -R a+rX . && chmod 000 secret.ks
		local status=0
		setpriv --reuid 65534 --regid 65534 --clear-groups ks/bin/ks check secret.ks 2>"$SCRATCH/.err" || status=$?
		expect_equal status $status 1
		expect_line message "$SCRATCH/.err" 'secret.ks'
	else
		refused secret.ks
	fi
}

test_include_cycles() {
	echo 'include "b.kh"' >a.ks
	echo 'include "c.kh"' >b.kh
	echo 'include "b.kh"' >c.kh
	echo 'fn main() -> i32 { return 0 }' >>a.ks
	refused a.ks
	expect_line "the chain" err 'b.kh'
	echo 'include "self.ks"' >self.ks
	refused self.ks
}

test_includes_too_deep() {
	local i
	for ((i = 0; i < 2000; i++)); do echo "include \"$((i + 1)).kh\"" >$i.kh; done
	: >2000.kh
	printf 'include "0.kh"\nfn main() -> i32 { return 0 }\n' >deep.ks
	refused deep.ks
	expect_line "the limit" err '\[include-too-deep\]'
}

# Reading a pipe that never ends must not be tried for ever; a device is no source.
test_devices_and_pipes() {
	refused /dev/null
	mkfifo pipe.ks
	(exec 3<>pipe.ks; sleep 1; echo 'fn main() -> i32 { return nosuch }' >&3) &
	local status=0
	timeout -s ABRT $TIME_LIMIT "$KS" check pipe.ks >out 2>err || status=$?
	wait
	[ $status -le 2 ] || fail "pipe: exit status $status"
}

run_cases broken "$@"
