# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh: functions of a program that the kernel calls, objects that it keeps; run by userspace.

test_functions_are_called_for_each_number_and_entry() {
	need_root
	build_source rounds <<-'END'
		struct State { sum: u64, last: u32, list: u32[4] }
		struct Item { n: u64, weight: u32 }
		var items: hash<u32, Item>(64)
		var slots: array<u32, u64>(8)
		var plain: u64 = 0
		var starts: u64 = 0
		@helper fn add(i: u32, s: *State) -> i32 {
		    s->sum += i as u64
		    s->last = i
		    s->list[i & 3] += 1
		    return if (i == 9) { 1 } else { 0 }
		}
		@helper fn count(_i: u64, p: *u8) -> i64 {
		    plain += if (p != null) { 1000 } else { 1 }
		    return 0
		}
		@helper fn alone(_i: u32) -> bool {
		    plain += 100
		    return false
		}
		@helper fn careful(i: u32, s: *State) -> i32 {
		    assert(i < 3, "as far as that")
		    s->sum += 1
		    return 0
		}
		@helper fn each(key: *u32, item: *Item, s: *State) -> i32 {
		    s->sum += *key as u64 * item->n
		    item->weight += 1
		    *key = 5
		    return 0
		}
		@helper fn slot(key: *u32, value: *u64, total: *u64) -> i32 {
		    *total += *value + *key as u64
		    return 0
		}
		@helper fn area(task: *task_struct, vma: *vm_area_struct, s: *State) -> i32 {
		    starts = vma->vm_start
		    s->last = task->tgid as u32
		    return 0
		}
		struct Answer { n: i64, sum: u64, last: u32, list: u32[4], walked: u64, total: u64, careful: u64 }
		@syscall fn go(a: *Answer) -> i32 {
		    var s = State { sum: 5 }
		    a->n = bpf_loop(20, add, &s, 0)
		    a->sum = s.sum
		    a->last = s.last
		    a->list = s.list
		    bpf_loop(3, count, null, 0)
		    bpf_loop(2, alone, null, 0)
		    s.sum = 0
		    bpf_loop(9, careful, &s, 0)
		    a->careful = s.sum
		    s.sum = 0
		    bpf_for_each_map_elem(items, each, &s, 0)
		    a->walked = s.sum
		    var total: u64 = 0
		    bpf_for_each_map_elem(slots, slot, &total, 0)
		    a->total = total
		    return 0
		}
		@syscall fn look() -> i32 {
		    var s: State
		    var task = bpf_get_current_task_btf()
		    var address = task->mm->start_stack
		    bpf_find_vma(task, address, area, &s, 0)
		    return if (s.last == task->tgid as u32 && starts != 0 && starts <= address) { 1 } else { 0 }
		}
		fn main() -> i32 {
		    for (i in 0..10) { items[i] = Item { n: i as u64 } }
		    for (i in 0..8) { slots[i] = 10 }
		    var a: Answer
		    if (run(load(go), &a) != 0) { return 1 }
		    print("loop", a.n, a.sum, a.last, a.list[0], a.list[1], a.list[2], "plain", plain, "careful", a.careful)
		    print("maps", a.walked, items[3].weight, a.total)
		    print("area", run(load(look)))
		    return 0
		}
	END
	./rounds >log
	expect_line loop log '^loop 10 50 9 3 3 2 plain 203 careful 3$'
	expect_line maps log '^maps 285 1 108$'
	expect_line area log '^area 1$'
}

test_work_is_done_later() {
	need_root
	build_source works <<-'END'
		struct Work { work: bpf_wq, runs: u64, key: u32 }
		var works: hash<u32, Work>(16)
		var fixed: array<u32, Work>(1)
		var done: u64 = 0
		@helper fn later(key: *u32, w: *Work) {
		    w->runs += 1
		    w->key = *key
		    done += 1
		}
		@syscall fn begin() -> i32 {
		    works[7] = Work { runs: 3 }
		    if (var w = works[7]) {
		        if (bpf_wq_init(&w.work, works, 0) != 0) { return 1 }
		        if (bpf_wq_set_callback_impl(&w.work, later, 0, null) != 0) { return 2 }
		        if (bpf_wq_start(&w.work, 0) != 0) { return 3 }
		    }
		    if (var w = fixed[0]) {
		        if (bpf_wq_init(&w.work, fixed, 0) != 0) { return 4 }
		        if (bpf_wq_set_callback_impl(&w.work, later, 0, null) != 0) { return 5 }
		        if (bpf_wq_start(&w.work, 0) != 0) { return 6 }
		    }
		    return 0
		}
		fn main() -> i32 {
		    if (run(load(begin)) != 0) { return 1 }
		    for (_tenth in 0..50) {
		        if (done == 2) { break }
		        sleep(100)
		    }
		    print(works[7].runs, works[7].key, fixed[0].runs, done)
		    return 0
		}
	END
	./works >log
	expect_line works log '^4 7 1 2$'
}

test_objects_of_the_kernel_are_kept() {
	need_root
	build_source keeps <<-'END'
		struct Node { n: u64 }
		struct Slot { task: *task_struct, group: *cgroup, own: *Node, mask: *bpf_cpumask, n: u32 }
		var slots: hash<u32, Slot>(4)
		var pid: u64 = 0
		@syscall fn keep() -> i32 {
		    slots[1] = Slot { n: 1 }
		    if (var s = slots[1]) {
		        var task = bpf_task_acquire(bpf_get_current_task_btf())
		        if (task == null) { return 1 }
		        if (var old = bpf_kptr_xchg(&s.task, task)) { bpf_task_release(old) }
		        var group = bpf_cgroup_from_id(1)
		        if (group == null) { return 2 }
		        if (var old = bpf_kptr_xchg(&s.group, group)) { bpf_cgroup_release(old) }
		        var mask = bpf_cpumask_create()
		        if (mask == null) { return 3 }
		        bpf_cpumask_set_cpu(1, mask)
		        if (var old = bpf_kptr_xchg(&s.mask, mask)) { bpf_cpumask_release(old) }
		        var node = new Node()
		        if (node == null) { return 4 }
		        node->n = 9
		        if (var old = bpf_kptr_xchg(&s.own, node)) { delete old }
		    }
		    return 0
		}
		@syscall fn take() -> i32 {
		    var found: u64 = 0
		    if (var s = slots[1]) {
		        if (var task = bpf_kptr_xchg(&s.task, null)) {
		            pid = task->tgid as u64
		            bpf_task_release(task)
		            found += 1000
		        }
		        if (var group = bpf_kptr_xchg(&s.group, null)) {
		            found += group->kn->id
		            bpf_cgroup_release(group)
		        }
		        if (var node = bpf_kptr_xchg(&s.own, null)) {
		            found += node->n * 10
		            delete node
		        }
		        if (var mask = bpf_kptr_xchg(&s.mask, null)) {
		            found += bpf_cpumask_first(mask as *cpumask) as u64 * 200
		            bpf_cpumask_release(mask)
		        }
		    }
		    return found as i32
		}
		@syscall fn self() -> i32 { return (bpf_get_current_pid_tgid() >> 32) as i32 }
		fn main() -> i32 {
		    print(run(load(keep)), run(load(take)), run(load(take)), pid == run(load(self)) as u64)
		    if (run(load(keep)) != 0) { return 1 }
		    return 0                               // the rest ends with the map
		}
	END
	./keeps >log
	expect_line kept log '^0 1291 0 true$'
}
