/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and joining what is known. Storage of flows is used again. */
#include "frontend/sema/null_flow.h"

static void reserve(struct flow_pool *pool, struct flow *flow, uint32_t count)
{
	if (flow->cap >= count)
		return;
	uint32_t cap = count < 8 ? 8 : count * 2;
	struct fact *facts = ARENA_ARRAY(pool->arena, struct fact, cap);
	if (flow->count)
		memcpy(facts, flow->facts, flow->count * sizeof *facts);
	flow->facts = facts;
	flow->cap = cap;
}

/* Makes the list of sites at least that long. */
static void extend_owned(struct flow_pool *pool, struct flow *flow, uint32_t count)
{
	if (flow->owned_cap < count) {
		uint32_t cap = count * 2;
		struct owned *owned = ARENA_ARRAY(pool->arena, struct owned, cap);
		if (flow->owned_count)
			memcpy(owned, flow->owned, flow->owned_count * sizeof *owned);
		flow->owned = owned;
		flow->owned_cap = cap;
	}
	while (flow->owned_count < count)
		flow->owned[flow->owned_count++] = (struct owned){.states = OWNED_NONE};
}

struct flow *flow_copy(struct flow_pool *pool, const struct flow *from)
{
	struct flow *flow = pool->free;

	if (flow)
		pool->free = flow->next_free;
	else
		flow = ARENA_NEW(pool->arena, struct flow);
	flow->count = flow->owned_count = 0;
	reserve(pool, flow, from->count);
	if (from->count)
		memcpy(flow->facts, from->facts, from->count * sizeof *from->facts);
	flow->count = from->count;
	extend_owned(pool, flow, from->owned_count);
	if (from->owned_count)
		memcpy(flow->owned, from->owned, from->owned_count * sizeof *from->owned);
	flow->is_live = from->is_live;
	flow->has_no_owned = from->has_no_owned;
	return flow;
}

void flow_give_back(struct flow_pool *pool, struct flow *flow)
{
	flow->next_free = pool->free;
	pool->free = flow;
}

void flow_push(struct flow_pool *pool, struct flow *flow, struct fact fact)
{
	reserve(pool, flow, flow->count + 1);
	flow->facts[flow->count++] = fact;
}

void flow_close(struct flow *flow, uint32_t count)
{
	if (flow->count > count)
		flow->count = count;
}

struct owned *flow_owned(struct flow_pool *pool, struct flow *flow, uint32_t site)
{
	extend_owned(pool, flow, site + 1);
	return &flow->owned[site];
}

/* ---- joining ---- */

/* A null beside something that must be given back is the case in which there was nothing to take; any
 * other pointer beside it makes it unknown. */
static uint64_t join_sites(struct fact a, struct fact b)
{
	if ((a.sites || a.state == IS_NULL) && (b.sites || b.state == IS_NULL))
		return a.sites | b.sites;
	return 0;
}

struct fact fact_join(struct fact a, struct null_path a_path, struct fact b,
		      struct null_path b_path)
{
	a.is_object = b.is_object = a.is_object || b.is_object;
	a.sites = b.sites = join_sites(a, b);
	a.number = b.number = a.number == b.number ? a.number : 0;
	a.implies = b.implies = a.implies == b.implies ? a.implies : NULL;
	if (a.state == b.state)
		return a;
	bool from_b = a.state == NOT_NULL;
	struct fact bad = from_b ? b : a;
	if ((a.state == NOT_NULL || b.state == NOT_NULL) && (from_b ? b_path : a_path).text) {
		bad.path = from_b ? b_path : a_path;
		bad.path_state = bad.state;
	}
	bad.state = MAY_BE_NULL;
	return bad;
}

static bool is_same_knowledge(struct fact a, struct fact b)
{
	return a.state == b.state && a.is_object == b.is_object && a.number == b.number &&
	       a.sites == b.sites && a.implies == b.implies;
}

/* The way that tells where one side has a state and the other has not. */
static struct null_path choose_path(struct null_path known, uint8_t a, struct null_path a_path,
				    uint8_t b, struct null_path b_path)
{
	if (!a == !b)
		return known;
	struct null_path path = a ? a_path : b_path;
	return path.text ? path : known;
}

static struct owned join_owned(struct owned a, struct null_path a_path, struct owned b,
			       struct null_path b_path)
{
	struct owned joined = a.states & OWNED_GONE ? a : b;

	joined.held = choose_path(a.held.text ? a.held : b.held, a.states & OWNED_HELD, a_path,
				  b.states & OWNED_HELD, b_path);
	joined.gone = choose_path(a.gone.text ? a.gone : b.gone, a.states & OWNED_GONE, a_path,
				  b.states & OWNED_GONE, b_path);
	joined.states = a.states | b.states;
	return joined;
}

bool flow_join_owned(struct flow_pool *pool, struct flow *into, struct null_path into_path,
		     const struct flow *from, struct null_path from_path)
{
	const struct owned none = {.states = OWNED_NONE};
	bool changed = false;

	if (from->has_no_owned)
		return false;
	if (into->owned_count < from->owned_count)
		extend_owned(pool, into, from->owned_count);
	for (uint32_t i = 0; i < into->owned_count; i++) {
		struct owned joined = i < from->owned_count ? from->owned[i] : none;
		if (!into->has_no_owned)
			joined = join_owned(into->owned[i], into_path, joined, from_path);
		changed = changed || joined.states != into->owned[i].states;
		into->owned[i] = joined;
	}
	into->has_no_owned = false;
	return changed;
}

bool flow_join(struct flow_pool *pool, struct flow *into, struct null_path into_path,
	       const struct flow *from, struct null_path from_path)
{
	bool changed = false;

	if (!from->is_live)
		return false;
	for (uint32_t i = 0; i < into->count && i < from->count; i++) {
		struct fact joined = from->facts[i];
		if (into->is_live)
			joined = fact_join(into->facts[i], into_path, from->facts[i], from_path);
		changed = changed || !is_same_knowledge(joined, into->facts[i]);
		into->facts[i] = joined;
	}
	into->has_no_owned = into->has_no_owned || !into->is_live;
	changed = flow_join_owned(pool, into, into_path, from, from_path) || changed;
	changed = changed || !into->is_live;
	into->is_live = true;
	return changed;
}
