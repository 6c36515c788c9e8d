/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Soundness by execution: programs that the simulated verifier accepts are run in the interpreter on
 * packets of many lengths, and before every instruction each register must hold a value that the
 * verifier thought possible there: some state that it saw at that instruction contains all registers.
 *
 * usage: sound OBJECT...; prints the totals, and what lies outside. Exit status 1 when something does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/verify/verify.h"
#include "bpf-backend/vm/vm.h"

enum { MAX_SEEN = 1 << 18, RUNS = 40 };

struct seen {
	struct verify_value values[BPF_REG_COUNT];
	uint32_t insn, depth;
	struct seen *next;
};

struct check {
	struct seen **by_insn;
	uint32_t seen;
	const struct program_code *code;
	const char *path;
	uint64_t steps, unknown;
	uint32_t failures;
	bool is_full;
};

static void observe(void *owner, uint32_t insn, uint32_t depth, const struct verify_value *values)
{
	struct check *c = owner;
	if (c->seen++ >= MAX_SEEN) {
		c->is_full = true;
		return;
	}
	struct seen *s = malloc(sizeof *s);
	memcpy(s->values, values, sizeof s->values);
	s->insn = insn;
	s->depth = depth;
	s->next = c->by_insn[insn];
	c->by_insn[insn] = s;
}

static bool holds(const struct verify_value *known, uint64_t value, uint64_t frame_pointer)
{
	struct scalar exact;
	if (known->kind == VERIFY_VALUE_NONE)
		return true;
	if (known->kind == VERIFY_VALUE_POINTER)
		return known->may_be_null || value;
	exact = scalar_const(known->kind == VERIFY_VALUE_STACK ? value - frame_pointer : value);
	if (known->kind == VERIFY_VALUE_STACK)
		return known->number.wide.smin <= exact.wide.smin &&
		       exact.wide.smin <= known->number.wide.smax;
	return scalar_within(&known->number, &exact);
}

static void watch(void *owner, struct vm *vm, const uint64_t *r)
{
	struct check *c = owner;
	struct vm_place place = vm_where(vm);
	uint32_t insn = place.record;
	if (!place.program || strcmp(place.program->name, c->code->name) ||
	    insn >= c->code->count) {
		c->unknown++; // a tail call
		return;
	}
	c->steps++;
	for (const struct seen *s = c->by_insn[insn]; s; s = s->next) {
		unsigned i = 0;
		while (i < BPF_REG_COUNT && holds(&s->values[i], r[i], r[BPF_R10]))
			i++;
		if (i == BPF_REG_COUNT)
			return;
	}
	if (c->failures++ > 3)
		return;
	printf("%s %s: instruction %u: no state holds", c->path, c->code->name, insn);
	for (unsigned i = 0; i < BPF_REG_COUNT; i++)
		printf(" r%u=0x%llx", i, (unsigned long long)r[i]);
	printf("\n");
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void make_packet(uint8_t *packet, uint32_t len, uint64_t *seed)
{
	static const uint8_t start[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
	for (uint32_t i = 0; i < len; i++)
		packet[i] = (uint8_t)next_random(seed);
	if (next_random(seed) & 1)
		memcpy(packet, start, len < sizeof start ? len : sizeof start);
	if (len > 23 && next_random(seed) & 1)
		packet[23] = (uint8_t[]){1, 6, 17}[next_random(seed) % 3];
}

static void run(struct check *c, const uint8_t *data, size_t len)
{
	struct vm_options options = {.watch = watch, .watcher = c, .budget = 200000, .cpus = 2};
	struct vm *vm = NULL;
	struct buf why;
	static uint8_t packet[2048];
	uint64_t seed = 88172645463325252u;
	buf_init(&why);
	if (!vm_open(&vm, data, len, &options, &why)) {
		const struct vm_program *program = vm_find_program(vm, c->code->name);
		for (int i = 0; program && i < RUNS; i++) {
			struct vm_result result;
			uint32_t bytes = 14 + (uint32_t)(next_random(&seed) % (i % 4 ? 100 : 1400));
			make_packet(packet, bytes, &seed);
			struct vm_input input = {
				.packet = packet, .packet_len = bytes, .cpu = (uint32_t)i & 1};
			vm_run(vm, program, &input, &result);
			buf_fini(vm_printed(vm));
			buf_init(vm_printed(vm));
		}
	}
	vm_close(vm);
	buf_fini(&why);
}

static void forget(struct check *c)
{
	for (uint32_t i = 0; i < c->code->count; i++) {
		while (c->by_insn[i]) {
			struct seen *s = c->by_insn[i];
			c->by_insn[i] = s->next;
			free(s);
		}
	}
	free(c->by_insn);
}

static uint8_t *read_file(const char *path, size_t *len)
{
	static uint8_t data[16 << 20];
	FILE *f = fopen(path, "rb");
	*len = f ? fread(data, 1, sizeof data, f) : 0;
	if (f)
		fclose(f);
	return data;
}

int main(int argc, char **argv)
{
	uint64_t steps = 0, programs = 0, failures = 0;
	for (int a = 1; a < argc; a++) {
		struct program_options how = {.release = KERNEL_AT(6, 18)};
		struct program_object object;
		struct buf why;
		size_t len;
		uint8_t *data = read_file(argv[a], &len);
		buf_init(&why);
		if (!program_open(&object, data, len, &how, &why)) {
			buf_fini(&why);
			continue;
		}
		for (uint32_t i = 0; i < object.programs.len; i++) {
			const struct program_code *code = &object.programs.data[i];
			struct check c = {.code = code, .path = argv[a]};
			c.by_insn = calloc(code->count + 1, sizeof *c.by_insn);
			struct verify_options options = {.kernel = how.release,
							 .cpus = 2,
							 .is_exhaustive = true,
							 .observe = observe,
							 .observer = &c};
			struct verify_result result;
			verify_program(&object, code, &options, &result);
			if (result.is_accepted && !c.is_full) {
				run(&c, data, len);
				programs++;
				steps += c.steps;
				failures += c.failures;
			}
			verify_result_free(&result);
			forget(&c);
		}
		program_close(&object);
		buf_fini(&why);
	}
	printf("%llu programs, %llu instructions, %llu outside of what was thought possible\n",
	       (unsigned long long)programs, (unsigned long long)steps,
	       (unsigned long long)failures);
	return failures != 0;
}
