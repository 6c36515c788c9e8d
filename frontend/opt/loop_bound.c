/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops in eBPF. The verifier walks through a loop iteration by iteration, so a loop must end soon
 * in every state it can be in, or must have a guard (may_goto, Linux 6.9), which the verifier
 * takes as a way out and the kernel takes after some million rounds. For every loop:
 *
 *   counted   a phi that grows or shrinks by a constant and an exit that compares it with a number
 *             of known range, on every way round: the bound goes into the header's loop_bound
 *   cheap     bound times size, with inner loops, is affordable: the loop stays as it is
 *   guarded   otherwise, when the kernel has may_goto: an IR_LOOP_GUARD before the exit's branch; when it
 *             has bpf_loop, at the head of the header, for loop_outline
 *   error     otherwise `loop-not-bounded`
 *
 *	b1: %i = phi …                      b1: %i = phi …
 *	    %c = ult %i, %n          ->         loop_guard b3, b9
 *	    branch %c, b2, b9               b3: %c = ult %i, %n
 *	                                        branch %c, b2, b9
 *
 * A guard helps only where the verifier may forget numbers. It keeps those of which it knew the value
 * when it compared them or added them to a pointer, and what it knows of a number that grows in every round
 * grows too. So the numbers that a guarded loop carries from round to round are hidden at its head: a zero
 * that is loaded from a global is added, of which the verifier knows nothing.
 */
#include <string.h>

#include "frontend/opt/packet.h"
#include "frontend/opt/passes.h"

enum {
	/* Instructions walked for one nest, as far as they can be foretold; the verifier's own limit is
	 * a million. Where there is another way the lower number decides. */
	AFFORDABLE = 50000,
	AFFORDABLE_FORKS = 2000, // with branches inside, where states may multiply beyond that
	LAST_RESORT = 500000,
	LAST_RESORT_FORKS = 20000, // 5.10 gives up after 8192 branches that it has not followed
	MOST_STATES = 256,         // that a forking loop is taken to leave behind
	FEW_ROUNDS = 5,            // of a loop that forks inside of one with a guard
	GUARDED_ROUNDS = 4,        // after about as many the states of a guarded loop are alike
	MOST_DOUBLINGS = 10,       // forks on a computed number that the verifier is left to walk
	FORKS_OF_CALL = 8,         // that a function with branches is taken to have
};
#define MAY_GOTO_KERNEL (6u << 16 | 9u << 8)
#define BPF_LOOP_KERNEL (5u << 16 | 17u << 8)
#define UNBOUNDED UINT64_MAX

struct loop_exit {
	uint32_t block;  // UINT32_MAX: none that every round passes
	uint32_t target; // outside of the loop
};

struct loop_facts {
	uint64_t bound;        // most iterations
	uint64_t cost;         // of one iteration, in instructions
	uint64_t doublings;    // see find_doublings()
	bool forks;            // a branch goes on inside of the loop on both ways
	struct loop_exit exit; // that the bound comes from, or any
	bool needs_guard;
	bool has_guard;      // in a loop inside of it
	bool has_forks;      // likewise
	bool leaves_at_head; // the guard of loop_outline takes the way of `exit`
};

struct zero { // one that was loaded before an instruction
	ir_ref before;
	enum ir_type type;
	ir_ref value;
};

struct hidden {
	ir_ref phi, value;
	ir_ref sum; // that hides the phi; the value is it or made from it
	uint32_t loop;
};

struct bounder {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct packets numbers; // ranges of numbers
	struct loop_facts *facts;
	uint32_t *uses;  // of each instruction
	uint8_t *origin; // of each instruction, for one loop: enum origin
	VEC(struct hidden) hidden;
	VEC(struct zero) zeros;
	bool good;
};

/* What a value of a loop has to do with the numbers that the loop carries along from constants. */
enum origin {
	ORIGIN_OTHER,
	ORIGIN_CARRIED,  // is one of them
	ORIGIN_COMPUTED, // is computed from one
};

/* ---- shape ---- */

static bool is_in_loop(const struct bounder *s, uint32_t b, uint32_t loop)
{
	uint32_t l = s->ctx->loops.loop_of[b];
	while (l != UINT32_MAX && l != loop)
		l = s->ctx->loops.loops[l].parent;
	return l == loop;
}

/* Every way round the loop passes b. */
static bool is_on_every_round(const struct bounder *s, uint32_t b, uint32_t loop)
{
	uint32_t header = s->ctx->loops.loops[loop].header;
	const struct ir_block *block = &s->fn->blocks.data[header];
	for (uint32_t i = 0; i < block->preds.len; i++) {
		if (is_in_loop(s, block->preds.data[i], loop) &&
		    !ir_dominates(&s->ctx->doms, b, block->preds.data[i]))
			return false;
	}
	return true;
}

/* ---- counters ---- */

struct counter {
	ir_ref phi;
	int64_t step;
	bool is_next;       // the compared value is the phi after the step
	bool begins_known;  // all ways in bring the constant `begin`
	uint64_t begin;     // zero-extended
	uint64_t begin_max; // largest value on a way in
};

static bool is_step(const struct bounder *s, ir_ref value, ir_ref phi, int64_t *step)
{
	if (ir_is_const(value))
		return false;
	const struct ir_insn *in = ir_get(s->fn, value);
	if ((in->op != IR_ADD && in->op != IR_SUB) || in->a != phi || !ir_is_const(in->b))
		return false;
	uint64_t bits = ir_get_const(s->fn, in->b)->bits;
	int64_t amount = in->type == IR_I32 ? (int32_t)bits : (int64_t)bits;
	if (amount == 0 || amount > INT32_MAX || amount < -INT32_MAX)
		return false;
	*step = in->op == IR_ADD ? amount : -amount;
	return true;
}

/* The phi is a counter of the loop: one constant step on every way round. */
static bool read_counter(const struct bounder *s, ir_ref phi, uint32_t loop, struct counter *c)
{
	uint32_t header = s->ctx->loops.loops[loop].header;
	const struct ir_block *block = &s->fn->blocks.data[header];
	bool has_step = false, has_begin = false;
	*c = (struct counter){.phi = phi, .begins_known = true};
	for (uint32_t i = 0; i < block->preds.len; i++) {
		ir_ref value = ir_args(s->fn, phi)[i];
		if (is_in_loop(s, block->preds.data[i], loop)) {
			int64_t step;
			if (!is_step(s, value, phi, &step) || (has_step && step != c->step))
				return false;
			c->step = step;
			has_step = true;
			continue;
		}
		uint64_t most = packet_upper_bound(&s->numbers, value, block->preds.data[i]);
		c->begins_known &= ir_is_const(value) && (!has_begin || c->begin == most);
		c->begin = most;
		c->begin_max = most > c->begin_max ? most : c->begin_max;
		has_begin = true;
	}
	return has_step && has_begin;
}

/* Is `value` a counter of the loop, before or after its step? */
static bool find_counter(const struct bounder *s, ir_ref value, uint32_t loop, struct counter *c)
{
	uint32_t header = s->ctx->loops.loops[loop].header;
	if (ir_is_const(value))
		return false;
	const struct ir_insn *in = ir_get(s->fn, value);
	if (in->op == IR_PHI)
		return s->fn->block_of.data[value] == header && read_counter(s, value, loop, c);
	int64_t step;
	if ((in->op != IR_ADD && in->op != IR_SUB) || ir_is_const(in->a) ||
	    ir_get(s->fn, in->a)->op != IR_PHI || s->fn->block_of.data[in->a] != header ||
	    !is_step(s, value, in->a, &step) || !read_counter(s, in->a, loop, c))
		return false;
	c->is_next = true;
	return step == c->step;
}

/* Rounds of a counter that goes from `from` to below `limit` in steps. */
static uint64_t rounds(uint64_t from, uint64_t limit, uint64_t step)
{
	return from >= limit ? 1 : (limit - from + step - 1) / step + 1;
}

static uint64_t all_ones(enum ir_type type)
{
	return type == IR_I32 ? UINT32_MAX : UINT64_MAX;
}

/* Goes on while counter < limit (or <=), or, when `falls`, while limit < counter. */
static uint64_t bound_of_order(const struct bounder *s, const struct counter *c, ir_ref limit,
			       uint32_t b, enum ir_op op, bool falls)
{
	bool is_signed = op == IR_SLT || op == IR_SLE, or_equal = op == IR_ULE || op == IR_SLE;
	enum ir_type type = ir_type_of(s->fn, c->phi);
	uint64_t top = is_signed ? all_ones(type) >> 1 : all_ones(type);
	uint64_t most = packet_upper_bound(&s->numbers, limit, b);
	uint64_t step = (uint64_t)(c->step < 0 ? -c->step : c->step);
	if (falls) {
		// Only towards zero: a counter of unsigned type that must stay above a number.
		uint64_t least = ir_is_const(limit) ? most : 0;
		if (c->step > 0 || c->begin_max > top || least > top || (or_equal && !least))
			return UNBOUNDED;
		least -= or_equal;
		return least + 1 < step ? UNBOUNDED : rounds(least, c->begin_max, step);
	}
	if (c->step < 0 || most > top - or_equal - step)
		return UNBOUNDED;
	uint64_t from = c->begins_known && c->begin <= top ? c->begin : 0;
	if (is_signed && !c->begins_known && c->begin_max > top)
		return UNBOUNDED;
	if (is_signed && c->begins_known && c->begin > top) // negative: counts up through zero
		return rounds(0, most + or_equal + (all_ones(type) - c->begin) + 1, step);
	return rounds(from, most + or_equal, step);
}

/* Goes on while counter != limit. */
static uint64_t bound_of_unequal(const struct bounder *s, const struct counter *c, ir_ref limit)
{
	if (!ir_is_const(limit) || !c->begins_known)
		return UNBOUNDED;
	uint64_t to = ir_get_const(s->fn, limit)->bits, distance;
	uint64_t step = (uint64_t)(c->step < 0 ? -c->step : c->step);
	distance = c->step > 0 ? to - c->begin : c->begin - to;
	distance &= all_ones(ir_type_of(s->fn, c->phi));
	return distance % step ? UNBOUNDED : distance / step + 1;
}

/* Most rounds of the loop, given that it goes on when `condition` is `truth`. */
static uint64_t bound_of_condition(const struct bounder *s, ir_ref condition, bool truth,
				   uint32_t loop, uint32_t b)
{
	struct counter c;
	if (ir_is_const(condition))
		return UNBOUNDED;
	const struct ir_insn *in = ir_get(s->fn, condition);
	enum ir_op op = (enum ir_op)in->op;
	ir_ref low = in->a, high = in->b;
	if (op == IR_EQ || op == IR_NE) {
		if (truth != (op == IR_NE))
			return UNBOUNDED;
		if (!find_counter(s, low, loop, &c)) {
			low = in->b;
			high = in->a;
		}
		if (!find_counter(s, low, loop, &c))
			return UNBOUNDED;
		return bound_of_unequal(s, &c, high);
	}
	if ((op != IR_ULT && op != IR_ULE && op != IR_SLT && op != IR_SLE) ||
	    ir_type_of(s->fn, low) == IR_PTR)
		return UNBOUNDED;
	if (!truth) { // not a < b is b <= a
		ir_ref other = low;
		low = high;
		high = other;
		op = op == IR_ULT ? IR_ULE : op == IR_ULE ? IR_ULT : op == IR_SLT ? IR_SLE : IR_SLT;
	}
	bool falls = !find_counter(s, low, loop, &c);
	if (falls && !find_counter(s, high, loop, &c))
		return UNBOUNDED;
	return bound_of_order(s, &c, falls ? low : high, b, op, falls);
}

/* ---- decision ---- */

static void look_at_exit(const struct bounder *s, uint32_t loop, uint32_t b)
{
	struct loop_facts *facts = &s->facts[loop];
	const struct ir_block *block = &s->fn->blocks.data[b];
	const struct ir_insn *end = ir_get(s->fn, block->last);
	if (end->op != IR_BRANCH || !is_on_every_round(s, b, loop))
		return;
	bool stays[2] = {is_in_loop(s, block->succs[0], loop),
			 is_in_loop(s, block->succs[1], loop)};
	if (stays[0] == stays[1])
		return;
	uint64_t bound = bound_of_condition(s, end->a, stays[0], loop, b);
	if (bound < facts->bound || facts->exit.block == UINT32_MAX) {
		facts->exit = (struct loop_exit){b, block->succs[stays[0] ? 1 : 0]};
		facts->bound = bound;
	}
}

/* Instructions that the verifier walks for one. It walks a function at every call, and what the ways
 * through the function leave behind goes on separately. */
static uint64_t cost_of(const struct bounder *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->fn, r);
	if (in->op != IR_CALL)
		return 1;
	const struct ir_fn *callee = s->ctx->module->fns.data[in->index];
	uint32_t ways = callee->blocks.len < FORKS_OF_CALL ? callee->blocks.len : FORKS_OF_CALL;
	return 1 + (uint64_t)callee->insns.len * ways;
}

/* Blocks of each loop, without those of inner ones: size and exits. */
static void measure(struct bounder *s)
{
	const struct ir_loops *loops = &s->ctx->loops;
	for (uint32_t l = 0; l < loops->count; l++)
		s->facts[l] = (struct loop_facts){.bound = UNBOUNDED, .exit.block = UINT32_MAX};
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i], innermost = loops->loop_of[b];
		if (innermost == UINT32_MAX)
			continue;
		const struct ir_block *block = &s->fn->blocks.data[b];
		for (ir_ref r = block->first; r; r = s->fn->next.data[r])
			s->facts[innermost].cost += cost_of(s, r);
		uint32_t staying = 0;
		for (uint32_t k = 0; k < block->succ_count; k++)
			staying += is_in_loop(s, block->succs[k], innermost);
		s->facts[innermost].forks |= staying > 1;
		// An exit may leave several loops at once.
		for (uint32_t l = innermost; l != UINT32_MAX; l = loops->loops[l].parent)
			look_at_exit(s, l, b);
	}
}

/* ---- doubling ---- */

static uint64_t multiply(uint64_t a, uint64_t b);

static enum origin origin_of(const struct bounder *s, ir_ref r)
{
	return r && !ir_is_const(r) ? (enum origin)s->origin[r] : ORIGIN_OTHER;
}

/* May the verifier know the value exactly? The parameters of a subprogram are what its caller gives. */
static bool may_be_known(const struct bounder *s, ir_ref r)
{
	return ir_is_const(r) || (ir_get(s->fn, r)->op == IR_PARAM && !s->fn->program);
}

/* `value` is the number plus or minus something. */
static bool moves_by_itself(const struct bounder *s, ir_ref phi, ir_ref value)
{
	for (uint32_t depth = 0; depth < 4 && !ir_is_const(value); depth++) {
		const struct ir_insn *in = ir_get(s->fn, value);
		if (in->op == IR_PHI && ir_arg_count(s->fn, value) && value != phi)
			value = ir_args(s->fn, value)[0]; // one way of several is enough
		else
			return (in->op == IR_ADD || in->op == IR_SUB) &&
			       (in->a == phi || in->b == phi);
	}
	return false;
}

static bool is_carried(const struct bounder *s, ir_ref phi, uint32_t loop)
{
	const struct ir_block *header = &s->fn->blocks.data[s->ctx->loops.loops[loop].header];
	struct counter c;
	if (ir_get(s->fn, phi)->type == IR_PTR || read_counter(s, phi, loop, &c))
		return false;
	for (uint32_t i = 0; i < header->preds.len; i++) {
		ir_ref value = ir_args(s->fn, phi)[i];
		if (!is_in_loop(s, header->preds.data[i], loop) ? may_be_known(s, value)
								: moves_by_itself(s, phi, value))
			return true;
	}
	return false;
}

/* One walk over the blocks of a loop; true when something new was found. */
static bool spread_origins(struct bounder *s, uint32_t loop)
{
	bool is_new = false;
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i];
		if (!is_in_loop(s, b, loop))
			continue;
		for (ir_ref r = s->fn->blocks.data[b].first; r; r = s->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(s->fn, r);
			enum origin most = origin_of(s, r);
			bool is_copy = in->op == IR_PHI || in->op == IR_SELECT;
			if (!is_copy && in->op != IR_CALL && ir_ops[in->op].effect != IR_EFF_PURE)
				continue;
			for (uint32_t k = 0; k < ir_operand_count(s->fn, r); k++) {
				enum origin of = origin_of(s, *ir_operand(s->fn, r, k));
				if (of && !is_copy)
					of = ORIGIN_COMPUTED;
				most = of > most ? of : most;
			}
			is_new |= most != s->origin[r];
			s->origin[r] = (uint8_t)most;
		}
	}
	return is_new;
}

static bool computes_itself(const struct bounder *s, uint32_t loop)
{
	const struct ir_block *header = &s->fn->blocks.data[s->ctx->loops.loops[loop].header];
	for (ir_ref phi = header->first; ir_get(s->fn, phi)->op == IR_PHI;
	     phi = s->fn->next.data[phi])
		for (uint32_t i = 0; is_carried(s, phi, loop) && i < header->preds.len; i++)
			if (is_in_loop(s, header->preds.data[i], loop) &&
			    origin_of(s, ir_args(s->fn, phi)[i]) == ORIGIN_COMPUTED)
				return true;
	return false;
}

/* Rounds of the loops from the innermost one around b out to `loop`. */
static uint64_t rounds_around(const struct bounder *s, uint32_t b, uint32_t loop)
{
	uint64_t product = 1;
	for (uint32_t l = s->ctx->loops.loop_of[b];; l = s->ctx->loops.loops[l].parent) {
		product = multiply(product, s->facts[l].bound);
		if (l == loop)
			return product;
	}
}

/* A carried number is added to a pointer: the verifier tells all its values apart, whatever made them. */
static bool moves_pointers(const struct bounder *s, uint32_t loop)
{
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i];
		if (!is_in_loop(s, b, loop))
			continue;
		for (ir_ref r = s->fn->blocks.data[b].first; r; r = s->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(s->fn, r);
			if (in->op == IR_PTRADD && origin_of(s, in->b))
				return true;
		}
	}
	return false;
}

/* Forks of a block, on a carried number unless `any`: its own, and functions that get one and may fork on
 * it. */
static uint64_t forks_of(const struct bounder *s, uint32_t b, bool any)
{
	const struct ir_block *block = &s->fn->blocks.data[b];
	uint32_t forks = 0, staying = 0;
	for (ir_ref r = block->first; r; r = s->fn->next.data[r]) {
		const struct ir_insn *in = ir_get(s->fn, r);
		if (in->op == IR_CALL && origin_of(s, r))
			forks += s->ctx->module->fns.data[in->index]->blocks.len > 1 ? FORKS_OF_CALL
										     : 0;
	}
	const struct ir_insn *end = ir_get(s->fn, block->last);
	for (uint32_t k = 0; k < block->succ_count; k++)
		staying += is_in_loop(s, block->succs[k], s->ctx->loops.loop_of[b]);
	bool is_fork = end->op == IR_BRANCH ? any || origin_of(s, end->a) : any;
	return forks + (is_fork && staying > 1 ? staying - 1 : 0);
}

/* How many forks the verifier meets whose condition comes from a number that the loop computes from
 * round to round, beginning with a constant (a checksum, a count that is compared): it tells the
 * values apart that the ways of each fork give, so its states can double every time. */
static void find_doublings(struct bounder *s, uint32_t loop)
{
	const struct ir_block *header = &s->fn->blocks.data[s->ctx->loops.loops[loop].header];
	bool has_carried = false;
	for (ir_ref phi = header->first; ir_get(s->fn, phi)->op == IR_PHI;
	     phi = s->fn->next.data[phi])
		has_carried |= is_carried(s, phi, loop);
	if (!has_carried)
		return;
	memset(s->origin, 0, s->fn->insns.len);
	for (ir_ref phi = header->first; ir_get(s->fn, phi)->op == IR_PHI;
	     phi = s->fn->next.data[phi])
		if (is_carried(s, phi, loop))
			s->origin[phi] = ORIGIN_CARRIED;
	while (spread_origins(s, loop))
		;
	if (!computes_itself(s, loop))
		return;
	bool any = moves_pointers(s, loop);
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i];
		if (!is_in_loop(s, b, loop))
			continue;
		uint64_t forks = forks_of(s, b, any);
		uint64_t more = forks ? multiply(forks, rounds_around(s, b, loop)) : 0;
		if (__builtin_add_overflow(s->facts[loop].doublings, more,
					   &s->facts[loop].doublings))
			s->facts[loop].doublings = UNBOUNDED;
	}
}

/* ---- costs ---- */

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;
	return __builtin_mul_overflow(a, b, &product) ? UNBOUNDED : product;
}

static void report_unbounded(struct bounder *s, uint32_t loop)
{
	const struct loop_facts *facts = &s->facts[loop];
	uint32_t header = s->ctx->loops.loops[loop].header;
	uint32_t b = facts->exit.block == UINT32_MAX ? header : facts->exit.block;
	const char *why = "the number of its rounds is not known when the program is compiled";
	if (facts->bound != UNBOUNDED)
		why = arena_printf(
			&s->ctx->compile->session,
			"the kernel follows at most about %u instructions of a loop, and "
			"this one takes %llu rounds of %llu",
			(unsigned)LAST_RESORT, (unsigned long long)facts->bound,
			(unsigned long long)facts->cost);
	else if (facts->exit.block == UINT32_MAX)
		why = "no condition is tested in every round that could end it";
	diag_report(&s->ctx->compile->diags, D_LOOP_NOT_BOUNDED,
		    s->fn->spans.data[s->fn->blocks.data[b].last], why);
	s->good = false;
}

/* Instructions that the verifier walks, at worst. The states that the ways through one round leave
 * may all differ in the next. */
static uint64_t total_cost(const struct loop_facts *facts)
{
	uint64_t total = multiply(facts->bound, facts->cost);
	uint64_t states = facts->bound < MOST_STATES ? facts->bound : MOST_STATES;
	return facts->forks && states > 2 ? multiply(total, states / 2) : total;
}

/* Inner loops come after outer ones, so walking backwards adds up costs. */
static void decide(struct bounder *s)
{
	const struct ir_loops *loops = &s->ctx->loops;
	for (uint32_t l = loops->count; l-- > 0;) {
		struct loop_facts *facts = &s->facts[l];
		uint64_t total = total_cost(facts);
		if (ir_find_each(s->ctx->module, s->fn, loops->loops[l].header)) {
			// The kernel calls it; its verifier follows two rounds.
			if (loops->loops[l].parent != UINT32_MAX)
				s->facts[loops->loops[l].parent].cost += multiply(facts->cost, 2);
			continue;
		}
		bool has_guards = s->ctx->options->kernel >= BPF_LOOP_KERNEL;
		if (facts->bound <= UINT32_MAX)
			s->fn->blocks.data[loops->loops[l].header].loop_bound =
				(uint32_t)facts->bound;
		if (has_guards)
			find_doublings(s, l);
		uint64_t most = facts->forks || facts->has_forks ? AFFORDABLE_FORKS : AFFORDABLE;
		if (!has_guards)
			most = most == AFFORDABLE ? LAST_RESORT : LAST_RESORT_FORKS;
		// At a guard the verifier forgets the counters of the loops around.
		bool must = facts->has_guard && s->ctx->options->kernel >= MAY_GOTO_KERNEL;
		if (must || facts->doublings > MOST_DOUBLINGS || total > most) {
			facts->needs_guard = true;
			total = multiply(facts->cost, GUARDED_ROUNDS);
			if (!has_guards)
				report_unbounded(s, l);
		}
		if (loops->loops[l].parent == UINT32_MAX)
			continue;
		struct loop_facts *outer = &s->facts[loops->loops[l].parent];
		outer->cost += total;
		outer->has_forks |= facts->forks || facts->has_forks;
		outer->has_guard |= facts->needs_guard || facts->has_guard;
	}
}

/*
 * As long as a loop with a guard is not walked to its end, the verifier takes states for alike only when all in them
 * is: what the branches of a loop inside of it leave behind goes on separately, unless that has a guard, too.
 */
static void guard_inner_loops(struct bounder *s)
{
	const struct ir_loops *loops = &s->ctx->loops;
	for (uint32_t l = 0; l < loops->count; l++) { // outer ones come first
		uint32_t outer = loops->loops[l].parent;
		bool is_inside = outer != UINT32_MAX && s->facts[outer].needs_guard;
		if (is_inside && s->facts[l].forks && s->facts[l].bound > FEW_ROUNDS &&
		    !ir_find_each(s->ctx->module, s->fn, loops->loops[l].header))
			s->facts[l].needs_guard = true;
	}
}

/* ---- guards ---- */

/* Cuts a block before `at`; the front part is left without an end. */
static uint32_t split_before(struct ir_fn *fn, uint32_t b, ir_ref at)
{
	ir_ref zero = ir_const(fn, IR_I32, 0);
	ir_ref mark = ir_insert_before(
		fn, at, (struct ir_insn){.op = IR_ADD, .type = IR_I32, .a = zero, .b = zero});
	uint32_t rest = ir_split_block(fn, b, mark);
	ir_remove(fn, mark);
	return rest;
}

/* Before the branch of an exit, and before its comparison when only the branch uses that, so that
 * the two stay together. The guard leaves the loop where the branch does. */
static void guard_exit(struct bounder *s, const struct loop_exit *exit)
{
	struct ir_fn *fn = s->fn;
	ir_ref end = fn->blocks.data[exit->block].last, at = end;
	if (fn->prev.data[end] == ir_get(fn, end)->a && s->uses[ir_get(fn, end)->a] == 1 &&
	    ir_get(fn, ir_get(fn, end)->a)->op != IR_PHI)
		at = ir_get(fn, end)->a;
	uint32_t rest = split_before(fn, exit->block, at);
	struct ir_builder b = {.fn = fn, .block = exit->block, .where = fn->spans.data[end]};
	ir_emit_loop_guard(&b, rest, exit->target);
	// The new edge brings what the old one did.
	uint32_t from = ir_pred_index(fn, exit->target, exit->block);
	uint32_t like = ir_pred_index(fn, exit->target, rest);
	for (ir_ref r = fn->blocks.data[exit->target].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r])
		ir_args(fn, r)[from] = ir_args(fn, r)[like];
}

static bool is_known_in_header(const struct bounder *s, ir_ref r, uint32_t loop)
{
	if (ir_is_const(r) || !is_in_loop(s, s->fn->block_of.data[r], loop))
		return true;
	return ir_get(s->fn, r)->op == IR_PHI &&
	       s->fn->block_of.data[r] == s->ctx->loops.loops[loop].header;
}

/* Whoever leaves the loop at its head, by the way of the exit, has all values that are wanted after it. */
static bool may_leave_at_head(const struct bounder *s, uint32_t loop, const struct loop_exit *exit)
{
	const struct ir_fn *fn = s->fn;
	if (exit->block == UINT32_MAX)
		return false;
	uint32_t pred = ir_pred_index(fn, exit->target, exit->block);
	for (ir_ref r = fn->blocks.data[exit->target].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r])
		if (!is_known_in_header(s, ir_args(fn, r)[pred], loop))
			return false;
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i];
		if (is_in_loop(s, b, loop))
			continue;
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			bool is_phi = ir_get(fn, r)->op == IR_PHI;
			for (uint32_t k = 0; !is_phi && k < ir_operand_count(fn, r); k++) {
				ir_ref operand = *ir_operand(fn, r, k);
				if (operand && !is_known_in_header(s, operand, loop))
					return false;
			}
		}
	}
	return true;
}

/* For loop_outline: the guard at the head leads where the exit does, if it can. */
static void guard_head(struct bounder *s, uint32_t loop)
{
	struct ir_fn *fn = s->fn;
	const struct loop_exit *exit = &s->facts[loop].exit;
	uint32_t header = s->ctx->loops.loops[loop].header;
	ir_ref first = fn->blocks.data[header].first;
	uint32_t from = UINT32_MAX;
	while (ir_get(fn, first)->op == IR_PHI)
		first = fn->next.data[first];
	if (s->facts[loop].leaves_at_head)
		from = ir_pred_index(fn, exit->target, exit->block);
	span where = fn->spans.data[first];
	uint32_t rest = split_before(fn, header, first);
	uint32_t spent = from == UINT32_MAX ? ir_add_block(fn) : exit->target;
	struct ir_builder b = {.fn = fn, .block = header, .where = where};
	ir_emit_loop_guard(&b, rest, spent);
	b.block = spent;
	if (from == UINT32_MAX) {
		ir_emit_return(&b, fn->result == IR_VOID
					   ? IR_REF_NONE
					   : ir_const(fn, (enum ir_type)fn->result, 0));
		return;
	}
	for (ir_ref r = fn->blocks.data[spent].first; ir_get(fn, r)->op == IR_PHI;
	     r = fn->next.data[r])
		ir_args(fn, r)[ir_arg_count(fn, r) - 1] = ir_args(fn, r)[from];
}

/* A loop without an exit that every round passes: when the budget is spent the function returns. */
static void guard_header(struct bounder *s, uint32_t header)
{
	struct ir_fn *fn = s->fn;
	ir_ref first = fn->blocks.data[header].first;
	while (ir_get(fn, first)->op == IR_PHI)
		first = fn->next.data[first];
	span where = fn->spans.data[first];
	uint32_t rest = split_before(fn, header, first);
	uint32_t spent = ir_add_block(fn);
	struct ir_builder b = {.fn = fn, .block = header, .where = where};
	ir_emit_loop_guard(&b, rest, spent);
	b.block = spent;
	ir_emit_return(&b, fn->result == IR_VOID ? IR_REF_NONE
						 : ir_const(fn, (enum ir_type)fn->result, 0));
}

/* Global that is zero and that the verifier knows nothing of. */
static uint32_t zero_global(struct bounder *s)
{
	struct ir_module *m = s->ctx->module;
	symbol name = intern_string(&s->ctx->compile->names, "__ks_zero");
	for (uint32_t g = 0; g < m->globals.len; g++) {
		if (m->globals.data[g].name == name)
			return g;
	}
	uint32_t dtype = ir_add_dtype(
		m, (struct ir_dtype){.kind = IR_DTYPE_INT,
				     .name = intern_string(&s->ctx->compile->names, "u64"),
				     .size = 8});
	return ir_add_global(m, (struct ir_global){.name = name,
						   .section = IR_SECTION_BSS,
						   .size = 8,
						   .align = 8,
						   .dtype = dtype});
}

/* A zero of which the verifier knows nothing, loaded before `before`. */
static ir_ref load_zero(struct bounder *s, enum ir_type type, ir_ref before)
{
	uint32_t global = zero_global(s);
	for (uint32_t i = 0; i < s->zeros.len; i++)
		if (s->zeros.data[i].before == before && s->zeros.data[i].type == type)
			return s->zeros.data[i].value;
	ir_ref address = ir_insert_before(
		s->fn, before, (struct ir_insn){.op = IR_GLOBAL, .type = IR_PTR, .index = global});
	struct zero zero = {before, type, IR_REF_NONE};
	zero.value = ir_insert_before(
		s->fn, before,
		(struct ir_insn){.op = IR_LOAD,
				 .type = (uint8_t)type,
				 .aux = ir_mem_aux(type == IR_I32 ? 4 : 8, false, IR_SPACE_GLOBAL),
				 .a = address});
	vec_push(s->ctx->scratch, &s->zeros, zero);
	return zero.value;
}

/* The verifier still gets to know that the value is at most `most`: checks may have been left out for
 * that. */
static ir_ref hide(struct bounder *s, ir_ref value, ir_ref zero, uint64_t most, ir_ref before)
{
	struct ir_fn *fn = s->fn;
	enum ir_type type = ir_type_of(fn, value);
	uint64_t mask = most ? UINT64_MAX >> __builtin_clzll(most) : 0;
	ir_ref hidden = zero;
	if (!ir_is_const(value) || ir_get_const(fn, value)->bits)
		hidden = ir_insert_before(
			fn, before,
			(struct ir_insn){
				.op = IR_ADD, .type = (uint8_t)type, .a = value, .b = zero});
	if (mask >= all_ones(type))
		return hidden;
	return ir_insert_before(fn, before,
				(struct ir_insn){.op = IR_AND,
						 .type = (uint8_t)type,
						 .a = hidden,
						 .b = ir_const(fn, type, mask)});
}

/* A number that some way round adds to or subtracts from. */
static bool is_stepped(const struct bounder *s, ir_ref phi, uint32_t loop)
{
	uint32_t header = s->ctx->loops.loops[loop].header;
	for (uint32_t i = 0; i < ir_arg_count(s->fn, phi); i++) {
		ir_ref value = ir_args(s->fn, phi)[i];
		if (ir_is_const(value) ||
		    !is_in_loop(s, s->fn->blocks.data[header].preds.data[i], loop))
			continue;
		const struct ir_insn *in = ir_get(s->fn, value);
		if ((in->op == IR_ADD || in->op == IR_SUB) && (in->a == phi || in->b == phi))
			return true;
	}
	return false;
}

/* What the verifier knows of a number that grows from round to round grows too, and it keeps that where
 * the number decides a branch or is added to a pointer. So the number is hidden again in every round. */
static void hide_round(struct bounder *s, uint32_t loop, ir_ref phi, uint64_t most)
{
	struct ir_fn *fn = s->fn;
	enum ir_type type = ir_type_of(fn, phi);
	uint32_t above = s->ctx->doms.idom[s->ctx->loops.loops[loop].header];
	ir_ref zero = load_zero(s, type, fn->blocks.data[above].last), at = phi;
	while (ir_get(fn, at)->op == IR_PHI)
		at = fn->next.data[at];
	struct hidden h = {.phi = phi, .loop = loop};
	h.value = hide(s, phi, zero, most, at);
	h.sum = ir_get(fn, h.value)->op == IR_ADD ? h.value : ir_get(fn, h.value)->a;
	vec_push(s->ctx->scratch, &s->hidden, h);
}

/* Uses of the phis become uses of the hidden values; where the loop can be left at its head, only those
 * inside of the loop. */
static void use_hidden(struct bounder *s, bool only_inside)
{
	struct ir_fn *fn = s->fn;
	if (!s->hidden.len)
		return;
	uint32_t *hidden_by = ARENA_ARRAY(s->ctx->scratch, uint32_t, fn->insns.len);
	for (uint32_t i = 0; i < s->hidden.len; i++)
		hidden_by[s->hidden.data[i].phi] = i + 1;
	for (uint32_t i = 0; i < s->ctx->doms.rpo_count; i++) {
		uint32_t b = s->ctx->doms.rpo[i];
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			for (uint32_t k = 0; k < ir_operand_count(fn, r); k++) {
				ir_ref *operand = ir_operand(fn, r, k);
				if (!*operand || ir_is_const(*operand) || !hidden_by[*operand])
					continue;
				const struct hidden *h = &s->hidden.data[hidden_by[*operand] - 1];
				if (!only_inside || is_in_loop(s, b, h->loop))
					*operand = h->value;
			}
	}
	for (uint32_t i = 0; i < s->hidden.len; i++)
		ir_get(fn, s->hidden.data[i].sum)->a = s->hidden.data[i].phi;
}

static void hide_numbers(struct bounder *s, uint32_t loop)
{
	struct ir_fn *fn = s->fn;
	uint32_t header = s->ctx->loops.loops[loop].header;
	for (ir_ref phi = fn->blocks.data[header].first; ir_get(fn, phi)->op == IR_PHI;
	     phi = fn->next.data[phi]) {
		struct counter c;
		bool is_number = ir_get(fn, phi)->type != IR_PTR;
		bool is_counter = is_number && read_counter(s, phi, loop, &c);
		if (is_number && (is_stepped(s, phi, loop) || is_carried(s, phi, loop)))
			hide_round(s, loop, phi,
				   is_counter ? UINT64_MAX
					      : packet_upper_bound(&s->numbers, phi, header));
	}
}

/*
 * At the guard of a loop around it the verifier may forget what it knows of a number that a plain loop counts up
 * to: it is told again where that loop begins.
 */
static void repeat_limits(struct bounder *s)
{
	const struct ir_loops *loops = &s->ctx->loops;
	struct ir_fn *fn = s->fn;
	for (uint32_t l = 0; l < loops->count; l++) {
		uint32_t outer = loops->loops[l].parent;
		const struct loop_facts *facts = &s->facts[l];
		while (outer != UINT32_MAX && !s->facts[outer].needs_guard)
			outer = loops->loops[outer].parent;
		if (outer == UINT32_MAX || facts->needs_guard || facts->exit.block == UINT32_MAX)
			continue;
		ir_ref end = fn->blocks.data[facts->exit.block].last, compare = ir_get(fn, end)->a;
		if (ir_is_const(compare) || compare >= s->numbers.count)
			continue;
		for (int side = 0; side < 2; side++) {
			const struct ir_insn *in = ir_get(fn, compare);
			ir_ref limit = side ? in->b : in->a;
			if ((in->op != IR_ULT && in->op != IR_ULE && in->op != IR_SLT &&
			     in->op != IR_SLE) ||
			    ir_is_const(limit) || is_in_loop(s, fn->block_of.data[limit], l))
				continue;
			uint64_t most = packet_upper_bound(&s->numbers, limit, facts->exit.block);
			if (most <= INT32_MAX && limit < s->numbers.count)
				loop_cut_limit(s->ctx, fn, l, compare, limit, most);
		}
	}
}

static void keep_offsets(struct bounder *s)
{
	bool *is_guarded = ARENA_ARRAY(s->ctx->scratch, bool, s->ctx->loops.count), any = false;
	for (uint32_t l = 0; l < s->ctx->loops.count; l++)
		any |= is_guarded[l] = s->facts[l].needs_guard;
	if (any)
		loop_keep_offsets(s->ctx, s->fn, &s->numbers, is_guarded);
}

bool opt_loop_bound(struct opt_context *ctx, struct ir_fn *fn)
{
	if (!ctx->loops.count)
		return true;
	if (ctx->options->kernel >=
	    BPF_LOOP_KERNEL) // where a loop that turns out dear can have a guard
		loop_tidy_counters(ctx, fn);
	struct bounder s = {.ctx = ctx, .fn = fn, .good = true};
	s.facts = ARENA_ARRAY(ctx->scratch, struct loop_facts, ctx->loops.count);
	s.uses = ir_count_uses(fn, ctx->scratch);
	s.origin = ARENA_ARRAY(ctx->scratch, uint8_t, fn->insns.len);
	packet_analyse(&s.numbers, ctx, fn);
	measure(&s);
	decide(&s);
	if (!s.good)
		return false;
	bool is_outlined = ctx->options->kernel < MAY_GOTO_KERNEL;
	if (!is_outlined)
		guard_inner_loops(&s);
	for (uint32_t l = 0; l < ctx->loops.count; l++)
		if (s.facts[l].needs_guard)
			hide_numbers(&s, l);
	use_hidden(&s, is_outlined);
	if (!is_outlined)
		repeat_limits(&s);
	keep_offsets(&s);
	for (uint32_t l = 0; l < ctx->loops.count; l++)
		if (s.facts[l].needs_guard && is_outlined)
			s.facts[l].leaves_at_head = may_leave_at_head(&s, l, &s.facts[l].exit);
	/* From here on there are blocks that the analyses do not know. */
	for (uint32_t l = 0; l < ctx->loops.count; l++) {
		if (!s.facts[l].needs_guard)
			continue;
		if (is_outlined)
			guard_head(&s, l);
		else
			zero_global(&s); // code generation prepares the frame with it
		if (is_outlined)
			continue;
		if (s.facts[l].exit.block != UINT32_MAX)
			guard_exit(&s, &s.facts[l].exit);
		else
			guard_header(&s, ctx->loops.loops[l].header);
	}
	return true;
}
