/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which registers are alive before each instruction, by data flow over the whole program. States are
 * compared in those alone (compute_live_registers(), kernel/bpf/verifier.c, Linux 6.15; older releases
 * find out by walking, which comes to nearly the same).
 */
#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

enum { ALL = (1 << BPF_REG_COUNT) - 1, CALLER_SAVED = 0x3f, ARGUMENTS = 0x3e };

static unsigned call_arguments(const struct verifier *v, const struct bpf_record *r)
{
	unsigned count = 0;
	if (verify_is_call_of_helper(r)) {
		const struct proto *p = verify_find_proto(v, (uint32_t)r->imm);
		if (!p)
			return ARGUMENTS;
		while (count < 5 && p->args[count])
			count++;
		return ((1u << count) - 1) << 1;
	}
	if (verify_is_call_of_kernel(r)) {
		const struct kfunc *k = verify_find_kfunc(v, (uint32_t)r->imm);
		if (!k)
			return ARGUMENTS;
		count = btf_get_type(v->types, k->proto).count;
		return count > 5 ? ARGUMENTS : ((1u << count) - 1) << 1;
	}
	return ARGUMENTS;
}

static void uses_and_sets(const struct verifier *v, uint32_t at, unsigned *uses, unsigned *sets)
{
	const struct bpf_record *r = &v->insns[at];
	enum bpf_op op = v->notes[at].op;
	unsigned dst = 1u << r->dst, src = 1u << r->src;
	*uses = ALL;
	*sets = 0;
	if (op >= BPF_OP_COUNT || insn_table[op].form == INSN_FORM_ABS ||
	    insn_table[op].form == INSN_FORM_IND)
		return;
	if (insn_flow(op) == INSN_FLOW_CALL) {
		*sets = CALLER_SAVED;
		*uses = call_arguments(v, r);
		return;
	}
	*uses = insn_reads(r);
	*sets = insn_writes(r);
	// A register set to one computed from itself stays in use either way.
	if (insn_table[op].form == INSN_FORM_FETCH)
		*uses = dst | src;
}

void verify_find_live_registers(struct verifier *v)
{
	for (bool is_changed = true; is_changed;) {
		is_changed = false;
		for (uint32_t i = v->count; i-- > 0;) {
			uint32_t next[2];
			unsigned uses, sets, after = 0;
			if (v->notes[i].op >= BPF_OP_COUNT && i &&
			    insn_records(&v->insns[i - 1]) == 2 &&
			    v->notes[i - 1].op < BPF_OP_COUNT)
				continue;
			unsigned count = verify_successors(v, i, next);
			for (unsigned k = 0; k < count; k++)
				after |= next[k] < v->count ? v->notes[next[k]].live : 0;
			uses_and_sets(v, i, &uses, &sets);
			unsigned before = (after & ~sets) | uses;
			if (v->notes[i].live != before) {
				v->notes[i].live = (uint16_t)before;
				is_changed = true;
			}
		}
	}
}

/*
 * Loops: strongly connected components of the flow of control within functions, numbered from 1
 * (Tarjan's algorithm without recursion). An instruction alone is one when it follows itself or runs a
 * callback. After compute_scc(), Linux 6.17.
 */
struct loop_walk {
	uint32_t *order, *low, *stack, *work;
	uint8_t *child; // successors seen
	uint32_t stacked, working, next, components;
};

static void close_component(struct verifier *v, struct loop_walk *w, uint32_t at)
{
	uint32_t next[2];
	bool is_loop = w->stack[w->stacked - 1] != at || v->notes[at].calls_callback;
	unsigned count = verify_successors(v, at, next);
	for (unsigned k = 0; k < count; k++)
		is_loop |= next[k] == at;
	uint32_t number = is_loop ? ++w->components : 0, top;
	do {
		top = w->stack[--w->stacked];
		v->notes[top].component = number;
		w->low[top] = UINT32_MAX;
	} while (top != at);
}

static void walk_from(struct verifier *v, struct loop_walk *w, uint32_t start)
{
	uint32_t next[2];
	w->work[w->working++] = start;
	while (w->working) {
		uint32_t at = w->work[w->working - 1];
		if (!w->order[at]) {
			w->order[at] = w->low[at] = ++w->next;
			w->stack[w->stacked++] = at;
		}
		unsigned count = verify_successors(v, at, next);
		bool is_deeper = false;
		while (w->child[at] < count && !is_deeper) {
			uint32_t to = next[w->child[at]];
			if (to >= v->count) {
				w->child[at]++;
			} else if (!w->order[to]) {
				w->work[w->working++] = to;
				is_deeper = true;
			} else {
				if (w->low[to] != UINT32_MAX && w->low[to] < w->low[at])
					w->low[at] = w->low[to];
				w->child[at]++;
			}
		}
		if (is_deeper)
			continue;
		if (w->low[at] == w->order[at])
			close_component(v, w, at);
		w->working--;
	}
}

void verify_find_loops(struct verifier *v)
{
	struct loop_walk w = {0};
	w.order = ARENA_ARRAY(&v->arena, uint32_t, v->count);
	w.low = ARENA_ARRAY(&v->arena, uint32_t, v->count);
	w.stack = ARENA_ARRAY(&v->arena, uint32_t, v->count + 1);
	w.work = ARENA_ARRAY(&v->arena, uint32_t, v->count + 1);
	w.child = arena_alloc(&v->arena, v->count);
	for (uint32_t i = 0; i < v->count; i++) {
		if (!w.order[i])
			walk_from(v, &w, i);
		if (insn_records(&v->insns[i]) == 2)
			i++;
	}
}
