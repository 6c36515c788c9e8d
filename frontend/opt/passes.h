/* SPDX-License-Identifier: Apache-2.0 */
/* The passes, for the runner; each is described at the top of its file. */
#ifndef KS_OPT_PASSES_H
#define KS_OPT_PASSES_H

#include "frontend/opt/pass.h"

opt_fn_pass opt_access_check, opt_choices, opt_dce, opt_flow, opt_frame_align, opt_gvn, opt_inline,
	opt_licm;
opt_fn_pass opt_kernel_pointers, opt_key_in_place, opt_lock_check, opt_loop_bound, opt_lookup_reuse,
	opt_mem2reg, opt_merge_accesses, opt_packet_bounds;
opt_fn_pass opt_packet_pull, opt_probe_reads;
opt_fn_pass opt_simplify, opt_sink, opt_slot_writes, opt_stored_value, opt_unroll;
opt_module_pass opt_loop_outline, opt_strip;

/* What opt_loop_bound does first. loop_counters.c */
void loop_tidy_counters(struct opt_context *ctx, struct ir_fn *fn);
/* Cuts a number that a loop compares with, and that is made outside of it, off with its bound, above the loop. */
void loop_cut_limit(struct opt_context *ctx, struct ir_fn *fn, uint32_t loop, ir_ref compare,
		    ir_ref limit, uint64_t most);
/* Numbers that are added to pointers in loops with a guard are bounded there again. loop_offsets.c */
struct packets;
void loop_keep_offsets(struct opt_context *ctx, struct ir_fn *fn, const struct packets *numbers,
		       const bool *is_guarded);

#endif
