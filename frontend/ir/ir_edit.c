/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and changing a function: operands as the op table describes them, insertion, removal,
 * replacement, and edits of the flow graph that keep predecessors and phis right.
 */
#include "frontend/ir/ir.h"

#include <string.h>

void ir_phi_args(struct ir_fn *fn, ir_ref phi, const ir_ref *args)
{
	memcpy(ir_args(fn, phi), args, ir_arg_count(fn, phi) * sizeof *args);
}

void ir_each_operand(const struct ir_fn *fn, ir_ref r, void (*visit)(ir_ref *operand, void *data),
		     void *data)
{
	uint32_t count = ir_operand_count(fn, r);

	for (uint32_t k = 0; k < count; k++)
		visit(ir_operand(fn, r, k), data);
}

static void link_before(struct ir_fn *fn, ir_ref r, ir_ref at)
{
	ir_ref before = fn->prev.data[at];
	uint32_t b = fn->block_of.data[at];

	fn->block_of.data[r] = b;
	fn->prev.data[r] = before;
	fn->next.data[r] = at;
	fn->prev.data[at] = r;
	if (before)
		fn->next.data[before] = r;
	else
		fn->blocks.data[b].first = r;
}

static void unlink_insn(struct ir_fn *fn, ir_ref r)
{
	ir_ref before = fn->prev.data[r], after = fn->next.data[r];
	struct ir_block *b = &fn->blocks.data[fn->block_of.data[r]];

	if (before)
		fn->next.data[before] = after;
	else
		b->first = after;
	if (after)
		fn->prev.data[after] = before;
	else
		b->last = before;
	fn->next.data[r] = fn->prev.data[r] = IR_REF_NONE;
	fn->block_of.data[r] = UINT32_MAX;
}

ir_ref ir_insert_before(struct ir_fn *fn, ir_ref at, struct ir_insn insn)
{
	ir_ref r = ir_new_insn(fn, insn, fn->spans.data[at]);

	link_before(fn, r, at);
	return r;
}

ir_ref ir_insert_after(struct ir_fn *fn, ir_ref at, struct ir_insn insn)
{
	ir_ref after = fn->next.data[at];
	ir_ref r = ir_new_insn(fn, insn, fn->spans.data[at]);

	if (after)
		link_before(fn, r, after);
	else
		ir_append(fn, fn->block_of.data[at], r);
	return r;
}

void ir_remove(struct ir_fn *fn, ir_ref r)
{
	unlink_insn(fn, r);
	ir_get(fn, r)->op = IR_NONE;
}

void ir_move_before(struct ir_fn *fn, ir_ref r, ir_ref at)
{
	if (r == at)
		return;
	unlink_insn(fn, r);
	link_before(fn, r, at);
}

ir_ref ir_follow_replacements(ir_ref *replacement, ir_ref r)
{
	ir_ref last = r;

	while (last && !ir_is_const(last) && replacement[last])
		last = replacement[last];
	while (r && !ir_is_const(r) && replacement[r]) { // the next walk over this chain is short
		ir_ref step = replacement[r];
		replacement[r] = last;
		r = step;
	}
	return last;
}

void ir_note_part(struct ir_fn *fn, ir_ref r)
{
	enum { MOST = 256 };
	struct ir_part part = {.name = fn->names.data[r]};

	while (!ir_is_const(r) && ir_get(fn, r)->op == IR_PTRADD && ir_is_const(ir_get(fn, r)->b)) {
		part.offset += (int64_t)ir_get_const(fn, ir_get(fn, r)->b)->bits;
		r = ir_get(fn, r)->a;
	}
	part.base = r;
	if (!part.name || !r || ir_is_const(r) || fn->names.data[r] == part.name)
		return;
	for (uint32_t i = 0; i < fn->parts.len; i++)
		if (fn->parts.data[i].base == r && fn->parts.data[i].name == part.name)
			return;
	if (fn->parts.len < MOST)
		vec_push(fn->arena, &fn->parts, part);
}

/* What stands for a value stands for its variable too, unless it has one of its own. */
static void hand_over_name(struct ir_fn *fn, ir_ref from, ir_ref to)
{
	if (from && to && from != to && !ir_is_const(from) && !ir_is_const(to) &&
	    !fn->names.data[to])
		fn->names.data[to] = fn->names.data[from];
}

void ir_replace_all(struct ir_fn *fn, ir_ref *replacement)
{
	for (uint32_t i = 0; i < fn->parts.len; i++)
		fn->parts.data[i].base = ir_replacement_of(replacement, fn->parts.data[i].base);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t k = 0; k < count; k++) {
				ir_ref *operand = ir_operand(fn, r, k);
				ir_ref old = *operand;
				*operand = ir_replacement_of(replacement, old);
				hand_over_name(fn, old, *operand);
			}
		}
	}
}

uint32_t ir_pred_index(const struct ir_fn *fn, uint32_t block, uint32_t pred)
{
	const struct ir_block *b = &fn->blocks.data[block];

	for (uint32_t i = 0; i < b->preds.len; i++)
		if (b->preds.data[i] == pred)
			return i;
	unreachable("an edge that one end knows and the other does not");
}

uint32_t ir_split_block(struct ir_fn *fn, uint32_t b, ir_ref at)
{
	uint32_t rest = ir_add_block(fn);
	struct ir_block *from = &fn->blocks.data[b], *to = &fn->blocks.data[rest];
	ir_ref first = fn->next.data[at];

	assert(fn->block_of.data[at] == b && "the cut lies in the block");
	if (first) {
		to->first = first;
		to->last = from->last;
		fn->prev.data[first] = IR_REF_NONE;
		fn->next.data[at] = IR_REF_NONE;
		from->last = at;
	}
	for (ir_ref r = first; r; r = fn->next.data[r])
		fn->block_of.data[r] = rest;
	to->succs = from->succs;
	to->succ_count = from->succ_count;
	from->succs = NULL;
	from->succ_count = 0;
	for (uint32_t i = 0; i < to->succ_count; i++) {
		struct ir_block *succ = &fn->blocks.data[to->succs[i]];
		succ->preds.data[ir_pred_index(fn, to->succs[i], b)] = rest;
	}
	return rest;
}

void ir_remove_pred(struct ir_fn *fn, uint32_t to, uint32_t pred_index)
{
	struct ir_block *t = &fn->blocks.data[to];
	uint32_t after = t->preds.len - pred_index - 1;

	memmove(t->preds.data + pred_index, t->preds.data + pred_index + 1,
		after * sizeof *t->preds.data);
	t->preds.len--;
	for (ir_ref r = t->first; r && ir_get(fn, r)->op == IR_PHI; r = fn->next.data[r]) {
		ir_ref *args = ir_args(fn, r);
		memmove(args + pred_index, args + pred_index + 1, after * sizeof *args);
		ir_get(fn, r)->index--;
	}
}

void ir_set_jump(struct ir_fn *fn, uint32_t b, uint32_t kept_succ_index)
{
	struct ir_block *block = &fn->blocks.data[b];
	uint32_t kept = block->succs[kept_succ_index];
	struct ir_insn *end = ir_get(fn, block->last);

	for (uint32_t i = 0; i < block->succ_count; i++)
		if (i != kept_succ_index)
			ir_remove_pred(fn, block->succs[i], ir_pred_index(fn, block->succs[i], b));
	block->succs[0] = kept;
	block->succ_count = 1;
	*end = (struct ir_insn){.op = IR_JUMP};
}

uint32_t *ir_count_uses(const struct ir_fn *fn, struct arena *arena)
{
	uint32_t *uses = ARENA_ARRAY(arena, uint32_t, fn->insns.len);

	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			uint32_t count = ir_operand_count(fn, r);
			for (uint32_t k = 0; k < count; k++) {
				ir_ref operand = *ir_operand(fn, r, k);
				if (operand && !ir_is_const(operand))
					uses[operand]++;
			}
		}
	}
	return uses;
}

bool ir_calls(const struct ir_module *m, const struct ir_fn *fn, ir_ref r, const char *name)
{
	const struct ir_insn *in = ir_is_const(r) ? NULL : ir_get(fn, r);
	return in && in->op == IR_CALL_EXTERN &&
	       !strcmp(intern_text(&m->compile->names, m->externs.data[in->index].name), name);
}

ir_ref ir_find_each(const struct ir_module *m, const struct ir_fn *fn, uint32_t b)
{
	const struct ir_insn *end = ir_get(fn, fn->blocks.data[b].last);
	return end->op == IR_BRANCH && ir_calls(m, fn, end->a, IR_EACH_NEXT) ? end->a : IR_REF_NONE;
}
