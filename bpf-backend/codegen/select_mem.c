/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection of memory accesses. Constant offsets fold into the access, local objects are reached from
 * the frame pointer, globals from the start of their section, so that one 64-bit immediate serves all
 * globals of a section in a block. Copies and fills are unrolled into the widest accesses that the
 * known alignment allows; the stack takes aligned accesses only (check_ptr_alignment, Linux 6.12).
 */
#include "bpf-backend/codegen/select.h"

enum {
	FOLD_LIMIT = 0x7000, // offsets kept inside the 16-bit field with room for a copied object
	KEY_SECTION = 1,     // kinds of select.made keys, above the 32 bits of a reference
	KEY_FAR = 8,
};

ir_ref select_address_base(const struct select *s, ir_ref r, int32_t *off)
{
	for (;;) {
		r = select_resolve(s, r);
		if (ir_is_const(r))
			return r;
		const struct ir_insn *in = ir_get(s->ir, r);
		if (in->op != IR_PTRADD || !ir_is_const(in->b))
			return r;
		int64_t delta = (int64_t)ir_get_const(s->ir, in->b)->bits, sum;
		if (__builtin_add_overflow(delta, (int64_t)*off, &sum) || sum > FOLD_LIMIT ||
		    sum < -FOLD_LIMIT)
			return r;
		*off = (int32_t)sum;
		r = in->a;
	}
}

static mir_reg made_reference(struct select *s, uint64_t key, uint32_t section, int64_t addend)
{
	for (uint32_t i = 0; i < s->made.len; i++)
		if (s->made.data[i].key == key)
			return s->made.data[i].reg;
	struct made made = {key, mir_new_reg(s->out)};
	select_emit(s, (struct mir_insn){.op = BPF_OP_LD_IMM64,
					 .dst = made.reg,
					 .src = MIR_NO_REG,
					 .relo = BPF_RELO_SECTION + 1,
					 .index = section,
					 .imm = addend});
	vec_push(s->arena, &s->made, made);
	return made.reg;
}

static struct address global_address(struct select *s, uint32_t index, int32_t off)
{
	const struct ir_global *g = &s->module->globals.data[index];
	int64_t total = (int64_t)g->offset + off;
	if (total >= 0 && total <= FOLD_LIMIT) {
		uint64_t key = (uint64_t)(KEY_SECTION + g->section) << 32;
		if (s->out->blocks.data[s->block].depth) {
			mir_reg *hoisted = &s->section_base[g->section];
			if (*hoisted == MIR_NO_REG)
				*hoisted = mir_new_reg(s->out);
			return (struct address){.base = *hoisted, .off = (int32_t)total};
		}
		mir_reg base = made_reference(s, key, g->section, 0);
		return (struct address){.base = base, .off = (int32_t)total};
	}
	uint64_t key = (uint64_t)KEY_FAR << 32 | index;
	return (struct address){.base = made_reference(s, key, g->section, g->offset), .off = off};
}

static bool is_context(const struct select *s, ir_ref r)
{
	return s->ir->program && !ir_is_const(r) && ir_get(s->ir, r)->op == IR_PARAM;
}

/* The verifier wants the context itself as the base of an access, so offsets from it always fold. */
bool select_core_address(const struct select *s, ir_ref base, int32_t off, struct core_address *out)
{
	base = select_address_base(s, base, &off);
	const struct ir_insn *in = ir_is_const(base) ? NULL : ir_get(s->ir, base);
	if (!in || in->op != IR_CORE_PTR || off || (s->is_needed[base] && !is_context(s, in->a)))
		return false;
	*out = (struct core_address){in->a, in->index, s->module->cores.data[in->index].local};
	return out->local <= FOLD_LIMIT;
}

struct address select_address(struct select *s, ir_ref base, int32_t off)
{
	struct address a = {0};
	base = select_address_base(s, base, &off);
	const struct ir_insn *in = ir_is_const(base) ? NULL : ir_get(s->ir, base);
	if (in && in->op == IR_SLOT)
		return (struct address){.base = MIR_FRAME, .slot = in->index, .off = off};
	if (in && in->op == IR_GLOBAL)
		a = global_address(s, in->index, off);
	else
		a = (struct address){.base = select_reg(s, base), .off = off};
	if (a.off > FOLD_LIMIT || a.off < -FOLD_LIMIT) {
		mir_reg far = mir_new_reg(s->out);
		select_copy(s, far, a.base);
		select_alu_imm(s, BPF_OP_ADD64_IMM, far, a.off);
		a = (struct address){.base = far};
	}
	return a;
}

struct address select_access(struct select *s, ir_ref base, int32_t off)
{
	struct core_address core;
	if (!select_core_address(s, base, off, &core))
		return select_address(s, base, off);
	return (struct address){.base = select_reg(s, core.base),
				.slot = core.core,
				.off = (int32_t)core.local,
				.is_core = true};
}

ir_ref select_stored_value(const struct select *s, ir_ref r, unsigned width)
{
	while (!ir_is_const(r)) {
		const struct ir_insn *in = ir_get(s->ir, r);
		unsigned kept;
		switch (in->op) {
		case IR_EXT8U:
		case IR_EXT8S:
			kept = 1;
			break;
		case IR_EXT16U:
		case IR_EXT16S:
			kept = 2;
			break;
		case IR_TRUNC:
		case IR_ZEXT32:
		case IR_SEXT32:
			kept = 4;
			break;
		default:
			return r;
		}
		if (width > kept)
			return r;
		r = in->a;
	}
	return r;
}

/* ---- loads and stores ---- */

static void emit_load(struct select *s, enum bpf_op op, mir_reg dst, struct address a)
{
	select_emit(s, (struct mir_insn){.op = (uint16_t)op,
					 .dst = dst,
					 .src = a.base,
					 .off = a.off,
					 .index = a.slot,
					 .relo = a.is_core ? BPF_RELO_CORE + 1 : 0});
}

static bool reads_context(const struct select *s, ir_ref address)
{
	int32_t off = 0;
	ir_ref base = select_address_base(s, address, &off);
	if (!ir_is_const(base) && ir_get(s->ir, base)->op == IR_CORE_PTR)
		base = ir_get(s->ir, base)->a;
	return is_context(s, base);
}

void select_load(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = IR_MEM_WIDTH(in->aux);
	bool is_signed = IR_MEM_SIGNED(in->aux);
	struct address a = select_access(s, in->a, in->imm);
	mir_reg dst = select_result(s, r);
	if (is_signed && width == 4 && in->type == IR_I32)
		is_signed = false;
	// Context fields are loaded unsigned: the kernel rewrites those accesses.
	enum bpf_op op = is_signed && in->op == IR_LOAD && !reads_context(s, in->a)
				 ? select_pattern(s, IR_LOAD, width, PATTERN_SIGNED)
				 : BPF_OP_COUNT;
	if (op != BPF_OP_COUNT) {
		emit_load(s, op, dst, a);
		return;
	}
	emit_load(s, select_pattern(s, IR_LOAD, width, PATTERN_NONE), dst, a);
	if (is_signed && width < 8)
		select_sign_extend(s, dst, dst, width * 8, in->type == IR_I32 ? 32 : 64);
}

void select_store_to(struct select *s, struct address a, unsigned width, ir_ref value)
{
	struct mir_insn store = {.dst = a.base,
				 .src = MIR_NO_REG,
				 .off = a.off,
				 .index = a.slot,
				 .relo = a.is_core ? BPF_RELO_CORE + 1 : 0};
	int32_t imm;
	value = select_stored_value(s, value, width);
	if (select_immediate(s, value, width, &imm)) {
		store.op = (uint16_t)select_pattern(s, IR_STORE, width, PATTERN_IMM);
		store.imm = width == 1 ? (int8_t)imm : width == 2 ? (int16_t)imm : imm;
	} else {
		store.op = (uint16_t)select_pattern(s, IR_STORE, width, PATTERN_REG);
		store.src = select_reg(s, value);
	}
	select_emit(s, store);
}

void select_store_reg(struct select *s, struct address a, unsigned width, ir_ref value)
{
	select_emit(s, (struct mir_insn){
			       .op = (uint16_t)select_pattern(s, IR_STORE, width, PATTERN_REG),
			       .dst = a.base,
			       .src = select_reg(s, value),
			       .off = a.off,
			       .index = a.slot});
}

/* ---- copies and fills ---- */

/* What is known of an address: an offset from something with that alignment. */
struct alignment {
	unsigned base;
	int64_t offset;
};

static unsigned lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned alignment_at(struct alignment a, uint32_t done)
{
	uint64_t offset = (uint64_t)a.offset + done, bit = offset & -offset;
	return bit && bit < a.base ? (unsigned)bit : a.base;
}

static struct alignment alignment(const struct select *s, ir_ref r, unsigned known)
{
	int32_t off = 0;
	ir_ref base = select_address_base(s, r, &off);
	struct alignment a = {known, 0}, natural = a;
	if (ir_is_const(base))
		return a;
	const struct ir_insn *in = ir_get(s->ir, base);
	if (in->op == IR_SLOT)
		natural = (struct alignment){s->out->slots.data[in->index].align, off};
	else if (in->op == IR_GLOBAL)
		natural = (struct alignment){8, (int64_t)s->module->globals.data[in->index].offset +
							off};
	return alignment_at(natural, 0) >= known ? natural : a;
}

static unsigned widest(unsigned align, uint32_t left)
{
	unsigned width = lesser(align, 8);
	while (width > left)
		width /= 2;
	return width;
}

void select_memcpy(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned known = in->aux ? in->aux : 1;
	struct alignment to_align = alignment(s, in->a, known),
			 from_align = alignment(s, in->b, known);
	struct address to = select_address(s, in->a, 0), from = select_address(s, in->b, 0);
	for (uint32_t done = 0, width; done < in->index; done += width) {
		width = widest(lesser(alignment_at(to_align, done), alignment_at(from_align, done)),
			       in->index - done);
		mir_reg part = mir_new_reg(s->out);
		emit_load(s, select_pattern(s, IR_LOAD, width, PATTERN_NONE), part, from);
		select_emit(s, (struct mir_insn){.op = (uint16_t)select_pattern(s, IR_STORE, width,
										PATTERN_REG),
						 .dst = to.base,
						 .src = part,
						 .off = to.off,
						 .index = to.slot});
		to.off += (int32_t)width;
		from.off += (int32_t)width;
	}
}

void select_memzero(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	struct alignment align = alignment(s, in->a, in->aux ? in->aux : 1);
	struct address to = select_address(s, in->a, 0);
	for (uint32_t done = 0, width; done < in->index; done += width) {
		width = widest(alignment_at(align, done), in->index - done);
		select_store_to(s, to, width, ir_const(s->ir, IR_I64, 0));
		to.off += (int32_t)width;
	}
}

/* ---- atomics ---- */

void select_atomic(struct select *s, ir_ref r)
{
	static const struct {
		uint16_t plain[2], fetch[2]; // by width: 32, 64
	} rows[] = {
		[IR_ATOMIC_ADD] = {{BPF_OP_ATOMIC_ADD32, BPF_OP_ATOMIC_ADD64},
				   {BPF_OP_FETCH_ADD32, BPF_OP_FETCH_ADD64}},
		[IR_ATOMIC_AND] = {{BPF_OP_ATOMIC_AND32, BPF_OP_ATOMIC_AND64},
				   {BPF_OP_FETCH_AND32, BPF_OP_FETCH_AND64}},
		[IR_ATOMIC_OR] = {{BPF_OP_ATOMIC_OR32, BPF_OP_ATOMIC_OR64},
				  {BPF_OP_FETCH_OR32, BPF_OP_FETCH_OR64}},
		[IR_ATOMIC_XOR] = {{BPF_OP_ATOMIC_XOR32, BPF_OP_ATOMIC_XOR64},
				   {BPF_OP_FETCH_XOR32, BPF_OP_FETCH_XOR64}},
		[IR_ATOMIC_XCHG] = {{BPF_OP_XCHG32, BPF_OP_XCHG64}, {BPF_OP_XCHG32, BPF_OP_XCHG64}},
	};
	const struct ir_insn *in = ir_get(s->ir, r);
	bool is64 = in->type != IR_I32, is_used = s->is_needed[r];
	uint16_t op = is_used ? rows[in->aux].fetch[is64] : rows[in->aux].plain[is64];
	struct address a = select_address(s, in->a, in->imm);
	mir_reg value;
	if (!insn_is_available((enum bpf_op)op, s->out->isa, s->context->options->kernel)) {
		bool is_old = s->context->options->kernel < insn_table[op].kernel;
		diag_report(&s->compile->diags, D_KERNEL_LACKS_INSN, s->where, insn_table[op].text,
			    is_old ? "Linux 5.12" : "`--mcpu v3`", NULL);
		s->failed = true;
		return;
	}
	if (mir_roles(op) & MIR_DEF_SRC) {
		value = select_result(s, r);
		select_into(s, value, in->b);
	} else {
		value = select_reg(s, in->b);
	}
	select_emit(s,
		    (struct mir_insn){
			    .op = op, .dst = a.base, .src = value, .off = a.off, .index = a.slot});
}
