/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the plug-in: module in, object or text out. */
#include "host-backend/host_gen.h"

bool host_generate(const struct ir_module *m, const struct host_options *options, struct buf *out,
		   const char **why)
{
	(void)m;
	(void)options;
	(void)out;
	*why = "userspace code generation is not built in";
	return false;
}
