/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the walk over checked bodies that null_check.c describes: its state, and what its files
 * offer each other.
 */
#ifndef KS_SEMA_NULL_CHECK_H
#define KS_SEMA_NULL_CHECK_H

#include "frontend/sema/null_flow.h"

/* What is known of a function from outside. */
struct summary {
	struct fact result;
	struct fact *params; // what the calls seen so far pass
	bool is_queued;
	VEC(uint32_t) callers;
	/* owned_check.c */
	const struct ownership *gives; // the result must be given back; NULL: no
	bool gives_back; // some parameter is given back: all pointers among them are sites
	/* Of the parameters: states (enum owned_state) of what they point into, at its exits. */
	uint8_t *uses;
	uint32_t rounds; // how often that has changed
};

struct flow_loop {
	struct flow_loop *outer;
	struct flow *breaks, *continues;
};

/* A `try` around a statement: what holds at its catch arms. */
struct flow_try {
	struct flow_try *outer;
	const struct stmt *stmt;
	struct flow *caught;
};

/* Something that must be given back, by the place in the source where it is taken. */
struct site {
	const struct ownership *kind;
	span where;
	const char *name;         // of the call that takes it
	const struct decl *param; // taken by a caller and passed; else NULL
};

struct nulls {
	struct checker *c;
	struct flow_pool pool;
	struct summary *summaries; // by number of the function
	VEC(uint32_t) queue;
	struct map places;      // decl to place of its first fact + 1
	struct map heads;       // loop statement to the flow at its head
	struct map leaf_counts; // type to number of facts of a value of it + 1
	uint32_t number;        // function being walked
	struct flow_loop *loop;
	struct flow_try *attempt;
	/* owned_check.c */
	VEC(struct site) sites; // of the function being walked
	struct map site_at;     // call or parameter to index into sites + 1
	uint8_t *uses;          // of the parameters, in this walk; NULL: not asked for
	bool in_defer;
	struct fact *deferred_result; // what a deferred block may make of the named result, or NULL
	bool has_owned;               // something in the program must be given back
	bool judges_owned;            // every summary is known: report
};

extern const struct null_path no_path;

struct fact make_fact(struct nulls *n, enum null_state state, span where, const char *text,
		      const struct null_origin *cause);
/* The text of an expression, when it is short. */
const char *null_source_text(struct nulls *n, const struct expr *e);

/* ---- walking (null_check.c) ---- */

struct fact null_walk_expr(struct nulls *n, struct expr *e, struct flow *flow);
/* Walks a condition. `yes` becomes what holds when it is true, *no what holds when it is not. */
void null_walk_condition(struct nulls *n, struct expr *e, struct flow *yes, struct flow **no);
/* Says that `pointer`, of which `fact` holds, is used where it may be null. */
void null_report(struct nulls *n, const struct expr *pointer, struct fact fact, const char *use,
		 struct flow *flow);
/* Handles among the arguments of a call of a built-in function. */
void null_check_handles(struct nulls *n, const struct expr *call, const struct fact *args);
struct null_path null_when(const struct expr *condition, bool is_true);

/* ---- calls (null_call.c) ---- */

enum { CALL_ARGS_MAX = 8 }; // of a call, looked at

struct fact null_walk_call(struct nulls *n, struct expr *e, struct flow *flow);
/* Walks the function again, unless that is to come anyway. */
void null_enqueue(struct nulls *n, uint32_t number);

/* ---- places (null_places.c) ---- */

/* A range of facts: those of a local or of a part of one. */
struct place {
	const struct decl *decl; // NULL: nothing is known of the expression
	uint32_t first, count;   // into the facts of a flow
	bool is_exact;           // false: one of these, which one is known when it runs
};

/* What an expression names, in this flow. */
struct place null_find_place(struct nulls *n, const struct expr *e, const struct flow *flow);
/* Its single fact, or NULL. */
const struct fact *null_find_fact(struct nulls *n, const struct expr *e, const struct flow *flow);
/* The same to be changed; there is one. */
struct fact *null_edit_fact(struct nulls *n, const struct expr *e, struct flow *flow);
/* Declares a local with the value of `init` (NULL: zero). */
void null_declare(struct nulls *n, const struct decl *d, struct expr *init, struct flow *flow);
/* Declares a local with a value of which the fact holds, when it is a pointer; else a trusted one. */
void null_declare_fact(struct nulls *n, const struct decl *d, struct fact fact, struct flow *flow);
/* Walks `value` and stores it in `target`. */
void null_assign(struct nulls *n, struct expr *target, struct expr *value, struct flow *flow);
/* After a test of `e`: not null in one flow, null in the other. */
void null_narrow(struct nulls *n, const struct expr *e, struct flow *not_null, struct flow *null);
/* After a test of the bool `e`: true in one flow, false in the other. */
void null_narrow_bool(struct nulls *n, const struct expr *e, struct flow *yes, struct flow *no);

/* ---- what must be given back (owned_check.c) ---- */

/* What a call takes: the fact of its result. */
struct fact owned_take(struct nulls *n, const struct expr *call, struct fact fact,
		       struct flow *flow);
/* A call with the facts of its arguments: may give back what they point into. */
void owned_call(struct nulls *n, const struct expr *call, const struct fact *args,
		struct flow *flow);
/* `new`: the fact of its result. */
struct fact owned_new(struct nulls *n, const struct expr *e, struct fact fact, struct flow *flow);
/* `delete` of an object. */
void owned_delete(struct nulls *n, const struct expr *e, struct fact fact, struct flow *flow);
/* A read or write through a pointer. */
void owned_use(struct nulls *n, const struct expr *pointer, struct fact fact, struct flow *flow);
/* The value with these sites is known to be null (or not) from here on. */
void owned_narrow(struct nulls *n, uint64_t sites, bool is_null, struct flow *flow);
/* Parameters that may point into something to be given back. */
void owned_begin(struct nulls *n, struct flow *flow);
void owned_end(struct nulls *n);
/* Control leaves the function here; `result` holds of what it returns. */
void owned_exit(struct nulls *n, span where, struct fact result, struct flow *flow);
/* A throw of any code (call: of those that leave the callee) passes here. */
void owned_throw(struct nulls *n, const struct stmt *s, struct flow *flow);
void owned_throwing_call(struct nulls *n, const struct expr *call, struct flow *flow);
/* After the block of a `defer` was walked on a copy of the flow. */
void owned_defer(struct nulls *n, struct flow *flow, const struct flow *after);

#endif
