/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of functions of the program. Static ones are followed like inlined code; global ones are
 * verified once, for every value that their parameters' types allow, and taken on trust at calls.
 * After check_func_call(), setup_func_entry(), push_callback_call() (kernel/bpf/verifier.c) and
 * btf_prepare_func_args() (kernel/bpf/btf.c), Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

/* ---- parameters ---- */

enum tag {
	TAG_CTX = 1,
	TAG_NONNULL = 2,
	TAG_TRUSTED = 4,
	TAG_NULLABLE = 8,
	TAG_ARENA = 16,
	TAG_UNTRUSTED = 32
};

static const struct {
	const char *name;
	enum tag tag;
} tag_names[] = {{"ctx", TAG_CTX},         {"nonnull", TAG_NONNULL},
		 {"trusted", TAG_TRUSTED}, {"nullable", TAG_NULLABLE},
		 {"arena", TAG_ARENA},     {"untrusted", TAG_UNTRUSTED}};

/* Tags `arg:…` on parameter `number` of a function. False when one is not known. */
static bool find_tags(const struct btf *btf, uint32_t function, uint32_t number, unsigned *tags)
{
	*tags = 0;
	for (uint32_t id = 1; id <= btf->type_count; id++) {
		if (btf_kind_of(btf, id) != BTF_KIND_DECL_TAG)
			continue;
		struct btf_type tag = btf_get_type(btf, id);
		int32_t index;
		memcpy(&index, tag.data, sizeof index);
		if (tag.type != function || index != (int32_t)number ||
		    strncmp(tag.name, "arg:", 4))
			continue;
		unsigned found = 0;
		for (size_t i = 0; i < sizeof tag_names / sizeof tag_names[0]; i++) {
			if (!strcmp(tag_names[i].name, tag.name + 4))
				found = tag_names[i].tag;
		}
		if (!found)
			return false;
		*tags |= found;
	}
	return true;
}

static bool is_context_type(const struct verifier *v, const struct btf *btf, uint32_t pointer)
{
	uint32_t target = btf_get_type(btf, pointer).type;
	for (int i = 0; target && i < 32; i++) { // a typedef counts by its own name
		struct btf_type type = btf_get_type(btf, target);
		if (!strcmp(type.name, v->rules->context) && *type.name)
			return true;
		if (type.kind != BTF_KIND_TYPEDEF && type.kind != BTF_KIND_CONST &&
		    type.kind != BTF_KIND_VOLATILE && type.kind != BTF_KIND_RESTRICT)
			break;
		target = type.type;
	}
	return false;
}

static uint32_t kernel_struct(const struct verifier *v, const struct btf *btf, uint32_t pointer)
{
	char name[256];
	uint32_t target = program_strip(btf, btf_get_type(btf, pointer).type);
	if (!target || !v->types)
		return 0;
	const char *full = btf_get_type(btf, target).name, *mark = strstr(full, "___");
	size_t len = mark ? (size_t)(mark - full) : strlen(full);
	if (len >= sizeof name)
		return 0;
	memcpy(name, full, len);
	name[len] = 0;
	return btf_find(v->types, BTF_KIND_STRUCT, name);
}

static bool know_pointer(struct verifier *v, struct function_note *f, struct function_arg *arg,
			 uint32_t pointer, unsigned tags)
{
	const struct btf *btf = v->own;
	if (tags & TAG_CTX || is_context_type(v, btf, pointer)) {
		arg->arg = PROTO_CTX;
		return !(tags & ~(unsigned)TAG_CTX);
	}
	uint32_t target = program_strip(btf, btf_get_type(btf, pointer).type);
	if (target && !strcmp(btf_get_type(btf, target).name, "bpf_dynptr")) {
		arg->arg = PROTO_DYNPTR | PROTO_RDONLY;
		return !tags;
	}
	if (tags & (TAG_TRUSTED | TAG_UNTRUSTED)) {
		arg->arg = PROTO_OBJECT | (tags & TAG_NULLABLE ? PROTO_NULLABLE : 0);
		arg->flags = (uint16_t)((tags & TAG_TRUSTED ? REG_TRUSTED : REG_UNTRUSTED) |
					(tags & TAG_NULLABLE ? REG_NULLABLE : 0));
		arg->btf = v->types;
		arg->type = kernel_struct(v, btf, pointer);
		return arg->type && !(tags & TAG_NONNULL);
	}
	if (tags & TAG_ARENA) {
		arg->arg = PROTO_ARENA;
		return !(tags & ~(unsigned)TAG_ARENA);
	}
	if (!f->is_global || tags & TAG_NULLABLE)
		return false;
	arg->arg = PROTO_MEM | (tags & TAG_NONNULL ? 0 : PROTO_NULLABLE);
	arg->size = program_type_size(btf, btf_get_type(btf, pointer).type);
	return arg->size;
}

static bool is_number(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	return kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64;
}

static const char *learn_arguments(struct verifier *v, struct function_note *f)
{
	const struct btf *btf = v->own;
	if (!btf || !f->type)
		return "its type is not known";
	struct btf_type func = btf_get_type(btf, f->type);
	struct btf_type proto = func.type ? btf_get_type(btf, func.type) : (struct btf_type){0};
	if (proto.kind != BTF_KIND_FUNC_PROTO)
		return "its type is no function";
	if (proto.count > 5)
		return "it has more than 5 parameters";
	if (!is_number(btf, program_strip(btf, proto.type)))
		return "it does not return a number";
	for (uint32_t i = 0; i < proto.count; i++) {
		struct btf_item item = btf_get_item(btf, &proto, i);
		uint32_t id = program_strip(btf, item.type);
		unsigned tags;
		if (!find_tags(btf, f->type, i, &tags) || (tags && !f->is_global))
			return "a parameter has a tag that is not known";
		if (!v->model.argument_tags)
			tags &= TAG_CTX; // which the loader replaces by the type
		if (id && btf_kind_of(btf, id) == BTF_KIND_PTR) {
			if (!know_pointer(v, f, &f->args[i], id, tags))
				return "the type of a pointer parameter cannot be used";
		} else if (is_number(btf, id) && !tags) {
			f->args[i].arg = PROTO_ANY;
		} else {
			return "the type of a parameter cannot be used";
		}
	}
	f->arg_count = proto.count;
	return NULL;
}

bool verify_know_arguments(struct verifier *v, uint32_t function)
{
	struct function_note *f = &v->functions[function];
	if (!f->args_are_known) {
		f->args_are_known = true;
		f->args_are_bad = learn_arguments(v, f);
	}
	return !f->args_are_bad;
}

static void enter_argument(struct verifier *v, const struct function_arg *arg, struct reg *r)
{
	unsigned nullable = arg->arg & PROTO_NULLABLE ? REG_NULLABLE : 0;
	switch (proto_base(arg->arg)) {
	case PROTO_CTX:
		reg_set_pointer(r, REG_CTX, 0);
		break;
	case PROTO_DYNPTR:
		reg_set_pointer(r, REG_DYNPTR, 0);
		r->dynptr = DYNPTR_LOCAL;
		r->is_first = true;
		r->id = ++v->ids;
		break;
	case PROTO_MEM:
		reg_set_pointer(r, REG_MEM, nullable);
		r->size = arg->size;
		r->id = ++v->ids;
		break;
	case PROTO_OBJECT:
		reg_set_pointer(r, REG_OBJECT, arg->flags);
		r->btf = arg->btf;
		r->type = arg->type;
		r->id = ++v->ids;
		break;
	default:
		reg_set_unknown(r);
		break;
	}
}

bool verify_enter_function_arguments(struct verifier *v, uint32_t function)
{
	struct function_note *f = &v->functions[function];
	if (!function) {
		reg_set_pointer(reg_at(v, 1), REG_CTX, 0);
		reg_at(v, 1)->cause = UINT32_MAX;
		return true;
	}
	if (!verify_know_arguments(v, function))
		return verify_refuse(v, VERIFY_CALL, -1, "function `%s` cannot be verified: %s",
				     f->name, learn_arguments(v, f));
	if (f->is_handler) {
		state_frame(v->current)->in_handler = true;
		if (f->arg_count != 1 || f->args[0].arg != PROTO_ANY)
			return verify_refuse(v, VERIFY_CALL, -1,
					     "a handler of exceptions takes a single number");
	}
	for (uint32_t i = 0; i < f->arg_count; i++)
		enter_argument(v, &f->args[i], reg_at(v, i + 1));
	return true;
}

/* ---- calls ---- */

static bool pass_argument(struct verifier *v, unsigned reg, const struct function_arg *arg)
{
	struct reg *r = reg_at(v, reg);
	switch (proto_base(arg->arg)) {
	case PROTO_ANY:
		if (r->kind != REG_SCALAR)
			return verify_refuse(v, r->kind ? VERIFY_CALL : VERIFY_UNINIT, (int)reg,
					     "r%u should hold a number", reg);
		return true;
	case PROTO_CTX:
		if (!verify_check_argument_offset(v, r, reg, 0))
			return false;
		return r->kind == REG_CTX ||
		       verify_refuse(v, VERIFY_CALL, (int)reg, "r%u should hold the context", reg);
	case PROTO_MEM:
		if (!verify_check_argument_offset(v, r, reg, PROTO_MEM) ||
		    !verify_check_memory_argument(v, reg, arg->size))
			return false;
		if (!(arg->arg & PROTO_NULLABLE) && r->flags & REG_NULLABLE)
			return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
					     "the pointer in r%u may be null", reg);
		return true;
	case PROTO_ARENA:
		return r->kind == REG_ARENA || r->kind == REG_SCALAR ||
		       verify_refuse(v, VERIFY_CALL, (int)reg, "r%u should point into the arena",
				     reg);
	case PROTO_DYNPTR:
		return verify_check_argument_offset(v, r, reg, PROTO_DYNPTR) &&
		       verify_check_dynptr(v, reg, arg->arg, 0);
	case PROTO_OBJECT:
		if (reg_is_null(r) && arg->arg & PROTO_NULLABLE)
			return true;
		if (arg->flags & REG_UNTRUSTED)
			return true;
		return verify_check_argument_kind(v, NULL, reg, arg->arg, arg->btf, arg->type) &&
		       verify_check_argument_offset(v, r, reg, arg->arg);
	default:
		return true;
	}
}

static bool check_global_place(struct verifier *v, const struct function_note *f)
{
	const struct state *s = v->current;
	if (s->locks)
		return verify_refuse(v, VERIFY_LOCK, -1,
				     "global function `%s` is called while a lock is held",
				     f->name);
	bool may_sleep = !v->model.global_sleeps || f->may_sleep;
	if (may_sleep && (s->preempt_locks || s->irq_id ||
			  (v->model.global_sleeps && (s->rcu_locks || !verify_in_sleepable(v)))))
		return verify_refuse(
			v, VERIFY_SLEEP, -1,
			"global function `%s`, which may sleep, is called where nothing may",
			f->name);
	return true;
}

static bool call_global(struct verifier *v, uint32_t function)
{
	struct function_note *f = &v->functions[function];
	if (!check_global_place(v, f))
		return false;
	if (!verify_know_arguments(v, function))
		return verify_refuse(v, VERIFY_CALL, -1,
				     "global function `%s` cannot be called: %s", f->name,
				     learn_arguments(v, f));
	for (uint32_t i = 0; i < f->arg_count; i++) {
		if (!pass_argument(v, i + 1, &f->args[i]))
			return false;
	}
	if (f->changes_packet && v->model.global_changes_packet)
		verify_forget_packet_pointers(v);
	f->is_called = true;
	verify_clear_caller_saved(v);
	reg_set_unknown(reg_at(v, 0));
	reg_at(v, 0)->cause = v->current->step;
	return true;
}

static struct frame *enter_frame(struct verifier *v, struct state *s, uint32_t function,
				 uint32_t callsite)
{
	if (s->depth + 1 >= MAX_FRAMES) {
		verify_refuse(v, VERIFY_STACK_DEPTH, -1, "more than %d functions call each other",
			      MAX_FRAMES);
		return NULL;
	}
	struct frame *f = frame_new();
	for (unsigned i = 0; i < BPF_REG_COUNT; i++)
		reg_set_none(&f->r[i]);
	reg_set_pointer(&f->r[BPF_R10], REG_STACK, 0);
	f->r[BPF_R10].frame = s->depth + 1;
	f->callsite = callsite;
	f->number = s->depth + 1;
	f->function = function;
	s->frames[++s->depth] = f;
	return f;
}

bool verify_call_function(struct verifier *v, const struct bpf_record *i)
{
	int function = verify_find_function(v, (int64_t)v->at + i->imm + 1);
	if (function < 0)
		return verify_refuse(v, VERIFY_BAD_FLOW, -1, "the call leads to no function");
	if (v->functions[function].is_global)
		return call_global(v, (uint32_t)function);
	struct state *s = v->current;
	struct frame *caller = state_frame(s);
	struct frame *callee = enter_frame(v, s, (uint32_t)function, v->at);
	if (!callee)
		return false;
	for (unsigned k = 1; k <= 5; k++)
		callee->r[k] = caller->r[k];
	for (unsigned k = 0; k <= 5; k++)
		reg_set_none(&caller->r[k]);
	v->at = v->functions[function].start - 1;
	return true;
}

/* ---- callbacks ---- */

static bool push_later(struct verifier *v, uint32_t function, callback_setup setup, bool may_sleep)
{
	struct state *s = state_new();
	struct frame *f = frame_new(), *caller = state_frame(v->current);
	s->branches = 1;
	s->in_sleepable = may_sleep;
	s->last_insn = (int32_t)v->at;
	s->step = v->current->step;
	s->frames[0] = f;
	for (unsigned i = 0; i < BPF_REG_COUNT; i++)
		reg_set_none(&f->r[i]);
	reg_set_pointer(&f->r[BPF_R10], REG_STACK, 0);
	f->callsite = FRAME_MAIN;
	f->function = function;
	f->async_count = caller->async_count + 1;
	s->first_insn = v->functions[function].start;
	struct pending p = {s, s->first_insn, (int32_t)v->at, verify_trace_keep(v)};
	vec_push(&v->arena, &v->pending, p);
	if (v->pending.len > MAX_JUMPS)
		return verify_refuse(v, VERIFY_COMPLEX, -1,
				     "more than %d branches wait to be explored", MAX_JUMPS);
	return setup(v, caller, f, v->at);
}

bool verify_push_callback(struct verifier *v, uint32_t function, callback_setup setup,
			  bool is_async, bool may_sleep)
{
	struct function_note *f = &v->functions[function];
	f->is_callback = true;
	if (is_async) {
		f->is_async = true;
		return push_later(v, function, setup, may_sleep);
	}
	struct state *s = verify_push_state(v, f->start, (int32_t)v->at);
	if (!s)
		return false;
	struct frame *callee = enter_frame(v, s, function, v->at);
	if (!callee)
		return false;
	struct frame *caller = s->frames[s->depth - 1];
	if (!setup(v, caller, callee, v->at))
		return false;
	s->callback_unroll_depth++;
	caller->callback_depth++;
	state_frame(v->current)->callback_depth = 0;
	return true;
}
