/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checker needs to know of the kernel, as data handed over by the driver, so that sema
 * does not include the BPF back end. The driver fills the struct with lookups over
 * bpf-backend/kernel.
 */
#ifndef KS_SEMA_TARGET_INFO_H
#define KS_SEMA_TARGET_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/kernel_facts.h"

struct btf; // btf/btf.h

enum { HELPER_NUMBERS = 512 };

struct target_info {
	uint32_t kernel; // version asked for: major << 16 | minor << 8
	/* Text of the declarations that every program sees without an include (shipped header
	 * "prelude.kh"); NUL-terminated, NULL for none. */
	const char *prelude;
	/* Rows in table order; NULL past the end. */
	const struct program_kind *(*program_kind_at)(uint32_t index);
	const struct map_kind *(*map_kind_at)(uint32_t index);
	const struct ctx_field *(*ctx_field_at)(const char *context, uint32_t index);
	const struct helper_info *(*find_helper)(const char *name, uint32_t kernel);
	/* Name of the helper with that number below HELPER_NUMBERS, NULL when there is none; may be NULL. */
	const char *(*helper_name)(uint32_t number);
	/* Row of the table of kfuncs; NULL when it has none of that name. */
	const struct kfunc_info *(*find_kfunc)(const char *name);
	const struct arch_info *arch; // processor that tracing programs are made for
	/* The target kernel's types, opened with btf_open_lazily(); called at most once, when a program
	 * first needs them. NULL when there are none; open_btf may be NULL too. */
	const struct btf *(*open_btf)(void *owner);
	/* Adds the types of loaded modules to it; called at most once, when a name is not among the kernel's
	 * own. True when there are any; may be NULL. */
	bool (*open_modules)(void *owner, const struct btf *btf);
	void *btf_owner;
};

#endif
