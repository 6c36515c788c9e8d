/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a program to its verdict: the steps of bpf_check() (kernel/bpf/verifier.c, Linux 6.12 and 6.18)
 * in their order.
 */
#include "bpf-backend/verify/verify.h"

#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/rules.h"
#include "bpf-backend/verify/story.h"

static const char *const gpl_licenses[] = {
	"GPL",          "GPL v2",       "GPL and additional rights",
	"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};

static bool is_gpl(const char *license)
{
	for (size_t i = 0; i < sizeof gpl_licenses / sizeof gpl_licenses[0]; i++) {
		if (!strcmp(license, gpl_licenses[i]))
			return true;
	}
	return false;
}

static void choose_model(struct verifier *v)
{
	uint32_t kernel = v->options->kernel;
#define BEHAVIOUR(name, release) v->model.name = kernel >= (release);
#include "bpf-backend/verify/behaviours.def"
#undef BEHAVIOUR
	v->model.range.fine_multiply = kernel >= KERNEL_AT(6, 18);
	v->model.range.signed_product = kernel >= KERNEL_AT(6, 14);
	v->model.range.wrapping_sums = kernel >= KERNEL_AT(6, 17);
	v->model.range.exact_negation = kernel >= KERNEL_AT(6, 18);
}

/* Global functions that are called, each on its own, until no new one is. */
static bool explore_functions(struct verifier *v)
{
	if (v->handler)
		v->functions[v->handler].is_called = true;
	for (bool is_changed = true; is_changed;) {
		is_changed = false;
		for (uint32_t i = 1; i < v->function_count; i++) {
			struct function_note *f = &v->functions[i];
			bool is_alone = f->is_global || f->is_handler;
			if (!is_alone || !f->is_called || f->is_verified)
				continue;
			verify_log_text(v, "function %u, %s:\n", i, f->name);
			if (!verify_explore(v, i))
				return false;
			f->is_verified = is_changed = true;
		}
	}
	return true;
}

static bool judge(struct verifier *v)
{
	if (v->code->problem)
		return verify_refuse(v, VERIFY_ATTACH, -1, "%s", v->code->problem);
	v->rules = verify_find_program_rules(v->code->type);
	if (!v->rules)
		return verify_refuse(v, VERIFY_ATTACH, -1, "this kind of program is not known");
	if (!verify_prepare_program(v) || !verify_check_flow(v) || !verify_check_attach(v))
		return false;
	verify_find_live_registers(v);
	verify_find_loops(v);
	v->explored = ARENA_ARRAY(&v->arena, struct checkpoint *, v->count);
	return verify_explore(v, 0) && explore_functions(v) && verify_check_stack_depth(v);
}

void verify_program_capturing(const struct program_object *object, const struct program_code *code,
			      const struct verify_options *options, struct verify_result *result,
			      struct path_capture *capture)
{
	struct verifier v = {.object = object,
			     .code = code,
			     .options = options,
			     .result = result,
			     .capture = capture};
	memset(result, 0, sizeof *result);
	buf_init(&result->log);
	result->insn = UINT32_MAX;
	result->reg = -1;
	arena_init(&v.arena);
	map_init(&v.fields_of, &v.arena);
	map_init(&v.kfuncs, &v.arena);
	v.insns = code->records;
	v.count = code->count;
	v.types = options->types;
	v.own = object->has_btf ? &object->btf : NULL;
	v.is_gpl = is_gpl(object->license);
	v.log = options->log_level ? &result->log : NULL;
	choose_model(&v);
	result->is_accepted = judge(&v);
	verify_trace_end(&v);
	if (v.explored)
		verify_drop_states(&v);
	result->processed = v.processed;
	result->states = v.states;
	arena_fini(&v.arena);
}

void verify_program(const struct program_object *object, const struct program_code *code,
		    const struct verify_options *options, struct verify_result *result)
{
	verify_program_capturing(object, code, options, result, NULL);
}

void verify_result_free(struct verify_result *result)
{
	buf_fini(&result->log);
	free(result->steps);
	result->steps = NULL;
}
