/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Map entries. An entry is looked up once, where it is evaluated; its place is the value in the map,
 * with the condition that it was found. In eBPF the place is the map's own memory. In userspace a
 * lookup gives a copy, so a store into it is followed by an update of the map (write_back).
 *
 * `m[k] op= v` on hash-like maps in eBPF must not lose a count when two CPUs insert first: the entry is
 * created only if it is still absent, and otherwise found again and changed.
 */
#include "frontend/lower/lower_internal.h"

/* ---- keys, values and the three operations ---- */

ir_ref object_address(struct body *f, struct expr *expr, const struct type *type)
{
	if (expr->kind == EXPR_NAME || expr->kind == EXPR_FIELD) {
		struct place place = lower_place(f, expr);
		if (!place.guard_count && !place.term_count && place.space == IR_SPACE_SLOT)
			return place_address(f, &place);
		struct place copy = slot_place(f, new_slot(f, type, 0, expr->where));
		copy_object(f, &copy, &place, type->size);
		return place_address(f, &copy);
	}
	if (expr->kind == EXPR_CONVERT && expr->convert.conversion == CONV_ENTRY_VALUE &&
	    f->target == IR_TARGET_BPF) { // the kernel takes a value of another map where it lies
		struct place place = lower_place(f, expr->convert.operand);
		if (!place.guard_count && !place.term_count && place.space == IR_SPACE_MAP)
			return place_address(f, &place);
	}
	struct place place = lower_temporary(f, expr, type);
	return place_address(f, &place);
}

/* What an IR map operation takes for a key or value. */
static ir_ref map_operand(struct body *f, struct expr *expr, const struct type *type)
{
	return type_is_scalar(type) ? lower_value(f, expr) : object_address(f, expr, type);
}

static bool is_inner_map(const struct entry *entry)
{
	return entry->value->kind == TYPE_MAP;
}

/* A value that belongs to an object of the kernel, in eBPF; in userspace such a map is like a hash. */
static bool is_stored(const struct body *f, const struct entry *entry)
{
	return f->target == IR_TARGET_BPF &&
	       entry->decl->type->map.kind->shape == MAP_SHAPE_STORAGE;
}

/* Address of the value or null. With `creates` one that is not there yet begins as `first` says, or zero. */
static ir_ref storage_of(struct body *f, const struct entry *entry, ir_ref first, bool creates)
{
	const char *helper =
		arena_printf(f->m->arena, "bpf_%s_get", entry->decl->type->map.kind->name);
	ir_ref args[] = {map_ref(f, entry->decl), entry->key, first, const64(f, creates)};
	return emit_helper(f, helper, IR_PTR, args, 4);
}

void look_up(struct body *f, struct entry *entry)
{
	if (entry->outer) {
		entry->ptr = look_up_inner(f, entry);
		return;
	}
	if (is_stored(f, entry)) {
		entry->ptr = storage_of(f, entry, null_ptr(f), false);
		return;
	}
	if (is_inner_map(entry) && f->target != IR_TARGET_BPF) {
		entry->ptr = find_inner(f, entry);
		return;
	}
	entry->ptr = ir_emit_full(&f->b, (struct ir_insn){.op = IR_MAP_LOOKUP,
							  .type = IR_PTR,
							  .a = entry->key,
							  .index = entry->map});
}

static ir_ref update(struct body *f, const struct entry *entry, ir_ref value, enum ir_map_flag flag)
{
	if (entry->outer)
		return update_inner(f, entry, value, flag);
	return ir_emit_full(&f->b, (struct ir_insn){.op = IR_MAP_UPDATE,
						    .type = IR_I32,
						    .aux = (uint16_t)flag,
						    .a = entry->key,
						    .b = value,
						    .index = entry->map});
}

/* The entry that `m[k]` is, not looked up yet. */
static struct entry entry_key(struct body *f, struct expr *expr)
{
	struct expr *base = expr->index.base;
	struct decl *map =
		base->type->kind == TYPE_MAP ? base->name.decl : base->type->entry_of->map.inner;
	struct entry entry = {.decl = map, .value = map->type->map.value};
	if (base->type->kind == TYPE_MAP)
		entry.map = map_of(map);
	else
		entry.outer = lower_entry(f, base).ptr;
	entry.key = map_operand(f, expr->index.index, expr->index.index->type);
	return entry;
}

static bool is_array(const struct entry *entry)
{
	return entry->decl->type->map.kind->shape == MAP_SHAPE_ARRAY;
}

static bool is_percpu(const struct entry *entry)
{
	return entry->decl->type->map.kind->is_percpu;
}

/* ---- evaluation ---- */

static void take_key(struct body *f, const struct local *local, struct entry *entry)
{
	const struct type *key = entry->decl->type->map.key;
	if (key)
		entry->key = type_is_scalar(key) ? load_slot(f, local->key_slot, key)
						 : slot_addr(f, local->key_slot);
}

/* The entry as it is now, or the variable's own value. */
static void look_up_again(struct body *f, const struct local *local, struct entry *entry)
{
	if (!local->has_copy) {
		look_up(f, entry);
		return;
	}
	uint32_t in_map = new_block(f), done = new_block(f);
	ir_ref is_copy = load_word(f, local->flag_slot, IR_I32);
	branch(f, is_copy, done, in_map, IR_LIKELY_FALSE);
	start_block(f, in_map);
	look_up(f, entry);
	store_word(f, local->slot, IR_PTR, entry->ptr);
	jump_to(f, done);
	start_block(f, done);
	entry->ptr = load_word(f, local->slot, IR_PTR);
}

static struct entry local_entry(struct body *f, struct decl *decl)
{
	struct local *local = local_of(decl);
	struct decl *map = decl->type->entry_of;
	struct entry entry = {.map = map_of(map),
			      .decl = map,
			      .value = map->type->map.value,
			      .outer = local->outer_slot ? load_word(f, local->outer_slot, IR_PTR)
							 : IR_REF_NONE,
			      .is_present = decl->variable.is_present && !local->may_go_stale,
			      .has_copy = local->has_copy};
	bool is_bound = f->wants_bound && local->bound_slot && !local->has_copy;
	entry.ptr = load_word(f, is_bound ? local->bound_slot : local->slot, IR_PTR);
	entry.is_present = entry.is_present || is_bound;
	if (f->target == IR_TARGET_BPF)
		return entry;
	take_key(f, local, &entry);
	if (map->type->map.key && !is_inner_map(&entry)) {
		look_up_again(f, local, &entry);
		entry.is_present = false; // it may be gone since
	}
	if (local->has_copy)
		entry.is_copy = load_word(f, local->flag_slot, IR_I32);
	return entry;
}

void refresh_entry(struct body *f, struct decl *decl)
{
	struct local *local = local_of(decl);
	struct decl *map = decl->type->entry_of;
	struct entry entry = {.map = map_of(map), .decl = map, .value = map->type->map.value};
	take_key(f, local, &entry);
	look_up_again(f, local, &entry);
	store_word(f, local->slot, IR_PTR, entry.ptr);
}

struct entry lower_entry(struct body *f, struct expr *expr)
{
	if (expr->kind == EXPR_NAME)
		return local_entry(f, expr->name.decl);
	if (expr->kind == EXPR_CALL)
		return lower_taken(f, expr);
	assert(expr->kind == EXPR_INDEX && "the checker knows three forms of an entry");
	struct entry entry = entry_key(f, expr);
	f->b.where = expr->where;
	look_up(f, &entry);
	return entry;
}

ir_ref entry_present(struct body *f, const struct entry *entry)
{
	if (entry->is_present)
		return const32(f, 1);
	return ir_emit(&f->b, IR_NE, IR_I32, entry->ptr, null_ptr(f));
}

struct place entry_place(struct body *f, const struct entry *entry)
{
	struct place place = {.base = entry->ptr,
			      .space = entry->has_copy ? IR_SPACE_ANY : IR_SPACE_MAP,
			      .is_percpu = is_percpu(entry),
			      .align = entry->has_copy ? entry->value->align : 8};
	if (!place.align)
		place.align = 1;
	if (!entry->is_present)
		place_guard(f, &place, entry_present(f, entry));
	if (f->target != IR_TARGET_BPF)
		place.entry = entry;
	return place;
}

void write_back(struct body *f, const struct entry *entry)
{
	uint32_t done = 0;
	if (entry->is_copy) {
		uint32_t in_map = new_block(f);
		done = new_block(f);
		branch(f, entry->is_copy, done, in_map, IR_LIKELY_FALSE);
		start_block(f, in_map);
	}
	ir_ref value = entry->ptr;
	if (type_is_scalar(entry->value)) {
		struct place place = pointer_place(entry->ptr, 8);
		value = load_unguarded(f, &place, entry->value);
	}
	update(f, entry, value, IR_MAP_EXIST);
	if (done) {
		jump_to(f, done);
		start_block(f, done);
	}
}

/* ---- entry variables ---- */

static void keep_entry_key(struct body *f, const struct decl *decl, struct local *local,
			   const struct entry *entry)
{
	const struct type *key = entry->decl->type->map.key;
	if (key)
		local->key_slot = new_slot(f, key, 0, decl->name_where);
	if (!key) {
		assert(entry->has_copy && "nothing to write back");
	} else if (type_is_scalar(key)) {
		store_slot(f, local->key_slot, key, entry->key);
	} else {
		struct place to = slot_place(f, local->key_slot);
		struct place from = pointer_place(entry->key, key->align);
		copy_object(f, &to, &from, key->size);
	}
}

void bind_entry(struct body *f, struct decl *decl, struct expr *init)
{
	struct entry entry = lower_entry(f, init);
	struct local *local = new_local(f, decl);
	f->b.where = decl->where;
	local->slot = ir_add_slot(f->fn, (struct ir_slot){.name = decl->name,
							  .size = 8,
							  .align = 8,
							  .dtype = lower_dtype(f->lw, decl->type),
							  .where = decl->name_where});
	store_word(f, local->slot, IR_PTR, entry.ptr);
	local->has_copy = decl->variable.is_assigned || entry.has_copy;
	if (decl->variable.is_assigned)
		local->copy_slot = new_slot(f, entry.value, decl->name, decl->name_where);
	local->may_go_stale =
		!entry.outer && entry.key &&
		may_go_stale(f, entry.decl, decl->variable.is_present ? f->scope : NULL);
	if (local->may_go_stale) {
		vec_push(f->m->arena, &f->entries, decl);
		if (decl->variable.is_present) {
			local->bound_slot = raw_slot(f, 8, 8);
			store_word(f, local->bound_slot, IR_PTR, entry.ptr);
		}
	}
	if (f->target == IR_TARGET_BPF && !local->may_go_stale)
		return;
	if (entry.outer) {
		local->outer_slot = raw_slot(f, 8, 8);
		store_word(f, local->outer_slot, IR_PTR, entry.outer);
	}
	keep_entry_key(f, decl, local, &entry);
	if (local->has_copy) {
		local->flag_slot = raw_slot(f, 4, 4);
		store_word(f, local->flag_slot, IR_I32, const32(f, entry.has_copy));
	}
}

void bind_each(struct body *f, struct decl *decl, const struct type *type, const struct place *from)
{
	struct local *local = new_local(f, decl);
	local->slot = new_slot(f, type, decl->name, decl->name_where);
	struct place to = slot_place(f, local->slot);
	struct place source = *from;
	source.entry = NULL;
	copy_member(f, &to, &source, type);
}

/* From here on the variable is a local value. */
static void use_copy(struct body *f, const struct local *local)
{
	store_word(f, local->slot, IR_PTR, slot_addr(f, local->copy_slot));
	if (f->target != IR_TARGET_BPF || local->may_go_stale)
		store_word(f, local->flag_slot, IR_I32, const32(f, 1));
}

static void assign_copy(struct body *f, struct decl *decl, struct expr *value)
{
	const struct type *type = decl->type->entry_of->type->map.value;
	struct local *local = local_of(decl);
	if (type_is_aggregate(type)) {
		struct place from = lower_temporary(f, value, type);
		struct place to = slot_place(f, local->copy_slot);
		copy_object(f, &to, &from, type->size);
	} else {
		store_slot(f, local->copy_slot, type, lower_value(f, value));
	}
	use_copy(f, local);
}

static void assign_copy_op(struct body *f, struct decl *decl, enum binary_op op, struct expr *value)
{
	const struct type *type = decl->type->entry_of->type->map.value;
	struct local *local = local_of(decl);
	struct entry entry = local_entry(f, decl);
	struct place place = entry_place(f, &entry);
	ir_ref old = load_place(f, &place, type);
	struct op_operand right = lower_op_operand(f, op, value, type);
	store_slot(f, local->copy_slot, type, lower_op(f, op, old, &right, type));
	use_copy(f, local);
}

/* ---- assignment ---- */

/* `m[object] = v`: what is created begins as v, what was there takes it. */
static void assign_stored(struct body *f, struct entry *entry, struct expr *value)
{
	const struct type *type = entry->value;
	span where = f->b.where;
	ir_ref address = value_address(f, value, type);
	f->b.where = where;
	entry->ptr = storage_of(f, entry, address, true);
	struct place to = entry_place(f, entry);
	struct place from = pointer_place(address, type->align);
	from.space = IR_SPACE_SLOT;
	copy_member(f, &to, &from, type);
}

static bool stores_in_place(const struct body *f, const struct entry *entry)
{
	return f->target == IR_TARGET_BPF && is_array(entry);
}

void assign_entry(struct body *f, struct expr *target, struct expr *value)
{
	if (target->kind == EXPR_NAME) {
		assign_copy(f, target->name.decl, value);
		return;
	}
	span where = f->b.where;
	struct entry entry = entry_key(f, target);
	const struct type *type = entry.value;
	if (is_inner_map(&entry)) {
		put_inner(f, &entry, value->name.decl);
		return;
	}
	if (is_stored(f, &entry)) {
		f->b.where = where;
		assign_stored(f, &entry, value);
		return;
	}
	if (!stores_in_place(f, &entry)) {
		ir_ref operand = map_operand(f, value, type);
		f->b.where = where;
		update(f, &entry, operand, IR_MAP_ANY);
		return;
	}
	if (type_is_scalar(type)) {
		ir_ref result = lower_value(f, value);
		f->b.where = where;
		look_up(f, &entry);
		struct place place = entry_place(f, &entry);
		store_place(f, &place, type, result);
	} else {
		struct place from = pointer_place(object_address(f, value, type), type->align);
		from.space = IR_SPACE_SLOT;
		f->b.where = where;
		look_up(f, &entry);
		struct place place = entry_place(f, &entry);
		copy_value(f, &place, &from, type);
	}
}

/* Values of objects of the kernel are made by their first change. */
static void look_up_to_change(struct body *f, struct entry *entry)
{
	if (is_stored(f, entry))
		entry->ptr = storage_of(f, entry, null_ptr(f), true);
	else
		look_up(f, entry);
}

/* Shared integers: change the entry, or create it and start over if somebody else did. */
static void atomic_entry_op(struct body *f, struct entry *entry, enum binary_op op,
			    enum ir_atomic atomic, ir_ref value)
{
	const struct type *type = entry->value;
	uint32_t hit = new_block(f), miss = new_block(f), done = new_block(f);
	look_up_to_change(f, entry);
	branch(f, entry_present(f, entry), hit, miss, IR_LIKELY_TRUE);
	start_block(f, hit);
	entry->is_present = true;
	struct place place = entry_place(f, entry);
	emit_atomic(f, &place, op, atomic, value);
	jump_to(f, done);
	start_block(f, miss);
	if (!is_array(entry) && !is_stored(f, entry)) {
		uint32_t again = new_block(f), again_hit = new_block(f);
		ir_ref first = lower_arith(f, op, zero_of(f, value_type(type)), value, type);
		ir_ref failed = update(f, entry, first, IR_MAP_NOEXIST);
		ir_ref inserted = ir_emit(&f->b, IR_EQ, IR_I32, failed, const32(f, 0));
		branch(f, inserted, done, again, IR_LIKELY_TRUE);
		start_block(f, again);
		struct entry second = *entry;
		second.is_present = false;
		look_up(f, &second);
		branch(f, entry_present(f, &second), again_hit, done, IR_LIKELY_TRUE);
		start_block(f, again_hit);
		second.is_present = true;
		place = entry_place(f, &second);
		emit_atomic(f, &place, op, atomic, value);
	}
	jump_to(f, done);
	start_block(f, done);
}

/* In eBPF, without atomicity: per-CPU maps, narrow integers, operations that have no atomic form. */
static void plain_entry_op(struct body *f, struct entry *entry, enum binary_op op,
			   const struct op_operand *operand)
{
	const struct type *type = entry->value;
	uint32_t hit = new_block(f), miss = new_block(f), done = new_block(f);
	look_up_to_change(f, entry);
	branch(f, entry_present(f, entry), hit, miss, IR_LIKELY_TRUE);
	start_block(f, hit);
	entry->is_present = true;
	struct place place = entry_place(f, entry);
	ir_ref old = load_unguarded(f, &place, type);
	store_unguarded(f, &place, type, lower_op(f, op, old, operand, type));
	jump_to(f, done);
	start_block(f, miss);
	if (!is_array(entry) && !is_stored(f, entry)) {
		ir_ref first = lower_op(f, op, zero_of(f, value_type(type)), operand, type);
		update(f, entry, first, IR_MAP_ANY);
	}
	jump_to(f, done);
	start_block(f, done);
}

static void user_entry_op(struct body *f, struct entry *entry, enum binary_op op,
			  const struct op_operand *operand)
{
	look_up(f, entry);
	struct place place = entry_place(f, entry);
	ir_ref old = load_place(f, &place, entry->value);
	update(f, entry, lower_op(f, op, old, operand, entry->value), IR_MAP_ANY);
}

/* The key of an entry, evaluated now: a name in its place gives it again. */
static struct expr *keep_key(struct body *f, struct expr *index)
{
	struct decl *decl = ARENA_NEW(f->m->arena, struct decl);
	struct expr *name = ARENA_NEW(f->m->arena, struct expr);
	if (index->is_const)
		return index;
	*decl = (struct decl){.kind = DECL_LOCAL, .type = index->type, .where = index->where};
	decl->name_where = index->where;
	decl->variable.init = index;
	lower_local(f, decl);
	*name = (struct expr){.kind = EXPR_NAME, .where = index->where, .type = index->type};
	name->name.decl = decl;
	return name;
}

/* m[k] += text is m[k] = m[k] + text. */
static void append_to_entry(struct body *f, struct expr *target, struct expr *value)
{
	struct expr *read = ARENA_NEW(f->m->arena, struct expr);
	struct expr *sum = ARENA_NEW(f->m->arena, struct expr);
	struct expr *same = arena_copy(f->m->arena, target, sizeof *target);
	struct type *type = target->type->entry_of->type->map.value;
	if (target->kind == EXPR_INDEX)
		same->index.index = keep_key(f, target->index.index);
	*read = (struct expr){.kind = EXPR_CONVERT, .where = target->where, .type = type};
	read->convert.operand = same;
	read->convert.conversion = CONV_ENTRY_VALUE;
	*sum = (struct expr){.kind = EXPR_BINARY, .where = target->where, .type = type};
	sum->binary.op = BINARY_ADD;
	sum->binary.left = read;
	sum->binary.right = value;
	assign_entry(f, same, sum);
}

void assign_entry_op(struct body *f, struct expr *target, enum binary_op op, struct expr *value)
{
	if (target->type->entry_of->type->map.value->kind == TYPE_STR) {
		append_to_entry(f, target, value);
		return;
	}
	if (target->kind == EXPR_NAME) {
		assign_copy_op(f, target->name.decl, op, value);
		return;
	}
	span where = f->b.where;
	struct entry entry = entry_key(f, target);
	struct op_operand operand = lower_op_operand(f, op, value, entry.value);
	enum ir_atomic atomic;
	f->b.where = where;
	if (f->target != IR_TARGET_BPF)
		user_entry_op(f, &entry, op, &operand);
	else if (!is_percpu(&entry) && atomic_op(f, op, entry.value, &atomic))
		atomic_entry_op(f, &entry, op, atomic, operand.value);
	else
		plain_entry_op(f, &entry, op, &operand);
}

/* ---- delete, in ---- */

/* An array keeps all its entries; deleting one makes it zero again. */
static void reset_entry(struct body *f, struct entry *entry)
{
	const struct type *type = entry->value;
	bool is_scalar = type_is_scalar(type);
	if (f->target == IR_TARGET_BPF) {
		look_up(f, entry);
		struct place place = entry_place(f, entry);
		if (is_scalar)
			store_place(f, &place, type, zero_of(f, value_type(type)));
		else
			zero_value(f, &place, type);
		return;
	}
	ir_ref zero = zero_of(f, value_type(type));
	if (!is_scalar) {
		struct place place = slot_place(f, new_slot(f, type, 0, f->b.where));
		zero_object(f, &place, type->size);
		zero = place_address(f, &place);
	}
	update(f, entry, zero, IR_MAP_ANY);
}

static void delete_stored(struct body *f, const struct entry *entry)
{
	const char *helper =
		arena_printf(f->m->arena, "bpf_%s_delete", entry->decl->type->map.kind->name);
	ir_ref args[] = {map_ref(f, entry->decl), entry->key};
	emit_helper(f, helper, IR_I64, args, 2);
}

void delete_entry(struct body *f, struct expr *target)
{
	span where = f->b.where;
	struct entry entry = entry_key(f, target);
	f->b.where = where;
	if (is_array(&entry))
		reset_entry(f, &entry);
	else if (entry.outer)
		delete_inner(f, &entry);
	else if (is_stored(f, &entry))
		delete_stored(f, &entry);
	else
		ir_emit_full(&f->b, (struct ir_insn){.op = IR_MAP_DELETE,
						     .type = IR_I32,
						     .a = entry.key,
						     .index = entry.map});
}

ir_ref lower_in(struct body *f, struct expr *expr)
{
	struct decl *map = expr->binary.right->name.decl;
	if (map->type->map.kind->shape == MAP_SHAPE_SET)
		return lower_in_set(f, map, expr->binary.left);
	struct entry entry = {.map = map_of(map), .decl = map, .value = map->type->map.value};
	entry.key = map_operand(f, expr->binary.left, expr->binary.left->type);
	f->b.where = expr->where;
	look_up(f, &entry);
	return entry_present(f, &entry);
}
