/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction selection: optimised IR to machine form.
 *
 * A plan is made first (select_plan.c). The rule for I32 is that the upper half of its register means
 * nothing; zext32 and trunc then cost nothing but, for values that do not have a zero upper half by
 * nature and need it, one move where the value is made. So an index and its 64-bit form share one
 * register and the verifier sees the check of one as a check of the other.
 *
 * Then blocks are filled in reverse post-order from the rows of patterns.def. Constants and addresses
 * are made where they are needed, once per block, and not kept across calls.
 */
#include "bpf-backend/codegen/select.h"
#include "bpf-backend/kernel/kernel.h"

struct pattern {
	uint8_t ir_op, width, b, cost, isa;
	uint16_t op;
};

static const struct pattern patterns[] = {
#define PATTERN(ir_op, width, b, op, cost, isa) {ir_op, width, PATTERN_##b, cost, isa, op},
#include "bpf-backend/codegen/patterns.def"
#undef PATTERN
};

enum bpf_op select_pattern(const struct select *s, enum ir_op op, unsigned width, enum pattern_b b)
{
	const struct pattern *best = NULL;
	for (uint32_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		const struct pattern *p = &patterns[i];
		if (p->ir_op != op || p->width != width || p->isa > s->out->isa)
			continue;
		if (p->b != b && !(p->b == PATTERN_REG && b == PATTERN_IMM))
			continue;
		if (!best || p->cost < best->cost)
			best = p;
	}
	return best ? (enum bpf_op)best->op : BPF_OP_COUNT;
}

/* ---- emission ---- */

void select_emit(struct select *s, struct mir_insn insn)
{
	insn.where = s->where;
	vec_push(s->out->arena, &s->out->blocks.data[s->block].insns, insn);
}

void select_alu(struct select *s, enum bpf_op op, mir_reg dst, mir_reg src)
{
	select_emit(s, (struct mir_insn){.op = (uint16_t)op, .dst = dst, .src = src});
}

void select_alu_imm(struct select *s, enum bpf_op op, mir_reg dst, int32_t imm)
{
	select_emit(s, (struct mir_insn){
			       .op = (uint16_t)op, .dst = dst, .src = MIR_NO_REG, .imm = imm});
}

void select_copy(struct select *s, mir_reg dst, mir_reg src)
{
	select_alu(s, (enum bpf_op)MIR_COPY, dst, src);
}

void select_const(struct select *s, mir_reg dst, enum ir_type type, uint64_t bits)
{
	struct mir_insn in = {.dst = dst, .src = MIR_NO_REG, .imm = (int64_t)bits};
	if (type == IR_I32)
		in.imm = (int64_t)(bits & UINT32_MAX);
	if (in.imm == (int32_t)in.imm) {
		in.op = BPF_OP_MOV64_IMM;
	} else if (in.imm == (int64_t)(uint32_t)in.imm && select_has_alu32(s)) {
		in.op = BPF_OP_MOV32_IMM;
		in.imm = (int32_t)in.imm;
	} else {
		in.op = BPF_OP_LD_IMM64;
	}
	select_emit(s, in);
}

void select_branch(struct select *s, struct mir_insn cond, uint32_t yes, uint32_t no,
		   uint8_t likely)
{
	struct mir_block *block;
	select_emit(s, cond);
	block = &s->out->blocks.data[s->block];
	block->succs[0] = yes;
	block->succs[1] = no;
	block->succ_count = 2;
	block->likely = likely;
}

void select_goto(struct select *s, uint32_t to)
{
	select_emit(s, (struct mir_insn){.op = BPF_OP_GOTO, .dst = MIR_NO_REG, .src = MIR_NO_REG});
	s->out->blocks.data[s->block].succs[0] = to;
	s->out->blocks.data[s->block].succ_count = 1;
}

void select_forget_made(struct select *s)
{
	s->made.len = 0;
}

/* ---- values ---- */

bool select_immediate(const struct select *s, ir_ref r, unsigned width, int32_t *imm)
{
	if (!ir_is_const(r))
		return false;
	uint64_t bits = ir_get_const(s->ir, r)->bits;
	*imm = (int32_t)bits;
	return width <= 4 || (int64_t)bits == *imm;
}

ir_ref select_resolve(const struct select *s, ir_ref r)
{
	while (r && !ir_is_const(r)) {
		const struct ir_insn *in = ir_get(s->ir, r);
		bool is_alias = in->op == IR_ZEXT32 || in->op == IR_PTRINT || in->op == IR_INTPTR ||
				(in->op == IR_TRUNC && !s->is_wide[r]);
		if (!is_alias || ir_is_const(in->a))
			return r;
		r = in->a;
	}
	return r;
}

/* A value that is cheap to make again: nothing keeps it in a register. */
static bool is_made_on_demand(const struct select *s, ir_ref r)
{
	if (ir_is_const(r))
		return true;
	const struct ir_insn *in = ir_get(s->ir, r);
	return in->op == IR_SLOT || in->op == IR_GLOBAL || in->op == IR_MAP || in->op == IR_FUNC ||
	       in->op == IR_ZEXT32 || in->op == IR_PTRINT || in->op == IR_INTPTR;
}

static void make_reference(struct select *s, mir_reg dst, enum bpf_relo_kind kind, uint32_t index,
			   int64_t addend)
{
	select_emit(s, (struct mir_insn){.op = BPF_OP_LD_IMM64,
					 .dst = dst,
					 .src = MIR_NO_REG,
					 .relo = (uint8_t)(kind + 1),
					 .index = index,
					 .imm = addend});
}

void select_into(struct select *s, mir_reg dst, ir_ref r)
{
	r = select_resolve(s, r);
	if (ir_is_const(r)) {
		const struct ir_const *c = ir_get_const(s->ir, r);
		select_const(s, dst, (enum ir_type)c->type, c->bits);
		return;
	}
	const struct ir_insn *in = ir_get(s->ir, r);
	switch (in->op) {
	case IR_SLOT:
		select_emit(s, (struct mir_insn){.op = MIR_FRAME_ADDR,
						 .dst = dst,
						 .src = MIR_NO_REG,
						 .index = in->index});
		break;
	case IR_GLOBAL: {
		const struct ir_global *g = &s->module->globals.data[in->index];
		make_reference(s, dst, BPF_RELO_SECTION, g->section, g->offset);
		break;
	}
	case IR_MAP:
		make_reference(s, dst, BPF_RELO_MAP, in->index, 0);
		break;
	case IR_FUNC:
		make_reference(s, dst, BPF_RELO_FUNC, s->context->func_index[in->index], 0);
		break;
	case IR_ZEXT32:
	case IR_PTRINT:
	case IR_INTPTR: { // of a constant
		const struct ir_const *c = ir_get_const(s->ir, in->a);
		select_const(s, dst, (enum ir_type)c->type, c->bits);
		break;
	}
	default:
		select_copy(s, dst, select_reg(s, r));
	}
}

mir_reg select_reg(struct select *s, ir_ref r)
{
	r = select_resolve(s, r);
	if (!is_made_on_demand(s, r)) {
		if (s->reg_of[r] == MIR_NO_REG)
			s->reg_of[r] = mir_new_reg(s->out);
		return s->reg_of[r];
	}
	for (uint32_t i = 0; i < s->made.len; i++)
		if (s->made.data[i].key == r)
			return s->made.data[i].reg;
	struct made made = {r, mir_new_reg(s->out)};
	select_into(s, made.reg, r);
	vec_push(s->arena, &s->made, made);
	return made.reg;
}

mir_reg select_result(struct select *s, ir_ref r)
{
	if (s->reg_of[r] == MIR_NO_REG)
		s->reg_of[r] = mir_new_reg(s->out);
	return s->reg_of[r];
}

/* ---- instructions ---- */

/* r goes round a loop into phi `a`: they should be one register. */
static bool feeds_phi(const struct select *s, ir_ref r, ir_ref a)
{
	enum { LOOKED_AT = 8 };
	if (ir_is_const(a) || ir_get(s->ir, a)->op != IR_PHI)
		return false;
	uint32_t count = ir_arg_count(s->ir, a);
	for (uint32_t i = 0; i < count && i < LOOKED_AT; i++)
		if (ir_args(s->ir, a)[i] == r)
			return true;
	return false;
}

/* The operands of a commutative operation should change places: the one to be changed in place is the
 * one that the result replaces, or that ends here. */
static bool should_swap(const struct select *s, ir_ref r, ir_ref a, ir_ref b)
{
	if (ir_is_const(a) || ir_is_const(b))
		return ir_is_const(a);
	bool a_fits = feeds_phi(s, r, a), b_fits = feeds_phi(s, r, b);
	if (a_fits != b_fits)
		return b_fits;
	return s->uses[a] != 1 && s->uses[b] == 1;
}

static void select_arithmetic(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	unsigned width = in->type == IR_I32 ? 32 : 64;
	const struct ir_op_info *info = &ir_ops[in->op];
	ir_ref a = in->a, b = info->b == IR_OPERAND_NONE ? IR_REF_NONE : in->b;
	int32_t imm = 0;
	if (info->flags & IR_FLAG_COMMUTES && should_swap(s, r, a, b)) {
		ir_ref swapped = a;
		a = b;
		b = swapped;
	}
	enum pattern_b kind = !b                                        ? PATTERN_NONE
			      : select_immediate(s, b, width / 8, &imm) ? PATTERN_IMM
									: PATTERN_REG;
	bool is_shift = in->op == IR_SHL || in->op == IR_LSHR || in->op == IR_ASHR;
	bool is_division = in->op == IR_UDIV || in->op == IR_UREM;
	if (is_shift)
		imm &= (int32_t)width - 1;
	if (is_division && kind == PATTERN_IMM && !imm)
		kind = PATTERN_REG; // the verifier refuses a constant zero here
	if (is_division && kind == PATTERN_IMM && imm < 0 && !select_has_alu32(s))
		kind = PATTERN_REG; // the immediate would be sign-extended
	enum bpf_op op = select_pattern(s, (enum ir_op)in->op, width, kind);
	if (op == BPF_OP_COUNT) {
		select_expand(s, r);
		return;
	}
	mir_reg dst = select_result(s, r);
	if (mir_roles(op) & MIR_USE_SRC && kind == PATTERN_NONE) { // sign extensions
		select_alu(s, op, dst, select_reg(s, a));
		return;
	}
	mir_reg src = kind == PATTERN_REG ? select_reg(s, b) : MIR_NO_REG;
	select_into(s, dst, a);
	if (kind == PATTERN_REG)
		select_alu(s, op, dst, src);
	else
		select_alu_imm(s, op, dst, imm);
}

/* A number of the running kernel: an immediate that libbpf replaces, 64 bits wide when the local value
 * may be. */
static void select_core(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	const struct ir_core *core = &s->module->cores.data[in->index];
	mir_reg dst = select_result(s, r);
	bool is_wide = core->kind == IR_CORE_ENUM_VALUE;
	enum bpf_op op = is_wide ? BPF_OP_LD_IMM64 : BPF_OP_MOV64_IMM;
	if (in->op == IR_CORE_PTR) {
		op = BPF_OP_ADD64_IMM;
		select_into(s, dst, in->a);
	}
	select_emit(s, (struct mir_insn){.op = (uint16_t)op,
					 .dst = dst,
					 .src = MIR_NO_REG,
					 .relo = BPF_RELO_CORE + 1,
					 .index = in->index,
					 .imm = (int64_t)core->local});
}

/* Gives a value its zero upper half when somebody counts on it and nature does not provide. */
static void widen(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	if (in->type != IR_I32 || !s->is_wide[r] || select_is_wide_by_nature(s, r))
		return;
	if (in->op == IR_PHI || in->op == IR_SELECT || in->op == IR_TRUNC)
		return;
	select_zero_extend(s, s->reg_of[r], s->reg_of[r]);
}

/* A store that takes its value from a register although it may be a constant. */
static bool stores_register(const struct select *s, const struct ir_insn *in)
{
	if (in->op == IR_STORE)
		return in->aux & IR_MEM_KEPT;
	return !kernel_has(s->context->options->kernel, KERNEL_HAS_CONST_CTX_STORES);
}

static void select_insn(struct select *s, ir_ref r)
{
	const struct ir_insn *in = ir_get(s->ir, r);
	bool is_used = s->is_needed[r];
	if (!is_used && !select_has_effect(in))
		return;
	s->where = s->ir->spans.data[r];
	switch (in->op) {
	case IR_PARAM:
	case IR_SLOT:
	case IR_GLOBAL:
	case IR_MAP:
	case IR_FUNC:
	case IR_ZEXT32:
	case IR_PTRINT:
	case IR_INTPTR:
		return; // made on demand
	case IR_PHI:
		select_copy(s, select_result(s, r), select_phi_in(s, r));
		return;
	case IR_CORE:
	case IR_CORE_PTR:
		select_core(s, r);
		return;
	case IR_TRUNC:
		if (s->is_wide[r] || ir_is_const(in->a))
			select_zero_extend(s, select_result(s, r), select_reg(s, in->a));
		return;
	case IR_SELECT:
		select_choose(s, select_result(s, r), in->a, in->b, in->c);
		return;
	case IR_LOAD:
	case IR_CTX_LOAD:
		select_load(s, r);
		break;
	case IR_STORE:
	case IR_CTX_STORE:
		if (stores_register(s, in))
			select_store_reg(s, select_access(s, in->a, in->imm), IR_MEM_WIDTH(in->aux),
					 in->b);
		else
			select_store_to(s, select_access(s, in->a, in->imm), IR_MEM_WIDTH(in->aux),
					in->b);
		return;
	case IR_ATOMIC:
		select_atomic(s, r);
		break;
	case IR_MEMZERO:
		select_memzero(s, r);
		return;
	case IR_MEMCPY:
		select_memcpy(s, r);
		return;
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		select_map_op(s, r);
		break;
	case IR_CALL:
	case IR_CALL_EXTERN:
	case IR_CALL_PTR:
		select_call(s, r);
		break;
	default:
		if (ir_ops[in->op].effect == IR_EFF_CONTROL) {
			select_end(s, in);
			return;
		}
		if (select_is_compare((enum ir_op)in->op)) {
			s->is_needed[r] = false; // the test itself must not ask for its own result
			mir_reg dst = select_result(s, r);
			select_choose(s, dst, r, IR_REF_NONE, IR_REF_NONE);
			s->is_needed[r] = true;
			return;
		}
		select_arithmetic(s, r);
	}
	if (is_used)
		widen(s, r);
}

/* Parameters arrive in r1 to r5; they are taken over at once, in order. */
static void select_params(struct select *s)
{
	struct ir_fn *fn = s->ir;
	ir_ref params[5] = {0};
	for (ir_ref r = fn->blocks.data[0].first; r; r = fn->next.data[r]) {
		const struct ir_insn *in = ir_get(fn, r);
		if (in->op == IR_PARAM && s->is_needed[r] && in->index < 5 && !params[in->index])
			params[in->index] = r;
		else if (in->op == IR_PARAM && s->is_needed[r] && in->index < 5)
			s->reg_of[r] = select_result(s, params[in->index]);
	}
	s->where = fn->where;
	for (uint32_t i = 0; i < 5; i++)
		if (params[i])
			select_copy(s, select_result(s, params[i]), MIR_R1 + i);
	for (uint32_t i = 0; i < 5; i++)
		s->out->param_names[i] = params[i] ? fn->names.data[params[i]] : 0;
	for (uint32_t i = 0; i < 5; i++)
		if (params[i])
			widen(s, params[i]);
}

static void make_blocks(struct select *s, const struct ir_loops *loops)
{
	struct ir_fn *fn = s->ir;
	s->block_of = ARENA_ARRAY(s->arena, uint32_t, fn->blocks.len);
	for (uint32_t i = 0; i < s->doms.rpo_count; i++) {
		uint32_t b = s->doms.rpo[i], loop = loops->loop_of[b];
		uint32_t mb = mir_add_block(s->out, UINT32_MAX);
		uint32_t depth = loop == UINT32_MAX ? 0 : loops->loops[loop].depth;
		s->block_of[b] = mb;
		s->out->blocks.data[mb].loop = loop;
		s->out->blocks.data[mb].depth = (uint8_t)(depth < 8 ? depth : 8);
	}
	for (uint32_t i = 0; i < fn->slots.len; i++) {
		const struct ir_slot *slot = &fn->slots.data[i];
		uint32_t align = slot->size >= 8 ? 8 : slot->align;
		mir_add_slot(s->out, slot->name, slot->size, align, slot->where);
	}
}

static void init(struct select *s)
{
	uint32_t n = s->ir->insns.len;
	s->doms = ir_find_doms(s->ir, s->arena);
	s->uses = ir_count_uses(s->ir, s->arena);
	s->is_needed = ARENA_ARRAY(s->arena, bool, n);
	s->is_wide = ARENA_ARRAY(s->arena, bool, n);
	s->reg_of = ARENA_ARRAY(s->arena, mir_reg, n);
	s->phi_in = ARENA_ARRAY(s->arena, mir_reg, n);
	memset(s->reg_of, 0xff, n * sizeof *s->reg_of);
	memset(s->phi_in, 0xff, n * sizeof *s->phi_in);
	for (uint32_t i = 0; i < IR_SECTION_COUNT; i++)
		s->section_base[i] = MIR_NO_REG;
	s->exit_block = UINT32_MAX;
	s->temp_slot[0] = s->temp_slot[1] = UINT32_MAX;
	select_count_keys(s);
}

/* Puts the section addresses that loops use where the function begins. */
static void hoist_sections(struct select *s)
{
	struct mir_block *entry = &s->out->blocks.data[0];
	struct mir_block grown = {0};
	for (uint32_t i = 0; i < entry->insns.len; i++) {
		bool is_param = entry->insns.data[i].op == MIR_COPY &&
				entry->insns.data[i].src < MIR_FIRST_VREG;
		for (uint32_t k = 0; k < IR_SECTION_COUNT && !is_param; k++) {
			if (s->section_base[k] == MIR_NO_REG)
				continue;
			struct mir_insn in = {.op = BPF_OP_LD_IMM64,
					      .dst = s->section_base[k],
					      .src = MIR_NO_REG,
					      .relo = BPF_RELO_SECTION + 1,
					      .index = k};
			vec_push(s->out->arena, &grown.insns, in);
			s->section_base[k] = MIR_NO_REG;
		}
		vec_push(s->out->arena, &grown.insns, entry->insns.data[i]);
	}
	memcpy(&entry->insns, &grown.insns, sizeof entry->insns);
}

/* Constant conditions leave blocks behind that nothing leads to. */
static void drop_unreachable(struct select *s)
{
	uint32_t count;
	uint32_t *order = mir_reverse_postorder(s->out, s->arena, &count);
	struct bits reached = bits_make(s->arena, s->out->blocks.len);
	for (uint32_t i = 0; i < count; i++)
		bits_add(&reached, order[i]);
	for (uint32_t b = 0; b < s->out->blocks.len; b++) {
		if (bits_has(&reached, b))
			continue;
		s->out->blocks.data[b].insns.len = 0;
		s->out->blocks.data[b].succ_count = 0;
	}
}

/* A register may hold a variable, or one less an offset: `eth, ip - 14`. */
static symbol add_part(struct select *s, symbol own, const struct ir_part *part)
{
	enum { LONGEST = 48 };
	const char *text = intern_text(&s->compile->names, own);
	const char *name = intern_text(&s->compile->names, part->name);
	if (own == part->name || strlen(text) + strlen(name) > LONGEST || strstr(text, name))
		return own;
	struct buf all;
	buf_init(&all);
	buf_printf(&all, "%s%s%s", text, *text ? ", " : "", name);
	if (part->offset)
		buf_printf(&all, " %c %lld", part->offset > 0 ? '-' : '+',
			   (long long)(part->offset > 0 ? part->offset : -part->offset));
	own = intern_string(&s->compile->names, all.data);
	buf_fini(&all);
	return own;
}

/* Variables by virtual register. */
static symbol *find_names(struct select *s)
{
	symbol *names = ARENA_ARRAY(s->arena, symbol, s->out->reg_count);
	struct ir_fn *fn = s->ir;
	for (ir_ref r = 1; r < fn->insns.len; r++) {
		symbol name = fn->names.data[r];
		if (name && s->reg_of[r] != MIR_NO_REG)
			names[s->reg_of[r]] = name;
		else if (name && ir_get(fn, r)->op == IR_PTRADD)
			ir_note_part(fn, r);
		if (name && s->phi_in[r] != MIR_NO_REG)
			names[s->phi_in[r]] = name;
	}
	for (uint32_t i = 0; i < fn->parts.len; i++) {
		struct ir_part part = fn->parts.data[i];
		while (part.base && !ir_is_const(part.base) &&
		       ir_get(fn, part.base)->op == IR_PTRADD &&
		       ir_is_const(ir_get(fn, part.base)->b)) {
			part.offset += (int64_t)ir_get_const(fn, ir_get(fn, part.base)->b)->bits;
			part.base = ir_get(fn, part.base)->a;
		}
		bool is_value = part.base && !ir_is_const(part.base);
		mir_reg reg = is_value ? s->reg_of[part.base] : MIR_NO_REG;
		if (reg != MIR_NO_REG)
			names[reg] = add_part(s, names[reg], &part);
	}
	return names;
}

/* Says of instructions which variable they give a value. A copy may go, so what is copied has the name as
 * well, where it has none. */
static void name_results(struct select *s)
{
	symbol *names = find_names(s);
	for (uint32_t b = s->out->blocks.len; b-- > 0;) {
		struct mir_block *block = &s->out->blocks.data[b];
		for (uint32_t i = block->insns.len; i-- > 0;) {
			struct mir_insn *in = &block->insns.data[i];
			if (!(mir_roles(in->op) & MIR_DEF_DST) || !mir_is_vreg(in->dst))
				continue;
			in->name = names[in->dst];
			if (in->op != MIR_COPY || !in->name)
				continue;
			if (mir_is_vreg(in->src) && !names[in->src])
				names[in->src] = in->name;
			else if (i && in->src == MIR_R0 && mir_roles(in[-1].op) & MIR_CALL)
				in[-1].name = in->name;
		}
	}
}

struct mir_fn *mir_select(const struct select_context *context, struct ir_fn *fn,
			  struct arena *arena)
{
	struct mir_fn *out = ARENA_NEW(arena, struct mir_fn);
	*out = (struct mir_fn){.arena = arena,
			       .compile = context->module->compile,
			       .name = fn->name,
			       .where = fn->where,
			       .isa = context->options->isa,
			       .reg_count = MIR_FIRST_VREG};
	struct select s = {.context = context,
			   .compile = context->module->compile,
			   .module = context->module,
			   .ir = fn,
			   .out = out,
			   .arena = arena};
	init(&s);
	struct ir_loops loops = ir_find_loops(fn, &s.doms, arena);
	make_blocks(&s, &loops);
	select_make_plan(&s);
	for (uint32_t i = 0; i < s.doms.rpo_count; i++) {
		s.ir_block = s.doms.rpo[i];
		s.block = s.block_of[s.ir_block];
		select_forget_made(&s);
		if (!i)
			select_params(&s);
		for (ir_ref r = fn->blocks.data[s.ir_block].first; r; r = fn->next.data[r])
			select_insn(&s, r);
	}
	hoist_sections(&s);
	name_results(&s);
	drop_unreachable(&s);
	select_turn_branches(out);
	mir_find_preds(out);
	return s.failed ? NULL : out;
}
