/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet access by offset. `ctx.at(T, off)` is a comparison with data_end and a pointer or null; in an
 * `if (var p = ctx.at(…))` the comparison itself decides.
 *
 * A classifier sees only the linear part of an skb through data and data_end. Pulling more of it in
 * invalidates every packet pointer that the program holds, so what the ctx.at() calls of a program
 * can reach is pulled once, at its start, when the linear part is shorter and the packet is not. Only
 * an offset without a known range is pulled for on the spot.
 */
#include <string.h>

#include "frontend/lower/lower_internal.h"

/* The verifier gives up on packet pointers further than this from the start (MAX_PACKET_OFF, Linux
 * 6.12 kernel/bpf/verifier.c). */
enum { MAX_PACKET_OFFSET = 0xffff };
/* Most that is pulled at the start of a classifier. */
enum { MAX_PULLED_AT_START = 2048 };

static const struct ctx_field *context_row(struct body *f, const struct type *context,
					   const char *name)
{
	const char *text = intern_text(&f->lw->compile->names, context->name);
	const struct ctx_field *row;
	for (uint32_t i = 0; (row = f->lw->info->ctx_field_at(text, i)); i++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

static ir_ref load_row(struct body *f, ir_ref ctx, const struct ctx_field *row)
{
	uint16_t aux = ir_mem_aux(row->width, false, (enum ir_space)row->value);
	return ir_emit_full(&f->b, (struct ir_insn){.op = IR_CTX_LOAD,
						    .type = row->value ? IR_PTR : IR_I32,
						    .aux = aux,
						    .a = ctx,
						    .imm = row->offset});
}

static ir_ref load_length(struct body *f, ir_ref ctx, const struct type *context)
{
	const struct ctx_field *row = context_row(f, context, "len");
	return row ? load_row(f, ctx, row) : zero_of(f, IR_I32);
}

/* The packet pointer of that kind, whatever the context calls it. */
static ir_ref load_packet(struct body *f, ir_ref ctx, const struct type *context,
			  enum ctx_value value)
{
	const char *text = intern_text(&f->lw->compile->names, context->name);
	const struct ctx_field *row;
	for (uint32_t i = 0; (row = f->lw->info->ctx_field_at(text, i)); i++)
		if (row->value == value)
			return load_row(f, ctx, row);
	return zero_of(f, IR_PTR); // a context without packet data
}

static bool is_skb(struct body *f, const struct type *context)
{
	return context_row(f, context, "len") != NULL;
}

/* Every program that gets here may ask the kernel to make more of an skb linear. */
static bool may_pull(struct body *f, const struct type *context)
{
	const struct target_info *info = f->lw->info;
	const struct helper_info *pull = info->find_helper("bpf_skb_pull_data", info->kernel);
	return is_skb(f, context) && pull && !(f->decl->func.reached_by & ~pull->callers);
}

static void pull(struct body *f, ir_ref ctx, ir_ref length)
{
	uint32_t callee = ir_add_extern(f->m, IR_EXTERN_HELPER, "bpf_skb_pull_data", IR_I32,
					IR_EFFECT_PACKET | IR_EFFECT_OTHER);
	ir_ref args[] = {ctx, length};
	ir_emit_call(&f->b, IR_CALL_EXTERN, IR_I32, callee, args, 2);
}

/* ---- ctx.at ---- */

bool is_ctx_at(const struct expr *expr)
{
	return expr->kind == EXPR_CALL && expr->call.target &&
	       expr->call.target->kind == DECL_BUILTIN &&
	       expr->call.target->builtin.id == BUILTIN_CTX_AT;
}

struct packet_access {
	const struct type *context;
	ir_ref ctx, offset; // offset: I64
	uint32_t size;
	uint32_t result; // slot
	uint32_t none;   // block for "not in the packet"
	uint32_t done;
};

/* Stores the pointer and goes to `done` when the range is inside, to `outside` when not. */
static void try_range(struct body *f, const struct packet_access *access, uint32_t outside)
{
	uint32_t inside = new_block(f);
	ir_ref data = load_packet(f, access->ctx, access->context, CTX_PACKET);
	ir_ref end = load_packet(f, access->ctx, access->context, CTX_PACKET_END);
	ir_ref start = ir_is_const(access->offset) && !ir_get_const(f->fn, access->offset)->bits
			       ? data
			       : ir_emit(&f->b, IR_PTRADD, IR_PTR, data, access->offset);
	ir_ref last = ir_emit(&f->b, IR_PTRADD, IR_PTR, start, const64(f, access->size));
	branch(f, ir_emit(&f->b, IR_ULE, IR_I32, last, end), inside, outside, IR_LIKELY_TRUE);
	start_block(f, inside);
	store_word(f, access->result, IR_PTR, start);
	jump_to(f, access->done);
}

/* A packet that is long enough but not linear that far. */
static void pull_range(struct body *f, const struct packet_access *access)
{
	uint32_t longer = new_block(f);
	ir_ref length = load_length(f, access->ctx, access->context);
	ir_ref need = to_register(f, access->offset, IR_I32, false);
	need = ir_emit(&f->b, IR_ADD, IR_I32, need, const32(f, access->size));
	branch(f, ir_emit(&f->b, IR_ULE, IR_I32, need, length), longer, access->none,
	       IR_LIKELY_FALSE);
	start_block(f, longer);
	pull(f, access->ctx, need);
	try_range(f, access, access->none);
}

static uint64_t reach(const struct expr *offset, uint32_t size)
{
	uint64_t most = static_upper_bound(offset);
	return most > MAX_PACKET_OFFSET ? UINT64_MAX : most + size;
}

static void lower_range(struct body *f, const struct packet_access *access, struct expr *offset)
{
	uint32_t limit = MAX_PACKET_OFFSET - access->size;
	if (access->size > MAX_PACKET_OFFSET || (offset->is_const && offset->value > limit)) {
		jump_to(f, access->none);
		return;
	}
	if (!offset->is_const) {
		uint32_t inside = new_block(f);
		ir_ref near = ir_emit(&f->b, IR_ULE, IR_I32, access->offset, const64(f, limit));
		branch(f, near, inside, access->none, IR_LIKELY_TRUE);
		start_block(f, inside);
	}
	bool is_pulled =
		!may_pull(f, access->context) || reach(offset, access->size) <= MAX_PULLED_AT_START;
	uint32_t outside = is_pulled ? access->none : new_block(f);
	try_range(f, access, outside);
	if (!is_pulled) {
		start_block(f, outside);
		pull_range(f, access);
	}
}

void lower_ctx_at_test(struct body *f, struct expr *call, uint32_t slot, uint32_t yes, uint32_t no)
{
	struct expr *receiver = call->call.callee->field.base;
	struct expr *offset = call->call.args.data[1];
	struct packet_access access = {
		.context = receiver->type->element,
		.ctx = lower_value(f, receiver),
		.offset = to_register(f, lower_value(f, offset), IR_I64, false),
		.size = call->type->element->size,
	};
	f->b.where = call->where;
	access.result = slot;
	access.none = no;
	access.done = yes;
	lower_range(f, &access, offset);
}

ir_ref lower_ctx_at(struct body *f, struct expr *call)
{
	uint32_t slot = raw_slot(f, 8, 8), done = new_block(f), none = new_block(f);
	lower_ctx_at_test(f, call, slot, done, none);
	start_block(f, none);
	store_word(f, slot, IR_PTR, null_ptr(f));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, slot, IR_PTR);
}

ir_ref lower_ctx_len(struct body *f, struct expr *call)
{
	struct expr *receiver = call->call.callee->field.base;
	const struct type *context = receiver->type->element;
	ir_ref ctx = lower_value(f, receiver);
	f->b.where = call->where;
	if (is_skb(f, context))
		return load_length(f, ctx, context);
	ir_ref data = load_packet(f, ctx, context, CTX_PACKET);
	ir_ref end = load_packet(f, ctx, context, CTX_PACKET_END);
	return to_register(f, ir_emit(&f->b, IR_PTRDIFF, IR_I64, end, data), IR_I32, false);
}

/* ---- the pull at the start ---- */

struct reach_search {
	struct map seen;
	uint64_t most;
};

static void search_reach(struct reach_search *search, struct decl *decl);

static void reach_of_call(void *data, struct expr *expr)
{
	struct reach_search *search = data;
	if (expr->kind != EXPR_CALL || !expr->call.target)
		return;
	struct decl *target = expr->call.target;
	if (target->kind == DECL_FUNC && target->func.body) {
		search_reach(search, target);
	} else if (is_ctx_at(expr)) {
		uint64_t most = reach(expr->call.args.data[1], expr->type->element->size);
		if (most <= MAX_PULLED_AT_START && most > search->most)
			search->most = most;
	}
}

static void search_reach(struct reach_search *search, struct decl *decl)
{
	uint64_t *known = map_insert(&search->seen, MAP_PTR(decl));
	if (*known)
		return;
	*known = 1;
	struct ast_walk walk = {.expr = reach_of_call, .data = search};
	ast_walk_block(&walk, decl->func.body);
}

void pull_headers(struct body *f)
{
	struct decl *param = f->decl->func.params.data[0];
	const struct type *context = param->type->element;
	if (!may_pull(f, context))
		return;
	struct reach_search search = {0};
	map_init(&search.seen, f->m->arena);
	search_reach(&search, f->decl);
	if (!search.most)
		return;
	const struct local *local = local_of(param);
	ir_ref ctx = local->value ? local->value : load_slot(f, local->slot, param->type);
	uint32_t is_short = new_block(f), partial = new_block(f), done = new_block(f);
	f->b.where = f->decl->name_where;
	ir_ref need = const32(f, (uint32_t)search.most);
	ir_ref data = load_packet(f, ctx, context, CTX_PACKET);
	ir_ref end = load_packet(f, ctx, context, CTX_PACKET_END);
	ir_ref last = ir_emit(&f->b, IR_PTRADD, IR_PTR, data, const64(f, search.most));
	branch(f, ir_emit(&f->b, IR_ULE, IR_I32, last, end), done, is_short, IR_LIKELY_TRUE);
	start_block(f, is_short);
	ir_ref length = load_length(f, ctx, context);
	ir_ref linear =
		to_register(f, ir_emit(&f->b, IR_PTRDIFF, IR_I64, end, data), IR_I32, false);
	branch(f, ir_emit(&f->b, IR_ULT, IR_I32, linear, length), partial, done, IR_LIKELY_FALSE);
	start_block(f, partial);
	ir_ref is_less = ir_emit(&f->b, IR_ULT, IR_I32, length, need);
	pull(f, ctx, ir_emit_select(&f->b, IR_I32, is_less, length, need));
	jump_to(f, done);
	start_block(f, done);
}
