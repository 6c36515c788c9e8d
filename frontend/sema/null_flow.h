/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known at one place of a function: a flow has a fact for every pointer, handle and bool that a
 * local holds, also inside of structs and small arrays, in order of declaration; and the state of
 * everything that must be given back, such as ring-buffer reservations. Flows are copied where
 * control splits and joined where it meets again.
 */
#ifndef KS_SEMA_NULL_FLOW_H
#define KS_SEMA_NULL_FLOW_H

#include "frontend/sema/check.h"

enum null_state {
	NOT_NULL, // or of a source that is trusted
	MAY_BE_NULL,
	IS_NULL,
};

/* Where a null can come from; `cause` is what lies behind it in another function. */
struct null_origin {
	span where;
	const char *text;
	const struct null_origin *cause;
};

/* The way on which control came: "where this is false". */
struct null_path {
	span where;
	const char *text; // NULL: there is no choice to tell
};

/* What a bool says of a value: its state when the bool is true and when it is false. */
struct implied {
	uint32_t number; // of the value
	enum null_state states[2];
};
struct implications {
	struct implied *items;
	uint32_t count;
};

struct fact {
	enum null_state state;
	bool is_object; // points to an object of the kernel, whose layout varies
	/* Places with the same number hold the same value; 0: not numbered. */
	uint32_t number;
	uint64_t sites;                     // set of what it may point into that must be given back
	const struct implications *implies; // of a bool; NULL: nothing
	const struct null_origin *origin;   // NULL when NOT_NULL
	enum null_state path_state;         // state on the way that `path` tells
	struct null_path path;
};

/* Something that must be given back: a set of these. */
enum owned_state {
	OWNED_NONE = 1,     // not there: never taken, or null
	OWNED_HELD = 2,     // to be given back
	OWNED_DEFERRED = 4, // given back by a `defer`
	OWNED_GONE = 8,     // given back
};

struct owned {
	uint8_t states;
	span gone_where;             // where it was given back last
	struct null_path held, gone; // the way on which it is so, when there is another
};

/* Facts are kept in pages, which flows share until one of them changes a fact: a branch costs what it
 * changes, not what is known. */
enum { PAGE_FACTS = 16 };

struct fact_page {
	struct fact facts[PAGE_FACTS];
	struct fact_page *next_free;
};

struct flow {
	struct fact_page **pages;
	bool *is_own; // of each page: no other flow has it
	uint32_t count, page_cap;
	struct owned *owned; // by site; sites past the end are OWNED_NONE
	uint32_t owned_count, owned_cap;
	bool has_no_owned; // nothing was joined yet of what is owned: the way is not taken
	bool is_live;      // control can come here
	struct flow *next_free;
};

/* Where facts with a number have been. */
struct number_places {
	VEC(uint32_t) places;
};

/* Flows that are not in use, for the next that is wanted. */
struct flow_pool {
	struct arena *arena;
	struct flow *free;
	struct fact_page *free_pages;
	VEC(struct number_places) numbers; // by number; [0] is not used
};

/* The copy and the original share their pages. */
struct flow *flow_copy(struct flow_pool *pool, struct flow *from);
void flow_give_back(struct flow_pool *pool, struct flow *flow);
void flow_push(struct flow_pool *pool, struct flow *flow, struct fact fact);
static inline const struct fact *flow_fact(const struct flow *flow, uint32_t place)
{
	return &flow->pages[place / PAGE_FACTS]->facts[place % PAGE_FACTS];
}
/* The same to be changed. */
struct fact *flow_edit(struct flow_pool *pool, struct flow *flow, uint32_t place);
/* Gives the fact a number of its own when it has none. */
uint32_t flow_number(struct flow_pool *pool, struct flow *flow, uint32_t place);
/* A fact with that number is at the place in some flow. */
void flow_note_number(struct flow_pool *pool, uint32_t number, uint32_t place);
/* Forgets the variables declared after the first `count`. */
void flow_close(struct flow *flow, uint32_t count);
/* What holds in `into` or in `from`, for the variables of `into`; the paths say how control came by
 * each. True when a state changed or `into` came to life. */
bool flow_join(struct flow_pool *pool, struct flow *into, struct null_path into_path,
	       struct flow *from, struct null_path from_path);
/* The same for what is owned alone. */
bool flow_join_owned(struct flow_pool *pool, struct flow *into, struct null_path into_path,
		     const struct flow *from, struct null_path from_path);
struct fact fact_join(struct fact a, struct null_path a_path, struct fact b,
		      struct null_path b_path);
/* State of a site, which is added when it is new. */
struct owned *flow_owned(struct flow_pool *pool, struct flow *flow, uint32_t site);

#endif
