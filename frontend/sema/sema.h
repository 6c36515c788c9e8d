/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: names, types, constants, targets. In: parsed modules. Out: the same trees with the
 * fields marked "sema" filled and conversions made explicit, plus the lists below. After it returns
 * true, lowering cannot fail for a reason that the author could mend, apart from limits of the
 * target.
 */
#ifndef KS_SEMA_SEMA_H
#define KS_SEMA_SEMA_H

#include "frontend/sema/target_info.h"
#include "frontend/sema/type.h"
#include "frontend/syntax/parse.h"

/* What the rest of the compiler works from. All lists in source order of the flattened program. */
struct checked_program {
	struct types types;
	decl_list functions; // DECL_FUNC with a body, every target; unused ones included
	decl_list globals;   // DECL_GLOBAL
	decl_list configs;   // DECL_CONFIG; its type is a struct of its fields
	decl_list maps;      // DECL_MAP; its type is TYPE_MAP
	struct decl *main;   // userspace main(), NULL in a module without one
};

/* True when there was no error. `info` must outlive the result. */
bool sema_check_program(struct compile *compile, const struct program *program,
			const struct target_info *info, struct checked_program *out);

/* Built-in functions and methods (rows of builtins.def): what an EXPR_CALL with a DECL_BUILTIN
 * target means. */
enum builtin {
#define BUILTIN(id, name, where, params, result) id,
#include "frontend/sema/builtins.def"
#undef BUILTIN
	BUILTIN_COUNT
};

#endif
