/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the body of a function. A value gets its instruction number when it is first named, be it a
 * use or its definition, so uses may come before. Blocks are numbered as they are first named and
 * put into the order of the text at the end; only then are edges and phi operands made.
 */
#include "frontend/ir/ir_lex.h"
#include "frontend/ir/ir_text.h"

#include <string.h>

struct phi_pair {
	ir_ref phi;
	uint32_t block; // as first named
	ir_ref value;
};

struct label {
	symbol name;
	uint32_t position; // in the text, UINT32_MAX until its definition
	span where;        // of its first mention
};

struct pending { // a value that was named but not yet defined
	ir_ref value;
	symbol name;
	span where;
};

struct body {
	struct ir_parser *p;
	struct ir_fn *fn;
	uint32_t block;            // being filled; UINT32_MAX after its end
	struct map values, blocks; // symbol to ref, to block
	VEC(struct label) labels;  // of each block
	VEC(struct phi_pair) pairs;
	VEC(struct pending) pending;
	uint32_t block_count; // defined
};

static symbol name_of_token(struct body *f)
{
	symbol name = intern_make(&f->p->m->compile->names, f->p->file->text + f->p->token.begin,
				  f->p->token.end - f->p->token.begin);

	ir_lex_next(f->p);
	return name;
}

/* Behind `%`: the value of that name, made when it is new. */
static ir_ref need_value(struct body *f, bool is_definition)
{
	span where = ir_lex_span(f->p);

	if (f->p->token.kind != IR_TOK_WORD && f->p->token.kind != IR_TOK_NUMBER) {
		ir_lex_expected(f->p, "a value");
		return IR_REF_NONE;
	}
	symbol name = name_of_token(f);
	uint64_t *place = map_insert(&f->values, name);
	if (!*place) {
		*place = ir_new_insn(f->fn, (struct ir_insn){0}, where);
		if (!is_definition) {
			struct pending pending = {(ir_ref)*place, name, where};
			vec_push(f->p->m->arena, &f->pending, pending);
		}
	} else if (is_definition && ir_get(f->fn, (ir_ref)*place)->op != IR_NONE) {
		ir_lex_error(f->p, where, "`%%%s` is defined twice",
			     intern_text(&f->p->m->compile->names, name));
		return IR_REF_NONE;
	}
	return (ir_ref)*place;
}

/* %name, a number with an optional `:type`, `null`, `none` */
static bool need_operand(struct body *f, ir_ref *out)
{
	struct ir_parser *p = f->p;
	int type = IR_I32;

	*out = IR_REF_NONE;
	if (ir_lex_take_punct(p, '%')) {
		*out = need_value(f, false);
		return *out != IR_REF_NONE;
	}
	if (ir_lex_take_word(p, "none"))
		return true;
	if (ir_lex_take_word(p, "null")) {
		*out = ir_const(f->fn, IR_PTR, 0);
		return true;
	}
	if (p->token.kind != IR_TOK_NUMBER) {
		ir_lex_expected(p, "an operand: `%` and a name, or a constant");
		return false;
	}
	uint64_t bits = p->token.value;
	ir_lex_next(p);
	if (ir_lex_take_punct(p, ':') &&
	    !ir_lex_need_one_of(p, ir_type_words, "the constant's type", &type))
		return false;
	if (type == IR_VOID) {
		ir_lex_expected(p, "a constant of type i32, i64 or ptr");
		return false;
	}
	*out = ir_const(f->fn, (enum ir_type)type, bits);
	return true;
}

static bool need_block(struct body *f, uint32_t *out)
{
	span where = ir_lex_span(f->p);

	if (f->p->token.kind != IR_TOK_WORD) {
		ir_lex_expected(f->p, "a block");
		return false;
	}
	symbol name = name_of_token(f);
	uint64_t *place = map_insert(&f->blocks, name);
	if (!*place) {
		struct label label = {name, UINT32_MAX, where};
		*place = ir_add_block(f->fn) + 1;
		vec_push(f->p->m->arena, &f->labels, label);
	}
	*out = (uint32_t)*place - 1;
	return true;
}

/* Operands in parentheses, to the pool. */
static bool parse_args(struct body *f, struct ir_insn *in)
{
	VEC(ir_ref) args = {0};

	if (!ir_lex_need_punct(f->p, '('))
		return false;
	while (!ir_lex_take_punct(f->p, ')')) {
		ir_ref arg;
		if (args.len && !ir_lex_need_punct(f->p, ','))
			return false;
		if (!need_operand(f, &arg))
			return false;
		vec_push(f->p->m->arena, &args, arg);
	}
	if (args.len > UINT16_MAX) {
		ir_lex_expected(f->p, "fewer arguments");
		return false;
	}
	in->a = ir_add_pool(f->fn, args.data, args.len);
	in->aux = (uint16_t)args.len;
	return true;
}

/* [block value], … */
static bool parse_phi_args(struct body *f, ir_ref r)
{
	do {
		struct phi_pair pair = {.phi = r};
		if (!ir_lex_need_punct(f->p, '[') || !need_block(f, &pair.block) ||
		    !need_operand(f, &pair.value) || !ir_lex_need_punct(f->p, ']'))
			return false;
		vec_push(f->p->m->arena, &f->pairs, pair);
	} while (ir_lex_take_punct(f->p, ','));
	return true;
}

static void parse_memory_aux(struct body *f, struct ir_insn *in)
{
	static const char *const widths[] = {"w1", "w2", "w4", "w8", NULL};
	bool is_ctx = in->op == IR_CTX_LOAD || in->op == IR_CTX_STORE;
	uint32_t aux = 0;

	while (f->p->token.kind == IR_TOK_WORD && !f->p->token.at_line_start) {
		int i = ir_lex_take_one_of(f->p, widths);
		if (i >= 0) {
			aux = (aux & ~15u) | 1u << i;
		} else if (ir_lex_take_word(f->p, "signed")) {
			aux |= 16;
		} else if (ir_lex_take_word(f->p, "checked")) {
			aux |= IR_MEM_CHECKED;
		} else if (ir_lex_take_word(f->p, "kept")) {
			aux |= IR_MEM_KEPT;
		} else if ((i = ir_lex_take_one_of(f->p, is_ctx ? ir_ctx_words : ir_space_words)) >=
			   0) {
			aux = (aux & ~0xe0u) | (uint32_t)i << 5;
		} else {
			ir_lex_expected(f->p,
					"a width, a memory space, `signed`, `checked` or `kept`");
			return;
		}
	}
	in->aux = (uint16_t)aux;
}

static bool parse_imm(struct body *f, struct ir_insn *in)
{
	if (f->p->token.kind == IR_TOK_NUMBER && f->p->token.has_sign &&
	    !f->p->token.at_line_start) {
		int64_t offset = (int64_t)f->p->token.value;
		if (offset != (int32_t)offset) {
			ir_lex_expected(f->p, "an offset of 32 bits");
			return false;
		}
		in->imm = (int32_t)offset;
		ir_lex_next(f->p);
	}
	if (in->op == IR_ATOMIC) {
		int kind;
		if (!ir_lex_need_one_of(f->p, ir_atomic_words, "the atomic operation", &kind))
			return false;
		in->aux = (uint16_t)kind;
	} else {
		parse_memory_aux(f, in);
	}
	return true;
}

static bool parse_size(struct body *f, struct ir_insn *in)
{
	uint32_t align = 0;

	if (!ir_lex_take_word(f->p, "size")) {
		ir_lex_expected(f->p, "`size`");
		return false;
	}
	if (!ir_lex_need_number(f->p, &in->index))
		return false;
	if (ir_lex_take_word(f->p, "align") && !ir_lex_need_number(f->p, &align))
		return false;
	in->aux = (uint16_t)align;
	return true;
}

static bool parse_map_ref(struct body *f, struct ir_insn *in)
{
	struct ir_parser *p = f->p;
	int flag = 0;

	if (!ir_lex_need_ref(p, '&', &p->maps, 0, p->m->maps.len, &in->index))
		return false;
	if (in->op == IR_MAP_UPDATE &&
	    !ir_lex_need_one_of(p, ir_map_flag_words, "`any`, `noexist` or `exist`", &flag))
		return false;
	in->aux = (uint16_t)flag;
	return true;
}

static bool parse_fn_ref(struct body *f, struct ir_insn *in)
{
	struct ir_parser *p = f->p;

	return ir_lex_need_ref(p, '@', &p->fns, (uint64_t)f->fn->target << 32, p->m->fns.len,
			       &in->index);
}

/* What the third word and aux hold. */
static bool parse_extra(struct body *f, ir_ref r, struct ir_insn *in)
{
	struct ir_parser *p = f->p;
	bool is_call = ir_ops[in->op].effect == IR_EFF_CALL;

	switch ((enum ir_extra)ir_ops[in->op].extra) {
	case IR_EXTRA_IMM:
		return parse_imm(f, in);
	case IR_EXTRA_SIZE:
		return parse_size(f, in);
	case IR_EXTRA_SLOT:
		return ir_lex_need_punct(p, '#') && ir_lex_need_number(p, &in->index);
	case IR_EXTRA_GLOBAL:
		return ir_lex_need_ref(p, '$', &p->globals, 0, p->m->globals.len, &in->index);
	case IR_EXTRA_MAP:
		return parse_map_ref(f, in);
	case IR_EXTRA_FUNC:
		return parse_fn_ref(f, in) && (!is_call || parse_args(f, in));
	case IR_EXTRA_EXTERN:
		return ir_lex_need_ref(p, '!', &p->externs, 0, p->m->externs.len, &in->index) &&
		       parse_args(f, in);
	case IR_EXTRA_ARGS:
		return in->op == IR_PHI ? parse_phi_args(f, r) : parse_args(f, in);
	case IR_EXTRA_PARAM:
		return ir_lex_need_number(p, &in->index);
	case IR_EXTRA_CORE:
		return ir_lex_need_punct(p, '~') && ir_lex_need_number(p, &in->index);
	case IR_EXTRA_NONE:
	case IR_EXTRA_REF:
	case IR_EXTRA_CASES:
		return true;
	}
	return true;
}

/* Successors of a switch: , value: block …, default: block */
static bool parse_cases(struct body *f, struct ir_insn *in)
{
	VEC(uint64_t) values = {0};
	VEC(uint32_t) succs = {0};
	bool is_default = false;

	while (!is_default) {
		uint32_t to;
		if (!ir_lex_need_punct(f->p, ','))
			return false;
		is_default = ir_lex_take_word(f->p, "default");
		if (!is_default && f->p->token.kind != IR_TOK_NUMBER) {
			ir_lex_expected(f->p, "a case value or `default`");
			return false;
		}
		if (!is_default) {
			vec_push(f->p->m->arena, &values, f->p->token.value);
			ir_lex_next(f->p);
		}
		if (!ir_lex_need_punct(f->p, ':') || !need_block(f, &to))
			return false;
		vec_push(f->p->m->arena, &succs, to);
	}
	in->index = ir_add_switch(f->fn, values.data, values.len);
	f->fn->blocks.data[f->block].succs = succs.data;
	f->fn->blocks.data[f->block].succ_count = succs.len;
	return true;
}

static bool parse_succs(struct body *f, struct ir_insn *in)
{
	uint32_t count = in->op == IR_JUMP                                ? 1
			 : in->op == IR_BRANCH || in->op == IR_LOOP_GUARD ? 2
									  : 0;
	uint32_t *succs = ARENA_ARRAY(f->p->m->arena, uint32_t, 2);

	if (in->op == IR_SWITCH)
		return parse_cases(f, in);
	for (uint32_t i = 0; i < count; i++)
		if (((i || in->op == IR_BRANCH) && !ir_lex_need_punct(f->p, ',')) ||
		    !need_block(f, &succs[i]))
			return false;
	f->fn->blocks.data[f->block].succs = succs;
	f->fn->blocks.data[f->block].succ_count = count;
	int likely = ir_lex_take_one_of(f->p, ir_likely_words);
	if (in->op == IR_BRANCH && likely > 0)
		in->aux = (uint16_t)likely;
	return true;
}

/* name or name.type */
static bool parse_op(struct body *f, struct ir_insn *in)
{
	struct ir_parser *p = f->p;
	const char *text = p->token.bytes;
	uint32_t len = p->token.len, name_len = len;
	int type = -1;

	if (p->token.kind != IR_TOK_WORD) {
		ir_lex_expected(p, "an operation");
		return false;
	}
	for (int t = IR_I32; t <= IR_PTR && len > 4; t++)
		if (text[len - 4] == '.' && !memcmp(text + len - 3, ir_type_words[t], 3))
			type = t;
	if (type >= 0)
		name_len = len - 4;
	uint64_t *op = map_find(&p->ops, hash_bytes(text, name_len) >> 1);
	if (!op || strlen(ir_ops[*op].name) != name_len ||
	    memcmp(ir_ops[*op].name, text, name_len)) {
		ir_lex_expected(p, "an operation");
		return false;
	}
	static const int fixed[] = {
		[IR_RESULT_INT] = -1,     [IR_RESULT_I32] = IR_I32, [IR_RESULT_I64] = IR_I64,
		[IR_RESULT_PTR] = IR_PTR, [IR_RESULT_VALUE] = -1,   [IR_RESULT_VOID] = IR_VOID};
	int own = fixed[ir_ops[*op].result];
	bool may_be_void = ir_ops[*op].effect == IR_EFF_CALL;
	if ((own < 0 && type < 0 && !may_be_void) || (own >= 0 && type >= 0)) {
		ir_lex_expected(p, own < 0 ? "an operation with its type (`add.i32`)"
					   : "this operation without a type");
		return false;
	}
	in->op = (uint8_t)*op;
	in->type = (uint8_t)(own >= 0 ? own : type >= 0 ? type : IR_VOID);
	ir_lex_next(p);
	return true;
}

static bool parse_operands(struct body *f, struct ir_insn *in)
{
	const struct ir_op_info *op = &ir_ops[in->op];
	bool has_a = op->a != IR_OPERAND_NONE;

	if (op->a == IR_OPERAND_OPT && f->p->token.at_line_start)
		return true;
	if (has_a && !need_operand(f, &in->a))
		return false;
	if (op->b != IR_OPERAND_NONE &&
	    ((has_a && !ir_lex_need_punct(f->p, ',')) || !need_operand(f, &in->b)))
		return false;
	return op->extra != IR_EXTRA_REF ||
	       (ir_lex_need_punct(f->p, ',') && need_operand(f, &in->c));
}

/* [%name =] operation operands extra successors */
static void parse_insn(struct body *f)
{
	struct ir_parser *p = f->p;
	struct ir_insn in = {0};
	ir_ref r = IR_REF_NONE;
	span where = ir_lex_span(p);
	bool is_named = ir_lex_take_punct(p, '%');

	if (is_named && (!(r = need_value(f, true)) || !ir_lex_need_punct(p, '=')))
		return;
	span op_where = ir_lex_span(p);
	p->token.at_line_start = false;
	if (!parse_op(f, &in))
		return;
	if (is_named != (in.type != IR_VOID)) {
		ir_lex_error(p, op_where,
			     is_named ? "this operation gives no value"
				      : "the value needs a name (`%%1 = …`)");
		if (!p->token.at_line_start)
			ir_lex_skip_line(p);
		return;
	}
	if (f->block == UINT32_MAX) {
		ir_lex_error(p, where, "this instruction is in no block");
		if (!p->token.at_line_start)
			ir_lex_skip_line(p);
		return;
	}
	if (!r)
		r = ir_new_insn(f->fn, in, where);
	ir_get(f->fn, r)->op = in.op; // defined from here on, whatever follows
	bool is_end = ir_ops[in.op].effect == IR_EFF_CONTROL;
	bool is_good = parse_operands(f, &in) && parse_extra(f, r, &in) &&
		       (!is_end || parse_succs(f, &in));
	*ir_get(f->fn, r) = in;
	f->fn->spans.data[r] = where;
	ir_append(f->fn, f->block, r);
	if (is_end)
		f->block = UINT32_MAX;
	if (is_good && !p->token.at_line_start)
		ir_lex_expected(p, "the end of the line");
	else if (!p->token.at_line_start)
		ir_lex_skip_line(p);
}

static void parse_slot(struct body *f)
{
	struct ir_parser *p = f->p;
	struct ir_slot slot = {.align = 1, .where = ir_lex_span(p)};
	uint32_t number;

	p->token.at_line_start = false;
	if (!ir_lex_need_punct(p, '#') || !ir_lex_need_number(p, &number))
		return;
	if (number != f->fn->slots.len)
		ir_lex_error(p, slot.where, "slots are numbered from 0 in order");
	slot.name = ir_lex_need_name(p);
	while (p->token.kind == IR_TOK_WORD && !p->token.at_line_start) {
		uint32_t *place = ir_lex_take_word(p, "size")    ? &slot.size
				  : ir_lex_take_word(p, "align") ? &slot.align
				  : ir_lex_take_word(p, "dtype") ? &slot.dtype
								 : NULL;
		if (!place) {
			ir_lex_expected(p, "`size`, `align` or `dtype`");
			return;
		}
		if (!ir_lex_need_number(p, place))
			return;
	}
	ir_add_slot(f->fn, slot);
}

static void parse_label(struct body *f)
{
	struct ir_parser *p = f->p;
	span where = ir_lex_span(p);
	uint32_t block;

	if (!need_block(f, &block) || !ir_lex_need_punct(p, ':'))
		return;
	if (f->labels.data[block].position != UINT32_MAX) {
		ir_lex_error(p, where, "the block is defined twice");
		return;
	}
	f->labels.data[block].position = f->block_count++;
	f->block = block;
	if (ir_lex_take_word(p, "bound"))
		ir_lex_need_number(p, &f->fn->blocks.data[block].loop_bound);
	if (!p->token.at_line_start)
		ir_lex_expected(p, "the end of the line");
}

static void parse_line(struct body *f)
{
	struct ir_parser *p = f->p;
	const char *text = p->file->text;
	uint32_t begin = p->token.begin, after = p->pos;

	if (p->token.kind == IR_TOK_WORD) {
		while (text[after] == ' ')
			after++;
		if (text[after] == ':') {
			parse_label(f);
			return;
		}
		if (p->token.len == 4 && !memcmp(p->token.bytes, "slot", 4)) {
			ir_lex_next(p);
			parse_slot(f);
			return;
		}
	}
	parse_insn(f);
	if (p->token.begin == begin && p->token.kind != IR_TOK_END)
		ir_lex_skip_line(p);
}

/* Puts the blocks into the order of the text and makes the edges. */
static void order_blocks(struct body *f)
{
	struct ir_fn *fn = f->fn;
	struct ir_block *ordered = ARENA_ARRAY(fn->arena, struct ir_block, fn->blocks.len);

	for (uint32_t b = 0; b < fn->blocks.len; b++)
		ordered[f->labels.data[b].position] = fn->blocks.data[b];
	fn->blocks.data = ordered;
	fn->blocks.cap = fn->blocks.len;
	for (ir_ref r = 1; r < fn->insns.len; r++)
		if (fn->block_of.data[r] != UINT32_MAX)
			fn->block_of.data[r] = f->labels.data[fn->block_of.data[r]].position;
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		for (uint32_t i = 0; i < ordered[b].succ_count; i++) {
			ordered[b].succs[i] = f->labels.data[ordered[b].succs[i]].position;
			vec_push(fn->arena, &ordered[ordered[b].succs[i]].preds, b);
		}
	}
}

/* Pairs of one phi stand together. A predecessor without a pair leaves IR_REF_NONE for the checker
 * to report. */
static void set_phi_args(struct body *f)
{
	struct ir_fn *fn = f->fn;
	struct arena *scratch = f->p->m->arena;
	ir_ref *value_from = ARENA_ARRAY(scratch, ir_ref, fn->blocks.len + 1);

	for (uint32_t i = 0, end; i < f->pairs.len; i = end) {
		ir_ref r = f->pairs.data[i].phi;
		const struct ir_block *b = &fn->blocks.data[fn->block_of.data[r]];
		for (end = i; end < f->pairs.len && f->pairs.data[end].phi == r; end++)
			value_from[f->labels.data[f->pairs.data[end].block].position] =
				f->pairs.data[end].value;
		ir_get(fn, r)->a = ir_add_pool(fn, NULL, b->preds.len);
		ir_get(fn, r)->index = b->preds.len;
		for (uint32_t k = 0; k < b->preds.len; k++)
			ir_args(fn, r)[k] = value_from[b->preds.data[k]];
		for (uint32_t k = i; k < end; k++)
			value_from[f->labels.data[f->pairs.data[k].block].position] = IR_REF_NONE;
	}
}

static void finish_body(struct body *f)
{
	const struct intern *names = &f->p->m->compile->names;

	for (uint32_t i = 0; i < f->pending.len; i++) {
		const struct pending *v = &f->pending.data[i];
		if (ir_get(f->fn, v->value)->op == IR_NONE)
			ir_lex_error(f->p, v->where, "`%%%s` is never defined",
				     intern_text(names, v->name));
	}
	for (uint32_t i = 0; i < f->labels.len; i++)
		if (f->labels.data[i].position == UINT32_MAX)
			ir_lex_error(f->p, f->labels.data[i].where,
				     "the block `%s` is never defined",
				     intern_text(names, f->labels.data[i].name));
	if (f->p->failed)
		return;
	order_blocks(f);
	set_phi_args(f);
}

void ir_parse_body(struct ir_parser *p, struct ir_fn *fn)
{
	struct body f = {.p = p, .fn = fn, .block = UINT32_MAX};

	map_init(&f.values, p->m->arena);
	map_init(&f.blocks, p->m->arena);
	while (p->token.kind != IR_TOK_END) {
		if (ir_lex_take_punct(p, '}')) {
			finish_body(&f);
			return;
		}
		parse_line(&f);
	}
	ir_lex_expected(p, "`}` at the end of the function");
}
