/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection of calls: helpers by name, subprograms, and map operations, which are helper calls with the
 * key and value in the frame. A scalar key gets a slot of its own while there are few, so that several
 * operations with one key store it once: a slot written in a block that dominates still holds it.
 */
#include "bpf-backend/codegen/select.h"
#include "bpf-backend/kernel/kernel.h"

enum {
	MAX_ARGS = 5,
	MAX_KEY_SLOTS = 8, // beyond, keys share one slot and are stored every time
};

static void report(struct select *s, enum diag_id id, const char *a, const char *b)
{
	diag_report(&s->compile->diags, id, s->where, a, b, NULL);
	s->failed = true;
}

/* The call itself, arguments in place. The result, if needed, is taken from r0 at once. */
static void emit_call(struct select *s, struct mir_insn call, ir_ref r)
{
	call.dst = call.src = MIR_NO_REG;
	select_emit(s, call);
	select_forget_made(s);
	if (s->is_needed[r])
		select_copy(s, select_result(s, r), MIR_R0);
}

/* An address argument: base and constant offset. */
static void place_address(struct select *s, mir_reg dst, ir_ref r)
{
	int32_t off = 0;
	ir_ref base = select_address_base(s, r, &off);
	const struct ir_insn *in = ir_is_const(base) ? NULL : ir_get(s->ir, base);
	if (in && in->op == IR_SLOT)
		select_emit(s, (struct mir_insn){.op = MIR_FRAME_ADDR,
						 .dst = dst,
						 .src = MIR_NO_REG,
						 .index = in->index,
						 .off = off});
	else
		select_into(s, dst, r);
}

/* Arguments that sit in registers are moved first; constants and addresses need no register before. */
static void place_args(struct select *s, const ir_ref *args, uint32_t count)
{
	for (int made = 0; made < 2; made++) {
		for (uint32_t i = 0; i < count; i++) {
			ir_ref a = select_resolve(s, args[i]);
			bool on_demand = ir_is_const(a) || ir_get(s->ir, a)->op == IR_SLOT ||
					 ir_get(s->ir, a)->op == IR_GLOBAL ||
					 ir_get(s->ir, a)->op == IR_MAP ||
					 ir_get(s->ir, a)->op == IR_FUNC;
			if (on_demand == (made == 1))
				place_address(s, MIR_R1 + i, a);
		}
	}
}

/* The call instruction of a helper or a function of the kernel. False after a diagnostic. */
static bool choose_extern(struct select *s, uint32_t index, uint32_t count, struct mir_insn *call)
{
	const struct ir_extern *callee = &s->module->externs.data[index];
	const char *name = intern_text(&s->compile->names, callee->name);
	bool is_kfunc = callee->kind == IR_EXTERN_KFUNC && callee->dtype;
	const struct kernel_helper *helper =
		callee->kind == IR_EXTERN_HELPER ? kernel_find_helper_row(name) : NULL;
	if (!helper && !is_kfunc) {
		report(s, D_UNKNOWN_BPF_FUNCTION, name, NULL);
		return false;
	}
	if (helper && helper->kernel > s->context->options->kernel) {
		char since[16];
		kernel_format_version(helper->kernel, since);
		report(s, D_KERNEL_LACKS_HELPER, name, since);
		return false;
	}
	if (count > MAX_ARGS) {
		report(s, D_TOO_MANY_BPF_ARGS, name, NULL);
		return false;
	}
	call->op = is_kfunc ? BPF_OP_CALL_KFUNC : BPF_OP_CALL_HELPER;
	call->imm = is_kfunc ? -1 : (int32_t)helper->info.id;
	if (is_kfunc) {
		call->relo = BPF_RELO_KFUNC + 1;
		call->index = index;
	}
	return true;
}

void select_call(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	uint32_t count = ir_arg_count(s->ir, r);
	struct mir_insn call = {.arg_count = (uint8_t)count};
	if (in->op == IR_CALL_PTR) {
		report(s, D_BPF_NO_INDIRECT_CALL, NULL, NULL);
		return;
	}
	if (in->op == IR_CALL) {
		const struct ir_fn *callee = s->module->fns.data[in->index];
		call.op = BPF_OP_CALL_LOCAL;
		call.relo = BPF_RELO_CALL + 1;
		call.index = s->context->func_index[in->index];
		if (count > MAX_ARGS) {
			report(s, D_TOO_MANY_BPF_ARGS,
			       intern_text(&s->compile->names, callee->name), NULL);
			return;
		}
	} else {
		if (!choose_extern(s, in->index, count, &call))
			return;
	}
	place_args(s, ir_args(s->ir, r), count);
	emit_call(s, call, r);
}

/* ---- maps ---- */

/* Where in a slot of eight bytes a scalar of `size` bytes stands when all eight are written. */
static int32_t scalar_offset(const struct select *s, uint32_t size)
{
	return s->module->is_big_endian ? 8 - (int32_t)size : 0;
}

/* Stores a scalar key or value of `size` bytes in a slot of eight, at scalar_offset(). All eight bytes are
 * written: the verifier then knows that nothing before counts any more, and does not tell states apart by
 * the number that is there (check_stack_write_fixed_off, Linux 6.12, and get_constant_map_key, 6.14). A
 * constant key it shall know: whether an array has that entry is then known, too. */
static void store_scalar(struct select *s, uint32_t slot, unsigned size, ir_ref value)
{
	struct address a = {.base = MIR_FRAME, .slot = slot};
	value = select_stored_value(s, value, size);
	if (!ir_is_const(value)) {
		select_store_reg(s, a, 8, value);
		return;
	}
	a.off = scalar_offset(s, size);
	select_store_to(s, a, size, value);
}

static uint32_t temp_slot(struct select *s, unsigned which)
{
	if (s->temp_slot[which] == UINT32_MAX) {
		s->temp_slot[which] = mir_add_slot(s->out, 0, 8, 8, s->where);
		s->out->slots.data[s->temp_slot[which]].is_temporary = true;
	}
	return s->temp_slot[which];
}

static uint8_t *key_uses(const struct select *s, ir_ref r)
{
	return &s->key_uses[ir_is_const(r) ? s->ir->insns.len + (r & ~IR_CONST_BIT) : r];
}

void select_count_keys(struct select *s)
{
	s->key_uses = ARENA_ARRAY(s->arena, uint8_t, s->ir->insns.len + s->ir->consts.len);
	for (uint32_t i = 0; i < s->doms.rpo_count; i++) {
		const struct ir_block *block = &s->ir->blocks.data[s->doms.rpo[i]];
		for (ir_ref r = block->first; r; r = s->ir->next.data[r]) {
			const struct ir_insn *in = ir_get(s->ir, r);
			if (in->op != IR_MAP_LOOKUP && in->op != IR_MAP_UPDATE &&
			    in->op != IR_MAP_DELETE)
				continue;
			const struct ir_map *map = &s->module->maps.data[in->index];
			if (!map->key_is_scalar)
				continue;
			uint8_t *uses = key_uses(s, select_stored_value(s, in->a, map->key_size));
			*uses = (uint8_t)(*uses + (*uses < 2));
		}
	}
}

/* A slot that holds scalar key `r`, stored if it is not there yet. Keys that are wanted once share one slot:
 * inside of a loop the verifier tells apart what is left in every slot, dead or not. */
static uint32_t key_slot(struct select *s, ir_ref r, uint32_t size)
{
	r = select_stored_value(s, r, size);
	for (uint32_t i = 0; i < s->keys.len; i++) {
		struct stored_key *k = &s->keys.data[i];
		if (k->value != r || k->size != size)
			continue;
		if (ir_dominates(&s->doms, k->block, s->ir_block))
			return k->slot;
	}
	uint32_t slot;
	if (s->keys.len<MAX_KEY_SLOTS && * key_uses(s, r)> 1) {
		slot = mir_add_slot(s->out, 0, 8, 8, s->where);
		struct stored_key key = {r, size, slot, s->ir_block};
		vec_push(s->arena, &s->keys, key);
	} else {
		slot = temp_slot(s, 0);
	}
	store_scalar(s, slot, size, r);
	return slot;
}

/* The address of a scalar that store_scalar() stored. */
static void point_at_scalar(struct select *s, mir_reg dst, uint32_t slot, uint32_t size)
{
	select_emit(s, (struct mir_insn){.op = MIR_FRAME_ADDR,
					 .dst = dst,
					 .src = MIR_NO_REG,
					 .index = slot,
					 .off = scalar_offset(s, size)});
}

void select_map_op(struct select *s, ir_ref r)
{
	enum { HELPER_MAP_LOOKUP = 1, HELPER_MAP_UPDATE, HELPER_MAP_DELETE }; // enum bpf_func_id
	const struct ir_insn *in = ir_get(s->ir, r);
	const struct ir_map *map = &s->module->maps.data[in->index];
	struct mir_insn call = {.op = BPF_OP_CALL_HELPER, .arg_count = 2, .imm = HELPER_MAP_LOOKUP};
	uint32_t key = UINT32_MAX, value = UINT32_MAX;
	if (map->key_is_scalar)
		key = key_slot(s, in->a, map->key_size);
	if (in->op == IR_MAP_UPDATE && map->value_is_scalar) {
		value = temp_slot(s, 1);
		store_scalar(s, value, map->value_size, in->b);
	}
	if (key == UINT32_MAX)
		place_address(s, MIR_R1 + 1, in->a);
	if (in->op == IR_MAP_UPDATE && value == UINT32_MAX)
		place_address(s, MIR_R1 + 2, in->b);
	if (key != UINT32_MAX)
		point_at_scalar(s, MIR_R1 + 1, key, map->key_size);
	if (value != UINT32_MAX)
		point_at_scalar(s, MIR_R1 + 2, value, map->value_size);
	select_emit(s, (struct mir_insn){.op = BPF_OP_LD_IMM64,
					 .dst = MIR_R1,
					 .src = MIR_NO_REG,
					 .relo = BPF_RELO_MAP + 1,
					 .index = in->index});
	if (in->op == IR_MAP_UPDATE) {
		select_const(s, MIR_R1 + 3, IR_I64, in->aux);
		call.arg_count = 4;
		call.imm = HELPER_MAP_UPDATE;
	} else if (in->op == IR_MAP_DELETE) {
		call.imm = HELPER_MAP_DELETE;
	}
	emit_call(s, call, r);
}
