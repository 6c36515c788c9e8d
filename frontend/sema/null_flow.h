/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the pointers of one function at one place of it: a flow has a fact for every
 * pointer variable in scope, in order of declaration. Flows are copied where control splits and
 * joined where it meets again.
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

struct fact {
	enum null_state state;
	bool is_object;                   // points to an object of the kernel, whose layout varies
	const struct null_origin *origin; // NULL when NOT_NULL
	enum null_state path_state;       // state on the way that `path` tells
	struct null_path path;
};

struct flow {
	struct fact *facts;
	uint32_t count, cap;
	bool is_live; // control can come here
	struct flow *next_free;
};

/* Flows that are not in use, for the next that is wanted. */
struct flow_pool {
	struct arena *arena;
	struct flow *free;
};

struct flow *flow_copy(struct flow_pool *pool, const struct flow *from);
void flow_give_back(struct flow_pool *pool, struct flow *flow);
void flow_push(struct flow_pool *pool, struct flow *flow, struct fact fact);
/* Forgets the variables declared after the first `count`. */
void flow_close(struct flow *flow, uint32_t count);
/* What holds in `into` or in `from`, for the variables of `into`; the paths say how control came by
 * each. True when a state changed or `into` came to life. */
bool flow_join(struct flow *into, struct null_path into_path, const struct flow *from,
	       struct null_path from_path);
struct fact fact_join(struct fact a, struct null_path a_path, struct fact b,
		      struct null_path b_path);

#endif
