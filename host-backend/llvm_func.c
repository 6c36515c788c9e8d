/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function bodies: one LLVM block per IR block in reverse post-order, one emitter per kind of
 * operation, chosen by llvm_ops.def. Local objects and the temporaries through which maps take keys
 * and values are allocas of an extra entry block, so that a loop does not grow the stack.
 *
 * Accesses are emitted without an alignment promise, since the source language has packed structs.
 */
#include "host-backend/llvm_gen.h"

#include <string.h>

struct body {
	struct gen *g;
	const struct ir_fn *fn;
	LLVMValueRef into;
	LLVMBuilderRef b;       // at the present place
	LLVMBuilderRef entry_b; // at the end of the extra entry block
	LLVMBasicBlockRef *blocks;
	LLVMValueRef *values; // by ir_ref
	LLVMValueRef *flags;  // by ir_ref: the i1 of a comparison, NULL for others
	LLVMValueRef *slots;
};

typedef LLVMValueRef build_binary_fn(LLVMBuilderRef, LLVMValueRef, LLVMValueRef, const char *);
typedef LLVMValueRef build_unary_fn(LLVMBuilderRef, LLVMValueRef, const char *);

struct op_row {
	LLVMValueRef (*emit)(struct body *, ir_ref, const struct ir_insn *);
	union {
		build_binary_fn *binary;
		build_unary_fn *unary;
		struct {
			build_binary_fn *build;
			bool is_signed, is_remainder;
		} divide;
		struct {
			uint32_t bits;
			bool is_signed, is_swapped;
		} extend;
		LLVMIntPredicate predicate;
		const char *what;
	};
};

static const struct op_row *row_of(const struct ir_insn *in);

/* ---- values ---- */

static LLVMTypeRef type_of(struct body *f, enum ir_type type)
{
	return f->g->types[type];
}

static LLVMValueRef int_const(struct body *f, enum ir_type type, uint64_t bits)
{
	return LLVMConstInt(type_of(f, type), bits, false);
}

static LLVMValueRef value(struct body *f, ir_ref r)
{
	if (!ir_is_const(r)) {
		assert(f->values[r] && "operand is emitted before its use");
		return f->values[r];
	}
	const struct ir_const *c = ir_get_const(f->fn, r);
	if (c->type != IR_PTR)
		return int_const(f, (enum ir_type)c->type, c->bits);
	if (c->bits == 0)
		return LLVMConstNull(type_of(f, IR_PTR));
	return LLVMConstIntToPtr(int_const(f, IR_I64, c->bits), type_of(f, IR_PTR));
}

/* `v` as `type`: integers are cut or zero-extended, pointers become numbers and back. */
static LLVMValueRef convert(struct body *f, LLVMValueRef v, LLVMTypeRef type)
{
	LLVMTypeRef from = LLVMTypeOf(v);
	if (from == type)
		return v;
	bool from_pointer = LLVMGetTypeKind(from) == LLVMPointerTypeKind;
	bool to_pointer = LLVMGetTypeKind(type) == LLVMPointerTypeKind;
	if (from_pointer)
		return LLVMBuildPtrToInt(f->b, v, type, "");
	if (to_pointer)
		return LLVMBuildIntToPtr(f->b, v, type, "");
	return LLVMBuildIntCast2(f->b, v, type, false, "");
}

/* The i1 of a condition. */
static LLVMValueRef flag(struct body *f, ir_ref r)
{
	if (!ir_is_const(r) && f->flags[r])
		return f->flags[r];
	return LLVMBuildICmp(f->b, LLVMIntNE, value(f, r), int_const(f, IR_I32, 0), "");
}

static LLVMValueRef is_equal(struct body *f, LLVMValueRef v, uint64_t number)
{
	LLVMValueRef c = LLVMConstInt(LLVMTypeOf(v), number, true);
	return LLVMBuildICmp(f->b, LLVMIntEQ, v, c, "");
}

/* ---- arithmetic ---- */

static LLVMValueRef emit_binary(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return row_of(in)->binary(f->b, value(f, in->a), value(f, in->b), "");
}

static LLVMValueRef emit_unary(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return row_of(in)->unary(f->b, value(f, in->a), "");
}

/* LLVM gives poison for a count of the width and more; IR counts modulo the width. */
static LLVMValueRef emit_shift(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	uint64_t mask = in->type == IR_I64 ? 63 : 31;
	LLVMValueRef count =
		LLVMBuildAnd(f->b, value(f, in->b), int_const(f, (enum ir_type)in->type, mask), "");
	return row_of(in)->binary(f->b, value(f, in->a), count, "");
}

/* Division that the machine would trap on is done with divisor 1 and its result replaced: x / 0 is
 * 0, x % 0 is x, MIN / -1 wraps. x / -1 is -x for every x, and x % 1 is already x % -1. */
static LLVMValueRef emit_divide(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	const struct op_row *row = row_of(in);
	LLVMValueRef a = value(f, in->a), d = value(f, in->b);
	LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(a));
	LLVMValueRef by_zero = is_equal(f, d, 0);
	LLVMValueRef unsafe = by_zero, by_minus = NULL;
	if (row->divide.is_signed) {
		by_minus = is_equal(f, d, UINT64_MAX);
		unsafe = LLVMBuildOr(f->b, by_zero, by_minus, "");
	}
	LLVMValueRef safe =
		LLVMBuildSelect(f->b, unsafe, LLVMConstInt(LLVMTypeOf(a), 1, false), d, "");
	LLVMValueRef result = row->divide.build(f->b, a, safe, "");
	if (row->divide.is_remainder)
		return LLVMBuildSelect(f->b, by_zero, a, result, "");
	if (by_minus)
		result = LLVMBuildSelect(f->b, by_minus, LLVMBuildNeg(f->b, a, ""), result, "");
	return LLVMBuildSelect(f->b, by_zero, zero, result, "");
}

static LLVMValueRef swap_bytes(struct body *f, LLVMValueRef v)
{
	LLVMTypeRef type = LLVMTypeOf(v);
	unsigned id = LLVMLookupIntrinsicID("llvm.bswap", strlen("llvm.bswap"));
	LLVMValueRef intrinsic = LLVMGetIntrinsicDeclaration(f->g->module, id, &type, 1);
	return LLVMBuildCall2(f->b, LLVMGlobalGetValueType(intrinsic), intrinsic, &v, 1, "");
}

/* Both machines are little-endian, so big-endian order is always the other one. */
static LLVMValueRef emit_extend(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	const struct op_row *row = row_of(in);
	LLVMTypeRef type = type_of(f, (enum ir_type)in->type);
	LLVMValueRef v = LLVMBuildIntCast2(f->b, value(f, in->a),
					   gen_int_type(f->g, row->extend.bits), false, "");
	if (row->extend.is_swapped)
		v = swap_bytes(f, v);
	return LLVMBuildIntCast2(f->b, v, type, row->extend.is_signed, "");
}

static LLVMValueRef emit_compare(struct body *f, ir_ref r, const struct ir_insn *in)
{
	f->flags[r] =
		LLVMBuildICmp(f->b, row_of(in)->predicate, value(f, in->a), value(f, in->b), "");
	return LLVMBuildZExt(f->b, f->flags[r], type_of(f, IR_I32), "");
}

static LLVMValueRef emit_select(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return LLVMBuildSelect(f->b, flag(f, in->a), value(f, in->b), value(f, in->c), "");
}

/* ---- addresses ---- */

static LLVMValueRef add_offset(struct body *f, LLVMValueRef address, LLVMValueRef offset)
{
	return LLVMBuildGEP2(f->b, f->g->i8, address, &offset, 1, "");
}

static LLVMValueRef emit_pointer_add(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return add_offset(f, value(f, in->a), value(f, in->b));
}

static LLVMValueRef emit_pointer_difference(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return LLVMBuildSub(f->b, convert(f, value(f, in->a), type_of(f, IR_I64)),
			    convert(f, value(f, in->b), type_of(f, IR_I64)), "");
}

static LLVMValueRef emit_convert(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return convert(f, value(f, in->a), type_of(f, (enum ir_type)in->type));
}

static LLVMValueRef emit_parameter(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return LLVMGetParam(f->into, in->index);
}

static LLVMValueRef add_local(struct body *f, uint32_t size, uint32_t align)
{
	LLVMTypeRef type = LLVMArrayType2(f->g->i8, size ? size : 1);
	LLVMValueRef v = LLVMBuildAlloca(f->entry_b, type, "");
	LLVMSetAlignment(v, align ? align : 1);
	return v;
}

static LLVMValueRef emit_slot(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	if (!f->slots[in->index]) {
		const struct ir_slot *slot = &f->fn->slots.data[in->index];
		f->slots[in->index] = add_local(f, slot->size, slot->align);
	}
	return f->slots[in->index];
}

static LLVMValueRef emit_global(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return gen_global(f->g, in->index);
}

/* The runtime knows maps by number. */
static LLVMValueRef emit_map_index(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return LLVMConstIntToPtr(int_const(f, IR_I64, in->index), type_of(f, IR_PTR));
}

static LLVMValueRef emit_function(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	LLVMValueRef fn = f->g->fns[in->index];
	if (fn)
		return fn;
	const struct ir_fn *other = f->g->m->fns.data[in->index];
	gen_fail(f->g, "userspace code cannot use `%s`, which runs elsewhere",
		 intern_text(&f->g->m->compile->names, other->name));
	return LLVMConstNull(type_of(f, IR_PTR));
}

/* ---- memory ---- */

/* Shared globals change while userspace runs, so their accesses must happen as written. */
static bool is_shared(const struct body *f, const struct ir_insn *in)
{
	if (IR_MEM_SPACE(in->aux) != IR_SPACE_GLOBAL)
		return false;
	ir_ref r = in->a;
	while (!ir_is_const(r) && ir_get(f->fn, r)->op == IR_PTRADD)
		r = ir_get(f->fn, r)->a;
	if (ir_is_const(r) || ir_get(f->fn, r)->op != IR_GLOBAL)
		return true;
	const struct ir_global *global = &f->g->m->globals.data[ir_get(f->fn, r)->index];
	return global->section != IR_SECTION_RODATA;
}

static LLVMValueRef address_of(struct body *f, const struct ir_insn *in)
{
	LLVMValueRef address = value(f, in->a);
	if (in->imm == 0)
		return address;
	return add_offset(f, address, int_const(f, IR_I64, (uint64_t)(int64_t)in->imm));
}

/* The type that an access of `width` bytes moves; a whole pointer stays one. */
static LLVMTypeRef access_type(struct body *f, uint32_t width, enum ir_type type)
{
	if (type == IR_PTR && width == 8)
		return type_of(f, IR_PTR);
	return gen_int_type(f->g, width * 8);
}

static LLVMValueRef emit_load(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	enum ir_type type = (enum ir_type)in->type;
	LLVMTypeRef moved = access_type(f, IR_MEM_WIDTH(in->aux), type);
	LLVMValueRef v = LLVMBuildLoad2(f->b, moved, address_of(f, in), "");
	LLVMSetAlignment(v, 1);
	LLVMSetVolatile(v, is_shared(f, in));
	if (type != IR_PTR && IR_MEM_SIGNED(in->aux))
		return LLVMBuildIntCast2(f->b, v, type_of(f, type), true, "");
	return convert(f, v, type_of(f, type));
}

static LLVMValueRef emit_store(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	enum ir_type type = ir_type_of(f->fn, in->b);
	LLVMTypeRef moved = access_type(f, IR_MEM_WIDTH(in->aux), type);
	LLVMValueRef v =
		LLVMBuildStore(f->b, convert(f, value(f, in->b), moved), address_of(f, in));
	LLVMSetAlignment(v, 1);
	LLVMSetVolatile(v, is_shared(f, in));
	return NULL;
}

static LLVMValueRef emit_atomic(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	static const LLVMAtomicRMWBinOp ops[] = {
		[IR_ATOMIC_ADD] = LLVMAtomicRMWBinOpAdd,   [IR_ATOMIC_AND] = LLVMAtomicRMWBinOpAnd,
		[IR_ATOMIC_OR] = LLVMAtomicRMWBinOpOr,     [IR_ATOMIC_XOR] = LLVMAtomicRMWBinOpXor,
		[IR_ATOMIC_XCHG] = LLVMAtomicRMWBinOpXchg,
	};
	return LLVMBuildAtomicRMW(f->b, ops[in->aux], address_of(f, in), value(f, in->b),
				  LLVMAtomicOrderingSequentiallyConsistent, false);
}

static LLVMValueRef emit_memzero(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	LLVMBuildMemSet(f->b, value(f, in->a), LLVMConstNull(f->g->i8),
			int_const(f, IR_I64, in->index), 1);
	return NULL;
}

static LLVMValueRef emit_memcpy(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	LLVMBuildMemCpy(f->b, value(f, in->a), 1, value(f, in->b), 1,
			int_const(f, IR_I64, in->index));
	return NULL;
}

static LLVMValueRef emit_nothing_here(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	gen_fail(f->g, "userspace code has no %s", row_of(in)->what);
	return in->type == IR_VOID ? NULL : LLVMGetUndef(type_of(f, (enum ir_type)in->type));
}

/* ---- calls ---- */

static LLVMValueRef build_runtime_call(struct body *f, enum ks_rt_call call, LLVMValueRef *args)
{
	unsigned count = (unsigned)strlen(gen_calls[call].args);
	LLVMValueRef fn = gen_runtime(f->g, call);
	return LLVMBuildCall2(f->b, gen_call_type(f->g, call), fn, args, count, "");
}

/* Address of a key or value: the operand itself, or a temporary that holds the scalar. */
static LLVMValueRef map_operand(struct body *f, ir_ref r, bool is_scalar, uint32_t size)
{
	LLVMValueRef v = value(f, r);
	if (!is_scalar)
		return v;
	LLVMValueRef place = add_local(f, size, 8);
	LLVMBuildStore(f->b, convert(f, v, gen_int_type(f->g, size * 8)), place);
	return place;
}

static LLVMValueRef emit_map_lookup(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	const struct ir_map *map = &f->g->m->maps.data[in->index];
	LLVMValueRef args[] = {
		int_const(f, IR_I32, in->index),
		map_operand(f, in->a, map->key_is_scalar, map->key_size),
		add_local(f, map->value_size, 8),
	};
	return build_runtime_call(f, KS_CALL_ks_map_lookup, args);
}

static LLVMValueRef emit_map_update(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	const struct ir_map *map = &f->g->m->maps.data[in->index];
	LLVMValueRef args[] = {
		int_const(f, IR_I32, in->index),
		map_operand(f, in->a, map->key_is_scalar, map->key_size),
		map_operand(f, in->b, map->value_is_scalar, map->value_size),
		int_const(f, IR_I64, in->aux),
	};
	return build_runtime_call(f, KS_CALL_ks_map_update, args);
}

static LLVMValueRef emit_map_delete(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	const struct ir_map *map = &f->g->m->maps.data[in->index];
	LLVMValueRef args[] = {
		int_const(f, IR_I32, in->index),
		map_operand(f, in->a, map->key_is_scalar, map->key_size),
	};
	return build_runtime_call(f, KS_CALL_ks_map_delete, args);
}

static LLVMValueRef *arguments(struct body *f, ir_ref r)
{
	uint32_t count = ir_arg_count(f->fn, r);
	const ir_ref *refs = ir_args(f->fn, r);
	LLVMValueRef *args = ARENA_ARRAY(f->g->arena, LLVMValueRef, count);
	for (uint32_t i = 0; i < count; i++)
		args[i] = value(f, refs[i]);
	return args;
}

static LLVMValueRef emit_call(struct body *f, ir_ref r, const struct ir_insn *in)
{
	LLVMValueRef fn = emit_function(f, r, in);
	if (!f->g->fns[in->index])
		return in->type == IR_VOID ? NULL
					   : LLVMGetUndef(type_of(f, (enum ir_type)in->type));
	return LLVMBuildCall2(f->b, LLVMGlobalGetValueType(fn), fn, arguments(f, r),
			      ir_arg_count(f->fn, r), "");
}

static enum ks_rt_call find_runtime(const char *name)
{
	uint32_t i = 0;
	while (i < KS_CALL_COUNT && strcmp(gen_calls[i].name, name) != 0)
		i++;
	return (enum ks_rt_call)i;
}

static LLVMValueRef emit_call_extern(struct body *f, ir_ref r, const struct ir_insn *in)
{
	const struct ir_extern *ext = &f->g->m->externs.data[in->index];
	const char *name = intern_text(&f->g->m->compile->names, ext->name);
	enum ks_rt_call call = find_runtime(name);
	LLVMTypeRef wanted = type_of(f, (enum ir_type)in->type);
	if (call == KS_CALL_COUNT || strlen(gen_calls[call].args) != ir_arg_count(f->fn, r)) {
		gen_fail(f->g, "`%s` cannot be called from userspace code", name);
		return in->type == IR_VOID ? NULL : LLVMGetUndef(wanted);
	}
	LLVMValueRef *args = arguments(f, r);
	for (uint32_t i = 0; gen_calls[call].args[i]; i++)
		args[i] = convert(f, args[i], type_of(f, gen_letter_type(gen_calls[call].args[i])));
	LLVMValueRef v = build_runtime_call(f, call, args);
	if (in->type == IR_VOID)
		return NULL;
	return gen_calls[call].result == 'v' ? LLVMGetUndef(wanted) : convert(f, v, wanted);
}

static LLVMValueRef emit_call_pointer(struct body *f, ir_ref r, const struct ir_insn *in)
{
	uint32_t count = ir_arg_count(f->fn, r);
	LLVMValueRef *args = arguments(f, r);
	LLVMTypeRef *types = ARENA_ARRAY(f->g->arena, LLVMTypeRef, count);
	for (uint32_t i = 0; i < count; i++)
		types[i] = LLVMTypeOf(args[i]);
	LLVMTypeRef type =
		LLVMFunctionType(type_of(f, (enum ir_type)in->type), types, count, false);
	return LLVMBuildCall2(f->b, type, value(f, in->b), args, count, "");
}

/* ---- control ---- */

/* Operands are added when every block is done. */
static LLVMValueRef emit_phi(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	return LLVMBuildPhi(f->b, type_of(f, (enum ir_type)in->type), "");
}

static LLVMBasicBlockRef successor(struct body *f, ir_ref r, uint32_t index)
{
	const struct ir_block *b = &f->fn->blocks.data[f->fn->block_of.data[r]];
	return f->blocks[b->succs[index]];
}

static LLVMValueRef emit_jump(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)in;
	LLVMBuildBr(f->b, successor(f, r, 0));
	return NULL;
}

static LLVMValueRef emit_branch(struct body *f, ir_ref r, const struct ir_insn *in)
{
	LLVMBuildCondBr(f->b, flag(f, in->a), successor(f, r, 0), successor(f, r, 1));
	return NULL;
}

static LLVMValueRef emit_switch(struct body *f, ir_ref r, const struct ir_insn *in)
{
	const struct ir_switch *cases = &f->fn->switches.data[in->index];
	LLVMValueRef v = value(f, in->a);
	LLVMValueRef s = LLVMBuildSwitch(f->b, v, successor(f, r, cases->count), cases->count);
	for (uint32_t i = 0; i < cases->count; i++)
		LLVMAddCase(s, LLVMConstInt(LLVMTypeOf(v), cases->values[i], false),
			    successor(f, r, i));
	return NULL;
}

/* Userspace has no loop budget. The second edge is kept, never taken, so that phis stay as they
 * are. */
static LLVMValueRef emit_loop_guard(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)in;
	LLVMValueRef yes = LLVMConstInt(gen_int_type(f->g, 1), 1, false);
	LLVMBuildCondBr(f->b, yes, successor(f, r, 0), successor(f, r, 1));
	return NULL;
}

static LLVMValueRef emit_return(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	if (f->fn->result == IR_VOID)
		LLVMBuildRetVoid(f->b);
	else if (in->a)
		LLVMBuildRet(f->b, value(f, in->a));
	else
		LLVMBuildRet(f->b, LLVMConstNull(type_of(f, (enum ir_type)f->fn->result)));
	return NULL;
}

/* A trap, so that a wrong claim of the compiler stops instead of running what follows in memory. */
static LLVMValueRef emit_unreachable(struct body *f, ir_ref r, const struct ir_insn *in)
{
	(void)r;
	(void)in;
	unsigned id = LLVMLookupIntrinsicID("llvm.trap", strlen("llvm.trap"));
	LLVMValueRef trap = LLVMGetIntrinsicDeclaration(f->g->module, id, NULL, 0);
	LLVMBuildCall2(f->b, LLVMGlobalGetValueType(trap), trap, NULL, 0, "");
	LLVMBuildUnreachable(f->b);
	return NULL;
}

/* ---- the walk ---- */

static const struct op_row rows[IR_OP_COUNT] = {
#define NO_COLUMN .what = NULL
#define HOST_OP(op, emitter, ...) [op] = {.emit = emit_##emitter, __VA_ARGS__},
#include "host-backend/llvm_ops.def"
#undef HOST_OP
#undef NO_COLUMN
};

static const struct op_row *row_of(const struct ir_insn *in)
{
	return &rows[in->op];
}

static void emit_block(struct body *f, uint32_t block)
{
	LLVMPositionBuilderAtEnd(f->b, f->blocks[block]);
	for (ir_ref r = f->fn->blocks.data[block].first; r; r = f->fn->next.data[r]) {
		const struct ir_insn *in = ir_get(f->fn, r);
		if (in->op != IR_NONE)
			f->values[r] = row_of(in)->emit(f, r, in);
	}
}

static void fill_phis(struct body *f, uint32_t block)
{
	const struct ir_block *b = &f->fn->blocks.data[block];
	for (ir_ref r = b->first; r; r = f->fn->next.data[r]) {
		if (ir_get(f->fn, r)->op != IR_PHI)
			break;
		const ir_ref *args = ir_args(f->fn, r);
		for (uint32_t i = 0; i < b->preds.len; i++) {
			LLVMBasicBlockRef from = f->blocks[b->preds.data[i]];
			if (!from)
				continue;
			LLVMValueRef v = value(f, args[i]);
			LLVMAddIncoming(f->values[r], &v, &from, 1);
		}
	}
}

void gen_function(struct gen *g, const struct ir_fn *fn, LLVMValueRef into)
{
	uint32_t count = 0;
	uint32_t *order = ir_reverse_postorder(fn, g->arena, &count);
	struct body f = {
		.g = g,
		.fn = fn,
		.into = into,
		.b = g->builder,
		.entry_b = LLVMCreateBuilderInContext(g->context),
		.blocks = ARENA_ARRAY(g->arena, LLVMBasicBlockRef, fn->blocks.len),
		.values = ARENA_ARRAY(g->arena, LLVMValueRef, fn->insns.len),
		.flags = ARENA_ARRAY(g->arena, LLVMValueRef, fn->insns.len),
		.slots = ARENA_ARRAY(g->arena, LLVMValueRef, fn->slots.len),
	};
	LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(g->context, into, "");
	LLVMPositionBuilderAtEnd(f.entry_b, entry);
	for (uint32_t i = 0; i < count; i++)
		f.blocks[order[i]] = LLVMAppendBasicBlockInContext(g->context, into, "");
	for (uint32_t i = 0; i < count && !g->why; i++)
		emit_block(&f, order[i]);
	for (uint32_t i = 0; i < count && !g->why; i++)
		fill_phis(&f, order[i]);
	LLVMBuildBr(f.entry_b, f.blocks[0]);
	LLVMDisposeBuilder(f.entry_b);
}
