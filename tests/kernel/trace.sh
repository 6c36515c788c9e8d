# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh: programs that watch, with a known number of events of the process `events`.

# watch NAME: the source on standard input runs; events COUNT then happen and the program is told to end
watch() {
	need_root
	[ -d /sys/kernel/tracing/events ] || skip "tracefs is not mounted"
	build_source "$1"
	"./$1" >log 2>errors &
	PROGRAM=$!
	ready ready
}

happen() { "$TOOLS/events" "$1" >happened; }

# The program ends by itself after its sleep.
watched() {
	local status=0
	wait $PROGRAM || status=$?
	cat errors >&2
	return $status
}

OWN='bpf_get_current_comm(comm, 16)
		    if (comm != "events") { return 0 }'

test_tracepoint_of_a_system_call_counts_exactly() {
	watch calls <<-END
		var calls: u64 = 0
		var sum: u64 = 0
		var failed: u64 = 0
		@tracepoint("syscalls/sys_enter_getpgid") fn enter(ctx: *trace_event_raw_sys_enter) -> i32 {
		    var comm: str(16)
		    $OWN
		    if (ctx->args[0] == 4242) { return 0 }
		    calls += 1
		    sum += ctx->args[0]
		    return 0
		}
		@tracepoint("syscalls/sys_exit_getpgid") fn leave(ctx: *trace_event_raw_sys_exit) -> i32 {
		    var comm: str(16)
		    $OWN
		    if (ctx->ret == -3) { failed += 1 }
		    return 0
		}
		fn main() -> i32 {
		    if (attach(load(enter), "", 0) != 0) { return 1 }
		    if (attach(load(leave), "syscalls/sys_exit_getpgid", 0) != 0) { return 1 }
		    print("ready")
		    sleep(1500)
		    print("calls", calls, "sum", sum, "failed", failed > 0)
		    return 0
		}
	END
	happen 250
	watched
	expect_line counter log "^calls 250 sum $((250 * 1000 + 250 * 249 / 2)) failed (true|false)\$"
}

test_tracepoint_fields_and_typed_tracepoint_arguments() {
	watch exits <<-END
		var forks: u64 = 0
		var exits: u64 = 0
		var same: u64 = 0
		@tracepoint("sched/sched_process_fork") fn forked(ctx: *trace_event_raw_sched_process_fork) -> i32 {
		    var comm: str(16)
		    $OWN
		    if (ctx->parent_pid as u32 == bpf_get_current_pid_tgid() as u32) { forks += 1 }
		    return 0
		}
		@raw_tracepoint("sched_process_exit") fn ended(p: *task_struct) -> i32 {
		    if (p->comm != "events" || p->real_parent->comm != "events") { return 0 }
		    exits += 1
		    if (p == bpf_get_current_task_btf() && p->tgid as u64 == bpf_get_current_pid_tgid() >> 32) { same += 1 }
		    return 0
		}
		fn main() -> i32 {
		    if (attach(load(forked), "", 0) != 0 || attach(load(ended), "", 0) != 0) { return 1 }
		    print("ready")
		    sleep(1500)
		    print("forks", forks, "exits", exits, "same", same)
		    return 0
		}
	END
	happen 120
	watched
	expect_line counter log '^forks 120 exits 120 same 120$'
}

test_user_probes_see_arguments_and_results() {
	watch probes <<-END
		var calls: u64 = 0
		var sums: u64 = 0
		var results: u64 = 0
		var texts: u64 = 0
		var gone: u64 = 0
		@uprobe("$TOOLS/events:traced") fn entered(a: u32, b: u32, text: *u8) -> i32 {
		    calls += 1
		    sums += (a + b) as u64
		    var t: str(8) = read_user_str(text)
		    if (t == "text") { texts += 1 }
		    return 0
		}
		@uretprobe("$TOOLS/events:traced") fn left(result: u32) -> i32 {
		    results += result as u64
		    return 0
		}
		@uprobe("$TOOLS/events:getpgid") fn other(ctx: *pt_regs) -> i32 {
		    if (ctx->di < 4242) { gone += 1 }
		    return 0
		}
		fn main() -> i32 {
		    if (attach(load(entered), "", 0) != 0 || attach(load(left), "", 0) != 0) { return 1 }
		    var o = load(other)
		    if (attach(o, "", 0) != 0) { return 1 }
		    if (attach(load(other), "$TOOLS/events:no_such_symbol", 0) == 0) { return 1 }
		    print("ready")
		    sleep(1500)
		    print("calls", calls, "sums", sums, "results", results, "texts", texts, "others", gone)
		    return 0
		}
	END
	happen 100
	watched
	expect_line counter log "^calls 100 sums $((3 * 4950)) results $((1002 * 4950)) texts 100 others 100\$"
	expect_line why errors 'no_such_symbol'
}

test_declared_probes_see_arguments_wherever_they_are() {
	watch notes <<-END
		var calls: u64 = 0
		var numbers: u64 = 0
		var negative: i64 = 0
		var texts: u64 = 0
		var bytes: u64 = 0
		var short: i64 = 0
		var counts: i64 = 0
		var bigs: u64 = 0
		var plain: u64 = 0
		@usdt("$TOOLS/events:events:mixed") fn mixed(number: u32, same: i64, text: *u8, byte: u8, small: i8) -> i32 {
		    calls += 1
		    numbers += number as u64
		    negative += same
		    var t: str(8) = read_user_str(text)
		    if (t == "note") { texts += 1 }
		    if (byte == 200 && small == -3) { bytes += 1 }
		    return 0
		}
		@usdt("$TOOLS/events:events:memory") fn memory(entry: i16, count: i32, big: u64) -> i32 {
		    short += entry as i64
		    counts += count as i64
		    bigs += big - 0x10000000000
		    return 0
		}
		@usdt("$TOOLS/events:events:memory") fn where(ctx: *pt_regs) -> i32 {
		    if (ctx->ip != 0) { plain += 1 }
		    return 0
		}
		@usdt("$TOOLS/events:events:memory") fn many(a: u64, b: u64, c: u64, d: u64) -> i32 { return (a + b + c + d) as i32 }
		fn main() -> i32 {
		    var m = load(mixed)
		    if (attach(m, "", 0) != 0 || attach(load(memory), "", 0) != 0) { return 1 }
		    if (attach(load(where), "", 0) != 0) { return 1 }
		    var h = load(many)
		    print("many", attach(h, "", 0), attach(h, "$TOOLS/events:events:none", 0), attach(h, "/nowhere:a:b", 0))
		    print("ready")
		    sleep(1500)
		    print("calls", calls, "sums", numbers, negative, "texts", texts, bytes)
		    print("memory", short, counts, bigs, plain)
		    detach(m)
		    print("detached")
		    sleep(1000)
		    print("later", calls)
		    return 0
		}
	END
	happen 100
	grep -q '^watched$' happened || fail "the counter of watchers stayed 0"
	wait_for log detached
	"$TOOLS/events" 20 >again
	! grep -q '^watched$' again || fail "the counter of watchers is not 0 at the end"
	watched
	expect_line refused log '^many -22 -2 -2$'
	expect_line counter log "^calls 200 sums $((2 * 4950)) 0 texts 200 200\$"
	expect_line counter log "^memory -250 4950 4950 100\$"
	expect_line counter log '^later 200$'
	expect_line why errors 'events:memory has 3 arguments, the program takes 4'
	expect_line why errors 'no probe events:none'
}

test_iterator_sees_every_process_and_writes() {
	watch tasks <<-END
		var seen: u64 = 0
		var own: u64 = 0
		@iter("task") fn each(meta: *bpf_iter_meta, task: *task_struct) -> i32 {
		    if (task == null) { return 0 }
		    seen += 1
		    if (task->comm != "tasks") { return 0 }
		    own += 1
		    if (task->pid == task->tgid) { bpf_seq_write(meta->seq, "first of all\\n", 13) }
		    return 0
		}
		fn main() -> i32 {
		    print("ready")
		    var h = load(each)
		    if (attach(h, "", 0) != 0) { return 1 }
		    print("seen", seen > 1, "own", own > 0)
		    var path = "/sys/fs/bpf/ks-test-iterator"
		    if (attach(h, path, 0) != 0) { return 1 }
		    print("pinned")
		    sleep(500)
		    return 0
		}
	END
	wait_for log 'pinned'
	cat /sys/fs/bpf/ks-test-iterator >file
	watched
	expect_equal "read from the file" "$(cat file)" "first of all"
	expect_line output log '^first of all$'
	expect_line counter log '^seen true own true$'
	[ ! -e /sys/fs/bpf/ks-test-iterator ] || fail "the file is still there"
}

test_iterators_of_other_kinds() {
	need_root
	"$TOOLS/sockets" serve tcp 127.0.0.1 45130 >served &
	local server=$!
	trap "kill $server" EXIT
	wait_for served ready
	watch lists <<-'END'
		var own_map: hash<u32, u32>(77)
		var maps: u64 = 0
		var programs: u64 = 0
		var sockets: u64 = 0
		var files: u64 = 0
		@iter("bpf_map") fn each_map(map: *bpf_map) -> i32 {
		    if (map == null) { return 0 }
		    if (map->max_entries == 77 && map->name == "own_map") { maps += 1 }
		    return 0
		}
		@iter("bpf_prog") fn each_program(prog: *bpf_prog) -> i32 {
		    if (prog == null) { return 0 }
		    if (prog->aux->name == "each_program") { programs += 1 }
		    return 0
		}
		@iter("tcp") fn each_socket(sk_common: *sock_common) -> i32 {
		    if (sk_common == null) { return 0 }
		    if (sk_common->skc_num == 45130) { sockets += 1 }
		    return 0
		}
		@iter("task_file") fn each_file(task: *task_struct, fd: u32, file: *file) -> i32 {
		    if (task == null || file == null || fd != 1) { return 0 }
		    if (task->comm == "lists") { files += 1 }
		    return 0
		}
		fn main() -> i32 {
		    own_map[1] = 1
		    if (attach(load(each_map), "", 0) != 0 || attach(load(each_program), "", 0) != 0) { return 1 }
		    if (attach(load(each_socket), "", 0) != 0) { return 1 }
		    if (attach(load(each_file), "", 0) != 0) { return 1 }
		    print(maps > 0, programs > 0, sockets, files > 0)
		    print("ready")
		    return 0
		}
	END
	watched
	expect_line counts log '^true true 1 true$'
}

test_performance_counter_runs_its_program() {
	watch counters <<-END
		var runs: u64 = 0
		var ips: u64 = 0
		@perf_event fn tick(ctx: *bpf_perf_event_data) -> i32 {
		    runs += 1
		    if (ctx->regs.ip != 0 && ctx->sample_period == 2000000) { ips += 1 }
		    return 0
		}
		fn main() -> i32 {
		    var h = load(tick)
		    var a = attach(h, perf_options { perf_type: perf_type_software, perf_config: cpu_clock, period: 2000000 }, 0)
		    var b = attach(h, perf_options { perf_type: perf_type_software, perf_config: page_faults, pid: 0, cpu: -1 }, 0)
		    if (a == null || b == null) { return 1 }
		    print("ready")
		    sleep(400)
		    print("read", read(a) > 0, read(b) >= 0, "runs", runs > 10, "all", runs == ips)
		    detach(b)
		    detach(a)
		    var before = runs
		    sleep(100)
		    print("stale", read(a), read(b), "still", runs - before)
		    detach(a)
		    return 0
		}
	END
	watched
	expect_line counter log '^read true true runs true all true$'
	expect_line counter log '^stale -1 -1 still 0$'
}

test_what_cannot_be_attached_says_why() {
	watch refused <<-'END'
		@perf_event fn tick(ctx: *bpf_perf_event_data) -> i32 { return 0 }
		@kprobe("vfs_read") fn read_file(count: u64) -> i32 { return 0 }
		@raw_tracepoint("sched_switch") fn switched() -> i32 { return 0 }
		fn main() -> i32 {
		    print("ready")
		    var a = attach(load(tick), perf_options { perf_type: perf_type_hardware, perf_config: cpu_cycles }, 0)
		    print("hardware", a == null)
		    print("kprobe", attach(load(read_file), "", 0))
		    print("other", attach(load(switched), "sched_wakeup", 0))
		    return 0
		}
	END
	watched
	grep -q kprobe /sys/bus/event_source/devices/kprobe/type 2>/dev/null ||
		[ -e /sys/bus/event_source/devices/kprobe ] || expect_line why errors 'this kernel has no kprobes'
	expect_line other log '^other -2$'
	expect_line why errors 'no .*sched_wakeup'
}
