/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalar expressions and conditions. Operands are evaluated from left to right. Values of 8 and 16 bits
 * live in 32-bit registers, extended according to their sign; an operation that can leave that range
 * is followed by an extension.
 */
#include "frontend/lower/lower_internal.h"

/* ---- integers ---- */

ir_ref narrow(struct body *f, ir_ref value, const struct type *type)
{
	bool is_signed = value_is_signed(type);
	if (value_type(type) != IR_I32 || type->size >= 4 || type->kind == TYPE_BOOL)
		return value;
	enum ir_op op = type->size == 1 ? (is_signed ? IR_EXT8S : IR_EXT8U)
					: (is_signed ? IR_EXT16S : IR_EXT16U);
	return emit_folded(f, op, IR_I32, value, IR_REF_NONE);
}

ir_ref convert_value(struct body *f, ir_ref value, const struct type *from, const struct type *to)
{
	enum ir_type reg = value_type(to);
	bool from_signed = value_is_signed(from), to_signed = value_is_signed(to);
	value = to_register(f, value, reg, from_signed);
	if (reg != IR_I32 || to->size >= 4)
		return value;
	bool fits = from_signed ? to_signed && from->size <= to->size
				: from->size < to->size || (from->size == to->size && !to_signed);
	return fits ? value : narrow(f, value, to);
}

/* Shift counts are taken modulo the width of the type; the IR does so for 32 and 64 bits. */
static ir_ref shift_count(struct body *f, ir_ref count, const struct type *type)
{
	if (type->size >= 4)
		return count;
	return emit_folded(f, IR_AND, IR_I32, count, const32(f, type->size * 8 - 1));
}

ir_ref lower_arith(struct body *f, enum binary_op op, ir_ref left, ir_ref right,
		   const struct type *type)
{
	static const struct {
		uint8_t is_unsigned, is_signed;
		bool keeps_range; // of operands of 8 or 16 bits
	} ops[] = {
		[BINARY_MUL] = {IR_MUL, IR_MUL, false},  [BINARY_DIV] = {IR_UDIV, IR_SDIV, false},
		[BINARY_REM] = {IR_UREM, IR_SREM, true}, [BINARY_ADD] = {IR_ADD, IR_ADD, false},
		[BINARY_SUB] = {IR_SUB, IR_SUB, false},  [BINARY_SHL] = {IR_SHL, IR_SHL, false},
		[BINARY_SHR] = {IR_LSHR, IR_ASHR, true}, [BINARY_AND] = {IR_AND, IR_AND, true},
		[BINARY_XOR] = {IR_XOR, IR_XOR, true},   [BINARY_OR] = {IR_OR, IR_OR, true},
	};
	bool is_signed = value_is_signed(type);
	if (op == BINARY_SHL || op == BINARY_SHR)
		right = shift_count(f, right, type);
	enum ir_op ir_op = is_signed ? ops[op].is_signed : ops[op].is_unsigned;
	ir_ref result = emit_folded(f, ir_op, value_type(type), left, right);
	bool in_range = ops[op].keeps_range || (op == BINARY_DIV && !is_signed);
	return in_range ? result : narrow(f, result, type);
}

/* ---- compound assignment ---- */

static const struct type *integer_of(const struct types *types, const struct type *type)
{
	return type->kind == TYPE_ENUM ? type->base : type->kind == TYPE_CHAR ? types->u8 : type;
}

/* `x op= e` stores (T)(x op e), and where the quotient of two types is not that of their low bits the
 * conversion of e to the type of x, which the checker put there, must not come first. */
struct op_operand lower_op_operand(struct body *f, enum binary_op op, struct expr *expr,
				   const struct type *type)
{
	bool by_value = op == BINARY_DIV || op == BINARY_REM;
	if (!by_value || expr->kind != EXPR_CONVERT || expr->convert.conversion != CONV_INT)
		return (struct op_operand){lower_value(f, expr), type};
	const struct types *types = &f->lw->program->types;
	const struct type *a = integer_of(types, type);
	const struct type *b = integer_of(types, expr->convert.operand->type);
	const struct type *common =
		a->size > b->size || (a->size == b->size && !a->is_signed) ? a : b;
	ir_ref value = lower_value(f, expr->convert.operand);
	return (struct op_operand){convert_value(f, value, b, common), common};
}

ir_ref lower_op(struct body *f, enum binary_op op, ir_ref old, const struct op_operand *operand,
		const struct type *type)
{
	old = convert_value(f, old, type, operand->type);
	ir_ref result = lower_arith(f, op, old, operand->value, operand->type);
	return convert_value(f, result, operand->type, type);
}

/* ---- pointers ---- */

static ir_ref scaled(struct body *f, ir_ref count, uint32_t size)
{
	if (size == 1)
		return count;
	return emit_folded(f, IR_MUL, IR_I64, count, const64(f, size));
}

static uint32_t step_size(const struct type *pointer)
{
	return pointer->element->size ? pointer->element->size : 1;
}

ir_ref lower_pointer_step(struct body *f, enum binary_op op, ir_ref pointer, ir_ref count,
			  const struct type *type)
{
	bool is_kernel = f->target == IR_TARGET_BPF && type_is_kernel(type->element);
	ir_ref bytes =
		is_kernel ? ir_emit(&f->b, IR_MUL, IR_I64, count, core_stride(f, type->element))
			  : scaled(f, count, step_size(type));
	if (op == BINARY_SUB)
		bytes = emit_folded(f, IR_NEG, IR_I64, bytes, IR_REF_NONE);
	return ir_emit(&f->b, IR_PTRADD, IR_PTR, pointer, bytes);
}

static ir_ref lower_pointer_binary(struct body *f, struct expr *expr)
{
	struct expr *left = expr->binary.left, *right = expr->binary.right;
	bool left_is_pointer = left->type->kind == TYPE_POINTER;
	if (left_is_pointer && right->type->kind == TYPE_POINTER) {
		ir_ref a = lower_value(f, left), b = lower_value(f, right);
		f->b.where = expr->where;
		ir_ref bytes = ir_emit(&f->b, IR_PTRDIFF, IR_I64, a, b);
		uint32_t size = step_size(left->type);
		return size == 1 ? bytes : ir_emit(&f->b, IR_SDIV, IR_I64, bytes, const64(f, size));
	}
	ir_ref first = lower_value(f, left), second = lower_value(f, right);
	f->b.where = expr->where;
	return left_is_pointer ? lower_pointer_step(f, expr->binary.op, first, second, expr->type)
			       : lower_pointer_step(f, expr->binary.op, second, first, expr->type);
}

/* ---- comparison and truth ---- */

static ir_ref lower_comparison(struct body *f, struct expr *expr)
{
	struct expr *left = expr->binary.left, *right = expr->binary.right;
	enum binary_op op = expr->binary.op;
	if (left->type->kind == TYPE_STR || left->kind == EXPR_STRING) {
		struct text a = lower_text(f, left), b = lower_text(f, right);
		ir_ref equal = texts_equal(f, &a, &b);
		return op == BINARY_EQ ? equal
				       : ir_emit(&f->b, IR_EQ, IR_I32, equal, const32(f, 0));
	}
	bool is_signed = value_is_signed(left->type);
	ir_ref a = lower_value(f, left), b = lower_value(f, right);
	f->b.where = expr->where;
	bool swap = op == BINARY_GT || op == BINARY_GE;
	enum ir_op ir_op = op == BINARY_EQ                      ? IR_EQ
			   : op == BINARY_NE                    ? IR_NE
			   : op == BINARY_LT || op == BINARY_GT ? (is_signed ? IR_SLT : IR_ULT)
								: (is_signed ? IR_SLE : IR_ULE);
	return ir_emit(&f->b, ir_op, IR_I32, swap ? b : a, swap ? a : b);
}

/* CONV_TRUTH. */
static ir_ref lower_truth(struct body *f, struct expr *operand)
{
	if (operand->type->kind == TYPE_STR) {
		struct place place = lower_place(f, operand);
		ir_ref first = load_place(f, &place, f->lw->program->types.char_);
		return ir_emit(&f->b, IR_NE, IR_I32, first, const32(f, 0));
	}
	ir_ref value = lower_value(f, operand);
	return ir_emit(&f->b, IR_NE, IR_I32, value, zero_of(f, ir_type_of(f->fn, value)));
}

static void lower_logical(struct body *f, struct expr *expr, uint32_t yes, uint32_t no)
{
	uint32_t second = new_block(f);
	if (expr->binary.op == BINARY_LOGAND)
		lower_condition(f, expr->binary.left, second, no);
	else
		lower_condition(f, expr->binary.left, yes, second);
	start_block(f, second);
	uint32_t known = f->facts.len;
	assume(f, expr->binary.left, expr->binary.op == BINARY_LOGAND);
	lower_condition(f, expr->binary.right, yes, no);
	f->facts.len = known;
}

void lower_condition(struct body *f, struct expr *expr, uint32_t yes, uint32_t no)
{
	if (expr->is_const) {
		jump_to(f, expr->value ? yes : no);
	} else if (expr->kind == EXPR_UNARY && expr->unary.op == UNARY_NOT) {
		lower_condition(f, expr->unary.operand, no, yes);
	} else if (expr->kind == EXPR_BINARY &&
		   (expr->binary.op == BINARY_LOGAND || expr->binary.op == BINARY_LOGOR)) {
		lower_logical(f, expr, yes, no);
	} else {
		ir_ref cond = lower_value(f, expr);
		f->b.where = expr->where;
		branch(f, cond, yes, no, IR_LIKELY_UNKNOWN);
	}
}

/* `&&` and `||` as a value. */
static ir_ref lower_logical_value(struct body *f, struct expr *expr)
{
	uint32_t slot = raw_slot(f, 4, 4);
	uint32_t yes = new_block(f), no = new_block(f), done = new_block(f);
	lower_condition(f, expr, yes, no);
	start_block(f, yes);
	store_word(f, slot, IR_I32, const32(f, 1));
	jump_to(f, done);
	start_block(f, no);
	store_word(f, slot, IR_I32, const32(f, 0));
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, slot, IR_I32);
}

/* ---- operators ---- */

static ir_ref lower_binary(struct body *f, struct expr *expr)
{
	switch (expr->binary.op) {
	case BINARY_LOGAND:
	case BINARY_LOGOR:
		return lower_logical_value(f, expr);
	case BINARY_LT:
	case BINARY_LE:
	case BINARY_GT:
	case BINARY_GE:
	case BINARY_EQ:
	case BINARY_NE:
		return lower_comparison(f, expr);
	case BINARY_MUL:
	case BINARY_DIV:
	case BINARY_REM:
	case BINARY_ADD:
	case BINARY_SUB:
	case BINARY_SHL:
	case BINARY_SHR:
	case BINARY_AND:
	case BINARY_XOR:
	case BINARY_OR:
	case BINARY_COUNT:
		break;
	}
	if (expr->binary.left->type->kind == TYPE_POINTER ||
	    expr->binary.right->type->kind == TYPE_POINTER)
		return lower_pointer_binary(f, expr);
	ir_ref left = lower_value(f, expr->binary.left), right = lower_value(f, expr->binary.right);
	f->b.where = expr->where;
	return lower_arith(f, expr->binary.op, left, right, expr->type);
}

static ir_ref lower_unary(struct body *f, struct expr *expr)
{
	struct expr *operand = expr->unary.operand;
	struct place place;
	struct entry entry;
	ir_ref value;
	switch (expr->unary.op) {
	case UNARY_NOT:
		value = lower_value(f, operand);
		f->b.where = expr->where;
		return ir_emit(&f->b, IR_EQ, IR_I32, value, zero_of(f, ir_type_of(f->fn, value)));
	case UNARY_NEG:
	case UNARY_BITNOT:
		value = lower_value(f, operand);
		f->b.where = expr->where;
		value = ir_emit(&f->b, expr->unary.op == UNARY_NEG ? IR_NEG : IR_NOT,
				value_type(expr->type), value, IR_REF_NONE);
		return narrow(f, value, expr->type);
	case UNARY_DEREF:
		break;
	case UNARY_ADDR:
		f->wants_bound = true;
		if (operand->type->kind == TYPE_ENTRY) {
			entry = lower_entry(f, operand);
			place = entry_place(f, &entry);
		} else {
			place = lower_place(f, operand);
		}
		f->wants_bound = false;
		return lower_guarded_address(f, &place);
	case UNARY_COUNT:
		break;
	}
	place = lower_place(f, expr);
	return load_place(f, &place, expr->type);
}

static ir_ref lower_convert(struct body *f, struct expr *expr, struct expr *operand,
			    enum conversion conversion)
{
	struct place place;
	struct entry entry;
	ir_ref value;
	switch (conversion) {
	case CONV_INT:
		value = lower_value(f, operand);
		f->b.where = expr->where;
		return convert_value(f, value, operand->type, expr->type);
	case CONV_TRUTH:
		return lower_truth(f, operand);
	case CONV_ENTRY_VALUE:
		place = lower_place(f, operand);
		return load_place(f, &place, expr->type);
	case CONV_ENTRY_PRESENT:
		entry = lower_entry(f, operand);
		return entry_present(f, &entry);
	case CONV_STR: // aggregates do not come here
		break;
	case CONV_POINTER:
	case CONV_POINTER_INT:
		value = lower_value(f, operand);
		return to_register(f, value, value_type(expr->type),
				   value_is_signed(operand->type));
	case CONV_FUNC:
		return lower_function_value(f, operand->name.decl, expr->type);
	}
	return zero_of(f, value_type(expr->type));
}

/* A match, if or other expression whose value is chosen by control flow. */
static ir_ref through_slot(struct body *f, struct expr *expr,
			   void (*lower)(struct body *, struct expr *, const struct sink *))
{
	struct sink sink = {.type = expr->type, .slot = new_slot(f, expr->type, 0, expr->where)};
	lower(f, expr, &sink);
	return load_slot(f, sink.slot, expr->type);
}

/* A parameter that stays the value that came in: a context. */
static bool is_unchanged_param(struct decl *decl)
{
	return decl->kind == DECL_PARAM && local_of(decl)->value;
}

/* A zeroed object on the heap of the process. */
static ir_ref lower_new(struct body *f, struct expr *expr)
{
	if (expr->alloc.flag)
		lower_effect(f, expr->alloc.flag);
	f->b.where = expr->where;
	ir_ref size = const64(f, expr->type->element->size);
	return call_runtime(f, "ks_new", IR_PTR, IR_EFFECT_OTHER, &size, 1);
}

ir_ref lower_value(struct body *f, struct expr *expr)
{
	struct place place;
	f->b.where = expr->where;
	if (expr->is_const)
		return ir_const(f->fn, value_type(expr->type), expr->value);
	switch (expr->kind) {
	case EXPR_NAME:
		if (is_unchanged_param(expr->name.decl))
			return local_of(expr->name.decl)->value;
		place = lower_place(f, expr);
		return load_place(f, &place, expr->type);
	case EXPR_INDEX:
	case EXPR_FIELD:
		place = lower_place(f, expr);
		f->b.where = expr->where;
		return load_place(f, &place, expr->type);
	case EXPR_UNARY:
		return lower_unary(f, expr);
	case EXPR_BINARY:
		return lower_binary(f, expr);
	case EXPR_IN:
		return lower_in(f, expr);
	case EXPR_CALL:
		return lower_call(f, expr, NULL);
	case EXPR_CAST:
		return lower_convert(f, expr, expr->cast.operand, expr->cast.conversion);
	case EXPR_CONVERT:
		return lower_convert(f, expr, expr->convert.operand, expr->convert.conversion);
	case EXPR_MATCH:
		return through_slot(f, expr, lower_match);
	case EXPR_IF:
		return through_slot(f, expr, lower_if_value);
	case EXPR_NEW:
		return lower_new(f, expr);
	case EXPR_ERROR:
	case EXPR_INT:
	case EXPR_CHAR:
	case EXPR_BOOL:
	case EXPR_NULL:
	case EXPR_STRING:
	case EXPR_STRUCT:
	case EXPR_ARRAY:
	case EXPR_SIZEOF:
	case EXPR_OFFSETOF:
	case EXPR_TYPE:
	case EXPR_KIND_COUNT:
		break;
	}
	return zero_of(f, value_type(expr->type));
}

void lower_effect(struct body *f, struct expr *expr)
{
	struct sink nowhere = {0};
	f->b.where = expr->where;
	if (expr->is_const)
		return;
	if (expr->kind == EXPR_MATCH)
		lower_match(f, expr, &nowhere);
	else if (expr->kind == EXPR_IF)
		lower_if_value(f, expr, &nowhere);
	else if (expr->type->kind == TYPE_ENTRY)
		lower_entry(f, expr);
	else if (type_is_aggregate(expr->type))
		lower_place(f, expr);
	else if (expr->kind == EXPR_CALL)
		lower_call(f, expr, NULL);
	else if (type_is_scalar(expr->type))
		lower_value(f, expr);
}

/* ---- values that control flow chooses ---- */

void sink_value(struct body *f, const struct sink *sink, struct expr *expr)
{
	if (!sink->type || expr->type->kind == TYPE_VOID) { // void: it does not come back
		lower_effect(f, expr);
	} else if (sink->into) {
		lower_into(f, sink->into, expr, sink->type);
	} else {
		ir_ref value = lower_value(f, expr);
		if (is_live(f))
			store_slot(f, sink->slot, sink->type, value);
	}
}

void sink_zero(struct body *f, const struct sink *sink)
{
	if (!sink->type)
		return;
	if (sink->into)
		zero_object(f, sink->into, sink->type->size);
	else
		store_slot(f, sink->slot, sink->type, zero_of(f, value_type(sink->type)));
}

void sink_block(struct body *f, const struct sink *sink, const struct block *block)
{
	uint32_t count = block->stmts.len;
	struct stmt *last = count ? block->stmts.data[count - 1] : NULL;
	if (!sink->type || !last || last->kind != STMT_EXPR) {
		lower_block(f, block);
		return;
	}
	lower_stmts(f, &block->stmts, 0, count - 1);
	if (is_live(f))
		sink_value(f, sink, last->expr);
}
