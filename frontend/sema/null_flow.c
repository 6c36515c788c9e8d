/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and joining what is known of pointers. Storage of flows is used again. */
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

struct flow *flow_copy(struct flow_pool *pool, const struct flow *from)
{
	struct flow *flow = pool->free;

	if (flow)
		pool->free = flow->next_free;
	else
		flow = ARENA_NEW(pool->arena, struct flow);
	flow->count = 0;
	reserve(pool, flow, from->count);
	if (from->count)
		memcpy(flow->facts, from->facts, from->count * sizeof *from->facts);
	flow->count = from->count;
	flow->is_live = from->is_live;
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

struct fact fact_join(struct fact a, struct null_path a_path, struct fact b,
		      struct null_path b_path)
{
	a.is_object = b.is_object = a.is_object || b.is_object;
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

bool flow_join(struct flow *into, struct null_path into_path, const struct flow *from,
	       struct null_path from_path)
{
	bool changed = false;

	if (!from->is_live)
		return false;
	for (uint32_t i = 0; i < into->count && i < from->count; i++) {
		struct fact joined = from->facts[i];
		if (into->is_live)
			joined = fact_join(into->facts[i], into_path, from->facts[i], from_path);
		changed = changed || joined.state != into->facts[i].state ||
			  joined.is_object != into->facts[i].is_object;
		into->facts[i] = joined;
	}
	changed = changed || !into->is_live;
	into->is_live = true;
	return changed;
}
