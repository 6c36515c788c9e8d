/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of a program before it is followed: where it is attached, and which maps it uses.
 * After check_attach_btf_id() and check_map_prog_compatibility(), kernel/bpf/verifier.c, and
 * map_alloc_check() of the map types, Linux 6.12.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

enum lsm_hook verify_lsm_hook(const struct verifier *v)
{
	static const struct {
		const char *name;
		enum lsm_hook hook;
	} hooks[] = {
#define LSM_HOOK(what, name) {name, LSM_HOOK_##what},
#include "bpf-backend/verify/lsm_hooks.def"
#undef LSM_HOOK
	};
	if (v->code->type != PROG_LSM || !v->model.strict_lsm_hooks)
		return LSM_HOOK_USUAL;
	for (size_t i = 0; i < sizeof hooks / sizeof hooks[0]; i++) {
		if (!strcmp(v->code->target, hooks[i].name))
			return hooks[i].hook;
	}
	return LSM_HOOK_USUAL;
}

bool verify_check_attach(struct verifier *v)
{
	const struct program_code *code = v->code;
	uint32_t type = code->type;
	if (code->is_sleepable && !(v->rules->flags & PROGRAM_SLEEPABLE))
		return verify_refuse(v, VERIFY_ATTACH, -1,
				     "this kind of program cannot be sleepable");
	bool needs_target = type == PROG_TRACING || type == PROG_LSM || type == PROG_STRUCT_OPS;
	if (!needs_target)
		return true;
	if (!v->types)
		return verify_refuse(v, VERIFY_TYPES, -1,
				     "the types of the kernel are needed to judge it");
	if (!code->attach_type_id)
		return verify_refuse(v, VERIFY_ATTACH, -1,
				     "the kernel has nothing named `%s` to attach it to",
				     code->target);
	if (verify_lsm_hook(v) == LSM_HOOK_DISABLED)
		return verify_refuse(v, VERIFY_ATTACH, -1,
				     "no program can be attached to the hook `%s`", code->target);
	if ((type == PROG_STRUCT_OPS || type == PROG_LSM) && !v->is_gpl)
		return verify_refuse(
			v, VERIFY_LICENSE, -1,
			"this kind of program needs a license compatible with the GPL");
	return true;
}

static bool may_be_used_sleepable(const struct program_map *map)
{
	static const uint8_t types[] = {1,  9,  2,  5,  6,  10, 13, 12, 27,
					31, 28, 24, 29, 32, 22, 23, 33, 11};
	for (size_t i = 0; i < sizeof types; i++) {
		if (types[i] == map->type)
			return true;
	}
	return false;
}

bool verify_check_map_use(struct verifier *v, const struct program_map *map)
{
	const struct kernel_map_type *type = kernel_find_map_type(map->type);
	bool traces = v->rules->flags & PROGRAM_TRACES,
	     filters = v->code->type == PROG_SOCKET_FILTER;
	const struct fields *fields = verify_fields_of_map(v, map);
	char need[16];
	if (!type || type->kernel > v->options->kernel) {
		kernel_format_version(type ? type->kernel : 0, need);
		return verify_refuse(
			v, VERIFY_KERNEL, -1, "map `%s` is of a type that this kernel has not%s%s",
			map->name, type ? ", it came with Linux " : "", type ? need : "");
	}
	if (verify_has_field(fields, FIELD_BIT(FIELD_LIST_HEAD) | FIELD_BIT(FIELD_RB_ROOT)) &&
	    traces)
		return verify_refuse(v, VERIFY_MAP, -1,
				     "tracing programs cannot use lists and trees (map `%s`)",
				     map->name);
	if (verify_has_field(fields, FIELD_BIT(FIELD_SPIN_LOCK)) && (traces || filters))
		return verify_refuse(v, VERIFY_MAP, -1,
				     "this kind of program cannot use locks (map `%s`)", map->name);
	if (verify_has_field(fields, FIELD_BIT(FIELD_TIMER)) && traces)
		return verify_refuse(v, VERIFY_MAP, -1,
				     "tracing programs cannot use timers (map `%s`)", map->name);
	if (verify_has_field(fields, FIELD_BIT(FIELD_WORKQUEUE)) && traces)
		return verify_refuse(v, VERIFY_MAP, -1,
				     "tracing programs cannot use work queues (map `%s`)",
				     map->name);
	if (map->type == 26)
		return verify_refuse(v, VERIFY_MAP, -1,
				     "a map of kernel operations cannot be used in a program");
	if (v->code->is_sleepable && !may_be_used_sleepable(map))
		return verify_refuse(v, VERIFY_MAP, -1,
				     "sleepable programs cannot use this type of map (`%s`)",
				     map->name);
	return true;
}
