# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh: maps and shared data on the running kernel, with exact values from both sides.
#
# Programs are run by prog_storm (BPF_PROG_TEST_RUN), on one CPU or on two at once.

# program NAME: builds ./NAME from the source on standard input and starts it, as $PROGRAM
program() {
	need_root
	cat >"$1.ks"
	"$KS" build -o "$1" "$1.ks"
	"./$1" >log 2>errors &
	PROGRAM=$!
	wait_for log '^ready'
}

storm() { "$TOOLS/prog_storm" "$@" >/dev/null; }

two_cpus() { [ "$(nproc)" -ge 2 ] || skip "needs two CPUs"; }

test_ring_buffer_records_arrive_or_are_counted_as_dropped() {
	two_cpus
	program ring <<-'END'
		struct Event { number: u64, size: u32 }
		var events: ringbuf<Event>(65536)
		var sent: u64
		var received: u64
		var bytes: u64

		@xdp fn storm(ctx: *xdp_md) -> xdp_action {
		    if (var e = events.reserve()) {
		        e->number = 1
		        e->size = ctx.len()
		        events.submit(e)
		    }
		    sent += 1
		    return XDP_PASS
		}

		fn events_callback(e: *Event) -> i32 {
		    received += e->number
		    bytes += e->size
		    return 0
		}

		fn main() -> i32 {
		    if (load(storm) == null) { return 1 }
		    print("ready")
		    while (sent < 2000000) { dispatch(events, timeout_ms: 20) }
		    dispatch(events, timeout_ms: 100)
		    print("sent", sent, "lost", sent - received - events.dropped(), bytes == received * 64)
		    print("some arrived", received > 1000, "some did not", events.dropped() > 1000)
		    return 0
		}
	END
	storm storm 1000000 2
	finish
	expect_line exactness log '^sent 2000000 lost 0 true$'
	expect_line both log '^some arrived true some did not true$'
}

test_ring_buffer_forms_and_the_end_of_dispatch() {
	program rings <<-'END'
		struct Event { number: u32, kind: u8 }
		var first: ringbuf<Event>(4096)
		var second: ringbuf<u64>
		var calls: u32

		@xdp fn once(ctx: *xdp_md) -> xdp_action {
		    calls += 1
		    first.output(Event { number: calls, kind: 3 })
		    second.output(calls as u64 << 40)
		    if (var e = first.reserve()) {
		        if (calls == 2) {
		            first.discard(e)
		        } else {
		            *e = Event { number: calls + 100 }
		            first.submit(e)
		        }
		    }
		    return XDP_PASS
		}

		fn show(e: *Event) -> i32 {
		    print("first", e->number, e->kind)
		    return if (e->number == 103) { 9 } else { 0 }
		}

		fn show_number(n: *u64) -> i32 {
		    print("second", *n >> 40)
		    return 0
		}

		fn main() -> i32 {
		    load(once)
		    first.on_event(show)
		    second.on_event(show_number)
		    print("nothing", dispatch(first, second, timeout_ms: 1))
		    print("ready")
		    print("ended by a handler", dispatch(first))
		    print("the other", dispatch(second, timeout_ms: 0))
		    print("waiting")
		    print("ended by a signal", dispatch(first, second))
		    return 5
		}
	END
	storm once 3 1
	wait_for log waiting
	local status=0
	finish INT || status=$?
	expect_equal "exit status" $status 5
	expect_equal log "$(cat log)" "nothing 0
ready
first 1 3
first 101 0
first 2 3
first 3 3
first 103 0
ended by a handler 9
second 1
second 2
second 3
the other 0
waiting
ended by a signal 0"
}
