/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow of control: every instruction can be reached, no jump lands in the middle of one; and the
 * points where states are kept and compared. Which points those are decides the cost of a program:
 * visit_insn() and check_cfg() of kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

unsigned verify_successors(const struct verifier *v, uint32_t insn, uint32_t out[2])
{
	const struct bpf_record *r = &v->insns[insn];
	unsigned op = r->opcode >> 4, class = r->opcode & 7, count = 0;
	uint32_t next = insn + insn_records(r);
	bool is_jump = class == 5 || class == 6;
	if (is_jump && op == JUMP_EXIT)
		return 0;
	if (!(is_jump && op == JUMP_JA))
		out[count++] = next;
	if (is_jump && op != JUMP_CALL) {
		int32_t off = op == JUMP_JA && class == 6 ? r->imm : r->off;
		out[count++] = (uint32_t)((int64_t)insn + 1 + off);
	}
	return count;
}

struct walk {
	struct verifier *v;
	uint8_t *seen;
	VEC(uint32_t) work;
};

static void mark_target(struct walk *w, uint32_t insn)
{
	struct note *n = &w->v->notes[insn];
	n->is_prune_point = n->is_jump_point = n->is_jump_target = true;
}

static bool reach(struct walk *w, uint32_t from, int64_t to)
{
	if (to < 0 || to >= w->v->count) {
		w->v->at = from;
		return verify_refuse(w->v, VERIFY_BAD_FLOW, -1,
				     "execution runs out of the program behind this instruction");
	}
	if (!w->seen[to]) {
		w->seen[to] = 1;
		vec_push(&w->v->arena, &w->work, (uint32_t)to);
	}
	return true;
}

static bool reach_callee(struct walk *w, uint32_t at)
{
	const struct bpf_record *r = &w->v->insns[at];
	int64_t target = (int64_t)at + r->imm + 1;
	if (!reach(w, at, target))
		return false;
	w->v->notes[at].is_prune_point = true;
	mark_target(w, (uint32_t)target);
	return true;
}

static void note_call(struct walk *w, uint32_t at)
{
	struct verifier *v = w->v;
	const struct bpf_record *r = &v->insns[at];
	struct note *n = &v->notes[at];
	struct function_note *f = &v->functions[verify_function_around(v, at)];
	if (verify_calls_later(v, r))
		n->is_prune_point = true;
	if (verify_calls_synchronously(v, r))
		n->calls_callback = n->forces_checkpoint = n->is_prune_point = n->is_jump_point =
			true;
	if (verify_is_call_of_helper(r)) {
		const struct kernel_helper *helper = kernel_helper_at((uint32_t)r->imm);
		if (helper && helper->flags & KERNEL_HELPER_MOVES_PACKET)
			f->changes_packet = true;
		if (helper && helper->flags & KERNEL_HELPER_SLEEPS)
			f->may_sleep = true;
	} else if (verify_is_call_of_kernel(r)) {
		const struct kfunc *k = verify_find_kfunc(v, (uint32_t)r->imm);
		if (k && k->flags & KFUNC_ITER_NEXT)
			n->is_prune_point = n->forces_checkpoint = true;
		if (k && k->flags & KFUNC_SLEEPABLE)
			f->may_sleep = true;
		if (k && k->special == SPECIAL_PULL_DATA)
			f->changes_packet = true;
	}
}

static bool visit(struct walk *w, uint32_t at)
{
	struct verifier *v = w->v;
	const struct bpf_record *r = &v->insns[at];
	unsigned op = r->opcode >> 4, class = r->opcode & 7;
	bool is_jump = class == 5 || class == 6;
	uint32_t next = at + insn_records(r);
	if (r->opcode == 0x18 && r->src == 4) {
		if (!reach(w, at, next) || !reach_callee(w, at))
			return false;
		v->notes[next].is_prune_point = v->notes[next].is_jump_point = true;
		return true;
	}
	if (!is_jump)
		return reach(w, at, next);
	if (op == JUMP_EXIT)
		return true;
	if (op == JUMP_CALL) {
		note_call(w, at);
		if (!reach(w, at, next))
			return false;
		v->notes[next].is_prune_point = v->notes[next].is_jump_point = true;
		return !verify_is_call_of_function(r) || reach_callee(w, at);
	}
	int64_t target = (int64_t)at + 1 + (op == JUMP_JA && class == 6 ? r->imm : r->off);
	if (!reach(w, at, target))
		return false;
	mark_target(w, (uint32_t)target);
	if (op == JUMP_JA)
		return true;
	v->notes[at].is_prune_point = true;
	if (op == JUMP_COND)
		v->notes[at].forces_checkpoint = true;
	return reach(w, at, next);
}

/* What a callee does, its callers do. */
static void spread_effects(struct verifier *v)
{
	for (bool is_changed = true; is_changed;) {
		is_changed = false;
		for (uint32_t i = 0; i < v->count; i++) {
			const struct bpf_record *r = &v->insns[i];
			if (!verify_is_call_of_function(r) && !(r->opcode == 0x18 && r->src == 4))
				continue;
			struct function_note *caller = &v->functions[verify_function_around(v, i)];
			int callee = verify_find_function(v, (int64_t)i + r->imm + 1);
			if (callee < 0)
				continue;
			const struct function_note *f = &v->functions[callee];
			if ((f->changes_packet && !caller->changes_packet) ||
			    (f->may_sleep && !caller->may_sleep)) {
				caller->changes_packet |= f->changes_packet;
				caller->may_sleep |= f->may_sleep;
				is_changed = true;
			}
		}
	}
}

static bool check_reached(struct walk *w)
{
	struct verifier *v = w->v;
	for (uint32_t i = 0; i < v->count; i++) {
		v->at = i;
		if (!w->seen[i])
			return verify_refuse(v, VERIFY_UNREACHABLE, -1,
					     "nothing leads to this instruction");
		if (insn_records(&v->insns[i]) == 2) {
			if (w->seen[i + 1])
				return verify_refuse(
					v, VERIFY_BAD_FLOW, -1,
					"a jump leads into the middle of this instruction");
			i++;
		}
	}
	return true;
}

/*
 * Older kernels refuse a loop that is closed by an instruction which is no jump: one that is entered in its
 * middle. Depth first, as they go, what follows before where a jump leads.
 */
static bool check_falls(struct verifier *v, uint32_t start, uint8_t *seen)
{
	enum { NEW, ON_PATH, DONE };
	VEC(uint32_t) path = {0};
	vec_push(&v->arena, &path, start);
	while (path.len) {
		uint32_t at = path.data[path.len - 1], out[2];
		unsigned op = v->insns[at].opcode >> 4, class = v->insns[at].opcode & 7;
		bool is_branch = (class == 5 || class == 6) && op != JUMP_CALL;
		unsigned count = verify_successors(v, at, out), i = 0;
		seen[at] = ON_PATH;
		while (i < count && seen[out[i]] != NEW) {
			if (!is_branch && seen[out[i]] == ON_PATH) {
				v->at = at;
				return verify_refuse(v, VERIFY_LOOP, -1,
						     "this falls into the middle of a loop, which "
						     "this kernel does not take");
			}
			i++;
		}
		if (i < count) {
			vec_push(&v->arena, &path, out[i]);
		} else {
			seen[at] = DONE;
			path.len--;
		}
	}
	return true;
}

static bool check_all_falls(struct verifier *v)
{
	uint8_t *seen = arena_alloc(&v->arena, v->count + 1);
	for (uint32_t i = 0; i < v->function_count; i++) {
		if (!seen[v->functions[i].start] && !check_falls(v, v->functions[i].start, seen))
			return false;
	}
	return true;
}

bool verify_check_flow(struct verifier *v)
{
	struct walk w = {.v = v, .seen = arena_alloc(&v->arena, v->count + 1)};
	bool ok = reach(&w, 0, 0);
	if (ok && v->handler)
		ok = reach(&w, 0, v->functions[v->handler].start);
	while (ok && w.work.len)
		ok = visit(&w, vec_pop(&w.work));
	if (!ok || !check_reached(&w) || (!v->model.free_flow && !check_all_falls(v)))
		return false;
	spread_effects(v);
	return true;
}
