/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf-backend/program/inside.h"

const char *program_relocate_types(struct program_object *object,
				   const struct source_function *function,
				   struct bpf_record *records)
{
	(void)object;
	(void)function;
	(void)records;
	return NULL;
}
