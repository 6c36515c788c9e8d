/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test(program, context) of compiled code: the fields that were given become a packet and a context,
 * and the program runs once on them, in the kernel (BPF_PROG_TEST_RUN) or in the machine that takes
 * its place. What the kernel cannot run ends the process with a note for the one that started it.
 *
 * Facts: bpf_prog_test_run_xdp(), _skb(), _sk_lookup() in net/bpf/test_run.c and
 * bpf_prog_test_run_raw_tp(); struct xdp_md and struct __sk_buff in include/uapi/linux/bpf.h, 6.12.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ks/machine.h"
#include "loader/calls.h"
#include "loader/program.h"

enum {
	CONTEXT_BYTES = 512,
	REGISTER_BYTES = 512,
	PACKET_BYTES = 64, // when nothing is said
	PACKET_MAX = 65536,
	NOT_SUPPORTED = 524,    // ENOTSUPP of the kernel
	PROGRAM_NETFILTER = 32, // enum bpf_prog_type
};

/* What the second argument of test() says. */
struct given {
	bool has[KS_TEST_CONTEXT];
	uint64_t number[KS_TEST_CONTEXT];
	const void *bytes; // the packet's
	uint32_t size;
	uint8_t context[CONTEXT_BYTES], registers[REGISTER_BYTES];
	uint32_t context_end; // behind the last member that was given
	uint32_t outer;       // place in the context of the address of the registers
	bool has_registers, has_pointer;
	const char *place;
};

/* ---- ends ---- */

static _Noreturn void fail(struct program *p)
{
	print_flush(p);
	process_exit(p, EXIT_REFUSED);
}

/* What this kernel cannot do for a test the interpreter can. */
static _Noreturn void want_interpreter(struct program *p, uint32_t program, const char *why)
{
	struct ks_test_report *r = p->options->test->report;
	snprintf(r->needs_interpreter, sizeof r->needs_interpreter, "`%s` %s",
		 meta_text(&p->meta, p->meta.programs[program].name), why);
	process_exit(p, EXIT_REFUSED);
}

/* ---- the context ---- */

static void put(uint8_t *to, uint32_t offset, uint32_t width, uint64_t value)
{
	if (offset <= CONTEXT_BYTES - 8 && width <= 8)
		memcpy(to + offset, &value, width);
}

static void take_member(struct program *p, struct given *g, const struct ks_test_field *f)
{
	const struct ks_machine *m = machine_of(p);
	const void *bytes = (const void *)(uintptr_t)f->value;
	uint64_t value = f->value;
	if (f->form == KS_TEST_POINTER) {
		g->has_pointer = true;
		value = m ? m->lend(m->owner, bytes, f->size) : 0;
	}
	if (f->id == KS_TEST_REGISTERS) {
		g->has_registers = true;
		g->outer = f->outer;
		put(g->registers, f->offset, f->width, value);
		return;
	}
	if (f->form == KS_TEST_BYTES && f->offset < CONTEXT_BYTES) {
		uint32_t room = CONTEXT_BYTES - f->offset;
		uint32_t size = f->size < f->width ? f->size : f->width;
		memcpy(g->context + f->offset, bytes, size < room ? size : room);
	} else {
		put(g->context, f->offset, f->width, value);
	}
	if (g->context_end < f->offset + f->width)
		g->context_end = f->offset + f->width;
}

static void take_fields(struct program *p, struct given *g, const struct ks_test_field *fields,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct ks_test_field *f = &fields[i];
		if (f->id >= KS_TEST_CONTEXT) {
			take_member(p, g, f);
			continue;
		}
		g->has[f->id] = true;
		g->number[f->id] = f->value;
		if (f->form != KS_TEST_BYTES)
			continue;
		g->bytes = (const void *)(uintptr_t)f->value;
		g->size = f->size;
	}
	if (g->has_registers) {
		const struct ks_machine *m = machine_of(p);
		put(g->context, g->outer, 8,
		    m ? m->lend(m->owner, g->registers, REGISTER_BYTES) : 0);
	}
}

/* Members of the two contexts that fields without a context of their own stand for. */
static void set_member(struct given *g, uint32_t offset, enum ks_test_id id)
{
	if (!g->has[id])
		return;
	put(g->context, offset, 4, g->number[id]);
	if (g->context_end < offset + 4)
		g->context_end = offset + 4;
}

static void describe_packet(struct given *g, bool is_xdp)
{
	enum { XDP_INGRESS = 12, XDP_QUEUE = 16 };
	enum { SKB_MARK = 8, SKB_QUEUE = 12, SKB_INGRESS = 36, SKB_INTERFACE = 40 };
	if (is_xdp) {
		set_member(g, XDP_INGRESS, KS_TEST_interface_id);
		set_member(g, XDP_QUEUE, KS_TEST_rx_queue);
		return;
	}
	set_member(g, SKB_MARK, KS_TEST_mark);
	set_member(g, SKB_QUEUE, KS_TEST_rx_queue);
	set_member(g, SKB_INGRESS, KS_TEST_interface_id);
	set_member(g, SKB_INTERFACE, KS_TEST_interface_id);
}

/* The packet, zeros behind what was given of it; NULL without memory. */
static uint8_t *make_packet(const struct given *g, uint32_t *len)
{
	uint64_t size = g->size;
	if (g->has[KS_TEST_packet_size] && g->number[KS_TEST_packet_size] > size)
		size = g->number[KS_TEST_packet_size];
	else if (!g->has[KS_TEST_packet_size] && !g->bytes)
		size = PACKET_BYTES;
	*len = size < PACKET_MAX ? (uint32_t)size : PACKET_MAX;
	uint8_t *packet = calloc(1, *len + 1u);
	if (packet && g->size)
		memcpy(packet, g->bytes, g->size < *len ? g->size : *len);
	return packet;
}

static bool has_packet(const char *kind)
{
	static const char *const kinds[] = {"xdp",        "tc",  "socket", "cgroup_skb",
					    "cgroup/skb", "lwt", "sk_skb", "flow_dissector"};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!strncmp(kind, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* ---- in the interpreter ---- */

static struct ks_test_cost *cost_of(const struct program *p, uint32_t program)
{
	return &p->options->test->report->costs[program];
}

static int run_in_machine(struct program *p, uint32_t program, const struct given *g,
			  const void *packet, uint32_t len, int32_t *value)
{
	const struct ks_machine *m = machine_of(p);
	uint64_t repeat = g->has[KS_TEST_repeat] ? g->number[KS_TEST_repeat] : 1;
	int err = 0;
	for (uint64_t i = 0; i < repeat && !err; i++) {
		struct ks_machine_run run = {
			.program = meta_text(&p->meta, p->meta.programs[program].name),
			.packet = packet,
			.packet_len = len,
			.context = g->context,
			.context_len = CONTEXT_BYTES,
			.cpu = (uint32_t)g->number[KS_TEST_cpu],
			.pid = (uint32_t)g->number[KS_TEST_pid],
		};
		err = m->run(m->owner, &run);
		*value = run.value;
		if (err)
			report(p, "%s: %s", g->place, run.why);
		cost_of(p, program)->interpreted++;
		cost_of(p, program)->instructions += run.instructions;
	}
	return err;
}

/* ---- in the kernel ---- */

static uint32_t verified_instructions(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof info;
	return bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.verified_insns : 0;
}

static bool is_all_zero(const uint8_t *bytes, size_t size)
{
	while (size && !bytes[size - 1])
		size--;
	return !size;
}

/* Options for the kind of program, whose context has `size` bytes if it is one that the author chose; false when
 * the kernel cannot run it on request. */
static bool choose_options(struct bpf_test_run_opts *o, enum bpf_prog_type type, struct given *g,
			   const uint8_t *packet, uint32_t len, uint32_t size)
{
	enum { XDP_BYTES = 24, SKB_BYTES = 192, RAW_ARGUMENTS = 96, LOOKUP_BYTES = 72 };
	uint64_t repeat = g->has[KS_TEST_repeat] ? g->number[KS_TEST_repeat] : 1;
	o->repeat = repeat <= INT32_MAX ? (int)repeat : INT32_MAX;
	switch ((unsigned)type) {
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
		o->data_in = packet;
		o->data_size_in = len;
		if (is_all_zero(g->context, CONTEXT_BYTES))
			return true;
		o->ctx_in = g->context;
		o->ctx_size_in = type == BPF_PROG_TYPE_XDP ? XDP_BYTES : SKB_BYTES;
		if (type == BPF_PROG_TYPE_XDP)
			put(g->context, 4, 4, len); // data_end
		return true;
	case BPF_PROG_TYPE_SK_LOOKUP:
		o->ctx_in = g->context;
		o->ctx_size_in = LOOKUP_BYTES;
		return true;
	case BPF_PROG_TYPE_SYSCALL:
		o->ctx_in = size ? g->context : NULL;
		o->ctx_size_in = size;
		o->repeat = 0;
		return size <= CONTEXT_BYTES;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		o->ctx_in = g->context;
		o->ctx_size_in = RAW_ARGUMENTS;
		o->repeat = 0;
		if (g->has[KS_TEST_cpu]) {
			o->flags = BPF_F_TEST_RUN_ON_CPU;
			o->cpu = (uint32_t)g->number[KS_TEST_cpu];
		}
		return !g->has_pointer;
	default:
		return false;
	}
}

static int run_in_kernel(struct program *p, uint32_t program, struct given *g,
			 const uint8_t *packet, uint32_t len, int32_t *value)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	struct handle *h = &p->handles[program];
	if (g->has[KS_TEST_pid])
		want_interpreter(p, program, "is to run in another process");
	if (object_load_program(p, h) || tail_calls_load(p, h))
		return -EINVAL; // explained
	enum bpf_prog_type type = bpf_program__type(h->program);
	if (!choose_options(&o, type, g, packet, len, handle_row(p, h)->context_size))
		want_interpreter(p, program,
				 "is of a kind that the kernel does not run on request");
	if (g->has[KS_TEST_cpu] && type != BPF_PROG_TYPE_RAW_TRACEPOINT)
		want_interpreter(p, program, "is to run on a given processor");
	int fd = bpf_program__fd(h->program);
	int err = bpf_prog_test_run_opts(fd, &o);
	if (err == -ENODEV)
		want_interpreter(p, program, "is to come in on an interface that is not there");
	if (err == -NOT_SUPPORTED)
		want_interpreter(p, program,
				 "is of a kind that the kernel does not run on request");
	if (err) {
		report(p, "%s: the kernel did not run `%s`: %s%s", g->place,
		       meta_text(&p->meta, p->meta.programs[program].name), strerror(-err),
		       err == -EINVAL && packet && (len < 14 || len > 3520)
			       ? " (a packet has at least 14 bytes, and for XDP at most 3520)"
			       : "");
		return err;
	}
	*value = (int32_t)o.retval;
	struct ks_test_cost *cost = cost_of(p, program);
	uint32_t runs = o.repeat > 1 ? (uint32_t)o.repeat : 1;
	cost->runs += runs;
	cost->ns += (uint64_t)o.duration * runs;
	cost->verified = verified_instructions(fd);
	return 0;
}

/* ---- results ---- */

static const char *action_name(const char *kind, int32_t value)
{
	static const char *const xdp[] = {"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX",
					  "XDP_REDIRECT"};
	static const char *const tc[] = {"TC_ACT_UNSPEC", "TC_ACT_OK",     "TC_ACT_RECLASSIFY",
					 "TC_ACT_SHOT",   "TC_ACT_PIPE",   "TC_ACT_STOLEN",
					 "TC_ACT_QUEUED", "TC_ACT_REPEAT", "TC_ACT_REDIRECT",
					 "TC_ACT_TRAP"};
	if (!strncmp(kind, "xdp", 3) && (uint32_t)value < sizeof xdp / sizeof *xdp)
		return xdp[value];
	if (!strncmp(kind, "tc", 2) && (uint32_t)(value + 1) < sizeof tc / sizeof *tc)
		return tc[value + 1];
	return NULL;
}

static const char *show(const char *kind, int32_t value, char *out, size_t size)
{
	const char *name = action_name(kind, value);
	if (name)
		snprintf(out, size, "%s (%d)", name, value);
	else
		snprintf(out, size, "%d", value);
	return out;
}

static void check_action(struct program *p, uint32_t program, const struct given *g, int32_t value)
{
	const char *kind = meta_text(&p->meta, p->meta.programs[program].kind);
	int32_t wanted = (int32_t)g->number[KS_TEST_expected_action];
	char is[48], was[48];
	if (!g->has[KS_TEST_expected_action] || wanted == value)
		return;
	print_flush(p);
	report(p, "%s: `%s` gave %s, not %s", g->place,
	       meta_text(&p->meta, p->meta.programs[program].name),
	       show(kind, value, is, sizeof is), show(kind, wanted, was, sizeof was));
	fail(p);
}

/* ---- calls ---- */

uint32_t ks_test_number(void)
{
	const struct ks_test_run *test = program_current()->options->test;
	return test ? test->number : UINT32_MAX;
}

int32_t ks_test(uint32_t program, const void *fields, uint32_t count, const char *place)
{
	struct program *p = program_current();
	struct given *g = calloc(1, sizeof *g);
	uint32_t len = 0;
	int32_t value = 0;
	if (!p->options->test || program >= p->meta.header->program_count || !g)
		process_exit(p, EXIT_REFUSED);
	const char *kind = meta_text(&p->meta, p->meta.programs[program].kind);
	bool is_packet = has_packet(kind);
	g->place = place;
	take_fields(p, g, fields, count);
	if (is_packet)
		describe_packet(g, !strncmp(kind, "xdp", 3));
	uint8_t *packet = is_packet ? make_packet(g, &len) : NULL;
	int err = machine_of(p) ? run_in_machine(p, program, g, packet, len, &value)
				: run_in_kernel(p, program, g, packet, len, &value);
	if (err)
		fail(p);
	check_action(p, program, g, value);
	free(packet);
	free(g);
	return value;
}
