/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods of maps and dispatch(). Records that a buffer had no room for are counted in a hidden shared
 * variable, one for each map whose count some code asks for, so that the count is exact whatever CPUs
 * and programs lose them.
 */
#include "frontend/lower/lower_internal.h"

enum { ANY_EFFECT = IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER };

ir_ref emit_helper(struct body *f, const char *name, enum ir_type result, const ir_ref *args,
		   uint32_t count)
{
	uint32_t callee = ir_add_extern(f->m, IR_EXTERN_HELPER, name, result, ANY_EFFECT);
	return ir_emit_call(&f->b, IR_CALL_EXTERN, result, callee, args, count);
}

ir_ref map_ref(struct body *f, struct decl *map)
{
	return ir_emit_index(&f->b, IR_MAP, IR_PTR, map_of(map));
}

/* Address of a value of any type, in a temporary unless it is an object of its own. */
ir_ref value_address(struct body *f, struct expr *expr, const struct type *type)
{
	if (type_is_aggregate(type))
		return object_address(f, expr, type);
	uint32_t slot = new_slot(f, type, 0, expr->where);
	store_slot(f, slot, type, lower_value(f, expr));
	return slot_addr(f, slot);
}

/* ---- lost records ---- */

static uint32_t drop_counter(struct lower *lw, const struct decl *map)
{
	uint64_t *known = map_insert(&lw->drops, MAP_PTR(map));
	if (!*known) {
		struct ir_global counter = {.section = IR_SECTION_BSS,
					    .size = 8,
					    .align = 8,
					    .dtype = lower_dtype(lw, lw->program->types.u64),
					    .where = map->name_where};
		*known = ir_add_global(lw->m, counter) + 1;
	}
	return (uint32_t)*known - 1;
}

/* Counts a lost record where `lost` holds. */
static void count_dropped(struct body *f, const struct decl *map, ir_ref lost)
{
	if (!map->map.counts_dropped)
		return;
	uint32_t count = new_block(f), done = new_block(f);
	branch(f, lost, count, done, IR_LIKELY_FALSE);
	start_block(f, count);
	struct place place = global_place(f, drop_counter(f->lw, map));
	emit_atomic(f, &place, BINARY_ADD, IR_ATOMIC_ADD, const64(f, 1));
	jump_to(f, done);
	start_block(f, done);
}

static ir_ref lower_dropped(struct body *f, struct decl *map)
{
	struct place place = global_place(f, drop_counter(f->lw, map));
	return load_unguarded(f, &place, f->lw->program->types.u64);
}

/* ---- records ---- */

static ir_ref reserve(struct body *f, struct decl *map)
{
	ir_ref args[] = {map_ref(f, map), const64(f, map->type->map.value->size), const64(f, 0)};
	ir_ref record = emit_helper(f, "bpf_ringbuf_reserve", IR_PTR, args, 3);
	count_dropped(f, map, ir_emit(&f->b, IR_EQ, IR_I32, record, null_ptr(f)));
	return record;
}

static void end_record(struct body *f, struct expr *call, const char *helper)
{
	ir_ref args[] = {lower_value(f, call->call.args.data[0]), const64(f, 0)};
	f->b.where = call->where;
	emit_helper(f, helper, IR_VOID, args, 2);
}

/* Copies a value into a buffer; `args` are the helper's, with room for address and size at `at`. */
static ir_ref output(struct body *f, struct expr *call, const char *helper, ir_ref *args,
		     uint32_t at, uint32_t count)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	const struct type *type = map->type->map.value;
	args[at] = value_address(f, vec_last(&call->call.args), type);
	args[at + 1] = const64(f, type->size);
	f->b.where = call->where;
	ir_ref result = emit_helper(f, helper, IR_I64, args, count);
	count_dropped(f, map, ir_emit(&f->b, IR_SLT, IR_I32, result, const64(f, 0)));
	return to_register(f, result, IR_I32, true);
}

static ir_ref ring_output(struct body *f, struct expr *call)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	ir_ref args[4] = {map_ref(f, map)};
	args[3] = const64(f, 0);
	return output(f, call, "bpf_ringbuf_output", args, 1, 4);
}

static ir_ref perf_output(struct body *f, struct expr *call)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	const uint64_t this_cpu = 0xffffffff; // BPF_F_CURRENT_CPU
	ir_ref args[5] = {lower_value(f, call->call.args.data[0]), map_ref(f, map),
			  const64(f, this_cpu)};
	return output(f, call, "bpf_perf_event_output", args, 3, 5);
}

static ir_ref capture(struct body *f, struct expr *call, uint64_t flags)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	ir_ref args[3] = {lower_value(f, call->call.args.data[0])};
	f->b.where = call->where;
	args[1] = map_ref(f, map);
	args[2] = const64(f, flags);
	return to_register(f, emit_helper(f, "bpf_get_stackid", IR_I64, args, 3), IR_I32, true);
}

static ir_ref drain(struct body *f, struct expr *call, struct decl *map)
{
	struct decl *handler = call->call.args.data[0]->name.decl;
	uint32_t callback = request_callback(f->lw, handler, sema_find_callback(".drain"));
	ir_ref args[] = {map_ref(f, map), ir_emit_index(&f->b, IR_FUNC, IR_PTR, callback),
			 null_ptr(f), const64(f, 0)};
	return emit_helper(f, "bpf_user_ringbuf_drain", IR_I64, args, 4);
}

static ir_ref send(struct body *f, struct expr *call, struct decl *map)
{
	const struct type *type = map->type->map.value;
	ir_ref value = value_address(f, call->call.args.data[0], type);
	f->b.where = call->where;
	ir_ref args[] = {const32(f, map_of(map)), value, const64(f, type->size)};
	return call_runtime(f, "ks_user_ring_send", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER, args,
			    3);
}

/* ---- values without keys ---- */

static ir_ref push(struct body *f, struct expr *call, struct decl *map)
{
	ir_ref value = value_address(f, call->call.args.data[0], map->type->map.value);
	f->b.where = call->where;
	if (f->target != IR_TARGET_BPF) {
		ir_ref args[] = {const32(f, map_of(map)), value};
		return call_runtime(f, "ks_map_push", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER,
				    args, 2);
	}
	ir_ref args[] = {map_ref(f, map), value, const64(f, 0)};
	return to_register(f, emit_helper(f, "bpf_map_push_elem", IR_I64, args, 3), IR_I32, true);
}

/* Address of the slot when the helper gave 0, else null. */
static ir_ref found_in(struct body *f, uint32_t slot, ir_ref error)
{
	uint32_t result = raw_slot(f, 8, 8), found = new_block(f), done = new_block(f);
	store_word(f, result, IR_PTR, null_ptr(f));
	branch(f, ir_emit(&f->b, IR_EQ, IR_I32, error, const64(f, 0)), found, done,
	       IR_LIKELY_UNKNOWN);
	start_block(f, found);
	store_word(f, result, IR_PTR, slot_addr(f, slot));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, result, IR_PTR);
}

struct entry lower_taken(struct body *f, struct expr *call)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	bool is_removed = call->call.target->builtin.id == BUILTIN_QUEUE_POP;
	struct entry entry = {
		.map = map_of(map), .decl = map, .value = map->type->map.value, .has_copy = true};
	uint32_t slot = new_slot(f, entry.value, 0, call->where);
	f->b.where = call->where;
	if (f->target == IR_TARGET_BPF) {
		const char *helper = is_removed ? "bpf_map_pop_elem" : "bpf_map_peek_elem";
		ir_ref args[] = {map_ref(f, map), slot_addr(f, slot)};
		entry.ptr = found_in(f, slot, emit_helper(f, helper, IR_I64, args, 2));
	} else {
		ir_ref args[] = {const32(f, entry.map), slot_addr(f, slot), const32(f, is_removed)};
		entry.ptr = call_runtime(f, "ks_map_pop", IR_PTR, ANY_EFFECT, args, 3);
		entry.is_copy = const32(f, 1);
	}
	return entry;
}

ir_ref lower_in_set(struct body *f, struct decl *set, struct expr *value)
{
	ir_ref address = value_address(f, value, set->type->map.value);
	if (f->target != IR_TARGET_BPF) {
		ir_ref args[] = {const32(f, map_of(set)), address};
		return call_runtime(f, "ks_map_has", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER,
				    args, 2);
	}
	ir_ref args[] = {map_ref(f, set), address};
	ir_ref error = emit_helper(f, "bpf_map_peek_elem", IR_I64, args, 2);
	return ir_emit(&f->b, IR_EQ, IR_I32, error, const64(f, 0));
}

/* ---- userspace ---- */

/* A call of the runtime with a map and a key. */
static ir_ref call_with_key(struct body *f, struct expr *call, struct decl *map, const char *name,
			    enum ir_type result)
{
	const struct type *key = map->type->map.key;
	struct entry entry = {.decl = map};
	struct expr *arg = call->call.args.data[0];
	entry.key = type_is_scalar(key) ? lower_value(f, arg) : object_address(f, arg, key);
	f->b.where = call->where;
	ir_ref args[] = {const32(f, map_of(map)), key_address(f, &entry)};
	return call_runtime(f, name, result, IR_EFFECT_READS | IR_EFFECT_OTHER, args, 2);
}

static void handle_with(struct body *f, struct decl *map, ir_ref handler)
{
	ir_ref args[] = {const32(f, map_of(map)), handler};
	call_runtime(f, "ks_on_event", IR_VOID, IR_EFFECT_OTHER, args, 2);
}

void register_callbacks(struct body *f)
{
	for (uint32_t i = 0; i < f->lw->program->maps.len; i++) {
		struct decl *map = f->lw->program->maps.data[i];
		struct decl *handler = map->map.callback;
		if (handler)
			handle_with(f, map, lower_function_value(f, handler, handler->type));
	}
}

ir_ref lower_dispatch(struct body *f, struct expr *call)
{
	const expr_list *args = &call->call.args;
	uint32_t count = args->len - (vec_last(args)->type->kind != TYPE_MAP);
	uint32_t list = raw_slot(f, count * 4, 8);
	for (uint32_t i = 0; i < count; i++)
		ir_emit_store(&f->b, slot_addr(f, list), (int32_t)i * 4,
			      const32(f, map_of(args->data[i]->name.decl)),
			      ir_mem_aux(4, false, IR_SPACE_SLOT));
	ir_ref timeout = const64(f, UINT64_MAX);
	if (count < args->len)
		timeout = lower_value(f, args->data[count]);
	f->b.where = call->where;
	ir_ref given[] = {slot_addr(f, list), const32(f, count), timeout};
	return call_runtime(f, "ks_dispatch", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER, given, 3);
}

/* ---- all of them ---- */

static ir_ref call_with_map(struct body *f, struct decl *map, const char *name, enum ir_type result)
{
	ir_ref index = const32(f, map_of(map));
	return call_runtime(f, name, result, IR_EFFECT_OTHER, &index, 1);
}

ir_ref lower_map_call(struct body *f, struct expr *call)
{
	struct decl *map = call->call.callee->field.base->name.decl;
	switch ((int)call->call.target->builtin.id) {
	case BUILTIN_MAP_LEN:
		return call_with_map(f, map, "ks_map_len", IR_I32);
	case BUILTIN_MAP_CLEAR:
		return call_with_map(f, map, "ks_map_clear", IR_VOID);
	case BUILTIN_RINGBUF_RESERVE:
		return reserve(f, map);
	case BUILTIN_RINGBUF_SUBMIT:
		end_record(f, call, "bpf_ringbuf_submit");
		return IR_REF_NONE;
	case BUILTIN_RINGBUF_DISCARD:
		end_record(f, call, "bpf_ringbuf_discard");
		return IR_REF_NONE;
	case BUILTIN_RINGBUF_OUTPUT:
		return ring_output(f, call);
	case BUILTIN_PERF_OUTPUT:
		return perf_output(f, call);
	case BUILTIN_STACKS_CAPTURE:
		return capture(f, call, 0);
	case BUILTIN_STACKS_CAPTURE_USER:
		return capture(f, call, 1 << 8); // BPF_F_USER_STACK
	case BUILTIN_USER_RING_DRAIN:
		return drain(f, call, map);
	case BUILTIN_USER_RING_SEND:
		return send(f, call, map);
	case BUILTIN_QUEUE_PUSH:
	case BUILTIN_SET_ADD:
		return push(f, call, map);
	case BUILTIN_QUEUE_POP:
	case BUILTIN_QUEUE_PEEK:
		lower_taken(f, call);
		return IR_REF_NONE;
	case BUILTIN_PERCPU_PERCPU:
		return call_with_key(f, call, map, "ks_map_percpu", IR_PTR);
	case BUILTIN_OUTER_CREATE:
		return call_with_key(f, call, map, "ks_inner_create", IR_I32);
	case BUILTIN_EVENTS_DROPPED:
		return lower_dropped(f, map);
	case BUILTIN_EVENTS_ON_EVENT:
		handle_with(f, map, lower_value(f, call->call.args.data[0]));
		return IR_REF_NONE;
	default:
		unreachable("a method of maps in builtins.def");
	}
}
