/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests. A module that is lowered for its tests has a function main of its own, which asks the runtime
 * for the number of a test and runs that one: in the order of checked_program.functions. A call of
 * test() becomes a table of struct ks_test_field and a call of the runtime.
 */
#include <stddef.h>
#include <string.h>

#include "frontend/lower/lower_internal.h"
#include "ks/rt.h"

/* ---- test() ---- */

static void store_field(struct body *f, uint32_t slot, uint32_t offset, ir_ref value, uint8_t width)
{
	ir_emit_store(&f->b, slot_addr(f, slot), (int32_t)offset, value,
		      ir_mem_aux(width, false, IR_SPACE_SLOT));
}

static void add_field(struct body *f, uint32_t slot, uint32_t index, const struct place *record,
		      const struct decl *field, const struct test_field_use *use)
{
	const uint32_t at = index * (uint32_t)sizeof(struct ks_test_field);
	bool is_bytes = type_is_aggregate(field->type);
	enum ks_test_form form = !is_bytes         ? KS_TEST_NUMBER
				 : use->is_pointer ? KS_TEST_POINTER
						   : KS_TEST_BYTES;
	struct place place = place_of_field(*record, field);
	ir_ref value;
	if (is_bytes)
		value = place_address(f, &place);
	else
		value = to_register(f, load_place(f, &place, field->type), IR_I64,
				    value_is_signed(field->type));
	const struct {
		size_t offset;
		uint32_t value;
	} words[] = {
		{offsetof(struct ks_test_field, id), use->id},
		{offsetof(struct ks_test_field, form), form},
		{offsetof(struct ks_test_field, offset), use->offset},
		{offsetof(struct ks_test_field, width), use->width},
		{offsetof(struct ks_test_field, outer), use->outer},
		{offsetof(struct ks_test_field, size), is_bytes ? (uint32_t)field->type->size : 0},
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		store_field(f, slot, at + (uint32_t)words[i].offset, const32(f, words[i].value), 4);
	store_field(f, slot, at + (uint32_t)offsetof(struct ks_test_field, value), value, 8);
}

static ir_ref place_text(struct body *f, span where)
{
	struct compile *compile = f->lw->compile;
	struct source_pos pos = source_locate(&compile->sources, where.begin);
	const char *text =
		arena_printf(&compile->module, "%s:%u", pos.file ? pos.file->path : "?", pos.line);
	return global_place(f, literal_text(f->lw, text, (uint32_t)strlen(text) + 1)).base;
}

ir_ref lower_test(struct body *f, struct expr *call)
{
	struct expr *tested = call->call.args.data[0], *context = call->call.args.data[1];
	const struct decl *program = test_program(tested);
	const decl_list *fields = &context->type->record.fields;
	ir_ref number = lower_value(f, tested);
	struct place record = lower_temporary(f, context, context->type);
	uint32_t slot = raw_slot(f, (fields->len + 1) * (uint32_t)sizeof(struct ks_test_field), 8);
	for (uint32_t i = 0; i < fields->len; i++) {
		struct test_field_use use;
		sema_find_test_field(f->lw->compile, f->lw->info, program, fields->data[i]->name,
				     &use);
		add_field(f, slot, i, &record, fields->data[i], &use);
	}
	f->b.where = call->where;
	ir_ref args[] = {number, slot_addr(f, slot), const32(f, fields->len),
			 place_text(f, call->where)};
	return call_runtime(f, "ks_test", IR_I32, IR_EFFECT_READS | IR_EFFECT_OTHER, args, 4);
}

/* ---- the function that runs one ---- */

void lower_tests(struct lower *lw)
{
	const decl_list *functions = &lw->program->functions;
	struct ir_module *m = lw->m;
	uint32_t index = ir_add_fn(m, intern_string(&lw->compile->names, "main"), IR_TARGET_HOST);
	struct ir_fn *fn = m->fns.data[index];
	struct ir_builder b = {.fn = fn};
	uint32_t number = 0;
	m->main_fn = index;
	fn->result = IR_I32;
	fn->is_exported = true;
	fn->param_count = 1;
	fn->params = ARENA_ARRAY(fn->arena, uint8_t, 1);
	fn->params[0] = IR_PTR;
	b.block = ir_add_block(fn);
	uint32_t callee =
		ir_add_extern(m, IR_EXTERN_RUNTIME, "ks_test_number", IR_I32, IR_EFFECT_OTHER);
	ir_ref wanted = ir_emit_call(&b, IR_CALL_EXTERN, IR_I32, callee, NULL, 0);
	for (uint32_t i = 0; i < functions->len; i++) {
		struct decl *decl = functions->data[i];
		if (decl->func.role != ROLE_TEST)
			continue;
		uint32_t test = request_fn(lw, decl, IR_TARGET_HOST);
		uint32_t run = ir_add_block(fn), next = ir_add_block(fn);
		ir_ref is_wanted =
			ir_emit(&b, IR_EQ, IR_I32, wanted, ir_const(fn, IR_I32, number++));
		ir_emit_branch(&b, is_wanted, run, next);
		b.block = run;
		ir_emit_return(&b, ir_emit_call(&b, IR_CALL, IR_I32, test, NULL, 0));
		b.block = next;
	}
	ir_emit_return(&b, ir_const(fn, IR_I32, 1));
	ir_settle(fn, m->arena);
}
