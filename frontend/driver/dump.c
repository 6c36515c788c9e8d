/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the object, has it disassembled, and writes the text. */
#include "frontend/driver/dump.h"

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "frontend/driver/output.h"

int dump_run(struct compile *compile, const struct options *options)
{
	struct buf object, text;
	const char *why = NULL;
	bool ok;

	buf_init(&object);
	buf_init(&text);
	ok = output_read_file(compile, options->input, &object);
	if (ok && object_dump((const uint8_t *)object.data, object.len, kernel_helper_name, &text,
			      &why)) {
		diag_report(&compile->diags, D_NOT_AN_OBJECT, (span){0, 0}, options->input,
			    why ? why : "unknown reason");
		ok = false;
	}
	if (ok)
		ok = options->output
			     ? output_write(compile, options, &(struct product){.out = text})
			     : output_print(compile, &text);
	buf_fini(&object);
	buf_fini(&text);
	return ok ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
