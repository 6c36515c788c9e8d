/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making modules, functions, blocks and instructions. Instructions are appended to the builder's
 * block; the calls that end a block also add its edges. Memory comes from the module's arena and
 * lives as long as the module.
 */
#include "frontend/ir/ir.h"

#include <string.h>

void ir_module_init(struct ir_module *m, struct compile *compile, struct arena *arena)
{
	memset(m, 0, sizeof *m);
	m->compile = compile;
	m->arena = arena;
	m->main_fn = UINT32_MAX;
	map_init(&m->core_index, arena);
	vec_push(arena, &m->dtypes, (struct ir_dtype){.kind = IR_DTYPE_VOID});
}

/* An operation that leaves the value as it is, or cuts it as the swap does. */
static void drop_swap(struct ir_fn *fn, struct ir_insn *in)
{
	enum ir_op swap = (enum ir_op)in->op;
	enum ir_type type = (enum ir_type)in->type;
	if (swap == IR_BE16)
		*in = (struct ir_insn){.op = IR_EXT16U, .type = in->type, .a = in->a};
	else if (swap == IR_BE32 && type == IR_I64)
		*in = (struct ir_insn){.op = IR_AND,
				       .type = in->type,
				       .a = in->a,
				       .b = ir_const(fn, type, UINT32_MAX)};
	else
		*in = (struct ir_insn){
			.op = IR_OR, .type = in->type, .a = in->a, .b = ir_const(fn, type, 0)};
}

void ir_set_big_endian(struct ir_module *m)
{
	m->is_big_endian = true;
	for (uint32_t f = 0; f < m->fns.len; f++) {
		struct ir_fn *fn = m->fns.data[f];
		for (uint32_t b = 0; b < fn->blocks.len; b++)
			for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
				struct ir_insn in = *ir_get(fn, r);
				if (in.op != IR_BE16 && in.op != IR_BE32 && in.op != IR_BE64)
					continue;
				drop_swap(fn, &in);
				*ir_get(fn, r) = in;
			}
	}
}

uint32_t ir_add_fn(struct ir_module *m, symbol name, enum ir_target target)
{
	struct ir_fn *fn = ARENA_NEW(m->arena, struct ir_fn);

	fn->name = name;
	fn->target = target;
	fn->arena = m->arena;
	map_init(&fn->const_index, m->arena);
	ir_new_insn(fn, (struct ir_insn){.op = IR_NONE}, (span){0}); // ref 0 means "none"
	vec_push(m->arena, &m->fns, fn);
	return m->fns.len - 1;
}

#define SETTLE(v, slack)                                                                           \
	((v)->cap && arena_holds(from, (v)->data)                                                  \
		 ? (void)((v)->cap = (v)->len + (slack),                                           \
			  (v)->data =                                                              \
				  settled((v)->data, sizeof *(v)->data, (v)->len, (v)->cap, home)) \
		 : (void)0)

static void *settled(const void *data, size_t size, uint32_t len, uint32_t cap, struct arena *home)
{
	void *p = arena_alloc(home, size * cap);

	return len ? memcpy(p, data, size * len) : p;
}

void ir_settle(struct ir_fn *fn, struct arena *home)
{
	const struct arena *from = fn->arena;
	uint32_t slack = fn->insns.len / 8 + 2; // the passes put something in

	SETTLE(&fn->insns, slack);
	SETTLE(&fn->next, slack);
	SETTLE(&fn->prev, slack);
	SETTLE(&fn->block_of, slack);
	SETTLE(&fn->spans, slack);
	SETTLE(&fn->names, slack);
	SETTLE(&fn->parts, 0);
	SETTLE(&fn->blocks, 2);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		struct ir_block *block = &fn->blocks.data[b];
		SETTLE(&block->preds, 0);
		if (arena_holds(from, block->succs))
			block->succs = arena_copy(home, block->succs,
						  block->succ_count * sizeof *block->succs);
	}
	SETTLE(&fn->slots, 0);
	SETTLE(&fn->consts, 4);
	SETTLE(&fn->pool, fn->pool.len / 4);
	SETTLE(&fn->switches, 0);
	for (uint32_t i = 0; i < fn->switches.len; i++) {
		struct ir_switch *table = &fn->switches.data[i];
		if (arena_holds(from, table->values))
			table->values = arena_copy(home, table->values,
						   table->count * sizeof *table->values);
	}
	if (arena_holds(from, fn->const_index.slots))
		map_move(&fn->const_index, home);
	fn->arena = fn->const_index.arena = home;
}

uint32_t ir_add_extern(struct ir_module *m, enum ir_extern_kind kind, const char *name,
		       enum ir_type result, uint32_t effects)
{
	symbol sym = intern_string(&m->compile->names, name);

	for (uint32_t i = 0; i < m->externs.len; i++) {
		const struct ir_extern *e = &m->externs.data[i];
		if (e->name == sym && e->kind == kind && e->result == result &&
		    e->effects == effects)
			return i;
	}
	struct ir_extern e = {
		.name = sym, .kind = kind, .result = (uint8_t)result, .effects = (uint8_t)effects};
	vec_push(m->arena, &m->externs, e);
	return m->externs.len - 1;
}

static bool is_same_core(const struct ir_core *a, const struct ir_core *b)
{
	if (a->kind != b->kind || a->dtype != b->dtype || a->step_count != b->step_count)
		return false;
	for (uint32_t i = 0; i < a->step_count; i++)
		if (a->steps[i].name != b->steps[i].name || a->steps[i].index != b->steps[i].index)
			return false;
	return true;
}

uint32_t ir_add_core(struct ir_module *m, struct ir_core core)
{
	uint64_t key = hash_u64((uint64_t)core.kind << 32 | core.dtype);

	for (uint32_t i = 0; i < core.step_count; i++)
		key = hash_u64(key ^ ((uint64_t)core.steps[i].index << 32 | core.steps[i].name));
	uint64_t *first = map_insert(&m->core_index, key >> 1);
	if (*first && is_same_core(&m->cores.data[*first - 1], &core))
		return (uint32_t)*first - 1;
	vec_push(m->arena, &m->cores, core);
	*first = m->cores.len;
	return m->cores.len - 1;
}

uint32_t ir_add_dtype(struct ir_module *m, struct ir_dtype dtype)
{
	vec_push(m->arena, &m->dtypes, dtype);
	return m->dtypes.len - 1;
}

uint32_t ir_add_global(struct ir_module *m, struct ir_global global)
{
	uint32_t *end = &m->section_size[global.section];
	uint32_t align = global.align ? global.align : 1;

	global.offset = (*end + align - 1) / align * align;
	*end = global.offset + global.size;
	vec_push(m->arena, &m->globals, global);
	return m->globals.len - 1;
}

uint32_t ir_add_block(struct ir_fn *fn)
{
	vec_push(fn->arena, &fn->blocks, (struct ir_block){0});
	return fn->blocks.len - 1;
}

uint32_t ir_add_slot(struct ir_fn *fn, struct ir_slot slot)
{
	vec_push(fn->arena, &fn->slots, slot);
	return fn->slots.len - 1;
}

ir_ref ir_const(struct ir_fn *fn, enum ir_type type, uint64_t bits)
{
	if (type == IR_I32)
		bits = (uint32_t)bits;
	uint64_t key = hash_u64(bits ^ (uint64_t)type << 62) >> 1;
	for (;; key++) { // a different constant with an equal hash takes the next key
		uint64_t *found = map_find(&fn->const_index, key);
		if (!found)
			break;
		const struct ir_const *c = &fn->consts.data[*found];
		if (c->type == type && c->bits == bits)
			return (ir_ref)*found | IR_CONST_BIT;
	}
	*map_insert(&fn->const_index, key) = fn->consts.len;
	struct ir_const made = {(uint8_t)type, bits};
	vec_push(fn->arena, &fn->consts, made);
	return (fn->consts.len - 1) | IR_CONST_BIT;
}

ir_ref ir_new_insn(struct ir_fn *fn, struct ir_insn insn, span where)
{
	vec_push(fn->arena, &fn->insns, insn);
	vec_push(fn->arena, &fn->next, IR_REF_NONE);
	vec_push(fn->arena, &fn->prev, IR_REF_NONE);
	vec_push(fn->arena, &fn->block_of, UINT32_MAX);
	vec_push(fn->arena, &fn->spans, where);
	vec_push(fn->arena, &fn->names, 0);
	return fn->insns.len - 1;
}

void ir_append(struct ir_fn *fn, uint32_t block, ir_ref r)
{
	struct ir_block *b = &fn->blocks.data[block];

	fn->block_of.data[r] = block;
	fn->prev.data[r] = b->last;
	fn->next.data[r] = IR_REF_NONE;
	if (b->last)
		fn->next.data[b->last] = r;
	else
		b->first = r;
	b->last = r;
}

ir_ref ir_emit_full(struct ir_builder *b, struct ir_insn insn)
{
	if (b->block == UINT32_MAX)
		b->block = ir_add_block(b->fn);
	ir_ref r = ir_new_insn(b->fn, insn, b->where);
	ir_append(b->fn, b->block, r);
	return r;
}

ir_ref ir_emit(struct ir_builder *b, enum ir_op op, enum ir_type type, ir_ref a, ir_ref b_operand)
{
	return ir_emit_full(
		b,
		(struct ir_insn){.op = (uint8_t)op, .type = (uint8_t)type, .a = a, .b = b_operand});
}

ir_ref ir_emit_select(struct ir_builder *b, enum ir_type type, ir_ref cond, ir_ref yes, ir_ref no)
{
	return ir_emit_full(
		b, (struct ir_insn){
			   .op = IR_SELECT, .type = (uint8_t)type, .a = cond, .b = yes, .c = no});
}

ir_ref ir_emit_index(struct ir_builder *b, enum ir_op op, enum ir_type type, uint32_t index)
{
	return ir_emit_full(
		b, (struct ir_insn){.op = (uint8_t)op, .type = (uint8_t)type, .index = index});
}

ir_ref ir_emit_load(struct ir_builder *b, enum ir_type type, ir_ref addr, int32_t offset,
		    uint16_t aux)
{
	return ir_emit_full(b, (struct ir_insn){.op = IR_LOAD,
						.type = (uint8_t)type,
						.aux = aux,
						.a = addr,
						.imm = offset});
}

void ir_emit_store(struct ir_builder *b, ir_ref addr, int32_t offset, ir_ref value, uint16_t aux)
{
	ir_emit_full(b, (struct ir_insn){.op = IR_STORE,
					 .type = IR_VOID,
					 .aux = aux,
					 .a = addr,
					 .b = value,
					 .imm = offset});
}

uint32_t ir_add_pool(struct ir_fn *fn, const ir_ref *refs, uint32_t count)
{
	uint32_t at = fn->pool.len;

	for (uint32_t i = 0; i < count; i++)
		vec_push(fn->arena, &fn->pool, refs ? refs[i] : IR_REF_NONE);
	return at;
}

ir_ref ir_emit_call(struct ir_builder *b, enum ir_op op, enum ir_type type, uint32_t index,
		    const ir_ref *args, uint32_t count)
{
	assert(count <= UINT16_MAX && "the number of arguments fits the instruction");
	return ir_emit_full(b, (struct ir_insn){.op = (uint8_t)op,
						.type = (uint8_t)type,
						.aux = (uint16_t)count,
						.a = ir_add_pool(b->fn, args, count),
						.index = index});
}

void ir_add_pred(struct ir_fn *fn, uint32_t to, uint32_t from)
{
	struct ir_block *t = &fn->blocks.data[to];

	vec_push(fn->arena, &t->preds, from);
	for (ir_ref r = t->first; r && ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r]) {
		struct ir_insn *phi = ir_get(fn, r);
		if (phi->a + phi->index != fn->pool.len)
			phi->a = ir_add_pool(fn, fn->pool.data + phi->a, phi->index);
		vec_push(fn->arena, &fn->pool, IR_REF_NONE);
		phi->index++;
	}
}

void ir_set_succs(struct ir_fn *fn, uint32_t block, const uint32_t *succs, uint32_t count)
{
	struct ir_block *b = &fn->blocks.data[block];

	b->succs = arena_copy(fn->arena, succs, count * sizeof *succs);
	b->succ_count = count;
	for (uint32_t i = 0; i < count; i++)
		ir_add_pred(fn, succs[i], block);
}

/* Appends the block end `insn` with its successors and leaves the builder without a block. */
static void end_block(struct ir_builder *b, struct ir_insn insn, const uint32_t *succs,
		      uint32_t count)
{
	ir_emit_full(b, insn);
	ir_set_succs(b->fn, b->block, succs, count);
	b->block = UINT32_MAX;
}

void ir_emit_jump(struct ir_builder *b, uint32_t to)
{
	end_block(b, (struct ir_insn){.op = IR_JUMP}, &to, 1);
}

void ir_emit_branch(struct ir_builder *b, ir_ref cond, uint32_t yes, uint32_t no)
{
	uint32_t succs[] = {yes, no};

	end_block(b, (struct ir_insn){.op = IR_BRANCH, .a = cond}, succs, 2);
}

void ir_emit_loop_guard(struct ir_builder *b, uint32_t go_on, uint32_t spent)
{
	uint32_t succs[] = {go_on, spent};

	end_block(b, (struct ir_insn){.op = IR_LOOP_GUARD}, succs, 2);
}

uint32_t ir_add_switch(struct ir_fn *fn, const uint64_t *values, uint32_t count)
{
	struct ir_switch table = {arena_copy(fn->arena, values, count * sizeof *values), count};

	vec_push(fn->arena, &fn->switches, table);
	return fn->switches.len - 1;
}

void ir_emit_switch(struct ir_builder *b, ir_ref value, const uint64_t *values,
		    const uint32_t *targets, uint32_t count, uint32_t otherwise)
{
	uint32_t *succs = ARENA_ARRAY(b->fn->arena, uint32_t, count + 1);

	for (uint32_t i = 0; i < count; i++)
		succs[i] = targets[i];
	succs[count] = otherwise;
	end_block(b,
		  (struct ir_insn){.op = IR_SWITCH,
				   .a = value,
				   .index = ir_add_switch(b->fn, values, count)},
		  succs, count + 1);
}

void ir_emit_return(struct ir_builder *b, ir_ref value)
{
	end_block(b, (struct ir_insn){.op = IR_RETURN, .a = value}, NULL, 0);
}

void ir_emit_unreachable(struct ir_builder *b)
{
	end_block(b, (struct ir_insn){.op = IR_UNREACHABLE}, NULL, 0);
}

ir_ref ir_add_phi(struct ir_fn *fn, uint32_t block, enum ir_type type, span where)
{
	struct ir_block *b = &fn->blocks.data[block];
	struct ir_insn insn = {.op = IR_PHI,
			       .type = (uint8_t)type,
			       .a = ir_add_pool(fn, NULL, b->preds.len),
			       .index = b->preds.len};
	ir_ref r = ir_new_insn(fn, insn, where);

	fn->block_of.data[r] = block;
	fn->next.data[r] = b->first;
	if (b->first)
		fn->prev.data[b->first] = r;
	else
		b->last = r;
	b->first = r;
	return r;
}
