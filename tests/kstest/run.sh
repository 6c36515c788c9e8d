#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `ks test`: the tests of this folder in the kernel and in the interpreter, how a test ends, what is reported.
#   tests/kstest/run.sh [FILTER…]
. "$(dirname "$0")/../cases.sh"

HERE=$ROOT/tests/kstest

# A command as somebody who may do nothing. The build folder may not be theirs to read, so that ks is copied.
as_nobody() {
	need_command setpriv
	local folder=$SCRATCH/nobody
	mkdir -p "$folder/bin" "$folder/lib"
	[ -e "$folder/bin/ks" ] || {
		cp "$KS" "$folder/bin/ks"
		cp -r "$BUILD/lib/ks" "$folder/lib/ks"
	}
	chmod -R a+rX "$SCRATCH"
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
	else
		"$@"
	fi
}

# all_pass FILE: in the kernel, in the interpreter, at both levels and without privilege
for file in maps events contexts watchers kernel_objects counter_test; do
	eval "test_${file}_in_the_kernel() {
		need_root
		\"\$KS\" test \"\$HERE/$file.ks\" >out
		! grep FAIL out
	}
	test_${file}_in_the_interpreter() {
		\"\$KS\" test --interp \"\$HERE/$file.ks\" >out
		! grep FAIL out
		\"\$KS\" test --interp -O0 \"\$HERE/$file.ks\"
	}
	test_${file}_without_privilege() {
		cp \"\$HERE\"/*.ks .
		as_nobody \"\$SCRATCH/nobody/bin/ks\" test $file.ks >out
		expect_line output out 'passed, 0 failed in .* in the interpreter'
	}"
done

test_no_call_of_bpf_in_the_interpreter() {
	need_command strace
	strace -f -e trace=bpf,perf_event_open -o calls "$KS" test --interp "$HERE/maps.ks"
	if grep -E '^[0-9 ]*(bpf|perf_event_open)\(' calls; then fail "the kernel was asked"; fi
}

test_examples_with_tests() {
	"$KS" test --interp "$ROOT/examples" >out
	expect_line output out 'closed_ports_are_closed'
	! grep FAIL out
}

# ends OPTION…: what is said of each test that does not pass
ends() {
	local status=0
	cp "$HERE/ends.ks" .
	"$KS" test --timeout 1 "$@" ends.ks >out 2>err || status=$?
	expect_equal status $status 1
	expect_line "a number" out 'ends.ks:27: it gave 3$'
	expect_line "an assertion" out '^ +assertion failed at ends.ks:[0-9]+: hits are 0'
	expect_line "an action" out '^ +ends.ks:[0-9]+: `program` gave XDP_PASS \(2\), not XDP_DROP \(1\)'
	expect_line "output" out '\| before'
	expect_line "a panic" out 'panic at ends.ks:[0-9]+: cannot go on'
	expect_line "a throw" out 'uncaught throw of 7 at ends.ks:[0-9]+'
	expect_equal "tests that took too long" "$(grep -c 'it took too long' out)" 2
	expect_line "a crash" out 'it was ended by signal 11'
	expect_line "exit()" out 'it gave 5'
	expect_line "a short packet" out 'a packet has at least 14 bytes'
	expect_line "totals" out '^2 passed, 10 failed'
}

test_ends_in_the_kernel() {
	need_root
	ends
	expect_line "a change of place" out 'names_no_interface .*in the interpreter: '
}

test_ends_in_the_interpreter() {
	ends --interp
}

test_nothing_stays_attached() {
	need_root
	need_command unshare
	cat >attaches.ks <<-'END'
		@xdp fn p(_ctx: *xdp_md) -> xdp_action { return XDP_PASS }
		@test fn slow() -> i32 {
		    if (attach(load(p), "lo", 0) != 0) { return 1 }
		    while (now_ns() > 0) { sleep(10) }
		    return 0
		}
		@test fn fast() -> i32 { return attach(load(p), "lo", 0) }
	END
	unshare -n sh -c "ip link set lo up; '$KS' test --timeout 1 attaches.ks >out; ip link show lo >link" || true
	expect_line "the slow one" out 'it took too long'
	expect_line "the fast one" out 'ok +fast'
	if grep xdp link; then fail "a program stays attached"; fi
}

test_in_kernel_means_it() {
	need_root
	local status=0
	"$KS" test --in-kernel "$HERE/watchers.ks" >out || status=$?
	expect_equal status $status 1
	expect_line output out 'the kernel does not run on request'
}

test_faults_name_the_line() {
	cat >fault.ks <<-'END'
		@kprobe("vfs_read") fn loud(count: u64) -> i32 {
		    if (count > 5) {
		        bpf_send_signal(10)
		    }
		    return 0
		}
		@test fn runs() -> i32 {
		    test(loud, Call { count: 1 })
		    test(loud, Call { count: 9 })
		    return 0
		}
	END
	local status=0
	"$KS" test --interp fault.ks >out || status=$?
	expect_equal status $status 1
	expect_line output out 'fault.ks:9: fault.ks:3:[0-9]+: the helper bpf_send_signal has no model'
}

test_filter() {
	"$KS" test --interp --filter 'w*' "$HERE/maps.ks" >out
	expect_line output out '^1 passed, 0 failed'
	local status=0
	"$KS" test --interp --filter 'nothing' "$HERE/maps.ks" >out || status=$?
	expect_equal "status without a test" $status 1
}

test_a_folder() {
	mkdir -p folder/deeper
	cp "$HERE/counter.ks" "$HERE/counter_test.ks" folder
	cp "$HERE/maps.ks" folder/deeper
	"$KS" test --interp folder >out
	expect_equal files "$(grep -c '^folder' out)" 2
	expect_line output out '^6 passed, 0 failed'
}

test_a_file_that_does_not_compile() {
	local status=0
	echo '@test fn t() -> i32 { return nothing }' >broken.ks
	"$KS" test --interp --junit j.xml broken.ks "$HERE/counter_test.ks" >out 2>err || status=$?
	expect_equal status $status 1
	expect_line messages err 'broken.ks:1:30: error'
	expect_line output out '^1 passed, 0 failed, 1 file did not compile'
	expect_line junit j.xml 'it does not compile'
}

test_junit_is_xml() {
	need_command xmllint
	cp "$HERE/ends.ks" .
	printf '@test fn odd() -> i32 { print("<&>\\"\x01 \xc3\xa4"); return 1 }\n' >>ends.ks
	"$KS" test --interp --timeout 1 --junit j.xml ends.ks >out 2>err || true
	xmllint --noout j.xml
	expect_equal tests "$(xmllint --xpath 'count(//testcase)' j.xml)" 13
	expect_equal failures "$(xmllint --xpath 'count(//failure)' j.xml)" "$(xmllint --xpath 'string(/testsuites/@failures)' j.xml)"
	expect_equal errors "$(xmllint --xpath 'count(//error)' j.xml)" 3
}

# The rules of the protocol that a consumer relies on: version, plan, numbers in order, closed YAML blocks.
test_tap() {
	need_command python3
	cp "$HERE/ends.ks" .
	"$KS" test --interp --timeout 1 --tap ends.ks >out 2>err || true
	python3 - out <<-'END'
		import re, sys
		lines = open(sys.argv[1]).read().split("\n")
		assert lines[0] == "TAP version 14", lines[0]
		plan = int(re.fullmatch(r"1\.\.(\d+)", lines[1]).group(1))
		number, is_open = 0, False
		for line in lines[2:]:
		    m = re.fullmatch(r"(not )?ok (\d+) - (.*)", line)
		    if m:
		        assert not is_open
		        number += 1
		        assert int(m.group(2)) == number
		    elif line == "  ---":
		        is_open = True
		    elif line == "  ...":
		        assert is_open
		        is_open = False
		    elif line:
		        assert is_open and re.match(r"  [a-z_]+: ", line), line
		assert not is_open and number == plan == 12, (number, plan)
	END
}

test_coverage() {
	cat >half.ks <<-'END'
		var hits: u64 = 0
		@xdp fn half(ctx: *xdp_md) -> xdp_action {
		    if (ctx.len() > 100) {
		        hits += 1
		        return XDP_DROP
		    }
		    return XDP_PASS
		}
		@test fn one() -> i32 { return test(half, Packet { packet_size: 60, repeat: 3 }) - 2 }
		@test fn two() -> i32 { return if (now_ns() == 0) { test(half, Packet { packet_size: 160 }) } else { 0 } }
	END
	"$KS" test --interp --coverage --lcov half.info half.ks >out
	expect_line "a line that ran" out '^ +3 +3 \|     if \(ctx'
	expect_line "a line that did not" out '^ +never +4 \|'
	expect_line lcov half.info '^DA:3,3$'
	expect_line lcov half.info '^DA:4,0$'
	expect_line lcov half.info '^LF:[0-9]+$'
	expect_equal "end of record" "$(tail -1 half.info)" end_of_record
	if command -v lcov >/dev/null; then lcov --summary half.info; fi
}

test_costs() {
	"$KS" test --interp "$HERE/counter_test.ks" >out
	expect_line costs out 'count +2 runs, [0-9.]+ instructions each; the verifier goes through [0-9]+'
}

test_wrong_options() {
	local status=0
	"$KS" test --interp --in-kernel "$HERE/maps.ks" >out 2>&1 || status=$?
	expect_equal status $status 2
	status=0
	"$KS" test --timeout soon "$HERE/maps.ks" >out 2>&1 || status=$?
	expect_equal status $status 2
	status=0
	"$KS" test "$HERE/nothing.ks" >out 2>&1 || status=$?
	expect_equal status $status 1
}

# What a build makes has no trace of the tests.
test_builds_leave_tests_out() {
	"$KS" build -o with "$ROOT/examples/firewall.ks"
	sed '/^\/\/ An IPv4 packet of/,$d' "$ROOT/examples/firewall.ks" >without.ks
	"$KS" build --emit=bpf -o without.o without.ks
	"$KS" build --emit=bpf -o with.o "$ROOT/examples/firewall.ks"
	cmp <("$KS" dump with.o | grep -v '^ *;') <("$KS" dump without.o | grep -v '^ *;')
	! strings -a with | grep -q closed_ports_are_closed
}

run_cases kstest "$@"
