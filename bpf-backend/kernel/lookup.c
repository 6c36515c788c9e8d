/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of kernel programs, contexts, maps and features, and their queries. A name is found by
 * walking a table of a few rows; helpers, of which there are hundreds, are in helpers.c.
 */
#include "bpf-backend/kernel/kernel.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

enum { FREE, CHECKED };
enum { NONE, READ, WRITE };
enum { ENTRY, RETURN };
enum { TYPE_SYSCALL = 31 }; // enum bpf_prog_type

/* What a program may call: the helpers of its set, and those of the set that this one adds to. */
#define SET_BITS(set)                                                                              \
	(1u << (set) | ((set) == KERNEL_SET_TCP_OPS || (set) == KERNEL_SET_SCHED_OPS               \
				? 1u << KERNEL_SET_STRUCT_OPS                                      \
				: 0))

static const struct kernel_program programs[] = {
#define PROGRAM(name, attribute, arg, context, result, section, on_failure, type, attach, min,     \
		max, range, packet, access, helpers, kernel)                                       \
	{{name, attribute, arg, context, result, section, on_failure, min, max, range == CHECKED,  \
	  packet == WRITE, 1u << KERNEL_FAMILY_##access, SET_BITS(KERNEL_SET_##helpers), kernel,   \
	  NAMES_NOTHING, PARAMS_CONTEXT, false, type == TYPE_SYSCALL, NULL},                       \
	 type,                                                                                     \
	 attach,                                                                                   \
	 KERNEL_SET_##helpers},
#define TRACER(name, attribute, names, params, when, context, fallback, type, attach, min, max,    \
	       range, helpers, kernel)                                                             \
	{{name, attribute, "", context, "i32", name, 0, min, max, range == CHECKED, false,         \
	  1u << KERNEL_FAMILY_TRACE, SET_BITS(KERNEL_SET_##helpers), kernel, NAMES_##names,        \
	  PARAMS_##params, when == RETURN, false, fallback},                                       \
	 type,                                                                                     \
	 attach,                                                                                   \
	 KERNEL_SET_##helpers},
#include "bpf-backend/kernel/prog_types.def"
#undef PROGRAM
#undef TRACER
};

enum byte_order { LITTLE, BIG };

static const struct arch_info archs[] = {
#define ARGS(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define ARCH(name, order, count, args, result, syscall_args, syscalls, aligned)                    \
	{name, count, args, result, syscall_args, order, syscalls, aligned},
#include "bpf-backend/kernel/archs.def"
#undef ARGS
};

static const struct {
	const char *alias, *name;
} aliases[] = {
#define ARCH_ALIAS(alias, name) {alias, name},
#include "bpf-backend/kernel/archs.def"
};

const struct arch_info *kernel_find_arch(const char *name)
{
	for (uint32_t i = 0; i < COUNT(aliases); i++)
		if (!strcmp(aliases[i].alias, name))
			name = aliases[i].name;
	for (uint32_t i = 0; i < COUNT(archs); i++)
		if (!strcmp(archs[i].name, name))
			return &archs[i];
	return NULL;
}

const struct arch_info *kernel_arch_at(uint32_t index)
{
	return index < COUNT(archs) ? &archs[index] : NULL;
}

const struct kernel_program *kernel_program_at(uint32_t index)
{
	return index < COUNT(programs) ? &programs[index] : NULL;
}

const struct kernel_program *kernel_find_program(const char *name)
{
	for (uint32_t i = 0; i < COUNT(programs); i++) {
		if (!strcmp(programs[i].kind.name, name))
			return &programs[i];
	}
	return NULL;
}

const struct program_kind *kernel_program_kind_at(uint32_t index)
{
	return index < COUNT(programs) ? &programs[index].kind : NULL;
}

enum {
#define FAMILY(name) name = 1 << KERNEL_FAMILY_##name,
	CTX_FAMILIES(FAMILY)
#undef FAMILY
};

static const struct ctx_field ctx_fields[] = {
#define CTX_FIELD(context, name, offset, width, count, value, type, readers, writers, kernel)      \
	{#context, #name, offset, width, count, CTX_##value, type, readers, writers, kernel},
#include "bpf-backend/kernel/ctx_fields.def"
#undef CTX_FIELD
};

const struct ctx_field *kernel_ctx_field_at(const char *context, uint32_t index)
{
	for (uint32_t i = 0; i < COUNT(ctx_fields); i++) {
		if (!strcmp(ctx_fields[i].context, context) && index-- == 0)
			return &ctx_fields[i];
	}
	return NULL;
}

uint32_t kernel_ctx_field_version(const struct ctx_field *field)
{
	return field->kernel;
}

enum { SHARED, PERCPU };
#define NEVER UINT32_MAX

static const struct kernel_map_type map_types[] = {
#define MAP_TYPE(number, name, kernel, shape, cpus, spelling, types, methods, sleeping, flags)     \
	[number] = {#name, number, cpus == PERCPU, kernel},
#include "bpf-backend/kernel/map_types.def"
#undef MAP_TYPE
};

const struct kernel_map_type *kernel_find_map_type(uint32_t type)
{
	return type < COUNT(map_types) && map_types[type].name ? &map_types[type] : NULL;
}

/* A row for each map type; those without a name cannot be declared. */
static const struct map_kind map_kinds[] = {
#define MAP_TYPE(number, name, kernel, shape, cpus, spelling, types, methods, sleeping, flags)     \
	{spelling, number, MAP_SHAPE_##shape, cpus == PERCPU, kernel, types,                       \
	 methods,  flags,  sleeping},
#include "bpf-backend/kernel/map_types.def"
#undef MAP_TYPE
};

const struct map_kind *kernel_map_kind_at(uint32_t index)
{
	for (uint32_t i = 0; i < COUNT(map_kinds); i++)
		if (*map_kinds[i].name && index-- == 0)
			return &map_kinds[i];
	return NULL;
}

bool kernel_has(uint32_t version, enum kernel_feature feature)
{
	static const uint32_t since[KERNEL_FEATURE_COUNT] = {
#define FEATURE(id, kernel) [id] = kernel,
#include "bpf-backend/kernel/features.def"
#undef FEATURE
	};
	return version >= since[feature];
}
