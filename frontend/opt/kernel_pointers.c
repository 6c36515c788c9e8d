/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where pointers lead: to memory that the program may read (the stack, globals, map values, packets),
 * to objects of the kernel whose type the verifier knows, or to kernel memory that it knows nothing
 * about. A type does not say: a `*iphdr` may point into a packet or into an sk_buff. Here, after
 * inlining, the way by which each pointer came to be does:
 *
 *	%q = core_ptr %p, ~3          %p from a packet:  %q = ptradd %p, 8
 *	%v = load %q                  from bpf_get_current_task_btf():  %v = load %q kernel
 *	                              from a number:  %v = load %q probe
 *
 * What is copied out of kernel memory becomes a call of bpf_probe_read_kernel(); loads marked `probe`
 * become one in probe_reads, when equal ones are one. Kernel memory is never written, except by
 * struct_ops programs, whose verifier callbacks allow some fields.
 *
 * The rules for direct reads are those of btf_struct_access() and check_ptr_to_btf_access(),
 * kernel/bpf, 6.12: constant offsets that are not negative, and pointers to structs lead on.
 */
#include <string.h>

#include "frontend/opt/passes.h"

enum origin {    // ordered: joining takes the larger one
	NOWHERE, // null, or not seen yet
	PLAIN,
	DIRECT,
	PROBE,
};

struct origins {
	struct opt_context *ctx;
	struct ir_fn *fn;
	uint8_t *of;      // enum origin of every instruction
	uint8_t *in_slot; // of the pointers stored in each slot
	ir_ref *root;     // of addresses made from a slot: the IR_SLOT
	bool changed;
	bool good;
};

/* Kernel memory of one kind or another stays such; mixed with anything else it has to be probed. */
static uint8_t join(uint8_t a, uint8_t b)
{
	if (a == b || b == NOWHERE)
		return a;
	return a == NOWHERE ? b : PROBE;
}

static uint8_t origin_of(const struct origins *o, ir_ref r)
{
	if (!r)
		return NOWHERE;
	if (ir_is_const(r))
		return ir_get_const(o->fn, r)->bits ? PROBE : NOWHERE;
	return o->of[r];
}

static ir_ref root_of(const struct origins *o, ir_ref r)
{
	return ir_is_const(r) ? IR_REF_NONE : o->root[r];
}

/* What a pointer that was read from memory leads to. */
static uint8_t loaded_origin(const struct origins *o, const struct ir_insn *in)
{
	uint8_t base = origin_of(o, in->a);
	ir_ref root = root_of(o, in->a);

	if (root)
		return o->in_slot[ir_get(o->fn, root)->index];
	if (base == DIRECT && !ir_is_const(in->a) && !in->imm) {
		const struct ir_insn *field = ir_get(o->fn, in->a);
		if (field->op == IR_CORE_PTR && o->ctx->module->cores.data[field->index].is_object)
			return DIRECT;
	}
	return base == NOWHERE ? NOWHERE : PROBE;
}

static uint8_t context_origin(const struct ir_insn *in)
{
	switch ((uint32_t)IR_MEM_SPACE(in->aux)) {
	case IR_CTX_SCALAR:
		return PROBE;
	case IR_CTX_KERNEL:
		return DIRECT;
	default:
		return PLAIN;
	}
}

static uint8_t moved_origin(const struct origins *o, const struct ir_insn *in)
{
	uint8_t base = origin_of(o, in->a);

	if (base != DIRECT)
		return base;
	bool is_const = ir_is_const(in->b);
	return is_const && (int64_t)ir_get_const(o->fn, in->b)->bits >= 0 ? DIRECT : PROBE;
}

static uint8_t find_origin(const struct origins *o, ir_ref r)
{
	const struct ir_insn *in = ir_get(o->fn, r);
	uint8_t found = NOWHERE;

	switch (in->op) {
	case IR_PARAM:
		return o->fn->has_kernel_context ||
				       (in->index < 32 && o->fn->kernel_params >> in->index & 1)
			       ? DIRECT
			       : PLAIN;
	case IR_PTRADD:
		return moved_origin(o, in);
	case IR_CORE_PTR:
		return origin_of(o, in->a);
	case IR_INTPTR:
		return PROBE;
	case IR_CTX_LOAD:
		return context_origin(in);
	case IR_LOAD:
		return loaded_origin(o, in);
	case IR_CALL_EXTERN:
		return o->ctx->module->externs.data[in->index].gives_object ? DIRECT : PLAIN;
	case IR_SELECT:
		return join(origin_of(o, in->b), origin_of(o, in->c));
	case IR_PHI:
		for (uint32_t i = 0; i < ir_arg_count(o->fn, r); i++)
			found = join(found, origin_of(o, ir_args(o->fn, r)[i]));
		return found;
	default:
		return PLAIN;
	}
}

static void raise_to(struct origins *o, uint8_t *place, uint8_t origin)
{
	uint8_t joined = join(*place, origin);

	if (joined == *place)
		return;
	*place = joined;
	o->changed = true;
}

static void visit(struct origins *o, ir_ref r)
{
	const struct ir_insn *in = ir_get(o->fn, r);

	if (in->op == IR_STORE && ir_type_of(o->fn, in->b) == IR_PTR) {
		ir_ref root = root_of(o, in->a);
		if (root)
			raise_to(o, &o->in_slot[ir_get(o->fn, root)->index], origin_of(o, in->b));
	}
	if (in->type != IR_PTR)
		return;
	if (in->op == IR_SLOT)
		o->root[r] = r;
	else if (in->op == IR_PTRADD)
		o->root[r] = root_of(o, in->a);
	raise_to(o, &o->of[r], find_origin(o, r));
}

static void find_origins(struct origins *o)
{
	const struct ir_doms *doms = &o->ctx->doms;

	do {
		o->changed = false;
		for (uint32_t i = 0; i < doms->rpo_count; i++) {
			ir_ref r = o->fn->blocks.data[doms->rpo[i]].first;
			for (; r; r = o->fn->next.data[r])
				visit(o, r);
		}
	} while (o->changed);
}

/* ---- rewriting ---- */

static bool is_kernel(uint8_t origin)
{
	return origin == DIRECT || origin == PROBE;
}

static void settle_core(struct origins *o, ir_ref r)
{
	struct ir_insn *in = ir_get(o->fn, r);
	uint64_t local = o->ctx->module->cores.data[in->index].local;

	if (is_kernel(origin_of(o, in->a)))
		return;
	in->op = IR_PTRADD;
	in->b = ir_const(o->fn, IR_I64, local);
	in->c = IR_REF_NONE;
}

static void settle_load(struct origins *o, ir_ref r)
{
	struct ir_insn *in = ir_get(o->fn, r);
	uint8_t origin = origin_of(o, in->a);

	if (!is_kernel(origin))
		return;
	bool is_direct = origin == DIRECT && in->imm >= 0;
	in->aux = ir_mem_aux(IR_MEM_WIDTH(in->aux), IR_MEM_SIGNED(in->aux),
			     is_direct ? IR_SPACE_KERNEL : IR_SPACE_PROBE);
}

static void check_write(struct origins *o, ir_ref r, ir_ref address)
{
	const char *program = o->fn->program;
	uint8_t origin = origin_of(o, address);

	if (!is_kernel(origin))
		return;
	if (origin == DIRECT && program && !strncmp(program, "struct_ops", 10)) {
		if (ir_get(o->fn, r)->op == IR_STORE)
			ir_get(o->fn, r)->aux = ir_mem_aux(IR_MEM_WIDTH(ir_get(o->fn, r)->aux),
							   false, IR_SPACE_KERNEL);
		return;
	}
	diag_report(&o->ctx->compile->diags, D_KERNEL_WRITE, o->fn->spans.data[r]);
	o->good = false;
}

/* memcpy out of the kernel: bpf_probe_read_kernel(to, size, from) */
static void settle_copy(struct origins *o, ir_ref r)
{
	struct ir_insn in = *ir_get(o->fn, r);
	ir_ref args[3] = {in.a, ir_const(o->fn, IR_I64, in.index), in.b};

	check_write(o, r, in.a);
	if (!is_kernel(origin_of(o, in.b)))
		return;
	uint32_t callee = ir_add_extern(o->ctx->module, IR_EXTERN_HELPER, "bpf_probe_read_kernel",
					IR_I64, IR_EFFECT_READS | IR_EFFECT_WRITES);
	uint32_t pool = ir_add_pool(o->fn, args, 3);
	*ir_get(o->fn, r) = (struct ir_insn){
		.op = IR_CALL_EXTERN, .type = IR_VOID, .aux = 3, .a = pool, .index = callee};
}

static void settle(struct origins *o, ir_ref r)
{
	switch (ir_get(o->fn, r)->op) {
	case IR_CORE_PTR:
		settle_core(o, r);
		break;
	case IR_LOAD:
		settle_load(o, r);
		break;
	case IR_STORE:
	case IR_ATOMIC:
	case IR_MEMZERO:
		check_write(o, r, ir_get(o->fn, r)->a);
		break;
	case IR_MEMCPY:
		settle_copy(o, r);
		break;
	default:
		break;
	}
}

bool opt_kernel_pointers(struct opt_context *ctx, struct ir_fn *fn)
{
	struct origins o = {
		.ctx = ctx,
		.fn = fn,
		.of = ARENA_ARRAY(ctx->scratch, uint8_t, fn->insns.len),
		.in_slot = ARENA_ARRAY(ctx->scratch, uint8_t, fn->slots.len + 1),
		.root = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len),
		.good = true,
	};

	find_origins(&o);
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			settle(&o, r);
	return o.good;
}
