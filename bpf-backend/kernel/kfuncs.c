/* SPDX-License-Identifier: Apache-2.0 */
/* The table of kfuncs. A name is found by walking it, which happens once per name that a program uses. */
#include <string.h>

#include "bpf-backend/kernel/kernel.h"

enum {
#define HELPER_SET(name) name = 1 << KERNEL_SET_##name,
	HELPER_SETS(HELPER_SET)
#undef HELPER_SET
		ALL = (1 << KERNEL_SET_COUNT) - 1,
	ACQUIRE = KFUNC_ACQUIRE,
	RELEASE = KFUNC_RELEASE,
	RET_NULL = KFUNC_RET_NULL,
	SLEEPABLE = KFUNC_SLEEPABLE,
	MOVES_PACKET = KFUNC_MOVES_PACKET,
	TRUSTED_ARGS = KFUNC_TRUSTED_ARGS,
	RCU = KFUNC_RCU,
	RCU_PROTECTED = KFUNC_RCU_PROTECTED,
	DESTRUCTIVE = KFUNC_DESTRUCTIVE,
	ITER_NEW = KFUNC_ITER_NEW,
	ITER_NEXT = KFUNC_ITER_NEXT,
	ITER_DESTROY = KFUNC_ITER_DESTROY,
	ACTION = KFUNC_ACTION,
};

static const struct kfunc_info kfuncs[] = {
#define KFUNC(name, callers, flags, kernel) {#name, callers, flags, kernel},
#include "bpf-backend/kernel/kfuncs.def"
#undef KFUNC
};

const struct kfunc_info *kernel_find_kfunc(const char *name)
{
	for (size_t i = 0; i < sizeof kfuncs / sizeof *kfuncs; i++)
		if (!strcmp(kfuncs[i].name, name))
			return &kfuncs[i];
	return NULL;
}
