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

test_queue_stack_and_bloom_filter_from_both_sides() {
	program keyless <<-'END'
		struct Job { id: u32, cost: u64 }
		var jobs: queue<Job>(4)
		var undo: stack<u32>(3)
		var seen: bloom_filter<u64>(100)
		var went_over: i32
		var top: u32
		var next: Job
		var was_empty: bool
		var known: u32
		var done: bool

		@xdp fn step(ctx: *xdp_md) -> xdp_action {
		    if (var job = jobs.pop()) { next = Job { id: job.id + 1000, cost: job.cost } }
		    jobs.push(Job { id: 77, cost: 7 })
		    undo.push(11)
		    undo.push(12)
		    undo.push(13)
		    went_over = undo.push(14)
		    if (var u = undo.pop()) { top = u }
		    var rest = undo.peek()
		    top += rest * 100
		    undo.pop()
		    undo.pop()
		    was_empty = undo.pop() == null
		    for (i in 0..8) { if (i as u64 * 3 in seen) { known += 1 } }
		    seen.add(5000)
		    done = true
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(step)
		    for (i in 1..4) { jobs.push(Job { id: i, cost: i as u64 << 33 }) }
		    for (i in 0..4) { seen.add(i as u64 * 3) }
		    print("ready", jobs.peek().id)
		    while (!done) { sleep(5) }
		    print(went_over, top, was_empty, known >= 4, next.id, next.cost >> 33)
		    while (true) {
		        var job = jobs.pop()
		        if (job == null) { break }
		        print("job", job.id)
		    }
		    print(5000 in seen, 0 in seen, undo.push(5), undo.pop() == 5, undo.pop() == null)
		    return 0
		}
	END
	storm step 1 1
	finish
	expect_equal log "$(cat log)" "ready 1
-7 1213 true true 1001 1
job 2
job 3
job 77
true true 0 true true"
}

test_longest_prefix_decides() {
	program prefixes <<-'END'
		struct Net { bits: u32, address: be32 }
		struct Rule { verdict: u32, hits: u64 }
		var rules: lpm_trie<Net, Rule>(100)
		var asked: be32[5]
		var verdicts: u32[5]
		var done: bool

		@xdp fn decide(ctx: *xdp_md) -> xdp_action {
		    for (i in 0..5) {
		        if (var rule = rules[Net { bits: 32, address: asked[i] }]) {
		            verdicts[i] = rule.verdict
		            rule.hits += 1
		        }
		    }
		    done = true
		    return XDP_PASS
		}

		fn net(a: u32, b: u32, bits: u32) -> Net {
		    return Net { bits: bits, address: htonl(a << 24 | b << 16) }
		}

		fn main() -> i32 {
		    load(decide)
		    rules[net(10, 0, 8)] = Rule { verdict: 1 }
		    rules[net(10, 77, 16)] = Rule { verdict: 2 }
		    rules[net(10, 78, 16)] = Rule { verdict: 3 }
		    delete rules[net(10, 78, 16)]
		    asked[0] = htonl(0x0a000001)
		    asked[1] = htonl(0x0a4d0001)
		    asked[2] = htonl(0x0a4e0001)
		    asked[3] = htonl(0x0b000001)
		    asked[4] = htonl(0x0a4dffff)
		    print("ready")
		    while (!done) { sleep(5) }
		    for (i in 0..5) { print(verdicts[i]) }
		    for (k, v in rules) { print(k.bits, ntohl(k.address) >> 16, v.hits) }
		    print(rules.len())
		    rules.clear()
		    print(rules.len())
		    return 0
		}
	END
	storm decide 1 1
	finish
	expect_equal log "$(sort log | tr '\n' ' ')" "0 0 1 1 16 2637 2 2 2 2 8 2560 2 ready "
}

test_perf_event_array_carries_records_of_each_cpu() {
	two_cpus
	program perf <<-'END'
		struct Event { cpu: u32, number: u64 }
		var events: perf_event_array<Event>(8192)
		var sent: u64
		var seen: u64[2]
		var lasts: u64[2]

		@xdp fn emit(ctx: *xdp_md) -> xdp_action {
		    sent += 1
		    events.output(ctx, Event { cpu: bpf_get_smp_processor_id(), number: 0x1122334455667788 })
		    return XDP_PASS
		}

		fn events_callback(e: *Event) -> i32 {
		    seen[e->cpu] += 1
		    lasts[e->cpu] = e->number
		    return 0
		}

		fn main() -> i32 {
		    load(emit)
		    print("ready")
		    while (sent < 20000) { dispatch(events, timeout_ms: 20) }
		    dispatch(events, timeout_ms: 50)
		    print("lost", sent - seen[0] - seen[1] - events.dropped(), seen[0] > 10, seen[1] > 10)
		    print("%x %x", lasts[0], lasts[1])
		    return 0
		}
	END
	storm emit 10000 2
	finish
	expect_equal log "$(cat log)" "ready
lost 0 true true
1122334455667788 1122334455667788"
}

test_percpu_values_one_by_one_and_as_a_sum() {
	two_cpus
	program percpu <<-'END'
		enum Kind { A, B }
		struct Stat { packets: u64, tag: u8 }
		var counts: lru_percpu_hash<u8, u32>(100)
		var kinds: percpu_array<Kind, u16>(2)
		var stats: percpu_hash<u64, Stat>(10)
		var sent: u64

		@xdp fn count(ctx: *xdp_md) -> xdp_action {
		    counts[7] += 1
		    kinds[Kind.B] = (bpf_get_smp_processor_id() + 5) as u16
		    stats[9] = Stat { packets: bpf_get_smp_processor_id() as u64 + 40, tag: 3 }
		    sent += 1
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(count)
		    print("ready")
		    while (sent < 2000) { sleep(5) }
		    print("sum", counts[7], kinds[Kind.B])
		    if (var each = counts.percpu(7)) { print(each[0], each[1]) }
		    if (var each = kinds.percpu(Kind.B)) { print(each[0], each[1]) }
		    if (var each = stats.percpu(9)) { print(each[0].packets, each[1].packets, each[1].tag) }
		    print(counts.percpu(8) == null, possible_cpus() >= 2)
		    return 0
		}
	END
	storm count 1000 2
	finish
	expect_equal log "$(cat log)" "ready
sum 2000 11
1000 1000
5 6
40 41 3
true true"
}

test_no_count_is_lost_on_two_cpus() {
	two_cpus
	program counts <<-'END'
		struct Stat { packets: u64, bytes: u64 }
		var by_hash: hash<u32, u64>(70000)
		var by_lru: lru_hash<u32, u64>(70000)
		var by_array: array<u32, u64>(4)
		var by_percpu: percpu_hash<u32, u64>(70000)
		var by_percpu_array: percpu_array<u32, u32>(4)
		var stats: hash<u32, Stat>(4)
		var total: u64
		var small: u32
		var group: Stat
		local var turn: u64
		config set { hits: u64 = 0 }
		var done: u64

		@xdp fn count(ctx: *xdp_md) -> xdp_action {
		    turn += 1
		    var key = (turn & 0xffff) as u32    // new keys from both CPUs at once
		    by_hash[key] += 1
		    by_lru[key & 0xfff] += 1
		    by_array[key & 3] += 1
		    by_percpu[key] += 1
		    by_percpu_array[key & 3] += 1
		    if (var s = stats[0]) {
		        s.packets += 1
		        s.bytes += 64
		    }
		    total += 1
		    small -= 1
		    group.bytes += 2
		    set.hits += 1
		    done += 1
		    return XDP_PASS
		}

		fn main() -> i32 {
		    stats[0] = Stat { packets: 0 }
		    load(count)
		    print("ready")
		    while (done < 2000000) { sleep(5) }
		    var hash_sum: u64 = 0
		    for (k, v in by_hash) { hash_sum += v }
		    var lru_sum: u64 = 0
		    for (k, v in by_lru) { lru_sum += v }
		    var percpu_sum: u64 = 0
		    for (k, v in by_percpu) { percpu_sum += v }
		    var array_sum: u64 = 0
		    for (i in 0..4) { array_sum += by_array[i] + by_percpu_array[i] as u64 }
		    print(hash_sum, lru_sum, percpu_sum, array_sum)
		    print(total, 0 - small, group.bytes, set.hits, stats[0].packets, stats[0].bytes)
		    return 0
		}
	END
	storm count 1000000 2
	finish
	expect_equal log "$(cat log)" "ready
2000000 2000000 2000000 4000000
2000000 2000000 4000000 2000000 2000000 128000000"
}

test_loops_over_maps_in_ebpf() {
	program each <<-'END'
		struct Stat { packets: u64, bytes: u64, tag: u32 }
		var stats: hash<u32, Stat>(100)
		var wide: hash<Stat, u64>(10)
		var slots: array<u16, u64>(50)
		var sum: u64
		var keys: u64
		var found: u32
		var broke: u64
		var inner: u64
		var done: bool

		@helper fn find(bytes: u64) -> u32 {
		    for (k, v in stats) {
		        if (v.bytes == bytes) { return k + 1 }
		    }
		    return 0
		}

		@xdp fn walk(ctx: *xdp_md) -> xdp_action {
		    var total: u64 = 1000
		    var n: u32 = 0
		    for (k, v in stats) {
		        if (k == 13) { continue }
		        total += v.packets
		        n += 1
		        keys += k as u64
		        if (v.tag == 5) { delete stats[k] }
		    }
		    sum = total + n as u64 * 1000000
		    found = find(70)
		    var visited: u64 = 0
		    for (k, v in slots) {
		        visited += 1
		        if (v > 10) { break }
		        for (i in 0..3) { inner += v * i as u64 }
		    }
		    broke = visited
		    for (k, v in wide) { wide[k] = v + k.bytes }
		    done = true
		    if (ctx.len() > 100) { return XDP_DROP }
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(walk)
		    for (i in 1..20) { stats[i] = Stat { packets: i as u64, bytes: i as u64 * 10, tag: i % 6 } }
		    for (i in 0..50) { slots[i as u16] = i as u64 }
		    wide[Stat { bytes: 3 }] = 4
		    print("ready")
		    while (!done) { sleep(5) }
		    print(sum, keys, found, broke, inner, stats.len(), wide[Stat { bytes: 3 }])
		    return 0
		}
	END
	storm walk 1 1
	finish
	expect_line values log '^18001177 177 8 12 165 16 7$'
}

test_locks_and_timers_in_values() {
	two_cpus
	program lock <<-'END'
		struct Account { lock: bpf_spin_lock, in: u64, out: u64 }
		struct Session { count: u32, timer: bpf_timer, ticks: u64 }
		var accounts: array<u32, Account>(2)
		var others: hash<u32, Account>(4)
		var sessions: hash<u32, Session>(4)
		var expired: u64
		var runs: u64
		var mismatch: u64

		@helper fn on_time(key: *u32, s: *Session) {
		    s->ticks += 1
		    expired += *key as u64
		    if (s->ticks < 3) { bpf_timer_start(&s->timer, 1000000, 0) }
		}

		@xdp fn work(ctx: *xdp_md) -> xdp_action {
		    runs += 1
		    if (var a = accounts[0]) {
		        bpf_spin_lock(&a.lock)
		        a.in += 1
		        a.out += 2
		        bpf_spin_unlock(&a.lock)
		        bpf_spin_lock(&a.lock)
		        var came = a.in
		        var out = a.out
		        bpf_spin_unlock(&a.lock)
		        if (came * 2 != out) { mismatch += 1 }
		    }
		    if (runs == 1) {
		        others[3] = Account { in: 5 }
		        accounts[1] = Account { in: 6 }
		        var copy: Account = others[3]
		        others[2] = Account { out: copy.in + 1 }
		        sessions[7] = Session { count: 9 }
		        if (var s = sessions[7]) {
		            bpf_timer_init(&s.timer, sessions, 1)
		            bpf_timer_set_callback(&s.timer, on_time)
		            bpf_timer_start(&s.timer, 1000000, 0)
		        }
		    }
		    return XDP_PASS
		}

		fn main() -> i32 {
		    if (load(work) == null) { return 1 }
		    print("ready")
		    while (runs < 2000000) { sleep(5) }
		    sleep(50)
		    print(accounts[0].in, accounts[0].out, mismatch, others[3].in, others[2].out, accounts[1].in)
		    print(expired, sessions[7].ticks, sessions[7].count)
		    return 0
		}
	END
	storm work 1000000 2
	finish
	expect_equal log "$(cat log)" "ready
2000000 4000000 0 5 6 6
21 3 9"
}

test_records_from_userspace_reach_ebpf() {
	program uring <<-'END'
		struct Command { op: u32, value: u64 }
		var commands: user_ringbuf<Command>(4096)
		var sum: u64
		var drained: i64
		var last: u32

		@helper fn obey(c: *Command) -> i32 {
		    sum += c->value
		    last = c->op
		    return if (c->op == 9) { 1 } else { 0 }
		}

		@xdp fn poll(ctx: *xdp_md) -> xdp_action {
		    drained = commands.drain(obey)
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(poll)
		    for (i in 1..4) { print(commands.send(Command { op: i, value: i as u64 << 40 })) }
		    commands.send(Command { op: 9, value: 1 })
		    commands.send(Command { op: 2, value: 5 })
		    print("ready")
		    while (drained == 0) { sleep(5) }
		    print(drained, sum >> 40, sum & 0xffff, last)
		    var sent: u32 = 0
		    while (commands.send(Command { op: 1 }) == 0) { sent += 1 }
		    print("then full", sent > 100)
		    return 0
		}
	END
	storm poll 1 1
	finish
	expect_equal log "$(cat log)" "0
0
0
ready
4 6 1 9
then full true"
}

test_first_runs_at_once_share_what_is_pinned() {
	need_root
	local name=race$$ round
	trap "rm -rf /sys/fs/bpf/$name" EXIT
	cat >"$name.ks" <<-'END'
		pin var runs: hash<u32, u64>(4)
		pin var total: u64
		fn main() -> i32 {
		    runs[1] = 1
		    sleep(100)
		    if (runs.len() == 1) { return 0 }
		    return 1
		}
	END
	sed 's/runs\[1\] = 1/runs[2] = 2/; s/== 1/== 2/' "$name.ks" >second.ks
	"$KS" build -o "$name" "$name.ks"
	mkdir other
	"$KS" build -o "other/$name" second.ks
	for round in 1 2 3 4 5; do
		rm -rf "/sys/fs/bpf/$name"
		"./$name" & "other/$name" &
		wait
		expect_equal "entries in round $round" "$(bpftool -j map dump pinned "/sys/fs/bpf/$name/maps/runs" | grep -o '"formatted"' | wc -l)" 2
	done
}

test_maps_in_maps_from_both_sides() {
	program inner <<-'END'
		struct Stat { packets: u64, bytes: u64 }
		var first: hash<u32, u64>(16)
		var second: hash<u32, u64>(16)
		var by_cpu: array_of<hash<u32, u64>(16)>(4)
		var by_name: hash_of<u64, array<u16, Stat>(8)>(8)
		var like: hash_of<first>(4)
		var went: u32
		var found: u64
		var done: bool

		@xdp fn work(ctx: *xdp_md) -> xdp_action {
		    by_cpu[1][5] += 3
		    by_cpu[1][6] = 100
		    by_cpu[3][5] += 3                     // there is no such map
		    if (by_cpu[3][5] == null) { went += 1 }
		    if (by_cpu[1][7] == null) { went += 10 }
		    if (5 in by_cpu) { went += 1000 }
		    if (var inner = by_name[77]) {
		        if (var s = inner[2]) { s.packets += 5; s.bytes = 60 }
		        inner[3] = Stat { packets: 9 }
		        inner[4].bytes += 1
		    } else { went += 100 }
		    found = like[8][1] + by_cpu[0][9]
		    delete by_cpu[0][9]
		    done = true
		    return XDP_PASS
		}

		fn main() -> i32 {
		    load(work)
		    by_cpu[0] = first
		    by_cpu[1] = second
		    print(by_name.create(77), by_name.create(78))
		    like[8] = second
		    first[9] = 40
		    second[1] = 2
		    print("ready", by_cpu[0][9], by_cpu[2][9] == null, by_cpu[2] == null, by_cpu[1] != null)
		    while (!done) { sleep(5) }
		    print(second[5], second[6], went, found, first.len())
		    var inner = by_name[77]
		    print(inner[2].packets, inner[2].bytes, by_name[77][3].packets, by_name[77][4].bytes, by_name[78][2].packets)
		    by_name[78][1] = Stat { packets: 4 }
		    by_name[78][1].packets += 2
		    if (var other = by_name[78]) {
		        var s = other[1]
		        s.bytes = 11
		    }
		    print(by_name[78][1].packets, by_name[78][1].bytes)
		    by_cpu[1][5] += 1000
		    delete by_cpu[1][6]
		    print(second[5], 6 in second, second.len())
		    delete by_name[78]
		    delete by_cpu[1]
		    print(by_name[78] == null, by_cpu[1] == null, by_name[78][1].packets)
		    return 0
		}
	END
	storm work 1 1
	finish
	expect_equal log "$(cat log)" "0 0
ready 40 true true true
3 100 11 42 0
5 60 9 1 0
6 11
1003 false 2
true true 0"
}

test_tail_calls_survive_a_kill() {
	need_root
	[ "$(stat -f -c %T /sys/fs/bpf)" = bpf_fs ] || skip "/sys/fs/bpf is not mounted"
	local name=killed$$
	trap "rm -rf /sys/fs/bpf/$name" EXIT
	network_make
	build_tails $name 'print("ready"); sleep(60000)'
	background here ./$name >log 2>errors &
	PROGRAM=$!
	wait_for log ready
	kill -KILL $PROGRAM
	wait $PROGRAM || true
	sleep 0.2                        # the kernel empties an array with nobody's descriptor at once
	expect_equal "attached after the kill" "$(attached_here)" 1
	count_start here udp
	send 10.77.0.1 3 udp 64
	send 10.77.0.3 3 udp 400
	expect_equal arrived "$(count_stop here udp)" "10.77.0.1 3"
	# The next run takes the place over, and its end takes away what is pinned.
	background here ./$name >log 2>errors &
	PROGRAM=$!
	wait_for log ready
	kill -TERM $PROGRAM
	wait $PROGRAM || true
	expect_equal "attached at the end" "$(attached_here)" 0
}

test_a_project_with_a_dot_in_its_name_pins() {
	need_root
	local name=with.dots.$$ folder=with~dots~$$
	trap "rm -rf /sys/fs/bpf/$folder" EXIT
	build_source "$name" <<-'END'
		pin var runs: u64
		pin var kept: hash<u32, u64>(4)
		fn main() -> i32 {
		    runs += 1
		    kept[1] += 10
		    print(runs, kept[1])
		    return 0
		}
	END
	"./$name" >log
	"./$name" >>log
	expect_equal log "$(tr '\n' ' ' <log)" "1 10 2 20 "
	[ -e "/sys/fs/bpf/$folder/maps/kept" ] || fail "not pinned where it was expected"
}

test_storage_with_tasks() {
	program stor <<-'END'
		struct Seen { calls: u64, first: u32, last: u64 }
		var tasks: task_storage<Seen>
		var plain: task_storage<u64>
		var by_pid: hash<i32, u64>(100000)
		var absent: u64
		var switches: u64
		var mismatch: u64
		var replaced: u32
		var deleted: u64

		@raw_tracepoint("sched_switch") fn switched(preempt: bool, prev: *task_struct, next: *task_struct) -> i32 {
		    switches += 1
		    by_pid[prev->pid] += 1
		    if (tasks[prev] == null) {
		        absent += 1
		        tasks[prev] = Seen { first: 7, calls: by_pid[prev->pid] - 1 }
		    }
		    if (var s = tasks[prev]) {
		        s.calls += 1
		        if (s.calls != by_pid[prev->pid] && prev->pid != 0) { mismatch += 1 }
		    }
		    plain[prev] += 3
		    if (plain[prev] >= 9) {
		        var before = tasks[prev]
		        tasks[prev] = Seen { calls: before.calls, first: 8 }
		        replaced = tasks[prev].first
		        delete plain[prev]
		        if (prev in plain) { mismatch += 1 }
		        deleted += 1
		    }
		    return 0
		}

		fn main() -> i32 {
		    var h = load(switched)
		    if (h == null) { return 1 }
		    if (attach(h, "", 0) != 0) { return 1 }
		    print("ready")
		    for (i in 0..30) { sleep(1) }
		    detach(h)
		    print(mismatch, replaced, switches > 60, absent > 0, deleted > 10)
		    return 0
		}
	END
	finish
	expect_equal log "$(cat log)" "ready
0 8 true true true"
}

test_storage_with_groups() {
	program groups_of_tasks <<-'END'
		struct Seen { switches: u64, first: i32 }
		var groups: cgrp_storage<Seen>
		var mismatch: u64 = 0
		var switches: u64 = 0
		var deleted: u64 = 0

		@raw_tracepoint("sched_switch") fn switched(prev: *task_struct) -> i32 {
		    var group = prev->cgroups->dfl_cgrp
		    switches += 1
		    if (groups[group] == null) { groups[group] = Seen { first: 7 } }
		    if (var s = groups[group]) {
		        s.switches += 1
		        if (s.first != 7 || s.switches > 60) { mismatch += 1 }
		        if (s.switches == 50) {
		            delete groups[group]
		            if (group in groups) { mismatch += 1 }
		            deleted += 1
		        }
		    }
		    return 0
		}
		fn main() -> i32 {
		    var h = load(switched)
		    if (h == null || attach(h, "", 0) != 0) { return 1 }
		    print("ready")
		    for (_i in 0..100) { sleep(1) }
		    detach(h)
		    print(mismatch, switches > 60, deleted > 0)
		    return 0
		}
	END
	finish
	expect_equal log "$(cat log)" "ready
0 true true"
}

test_storage_with_sockets() {
	need_root
	network_make
	build_source sockets_kept <<-'END'
		var sent: sk_storage<u64>
		var most: u64
		var all: u64

		@tc("egress") fn count(ctx: *__sk_buff) -> i32 {
		    all += 1
		    if (var sk = ctx->sk) {
		        sent[sk] += 1
		        if (sent[sk] > most) { most = sent[sk] }
		    }
		    return TC_ACT_OK
		}

		fn main() -> i32 {
		    if (attach(load(count), "ks1", 0) != 0) { return 1 }
		    print("ready")
		    while (all < 300) { sleep(5) }
		    sleep(50)
		    print(most)
		    return 1
		}
	END
	background here ./sockets_kept >log 2>errors &
	PROGRAM=$!
	wait_for log ready
	send_back 120 udp 64
	send_back 200 udp 64
	wait $PROGRAM || true
	expect_line "of the busier socket" log '^200$'
}

test_new_objects_are_kept_in_maps() {
	program kptr <<-'END'
		struct Node { number: u64, twice: u64 }
		struct Slot { uses: u32, kept: *Node }
		var slots: array<u32, Slot>(4)
		var by_name: hash<u32, Slot>(4)
		var turn: u64
		var sum: u64
		var empty: u64

		@xdp fn keep(ctx: *xdp_md) -> xdp_action {
		    turn += 1
		    var node = new Node()
		    if (node == null) { return XDP_DROP }
		    node->number = turn
		    node->twice = turn * 2
		    if (var s = slots[1]) {
		        s.uses += 1
		        var old = bpf_kptr_xchg(&s.kept, node)
		        if (old) {
		            sum += old->number * 1000 + old->twice
		            delete old
		        } else {
		            empty += 1
		        }
		    } else {
		        delete node
		    }
		    return XDP_PASS
		}

		@xdp fn take(ctx: *xdp_md) -> xdp_action {
		    if (var s = slots[1]) {
		        var last = bpf_kptr_xchg(&s.kept, null)
		        if (last == null) { return XDP_DROP }
		        sum += last->twice
		        delete last
		    }
		    return XDP_PASS
		}

		fn main() -> i32 {
		    if (load(keep) == null) { return 1 }
		    if (load(take) == null) { return 1 }
		    print("ready")
		    while (turn < 3) { sleep(5) }
		    sleep(300)
		    print(sum, empty, slots[1].uses)
		    return 0
		}
	END
	"$TOOLS/prog_storm" keep 3 1 >/dev/null || skip "needs Linux 6.12"
	storm take 2 1
	finish
	expect_equal log "$(cat log)" "ready
3012 1 3"
}

test_call_stacks_are_kept() {
	program stacks <<-'END'
		var stacks: stack_trace<u64[16]>(1000)
		var samples: hash<u32, u64>(1000)
		var failed: u64
		var taken: u64

		@perf_event fn sample(ctx: *bpf_perf_event_data) -> i32 {
		    var id = stacks.capture(ctx)
		    if (id < 0) { failed += 1; return 0 }
		    samples[id as u32] += 1
		    taken += 1
		    return 0
		}

		fn main() -> i32 {
		    var h = load(sample)
		    if (h == null) { return 1 }
		    var a = attach(h, perf_options { perf_type: 1, perf_config: 0, cpu: 0, period: 1000000 }, 0)
		    print("ready")
		    var until = now_ns() + 300 * 1000 * 1000
		    while (now_ns() < until) { sleep(1) }
		    detach(a)
		    var deep: u64 = 0
		    var sum: u64 = 0
		    for (id, n in samples) {
		        sum += n
		        var frames = stacks[id]
		        if (frames[0] >> 48 == 0xffff) { deep += n }
		    }
		    print(sum == taken, sum == deep, taken + failed > 5, stacks.len() >= samples.len())
		    return 0
		}
	END
	finish
	expect_equal log "$(cat log)" "ready
true true true true"
}

test_example_packet_events_streams_every_packet() {
	start packet_events --seconds 2 --verbose
	ready streaming
	send 10.77.0.1 500 udp 64
	send 10.77.0.3 7 icmp 100
	finish
	expect_line totals log '^507 packets, [0-9]+ bytes, 0 lost$'
	expect_equal "printed" "$(grep -c '^10.77.0.3 protocol 1, 114 bytes$' log)" 7
}

test_example_packet_sizes_sums_over_cpus() {
	start packet_sizes --seconds 2
	ready measuring
	send 10.77.0.1 300 udp 64
	send 10.77.0.1 20 udp 1000
	finish
	expect_line small log '^    64 bytes and more: 300 packets$'
	expect_line large log '^  1024 bytes and more: 20 packets$|^   512 bytes and more: 20 packets$'
}
