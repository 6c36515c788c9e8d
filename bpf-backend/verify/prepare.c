/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is settled before the walk: operations decoded, functions found, references to maps checked.
 * After add_subprog_and_kfunc(), check_subprogs() and resolve_pseudo_ldimm64() of
 * kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

enum { CALL = 0x85, LD_IMM64 = 0x18 };

bool verify_is_call_of_helper(const struct bpf_record *r)
{
	return r->opcode == CALL && r->src == 0;
}

bool verify_is_call_of_function(const struct bpf_record *r)
{
	return r->opcode == CALL && r->src == 1;
}

bool verify_is_call_of_kernel(const struct bpf_record *r)
{
	return r->opcode == CALL && r->src == 2;
}

static bool is_function_address(const struct bpf_record *r)
{
	return r->opcode == LD_IMM64 && r->src == 4;
}

int verify_find_function(const struct verifier *v, int64_t insn)
{
	for (uint32_t i = 0; i < v->function_count; i++) {
		if (v->functions[i].start == insn)
			return (int)i;
	}
	return -1;
}

uint32_t verify_function_around(const struct verifier *v, uint32_t insn)
{
	uint32_t i = 0;
	while (i + 1 < v->function_count && v->functions[i + 1].start <= insn)
		i++;
	return i;
}

static int by_start(const void *a, const void *b)
{
	const struct function_note *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static bool add_function(struct verifier *v, int64_t start)
{
	if (start < 0 || start >= v->count)
		return verify_refuse(v, VERIFY_BAD_FLOW, -1,
				     "the call at %u leads out of the program", v->at);
	if (verify_find_function(v, start) >= 0)
		return true;
	if (v->function_count == MAX_FUNCTIONS)
		return verify_refuse(v, VERIFY_COMPLEX, -1, "it has more than %d functions",
				     MAX_FUNCTIONS);
	v->functions[v->function_count++].start = (uint32_t)start;
	return true;
}

static void describe_functions(struct verifier *v)
{
	const struct program_code *code = v->code;
	qsort(v->functions, v->function_count, sizeof *v->functions, by_start);
	for (uint32_t i = 0; i < v->function_count; i++) {
		struct function_note *f = &v->functions[i];
		f->end = i + 1 < v->function_count ? v->functions[i + 1].start : v->count;
		f->name = "";
		for (uint32_t k = 0; k < code->function_count; k++) {
			const struct program_function *p = &code->functions[k];
			if (p->start != f->start)
				continue;
			f->name = p->name;
			f->type = p->func_type;
			f->is_global = i && p->is_global && p->func_type;
			if (k && k == code->exception_handler) {
				v->handler = i;
				f->is_callback = f->is_async = f->is_handler = true;
			}
		}
	}
}

static bool find_functions(struct verifier *v)
{
	v->functions = ARENA_ARRAY(&v->arena, struct function_note, MAX_FUNCTIONS + 1);
	v->function_count = 1;
	for (uint32_t i = 0; i < v->count; i++) {
		const struct bpf_record *r = &v->insns[i];
		v->at = i;
		if ((verify_is_call_of_function(r) || is_function_address(r)) &&
		    !add_function(v, (int64_t)i + r->imm + 1))
			return false;
	}
	if (v->code->exception_handler && v->code->exception_handler < v->code->function_count &&
	    !add_function(v, v->code->functions[v->code->exception_handler].start))
		return false;
	describe_functions(v);
	return true;
}

/* Jumps stay in their function, and it does not run into the next one. */
static bool check_function(struct verifier *v, struct function_note *f)
{
	for (uint32_t i = f->start; i < f->end; i++) {
		const struct bpf_record *r = &v->insns[i];
		v->at = i;
		if (verify_is_call_of_helper(r) && r->imm == 12)
			f->has_tail_call = true;
		unsigned mode = r->opcode & 0xe0;
		if ((r->opcode & 7) == 0 && (mode == 0x20 || mode == 0x40))
			f->has_ld_abs = true;
		if (v->notes[i].op < BPF_OP_COUNT && insn_is_jump(v->notes[i].op)) {
			int64_t target = (int64_t)i + 1 + insn_jump_offset(r);
			if (target < f->start || target >= f->end)
				return verify_refuse(v, VERIFY_BAD_FLOW, -1,
						     "the jump leads out of its function");
		}
		if (i + 1 == f->end && r->opcode != 0x95 && r->opcode != 0x05 &&
		    r->opcode != 0x06 && !verify_is_call_of_kernel(r))
			return verify_refuse(v, VERIFY_BAD_FLOW, -1,
					     "the function does not end with `exit` or a jump");
	}
	return true;
}

static bool check_map_reference(struct verifier *v, const struct bpf_record *r)
{
	uint32_t maps = v->object->maps.len;
	if ((uint32_t)r->imm >= maps)
		return verify_refuse(v, VERIFY_MAP, -1, "it refers to a map that does not exist");
	const struct program_map *map = v->object->maps.data[r->imm];
	if (map->type == 33) {
		if (!kernel_has(v->options->kernel, KERNEL_HAS_ARENA))
			return verify_refuse(v, VERIFY_KERNEL, -1, "this kernel has no arenas");
		v->has_arena = true;
	}
	if (!verify_check_map_use(v, map))
		return false;
	if (r->src == 1 || map->type == 33)
		return true;
	if (!map->is_data && (map->type != 2 || map->max_entries != 1))
		return verify_refuse(
			v, VERIFY_MAP, -1,
			"the address of a value is only known for arrays with one entry");
	if ((uint32_t)r[1].imm >= map->value_size)
		return verify_refuse(v, VERIFY_MAP_BOUNDS, -1,
				     "offset %u is beyond the value of %u bytes of map `%s`",
				     (uint32_t)r[1].imm, map->value_size, map->name);
	return true;
}

static bool check_wide_immediate(struct verifier *v, uint32_t i)
{
	const struct bpf_record *r = &v->insns[i];
	if (i + 1 >= v->count || r[1].opcode || r[1].dst || r[1].src || r[1].off)
		return verify_refuse(v, VERIFY_BAD_CODE, -1,
				     "the 64-bit immediate lacks its second half");
	if (r->src == 1 || r->src == 2)
		return check_map_reference(v, r);
	if (r->src == 3 && (!v->types || (uint32_t)r->imm > v->types->type_count || r->imm <= 0 ||
			    btf_kind_of(v->types, (uint32_t)r->imm) != BTF_KIND_VAR))
		return verify_refuse(v, VERIFY_TYPES, -1, "it refers to no variable of the kernel");
	if (r->src > 4)
		return verify_refuse(v, VERIFY_BAD_CODE, -1, "unknown kind of 64-bit immediate");
	return true;
}

static bool decode(struct verifier *v)
{
	v->notes = ARENA_ARRAY(&v->arena, struct note, v->count + 1);
	for (uint32_t i = 0; i < v->count; i++) {
		const struct bpf_record *r = &v->insns[i];
		enum bpf_op op = insn_find(r);
		v->notes[i].op = (uint16_t)op;
		if (insn_records(r) == 2 && i + 1 < v->count)
			v->notes[++i].op = BPF_OP_COUNT; // its second half
	}
	return true;
}

/* Also where no path goes, opcodes must be known. */
static bool check_references(struct verifier *v)
{
	uint32_t since[256];
	memset(since, 0xff, sizeof since); // KERNEL_NEVER
	for (unsigned op = 0; op < BPF_OP_COUNT; op++)
		if (insn_table[op].kernel < since[insn_table[op].opcode])
			since[insn_table[op].opcode] = insn_table[op].kernel;
	for (uint32_t i = 0; i < v->count; i++) {
		uint8_t opcode = v->insns[i].opcode;
		v->at = i;
		if (opcode != LD_IMM64 && since[opcode] > v->options->kernel)
			return verify_refuse(v, VERIFY_BAD_CODE, -1,
					     "the kernel has no instruction with opcode 0x%02x",
					     opcode);
		if (opcode != LD_IMM64)
			continue;
		if (!check_wide_immediate(v, i))
			return false;
		i++;
	}
	return true;
}

/* Functions that a load or a tail call may end must return a number. */
static bool check_abrupt_end(struct verifier *v, const struct function_note *f)
{
	if (!f->has_tail_call && !f->has_ld_abs)
		return true;
	v->at = f->start;
	if (!v->own || !f->type)
		return verify_refuse(v, VERIFY_TYPES, -1,
				     "functions with tail calls or packet loads need BTF");
	uint32_t proto = btf_get_type(v->own, f->type).type;
	uint32_t result = proto ? program_strip(v->own, btf_get_type(v->own, proto).type) : 0;
	enum btf_kind kind = result ? btf_kind_of(v->own, result) : 0;
	if (kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64)
		return true;
	return verify_refuse(v, f->has_tail_call ? VERIFY_TAIL_CALL : VERIFY_CALL, -1,
			     "function `%s` may be left by a %s and must return a number", f->name,
			     f->has_tail_call ? "tail call" : "load from the packet");
}

bool verify_prepare_program(struct verifier *v)
{
	if (!v->count || v->count > MAX_PROCESSED)
		return verify_refuse(v, VERIFY_COMPLEX, -1, "it has %u instructions", v->count);
	if (!decode(v) || !find_functions(v))
		return false;
	for (uint32_t i = 0; i < v->function_count; i++) {
		if (!check_function(v, &v->functions[i]))
			return false;
		if (i && !check_abrupt_end(v, &v->functions[i]))
			return false;
	}
	return check_references(v);
}
