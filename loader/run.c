/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run(): the kernel runs a program once, for this process, with a context that it may change.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/calls.h"
#include "loader/program.h"

int32_t ks_run(void *handle, void *context, uint64_t size)
{
	struct program *p = program_current();
	const struct handle *h = handle;
	if (!h) {
		report(p, "run: the program was not loaded");
		return -EINVAL;
	}
	const struct ks_meta_program *row = handle_row(p, h);
	const char *name = meta_text(&p->meta, row->name);
	bool is_syscall = machine_of(p) ? !strncmp(meta_text(&p->meta, row->kind), "syscall", 7)
					: bpf_program__type(h->program) == BPF_PROG_TYPE_SYSCALL;
	if (!is_syscall) {
		report(p, "run: `%s` is no @syscall program", name);
		return -EINVAL;
	}
	if (!context)
		size = 0;
	if (size != row->context_size) {
		report(p, "run: `%s` takes a context of %u bytes, not of %llu", name,
		       row->context_size, (unsigned long long)size);
		return -EINVAL;
	}
	print_flush(p);
	if (machine_of(p))
		return machine_run(p, h->row, context, (uint32_t)size);
	log_reset(p);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = size ? context : NULL,
		    .ctx_size_in = (uint32_t)size);
	int err = bpf_prog_test_run_opts(bpf_program__fd(h->program), &opts);
	if (err < 0) {
		char what[200];
		snprintf(what, sizeof what, "running `%.60s`", name);
		log_explain_refusal(p, what, false, err);
		return err;
	}
	return (int32_t)opts.retval;
}
