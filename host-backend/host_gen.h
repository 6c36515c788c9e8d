/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Userspace half of the compiler. host_generate() lives in a plug-in library that holds LLVM for one
 * machine and is opened only when native code is made; image and container writing (image.h) do not
 * need it.
 */
#ifndef KS_HOST_GEN_H
#define KS_HOST_GEN_H

#include <stdbool.h>

#include "frontend/base/buf.h"
#include "frontend/ir/ir.h"

enum host_output {
	HOST_OBJECT,   // ELF relocatable, for image_link() or --emit=obj
	HOST_ASSEMBLY, // text
	HOST_LLVM_IR,  // text
};

struct host_options {
	const char *triple; // "x86_64-linux-gnu", "aarch64-linux-gnu"; NULL: that of the plug-in
	int level;          // 0 fast; 1 as hard as the module deserves; 2 optimised whatever it is
	enum host_output output;
};

/* Compiles every userspace function of the module. False and *why (in the module's arena) on
 * failure. */
typedef bool host_generate_fn(const struct ir_module *m, const struct host_options *options,
			      struct buf *out, const char **why);
host_generate_fn host_generate;
#define HOST_GENERATE_SYMBOL "host_generate"
#define HOST_PLUGIN_NAME "libks-host.so"          // for this machine
#define HOST_PLUGIN_CROSS_NAME "libks-host-%s.so" // for machine "x86_64" or "aarch64"

/* Names in the object, for image_link(): main, and words that hold the bases of the shared sections
 * (followed by "data", "bss", "rodata" or "pinned"). Functions of the module have the first prefix. */
#define HOST_FN_PREFIX "fn."
#define HOST_MAIN_SYMBOL HOST_FN_PREFIX "main"
#define HOST_BASE_PREFIX "ks_base_"

#endif
