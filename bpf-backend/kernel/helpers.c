/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper table. Numbers index it; names are found by walking it, which happens once per name
 * that a program uses.
 */
#include "bpf-backend/kernel/kernel.h"

#include <string.h>

/* What the checker is told of an argument: i integer, p pointer to memory, l to a lock, t to a timer, f function, s pointer to a
 * socket that is not null, c context, m map. */
#define LETTER_NONE ""
#define LETTER_ANY "i"
#define LETTER_CTX "c"
#define LETTER_CTX_OR_NULL "c"
#define LETTER_MAP "m"
#define LETTER_KEY "p"
#define LETTER_VALUE "p"
#define LETTER_VALUE_OR_NULL "p"
#define LETTER_VALUE_OUT "p"
#define LETTER_MEM "p"
#define LETTER_MEM_OR_NULL "p"
#define LETTER_MEM_OUT "p"
#define LETTER_SIZE "i"
#define LETTER_SIZE0 "i"
#define LETTER_ALLOC_SIZE "i"
#define LETTER_FIXED "p"
#define LETTER_FIXED_OUT "p"
#define LETTER_LOCK "l"
#define LETTER_SOCK "s"
#define LETTER_OBJECT "p"
#define LETTER_OBJECT_OR_NULL "p"
#define LETTER_RECORD "p"
#define LETTER_PERCPU "p"
#define LETTER_FUNC "f"
#define LETTER_STACK_OR_NULL "p"
#define LETTER_STRING "p"
#define LETTER_TIMER "t"
#define LETTER_KPTR "p"
#define LETTER_DYNPTR "p"
#define LETTER_DYNPTR_OUT "p"

enum {
#define HELPER_SET(name) name = 1 << KERNEL_SET_##name,
	HELPER_SETS(HELPER_SET)
#undef HELPER_SET
		ALL = (1 << KERNEL_SET_COUNT) - 1,
	GPL = KERNEL_HELPER_GPL,
	PACKET_ARGS = KERNEL_HELPER_PACKET_ARGS,
	SLEEPS = KERNEL_HELPER_SLEEPS,
	MOVES_PACKET = KERNEL_HELPER_MOVES_PACKET,
};

#define MAY_GIVE_NULL(result)                                                                      \
	((result) == KERNEL_RESULT_VALUE_OR_NULL || (result) == KERNEL_RESULT_SOCKET_OR_NULL ||    \
	 (result) == KERNEL_RESULT_TCP_SOCK_OR_NULL || (result) == KERNEL_RESULT_SOCK_OR_NULL ||   \
	 (result) == KERNEL_RESULT_RECORD_OR_NULL || (result) == KERNEL_RESULT_MEM_OR_NULL ||      \
	 (result) == KERNEL_RESULT_OBJECT_OR_NULL)

static const struct kernel_helper helpers[] = {
#define HELPER(number, name, type, out, a, b, c, d, e, since, callers, flag_set)                   \
	[number] = {.info = {"bpf_" #name, number,                                                 \
			     LETTER_##a LETTER_##b LETTER_##c LETTER_##d LETTER_##e, type,         \
			     ((flag_set)&MOVES_PACKET) != 0, MAY_GIVE_NULL(KERNEL_RESULT_##out),   \
			     KERNEL_RESULT_##out == KERNEL_RESULT_OBJECT ||                        \
				     KERNEL_RESULT_##out == KERNEL_RESULT_OBJECT_OR_NULL,          \
			     callers, since},                                                      \
		    .args = {KERNEL_ARG_##a, KERNEL_ARG_##b, KERNEL_ARG_##c, KERNEL_ARG_##d,       \
			     KERNEL_ARG_##e},                                                      \
		    .result = KERNEL_RESULT_##out,                                                 \
		    .flags = flag_set,                                                             \
		    .kernel = since,                                                               \
		    .programs = callers},
#include "bpf-backend/kernel/helpers.def"
#undef HELPER
};

enum { HELPER_COUNT = sizeof helpers / sizeof helpers[0] };

const struct kernel_helper *kernel_helper_at(uint32_t id)
{
	return id < HELPER_COUNT && helpers[id].info.name ? &helpers[id] : NULL;
}

const struct kernel_helper *kernel_find_helper_row(const char *name)
{
	for (uint32_t i = 1; i < HELPER_COUNT; i++) {
		if (helpers[i].info.name && !strcmp(helpers[i].info.name, name))
			return &helpers[i];
	}
	return NULL;
}

const struct helper_info *kernel_find_helper(const char *name, uint32_t kernel)
{
	const struct kernel_helper *row = kernel_find_helper_row(name);
	return row && row->kernel <= kernel ? &row->info : NULL;
}

const char *kernel_helper_name(uint32_t id)
{
	const struct kernel_helper *row = kernel_helper_at(id);
	return row ? row->info.name : NULL;
}

bool kernel_may_call(const struct kernel_program *program, const struct kernel_helper *helper)
{
	return helper->programs & program->kind.helpers;
}
