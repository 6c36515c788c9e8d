/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

_Noreturn void fuzz_fail(const char *what)
{
	fprintf(stderr, "promise broken: %s\n", what);
	abort();
}
