/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: functions of the program, BPF helpers by name, and the built-in functions. An aggregate
 * argument is passed by the address of a copy; an aggregate result is written by the callee to an
 * address in a hidden first argument.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

/* Helpers whose result stays the same during a run of a program and that change nothing. */
static const char *const pure_helpers[] = {
	"bpf_get_smp_processor_id",
	"bpf_get_current_pid_tgid",
	"bpf_get_current_uid_gid",
	"bpf_get_numa_node_id",
};

static uint32_t helper_effects(const struct helper_info *helper)
{
	for (size_t i = 0; i < sizeof pure_helpers / sizeof *pure_helpers; i++)
		if (helper && !strcmp(helper->name, pure_helpers[i]))
			return IR_EFFECT_PURE;
	uint32_t moves = helper && helper->moves_packet ? IR_EFFECT_PACKET : 0;
	return IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER | moves;
}

/* ---- functions of the program ---- */

static ir_ref lower_argument(struct body *f, struct expr *arg)
{
	if (arg->type->kind == TYPE_MAP)
		return ir_emit_index(&f->b, IR_MAP, IR_PTR, map_of(arg->name.decl));
	if (!type_is_aggregate(arg->type))
		return lower_value(f, arg);
	struct place copy = lower_temporary(f, arg, arg->type);
	return place_address(f, &copy);
}

/* Where a call puts an aggregate result: at `to` when nothing stands in the way. */
static ir_ref result_address(struct body *f, const struct expr *call, const struct place *to)
{
	struct place result = to && !to->guard_count && !to->entry
				      ? *to
				      : slot_place(f, new_slot(f, call->type, 0, call->where));
	return place_address(f, &result);
}

/* The function that a call in eBPF is of, given those among its arguments; UINT32_MAX after a diagnostic. */
static uint32_t bind_functions(struct body *f, const struct expr *call, struct decl *callee,
			       struct decl ***out)
{
	uint32_t given = call->call.args.len;
	struct decl **bound = ARENA_ARRAY(f->m->arena, struct decl *, given);
	for (uint32_t i = 0; i < given; i++) {
		struct expr *arg = call->call.args.data[i];
		if (arg->type->kind == TYPE_FUNC && !(bound[i] = get_function(f, arg)))
			return UINT32_MAX;
	}
	*out = bound;
	return request_bound(f->lw, callee, bound);
}

static ir_ref call_function(struct body *f, struct expr *call, struct decl *callee,
			    const struct place *to)
{
	uint32_t given = call->call.args.len, count = 0, index;
	ir_ref *args = ARENA_ARRAY(f->m->arena, ir_ref, given + 2);
	bool may_throw = fn_may_throw(f->lw, callee);
	struct decl **bound = NULL;
	if (f->target == IR_TARGET_BPF && takes_functions(callee))
		index = bind_functions(f, call, callee, &bound);
	else
		index = request_fn(f->lw, callee, f->target);
	if (index == UINT32_MAX)
		return zero_of(f, value_type(call->type));
	if (type_is_aggregate(call->type))
		args[count++] = result_address(f, call, to);
	for (uint32_t i = 0; i < given; i++)
		if (!bound || !bound[i])
			args[count++] = lower_argument(f, call->call.args.data[i]);
	uint32_t error = may_throw ? error_word(f) : 0;
	if (may_throw)
		args[count++] = slot_addr(f, error);
	f->b.where = call->where;
	ir_ref result = ir_emit_call(&f->b, IR_CALL, value_type(call->type), index, args, count);
	if (f->target == IR_TARGET_BPF)
		refresh_after_call(f, callee);
	if (may_throw)
		check_thrown(f, error);
	return result;
}

/* Through a function value: in eBPF it is one that is known. */
static ir_ref call_value(struct body *f, struct expr *call, const struct place *to)
{
	uint32_t given = call->call.args.len, count = 0;
	if (f->target == IR_TARGET_BPF) {
		struct decl *known = get_function(f, call->call.callee);
		return known ? call_function(f, call, known, to)
			     : zero_of(f, value_type(call->type));
	}
	ir_ref *args = ARENA_ARRAY(f->m->arena, ir_ref, given + 2);
	ir_ref callee = lower_value(f, call->call.callee);
	bool may_throw = type_may_throw(f->lw, call->call.callee->type);
	guard_function(f, callee, call->where);
	if (type_is_aggregate(call->type))
		args[count++] = result_address(f, call, to);
	for (uint32_t i = 0; i < given; i++)
		args[count++] = lower_argument(f, call->call.args.data[i]);
	uint32_t error = may_throw ? error_word(f) : 0;
	if (may_throw)
		args[count++] = slot_addr(f, error);
	f->b.where = call->where;
	ir_ref result = ir_emit_full(&f->b, (struct ir_insn){.op = IR_CALL_PTR,
							     .type = value_type(call->type),
							     .aux = (uint16_t)count,
							     .a = ir_add_pool(f->fn, args, count),
							     .b = callee});
	if (may_throw)
		check_thrown(f, error);
	return result;
}

/* ---- BPF helpers ---- */

/* The kernel's C leaves what is beyond a narrow result as it happens to be. */
static ir_ref cut_result(struct body *f, const struct type *type, ir_ref value)
{
	bool is_signed = value_is_signed(type);
	switch (type->kind == TYPE_VOID ? 0 : value_width(type)) {
	case 1:
		return ir_emit(&f->b, is_signed ? IR_EXT8S : IR_EXT8U, IR_I32, value, IR_REF_NONE);
	case 2:
		return ir_emit(&f->b, is_signed ? IR_EXT16S : IR_EXT16U, IR_I32, value,
			       IR_REF_NONE);
	default:
		return value;
	}
}

/* One of the helpers gives objects of the program or of the kernel: it stands twice in the module. */
static uint32_t add_helper(struct body *f, const struct helper_info *helper,
			   const struct type *type)
{
	enum ir_type result = value_type(type);
	uint32_t effects = helper_effects(helper);
	symbol name = intern_string(&f->lw->compile->names, helper->name);
	bool is_exchange = !strcmp(helper->name, "bpf_kptr_xchg");
	bool gives_object = is_exchange ? type_is_kernel(type->element) : helper->gives_object;
	for (uint32_t i = 0; i < f->m->externs.len; i++) {
		const struct ir_extern *e = &f->m->externs.data[i];
		if (e->name == name && e->kind == IR_EXTERN_HELPER && e->result == result &&
		    e->effects == effects && e->gives_object == gives_object)
			return i;
	}
	struct ir_extern e = {.name = name,
			      .kind = IR_EXTERN_HELPER,
			      .result = (uint8_t)result,
			      .effects = (uint8_t)effects,
			      .gives_object = gives_object};
	vec_push(f->m->arena, &f->m->externs, e);
	return f->m->externs.len - 1;
}

static uint32_t kfunc_effects(const struct kfunc_info *kfunc)
{
	uint32_t moves = kfunc && kfunc->flags & KFUNC_MOVES_PACKET ? IR_EFFECT_PACKET : 0;
	return IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER | moves;
}

static ir_ref own_type_id(struct body *f, const struct type *type)
{
	struct ir_core core = {.kind = IR_CORE_TYPE_ID_LOCAL, .dtype = lower_dtype(f->lw, type)};
	return ir_emit_index(&f->b, IR_CORE, IR_I64, ir_add_core(f->m, core));
}

static ir_ref call_extern(struct body *f, struct expr *call)
{
	struct decl *callee = call->call.target;
	const char *name = intern_text(&f->lw->compile->names, callee->name);
	uint32_t count = call->call.args.len, index;
	ir_ref *args = ARENA_ARRAY(f->m->arena, ir_ref, count + 1);
	const struct callback *row = sema_find_callback(name);
	for (uint32_t i = 0; i < count; i++) {
		struct expr *arg = call->call.args.data[i];
		if (row && row->function == (int)i)
			args[i] = ir_emit_index(&f->b, IR_FUNC, IR_PTR,
						request_callback(f->lw, arg->name.decl, row));
		else
			args[i] = lower_argument(f, arg);
	}
	const struct target_info *info = f->lw->info;
	const struct helper_info *helper = info->find_helper(name, info->kernel);
	f->b.where = call->where;
	enum ir_type result = value_type(call->type);
	if (helper) {
		index = add_helper(f, helper, call->type);
		ir_ref given = ir_emit_call(&f->b, IR_CALL_EXTERN, result, index, args, count);
		for (uint32_t i = 0; i < count && helper_changes_map(f, callee); i++)
			if (call->call.args.data[i]->type->kind == TYPE_MAP)
				refresh_entries(f, call->call.args.data[i]->name.decl);
		return given;
	}
	index = ir_add_extern(f->m, IR_EXTERN_KFUNC, name, result,
			      kfunc_effects(callee->func.kfunc));
	bool is_new = !strcmp(name, "bpf_obj_new_impl");
	if (is_new) // of which type, by its number in the object's BTF
		args[0] = own_type_id(f, call->type->element);
	f->m->externs.data[index].gives_object = result == IR_PTR && !is_new;
	if (!f->m->externs.data[index].dtype)
		f->m->externs.data[index].dtype = lower_func_dtype(f->lw, callee);
	ir_ref value = ir_emit_call(&f->b, IR_CALL_EXTERN, result, index, args, count);
	return cut_result(f, call->type, value);
}

/* ---- built-in functions ---- */

/* Between host order and network order. */
static ir_ref swap_bytes(struct body *f, struct expr *call, enum ir_op op)
{
	ir_ref value = lower_value(f, call->call.args.data[0]);
	f->b.where = call->where;
	if (f->m->is_big_endian)
		return value;
	return ir_emit(&f->b, op, value_type(call->type), value, IR_REF_NONE);
}

static ir_ref lower_attach(struct body *f, struct expr *call)
{
	ir_ref args[3];
	args[0] = lower_value(f, call->call.args.data[0]);
	struct text text = lower_text(f, call->call.args.data[1]);
	struct place target = text.literal ? literal_place(f, text.literal) : text.place;
	args[1] = place_address(f, &target);
	args[2] = to_register(f, lower_value(f, call->call.args.data[2]), IR_I64, false);
	f->b.where = call->where;
	return call_runtime(f, "ks_attach", IR_I32, IR_EFFECT_OTHER, args, 3);
}

static ir_ref lower_run(struct body *f, struct expr *call)
{
	struct expr *context = call->call.args.len > 1 ? call->call.args.data[1] : NULL;
	const struct type *record =
		context && context->type->kind == TYPE_POINTER ? context->type->element : NULL;
	ir_ref handle = lower_value(f, call->call.args.data[0]);
	ir_ref args[] = {handle, context ? lower_value(f, context) : null_ptr(f),
			 const64(f, record ? record->size : 0)};
	f->b.where = call->where;
	uint32_t effects = IR_EFFECT_READS | IR_EFFECT_WRITES | IR_EFFECT_OTHER;
	return call_runtime(f, "ks_run", IR_I32, effects, args, 3);
}

static ir_ref lower_attach_counter(struct body *f, struct expr *call)
{
	ir_ref args[3];
	args[0] = lower_value(f, call->call.args.data[0]);
	struct expr *options = call->call.args.data[1];
	struct place place = lower_temporary(f, options, options->type);
	args[1] = place_address(f, &place);
	args[2] = to_register(f, lower_value(f, call->call.args.data[2]), IR_I64, false);
	f->b.where = call->where;
	return call_runtime(f, "ks_attach_counter", IR_PTR, IR_EFFECT_OTHER, args, 3);
}

static ir_ref call_with_value(struct body *f, struct expr *call, const char *name,
			      enum ir_type result)
{
	ir_ref arg = lower_value(f, call->call.args.data[0]);
	f->b.where = call->where;
	return call_runtime(f, name, result, IR_EFFECT_OTHER, &arg, 1);
}

static ir_ref lower_exit(struct body *f, struct expr *call)
{
	call_with_value(f, call, "ks_exit", IR_VOID);
	ir_emit_unreachable(&f->b);
	return IR_REF_NONE;
}

static ir_ref lower_string_len(struct body *f, struct expr *call)
{
	struct text text = lower_text(f, call->call.callee->field.base);
	return text_length(f, &text);
}

static ir_ref call_builtin(struct body *f, struct expr *call, const struct place *to)
{
	switch ((enum builtin)call->call.target->builtin.id) {
	case BUILTIN_PRINT:
		return lower_print(f, call);
	case BUILTIN_LOAD:
		return call_with_value(f, call, "ks_load", IR_PTR);
	case BUILTIN_ATTACH:
		return lower_attach(f, call);
	case BUILTIN_DETACH:
		return call_with_value(f, call, "ks_detach", IR_VOID);
	case BUILTIN_RUN:
	case BUILTIN_RUN_ALONE:
		return lower_run(f, call);
	case BUILTIN_REDIRECT:
		return lower_redirect(f, call);
	case BUILTIN_REGISTER:
		return lower_register(f, call, "ks_register");
	case BUILTIN_UNREGISTER:
		return lower_register(f, call, "ks_unregister");
	case BUILTIN_ATTACH_COUNTER:
		return lower_attach_counter(f, call);
	case BUILTIN_DETACH_COUNTER:
		return call_with_value(f, call, "ks_detach_counter", IR_VOID);
	case BUILTIN_READ:
		return call_with_value(f, call, "ks_read_counter", IR_I64);
	case BUILTIN_READ_USER:
	case BUILTIN_READ_USER_STR:
	case BUILTIN_READ_KERNEL_STR:
		return lower_memory_read(f, call, to);
	case BUILTIN_SLEEP:
		return call_with_value(f, call, "ks_sleep", IR_VOID);
	case BUILTIN_NOW_NS:
		return call_runtime(f, "ks_now_ns", IR_I64, IR_EFFECT_OTHER, NULL, 0);
	case BUILTIN_EXIT:
		return lower_exit(f, call);
	case BUILTIN_PANIC:
		lower_panic(f, call);
		return IR_REF_NONE;
	case BUILTIN_ASSERT:
		lower_assert(f, call);
		return IR_REF_NONE;
	case BUILTIN_NTOHS:
	case BUILTIN_HTONS:
		return swap_bytes(f, call, IR_BE16);
	case BUILTIN_NTOHL:
	case BUILTIN_HTONL:
		return swap_bytes(f, call, IR_BE32);
	case BUILTIN_NTOHLL:
	case BUILTIN_HTONLL:
		return swap_bytes(f, call, IR_BE64);
	case BUILTIN_CTX_AT:
		return lower_ctx_at(f, call);
	case BUILTIN_CTX_LEN:
		return lower_ctx_len(f, call);
	case BUILTIN_MAP_LEN:
	case BUILTIN_MAP_CLEAR:
	case BUILTIN_RINGBUF_RESERVE:
	case BUILTIN_RINGBUF_SUBMIT:
	case BUILTIN_RINGBUF_DISCARD:
	case BUILTIN_RINGBUF_OUTPUT:
	case BUILTIN_EVENTS_DROPPED:
	case BUILTIN_EVENTS_ON_EVENT:
	case BUILTIN_PERF_OUTPUT:
	case BUILTIN_USER_RING_DRAIN:
	case BUILTIN_USER_RING_SEND:
	case BUILTIN_OUTER_CREATE:
	case BUILTIN_QUEUE_PUSH:
	case BUILTIN_QUEUE_POP:
	case BUILTIN_QUEUE_PEEK:
	case BUILTIN_SET_ADD:
	case BUILTIN_STACKS_CAPTURE:
	case BUILTIN_STACKS_CAPTURE_USER:
	case BUILTIN_PERCPU_PERCPU:
		return lower_map_call(f, call);
	case BUILTIN_POSSIBLE_CPUS:
		return call_runtime(f, "ks_possible_cpus", IR_I32, IR_EFFECT_OTHER, NULL, 0);
	case BUILTIN_DISPATCH:
		return lower_dispatch(f, call);
	case BUILTIN_STR_LEN:
		return lower_string_len(f, call);
	case BUILTIN_HAS_FIELD:
	case BUILTIN_HAS_TYPE:
	case BUILTIN_HAS_CONSTANT:
	case BUILTIN_KERNEL_CONSTANT:
	case BUILTIN_KERNEL_SIZEOF:
	case BUILTIN_KERNEL_SIZEOF_FIELD:
	case BUILTIN_KERNEL_IS_SIGNED:
		return lower_kernel_question(f, call);
	case BUILTIN_TEST:
		return lower_test(f, call);
	case BUILTIN_EXEC: // none of these is reached: their functions are not lowered
	case BUILTIN_DAEMON:
	case BUILTIN_COUNT:
		break;
	}
	return IR_REF_NONE;
}

ir_ref lower_call(struct body *f, struct expr *call, const struct place *to)
{
	const struct decl *target = call->call.target;
	if (target && target->kind == DECL_BUILTIN)
		return call_builtin(f, call, to);
	if (target && target->kind == DECL_EXTERN)
		return call_extern(f, call);
	if (target && target->func.program)
		return lower_tail_call(f, call);
	if (target)
		return call_function(f, call, call->call.target, to);
	return call_value(f, call, to);
}
