/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program may return. After check_return_code() and return_retval_range(),
 * kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

struct result_rule {
	uint8_t type, first_attach, last_attach;
	int32_t min, max;
};

static const struct result_rule result_rules[] = {
#define RESULT(type, first, last, min, max) {PROG_##type, first, last, min, max},
#include "bpf-backend/verify/results.def"
#undef RESULT
};

static const struct result_rule *find_rule(const struct verifier *v)
{
	for (size_t i = 0; i < sizeof result_rules / sizeof result_rules[0]; i++) {
		const struct result_rule *r = &result_rules[i];
		if (r->type == v->code->type && v->code->attach >= r->first_attach &&
		    v->code->attach <= r->last_attach)
			return r;
	}
	return NULL;
}

/* Result type of the hook that an LSM or struct_ops program is. */
static bool returns_nothing(const struct verifier *v)
{
	uint32_t type = v->code->type, id = v->code->attach_type_id;
	if ((type != PROG_LSM && type != PROG_STRUCT_OPS) || !id || !v->types)
		return false;
	struct btf_type hook = btf_get_type(v->types, id);
	uint32_t proto = hook.type;
	if (hook.kind == BTF_KIND_STRUCT && v->code->attach < hook.count) {
		proto = program_strip(v->types,
				      btf_get_item(v->types, &hook, v->code->attach).type);
		proto = proto ? program_strip(v->types, btf_get_type(v->types, proto).type) : 0;
	}
	return proto && btf_kind_of(v->types, proto) == BTF_KIND_FUNC_PROTO &&
	       !btf_get_type(v->types, proto).type;
}

static bool check_range(struct verifier *v, unsigned reg, int64_t min, int64_t max,
			const char *what)
{
	const struct reg *r = reg_at(v, reg);
	char kind[96];
	if (r->kind != REG_SCALAR)
		return verify_refuse(
			v, VERIFY_RESULT, (int)reg, "%s must be a number from %lld to %lld, not %s",
			what, (long long)min, (long long)max, verify_describe_kind(v, r, kind));
	if (!verify_need_value(v, reg))
		return false;
	if (r->v.wide.smin >= min && r->v.wide.smax <= max)
		return true;
	if (r->v.wide.smin == r->v.wide.smax)
		return verify_refuse(v, VERIFY_RESULT, (int)reg,
				     "%s must be from %lld to %lld, not %lld", what, (long long)min,
				     (long long)max,
				     r->v.wide.smin > INT32_MAX && r->v.wide.smin <= UINT32_MAX
					     ? (long long)(int32_t)r->v.wide.smin
					     : (long long)r->v.wide.smin);
	return verify_refuse(v, VERIFY_RESULT, (int)reg,
			     "%s must be from %lld to %lld, but it may be another number", what,
			     (long long)min, (long long)max);
}

bool verify_check_result(struct verifier *v, unsigned reg)
{
	const struct frame *f = v->current->frames[0];
	bool is_function = f->function != 0;
	if ((!is_function || f->in_handler) && returns_nothing(v) && v->code->attach != 43)
		return true;
	if (!verify_check_readable(v, reg))
		return false;
	if (f->in_async)
		return check_range(v, reg, 0, v->model.strict_async_result ? 0 : 1,
				   "the result of a callback that runs later");
	if (is_function && !f->in_handler) {
		if (reg_at(v, reg)->kind != REG_SCALAR)
			return verify_refuse(v, VERIFY_RESULT, (int)reg,
					     "a global function must return a number");
		return true;
	}
	const struct result_rule *rule = find_rule(v);
	if (v->code->type == PROG_RAW_TRACEPOINT && !v->code->attach_type_id)
		rule = NULL;
	if (verify_lsm_hook(v) == LSM_HOOK_BOOLEAN)
		return check_range(v, reg, 0, 1, "the program's result");
	/* Hooks of security modules return an int; before 6.12 nothing was asked of it. */
	if (v->code->type == PROG_LSM && v->code->attach != 43) {
		const struct reg *r = reg_at(v, reg);
		if (v->options->kernel < KERNEL_AT(6, 12) ||
		    (r->kind == REG_SCALAR && rule && r->v.low.smin >= rule->min &&
		     r->v.low.smax <= rule->max))
			return true;
	}
	return !rule || check_range(v, reg, rule->min, rule->max, "the program's result");
}
