/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a built program. */
#include "ks/loader.h"

int main(int argc, char **argv)
{
	struct ks_program_options options = {.size = sizeof options, .name = argv[0]};
	return ks_run_program(&options, argc, argv);
}
