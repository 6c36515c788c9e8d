/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to local objects at addresses that are no multiples of their width, as packed structs have them,
 * become several narrower ones: of the stack the verifier takes aligned accesses only (check_ptr_alignment,
 * Linux 6.12). In: any eBPF function. Out: every access to a slot is as wide as its alignment at most; slots
 * that are accessed with 8 bytes are aligned to 8.
 *
 * A variable offset counts with the zero bits that its last steps show (x * 12, x << 3). Where they show
 * nothing, objects are taken to be laid out naturally: lowering scales every index by the size of an element.
 */
#include "frontend/opt/passes.h"

enum { WIDEST = 8, MAX_STEPS = 64, MAX_INDEX_DEPTH = 6 };

struct walk {
	struct ir_fn *fn;
	uint32_t steps;
	bool *seen; // phis that the walk is in or has left
	ir_ref marks[MAX_STEPS];
	uint32_t marked;
	uint32_t slot; // one that the address may be in, UINT32_MAX: none
};

/* Greatest power of two up to WIDEST that divides n. */
static uint32_t power_in(uint64_t n)
{
	uint64_t lowest = n & (0 - n);

	return n && lowest < WIDEST ? (uint32_t)lowest : WIDEST;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A power of two that divides the value; 0 when its operation tells nothing. */
static uint32_t index_power(const struct ir_fn *fn, ir_ref r, uint32_t depth)
{
	if (ir_is_const(r))
		return power_in(ir_get_const(fn, r)->bits);
	const struct ir_insn *in = ir_get(fn, r);
	if (depth == MAX_INDEX_DEPTH)
		return 0;
	uint32_t a, b;
	switch ((int)in->op) {
	case IR_SHL:
		return ir_is_const(in->b) && ir_get_const(fn, in->b)->bits < 64
			       ? power_in(1ull << ir_get_const(fn, in->b)->bits)
			       : 0;
	case IR_MUL:
		a = index_power(fn, in->a, depth + 1);
		b = index_power(fn, in->b, depth + 1);
		return lesser((a ? a : 1) * (b ? b : 1), WIDEST);
	case IR_AND:
		a = index_power(fn, in->a, depth + 1);
		b = index_power(fn, in->b, depth + 1);
		return a > b ? a : b;
	case IR_ADD:
	case IR_SUB:
	case IR_OR:
		a = index_power(fn, in->a, depth + 1);
		b = index_power(fn, in->b, depth + 1);
		return a && b ? lesser(a, b) : 0;
	case IR_ZEXT32:
	case IR_SEXT32:
	case IR_TRUNC:
		return index_power(fn, in->a, depth + 1);
	default:
		return 0;
	}
}

/* A power of two that divides an address, if that is in a slot. */
static uint32_t address_power(struct walk *w, ir_ref r)
{
	uint32_t power = WIDEST;

	for (;;) {
		if (ir_is_const(r) || w->steps++ == MAX_STEPS)
			return power;
		const struct ir_insn *in = ir_get(w->fn, r);
		if (in->op == IR_SLOT) {
			w->slot = in->index;
			return power;
		}
		if (in->op == IR_PHI || in->op == IR_SELECT) {
			if (w->seen[r] || w->marked == MAX_STEPS)
				return power;
			w->seen[r] = true;
			w->marks[w->marked++] = r;
			uint32_t first = in->op == IR_SELECT;
			for (uint32_t k = first; k < ir_operand_count(w->fn, r); k++)
				power = lesser(power, address_power(w, *ir_operand(w->fn, r, k)));
			return power;
		}
		if (in->op != IR_PTRADD)
			return power;
		uint32_t step = index_power(w->fn, in->b, 0);
		power = step ? lesser(power, step) : power;
		r = in->a;
	}
}

/* How wide an access at `address` + `offset` may be; WIDEST when it is not to a slot. */
static uint32_t allowed_width(struct walk *w, ir_ref address, int32_t offset, uint32_t width)
{
	w->slot = UINT32_MAX;
	w->steps = w->marked = 0;
	uint32_t power = lesser(address_power(w, address), power_in((uint64_t)(int64_t)offset));
	while (w->marked)
		w->seen[w->marks[--w->marked]] = false;
	if (w->slot == UINT32_MAX)
		return WIDEST;
	struct ir_slot *slot = &w->fn->slots.data[w->slot];
	if (power >= width && slot->align < width)
		slot->align = width;
	return power;
}

static ir_ref before(struct ir_fn *fn, ir_ref at, enum ir_op op, enum ir_type type, ir_ref a,
		     ir_ref b)
{
	return ir_insert_before(
		fn, at, (struct ir_insn){.op = (uint8_t)op, .type = (uint8_t)type, .a = a, .b = b});
}

/* Bits of the value below those of the part at byte `at`. */
static uint32_t bits_below(const struct opt_context *ctx, uint32_t width, uint32_t power,
			   uint32_t at)
{
	return 8 * (ctx->module->is_big_endian ? width - power - at : at);
}

/* Parts of `power` bytes, put together; the load itself becomes the last step. */
static void split_load(struct opt_context *ctx, struct ir_fn *fn, ir_ref r, uint32_t power)
{
	struct ir_insn in = *ir_get(fn, r);
	enum ir_type type = (enum ir_type)in.type;
	uint32_t width = IR_MEM_WIDTH(in.aux);
	bool is_signed = IR_MEM_SIGNED(in.aux);
	enum ir_space space = IR_MEM_SPACE(in.aux);
	ir_ref sum = IR_REF_NONE;

	for (uint32_t done = 0; done < width; done += power) {
		ir_ref part =
			ir_insert_before(fn, r,
					 (struct ir_insn){.op = IR_LOAD,
							  .type = in.type,
							  .aux = ir_mem_aux(power, false, space),
							  .a = in.a,
							  .imm = in.imm + (int32_t)done});
		uint32_t below = bits_below(ctx, width, power, done);
		if (below)
			part = before(fn, r, IR_SHL, type, part, ir_const(fn, type, below));
		sum = sum ? before(fn, r, IR_OR, type, sum, part) : part;
	}
	uint32_t spare = (type == IR_I64 ? 64 : 32) - 8 * width;
	if (is_signed && spare)
		sum = before(fn, r, IR_SHL, type, sum, ir_const(fn, type, spare));
	else
		spare = 0;
	*ir_get(fn, r) = (struct ir_insn){.op = spare ? IR_ASHR : IR_OR,
					  .type = in.type,
					  .a = sum,
					  .b = ir_const(fn, type, spare)};
}

/* The store itself becomes that of the last part. */
static void split_store(struct opt_context *ctx, struct ir_fn *fn, ir_ref r, uint32_t power)
{
	struct ir_insn in = *ir_get(fn, r);
	enum ir_type type = ir_type_of(fn, in.b);
	uint32_t width = IR_MEM_WIDTH(in.aux);

	for (uint32_t done = 0; done < width; done += power) {
		ir_ref part = in.b;
		uint32_t below = bits_below(ctx, width, power, done);
		if (ir_is_const(part))
			part = ir_const(fn, type, ir_get_const(fn, part)->bits >> below);
		else if (below)
			part = before(fn, r, IR_LSHR, type, part, ir_const(fn, type, below));
		struct ir_insn store = in;
		store.aux = (uint16_t)((in.aux & ~15u) | power);
		store.b = part;
		store.imm = in.imm + (int32_t)done;
		if (done + power < width)
			ir_insert_before(fn, r, store);
		else
			*ir_get(fn, r) = store;
	}
}

bool opt_frame_align(struct opt_context *ctx, struct ir_fn *fn)
{
	struct walk w = {.fn = fn, .seen = ARENA_ARRAY(ctx->scratch, bool, fn->insns.len)};

	if (!fn->slots.len)
		return true;
	for (uint32_t b = 0; b < fn->blocks.len; b++)
		for (ir_ref r = fn->blocks.data[b].first, next; r; r = next) {
			const struct ir_insn *in = ir_get(fn, r);
			next = fn->next.data[r];
			if (in->op != IR_LOAD && in->op != IR_STORE)
				continue;
			uint32_t width = IR_MEM_WIDTH(in->aux);
			bool is_load = in->op == IR_LOAD;
			enum ir_type type =
				is_load ? (enum ir_type)in->type : ir_type_of(fn, in->b);
			if (width == 1 || type == IR_PTR)
				continue;
			uint32_t power = allowed_width(&w, in->a, in->imm, width);
			if (power >= width)
				continue;
			if (is_load)
				split_load(ctx, fn, r, power);
			else
				split_store(ctx, fn, r, power);
		}
	return true;
}
