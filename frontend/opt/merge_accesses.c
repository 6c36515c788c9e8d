/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours in memory that are copied or set one by one are moved together:
 *
 *	%1 = load %p +26 w4;  store %s, %1 w4              %1 = load %p +26 w8
 *	%2 = load %p +30 w4;  store %s, %2 +4 w4     ->    store %s, %1 w8
 *
 * Two stores of one width to places side by side, of numbers or of loaded values that nothing else uses,
 * become one of twice the width; rounds of it go up to 8 bytes. The load moves up to the first of the
 * two, the store down to the second, past nothing that touches their bytes. What is copied has no
 * byte order. Accesses to packets and values of maps need no alignment on the targets that this is
 * for; those to slots keep to it.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum { MAX_STORES = 128, MAX_BETWEEN = 256, WIDEST = 8 };

struct place { // bytes that an access touches
	ir_ref base;
	int64_t offset;
	uint32_t size;
};

struct merger {
	struct opt_context *ctx;
	struct ir_fn *fn;
	uint32_t *uses;
	uint32_t known;     // instructions that there were
	uint32_t *position; // in their block
	ir_ref stores[MAX_STORES];
	uint32_t count;
	bool changed;
};

static struct place place_of(const struct ir_fn *fn, ir_ref address, int64_t offset, uint32_t size)
{
	while (!ir_is_const(address) && ir_get(fn, address)->op == IR_PTRADD &&
	       ir_is_const(ir_get(fn, address)->b)) {
		offset += (int64_t)ir_get_const(fn, ir_get(fn, address)->b)->bits;
		address = ir_get(fn, address)->a;
	}
	return (struct place){address, offset, size};
}

static struct place access_place(const struct ir_fn *fn, ir_ref r)
{
	const struct ir_insn *in = ir_get(fn, r);
	return place_of(fn, in->a, in->imm, IR_MEM_WIDTH(in->aux));
}

/* ---- what may be the same memory ---- */

enum kind { KIND_UNKNOWN, KIND_SLOT, KIND_GLOBAL, KIND_VALUE, KIND_PACKET };

static enum kind kind_of(const struct ir_fn *fn, ir_ref base, uint32_t *object)
{
	while (!ir_is_const(base) && ir_get(fn, base)->op == IR_PTRADD)
		base = ir_get(fn, base)->a;
	if (ir_is_const(base))
		return KIND_UNKNOWN;
	const struct ir_insn *in = ir_get(fn, base);
	*object = in->index;
	if (in->op == IR_MAP_LOOKUP)
		return KIND_VALUE;
	if (ir_is_packet_load(in))
		return KIND_PACKET;
	return in->op == IR_SLOT ? KIND_SLOT : in->op == IR_GLOBAL ? KIND_GLOBAL : KIND_UNKNOWN;
}

static bool may_overlap(const struct ir_fn *fn, const struct place *x, const struct place *y)
{
	uint32_t object_x = 0, object_y = 0;
	enum kind kx = kind_of(fn, x->base, &object_x), ky = kind_of(fn, y->base, &object_y);
	if (kx == KIND_UNKNOWN || ky == KIND_UNKNOWN)
		return true;
	if (kx != ky)
		return false;
	if ((kx == KIND_SLOT || kx == KIND_GLOBAL) && object_x != object_y)
		return false;
	bool is_one_object = kx == KIND_SLOT || kx == KIND_GLOBAL || x->base == y->base;
	bool is_constant =
		ir_get(fn, x->base)->op != IR_PTRADD && ir_get(fn, y->base)->op != IR_PTRADD;
	if (!is_one_object || (x->base != y->base && !is_constant))
		return true;
	return x->offset < y->offset + y->size && y->offset < x->offset + x->size;
}

/* The instruction may write to the place, or, with `reads`, read from it. */
static bool touches(const struct ir_fn *fn, ir_ref r, const struct place *place, bool reads)
{
	const struct ir_insn *in = ir_get(fn, r);
	struct place own;
	switch ((int)ir_ops[in->op].effect) {
	case IR_EFF_PURE:
	case IR_EFF_CTX_LOAD:
		return false;
	case IR_EFF_LOAD:
		own = access_place(fn, r);
		return reads && may_overlap(fn, &own, place);
	case IR_EFF_STORE:
		if (in->op != IR_STORE)
			return true;
		own = access_place(fn, r);
		return may_overlap(fn, &own, place);
	default:
		return true;
	}
}

/* Something between the two touches the place. */
static bool is_touched(const struct merger *m, ir_ref from, ir_ref to, const struct place *place,
		       bool reads)
{
	uint32_t steps = 0;
	for (ir_ref r = m->fn->next.data[from]; r != to; r = m->fn->next.data[r])
		if (!r || steps++ > MAX_BETWEEN || touches(m->fn, r, place, reads))
			return true;
	return false;
}

/* ---- pairs ---- */

static bool is_load(const struct merger *m, ir_ref value, uint32_t block)
{
	if (ir_is_const(value))
		return false;
	const struct ir_insn *in = ir_get(m->fn, value);
	return in->op == IR_LOAD && m->fn->block_of.data[value] == block &&
	       (value >= m->known || m->uses[value] == 1);
}

/* Twice the width is aligned as the memory wants it. */
static bool is_aligned(const struct merger *m, const struct place *place)
{
	const struct ir_fn *fn = m->fn;
	uint32_t object = 0;
	bool is_at_object = ir_is_const(place->base) || ir_get(fn, place->base)->op != IR_PTRADD;
	int64_t offset = place->offset;
	switch (kind_of(fn, place->base, &object)) {
	case KIND_SLOT:
		return is_at_object && fn->slots.data[object].align >= 2 * place->size &&
		       offset % (2 * place->size) == 0;
	case KIND_GLOBAL:
		offset += m->ctx->module->globals.data[object].offset;
		return is_at_object && offset % (2 * place->size) == 0;
	case KIND_VALUE:
		return is_at_object && offset % (2 * place->size) == 0;
	case KIND_PACKET:
		return true;
	case KIND_UNKNOWN:
		break;
	}
	return false;
}

static bool are_neighbours(const struct place *low, const struct place *high)
{
	return low->base == high->base && low->size == high->size &&
	       low->offset + low->size == high->offset;
}

/* The number that both together are; IR_REF_NONE when it does not fit an immediate. */
static ir_ref joined_number(struct ir_fn *fn, ir_ref low, ir_ref high, uint32_t width)
{
	uint64_t mask = (UINT64_C(1) << width * 8) - 1;
	uint64_t bits = (ir_get_const(fn, low)->bits & mask) | (ir_get_const(fn, high)->bits & mask)
								       << width * 8;
	if (width < 4)
		return ir_const(fn, IR_I32, bits);
	return (int64_t)bits == (int32_t)bits ? ir_const(fn, IR_I64, bits) : IR_REF_NONE;
}

/* The access at `at`, which is the low or the high one, as one of twice the width. */
static struct ir_insn widened(const struct ir_fn *fn, ir_ref at, bool is_low)
{
	struct ir_insn in = *ir_get(fn, at);
	uint32_t width = IR_MEM_WIDTH(in.aux);
	if (!is_low)
		in.imm -= (int32_t)width;
	in.aux = (uint16_t)((in.aux & ~31u) | 2 * width);
	return in;
}

static ir_ref joined_loads(struct merger *m, ir_ref low, ir_ref high)
{
	struct ir_fn *fn = m->fn;
	struct place a = access_place(fn, low), b = access_place(fn, high);
	bool low_first = m->position[low] < m->position[high];
	ir_ref first = low_first ? low : high, second = low_first ? high : low;
	if (!are_neighbours(&a, &b) || !is_aligned(m, &a) || a.size == WIDEST ||
	    is_touched(m, first, second, low_first ? &b : &a, false))
		return IR_REF_NONE;
	struct ir_insn in = widened(fn, first, low_first);
	in.type = 2 * a.size == WIDEST ? IR_I64 : IR_I32;
	ir_ref made = ir_insert_before(fn, first, in);
	m->position[made] = m->position[first];
	return made;
}

/* Stores `low` and `high`, side by side. */
static bool try_pair(struct merger *m, ir_ref low, ir_ref high)
{
	struct ir_fn *fn = m->fn;
	uint32_t block = fn->block_of.data[low];
	struct place a = access_place(fn, low), b = access_place(fn, high);
	bool low_first = m->position[low] < m->position[high];
	ir_ref first = low_first ? low : high, second = low_first ? high : low;
	ir_ref x = ir_get(fn, low)->b, y = ir_get(fn, high)->b, value;
	if (!are_neighbours(&a, &b) || !is_aligned(m, &a) ||
	    is_touched(m, first, second, low_first ? &a : &b, true))
		return false;
	if (ir_is_const(x) && ir_is_const(y)) {
		value = joined_number(fn, x, y, a.size);
	} else if (is_load(m, x, block) && is_load(m, y, block) && x != y &&
		   IR_MEM_WIDTH(ir_get(fn, x)->aux) == a.size) {
		value = joined_loads(m, x, y);
	} else {
		return false;
	}
	if (!value)
		return false;
	struct ir_insn wide = widened(fn, second, !low_first);
	wide.b = value;
	*ir_get(fn, second) = wide;
	ir_remove(fn, first);
	if (!ir_is_const(x)) {
		ir_remove(fn, x);
		ir_remove(fn, y);
	}
	return true;
}

static bool is_candidate(const struct merger *m, ir_ref r)
{
	const struct ir_insn *in = ir_get(m->fn, r);
	uint32_t object;
	return in->op == IR_STORE && IR_MEM_WIDTH(in->aux) < WIDEST && !(in->aux & IR_MEM_KEPT) &&
	       kind_of(m->fn, access_place(m->fn, r).base, &object) != KIND_UNKNOWN;
}

static void merge_round(struct merger *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		for (uint32_t k = i + 1; k < m->count && m->stores[i]; k++) {
			ir_ref a = m->stores[i], b = m->stores[k];
			if (!b)
				continue;
			if (try_pair(m, a, b) || try_pair(m, b, a)) {
				m->stores[i] = IR_REF_NONE; // the later one is left
				m->changed = true;
			}
		}
	}
}

static void visit_block(struct merger *m, uint32_t b)
{
	uint32_t position = 0;
	m->count = 0;
	for (ir_ref r = m->fn->blocks.data[b].first; r; r = m->fn->next.data[r]) {
		m->position[r] = position++;
		if (m->count < MAX_STORES && is_candidate(m, r))
			m->stores[m->count++] = r;
	}
	do {
		m->changed = false;
		merge_round(m);
		uint32_t kept = 0;
		for (uint32_t i = 0; i < m->count; i++)
			if (m->stores[i] && IR_MEM_WIDTH(ir_get(m->fn, m->stores[i])->aux) < WIDEST)
				m->stores[kept++] = m->stores[i];
		m->count = kept;
	} while (m->changed);
}

bool opt_merge_accesses(struct opt_context *ctx, struct ir_fn *fn)
{
	struct merger *m = ARENA_NEW(ctx->scratch, struct merger);
	if (ctx->options->keeps_widths)
		return true;
	m->ctx = ctx;
	m->fn = fn;
	m->known = fn->insns.len;
	m->uses = ir_count_uses(fn, ctx->scratch);
	// A load is made for two that go.
	m->position = ARENA_ARRAY(ctx->scratch, uint32_t, (size_t)fn->insns.len * 2);
	for (uint32_t i = 0; i < ctx->doms.rpo_count; i++)
		visit_block(m, ctx->doms.rpo[i]);
	return true;
}
