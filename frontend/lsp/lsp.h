/* SPDX-License-Identifier: Apache-2.0 */
/* `ks lsp`: the language server, on standard input and output. */
#ifndef KS_LSP_LSP_H
#define KS_LSP_LSP_H

#include <stdbool.h>
#include <stdint.h>

struct btf; // btf/btf.h

struct lsp_options {
	const char *const *folders; // searched for included files
	uint32_t folder_count;
	uint32_t kernel; // release that eBPF code is checked for
	/* The kernel's types, as in struct target_info; may be called often and gives the same always. */
	const struct arch_info *arch; // NULL when the machine is not known
	const struct btf *(*open_btf)(void *owner);
	bool (*open_modules)(void *owner, const struct btf *btf);
	void *btf_owner;
};

/* Serves until the client says `exit` or its end closes. 0 after an orderly shutdown, else 1. */
int lsp_run(const struct lsp_options *options);

#endif
