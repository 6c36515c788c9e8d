/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that end by comparison with a state of their own path (iterators, may_goto, callbacks). Such an
 * end happens before it is known what the rest of the loop relies upon, so the edge is kept, and when
 * the loop's entry is finished precision is carried over all kept edges until nothing changes. While
 * there are such edges, states in the loop are compared strictly.
 *
 * After bpf_scc_visit, add_scc_backedge(), propagate_backedges(), kernel/bpf/verifier.c, Linux 6.17.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"

enum { MAX_ROUNDS = 64 };

uint32_t verify_frame_insn(const struct state *s, uint32_t frame)
{
	return frame == s->depth ? s->insn : s->frames[frame + 1]->callsite;
}

/* The loop that a state is in, with the calls that lead there; false when it is in none. */
static bool find_key(const struct verifier *v, const struct state *s, struct visit *key)
{
	memset(key, 0, sizeof *key);
	for (uint32_t i = 0; i <= s->depth; i++) {
		uint32_t insn = verify_frame_insn(s, i);
		key->component = v->notes[insn].component;
		if (key->component)
			return true;
		key->callsites[i] = insn + 1;
	}
	return false;
}

static struct visit *find_visit(const struct verifier *v, const struct state *s, struct visit *key)
{
	if (!find_key(v, s, key))
		return NULL;
	for (struct visit *visit = v->visits; visit; visit = visit->next) {
		if (visit->component == key->component &&
		    !memcmp(visit->callsites, key->callsites, sizeof key->callsites))
			return visit;
	}
	return NULL;
}

bool verify_enter_loop(struct verifier *v, struct checkpoint *c)
{
	struct visit key, *visit = find_visit(v, &c->state, &key);
	if (!visit && key.component) {
		visit = ARENA_NEW(&v->arena, struct visit);
		*visit = key;
		visit->next = v->visits;
		v->visits = visit;
	}
	if (visit && !visit->entry)
		visit->entry = &c->state;
	return true;
}

bool verify_is_open_loop(struct verifier *v, struct state *s)
{
	struct visit key;
	const struct visit *visit = find_visit(v, s, &key);
	return visit && visit->backedges;
}

bool verify_add_backedge(struct verifier *v, struct checkpoint *equal, struct state *s)
{
	struct visit key, *visit = find_visit(v, &equal->state, &key);
	if (!visit)
		return true;
	struct backedge *e = calloc(1, sizeof *e);
	if (!e)
		die_out_of_memory();
	state_copy(&e->state, s);
	e->state.insn = v->at;
	e->equal = equal;
	e->next = visit->backedges;
	visit->backedges = e;
	return true;
}

static void free_backedge(struct backedge *e)
{
	struct state *s = malloc(sizeof *s);
	if (!s)
		die_out_of_memory();
	*s = e->state;
	state_free(s);
	free(e);
}

bool verify_leave_loop(struct verifier *v, struct state *s)
{
	struct visit key, *visit = v->visits ? find_visit(v, s, &key) : NULL;
	if (!visit || visit->entry != s)
		return true;
	visit->entry = NULL;
	bool is_changed = visit->backedges;
	for (int round = 0; is_changed && round < MAX_ROUNDS; round++) {
		is_changed = false;
		for (struct backedge *e = visit->backedges; e; e = e->next)
			verify_take_over_precision(v, &e->equal->state, &e->state, &is_changed);
	}
	while (visit->backedges) {
		struct backedge *e = visit->backedges;
		visit->backedges = e->next;
		free_backedge(e);
	}
	return true;
}
