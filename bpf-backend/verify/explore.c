/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over all paths: one instruction at a time, depth first, the jump not taken before the one
 * that is; at points chosen by verify_check_flow() a path ends when a state seen there covers it. Order,
 * limits and counting are those of do_check(), kernel/bpf/verifier.c, Linux 6.12 to 6.18.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"
#include "bpf-backend/verify/story.h"

struct state *verify_push_state(struct verifier *v, uint32_t insn, int32_t previous)
{
	struct state *s = state_new();
	state_copy(s, v->current);
	s->is_checkpoint = false;
	struct pending p = {s, insn, previous, verify_trace_keep(v)};
	vec_push(&v->arena, &v->pending, p);
	if (s->parent)
		s->parent->branches++;
	if (v->pending.len > MAX_JUMPS) {
		verify_refuse(v, VERIFY_COMPLEX, -1, "more than %d branches wait to be explored",
			      MAX_JUMPS);
		return NULL;
	}
	return s;
}

static bool pop_state(struct verifier *v)
{
	if (!v->pending.len)
		return false;
	struct pending p = vec_pop(&v->pending);
	state_free(v->current);
	v->current = p.state;
	v->at = p.insn;
	v->before = p.previous;
	verify_trace_resume(v, p.seen);
	return true;
}

/* The path ended: its checkpoints have one branch less to wait for. */
static bool end_branches(struct verifier *v)
{
	for (struct state *s = v->current; s; s = s->parent) {
		if (--s->branches)
			break;
		if (!verify_leave_loop(v, s))
			return false;
	}
	return true;
}

struct history *verify_note_history(struct verifier *v)
{
	if (!v->step_history) {
		v->step_history = state_add_history(v->current);
		v->step_history->insn = v->at;
		v->step_history->previous = (uint32_t)v->before;
	}
	return v->step_history;
}

static void note_step(struct verifier *v)
{
	struct verify_result *r = v->result;
	uint32_t number = v->processed;
	if (v->options->keep_steps) {
		if (r->step_count == v->step_cap) {
			v->step_cap = v->step_cap ? v->step_cap * 2 : 1024;
			r->steps = realloc(r->steps, v->step_cap * sizeof *r->steps);
			if (!r->steps)
				die_out_of_memory();
		}
		number = r->step_count++;
		r->steps[number] = (struct verify_step){v->at, v->current->step};
	}
	uint32_t previous = v->current->step;
	v->current->step = number;
	if (v->tracer) {
		v->current->step = v->options->trace->steps.len;
		verify_trace_step(v, previous);
	}
}

/* Marks what the instruction changed with the step. */
static void note_causes(struct verifier *v, const struct bpf_record *i, enum bpf_op op)
{
	unsigned set = op < BPF_OP_COUNT ? insn_writes(i) : 0;
	for (unsigned k = 0; set; k++, set >>= 1) {
		if (set & 1)
			reg_at(v, k)->cause = v->current->step;
	}
}

enum outcome { GO_ON, PATH_ENDS, REFUSED };

static bool finish_throw(struct verifier *v)
{
	return verify_check_leaks(v, true, true, "bpf_throw");
}

static enum outcome step_exit(struct verifier *v)
{
	bool is_main = !v->current->depth;
	if (!verify_check_leaks(v, false, is_main, "the program's end"))
		return REFUSED;
	if (!is_main)
		return verify_leave_function(v) ? GO_ON : REFUSED;
	return verify_check_result(v, BPF_R0) ? PATH_ENDS : REFUSED;
}

static bool is_throw(const struct verifier *v, const struct bpf_record *i)
{
	const struct kfunc *k =
		verify_is_call_of_kernel(i) ? verify_find_kfunc(v, (uint32_t)i->imm) : NULL;
	return k && k->special == SPECIAL_THROW;
}

static enum outcome step_jump(struct verifier *v, const struct bpf_record *i)
{
	unsigned op = i->opcode >> 4;
	v->jumps++;
	if (op == JUMP_EXIT)
		return step_exit(v);
	if (op == JUMP_JA) {
		v->at += (uint32_t)(i->opcode == 0x06 ? i->imm : i->off) + 1;
		return GO_ON;
	}
	if (op != JUMP_CALL) {
		if (!verify_step_branch(v, i))
			return REFUSED;
		v->at++;
		return GO_ON;
	}
	bool ends = is_throw(v, i);
	if (!verify_step_call(v, i))
		return REFUSED;
	if (ends)
		return finish_throw(v) ? PATH_ENDS : REFUSED;
	v->at++;
	return GO_ON;
}

static enum outcome step(struct verifier *v)
{
	const struct bpf_record *i = &v->insns[v->at];
	enum bpf_op op = note_at(v)->op;
	unsigned class = i->opcode & 7;
	bool ok = false;
	if (op >= BPF_OP_COUNT) {
		verify_refuse(v, VERIFY_BAD_CODE, -1,
			      "it is no instruction, or has fields set that must be 0");
		return REFUSED;
	}
	if (!insn_is_available(op, 4, v->options->kernel)) {
		char need[16];
		kernel_format_version(insn_table[op].kernel, need);
		verify_refuse(v, VERIFY_KERNEL, -1, "this instruction needs Linux %s", need);
		return REFUSED;
	}
	if (!verify_check_obligations(v, i, op))
		return REFUSED;
	if (class == 5 || class == 6)
		return step_jump(v, i);
	if (class == 4 || class == 7)
		ok = verify_step_alu(v, i);
	else if (class == 1)
		ok = verify_step_load(v, i);
	else if (class == 0 && i->opcode == 0x18)
		ok = verify_step_load_immediate(v, i);
	else if (class == 0)
		ok = verify_step_legacy_load(v, i);
	else if (insn_table[op].form == INSN_FORM_STORE_REG ||
		 insn_table[op].form == INSN_FORM_STORE_IMM)
		ok = verify_step_store(v, i);
	else
		ok = verify_step_atomic(v, i);
	if (!ok)
		return REFUSED;
	note_causes(v, i, op);
	v->at += insn_records(i);
	return GO_ON;
}

static void show_observer(struct verifier *v)
{
	struct verify_value values[BPF_REG_COUNT];
	const struct frame *f = state_frame(v->current);
	memset(values, 0, sizeof values);
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		const struct reg *r = &f->r[i];
		if (!(note_at(v)->live >> i & 1)) // states are not compared in it
			continue;
		values[i].may_be_null = r->flags & REG_NULLABLE;
		values[i].number = r->v;
		if (r->kind == REG_STACK && r->frame == f->number) {
			struct scalar off = scalar_const((uint64_t)(int64_t)r->off);
			scalar_add_plain(&values[i].number, &off, &v->model.range);
			values[i].kind = VERIFY_VALUE_STACK;
		} else if (r->kind == REG_SCALAR) {
			values[i].kind = VERIFY_VALUE_NUMBER;
		} else if (r->kind != REG_NONE) {
			values[i].kind = VERIFY_VALUE_POINTER;
		}
	}
	v->options->observe(v->options->observer, v->at, v->current->depth, values);
}

/* One instruction, including the look at states seen here. */
static enum outcome advance(struct verifier *v)
{
	v->step_history = NULL;
	uint32_t limit = v->options->limit ? v->options->limit : MAX_PROCESSED;
	if (++v->processed > limit) {
		verify_refuse(v, VERIFY_COMPLEX, -1,
			      "more than %u instructions were followed on its paths", limit);
		return REFUSED;
	}
	v->current->last_insn = v->before;
	v->current->insn = v->at;
	note_step(v);
	if (v->capture)
		verify_capture(v, v->capture);
	if (note_at(v)->is_prune_point) {
		int seen = verify_visit_state(v);
		if (seen < 0)
			return REFUSED;
		if (seen) {
			verify_log_text(v, "%u: safe\n", v->at);
			return PATH_ENDS;
		}
	}
	if (note_at(v)->is_jump_point)
		verify_note_history(v);
	if (v->options->observe)
		show_observer(v);
	uint32_t at = v->at;
	if (v->log && v->options->log_level) {
		verify_log_instruction(v);
	}
	verify_stack_live_begin(v);
	enum outcome outcome = step(v);
	if (outcome == REFUSED)
		return outcome;
	verify_stack_live_commit(v);
	if (v->log && v->options->log_level) {
		buf_add_text(v->log, "  ;");
		verify_log_state(v, v->current, v->options->log_level > 2);
		buf_add_char(v->log, '\n');
	}
	if (outcome == GO_ON)
		v->before = (int32_t)at;
	return outcome;
}

static bool walk(struct verifier *v)
{
	v->before = -1;
	for (;;) {
		enum outcome outcome = advance(v);
		if (outcome == GO_ON)
			continue;
		if (outcome == REFUSED)
			return false;
		verify_trace_path_end(v);
		verify_stack_live_update(v);
		if (!end_branches(v))
			return false;
		if (!pop_state(v))
			return true;
		if (v->log && v->options->log_level)
			buf_printf(v->log, "\nfrom %d to %u:\n", v->before, v->at);
	}
}

void verify_drop_states(struct verifier *v)
{
	while (v->pending.len) {
		struct pending p = vec_pop(&v->pending);
		free(p.seen);
		state_free(p.state);
	}
	state_free(v->current);
	v->current = NULL;
	for (struct visit *visit = v->visits; visit; visit = visit->next) {
		for (struct backedge *e = visit->backedges; e;) {
			struct backedge *next = e->next;
			state_free(&e->state);
			e = next;
		}
	}
	v->visits = NULL;
	for (struct checkpoint *c = v->all; c;) {
		struct checkpoint *next = c->all;
		state_free(&c->state);
		c = next;
	}
	v->all = NULL;
	memset(v->explored, 0, v->count * sizeof *v->explored);
	v->live_states = 0;
}

bool verify_explore(struct verifier *v, uint32_t function)
{
	struct state *s = state_new();
	struct frame *f = frame_new();
	s->frames[0] = f;
	s->branches = 1;
	s->last_insn = -1;
	s->step = UINT32_MAX;
	s->in_sleepable = v->code->is_sleepable;
	f->callsite = FRAME_MAIN;
	f->function = function;
	for (unsigned i = 0; i < BPF_REG_COUNT; i++)
		reg_set_none(&f->r[i]);
	reg_set_pointer(&f->r[BPF_R10], REG_STACK, 0);
	s->first_insn = v->functions[function].start;
	v->current = s;
	v->at = s->first_insn;
	v->last_processed = v->processed; // the heuristics of checkpoints start anew
	v->last_jumps = v->jumps;
	verify_stack_live_start(v);
	verify_trace_begin(v);
	bool ok = verify_enter_function_arguments(v, function) && walk(v);
	if (ok)
		verify_drop_states(v);
	return ok;
}

/* ---- leaving a function ---- */

struct state *verify_find_entry(struct verifier *v, struct state *s, uint32_t insn)
{
	for (struct checkpoint *c = v->explored[insn]; c; c = c->next) {
		struct state *st = &c->state;
		if (st->branches && verify_same_callsites(st, s) && st->dfs_depth < s->dfs_depth)
			return st;
	}
	return NULL;
}

bool verify_leave_function(struct verifier *v)
{
	struct state *s = v->current;
	struct frame *callee = state_frame(s), *caller = s->frames[s->depth - 1];
	const struct reg *r0 = &callee->r[0];
	if (r0->kind == REG_STACK)
		return verify_refuse(v, VERIFY_RESULT, 0,
				     "a pointer to the stack cannot be returned");
	bool is_callback = callee->in_callback;
	if (is_callback) {
		if (r0->kind != REG_SCALAR)
			return verify_refuse(v, r0->kind ? VERIFY_RESULT : VERIFY_UNINIT, 0,
					     "the callback does not return a number");
		if (!verify_need_value(v, 0))
			return false;
		if (r0->v.wide.smin < callee->result_min || r0->v.wide.smax > callee->result_max)
			return verify_refuse(v, VERIFY_RESULT, 0,
					     "the callback must return %d to %d",
					     callee->result_min, callee->result_max);
		v->at = callee->callsite;
	} else {
		caller->r[0] = *r0;
		v->at = callee->callsite + 1;
	}
	state_drop_frame(s);
	struct state *entry = is_callback ? verify_find_entry(v, s, v->at) : NULL;
	if (entry)
		verify_widen(v, entry, s);
	return true;
}
