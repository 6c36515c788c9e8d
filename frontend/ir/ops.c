/* SPDX-License-Identifier: Apache-2.0 */
/* The op table as data, made from ops.def, and the other words of the text form. */
#include <stddef.h>

#include "frontend/ir/ir.h"
#include "frontend/ir/ir_text.h"

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

const char *const ir_type_words[] = {"void", "i32", "i64", "ptr", NULL};
const char *const ir_space_words[] = {"any",    "slot",   "global", "map",
				      "packet", "kernel", "probe",  NULL};
const char *const ir_ctx_words[] = {"scalar", "packet", "packet_end", "packet_meta",
				    "kernel", "memory", NULL};
const char *const ir_core_words[] = {
#define CORE_KIND(id, name) name,
#include "frontend/base/core_kinds.def"
#undef CORE_KIND
	NULL};
const char *const ir_atomic_words[] = {"add", "and", "or", "xor", "xchg", NULL};
const char *const ir_map_flag_words[] = {"any", "noexist", "exist", NULL};
const char *const ir_likely_words[] = {"unknown", "likely", "unlikely", NULL};
const char *const ir_section_words[] = {"data", "bss", "rodata", "pinned", NULL};
const char *const ir_extern_words[] = {"helper", "kfunc", "runtime", NULL};
const char *const ir_target_words[] = {"bpf", "host", "module", NULL};
const char *const ir_dtype_words[] = {"void",  "int",     "struct", "union", "enum",
				      "array", "pointer", "func",   NULL};
