/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random functions, run by a small interpreter before and after the whole pipeline: same result,
 * same globals, same calls of an observing external function. The IR is checked after every pass.
 * The seeds are fixed; a failing one is printed with the functions it made. KS_TEST_SEEDS=N takes more of
 * them, KS_TEST_SEED=N one, KS_TEST_PASS stops after a pass.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/opt/pass.h"

enum { FUNCTIONS = 1000, HELPERS = 2, RUNS = 4, MAX_STEPS = 20000, GLOBAL_SIZE = 64 };

/* ---- generation ---- */

enum { SCALARS = 6, RECORDS = 3, RECORD_SIZE = 24 };

struct generator {
	uint64_t seed;
	struct ir_module *m;
	struct ir_fn *fn;
	struct ir_builder b;
	uint32_t fn_index;
	uint32_t budget;               // statements left
	uint32_t loops;                // nesting
	uint32_t brk, cont;            // of the innermost loop
	uint32_t scalar_slot[SCALARS]; // widths 4, 8, 4, 1, 2, 8
	uint32_t record_slot[RECORDS];
	ir_ref param[2];
};

static const uint8_t scalar_width[SCALARS] = {4, 8, 4, 1, 2, 8};
static const struct {
	uint8_t offset, width;
} fields[] = {{0, 4}, {4, 4}, {8, 8}, {16, 2}, {18, 1}, {20, 4}};

static uint32_t next(struct generator *g, uint32_t below)
{
	g->seed = g->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(g->seed >> 33) % below;
}

static uint64_t random_bits(struct generator *g)
{
	static const uint64_t edges[] = {
		0,          1,          2,          3,          7,          8,         16,
		31,         63,         127,        128,        255,        256,       0xffff,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, 1ull << 63, 0xff00ff00};
	uint32_t kind = next(g, 4);

	if (kind < 3)
		return edges[next(g, sizeof edges / sizeof *edges)];
	return (uint64_t)next(g, 1u << 30) << 34 ^ (uint64_t)next(g, 1u << 30) << 8 ^ next(g, 256);
}

static ir_ref expression(struct generator *g, enum ir_type type, uint32_t depth);

static enum ir_type type_of_width(uint32_t width)
{
	return width == 8 ? IR_I64 : IR_I32;
}

static ir_ref slot(struct generator *g, uint32_t index)
{
	return ir_emit_index(&g->b, IR_SLOT, IR_PTR, index);
}

static ir_ref convert(struct generator *g, ir_ref v, enum ir_type type)
{
	enum ir_type from = ir_type_of(g->fn, v);

	if (from == type)
		return v;
	if (type == IR_I32)
		return ir_emit(&g->b, IR_TRUNC, IR_I32, v, 0);
	return ir_emit(&g->b, next(g, 2) ? IR_ZEXT32 : IR_SEXT32, IR_I64, v, 0);
}

/* Some memory of the given width: a scalar, a field, an element at a variable index, a global. */
static ir_ref random_place(struct generator *g, uint32_t *width, int32_t *offset, bool *is_global)
{
	uint32_t kind = next(g, 8), i;

	*offset = 0;
	*is_global = false;
	if (kind < 4) {
		i = next(g, SCALARS);
		*width = scalar_width[i];
		return slot(g, g->scalar_slot[i]);
	}
	if (kind < 6 || g->fn->target == IR_TARGET_MODULE) {
		i = next(g, sizeof fields / sizeof *fields);
		*width = fields[i].width;
		ir_ref base = slot(g, g->record_slot[next(g, RECORDS - 1)]);
		if (next(g, 2))
			return ir_emit(&g->b, IR_PTRADD, IR_PTR, base,
				       ir_const(g->fn, IR_I64, fields[i].offset));
		*offset = fields[i].offset;
		return base;
	}
	*width = 4;
	ir_ref index = ir_emit(&g->b, IR_AND, IR_I64, expression(g, IR_I64, 2),
			       ir_const(g->fn, IR_I64, kind == 6 ? 3 : 7));
	index = ir_emit(&g->b, IR_SHL, IR_I64, index, ir_const(g->fn, IR_I64, 2));
	*is_global = kind == 7;
	ir_ref base = *is_global ? ir_emit_index(&g->b, IR_GLOBAL, IR_PTR, next(g, 2))
				 : slot(g, g->record_slot[RECORDS - 1]);
	if (*is_global && next(g, 2)) {
		*offset = (int32_t)next(g, 8) * 4;
		return base;
	}
	return ir_emit(&g->b, IR_PTRADD, IR_PTR, base, index);
}

static ir_ref load_place(struct generator *g)
{
	uint32_t width;
	int32_t offset;
	bool is_global;
	ir_ref base = random_place(g, &width, &offset, &is_global);

	return ir_emit_load(&g->b, type_of_width(width), base, offset,
			    ir_mem_aux(width, width < 4 && next(g, 2),
				       is_global ? IR_SPACE_GLOBAL : IR_SPACE_ANY));
}

static ir_ref binary(struct generator *g, enum ir_type type, uint32_t depth)
{
	static const enum ir_op ops[] = {IR_ADD,  IR_SUB,  IR_MUL,  IR_UDIV, IR_SDIV,
					 IR_UREM, IR_SREM, IR_AND,  IR_OR,   IR_XOR,
					 IR_SHL,  IR_LSHR, IR_ASHR, IR_ADD,  IR_AND};
	enum ir_op op = ops[next(g, sizeof ops / sizeof *ops)];
	ir_ref a = expression(g, type, depth + 1), b = expression(g, type, depth + 1);

	return ir_emit(&g->b, op, type, a, next(g, 6) ? b : a);
}

static ir_ref unary(struct generator *g, enum ir_type type, uint32_t depth)
{
	static const enum ir_op ops[] = {IR_NEG,    IR_NOT,    IR_EXT8U, IR_EXT8S,
					 IR_EXT16U, IR_EXT16S, IR_BE16,  IR_BE32};

	return ir_emit(&g->b, ops[next(g, sizeof ops / sizeof *ops)], type,
		       expression(g, type, depth + 1), 0);
}

static ir_ref compare(struct generator *g, uint32_t depth)
{
	static const enum ir_op ops[] = {IR_EQ, IR_NE, IR_ULT, IR_ULE, IR_SLT, IR_SLE};
	enum ir_type type = next(g, 2) ? IR_I32 : IR_I64;
	ir_ref a = expression(g, type, depth + 1), b = expression(g, type, depth + 1);

	return ir_emit(&g->b, ops[next(g, 6)], IR_I32, a, b);
}

static ir_ref call_helper(struct generator *g, uint32_t depth)
{
	if (!g->fn_index)
		return ir_const(g->fn, IR_I64, random_bits(g));
	ir_ref args[] = {expression(g, IR_I32, depth + 1), expression(g, IR_I64, depth + 1)};

	return ir_emit_call(&g->b, IR_CALL, IR_I64, next(g, g->fn_index), args, 2);
}

/* a && b with blocks and a phi, as lowering makes it. */
static ir_ref short_circuit(struct generator *g, uint32_t depth)
{
	ir_ref a = compare(g, depth + 1);
	uint32_t more = ir_add_block(g->fn), done = ir_add_block(g->fn), from = g->b.block;
	bool is_and = next(g, 2);

	ir_emit_branch(&g->b, a, is_and ? more : done, is_and ? done : more);
	g->b.block = more;
	ir_ref b = compare(g, depth + 1);
	uint32_t more_end = g->b.block;
	ir_emit_jump(&g->b, done);
	g->b.block = done;
	ir_ref phi = ir_add_phi(g->fn, done, IR_I32, (span){0});
	ir_args(g->fn, phi)[ir_pred_index(g->fn, done, from)] = ir_const(g->fn, IR_I32, !is_and);
	ir_args(g->fn, phi)[ir_pred_index(g->fn, done, more_end)] = b;
	return phi;
}

static ir_ref expression(struct generator *g, enum ir_type type, uint32_t depth)
{
	uint32_t kind = next(g, depth > 3 ? 3 : 16);

	switch (kind) {
	case 0:
		return ir_const(g->fn, type, random_bits(g));
	case 1:
		return convert(g, g->param[next(g, 2)], type);
	case 2:
	case 3:
	case 4:
		return convert(g, load_place(g), type);
	case 5:
	case 6:
		return unary(g, type, depth);
	case 7:
		return convert(g, compare(g, depth), type);
	case 8:
		return ir_emit_select(&g->b, type, compare(g, depth),
				      expression(g, type, depth + 1),
				      expression(g, type, depth + 1));
	case 9:
		return convert(g, short_circuit(g, depth), type);
	case 10:
		return convert(g, depth ? ir_const(g->fn, IR_I64, 5) : call_helper(g, depth), type);
	case 11:
		return convert(g, expression(g, type == IR_I32 ? IR_I64 : IR_I32, depth + 1), type);
	default:
		return binary(g, type, depth);
	}
}

static void block(struct generator *g, uint32_t depth);

static void assign(struct generator *g)
{
	uint32_t width;
	int32_t offset;
	bool is_global;
	ir_ref value64 = expression(g, IR_I64, 0), value32 = expression(g, IR_I32, 1);
	ir_ref base = random_place(g, &width, &offset, &is_global);

	ir_emit_store(&g->b, base, offset, width == 8 ? value64 : value32,
		      ir_mem_aux(width, false, is_global ? IR_SPACE_GLOBAL : IR_SPACE_ANY));
}

static void move_record(struct generator *g)
{
	ir_ref to = slot(g, g->record_slot[next(g, RECORDS)]);
	ir_ref from = slot(g, g->record_slot[next(g, RECORDS)]);
	struct ir_insn in = {.op = IR_MEMCPY, .a = to, .b = from, .index = RECORD_SIZE};

	if (next(g, 3) == 0)
		in = (struct ir_insn){.op = IR_MEMZERO, .aux = 8, .a = to, .index = RECORD_SIZE};
	else if (next(g, 4) == 0)
		in.b = ir_emit_index(&g->b, IR_GLOBAL, IR_PTR, next(g, 2));
	else if (next(g, 4) == 0)
		in.a = ir_emit_index(&g->b, IR_GLOBAL, IR_PTR, next(g, 2));
	if (next(g, 4) == 0)
		in.index = 8;
	ir_emit_full(&g->b, in);
}

static void observe(struct generator *g)
{
	ir_ref args[] = {expression(g, IR_I64, 1)};

	ir_emit_call(&g->b, IR_CALL_EXTERN, IR_VOID, 0, args, 1);
}

static void if_statement(struct generator *g, uint32_t depth)
{
	ir_ref condition = next(g, 3) ? compare(g, 1) : short_circuit(g, 1);
	uint32_t yes = ir_add_block(g->fn), no = ir_add_block(g->fn), done = ir_add_block(g->fn);

	ir_emit_branch(&g->b, condition, yes, next(g, 2) ? no : done);
	g->b.block = yes;
	block(g, depth + 1);
	if (g->b.block != UINT32_MAX)
		ir_emit_jump(&g->b, done);
	g->b.block = no;
	block(g, depth + 1);
	if (g->b.block != UINT32_MAX)
		ir_emit_jump(&g->b, done);
	g->b.block = done;
}

static void while_statement(struct generator *g, uint32_t depth)
{
	struct ir_slot s = {.size = 4, .align = 4};
	uint32_t counter = ir_add_slot(g->fn, s), old_brk = g->brk, old_cont = g->cont;
	uint32_t head = ir_add_block(g->fn), body = ir_add_block(g->fn), done = ir_add_block(g->fn);
	uint16_t aux = ir_mem_aux(4, false, IR_SPACE_SLOT);

	ir_emit_store(&g->b, slot(g, counter), 0, ir_const(g->fn, IR_I32, 0), aux);
	ir_emit_jump(&g->b, head);
	g->b.block = head;
	ir_ref i = ir_emit_load(&g->b, IR_I32, slot(g, counter), 0, aux);
	ir_ref more = ir_emit(&g->b, IR_ADD, IR_I32, i, ir_const(g->fn, IR_I32, 1));
	ir_emit_store(&g->b, slot(g, counter), 0, more, aux);
	ir_ref c = ir_emit(&g->b, IR_ULT, IR_I32, i, ir_const(g->fn, IR_I32, next(g, 6)));
	ir_emit_branch(&g->b, c, body, done);
	g->b.block = body;
	g->brk = done;
	g->cont = head;
	g->loops++;
	block(g, depth + 1);
	g->loops--;
	g->brk = old_brk;
	g->cont = old_cont;
	if (g->b.block != UINT32_MAX)
		ir_emit_jump(&g->b, head);
	g->b.block = done;
}

static void switch_statement(struct generator *g, uint32_t depth)
{
	enum ir_type type = next(g, 2) ? IR_I32 : IR_I64;
	ir_ref v = ir_emit(&g->b, IR_AND, type, expression(g, type, 1), ir_const(g->fn, type, 3));
	uint64_t values[] = {0, 1, 2};
	uint32_t done = ir_add_block(g->fn), targets[3], otherwise = next(g, 2) ? done : UINT32_MAX;

	for (int i = 0; i < 3; i++)
		targets[i] = i && next(g, 3) == 0 ? targets[i - 1] : ir_add_block(g->fn);
	ir_emit_switch(&g->b, v, values, targets, 3, otherwise == done ? done : targets[0]);
	for (int i = 0; i < 3; i++) {
		if (i && targets[i] == targets[i - 1])
			continue;
		g->b.block = targets[i];
		block(g, depth + 1);
		if (g->b.block != UINT32_MAX)
			ir_emit_jump(&g->b, done);
	}
	g->b.block = done;
}

static void statement(struct generator *g, uint32_t depth)
{
	uint32_t kind = next(g, depth > 3 ? 8 : 16);

	if (kind < 6)
		assign(g);
	else if (kind == 6)
		move_record(g);
	else if (kind == 7)
		observe(g);
	else if (kind < 11)
		if_statement(g, depth);
	else if (kind < 13 && g->loops < 2)
		while_statement(g, depth);
	else if (kind == 13)
		switch_statement(g, depth);
	else if (kind == 14 && g->loops && next(g, 2))
		ir_emit_jump(&g->b, next(g, 2) ? g->brk : g->cont);
	else if (kind == 15 && depth && next(g, 3) == 0)
		ir_emit_return(&g->b, expression(g, IR_I64, 1));
	else
		assign(g);
}

static void block(struct generator *g, uint32_t depth)
{
	uint32_t count = 1 + next(g, 4);

	while (count-- && g->budget && g->b.block != UINT32_MAX) {
		g->budget--;
		statement(g, depth);
	}
}

/* Blocks that lead anywhere, also into the middle of loops. */
static void goto_soup(struct generator *g)
{
	enum { COUNT = 9 };
	uint32_t blocks[COUNT];

	for (int i = 0; i < COUNT; i++)
		blocks[i] = ir_add_block(g->fn);
	ir_emit_jump(&g->b, blocks[0]);
	for (int i = 0; i < COUNT; i++) {
		uint64_t values[] = {0, 7};
		uint32_t to[] = {blocks[next(g, COUNT)], blocks[next(g, COUNT)]};
		g->b.block = blocks[i];
		for (uint32_t k = next(g, 3); k; k--)
			statement(g, 4);
		switch (next(g, 6)) {
		case 0:
			ir_emit_return(&g->b, expression(g, IR_I64, 1));
			break;
		case 1:
			ir_emit_jump(&g->b, to[0]);
			break;
		case 2:
			ir_emit_switch(&g->b, expression(g, IR_I32, 1), values, to, 2,
				       blocks[next(g, COUNT)]);
			break;
		default:
			ir_emit_branch(&g->b, next(g, 2) ? compare(g, 1) : short_circuit(g, 1),
				       to[0], to[1]);
		}
	}
}

static void generate_fn(struct generator *g, uint32_t index, enum ir_target target)
{
	static uint8_t params[] = {IR_I32, IR_I64};
	char name[8];

	snprintf(name, sizeof name, "f%u", index);
	g->fn_index = ir_add_fn(g->m, intern_string(&g->m->compile->names, name), target);
	g->fn = g->m->fns.data[g->fn_index];
	g->fn->params = params;
	g->fn->param_count = 2;
	g->fn->result = IR_I64;
	g->fn->is_exported = index == HELPERS;
	g->b = (struct ir_builder){g->fn, ir_add_block(g->fn), {0, 0}};
	g->budget = index == HELPERS ? 40 : 2 + next(g, 12);
	g->loops = 0;
	g->param[0] = ir_emit_index(&g->b, IR_PARAM, IR_I32, 0);
	g->param[1] = ir_emit_index(&g->b, IR_PARAM, IR_I64, 1);
	for (int i = 0; i < SCALARS; i++) {
		struct ir_slot s = {.size = scalar_width[i], .align = scalar_width[i]};
		g->scalar_slot[i] = ir_add_slot(g->fn, s);
		ir_emit_store(&g->b, slot(g, g->scalar_slot[i]), 0,
			      ir_const(g->fn, type_of_width(scalar_width[i]), random_bits(g)),
			      ir_mem_aux(scalar_width[i], false, IR_SPACE_SLOT));
	}
	for (int i = 0; i < RECORDS; i++) {
		struct ir_slot s = {.size = RECORD_SIZE, .align = 8};
		g->record_slot[i] = ir_add_slot(g->fn, s);
		ir_emit_full(&g->b, (struct ir_insn){.op = IR_MEMZERO,
						     .aux = 8,
						     .a = slot(g, g->record_slot[i]),
						     .index = RECORD_SIZE});
	}
	if (index == HELPERS && next(g, 4) == 0)
		goto_soup(g);
	while (g->budget && g->b.block != UINT32_MAX)
		block(g, 0);
	if (g->b.block != UINT32_MAX)
		ir_emit_return(&g->b, expression(g, IR_I64, 0));
	for (uint32_t b = 0; b < g->fn->blocks.len; b++) { // blocks that nothing ended
		struct ir_builder end = {g->fn, b, {0, 0}};
		ir_ref last = g->fn->blocks.data[b].last;
		if (!last || ir_ops[ir_get(g->fn, last)->op].effect != IR_EFF_CONTROL)
			ir_emit_return(&end, ir_const(g->fn, IR_I64, 0));
	}
}

static void generate(struct ir_module *m, struct compile *compile, uint64_t seed)
{
	struct generator g = {.seed = seed * 7919 + 1, .m = m};
	enum ir_target target = seed & 1 ? IR_TARGET_BPF : IR_TARGET_HOST;

	ir_module_init(m, compile, &compile->module);
	ir_add_extern(m, IR_EXTERN_RUNTIME, "observe", IR_VOID, IR_EFFECT_OTHER);
	for (int i = 0; i < 2; i++)
		ir_add_global(m, (struct ir_global){.section = IR_SECTION_BSS,
						    .size = GLOBAL_SIZE,
						    .align = 8});
	for (uint32_t i = 0; i <= HELPERS; i++)
		generate_fn(&g, i, target);
}

/* ---- interpretation ---- */

struct machine {
	const struct ir_module *m;
	uint8_t globals[3]
		       [GLOBAL_SIZE]; // the two of the program, and the zero that loop_bound adds
	uint64_t trace;               // hash of what was observed
	uint32_t steps;               // left
};

struct frame {
	struct machine *vm;
	const struct ir_fn *fn;
	uint64_t *value;
	uint8_t **slots;
	const uint64_t *args;
};

static uint64_t get(const struct frame *f, ir_ref r)
{
	if (!r)
		return 0;
	return ir_is_const(r) ? ir_get_const(f->fn, r)->bits : f->value[r];
}

static uint64_t cut(enum ir_type type, uint64_t v)
{
	return type == IR_I32 ? (uint32_t)v : v;
}

static uint64_t run(struct machine *vm, const struct ir_fn *fn, const uint64_t *args);

static uint64_t load(const struct ir_insn *in, uint64_t address)
{
	uint32_t width = IR_MEM_WIDTH(in->aux);
	uint64_t v = 0;

	memcpy(&v, (void *)(uintptr_t)(address + (uint64_t)(int64_t)in->imm), width);
	if (IR_MEM_SIGNED(in->aux) && width < 8)
		v = (uint64_t)((int64_t)(v << (64 - width * 8)) >> (64 - width * 8));
	return cut((enum ir_type)in->type, v);
}

static void call(struct frame *f, ir_ref r)
{
	const struct ir_insn *in = ir_get(f->fn, r);
	uint64_t args[4];

	for (uint32_t i = 0; i < ir_arg_count(f->fn, r); i++)
		args[i] = get(f, ir_args(f->fn, r)[i]);
	if (in->op == IR_CALL_EXTERN)
		f->vm->trace = hash_u64(f->vm->trace ^ args[0]);
	else
		f->value[r] = run(f->vm, f->vm->m->fns.data[in->index], args);
}

static void step(struct frame *f, ir_ref r)
{
	const struct ir_insn *in = ir_get(f->fn, r);
	uint64_t a, b;

	if (ir_ops[in->op].effect == IR_EFF_CALL) {
		call(f, r);
		return;
	}
	a = ir_ops[in->op].a == IR_OPERAND_NONE ? 0 : get(f, in->a);
	b = ir_ops[in->op].b == IR_OPERAND_NONE ? 0 : get(f, in->b);
	void *at = (void *)(uintptr_t)(a + (uint64_t)(int64_t)in->imm);
	switch ((int)in->op) {
	case IR_PARAM:
		f->value[r] = cut((enum ir_type)in->type, f->args[in->index]);
		break;
	case IR_SLOT:
		f->value[r] = (uintptr_t)f->slots[in->index];
		break;
	case IR_GLOBAL:
		f->value[r] = (uintptr_t)f->vm->globals[in->index];
		break;
	case IR_PTRADD:
		f->value[r] = a + b;
		break;
	case IR_SELECT:
		f->value[r] = a ? b : get(f, in->c);
		break;
	case IR_LOAD:
		f->value[r] = load(in, a);
		break;
	case IR_STORE:
		memcpy(at, &b, IR_MEM_WIDTH(in->aux));
		break;
	case IR_MEMZERO:
		memset((void *)(uintptr_t)a, 0, in->index);
		break;
	case IR_MEMCPY:
		memmove((void *)(uintptr_t)a, (void *)(uintptr_t)b, in->index);
		break;
	default:
		f->value[r] = ir_fold((enum ir_op)in->op, (enum ir_type)in->type,
				      ir_type_of(f->fn, in->a), a, b);
	}
}

static uint32_t choose(const struct frame *f, const struct ir_block *block)
{
	const struct ir_insn *end = ir_get(f->fn, block->last);
	uint64_t v = end->op == IR_JUMP ? 0 : get(f, end->a);

	if (end->op == IR_BRANCH)
		return v ? 0 : 1;
	if (end->op != IR_SWITCH)
		return 0;
	const struct ir_switch *table = &f->fn->switches.data[end->index];
	uint32_t i = 0;
	while (i < table->count && table->values[i] != v)
		i++;
	return i;
}

static void take_phis(struct frame *f, uint32_t to, uint32_t from)
{
	const struct ir_block *block = &f->fn->blocks.data[to];
	uint64_t values[256];
	uint32_t n = 0, index;

	if (ir_get(f->fn, block->first)->op != IR_PHI)
		return;
	index = ir_pred_index(f->fn, to, from);
	for (ir_ref r = block->first; ir_get(f->fn, r)->op == IR_PHI; r = f->fn->next.data[r])
		values[n++] = get(f, ir_args(f->fn, r)[index]);
	n = 0;
	for (ir_ref r = block->first; ir_get(f->fn, r)->op == IR_PHI; r = f->fn->next.data[r])
		f->value[r] = values[n++];
}

static uint64_t run(struct machine *vm, const struct ir_fn *fn, const uint64_t *args)
{
	struct frame f = {vm, fn, calloc(fn->insns.len, 8), calloc(fn->slots.len + 1, 8), args};
	uint64_t result = 0;
	uint32_t b = 0;

	for (uint32_t i = 0; i < fn->slots.len; i++)
		f.slots[i] = calloc(1, fn->slots.data[i].size + 8);
	while (vm->steps) {
		const struct ir_block *block = &fn->blocks.data[b];
		ir_ref r = block->first;
		vm->steps--;
		while (ir_get(fn, r)->op == IR_PHI)
			r = fn->next.data[r];
		for (; r != block->last && vm->steps; r = fn->next.data[r]) {
			vm->steps--;
			step(&f, r);
		}
		if (ir_get(fn, block->last)->op == IR_RETURN) {
			result = get(&f, ir_get(fn, block->last)->a);
			break;
		}
		uint32_t to = block->succs[choose(&f, block)];
		take_phis(&f, to, b);
		b = to;
	}
	for (uint32_t i = 0; i < fn->slots.len; i++)
		free(f.slots[i]);
	free(f.slots);
	free(f.value);
	return result;
}

static const struct ir_fn *entry(const struct ir_module *m)
{
	return m->fns.data[m->fns.len - 1];
}

/* ---- the test ---- */

static void print_module(const struct ir_module *m)
{
	struct buf out;

	buf_init(&out);
	ir_print_module(m, &out);
	fprintf(stderr, "%s\n", out.data);
	buf_fini(&out);
}

static void compare_runs(const struct ir_module *before, const struct ir_module *after,
			 uint64_t seed)
{
	for (uint32_t i = 0; i < RUNS; i++) {
		uint64_t args[] = {hash_u64(seed * RUNS + i) >> (i * 8), hash_u64(seed + i * 77)};
		struct machine x = {.m = before, .steps = MAX_STEPS};
		struct machine y = {.m = after, .steps = MAX_STEPS * 4};
		uint64_t want = run(&x, entry(before), args);
		if (!x.steps)
			continue;
		uint64_t got = run(&y, entry(after), args);
		if (want == got && x.trace == y.trace &&
		    !memcmp(x.globals, y.globals, sizeof x.globals))
			continue;
		print_module(before);
		print_module(after);
		cr_assert(false, "seed %llu, run %u: 0x%llx became 0x%llx (trace %d, globals %d)",
			  (unsigned long long)seed, i, (unsigned long long)want,
			  (unsigned long long)got, x.trace == y.trace,
			  !memcmp(x.globals, y.globals, sizeof x.globals));
	}
}

static void test_seed(struct compile *compile, uint64_t seed, struct opt_options options)
{
	struct ir_module before, after;
	const char *why;

	generate(&before, compile, seed);
	generate(&after, compile, seed);
	for (uint32_t i = 0; i < before.fns.len; i++)
		cr_assert(ir_check_fn(&before, before.fns.data[i], &why), "seed %llu: %s",
			  (unsigned long long)seed, why);
	bool good = opt_run(&after, &options);
	if (!good && compile->diags.list.len) {
		print_module(&before);
		print_module(&after);
		cr_assert(good, "seed %llu: %s", (unsigned long long)seed,
			  compile->diags.list.data[0]->text);
	}
	compare_runs(&before, &after, seed);
}

Test(opt_random, optimised_functions_compute_the_same)
{
	const char *only = getenv("KS_TEST_SEED"), *count = getenv("KS_TEST_SEEDS");
	uint64_t last = count ? strtoull(count, NULL, 10) : FUNCTIONS;
	struct opt_options options = {.kernel = 6u << 16 | 18u << 8,
				      .level = 1,
				      .check_each = true,
				      .stop_after = getenv("KS_TEST_PASS")};
	struct compile compile;

	uint64_t first = only ? strtoull(only, NULL, 10) : 1;

	if (only)
		last = first;
	for (uint64_t seed = first; seed <= last; seed++) {
		compile_init(&compile);
		options.level = seed % 8 != 0;
		test_seed(&compile, seed, options);
		compile_fini(&compile);
	}
}
