/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stack over chains of calls: what all frames that can be active at once take together. After
 * check_max_stack_depth(), kernel/bpf/verifier.c, Linux 6.12.
 */
#include "bpf-backend/verify/rules.h"

struct call_chain {
	uint32_t depth;
	uint32_t functions[MAX_FRAMES];
	uint32_t bytes;
	uint32_t steps;
	bool tail_calls;
	bool is_private; // tracing programs of 6.13 have a stack of their own
};

enum { MAX_STEPS = 1 << 22 };

static uint32_t rounded(uint32_t bytes)
{
	return (bytes + 15) & ~15u;
}

static bool check_chain(struct verifier *v, struct call_chain *c, uint32_t function);

static bool check_callee(struct verifier *v, struct call_chain *c, uint32_t at)
{
	const struct bpf_record *r = &v->insns[at];
	bool is_address = r->opcode == 0x18 && r->src == 4;
	const struct kfunc *k =
		verify_is_call_of_kernel(r) ? verify_find_kfunc(v, (uint32_t)r->imm) : NULL;
	for (uint32_t i = 0; k && k->special == SPECIAL_THROW && i < c->depth; i++) {
		v->at = at;
		if (v->functions[c->functions[i]].is_callback)
			return verify_refuse(v, VERIFY_CALLBACK, -1, "a callback cannot throw");
	}
	if (!verify_is_call_of_function(r) && !is_address)
		return true;
	int callee = verify_find_function(v, (int64_t)at + r->imm + 1);
	v->at = at;
	if (callee < 0)
		return true;
	const struct function_note *f = &v->functions[callee];
	if (f->is_async) {
		if (!verify_is_call_of_function(r))
			return true;
		if (f->is_handler)
			return verify_refuse(v, VERIFY_CALL, -1,
					     "the handler of exceptions cannot be called");
	}
	if (c->depth + 1 >= MAX_FRAMES)
		return verify_refuse(v, VERIFY_STACK_DEPTH, -1,
				     "more than %d functions call each other", MAX_FRAMES);
	return check_chain(v, c, (uint32_t)callee);
}

/* "`run` (16) calls `outer` (256) calls `inner` (304): 576 bytes of stack, of 512" */
static bool refuse_chain(struct verifier *v, const struct call_chain *c, uint32_t function,
			 uint32_t own)
{
	struct buf text;
	buf_init(&text);
	for (uint32_t i = 0; i < c->depth; i++) {
		const struct function_note *f = &v->functions[c->functions[i]];
		buf_printf(&text, "`%s` (%u) calls ", f->name, rounded(f->stack));
	}
	buf_printf(&text, "`%s` (%u)", v->functions[function].name, own);
	verify_refuse(v, VERIFY_STACK_DEPTH, -1, "%s: %u bytes of stack, of %d", text.data,
		      c->bytes + own, MAX_STACK);
	buf_fini(&text);
	return false;
}

static bool check_chain(struct verifier *v, struct call_chain *c, uint32_t function)
{
	struct function_note *f = &v->functions[function];
	uint32_t own = rounded(f->stack);
	if (f->has_ld_abs) {
		bool in_callback = f->is_callback;
		for (uint32_t i = 0; i < c->depth; i++)
			in_callback |= v->functions[c->functions[i]].is_callback;
		if (in_callback)
			return verify_refuse(v, VERIFY_CALLBACK, -1,
					     "a callback cannot load from the packet like this");
	}
	v->at = f->start;
	if (c->depth && f->has_tail_call && c->bytes >= 256)
		return verify_refuse(v, VERIFY_STACK_DEPTH, -1,
				     "the callers of a function with tail calls use %u bytes of "
				     "stack; 255 are possible",
				     c->bytes);
	if (own > MAX_STACK || (!c->is_private && c->bytes + own > MAX_STACK))
		return refuse_chain(v, c, function, own);
	c->functions[c->depth++] = function;
	c->bytes += own;
	if (v->result->stack_depth < c->bytes)
		v->result->stack_depth = c->bytes;
	for (uint32_t i = f->start; i < f->end; i++) {
		if (++c->steps > MAX_STEPS)
			return verify_refuse(v, VERIFY_COMPLEX, -1,
					     "there are too many chains of calls");
		if (!check_callee(v, c, i))
			return false;
	}
	c->bytes -= own;
	c->depth--;
	return true;
}

static bool has_private_stack(const struct verifier *v)
{
	uint32_t type = v->code->type;
	for (uint32_t i = 0; i < v->function_count; i++) {
		if (v->functions[i].has_tail_call)
			return false;
	}
	return v->model.private_stacks && (type == PROG_KPROBE || type == PROG_TRACEPOINT ||
					   type == PROG_PERF_EVENT || type == PROG_RAW_TRACEPOINT);
}

bool verify_check_stack_depth(struct verifier *v)
{
	for (uint32_t i = v->function_count; i-- > 0;) {
		struct call_chain c = {.is_private = !i && has_private_stack(v)};
		if ((!i || v->functions[i].is_async) && !check_chain(v, &c, i))
			return false;
	}
	return true;
}
