/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes to local objects that are not needed, byte by byte:
 *
 *   - zeros where zeros are known to be already, because the object was cleared when it was made;
 *   - zeros that are overwritten before anything can read them, also by a helper that fills a buffer
 *     (fills.def);
 *   - a number beside zeros above it takes them along: with 2 bytes of a 16-bit value, 2 bytes of padding.
 *
 * Works on slots whose address goes nowhere but into accesses, map operations and helpers. What is
 * known to be zero is handed on along edges that are the only way into a block; what is dead is told
 * from the rest of the block, and at a return everything is.
 */
#include <string.h>

#include "frontend/opt/known.h"
#include "frontend/opt/passes.h"

enum {
	MAX_BYTES = 512, // of a slot that is looked at
	WORD = 8,
	MAX_STATES = 1 << 16, // slots times blocks for which knowledge is handed on
};
#define VARIABLE INT64_MIN // as an offset

struct bytes {
	uint64_t words[MAX_BYTES / 64];
};

struct range { // of a slot; size 0: of none
	uint32_t slot;
	int64_t begin; // VARIABLE: somewhere in it
	uint32_t size;
};

struct effects { // of one instruction on slots, at most one range of each kind but reads
	struct range write;
	bool is_zero;  // zeros are written
	bool is_whole; // every byte of the range is written
	struct range reads[4];
	uint32_t read_count;
	bool touches_all; // slots among the arguments may be read and written as a whole
};

struct writes {
	struct opt_context *ctx;
	struct ir_fn *fn;
	uint32_t *slot_of;     // of each instruction: slot + 1 that its value points into
	int64_t *offset;       // from the slot's start
	bool *is_open;         // of each slot: its address goes elsewhere
	struct bytes *state;   // of each slot: bytes known to be zero, or dead
	struct bytes **at_end; // of each block
	struct known_bits known;
};

static const struct fill {
	const char *name;
	uint32_t buffer, size;
	bool is_whole;
} fills[] = {
#define FILLS(f_name, f_buffer, f_size, f_whole) {f_name, f_buffer, f_size, f_whole},
#include "frontend/opt/fills.def"
#undef FILLS
};

enum { FILL_COUNT = sizeof fills / sizeof *fills };

/* ---- bytes ---- */

static void set(struct bytes *b, int64_t begin, uint32_t size, bool value)
{
	for (int64_t i = begin < 0 ? 0 : begin; i < begin + size && i < MAX_BYTES; i++) {
		uint64_t bit = UINT64_C(1) << (i & 63);
		b->words[i / 64] = value ? b->words[i / 64] | bit : b->words[i / 64] & ~bit;
	}
}

static bool get(const struct bytes *b, int64_t i)
{
	return b->words[i / 64] >> (i & 63) & 1;
}

static bool all_set(const struct bytes *b, int64_t begin, uint32_t size)
{
	if (begin < 0 || begin + size > MAX_BYTES)
		return false;
	for (int64_t i = begin; i < begin + size; i++)
		if (!get(b, i))
			return false;
	return true;
}

/* ---- what an instruction does ---- */

static bool is_tracked(const struct writes *w, uint32_t slot)
{
	return !w->is_open[slot] && w->fn->slots.data[slot].size <= MAX_BYTES;
}

static struct range range_at(const struct writes *w, ir_ref address, int64_t offset, uint32_t size)
{
	struct range none = {0};
	if (!address || ir_is_const(address) || !w->slot_of[address])
		return none;
	int64_t begin = w->offset[address];
	return (struct range){w->slot_of[address] - 1, begin == VARIABLE ? begin : begin + offset,
			      size};
}

static void add_read(struct effects *e, struct range range)
{
	if (range.size)
		e->reads[e->read_count++] = range;
}

static const struct fill *find_fill(const struct writes *w, ir_ref r)
{
	const struct ir_insn *in = ir_get(w->fn, r);
	if (in->op != IR_CALL_EXTERN)
		return NULL;
	const struct ir_extern *callee = &w->ctx->module->externs.data[in->index];
	const char *name = intern_text(&w->ctx->compile->names, callee->name);
	for (uint32_t i = 0; callee->kind == IR_EXTERN_HELPER && i < FILL_COUNT; i++) {
		const struct fill *fill = &fills[i];
		if (!strcmp(fill->name, name) && ir_arg_count(w->fn, r) > fill->size &&
		    ir_arg_count(w->fn, r) > fill->buffer)
			return fill;
	}
	return NULL;
}

static void find_call_effects(const struct writes *w, ir_ref r, struct effects *e)
{
	const struct fill *fill = find_fill(w, r);
	uint32_t count = ir_arg_count(w->fn, r);
	const ir_ref *args = ir_args(w->fn, r);
	e->touches_all = true;
	if (!fill || !ir_is_const(args[fill->size]))
		return;
	for (uint32_t i = 0; i < count; i++)
		if (i != fill->buffer && !ir_is_const(args[i]) && w->slot_of[args[i]])
			return;
	uint64_t size = ir_get_const(w->fn, args[fill->size])->bits;
	e->touches_all = false;
	e->write = range_at(w, args[fill->buffer], 0, size < MAX_BYTES ? (uint32_t)size : 0);
	e->is_whole = fill->is_whole;
}

static bool is_zero(const struct ir_fn *fn, ir_ref r)
{
	return ir_is_const(r) && !ir_get_const(fn, r)->bits;
}

static struct effects find_effects(const struct writes *w, ir_ref r)
{
	const struct ir_insn *in = ir_get(w->fn, r);
	struct effects e = {.is_whole = true};
	const struct ir_map *map;
	switch ((int)in->op) {
	case IR_LOAD:
		add_read(&e, range_at(w, in->a, in->imm, IR_MEM_WIDTH(in->aux)));
		break;
	case IR_STORE:
		e.write = range_at(w, in->a, in->imm, IR_MEM_WIDTH(in->aux));
		e.is_zero = is_zero(w->fn, in->b);
		break;
	case IR_ATOMIC:
		e.write = range_at(w, in->a, in->imm, 8);
		e.is_whole = false;
		add_read(&e, e.write);
		break;
	case IR_MEMZERO:
		e.write = range_at(w, in->a, 0, in->index);
		e.is_zero = true;
		break;
	case IR_MEMCPY:
		e.write = range_at(w, in->a, 0, in->index);
		add_read(&e, range_at(w, in->b, 0, in->index));
		break;
	case IR_MAP_LOOKUP:
	case IR_MAP_DELETE:
	case IR_MAP_UPDATE:
		map = &w->ctx->module->maps.data[in->index];
		add_read(&e, range_at(w, in->a, 0, map->key_size));
		if (in->op == IR_MAP_UPDATE)
			add_read(&e, range_at(w, in->b, 0, map->value_size));
		break;
	case IR_CALL_EXTERN:
		find_call_effects(w, r, &e);
		break;
	default:
		break;
	}
	return e;
}

/* Where addresses of slots go. */
static void note_addresses(struct writes *w, ir_ref r)
{
	const struct ir_insn *in = ir_get(w->fn, r);
	enum ir_effect effect = (enum ir_effect)ir_ops[in->op].effect;
	uint32_t count = ir_operand_count(w->fn, r);
	if (in->op == IR_SLOT)
		w->slot_of[r] = in->index + 1;
	for (uint32_t o = 0; o < count; o++) {
		ir_ref operand = *ir_operand(w->fn, r, o);
		if (!operand || ir_is_const(operand) || !w->slot_of[operand])
			continue;
		bool is_address = effect == IR_EFF_LOAD || effect == IR_EFF_MAP_READ ||
				  effect == IR_EFF_MAP_WRITE || in->op == IR_MEMCPY ||
				  in->op == IR_CALL_EXTERN || in->op == IR_EQ || in->op == IR_NE ||
				  (effect == IR_EFF_STORE && in->op != IR_CTX_STORE && o == 0);
		if (in->op == IR_PTRADD && o == 0) {
			bool is_known = ir_is_const(in->b) && w->offset[operand] != VARIABLE;
			w->slot_of[r] = w->slot_of[operand];
			w->offset[r] = is_known ? w->offset[operand] +
							  (int64_t)ir_get_const(w->fn, in->b)->bits
						: VARIABLE;
		} else if (!is_address) {
			w->is_open[w->slot_of[operand] - 1] = true;
		}
	}
}

/* All slots that are handed to the call become `value`. */
static void touch_arguments(struct writes *w, ir_ref r, bool value)
{
	uint32_t count = ir_arg_count(w->fn, r);
	for (uint32_t i = 0; i < count; i++) {
		ir_ref arg = ir_args(w->fn, r)[i];
		if (!ir_is_const(arg) && w->slot_of[arg])
			set(&w->state[w->slot_of[arg] - 1], 0, MAX_BYTES, value);
	}
}

static void touch(struct writes *w, const struct range *range, bool value)
{
	if (range->begin == VARIABLE)
		set(&w->state[range->slot], 0, MAX_BYTES, value);
	else
		set(&w->state[range->slot], range->begin, range->size, value);
}

/* ---- zeros that are there already; state: bytes known to be zero ---- */

/* The value with zeros above, as wide as twice `width`; none when it has no such form. */
static ir_ref widened(struct writes *w, ir_ref at, ir_ref value, uint32_t width)
{
	if (ir_is_const(value)) {
		uint64_t bits = ir_get_const(w->fn, value)->bits;
		bits &= (UINT64_C(1) << width * 8) - 1;
		if (bits > INT32_MAX)
			return IR_REF_NONE;
		return ir_const(w->fn, width == 4 ? IR_I64 : IR_I32, bits);
	}
	if (ir_type_of(w->fn, value) != IR_I32)
		return IR_REF_NONE;
	if (width < 4)
		return known_max(known_get(&w->known, value)) >> width * 8 ? IR_REF_NONE : value;
	const struct ir_insn *in = ir_get(w->fn, value);
	bool is_clean = in->op == IR_CTX_LOAD ||
			(in->op == IR_LOAD && IR_MEM_SPACE(in->aux) != IR_SPACE_PROBE);
	if (!is_clean || IR_MEM_SIGNED(in->aux)) // others would need an instruction for it
		return IR_REF_NONE;
	return ir_insert_before(w->fn, at,
				(struct ir_insn){.op = IR_ZEXT32, .type = IR_I64, .a = value});
}

static void widen_store(struct writes *w, ir_ref r, struct range *range)
{
	struct ir_insn *in = ir_get(w->fn, r);
	const struct ir_slot *slot = &w->fn->slots.data[range->slot];
	uint32_t width;
	while ((width = range->size) < WORD && range->begin % (2 * width) == 0 &&
	       slot->align >= 2 * width && range->begin + 2 * width <= slot->size &&
	       all_set(&w->state[range->slot], range->begin + width, width)) {
		ir_ref value = widened(w, r, in->b, width);
		if (!value)
			return;
		in = ir_get(w->fn, r);
		in->b = value;
		in->aux = (uint16_t)((in->aux & ~15u) | 2 * width);
		range->size = 2 * width;
	}
}

/* True when the write is not needed. */
static bool learn_zeros(struct writes *w, ir_ref r)
{
	const struct ir_insn *in = ir_get(w->fn, r);
	struct effects e = find_effects(w, r);
	if (e.touches_all)
		touch_arguments(w, r, false);
	if (!e.write.size || !is_tracked(w, e.write.slot))
		return false;
	struct bytes *zero = &w->state[e.write.slot];
	bool is_known = e.write.begin != VARIABLE;
	bool is_kept = in->op == IR_STORE && (in->aux & IR_MEM_KEPT);
	if (e.is_zero && is_known && !is_kept && all_set(zero, e.write.begin, e.write.size))
		return true;
	if (in->op == IR_STORE && is_known && !is_kept && !w->ctx->options->keeps_widths)
		widen_store(w, r, &e.write);
	if (!is_known)
		touch(w, &e.write, false);
	else
		touch(w, &e.write, e.is_zero && e.is_whole);
	return false;
}

static void enter_block(struct writes *w, uint32_t b)
{
	const struct ir_block *block = &w->fn->blocks.data[b];
	size_t size = (w->fn->slots.len + 1) * sizeof *w->state;
	uint32_t pred = block->preds.len == 1 ? block->preds.data[0] : UINT32_MAX;
	if (w->at_end && pred != UINT32_MAX && w->at_end[pred])
		memcpy(w->state, w->at_end[pred], size);
	else
		memset(w->state, 0, size);
}

static void drop_known_zeros(struct writes *w, uint32_t b)
{
	enter_block(w, b);
	for (ir_ref r = w->fn->blocks.data[b].first, next; r; r = next) {
		next = w->fn->next.data[r];
		if (learn_zeros(w, r))
			ir_remove(w->fn, r);
	}
	if (w->at_end) {
		size_t size = (w->fn->slots.len + 1) * sizeof *w->state;
		w->at_end[b] = arena_copy(w->ctx->scratch, w->state, size);
	}
}

/* ---- zeros that are overwritten; state: bytes that are written before they are read ---- */

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Aligned stores that clear the bytes from begin to end, which lie in one word. */
static uint32_t count_stores(int64_t begin, int64_t end)
{
	uint32_t count = 0;
	for (int64_t width; begin < end; begin += width, count++) {
		width = begin % WORD ? begin & -begin : WORD;
		while (begin + width > end)
			width /= 2;
	}
	return count;
}

/* The part of begin .. *end within one word that has to be cleared. */
static void shrink(const struct bytes *dead, int64_t *begin, int64_t *end)
{
	int64_t first = *begin, last = *end;
	while (first < last && get(dead, first))
		first++;
	while (last > first && get(dead, last - 1))
		last--;
	if (count_stores(first, last) <= count_stores(*begin, *end)) {
		*begin = first;
		*end = last;
	}
}

static void clear_before(struct writes *w, ir_ref r, int64_t from, int64_t begin, int64_t end)
{
	struct ir_insn clear = *ir_get(w->fn, r);
	if (begin == end)
		return;
	ir_ref at = clear.a;
	if (begin != from)
		at = ir_insert_before(
			w->fn, r,
			(struct ir_insn){.op = IR_PTRADD,
					 .type = IR_PTR,
					 .a = clear.a,
					 .b = ir_const(w->fn, IR_I64, (uint64_t)(begin - from))});
	clear.a = at;
	clear.index = (uint32_t)(end - begin);
	clear.aux = 1;
	ir_insert_before(w->fn, r, clear);
}

/* Clears only what counts, in runs; true when the whole goes. */
static bool trim_clear(struct writes *w, ir_ref r, const struct range *range)
{
	const struct bytes *dead = &w->state[range->slot];
	int64_t from = range->begin, to = from + range->size, run = from, run_end = from, kept = 0;
	for (int64_t word = from; word < to; word = lesser((word / WORD + 1) * WORD, to)) {
		int64_t begin = word, end = lesser((word / WORD + 1) * WORD, to);
		shrink(dead, &begin, &end);
		kept += end - begin;
	}
	if (kept == (int64_t)range->size)
		return false;
	for (int64_t word = from; word < to; word = lesser((word / WORD + 1) * WORD, to)) {
		int64_t begin = word, end = lesser((word / WORD + 1) * WORD, to);
		shrink(dead, &begin, &end);
		if (begin != run_end) {
			clear_before(w, r, from, run, run_end);
			run = begin;
		}
		run_end = end;
	}
	clear_before(w, r, from, run, run_end);
	return true;
}

static bool is_dead(struct writes *w, ir_ref r)
{
	const struct ir_insn *in = ir_get(w->fn, r);
	struct effects e = find_effects(w, r);
	bool goes = false;
	if (e.write.size && is_tracked(w, e.write.slot) && e.write.begin != VARIABLE &&
	    e.write.begin >= 0 && e.write.begin + e.write.size <= MAX_BYTES) {
		const struct bytes *dead = &w->state[e.write.slot];
		if (in->op == IR_STORE || in->op == IR_MEMCPY)
			goes = all_set(dead, e.write.begin, e.write.size);
		else if (in->op == IR_MEMZERO)
			goes = trim_clear(w, r, &e.write);
		if (e.is_whole && !goes)
			touch(w, &e.write, true);
	}
	if (e.touches_all)
		touch_arguments(w, r, false);
	for (uint32_t i = 0; i < e.read_count && !goes; i++)
		touch(w, &e.reads[i], false);
	return goes;
}

static void drop_dead(struct writes *w, uint32_t b)
{
	bool is_end = w->fn->blocks.data[b].succ_count == 0;
	memset(w->state, is_end ? 0xff : 0, (w->fn->slots.len + 1) * sizeof *w->state);
	for (ir_ref r = w->fn->blocks.data[b].last, prev; r; r = prev) {
		prev = w->fn->prev.data[r];
		if (is_dead(w, r))
			ir_remove(w->fn, r);
	}
}

static void find_known(struct writes *w)
{
	w->known.fn = w->fn;
	for (ir_ref r = 0; r < w->fn->insns.len; r++)
		vec_push(w->ctx->scratch, &w->known.of, (struct known){0});
	for (uint32_t i = 0; i < w->ctx->doms.rpo_count; i++) {
		ir_ref r = w->fn->blocks.data[w->ctx->doms.rpo[i]].first;
		for (; r; r = w->fn->next.data[r])
			w->known.of.data[r] = known_compute(&w->known, r);
	}
}

bool opt_slot_writes(struct opt_context *ctx, struct ir_fn *fn)
{
	struct writes w = {.ctx = ctx, .fn = fn};
	const struct ir_doms *doms = &ctx->doms;
	if (!fn->slots.len)
		return true;
	w.slot_of = ARENA_ARRAY(ctx->scratch, uint32_t, fn->insns.len);
	w.offset = ARENA_ARRAY(ctx->scratch, int64_t, fn->insns.len);
	w.is_open = ARENA_ARRAY(ctx->scratch, bool, fn->slots.len + 1);
	w.state = ARENA_ARRAY(ctx->scratch, struct bytes, fn->slots.len + 1);
	if ((uint64_t)fn->slots.len * fn->blocks.len <= MAX_STATES)
		w.at_end = ARENA_ARRAY(ctx->scratch, struct bytes *, fn->blocks.len);
	find_known(&w);
	for (uint32_t round = 0; round < 2; round++) { // phis name what comes later
		for (uint32_t i = 0; i < doms->rpo_count; i++) {
			ir_ref r = fn->blocks.data[doms->rpo[i]].first;
			for (; r; r = fn->next.data[r])
				note_addresses(&w, r);
		}
	}
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		drop_known_zeros(&w, doms->rpo[i]);
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		drop_dead(&w, doms->rpo[i]);
	return true;
}
