/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the loads that kernel_pointers marked `probe` into calls of bpf_probe_read_kernel(), which
 * leaves zero where nothing can be read. All of a function's go through one object, because what was
 * read is taken from it at once:
 *
 *	%v = load.i32 %p +4 w4 probe
 *   ->
 *	%s = slot #3 ; %q = ptradd %p, 4 ; call_extern !bpf_probe_read_kernel(%s, 4:i64, %q)
 *	%v = load.i32 %s w4 slot
 */
#include "frontend/opt/passes.h"

enum { WORD = 8 };

static ir_ref insert_address(struct ir_fn *fn, ir_ref at, ir_ref base, int32_t offset)
{
	if (!offset)
		return base;
	return ir_insert_before(
		fn, at,
		(struct ir_insn){.op = IR_PTRADD,
				 .type = IR_PTR,
				 .a = base,
				 .b = ir_const(fn, IR_I64, (uint64_t)(int64_t)offset)});
}

static void expand(struct opt_context *ctx, struct ir_fn *fn, ir_ref r, uint32_t slot)
{
	struct ir_insn in = *ir_get(fn, r);
	unsigned width = IR_MEM_WIDTH(in.aux);
	uint32_t callee = ir_add_extern(ctx->module, IR_EXTERN_HELPER, "bpf_probe_read_kernel",
					IR_I64, IR_EFFECT_READS | IR_EFFECT_WRITES);
	ir_ref to = ir_insert_before(
		fn, r, (struct ir_insn){.op = IR_SLOT, .type = IR_PTR, .index = slot});
	ir_ref args[3] = {to, ir_const(fn, IR_I64, width), insert_address(fn, r, in.a, in.imm)};
	ir_insert_before(fn, r,
			 (struct ir_insn){.op = IR_CALL_EXTERN,
					  .type = IR_VOID,
					  .aux = 3,
					  .a = ir_add_pool(fn, args, 3),
					  .index = callee});
	struct ir_insn *load = ir_get(fn, r);
	load->a = to;
	load->imm = 0;
	load->aux = ir_mem_aux(width, IR_MEM_SIGNED(in.aux), IR_SPACE_SLOT);
}

bool opt_probe_reads(struct opt_context *ctx, struct ir_fn *fn)
{
	uint32_t slot = UINT32_MAX;

	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r]) {
			const struct ir_insn *in = ir_get(fn, r);
			if (in->op != IR_LOAD || IR_MEM_SPACE(in->aux) != IR_SPACE_PROBE)
				continue;
			if (slot == UINT32_MAX)
				slot = ir_add_slot(fn,
						   (struct ir_slot){.size = WORD,
								    .align = WORD,
								    .where = fn->spans.data[r]});
			expand(ctx, fn, r, slot);
		}
	}
	return true;
}
