/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the text form that are not operations, shared by printer and parser: one array per
 * vocabulary, indexed by its enum, NULL at the end. The form itself is described in ir_print.c.
 */
#ifndef KS_IR_IR_TEXT_H
#define KS_IR_IR_TEXT_H

extern const char *const ir_type_words[];
extern const char *const ir_space_words[];
extern const char *const ir_ctx_words[];
extern const char *const ir_atomic_words[];
extern const char *const ir_map_flag_words[];
extern const char *const ir_likely_words[];
extern const char *const ir_section_words[];
extern const char *const ir_extern_words[];
extern const char *const ir_target_words[];
extern const char *const ir_dtype_words[];

#endif
