/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defer: what runs when a function, or the block of a defer, ends; the last one first. The arguments of
 * a deferred call were put into hidden locals by the checker, which get their values here.
 *
 * Outside of loops control passes the defers of a function in the order of the source, each at most
 * once, so that a flag for each is enough and the order is fixed. A single one without arguments in a
 * loop needs a count. All other defers within one outermost loop share a log, which has a record for
 * every time that control passed one of them: which it was and what it captured. At the end the
 * records are taken from the log, last first. Userspace chains records on the heap. eBPF code has an
 * array for them on its stack, which wants loops with constant bounds and few records.
 */
#include "frontend/lower/lower_internal.h"

enum {
	LOG_MAX_BYTES = 192, // of the stack of an eBPF function
	NEXT_AT = 0,         // in a record of userspace
	WHICH_AT_HOST = 8,
	HEADER_HOST = 16,
	WHICH_AT_BPF = 0,
	HEADER_BPF = 8,
};

/* ---- finding them ---- */

struct ancestor {
	const struct stmt *stmt; // a loop or a defer
	uint64_t rounds;         // of a loop; 0: not known
};

struct search {
	struct body *f;
	VEC(struct ancestor) around; // the statement that is being visited
};

static bool is_loop(const struct stmt *s)
{
	return s->kind == STMT_WHILE || s->kind == STMT_FOR_RANGE || s->kind == STMT_FOR_MAP;
}

/* Rounds of a loop; 0 when they are not constant. */
static uint64_t count_rounds(const struct stmt *s)
{
	const struct expr *step = s->kind == STMT_FOR_RANGE ? s->range.step : NULL;
	if (s->kind != STMT_FOR_RANGE || !s->range.begin->is_const || !s->range.end->is_const ||
	    (step && !step->is_const))
		return 0;
	int64_t begin = (int64_t)s->range.begin->value, end = (int64_t)s->range.end->value;
	int64_t each = step ? (int64_t)step->value : 1;
	if (each <= 0 || end <= begin)
		return 1;
	uint64_t span = (uint64_t)end - (uint64_t)begin;
	return span / (uint64_t)each + (span % (uint64_t)each != 0);
}

static void note_defer(struct search *search, struct stmt *stmt)
{
	struct body *f = search->f;
	struct deferred deferred = {.stmt = stmt, .rounds = 1};
	for (uint32_t i = search->around.len; i-- > 0;) {
		const struct ancestor *up = &search->around.data[i];
		if (up->stmt->kind == STMT_DEFER) {
			deferred.outer = up->stmt->deferral.block;
			break;
		}
		deferred.loop = up->stmt;
		deferred.rounds *= up->rounds > LOG_MAX_BYTES ? 0 : up->rounds;
		if (deferred.rounds > LOG_MAX_BYTES)
			deferred.rounds = 0;
	}
	vec_push(f->m->arena, &f->defers, deferred);
	f->has_defer = true;
}

static void visit(void *data, struct stmt *stmt)
{
	struct search *search = data;
	while (search->around.len && vec_last(&search->around).stmt->where.end <= stmt->where.begin)
		search->around.len--;
	if (stmt->kind == STMT_DEFER)
		note_defer(search, stmt);
	if (stmt->kind == STMT_DEFER || is_loop(stmt)) {
		struct ancestor up = {stmt, is_loop(stmt) ? count_rounds(stmt) : 1};
		vec_push(&search->f->lw->making, &search->around, up);
	}
}

/* ---- logs ---- */

static uint32_t captured_size(const struct type *type)
{
	return (type->size + 7) & ~7u;
}

static uint32_t find_log(struct body *f, const struct stmt *loop)
{
	for (uint32_t i = 0; i < f->logs.len; i++)
		if (f->logs.data[i].loop == loop)
			return i;
	struct defer_log log = {.loop = loop};
	bool is_host = f->target == IR_TARGET_HOST;
	log.size = log.header = is_host ? HEADER_HOST : HEADER_BPF;
	vec_push(f->m->arena, &f->logs, log);
	return f->logs.len - 1;
}

static bool shares_loop(const struct body *f, uint32_t index)
{
	for (uint32_t i = 0; i < f->defers.len; i++)
		if (i != index && f->defers.data[i].loop == f->defers.data[index].loop)
			return true;
	return false;
}

static void add_to_log(struct body *f, struct deferred *deferred)
{
	uint32_t index = find_log(f, deferred->loop), size;
	struct defer_log *log = &f->logs.data[index];
	size = log->header;
	for (uint32_t i = 0; i < deferred->stmt->deferral.captures.len; i++)
		size += captured_size(deferred->stmt->deferral.captures.data[i]->type);
	if (size > log->size)
		log->size = size;
	log->most += (uint32_t)deferred->rounds;
	deferred->log = index + 1;
}

/* What an eBPF function cannot hold. */
static void check_log(struct body *f, const struct defer_log *log)
{
	for (uint32_t i = 0; i < f->defers.len; i++) {
		const struct deferred *d = &f->defers.data[i];
		if (d->loop != log->loop)
			continue;
		if (!d->rounds || (uint64_t)log->most * log->size > LOG_MAX_BYTES) {
			diag_report(&f->lw->compile->diags, D_DEFER_IN_LOOP, d->stmt->where);
			return;
		}
	}
}

static void make_log(struct body *f, struct defer_log *log)
{
	if (f->target == IR_TARGET_HOST) {
		log->slot = raw_slot(f, 8, 8);
		store_word(f, log->slot, IR_PTR, null_ptr(f));
		return;
	}
	check_log(f, log);
	if ((uint64_t)log->most * log->size > LOG_MAX_BYTES)
		log->most = 1;
	if (!log->most)
		log->most = 1;
	uint32_t bytes = log->most * log->size;
	log->slot = raw_slot(f, 8, 8);
	store_word(f, log->slot, IR_I64, const64(f, 0));
	log->array = raw_slot(f, bytes, 8);
	struct place records = slot_place(f, log->array);
	zero_object(f, &records, bytes);
}

void find_defers(struct body *f)
{
	struct search search = {.f = f};
	struct ast_walk walk = {.stmt = visit, .data = &search};
	ast_walk_block(&walk, f->decl->func.body);
	for (uint32_t i = 0; i < f->defers.len; i++) {
		struct deferred *deferred = &f->defers.data[i];
		if (deferred->loop &&
		    (deferred->stmt->deferral.captures.len || shares_loop(f, i))) {
			add_to_log(f, deferred);
			continue;
		}
		deferred->count_slot = raw_slot(f, 4, 4);
		store_word(f, deferred->count_slot, IR_I32, const32(f, 0));
	}
	for (uint32_t i = 0; i < f->logs.len; i++)
		make_log(f, &f->logs.data[i]);
}

/* The record with that number, eBPF. */
static struct place bpf_record(struct body *f, const struct defer_log *log, ir_ref number)
{
	struct place record = slot_place(f, log->array);
	record.align = 8;
	place_guard(f, &record, ir_emit(&f->b, IR_ULT, IR_I32, number, const64(f, log->most)));
	place_add_term(f, &record, number, log->size);
	return record;
}

/* Copies what was captured into a record or out of it. */
static void copy_captures(struct body *f, const struct defer_log *log, struct place record,
			  const struct stmt *stmt, bool is_into)
{
	const decl_list *captures = &stmt->deferral.captures;
	uint32_t offset = log->header;
	for (uint32_t i = 0; i < captures->len; i++) {
		const struct type *type = captures->data[i]->type;
		struct place held = place_at(record, offset);
		struct place local = slot_place(f, local_of(captures->data[i])->slot);
		copy_member(f, is_into ? &held : &local, is_into ? &local : &held, type);
		offset += captured_size(type);
	}
}

/* ---- the statement ---- */

static void log_on_heap(struct body *f, const struct defer_log *log, uint32_t which,
			const struct stmt *stmt)
{
	const struct type *number = f->lw->program->types.u64, *link = f->lw->program->types.null;
	ir_ref size = const64(f, log->size);
	ir_ref made = call_runtime(f, "ks_new", IR_PTR, IR_EFFECT_OTHER, &size, 1);
	guard_memory(f, made, stmt->where);
	struct place record = pointer_place(made, 8);
	struct place next = place_at(record, NEXT_AT), kind = place_at(record, WHICH_AT_HOST);
	store_unguarded(f, &next, link, load_word(f, log->slot, IR_PTR));
	store_unguarded(f, &kind, number, const64(f, which));
	copy_captures(f, log, record, stmt, true);
	store_word(f, log->slot, IR_PTR, made);
}

static void log_on_stack(struct body *f, const struct defer_log *log, uint32_t which,
			 const struct stmt *stmt)
{
	ir_ref count = load_word(f, log->slot, IR_I64);
	struct place record = bpf_record(f, log, count);
	uint32_t done = new_block(f);
	place_enter(f, &record, done);
	record.guard_count = 0;
	struct place kind = place_at(record, WHICH_AT_BPF);
	store_unguarded(f, &kind, f->lw->program->types.u64, const64(f, which));
	copy_captures(f, log, record, stmt, true);
	store_word(f, log->slot, IR_I64, ir_emit(&f->b, IR_ADD, IR_I64, count, const64(f, 1)));
	jump_to(f, done);
	start_block(f, done);
}

void lower_defer(struct body *f, struct stmt *stmt)
{
	uint32_t i = 0;
	while (f->defers.data[i].stmt != stmt)
		i++;
	struct deferred *deferred = &f->defers.data[i];
	deferred->is_reached = true;
	for (uint32_t j = 0; j < stmt->deferral.captures.len; j++)
		lower_local(f, stmt->deferral.captures.data[j]);
	f->b.where = stmt->where;
	if (deferred->log && f->target == IR_TARGET_HOST) {
		log_on_heap(f, &f->logs.data[deferred->log - 1], i, stmt);
	} else if (deferred->log) {
		log_on_stack(f, &f->logs.data[deferred->log - 1], i, stmt);
	} else {
		ir_ref count = const32(f, 1);
		if (deferred->loop)
			count = ir_emit(&f->b, IR_ADD, IR_I32,
					load_word(f, deferred->count_slot, IR_I32), count);
		store_word(f, deferred->count_slot, IR_I32, count);
	}
}

/* ---- running them ---- */

/* What the block defers itself runs at its end. */
static void run_block(struct body *f, const struct deferred *deferred)
{
	const struct block *block = deferred->stmt->deferral.block;
	lower_block(f, block);
	if (is_live(f))
		run_defers(f, block);
}

static void run_counted(struct body *f, uint32_t index)
{
	struct deferred deferred = f->defers.data[index];
	if (!deferred.is_reached)
		return;
	uint32_t head = new_block(f), run = new_block(f), next = new_block(f);
	forget_facts(f, NULL);
	jump_to(f, head);
	start_block(f, head);
	ir_ref count = load_word(f, deferred.count_slot, IR_I32);
	branch(f, count, run, next, IR_LIKELY_TRUE);
	start_block(f, run);
	store_word(f, deferred.count_slot, IR_I32,
		   emit_folded(f, IR_SUB, IR_I32, count, const32(f, 1)));
	run_block(f, &deferred);
	jump_to(f, deferred.loop ? head : next);
	start_block(f, next);
}

/* Each of the defers of a log for records that say so; then on to `head`. */
static void run_logged(struct body *f, uint32_t log_index, ir_ref which, struct place record,
		       ir_ref object, uint32_t head)
{
	for (uint32_t i = 0; i < f->defers.len; i++) {
		struct deferred deferred = f->defers.data[i];
		if (deferred.log != log_index + 1 || !deferred.is_reached)
			continue;
		uint32_t run = new_block(f), other = new_block(f);
		ir_ref is_it = ir_emit(&f->b, IR_EQ, IR_I32, which, const64(f, i));
		branch(f, is_it, run, other, IR_LIKELY_UNKNOWN);
		start_block(f, run);
		copy_captures(f, &f->logs.data[log_index], record, deferred.stmt, false);
		if (object)
			call_runtime(f, "ks_delete", IR_VOID, IR_EFFECT_OTHER, &object, 1);
		run_block(f, &deferred);
		jump_to(f, head);
		start_block(f, other);
	}
}

static void run_heap_log(struct body *f, uint32_t index)
{
	struct defer_log log = f->logs.data[index];
	uint32_t head = new_block(f), body = new_block(f), next = new_block(f);
	jump_to(f, head);
	start_block(f, head);
	ir_ref object = load_word(f, log.slot, IR_PTR);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, object, null_ptr(f)), body, next, IR_LIKELY_TRUE);
	start_block(f, body);
	struct place record = pointer_place(object, 8);
	struct place link = place_at(record, NEXT_AT), kind = place_at(record, WHICH_AT_HOST);
	store_word(f, log.slot, IR_PTR, load_unguarded(f, &link, f->lw->program->types.null));
	ir_ref which = load_unguarded(f, &kind, f->lw->program->types.u64);
	run_logged(f, index, which, record, object, head);
	jump_to(f, head);
	start_block(f, next);
}

static void run_stack_log(struct body *f, uint32_t index)
{
	struct defer_log log = f->logs.data[index];
	struct counter counter = begin_count(f, log.most);
	uint32_t body = new_block(f), next = new_block(f);
	ir_ref count = load_word(f, log.slot, IR_I64);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, count, const64(f, 0)), body, counter.end,
	       IR_LIKELY_TRUE);
	start_block(f, body);
	ir_ref number = ir_emit(&f->b, IR_SUB, IR_I64, count, const64(f, 1));
	store_word(f, log.slot, IR_I64, number);
	struct place record = bpf_record(f, &log, number);
	place_enter(f, &record, next);
	record.guard_count = 0;
	struct place kind = place_at(record, WHICH_AT_BPF);
	ir_ref which = load_unguarded(f, &kind, f->lw->program->types.u64);
	run_logged(f, index, which, record, IR_REF_NONE, next);
	jump_to(f, next);
	start_block(f, next);
	end_count(f, &counter);
}

static void run_log(struct body *f, uint32_t index)
{
	forget_facts(f, NULL);
	if (f->target == IR_TARGET_HOST)
		run_heap_log(f, index);
	else
		run_stack_log(f, index);
}

/* The defers of one loop stand together in the list, but for those inside of one of them. */
void run_defers(struct body *f, const struct block *outer)
{
	uint32_t done = 0;
	for (uint32_t i = f->defers.len; i-- > 0;) {
		uint32_t log = f->defers.data[i].log;
		if (f->defers.data[i].outer != outer || (log && log == done))
			continue;
		if (log)
			run_log(f, log - 1);
		else
			run_counted(f, i);
		done = log;
	}
}
