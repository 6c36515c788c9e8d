/* SPDX-License-Identifier: Apache-2.0 */
/* Copying and joining what is known. Storage of flows is used again. */
#include "frontend/sema/null_flow.h"

static void reserve(struct flow_pool *pool, struct flow *flow, uint32_t count)
{
	uint32_t pages = (count + PAGE_FACTS - 1) / PAGE_FACTS, have = flow->page_cap;

	if (have >= pages)
		return;
	uint32_t cap = pages < 4 ? 4 : pages * 2;
	struct fact_page **list = ARENA_ARRAY(pool->arena, struct fact_page *, cap);
	bool *is_own = ARENA_ARRAY(pool->arena, bool, cap);
	if (have) {
		memcpy(list, flow->pages, have * sizeof *list);
		memcpy(is_own, flow->is_own, have * sizeof *is_own);
	}
	flow->pages = list;
	flow->is_own = is_own;
	flow->page_cap = cap;
}

static uint32_t pages_of(const struct flow *flow)
{
	return (flow->count + PAGE_FACTS - 1) / PAGE_FACTS;
}

static struct fact_page *new_page(struct flow_pool *pool)
{
	struct fact_page *page = pool->free_pages;

	if (!page)
		return ARENA_NEW(pool->arena, struct fact_page);
	pool->free_pages = page->next_free;
	return page;
}

static void drop_page(struct flow_pool *pool, struct flow *flow, uint32_t index)
{
	struct fact_page *page = flow->pages[index];

	if (page && flow->is_own[index]) {
		page->next_free = pool->free_pages;
		pool->free_pages = page;
	}
	flow->pages[index] = NULL;
	flow->is_own[index] = false;
}

/* Both have the page from now on. */
static void share_page(struct flow_pool *pool, struct flow *into, struct flow *from, uint32_t index)
{
	if (into->pages[index] == from->pages[index])
		return;
	drop_page(pool, into, index);
	into->pages[index] = from->pages[index];
	from->is_own[index] = false;
}

struct fact *flow_edit(struct flow_pool *pool, struct flow *flow, uint32_t place)
{
	uint32_t index = place / PAGE_FACTS;

	if (!flow->is_own[index]) {
		struct fact_page *page = new_page(pool);
		if (flow->pages[index])
			*page = *flow->pages[index];
		flow->pages[index] = page;
		flow->is_own[index] = true;
	}
	return &flow->pages[index]->facts[place % PAGE_FACTS];
}

void flow_note_number(struct flow_pool *pool, uint32_t number, uint32_t place)
{
	const struct number_places none = {0};

	while (pool->numbers.len <= number)
		vec_push(pool->arena, &pool->numbers, none);
	struct number_places *known = &pool->numbers.data[number];
	for (uint32_t i = 0; i < known->places.len; i++)
		if (known->places.data[i] == place)
			return;
	vec_push(pool->arena, &known->places, place);
}

uint32_t flow_number(struct flow_pool *pool, struct flow *flow, uint32_t place)
{
	uint32_t number = flow_fact(flow, place)->number;

	if (number)
		return number;
	number = pool->numbers.len ? pool->numbers.len : 1;
	flow_note_number(pool, number, place);
	flow_edit(pool, flow, place)->number = number;
	return number;
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

struct flow *flow_copy(struct flow_pool *pool, struct flow *from)
{
	struct flow *flow = pool->free;
	uint32_t pages = pages_of(from);

	if (flow)
		pool->free = flow->next_free;
	else
		flow = ARENA_NEW(pool->arena, struct flow);
	flow->count = flow->owned_count = 0;
	reserve(pool, flow, from->count);
	if (pages) {
		memcpy(flow->pages, from->pages, pages * sizeof *flow->pages);
		memset(flow->is_own, false, pages * sizeof *flow->is_own);
		memset(from->is_own, false, pages * sizeof *from->is_own);
	}
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
	for (uint32_t i = 0; i < flow->page_cap; i++)
		drop_page(pool, flow, i);
	flow->next_free = pool->free;
	pool->free = flow;
}

void flow_push(struct flow_pool *pool, struct flow *flow, struct fact fact)
{
	reserve(pool, flow, flow->count + 1);
	if (fact.number)
		flow_note_number(pool, fact.number, flow->count);
	*flow_edit(pool, flow, flow->count++) = fact;
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

static bool join_fact(struct flow_pool *pool, struct flow *into, struct null_path into_path,
		      const struct flow *from, struct null_path from_path, uint32_t place)
{
	struct fact a = *flow_fact(into, place), b = *flow_fact(from, place);
	struct fact joined = into->is_live ? fact_join(a, into_path, b, from_path) : b;
	bool changed = !is_same_knowledge(joined, a);

	if (changed || a.state != b.state)
		*flow_edit(pool, into, place) = joined;
	return changed;
}

bool flow_join(struct flow_pool *pool, struct flow *into, struct null_path into_path,
	       struct flow *from, struct null_path from_path)
{
	uint32_t count = into->count < from->count ? into->count : from->count;
	bool changed = false;

	if (!from->is_live)
		return false;
	for (uint32_t page = 0; page * PAGE_FACTS < count; page++) {
		uint32_t first = page * PAGE_FACTS, end = first + PAGE_FACTS;
		if (into->pages[page] == from->pages[page])
			continue;
		if (!into->is_live && (end <= count || into->count == count)) {
			share_page(pool, into, from, page);
			continue;
		}
		for (uint32_t i = first; i < end && i < count; i++)
			changed = join_fact(pool, into, into_path, from, from_path, i) || changed;
	}
	into->has_no_owned = into->has_no_owned || !into->is_live;
	changed = flow_join_owned(pool, into, into_path, from, from_path) || changed;
	changed = changed || !into->is_live;
	into->is_live = true;
	return changed;
}
