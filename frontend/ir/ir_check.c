/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a function well formed? Links, block ends, edges known at both ends, indices in range, operand
 * classes and types from the op table, calls against their callee, phis against predecessors, and
 * every use dominated by its definition. Linear in the size of the function. Stops at the first
 * finding.
 */
#include <stdarg.h>

#include "frontend/ir/ir.h"
#include "frontend/ir/ir_text.h"

struct checker {
	const struct ir_module *m;
	const struct ir_fn *fn;
	struct arena *arena;
	struct ir_doms doms;
	uint32_t *position; // of each instruction in its block, from 1; 0 when not linked
	const char *why;
};

/* Numbers as the text form prints them. */
static bool fail_at(struct checker *c, ir_ref r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool fail_at(struct checker *c, ir_ref r, const char *format, ...)
{
	uint32_t blocks = 0, values = 0, at = c->fn->block_of.data[r];
	va_list args;

	va_start(args, format);
	const char *text = arena_vprintf(c->arena, format, args);
	va_end(args);
	for (uint32_t b = 0; b <= at && at < c->fn->blocks.len; b++) {
		ir_ref i = c->fn->blocks.data[b].first;
		blocks += b < at && i;
		for (; i; i = c->fn->next.data[i]) {
			values += ir_get(c->fn, i)->type != IR_VOID;
			if (i == r)
				break;
		}
	}
	if (ir_get(c->fn, r)->type == IR_VOID)
		c->why = arena_printf(c->arena, "b%u: `%s`: %s", blocks,
				      ir_ops[ir_get(c->fn, r)->op].name, text);
	else
		c->why = arena_printf(c->arena, "b%u: `%%%u = %s`: %s", blocks, values,
				      ir_ops[ir_get(c->fn, r)->op].name, text);
	return false;
}

static bool fail(struct checker *c, uint32_t block, const char *what)
{
	c->why = arena_printf(c->arena, "block %u: %s", block, what);
	return false;
}

static bool check_links(struct checker *c, uint32_t b)
{
	const struct ir_fn *fn = c->fn;
	const struct ir_block *block = &fn->blocks.data[b];
	ir_ref before = IR_REF_NONE;
	uint32_t position = 0;

	for (ir_ref r = block->first; r; before = r, r = fn->next.data[r]) {
		if (ir_is_const(r) || r >= fn->insns.len || c->position[r])
			return fail(c, b, "its list of instructions is broken");
		c->position[r] = ++position;
		if (fn->prev.data[r] != before || fn->block_of.data[r] != b)
			return fail(c, b, "the links of an instruction are wrong");
		if (ir_get(fn, r)->op == IR_NONE || ir_get(fn, r)->op >= IR_OP_COUNT)
			return fail(c, b, "it holds a removed instruction");
		bool is_end = ir_ops[ir_get(fn, r)->op].effect == IR_EFF_CONTROL;
		if (is_end != (fn->next.data[r] == IR_REF_NONE))
			return fail_at(c, r,
				       is_end ? "a block end before the end"
					      : "the block has no end");
		if (ir_get(fn, r)->op == IR_PHI && before && ir_get(fn, before)->op != IR_PHI)
			return fail_at(c, r, "a phi after another instruction");
	}
	if (block->last != before)
		return fail(c, b, "its last instruction is not the last one");
	return true;
}

static bool check_succ_count(struct checker *c, uint32_t b)
{
	const struct ir_block *block = &c->fn->blocks.data[b];
	const struct ir_insn *end = ir_get(c->fn, block->last);
	uint32_t want = 0;

	if (end->op == IR_JUMP)
		want = 1;
	else if (end->op == IR_BRANCH || end->op == IR_LOOP_GUARD)
		want = 2;
	else if (end->op == IR_SWITCH && end->index >= c->fn->switches.len)
		return fail_at(c, block->last, "the switch table does not exist");
	else if (end->op == IR_SWITCH)
		want = c->fn->switches.data[end->index].count + 1;
	if (block->succ_count != want)
		return fail_at(c, block->last, "%u successors instead of %u", block->succ_count,
			       want);
	for (uint32_t i = 0; i < want; i++)
		if (block->succs[i] >= c->fn->blocks.len ||
		    !c->fn->blocks.data[block->succs[i]].first)
			return fail_at(c, block->last, "a successor does not exist");
	return true;
}

/* Every edge stands as often in the successors of one end as in the predecessors of the other. */
static bool check_edges(struct checker *c)
{
	const struct ir_fn *fn = c->fn;
	uint32_t n = fn->blocks.len, edges = 0;
	uint32_t *begin = ARENA_ARRAY(c->arena, uint32_t, n + 2);
	int32_t *balance = ARENA_ARRAY(c->arena, int32_t, n + 1);

	for (uint32_t b = 0; b < n; b++)
		for (uint32_t i = 0; i < fn->blocks.data[b].succ_count; i++, edges++)
			begin[fn->blocks.data[b].succs[i] + 2]++;
	uint32_t *sources = ARENA_ARRAY(c->arena, uint32_t, edges + 1);
	for (uint32_t b = 2; b < n + 1; b++)
		begin[b] += begin[b - 1];
	for (uint32_t b = 0; b < n; b++)
		for (uint32_t i = 0; i < fn->blocks.data[b].succ_count; i++)
			sources[begin[fn->blocks.data[b].succs[i] + 1]++] = b;
	for (uint32_t b = 0; b < n; b++) {
		const struct ir_block *block = &fn->blocks.data[b];
		if (block->preds.len != begin[b + 1] - begin[b])
			return fail(c, b, "its predecessors are not the blocks that lead to it");
		for (uint32_t i = 0; i < block->preds.len; i++)
			if (block->preds.data[i] >= n)
				return fail(c, b, "a predecessor does not exist");
		for (uint32_t i = 0; i < block->preds.len; i++) {
			balance[block->preds.data[i]]++;
			balance[sources[begin[b] + i]]--;
		}
		for (uint32_t i = 0; i < block->preds.len; i++)
			if (balance[block->preds.data[i]])
				return fail(c, b,
					    "its predecessors are not the blocks that lead to it");
	}
	return true;
}

/* Is `operand` something that stands before its use `at` on every path? `use_block` is where it must
 * be available: for a phi, the end of the predecessor (at == IR_REF_NONE). */
static bool check_ref(struct checker *c, ir_ref r, ir_ref operand, uint32_t use_block, ir_ref at)
{
	const struct ir_fn *fn = c->fn;

	if (!operand)
		return fail_at(c, r, "an operand is missing");
	if (ir_is_const(operand)) {
		if ((operand & ~IR_CONST_BIT) >= fn->consts.len)
			return fail_at(c, r, "a constant does not exist");
		return true;
	}
	if (operand >= fn->insns.len || !c->position[operand])
		return fail_at(c, r, "an operand is not an instruction of the function");
	if (ir_get(fn, operand)->type == IR_VOID)
		return fail_at(c, r, "an operand has no value");
	if (c->doms.rpo_index[use_block] == UINT32_MAX)
		return true;
	uint32_t def_block = fn->block_of.data[operand];
	bool is_before = def_block == use_block && at
				 ? c->position[operand] < c->position[at]
				 : ir_dominates(&c->doms, def_block, use_block);
	if (!is_before)
		return fail_at(c, r, "it uses the value of `%s` where that need not be computed",
			       ir_ops[ir_get(fn, operand)->op].name);
	return true;
}

static bool check_class(struct checker *c, ir_ref r, enum ir_operand class, ir_ref operand,
			const char *which)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	enum ir_type type = ir_type_of(c->fn, operand);
	bool is_int = type == IR_I32 || type == IR_I64;
	bool good = true;

	switch (class) {
	case IR_OPERAND_NONE:
		return true;
	case IR_OPERAND_INT:
	case IR_OPERAND_VALUE:
		good = type == in->type;
		break;
	case IR_OPERAND_ANYINT:
		good = is_int;
		break;
	case IR_OPERAND_I32:
		good = type == IR_I32;
		break;
	case IR_OPERAND_I64:
		good = type == IR_I64;
		break;
	case IR_OPERAND_PTR:
		good = type == IR_PTR;
		break;
	case IR_OPERAND_ANY:
		good = type != IR_VOID;
		break;
	case IR_OPERAND_SAME:
		good = type == ir_type_of(c->fn, in->a);
		break;
	case IR_OPERAND_OPT:
		good = type == c->fn->result;
		break;
	}
	if (good)
		return true;
	return fail_at(c, r, "operand %s is of type %s", which, ir_type_words[type]);
}

static bool check_plain_operands(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];
	uint32_t b = c->fn->block_of.data[r];

	if (op->a == IR_OPERAND_OPT && !in->a) {
		if (c->fn->result != IR_VOID)
			return fail_at(c, r, "the function gives a value");
		return true;
	}
	if (op->a != IR_OPERAND_NONE && (!check_ref(c, r, in->a, b, r) ||
					 !check_class(c, r, (enum ir_operand)op->a, in->a, "a")))
		return false;
	if (op->b != IR_OPERAND_NONE && (!check_ref(c, r, in->b, b, r) ||
					 !check_class(c, r, (enum ir_operand)op->b, in->b, "b")))
		return false;
	return op->extra != IR_EXTRA_REF ||
	       (check_ref(c, r, in->c, b, r) && check_class(c, r, IR_OPERAND_VALUE, in->c, "c"));
}

static bool check_phi(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	const struct ir_block *block = &c->fn->blocks.data[c->fn->block_of.data[r]];

	if (in->index != block->preds.len)
		return fail_at(c, r, "%u operands for %u predecessors", in->index,
			       block->preds.len);
	if ((uint64_t)in->a + in->index > c->fn->pool.len)
		return fail_at(c, r, "the operands are outside the pool");
	for (uint32_t i = 0; i < in->index; i++) {
		ir_ref arg = ir_args(c->fn, r)[i];
		if (!check_ref(c, r, arg, block->preds.data[i], IR_REF_NONE))
			return false;
		if (ir_type_of(c->fn, arg) != in->type)
			return fail_at(c, r, "operand %u is of type %s", i,
				       ir_type_words[ir_type_of(c->fn, arg)]);
	}
	return true;
}

static bool check_args(struct checker *c, ir_ref r, const uint8_t *types, uint32_t count)
{
	const struct ir_insn *in = ir_get(c->fn, r);

	if ((uint64_t)in->a + in->aux > c->fn->pool.len)
		return fail_at(c, r, "the operands are outside the pool");
	if (types && in->aux != count)
		return fail_at(c, r, "%u arguments for %u parameters", in->aux, count);
	for (uint32_t i = 0; i < in->aux; i++) {
		ir_ref arg = ir_args(c->fn, r)[i];
		if (!check_ref(c, r, arg, c->fn->block_of.data[r], r))
			return false;
		if (types && ir_type_of(c->fn, arg) != types[i])
			return fail_at(c, r, "argument %u is of type %s", i,
				       ir_type_words[ir_type_of(c->fn, arg)]);
	}
	return true;
}

static bool check_call(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	static const uint8_t none;
	enum ir_type result = in->type;

	if (in->op == IR_CALL_PTR)
		return check_plain_operands(c, r) && check_args(c, r, NULL, 0);
	if (in->op == IR_CALL_EXTERN) {
		if (in->index >= c->m->externs.len)
			return fail_at(c, r, "the external function does not exist");
		result = (enum ir_type)c->m->externs.data[in->index].result;
		if (!check_args(c, r, NULL, 0))
			return false;
	} else {
		if (in->index >= c->m->fns.len)
			return fail_at(c, r, "the function does not exist");
		const struct ir_fn *callee = c->m->fns.data[in->index];
		result = (enum ir_type)callee->result;
		if (!check_args(c, r, callee->params ? callee->params : &none, callee->param_count))
			return false;
	}
	if (in->type != result && in->type != IR_VOID)
		return fail_at(c, r, "the callee gives %s", ir_type_words[result]);
	return true;
}

static bool check_map_operands(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	const struct ir_map *map = &c->m->maps.data[in->index];
	enum ir_type key = !map->key_is_scalar ? IR_PTR : map->key_size > 4 ? IR_I64 : IR_I32;
	enum ir_type value = !map->value_is_scalar ? IR_PTR : map->value_size > 4 ? IR_I64 : IR_I32;

	if (ir_type_of(c->fn, in->a) != key)
		return fail_at(c, r, "the key is not of type %s", ir_type_words[key]);
	if (in->op == IR_MAP_UPDATE && ir_type_of(c->fn, in->b) != value)
		return fail_at(c, r, "the value is not of type %s", ir_type_words[value]);
	if (in->op == IR_MAP_UPDATE && in->aux > IR_MAP_EXIST)
		return fail_at(c, r, "the flag is none");
	return true;
}

static bool check_memory(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	uint32_t width = IR_MEM_WIDTH(in->aux);
	ir_ref value = ir_ops[in->op].b == IR_OPERAND_NONE ? r : in->b;

	if (in->op == IR_ATOMIC)
		return in->aux <= IR_ATOMIC_XCHG || fail_at(c, r, "the operation is none");
	if (width != 1 && width != 2 && width != 4 && width != 8)
		return fail_at(c, r, "%u is no width", width);
	if (ir_type_of(c->fn, value) == IR_I32 && width == 8)
		return fail_at(c, r, "8 bytes for a value of 32 bits");
	return true;
}

static bool check_extra(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	const struct ir_fn *fn = c->fn;

	switch ((enum ir_extra)ir_ops[in->op].extra) {
	case IR_EXTRA_IMM:
		return check_memory(c, r);
	case IR_EXTRA_SLOT:
		return in->index < fn->slots.len || fail_at(c, r, "the slot does not exist");
	case IR_EXTRA_GLOBAL:
		return in->index < c->m->globals.len || fail_at(c, r, "the global does not exist");
	case IR_EXTRA_MAP:
		if (in->index >= c->m->maps.len)
			return fail_at(c, r, "the map does not exist");
		return in->op == IR_MAP || check_map_operands(c, r);
	case IR_EXTRA_FUNC:
		return in->index < c->m->fns.len || fail_at(c, r, "the function does not exist");
	case IR_EXTRA_PARAM:
		if (in->index >= fn->param_count || in->type != fn->params[in->index])
			return fail_at(c, r, "no parameter of this number and type");
		return fn->block_of.data[r] == 0 ||
		       fail_at(c, r, "a parameter is read outside the entry block");
	case IR_EXTRA_CORE:
		if (in->index >= c->m->cores.len)
			return fail_at(c, r, "the kernel fact does not exist");
		return in->op != IR_CORE_PTR ||
		       c->m->cores.data[in->index].kind == IR_CORE_FIELD_OFFSET ||
		       fail_at(c, r, "the kernel fact is no offset");
	case IR_EXTRA_NONE:
	case IR_EXTRA_REF:
	case IR_EXTRA_SIZE:
	case IR_EXTRA_EXTERN:
	case IR_EXTRA_ARGS:
	case IR_EXTRA_CASES:
		return true;
	}
	return true;
}

static bool check_result(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	bool good = false;

	switch ((enum ir_result)ir_ops[in->op].result) {
	case IR_RESULT_INT:
		good = in->type == IR_I32 || in->type == IR_I64;
		break;
	case IR_RESULT_I32:
		good = in->type == IR_I32;
		break;
	case IR_RESULT_I64:
		good = in->type == IR_I64;
		break;
	case IR_RESULT_PTR:
		good = in->type == IR_PTR;
		break;
	case IR_RESULT_VALUE:
		good = in->type <= IR_PTR &&
		       (in->type != IR_VOID || ir_ops[in->op].effect == IR_EFF_CALL);
		break;
	case IR_RESULT_VOID:
		good = in->type == IR_VOID;
		break;
	}
	return good || fail_at(c, r, "the operation does not give this type");
}

static bool check_insn(struct checker *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);

	if (!check_result(c, r))
		return false;
	if (in->op == IR_PHI)
		return check_phi(c, r);
	if (ir_ops[in->op].effect == IR_EFF_CALL)
		return check_call(c, r);
	return check_plain_operands(c, r) && check_extra(c, r);
}

/* Operands of a phi for two edges from one predecessor are equal: `last` holds, for each
 * predecessor, what the first of its edges gave. */
static bool check_double_edges(struct checker *c, uint32_t b, ir_ref *last)
{
	const struct ir_block *block = &c->fn->blocks.data[b];

	for (ir_ref r = block->first; r && ir_get(c->fn, r)->op == IR_PHI;
	     r = c->fn->next.data[r]) {
		const ir_ref *args = ir_args(c->fn, r);
		bool good = true;
		for (uint32_t i = 0; i < block->preds.len; i++) {
			ir_ref *place = &last[block->preds.data[i]];
			good = good && (!*place || *place == args[i]);
			*place = args[i];
		}
		for (uint32_t i = 0; i < block->preds.len; i++)
			last[block->preds.data[i]] = IR_REF_NONE;
		if (!good)
			return fail_at(c, r,
				       "two edges from one predecessor give different values");
	}
	return true;
}

static bool check_fn(struct checker *c)
{
	const struct ir_fn *fn = c->fn;

	if (!fn->blocks.len || !fn->blocks.data[0].first)
		return fail(c, 0, "a function needs an entry block");
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		if (fn->blocks.data[b].first && !check_links(c, b))
			return false;
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		if (!fn->blocks.data[b].first && fn->blocks.data[b].succ_count)
			return fail(c, b, "a removed block has successors");
		if (fn->blocks.data[b].first && !check_succ_count(c, b))
			return false;
	}
	if (!check_edges(c))
		return false;
	if (fn->blocks.data[0].preds.len)
		return fail(c, 0, "the entry has a predecessor");
	c->doms = ir_find_doms(fn, c->arena);
	ir_ref *last = ARENA_ARRAY(c->arena, ir_ref, fn->blocks.len);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (!check_insn(c, r))
				return false;
		if (!check_double_edges(c, b, last))
			return false;
	}
	return true;
}

bool ir_check_fn(const struct ir_module *m, const struct ir_fn *fn, const char **why)
{
	struct checker c = {.m = m, .fn = fn, .arena = &m->compile->scratch};

	c.position = ARENA_ARRAY(c.arena, uint32_t, fn->insns.len + 1);
	if (check_fn(&c)) {
		*why = NULL;
		return true;
	}
	*why = c.why;
	return false;
}
