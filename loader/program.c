/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a built program. */
#include "ks/loader.h"

#include <stdio.h>

int ks_run_program(const struct ks_program_options *options, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fprintf(stderr, "%s: cannot run\n", options->name);
	return 1;
}
