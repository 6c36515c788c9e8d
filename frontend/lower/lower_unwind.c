/* SPDX-License-Identifier: Apache-2.0 */
/*
 * try and throw: leaving a function or a block in another way than by its end.
 *
 * A throw whose try stands in the same function is a jump: the error word goes to a slot of the
 * function, and the handler of the try compares its code with the catches in order; when none matches
 * it goes on to the next try outside.
 *
 * A function that can let a throw pass has a hidden last parameter, the address of an error word of its
 * caller. It is zero when the call begins; the callee stores ERROR_FLAG | code there and returns zero,
 * and the caller looks at it behind the call. A main or a program has no caller: the checker
 * demands a catch in programs, and main ends the process with status 1 and a message.
 *
 * In eBPF a panic is an error word that handlers pass on; in userspace it ends the process at once.
 *
 * A function with a defer leaves through one block at its end, which runs the deferred blocks
 * (lower_defer.c) and then returns or passes the throw on.
 */
#include "frontend/base/buf.h"
#include "frontend/lower/lower_internal.h"

#define ERROR_FLAG (1ull << 32)
#define PANIC_FLAG (1ull << 33) // no catch takes it

/* ---- which functions let a throw pass ---- */

struct throw_search {
	struct lower *lw;
	bool found;
};

static void find_throwing_call(void *data, struct expr *expr)
{
	struct throw_search *search = data;
	if (expr->kind != EXPR_CALL)
		return;
	const struct decl *target = expr->call.target;
	if (target ? target->kind == DECL_FUNC && fn_may_throw(search->lw, target)
		   : type_may_throw(search->lw, expr->call.callee->type))
		search->found = true;
}

static void find_throw(void *data, struct stmt *stmt)
{
	struct throw_search *search = data;
	if (stmt->kind == STMT_THROW)
		search->found = true;
}

static bool lets_throw_pass(struct lower *lw, const struct decl *decl)
{
	struct throw_search search = {.lw = lw};
	struct ast_walk walk = {.expr = find_throwing_call,
				.stmt = find_throw,
				.data = &search,
				.skip_caught = true};
	ast_walk_block(&walk, decl->func.body);
	return search.found;
}

/* Whether one of the functions of a type of which there is a value is in the set. */
static bool any_of_type(const struct lower *lw, const struct map *set, const struct type *type)
{
	const decl_list *values = &lw->program->function_values;
	for (uint32_t i = 0; i < values->len; i++)
		if (values->data[i]->type == type && map_find(set, MAP_PTR(values->data[i])))
			return true;
	return false;
}

bool type_may_throw(const struct lower *lw, const struct type *type)
{
	return any_of_type(lw, &lw->throws, type);
}

static bool fn_may_panic(const struct lower *lw, const struct decl *decl)
{
	return map_find(&lw->panics, MAP_PTR(decl)) != NULL;
}

static void find_panic(void *data, struct expr *expr)
{
	struct throw_search *search = data;
	const struct decl *target = expr->kind == EXPR_CALL ? expr->call.target : NULL;
	if (is_panic(expr) ||
	    (target && target->kind == DECL_FUNC && fn_may_panic(search->lw, target)))
		search->found = true;
	if (expr->kind == EXPR_CALL && !target)
		search->found |=
			any_of_type(search->lw, &search->lw->panics, expr->call.callee->type);
}

static bool lets_panic_pass(struct lower *lw, const struct decl *decl)
{
	struct throw_search search = {.lw = lw};
	struct ast_walk walk = {.expr = find_panic, .data = &search};
	ast_walk_block(&walk, decl->func.body);
	return search.found;
}

/* Marks a function; true when that is new. */
static bool mark(struct map *map, const struct decl *decl)
{
	bool is_new = !map_find(map, MAP_PTR(decl));
	*map_insert(map, MAP_PTR(decl)) = 1;
	return is_new;
}

bool fn_may_throw(const struct lower *lw, const struct decl *decl)
{
	return map_find(&lw->throws, MAP_PTR(decl)) != NULL;
}

/* Functions of one type that are values are called in one way: when one can throw, all have the hidden
 * parameter. */
static bool level_values(struct lower *lw)
{
	const decl_list *values = &lw->program->function_values;
	bool changed = false;
	for (uint32_t i = 0; i < values->len; i++)
		if (!fn_may_throw(lw, values->data[i]) && type_may_throw(lw, values->data[i]->type))
			changed = mark(&lw->throws, values->data[i]);
	return changed;
}

/* Callers after callees until nothing changes; without a throw in the program that is one round. */
void find_throws(struct lower *lw)
{
	const decl_list *functions = &lw->program->functions;
	bool changed = true;
	while (changed) {
		changed = false;
		for (uint32_t i = functions->len; i-- > 0;) {
			const struct decl *decl = functions->data[i];
			bool has_caller = !decl->func.program && decl != lw->program->main &&
					  decl->func.role != ROLE_TEST;
			if (has_caller && !fn_may_throw(lw, decl) && lets_throw_pass(lw, decl))
				changed = mark(&lw->throws, decl);
			if (!fn_may_panic(lw, decl) && lets_panic_pass(lw, decl)) {
				changed = mark(&lw->panics, decl);
				if (has_caller)
					mark(&lw->throws, decl);
			}
		}
		changed = level_values(lw) || changed;
	}
}

/* ---- entry and exit of a function ---- */

void begin_unwind(struct body *f)
{
	f->may_throw = fn_may_throw(f->lw, f->decl);
	find_defers(f);
	if (!f->has_defer)
		return;
	f->exit_block = new_block(f);
	f->code_slot = raw_slot(f, 8, 8);
	f->has_code_slot = true;
	store_word(f, f->code_slot, IR_I64, const64(f, 0));
	if (value_type(f->result) != IR_VOID) {
		f->result_slot = new_slot(f, f->result, 0, f->decl->name_where);
		store_slot(f, f->result_slot, f->result, zero_of(f, value_type(f->result)));
	}
}

static uint32_t code_slot(struct body *f)
{
	if (!f->has_code_slot)
		f->code_slot = raw_slot(f, 8, 8);
	f->has_code_slot = true;
	return f->code_slot;
}

static ir_ref zero_result(struct body *f)
{
	enum ir_type type = value_type(f->result);
	const struct program_kind *program = f->decl->func.program;
	if (type == IR_VOID)
		return IR_REF_NONE;
	return ir_const(f->fn, type, program ? (uint64_t)(int64_t)program->on_failure : 0);
}

/* Where a throw stands, in the upper bits of the error word of userspace code: the number of the file and
 * the line. */
enum { SITE_SHIFT = 34, SITE_LINE_BITS = 20, SITE_MAX_FILES = 1023 };

static uint64_t throw_site(struct body *f, span where)
{
	const struct source_map *sources = &f->lw->compile->sources;
	struct source_pos pos = source_locate(sources, where.begin);
	uint32_t most = (1u << SITE_LINE_BITS) - 1, file = 0;
	while (file < sources->files.len && sources->files.data[file] != pos.file)
		file++;
	if (file >= SITE_MAX_FILES)
		return 0;
	uint64_t line = pos.line < most ? pos.line : most;
	return ((uint64_t)(file + 1) << SITE_LINE_BITS | line) << SITE_SHIFT;
}

/* The paths of all files, each with its NUL. */
static uint32_t path_list(struct body *f, uint32_t *size)
{
	const struct source_map *sources = &f->lw->compile->sources;
	struct buf list;
	buf_init(&list);
	for (uint32_t i = 0; i < sources->files.len && i < SITE_MAX_FILES; i++) {
		buf_add_text(&list, sources->files.data[i]->path);
		buf_add_char(&list, '\0');
	}
	*size = (uint32_t)list.len;
	uint32_t global = literal_text(f->lw, list.data, *size);
	buf_fini(&list);
	return global;
}

/* main has no caller: says what was not caught and where it was thrown, and exits. */
static void report_uncaught(struct body *f, ir_ref word)
{
	uint32_t size;
	struct place paths = global_place(f, path_list(f, &size));
	ir_ref site = emit_folded(f, IR_LSHR, IR_I64, word, const64(f, SITE_SHIFT));
	ir_ref args[] = {to_register(f, word, IR_I32, false), to_register(f, site, IR_I32, false),
			 paths.base, const64(f, size)};
	call_runtime(f, "ks_uncaught", IR_VOID, IR_EFFECT_OTHER, args, 4);
}

/* Ends a function that a throw leaves. */
static void pass_on(struct body *f)
{
	ir_ref word = load_word(f, code_slot(f), IR_I64);
	if (f->may_throw) {
		ir_emit_store(&f->b, f->error_param, 0, word, ir_mem_aux(8, false, IR_SPACE_ANY));
	} else if (f->target == IR_TARGET_HOST) {
		report_uncaught(f, word);
	}
	emit_return(f, zero_result(f));
}

void leave_with(struct body *f, ir_ref value)
{
	if (!is_live(f))
		return;
	if (!f->has_defer) {
		emit_return(f, value);
		return;
	}
	if (value)
		store_slot(f, f->result_slot, f->result, value);
	jump_to(f, f->exit_block);
}

void finish_exit(struct body *f)
{
	if (!f->has_defer)
		return;
	f->has_defer = false; // a deferred block cannot leave by return
	start_block(f, f->exit_block);
	run_defers(f, NULL);
	f->b.where = f->decl->name_where;
	uint32_t thrown = new_block(f), normal = new_block(f);
	ir_ref word = load_word(f, f->code_slot, IR_I64);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, word, const64(f, 0)), thrown, normal,
	       IR_LIKELY_FALSE);
	start_block(f, normal);
	ir_ref value = IR_REF_NONE;
	if (f->decl->func.result_var.len)
		value = take_named_result(f);
	else if (value_type(f->result) != IR_VOID)
		value = load_slot(f, f->result_slot, f->result);
	emit_return(f, value);
	start_block(f, thrown);
	pass_on(f);
}

/* ---- statements ---- */

static void leave_function(struct body *f)
{
	if (f->has_defer)
		jump_to(f, f->exit_block);
	else
		pass_on(f);
}

/* To the innermost handler, or out of the function. */
static void raise(struct body *f)
{
	if (f->tries)
		jump_to(f, f->tries->handler);
	else
		leave_function(f);
}

void leave_in_panic(struct body *f)
{
	store_word(f, code_slot(f), IR_I64, const64(f, PANIC_FLAG));
	leave_function(f);
}

void lower_throw(struct body *f, struct stmt *stmt)
{
	ir_ref code = to_register(f, lower_value(f, stmt->expr), IR_I32, false);
	f->b.where = stmt->where;
	ir_ref word = to_register(f, code, IR_I64, false);
	uint64_t flags = ERROR_FLAG;
	if (f->target == IR_TARGET_HOST)
		flags |= throw_site(f, stmt->where);
	word = ir_emit(&f->b, IR_OR, IR_I64, word, const64(f, flags));
	store_word(f, code_slot(f), IR_I64, word);
	raise(f);
}

/* What comes to a handler may be a panic of a function that the try called. */
static void let_panic_pass(struct body *f, uint32_t slot)
{
	uint32_t panic = new_block(f), thrown = new_block(f);
	ir_ref word = load_word(f, slot, IR_I64);
	ir_ref flag = ir_emit(&f->b, IR_AND, IR_I64, word, const64(f, PANIC_FLAG));
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, flag, const64(f, 0)), panic, thrown,
	       IR_LIKELY_FALSE);
	start_block(f, panic);
	leave_function(f);
	start_block(f, thrown);
}

/* The handler: the first catch with the code, or the only one left that takes any. */
static void lower_catches(struct body *f, struct stmt *stmt, uint32_t done)
{
	uint32_t slot = code_slot(f);
	if (f->target == IR_TARGET_BPF && fn_may_panic(f->lw, f->decl))
		let_panic_pass(f, slot);
	ir_ref code = to_register(f, load_word(f, slot, IR_I64), IR_I32, false);
	for (uint32_t i = 0; i < stmt->attempt.catches.len; i++) {
		const struct catch_arm *arm = &stmt->attempt.catches.data[i];
		uint32_t body = new_block(f), next = new_block(f);
		f->b.where = arm->where;
		if (arm->code) {
			ir_ref expected = const32(f, (uint32_t)arm->code->value);
			branch(f, ir_emit(&f->b, IR_EQ, IR_I32, code, expected), body, next,
			       IR_LIKELY_UNKNOWN);
		} else {
			jump_to(f, body);
		}
		start_block(f, body);
		store_word(f, slot, IR_I64, const64(f, 0));
		lower_block(f, arm->body);
		jump_to(f, done);
		start_block(f, next);
	}
	raise(f);
}

void lower_try(struct body *f, struct stmt *stmt)
{
	uint32_t done = new_block(f);
	struct try_scope scope = {f->tries, new_block(f)};
	forget_facts(f, NULL);
	f->tries = &scope;
	lower_block(f, stmt->attempt.body);
	jump_to(f, done);
	f->tries = scope.outer;
	start_block(f, scope.handler);
	f->b.where = stmt->where;
	lower_catches(f, stmt, done);
	start_block(f, done);
}

/* ---- calls ---- */

uint32_t error_word(struct body *f)
{
	uint32_t slot = raw_slot(f, 8, 8);
	store_word(f, slot, IR_I64, const64(f, 0));
	return slot;
}

void check_thrown(struct body *f, uint32_t slot)
{
	uint32_t thrown = new_block(f), normal = new_block(f);
	ir_ref word = load_word(f, slot, IR_I64);
	branch(f, ir_emit(&f->b, IR_NE, IR_I32, word, const64(f, 0)), thrown, normal,
	       IR_LIKELY_FALSE);
	start_block(f, thrown);
	store_word(f, code_slot(f), IR_I64, word);
	raise(f);
	start_block(f, normal);
}
