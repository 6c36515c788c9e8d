/* SPDX-License-Identifier: Apache-2.0 */
/* The passes, for the runner; each is described at the top of its file. */
#ifndef KS_OPT_PASSES_H
#define KS_OPT_PASSES_H

#include "frontend/opt/pass.h"

opt_fn_pass opt_access_check, opt_dce, opt_flow, opt_frame_align, opt_gvn, opt_inline, opt_licm;
opt_fn_pass opt_kernel_pointers, opt_lock_check, opt_loop_bound, opt_lookup_reuse, opt_mem2reg;
opt_fn_pass opt_probe_reads, opt_simplify, opt_stored_value, opt_unroll;
opt_module_pass opt_loop_outline, opt_strip;

#endif
