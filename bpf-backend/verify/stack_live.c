/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which stack slots may still be read. Reads and writes are collected while paths are walked, for each
 * function as called along each chain of calls, and spread backwards by data flow:
 *
 *	live before = (live after, without the slots that are written for sure) and the slots that may be read
 *
 * What a callee may read of its callers' frames is a read at the call. After kernel/bpf/liveness.c,
 * Linux 6.18; older releases, which ask along paths, are treated alike.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"

struct masks {
	uint64_t reads, writes;
	uint64_t written; // for sure, from here to the function's end
	uint64_t live;    // before the instruction
};

/* A function as called along a chain of calls. */
struct instance {
	uint32_t depth, function;
	uint32_t callsites[MAX_FRAMES];
	uint32_t start, count;
	struct masks *frames[MAX_FRAMES]; // by instruction; NULL: nothing yet
	uint8_t *is_seen;                 // writes of the instruction are known
	bool is_changed, lost_writes;
	struct instance *outer, *next;
};

struct stack_liveness {
	struct instance *all;
	struct instance *current; // NULL after a call or return
	uint64_t pending[MAX_FRAMES];
	uint32_t at;
};

void verify_stack_live_start(struct verifier *v)
{
	v->liveness = ARENA_NEW(&v->arena, struct stack_liveness);
}

static struct instance *find_instance(struct verifier *v, const uint32_t *callsites, uint32_t depth,
				      uint32_t function)
{
	for (struct instance *i = v->liveness->all; i; i = i->next) {
		if (i->depth == depth && i->function == function &&
		    !memcmp(i->callsites, callsites, depth * sizeof *callsites))
			return i;
	}
	const struct function_note *f = &v->functions[function];
	struct instance *i = ARENA_NEW(&v->arena, struct instance);
	i->depth = depth;
	i->function = function;
	memcpy(i->callsites, callsites, depth * sizeof *callsites);
	i->start = f->start;
	i->count = f->end - f->start;
	i->is_seen = arena_alloc(&v->arena, i->count + 1);
	i->next = v->liveness->all;
	v->liveness->all = i;
	return i;
}

/* The instance of a state's frame. */
static struct instance *instance_of(struct verifier *v, const struct state *s, uint32_t frame)
{
	uint32_t callsites[MAX_FRAMES];
	for (uint32_t i = 0; i < frame; i++)
		callsites[i] = s->frames[i + 1]->callsite;
	return find_instance(v, callsites, frame, s->frames[frame]->function);
}

static struct instance *outer_of(struct verifier *v, struct instance *i)
{
	if (!i->outer && i->depth)
		i->outer = find_instance(v, i->callsites, i->depth - 1,
					 verify_function_around(v, i->callsites[i->depth - 1]));
	return i->outer;
}

static struct masks *masks_at(struct verifier *v, struct instance *i, uint32_t frame, uint32_t insn)
{
	if (!i->frames[frame])
		i->frames[frame] = ARENA_ARRAY(&v->arena, struct masks, i->count + 1);
	return &i->frames[frame][insn - i->start];
}

static void add_read(struct verifier *v, struct instance *i, uint32_t frame, uint32_t insn,
		     uint64_t mask)
{
	if (!mask)
		return;
	struct masks *m = masks_at(v, i, frame, insn);
	if (mask & ~m->reads) {
		m->reads |= mask;
		i->is_changed = true;
	}
}

void verify_stack_read(struct verifier *v, uint32_t frame, uint32_t slot)
{
	struct stack_liveness *l = v->liveness;
	if (!l->current)
		l->current = instance_of(v, v->current, v->current->depth);
	add_read(v, l->current, frame, v->at, UINT64_C(1) << (slot & 63));
}

void verify_stack_write(struct verifier *v, uint32_t frame, uint32_t slot)
{
	v->liveness->pending[frame] |= UINT64_C(1) << (slot & 63);
}

/* The writes of an instruction that was seen before are those that happen every time. */
static void commit(struct verifier *v, struct instance *i, uint32_t insn, const uint64_t *pending)
{
	uint8_t *seen = &i->is_seen[insn - i->start];
	for (uint32_t f = 0; f <= i->depth; f++) {
		uint64_t mask = pending[f];
		if (!mask && !*seen)
			continue;
		if (!i->frames[f] && !mask)
			continue;
		struct masks *m = masks_at(v, i, f, insn);
		if (*seen)
			mask &= m->writes;
		if (m->writes & ~mask)
			i->lost_writes = true;
		if (m->writes != mask) {
			m->writes = mask;
			i->is_changed = true;
		}
	}
	*seen = 1;
}

void verify_stack_live_begin(struct verifier *v)
{
	struct stack_liveness *l = v->liveness;
	l->current = NULL;
	l->at = v->at;
	memset(l->pending, 0, sizeof l->pending);
}

void verify_stack_live_commit(struct verifier *v)
{
	struct stack_liveness *l = v->liveness;
	uint64_t any = 0;
	const struct bpf_record *record = &v->insns[l->at];
	uint32_t opcode = record->opcode;
	if (verify_is_call_of_function(record) || opcode == 0x95)
		return; // what the callee does is added when it is left
	for (uint32_t f = 0; f <= v->current->depth; f++)
		any |= l->pending[f];
	bool is_store = (opcode & 7) == 2 || (opcode & 7) == 3 || opcode == 0x85;
	if (!any && !is_store)
		return;
	if (!l->current)
		l->current = instance_of(v, v->current, v->current->depth);
	if (l->at - l->current->start < l->current->count) // a tail call may have left the function
		commit(v, l->current, l->at, l->pending);
}

static bool update_insn(struct verifier *v, struct instance *i, uint32_t frame, uint32_t insn)
{
	uint32_t next[2];
	struct masks *m = masks_at(v, i, frame, insn);
	unsigned count = verify_successors(v, insn, next), inside = 0;
	uint64_t after = 0, written = UINT64_MAX;
	for (unsigned k = 0; k < count; k++) {
		if (next[k] < i->start || next[k] >= i->start + i->count)
			continue;
		const struct masks *n = masks_at(v, i, frame, next[k]);
		after |= n->live;
		written &= n->written;
		inside++;
	}
	uint64_t live = (after & ~m->writes) | m->reads;
	written = (inside ? written : 0) | m->writes;
	bool is_changed = live != m->live || written != m->written;
	m->live = live;
	m->written = written;
	return is_changed;
}

static void update_instance(struct verifier *v, struct instance *i)
{
	if (!i->is_changed)
		return;
	for (uint32_t f = 0; f <= i->depth; f++) {
		if (!i->frames[f])
			continue;
		for (uint32_t k = 0; i->lost_writes && k < i->count; k++)
			i->frames[f][k].live = i->frames[f][k].written = 0;
		for (bool is_changed = true; is_changed;) {
			is_changed = false;
			for (uint32_t k = i->count; k-- > 0;)
				is_changed |= update_insn(v, i, f, i->start + k);
		}
	}
	i->is_changed = i->lost_writes = false;
}

static void spread_to_caller(struct verifier *v, struct instance *i)
{
	struct instance *outer = outer_of(v, i);
	uint32_t callsite = i->callsites[i->depth - 1];
	uint64_t written[MAX_FRAMES] = {0};
	for (uint32_t f = 0; f < i->depth; f++) {
		if (!i->frames[f])
			continue;
		const struct masks *m = masks_at(v, i, f, i->start);
		written[f] = m->written;
		add_read(v, outer, f, callsite, m->live);
	}
	commit(v, outer, callsite, written);
}

void verify_stack_live_update(struct verifier *v)
{
	struct instance *i = instance_of(v, v->current, v->current->depth);
	for (;;) {
		update_instance(v, i);
		if (!i->depth)
			break;
		spread_to_caller(v, i);
		i = outer_of(v, i);
	}
	v->liveness->current = NULL;
}

static bool is_live_at(const struct instance *i, uint32_t frame, uint32_t insn, uint32_t slot)
{
	const struct masks *m = i->frames[frame];
	return m && insn >= i->start && insn < i->start + i->count &&
	       m[insn - i->start].live >> (slot & 63) & 1;
}

bool verify_stack_is_live(struct verifier *v, struct state *s, uint32_t frame, uint32_t slot)
{
	if (is_live_at(instance_of(v, s, s->depth), frame, s->insn, slot))
		return true;
	for (uint32_t f = frame; f < s->depth; f++) {
		uint32_t callsite = s->frames[f + 1]->callsite;
		bool is_callback = v->notes[callsite].calls_callback;
		if (is_live_at(instance_of(v, s, f), frame, callsite + !is_callback, slot))
			return true;
	}
	return false;
}
