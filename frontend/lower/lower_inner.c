/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps in maps. Which map an operation is for is known when it runs: in eBPF the address that the look-up
 * in the outer map gave, in userspace a number of the runtime, plus one and as a pointer, so that
 * null means in both that there is no such map. Operations on an absent map find nothing and change nothing.
 */
#include "frontend/lower/lower_internal.h"

enum { ABSENT = -2 }; // -ENOENT

ir_ref key_address(struct body *f, const struct entry *entry)
{
	const struct type *key = entry->decl->type->map.key;
	if (!type_is_scalar(key))
		return entry->key;
	uint32_t slot = raw_slot(f, 8, 8);
	if (key->size < 4) // an index is widened by zeros
		store_word(f, slot, IR_I32, const32(f, 0));
	store_slot(f, slot, key, entry->key);
	return slot_addr(f, slot);
}

static ir_ref value_of(struct body *f, const struct entry *entry, ir_ref value)
{
	if (!type_is_scalar(entry->value))
		return value;
	uint32_t slot = new_slot(f, entry->value, 0, f->b.where);
	store_slot(f, slot, entry->value, value);
	return slot_addr(f, slot);
}

/* The runtime's number of the map; that of an absent one is none. */
static ir_ref map_number(struct body *f, const struct entry *entry)
{
	ir_ref number = to_register(f, entry->outer, IR_I32, false);
	return ir_emit(&f->b, IR_SUB, IR_I32, number, const32(f, 1));
}

ir_ref find_inner(struct body *f, const struct entry *entry)
{
	ir_ref args[] = {const32(f, entry->map), key_address(f, entry)};
	uint32_t effects = IR_EFFECT_READS | IR_EFFECT_OTHER;
	ir_ref number = call_runtime(f, "ks_inner_map", IR_I64, effects, args, 2);
	return to_register(f, number, IR_PTR, false);
}

/* Goes on only where the map is there; ends in `done`. */
static void enter_map(struct body *f, const struct entry *entry, uint32_t done)
{
	uint32_t there = new_block(f);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, entry->outer, null_ptr(f)), there, done,
	       IR_LIKELY_TRUE);
	start_block(f, there);
}

ir_ref look_up_inner(struct body *f, const struct entry *entry)
{
	if (f->target != IR_TARGET_BPF) {
		uint32_t buffer = new_slot(f, entry->value, 0, f->b.where);
		ir_ref args[] = {map_number(f, entry), key_address(f, entry), slot_addr(f, buffer)};
		uint32_t effects = IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER;
		return call_runtime(f, "ks_map_lookup", IR_PTR, effects, args, 3);
	}
	uint32_t result = raw_slot(f, 8, 8), done = new_block(f);
	store_word(f, result, IR_PTR, null_ptr(f));
	enter_map(f, entry, done);
	ir_ref args[] = {entry->outer, key_address(f, entry)};
	store_word(f, result, IR_PTR, emit_helper(f, "bpf_map_lookup_elem", IR_PTR, args, 2));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, result, IR_PTR);
}

ir_ref update_inner(struct body *f, const struct entry *entry, ir_ref value, uint32_t flag)
{
	if (f->target != IR_TARGET_BPF) {
		ir_ref args[] = {map_number(f, entry), key_address(f, entry),
				 value_of(f, entry, value), const64(f, flag)};
		uint32_t effects = IR_EFFECT_READS | IR_EFFECT_OTHER;
		return call_runtime(f, "ks_map_update", IR_I32, effects, args, 4);
	}
	uint32_t result = raw_slot(f, 4, 4), done = new_block(f);
	store_word(f, result, IR_I32, const32(f, (uint32_t)ABSENT));
	enter_map(f, entry, done);
	ir_ref args[] = {entry->outer, key_address(f, entry), value_of(f, entry, value),
			 const64(f, flag)};
	ir_ref error = emit_helper(f, "bpf_map_update_elem", IR_I64, args, 4);
	store_word(f, result, IR_I32, to_register(f, error, IR_I32, true));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, result, IR_I32);
}

void delete_inner(struct body *f, const struct entry *entry)
{
	if (f->target != IR_TARGET_BPF) {
		ir_ref args[] = {map_number(f, entry), key_address(f, entry)};
		call_runtime(f, "ks_map_delete", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER, args,
			     2);
		return;
	}
	uint32_t done = new_block(f);
	enter_map(f, entry, done);
	ir_ref args[] = {entry->outer, key_address(f, entry)};
	emit_helper(f, "bpf_map_delete_elem", IR_I64, args, 2);
	jump_to(f, done);
	start_block(f, done);
}

void put_inner(struct body *f, const struct entry *entry, struct decl *map)
{
	ir_ref args[] = {const32(f, entry->map), key_address(f, entry), const32(f, map_of(map))};
	call_runtime(f, "ks_inner_put", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER, args, 3);
}
