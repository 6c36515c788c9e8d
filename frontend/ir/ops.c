/* SPDX-License-Identifier: Apache-2.0 */
/* The op table as data, made from ops.def. */
#include "frontend/ir/ir.h"

#define COMMUTES IR_FLAG_COMMUTES
#define CAN_FOLD IR_FLAG_CAN_FOLD
const struct ir_op_info ir_ops[IR_OP_COUNT] = {
	[IR_NONE] = {"none", IR_RESULT_VOID, IR_OPERAND_NONE, IR_OPERAND_NONE, IR_EXTRA_NONE,
		     IR_EFF_PURE, 0},
#define OP(op, op_name, op_result, op_a, op_b, op_extra, op_effect, op_flags)                      \
	[op] = {.name = op_name,                                                                   \
		.result = IR_RESULT_##op_result,                                                   \
		.a = IR_OPERAND_##op_a,                                                            \
		.b = IR_OPERAND_##op_b,                                                            \
		.extra = IR_EXTRA_##op_extra,                                                      \
		.effect = IR_EFF_##op_effect,                                                      \
		.flags = op_flags},
#include "frontend/ir/ops.def"
#undef OP
};
