/* SPDX-License-Identifier: Apache-2.0 */
/* Set-up and tear-down of the state of one compile. */
#include "frontend/base/compile.h"

void compile_init(struct compile *compile)
{
	arena_init(&compile->session);
	arena_init(&compile->module);
	arena_init(&compile->scratch);
	intern_init(&compile->names, &compile->session);
	source_init(&compile->sources, &compile->session);
	diags_init(&compile->diags, &compile->session);
}

void compile_fini(struct compile *compile)
{
	arena_fini(&compile->scratch);
	arena_fini(&compile->module);
	arena_fini(&compile->session);
}
