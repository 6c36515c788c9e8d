/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter in place of the kernel (ks/machine.h over vm.h), for one test: the machine belongs to
 * the process of the test and ends with it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frontend/driver/test_inside.h"

enum { CPUS = 4, TEST_PID = 1000 };

struct machine {
	struct vm *vm;
	struct vm_map *taken; // map whose first record was handed out and goes with the next call
};

static struct vm_map *map_of(const struct machine *m, int number)
{
	return vm_map_by_number(m->vm, (uint32_t)number);
}

/* ---- maps ---- */

static int find_map(void *owner, const char *name, uint32_t *type, uint32_t *max_entries)
{
	const struct machine *m = owner;
	const struct vm_map *map = vm_find_map(m->vm, name);
	if (!map)
		return 0;
	*type = vm_map_get_info(map)->type;
	*max_entries = vm_map_get_info(map)->max_entries;
	return (int)vm_map_number(map);
}

static void *section(void *owner, const char *name)
{
	const struct machine *m = owner;
	struct vm_map *map = vm_find_map(m->vm, name);
	return map ? vm_map_data(map) : NULL;
}

static int lookup(void *owner, int map, const void *key, void *value)
{
	return vm_map_lookup(map_of(owner, map), key, value);
}

static int take(void *owner, int map, void *value)
{
	return vm_map_take(map_of(owner, map), value);
}

static int update(void *owner, int map, const void *key, const void *value, uint64_t flags)
{
	return vm_map_update(map_of(owner, map), key, value, flags);
}

static int remove_element(void *owner, int map, const void *key)
{
	return vm_map_delete(map_of(owner, map), key);
}

static int next_key(void *owner, int map, const void *before, void *key)
{
	return vm_map_next_key(map_of(owner, map), before, key);
}

static int create_inner(void *owner, int outer, const void *key)
{
	struct vm_map *inner = vm_map_create_inner(map_of(owner, outer));
	uint32_t number = inner ? vm_map_number(inner) : 0;
	return inner ? vm_map_update(map_of(owner, outer), key, &number, 0) : -ENOMEM;
}

static int set_program(void *owner, int map, uint32_t index, const char *program)
{
	const struct machine *m = owner;
	return vm_map_set_program(map_of(owner, map), index, vm_find_program(m->vm, program));
}

static const void *take_record(void *owner, int map, uint32_t *size)
{
	struct machine *m = owner;
	if (m->taken)
		vm_map_drop_first_record(m->taken);
	m->taken = NULL;
	const void *record = vm_map_record(map_of(m, map), 0, size);
	if (record)
		m->taken = map_of(m, map);
	else
		vm_map_drop_records(map_of(m, map)); // discarded ones
	return record;
}

static int send_record(void *owner, int map, const void *record, uint32_t size)
{
	return vm_map_send(map_of(owner, map), record, size);
}

/* ---- running ---- */

static uint64_t lend(void *owner, const void *bytes, uint32_t size)
{
	const struct machine *m = owner;
	return vm_lend(m->vm, bytes, size);
}

/* What programs printed goes to standard output. */
static void print_out(struct vm *vm)
{
	struct buf *printed = vm_printed(vm);
	for (size_t done = 0; done < printed->len;) {
		ssize_t n = write(STDOUT_FILENO, printed->data + done, printed->len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	printed->len = 0;
}

static void explain_fault(const struct vm_fault *fault, char why[KS_MACHINE_WHY])
{
	struct buf text;
	buf_init(&text);
	vm_print_fault(&text, fault);
	if (fault->line_text && *fault->line_text)
		buf_printf(&text, "  %s", fault->line_text);
	snprintf(why, KS_MACHINE_WHY, "%.*s", (int)text.len, text.data);
	buf_fini(&text);
}

static int run(void *owner, struct ks_machine_run *r)
{
	const struct machine *m = owner;
	const struct vm_program *program = vm_find_program(m->vm, r->program);
	const struct vm_input input = {
		.packet = r->packet,
		.packet_len = r->packet_len,
		.context = r->context,
		.context_len = r->context_len,
		.cpu = r->cpu,
		.pid_tgid = r->pid ? (uint64_t)r->pid << 32 | r->pid : 0,
	};
	struct vm_result result = {0}, later = {0};
	int err = program ? vm_run(m->vm, program, &input, &result) : -ENOENT;
	if (!err)
		err = vm_pass_time(m->vm, 0, &later); // timers that are due already
	print_out(m->vm);
	if (err == -EFAULT)
		explain_fault(result.fault.kind ? &result.fault : &later.fault, r->why);
	else if (err)
		snprintf(r->why, sizeof r->why, "`%s` cannot be run: %s", r->program,
			 r->cpu >= CPUS ? "the interpreter has the processors 0 to 3"
			 : r->packet    ? "a packet has at least 14 bytes, and for XDP at most 3520"
					: strerror(-err));
	if (!err && r->context_out && result.context_len >= r->context_len)
		memcpy(r->context_out, result.context, r->context_len);
	r->value = (int32_t)result.value;
	r->instructions = result.instructions;
	return err;
}

static uint64_t now_ns(void *owner)
{
	const struct machine *m = owner;
	return vm_now(m->vm);
}

static int pass_time(void *owner, uint64_t ns, char why[KS_MACHINE_WHY])
{
	const struct machine *m = owner;
	struct vm_result result;
	int err = vm_pass_time(m->vm, ns, &result);
	print_out(m->vm);
	if (err)
		explain_fault(&result.fault, why);
	return err;
}

bool test_open_machine(struct test_file *f, const char *name, struct ks_machine *machine,
		       struct buf *why)
{
	struct machine *m = ARENA_NEW(&f->compile.session, struct machine);
	const struct vm_options options = {
		.cpus = CPUS,
		.kernel = f->types,
		.release = f->product.kernel,
		.pid_tgid = (uint64_t)TEST_PID << 32 | TEST_PID,
		.comm = name,
	};
	if (vm_open(&m->vm, (const uint8_t *)f->product.bpf.data, f->product.bpf.len, &options,
		    why))
		return false;
	if (f->counts)
		vm_count_into(m->vm, f->counts);
	*machine = (struct ks_machine){
		.owner = m,
		.cpus = CPUS,
		.find_map = find_map,
		.section = section,
		.lookup = lookup,
		.take = take,
		.update = update,
		.remove = remove_element,
		.next_key = next_key,
		.create_inner = create_inner,
		.set_program = set_program,
		.take_record = take_record,
		.send = send_record,
		.lend = lend,
		.run = run,
		.now_ns = now_ns,
		.pass_time = pass_time,
	};
	return true;
}
