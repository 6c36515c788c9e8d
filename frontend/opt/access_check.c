/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet accesses. Every read and write through a packet pointer is proved in bounds from the
 * comparisons around it (packet.h), in a way that the kernel's verifier follows. A read without such
 * a proof gets a check of its own, reports `unchecked-packet-read` and gives zero out of bounds:
 *
 *	                          b0: …
 *	b0: …                         %2 = ptradd %p, 4
 *	    %1 = load %p      ->      %3 = ctx_load ctx (data_end)
 *	    …                         branch ule(%2, %3), b1, b2
 *	                          b1: %4 = load %p (checked);  jump b2
 *	                          b2: %1 = phi [b1 %4], [b0 0];  …
 *
 * An index that is known to stay within what was compared is in bounds, too: `eth->h_source[i]` behind a
 * check of the whole header, with i below 6. The verifier does not follow that (adding a variable makes a
 * new base), so the access gets the check all the same, but nothing is reported.
 *
 * A write without a proof is an error, and so is any access through a pointer that was taken before
 * a call which may have moved the packet.
 *
 * The verifier wants the variable part of a packet offset to be at most 0xffff. Where it cannot know
 * that, the offset is clamped, and comparisons and checks count a clamped offset as out of bounds:
 *
 *	%ok = ule %v, LIMIT;  %w = select %ok, %v, LIMIT;  %p = ptradd %data, %w
 *
 * Guarantees: every packet access left in the function is marked IR_MEM_CHECKED.
 */
#include <string.h>

#include "frontend/opt/packet.h"
#include "frontend/opt/passes.h"

enum { MOST_VARIABLES = 4 }; // in one offset

struct access {
	ir_ref insn;
	ir_ref pointer;
	int64_t begin; // from the base, bytes
	uint32_t size;
	bool is_write;
	bool is_argument; // read by the kernel on behalf of a map operation
	bool is_sure;     // in bounds, although the verifier does not see it
};

struct check {
	struct opt_context *ctx;
	struct ir_fn *fn;
	struct packets packets;
	VEC(struct access) unproved;
	int64_t *need;    // of variable bases: furthest byte looked at behind the variable part
	ir_ref *in_range; // of variable bases that were clamped: 1 when the offset was not cut
	ir_ref load_of_kind[4]; // a load of each kind of packet pointer, or none
	struct map clones;      // loads that moved into a guard: original to phi
	bool good;
};

/* ---- diagnostics ---- */

static const char *bytes_text(struct check *c, uint32_t size)
{
	return arena_printf(&c->ctx->compile->session, size == 1 ? "%u byte" : "%u bytes", size);
}

static const char *limit_text(struct check *c, const struct access *access)
{
	bool is_meta = packet_value_of(&c->packets, access->pointer).kind == PACKET_META;
	return is_meta ? "data" : "data_end";
}

/* The call need not look like one: ctx.at() of a classifier makes a far offset linear first. */
static void report_stale(struct check *c, const struct access *access)
{
	struct diags *diags = &c->ctx->compile->diags;
	struct diag *d =
		diag_report(diags, D_STALE_PACKET_POINTER, c->fn->spans.data[access->insn]);
	ir_ref mover = packet_last_mover(&c->packets, access->insn);
	if (!mover)
		return;
	const struct ir_insn *in = ir_get(c->fn, mover);
	symbol name = in->op == IR_CALL_EXTERN ? c->ctx->module->externs.data[in->index].name : 0;
	bool is_pull =
		name && !strcmp(intern_text(&c->ctx->compile->names, name), "bpf_skb_pull_data");
	diag_note(diags, d, c->fn->spans.data[mover],
		  is_pull ? "here; `ctx.at` with an offset that is below a known number does not "
			    "move it"
			  : "this call may move the packet");
}

static void report(struct check *c, const struct access *access, enum diag_id id)
{
	struct diags *diags = &c->ctx->compile->diags;
	span where = c->fn->spans.data[access->insn];
	if (id == D_STALE_PACKET_POINTER)
		report_stale(c, access);
	else if (id == D_PACKET_OFFSET || id == D_PACKET_CONSTANT)
		diag_report(diags, id, where, bytes_text(c, access->size));
	else
		diag_report(diags, id, where, bytes_text(c, access->size), limit_text(c, access));
	if (diag_info(id)->severity == DIAG_ERROR)
		c->good = false;
}

/* ---- finding what needs a check ---- */

static ir_ref variable_base(const struct check *c, ir_ref pointer)
{
	ir_ref base = packet_value_of(&c->packets, pointer).base;
	return base && ir_get(c->fn, base)->op == IR_PTRADD ? base : IR_REF_NONE;
}

static void note_need(struct check *c, ir_ref base, int64_t end)
{
	if (c->need[base] < end)
		c->need[base] = end;
}

/* The start must not lie before the packet nor its end beyond what the verifier can address. */
static bool is_addressable(const struct check *c, const struct access *access)
{
	ir_ref base = packet_value_of(&c->packets, access->pointer).base;
	bool is_choice = ir_get(c->fn, base)->op == IR_PHI || ir_get(c->fn, base)->op == IR_SELECT;
	return (access->begin >= 0 || is_choice) &&
	       access->begin + access->size <= PACKET_MAX_OFFSET;
}

/* In bounds by the largest values that the variable parts of the offset can have. */
static bool is_in_range(const struct check *c, const struct access *access)
{
	uint32_t b = c->fn->block_of.data[access->insn];
	ir_ref pointer = access->pointer, base;
	uint64_t end = (uint64_t)(access->begin + access->size);
	if (access->begin < 0)
		return false;
	for (uint32_t depth = 0; depth < MOST_VARIABLES; depth++) {
		base = variable_base(c, pointer);
		if (!base)
			return false;
		const struct ir_insn *in = ir_get(c->fn, base);
		uint64_t most = packet_upper_bound(&c->packets, in->b, b);
		struct packet_value v = packet_value_of(&c->packets, in->a);
		if (most > PACKET_MAX_OFFSET || v.offset < 0 ||
		    v.epoch != c->packets.now[access->insn])
			return false;
		end += most; // what `begin` counts from the root stays
		pointer = in->a;
		if (packet_is_proved(&c->packets, pointer, (int64_t)end, b))
			return true;
	}
	return false;
}

static void note_access(struct check *c, struct access access, int64_t offset)
{
	struct packet_value v = packet_value_of(&c->packets, access.pointer);
	if (v.kind == PACKET_END)
		report(c, &access, D_PACKET_OFFSET);
	if (v.kind != PACKET_DATA && v.kind != PACKET_META)
		return;
	struct ir_insn *in = ir_get(c->fn, access.insn);
	access.begin = v.offset + offset;
	if (access.is_write && c->fn->is_packet_constant) {
		report(c, &access, D_PACKET_CONSTANT);
		return;
	}
	if (v.epoch != c->packets.now[access.insn]) {
		report(c, &access, D_STALE_PACKET_POINTER);
		return;
	}
	if (!is_addressable(c, &access)) {
		report(c, &access, D_PACKET_OFFSET);
		return;
	}
	if (variable_base(c, access.pointer))
		note_need(c, v.base, access.begin + access.size);
	bool is_scalar = in->op == IR_LOAD || in->op == IR_STORE;
	if (is_scalar && (in->aux & IR_MEM_CHECKED))
		return;
	if (packet_is_proved(&c->packets, access.pointer, access.begin + access.size,
			     c->fn->block_of.data[access.insn])) {
		if (is_scalar)
			in->aux |= IR_MEM_CHECKED;
		return;
	}
	access.is_sure = is_in_range(c, &access);
	vec_push(c->ctx->scratch, &c->unproved, access);
}

static void note_map_key(struct check *c, ir_ref r, const struct ir_insn *in)
{
	const struct ir_map *map = &c->ctx->module->maps.data[in->index];
	struct access key = {
		.insn = r, .pointer = in->a, .size = map->key_size, .is_argument = true};
	if (!map->key_is_scalar)
		note_access(c, key, 0);
	struct access value = {
		.insn = r, .pointer = in->b, .size = map->value_size, .is_argument = true};
	if (in->op == IR_MAP_UPDATE && !map->value_is_scalar)
		note_access(c, value, 0);
}

static void visit(struct check *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	switch (in->op) {
	case IR_LOAD:
	case IR_STORE:
	case IR_ATOMIC:
		note_access(c,
			    (struct access){.insn = r,
					    .pointer = in->a,
					    .size = IR_MEM_WIDTH(in->aux),
					    .is_write = in->op != IR_LOAD},
			    in->imm);
		break;
	case IR_MEMZERO:
	case IR_MEMCPY:
		note_access(
			c,
			(struct access){
				.insn = r, .pointer = in->a, .size = in->index, .is_write = true},
			0);
		if (in->op == IR_MEMCPY)
			note_access(c,
				    (struct access){.insn = r, .pointer = in->b, .size = in->index},
				    0);
		break;
	case IR_MAP_LOOKUP:
	case IR_MAP_UPDATE:
	case IR_MAP_DELETE:
		note_map_key(c, r, in);
		break;
	default:
		break;
	}
}

static void find_accesses(struct check *c)
{
	const struct ir_doms *doms = &c->ctx->doms;
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		ir_ref r = c->fn->blocks.data[doms->rpo[i]].first;
		for (; r; r = c->fn->next.data[r])
			visit(c, r);
	}
	for (uint32_t r = 1; r < c->packets.count; r++) {
		uint32_t f = c->packets.first_fact[r];
		bool is_variable = packet_value_of(&c->packets, r).base == r &&
				   ir_get(c->fn, r)->op == IR_PTRADD;
		for (; is_variable && f; f = c->packets.facts.data[f].next)
			note_need(c, r, c->packets.facts.data[f].range);
	}
}

/* ---- offsets that the verifier cannot bound ---- */

enum { MAX_INNER_OFFSET = 0x3fff }; // of a variable that is added to a variable base

/* Largest value that the variable part of a base may have. */
static int64_t offset_limit(const struct check *c, ir_ref base)
{
	int64_t limit = PACKET_MAX_OFFSET - c->need[base];
	bool is_inner = variable_base(c, ir_get(c->fn, base)->a) != IR_REF_NONE;
	return is_inner && limit > MAX_INNER_OFFSET ? MAX_INNER_OFFSET : limit;
}

/* A base that another variable is added to must leave room for it. */
static void pass_need_up(struct check *c, ir_ref base)
{
	const struct ir_insn *in = ir_get(c->fn, base);
	ir_ref parent = variable_base(c, in->a);
	if (!parent)
		return;
	uint64_t bound = packet_upper_bound(&c->packets, in->b, c->fn->block_of.data[base]);
	int64_t limit = offset_limit(c, base);
	if (limit > 0)
		note_need(c, parent,
			  c->need[base] + (bound < (uint64_t)limit ? (int64_t)bound : limit));
}

static void clamp_offset(struct check *c, ir_ref base, int64_t limit)
{
	struct ir_fn *fn = c->fn;
	ir_ref offset = ir_get(fn, base)->b, most = ir_const(fn, IR_I64, (uint64_t)limit);
	ir_ref fits = ir_insert_before(
		fn, base, (struct ir_insn){.op = IR_ULE, .type = IR_I32, .a = offset, .b = most});
	ir_ref cut = ir_insert_before(
		fn, base,
		(struct ir_insn){
			.op = IR_SELECT, .type = IR_I64, .a = fits, .b = offset, .c = most});
	ir_get(fn, base)->b = cut;
	c->in_range[base] = fits;
}

/* Comparisons of a base count an offset that was cut as out of bounds. */
static void weaken_facts(struct check *c, ir_ref base, ir_ref *replacement)
{
	struct packets *p = &c->packets;
	for (uint32_t f = p->first_fact[base]; f; f = p->facts.data[f].next) {
		const struct packet_fact *fact = &p->facts.data[f];
		if (replacement[fact->compare])
			continue;
		ir_ref fits = c->in_range[base], copy;
		copy = ir_insert_after(c->fn, fact->compare, *ir_get(c->fn, fact->compare));
		if (!fact->when_true)
			fits = ir_insert_after(c->fn, copy,
					       (struct ir_insn){.op = IR_EQ,
								.type = IR_I32,
								.a = fits,
								.b = ir_const(c->fn, IR_I32, 0)});
		ir_ref after = fact->when_true ? copy : fits;
		replacement[fact->compare] =
			ir_insert_after(c->fn, after,
					(struct ir_insn){.op = fact->when_true ? IR_AND : IR_OR,
							 .type = IR_I32,
							 .a = copy,
							 .b = fits});
	}
}

static void clamp_offsets(struct check *c)
{
	const struct ir_doms *doms = &c->ctx->doms;
	uint32_t count = c->packets.count;
	for (uint32_t i = doms->rpo_count; i-- > 0;) {
		ir_ref r = c->fn->blocks.data[doms->rpo[i]].last;
		for (; r; r = c->fn->prev.data[r]) {
			if (r < count && c->need[r] && variable_base(c, r) == r)
				pass_need_up(c, r);
		}
	}
	VEC(ir_ref) clamped = {0};
	for (ir_ref r = 1; r < count; r++) {
		if (!c->need[r] || variable_base(c, r) != r)
			continue;
		int64_t limit = offset_limit(c, r);
		uint64_t bound = packet_upper_bound(&c->packets, ir_get(c->fn, r)->b,
						    c->fn->block_of.data[r]);
		if (limit < 0) {
			report(c, &(struct access){.insn = r, .size = (uint32_t)c->need[r]},
			       D_PACKET_OFFSET);
		} else if (bound > (uint64_t)limit) {
			clamp_offset(c, r, limit);
			vec_push(c->ctx->scratch, &clamped, r);
		}
	}
	if (!clamped.len)
		return;
	// Each clamped base adds three instructions per fact at most, made below.
	uint32_t room = c->fn->insns.len + 3 * c->packets.facts.len;
	ir_ref *replacement = ARENA_ARRAY(c->ctx->scratch, ir_ref, room);
	for (uint32_t i = 0; i < clamped.len; i++)
		weaken_facts(c, clamped.data[i], replacement);
	ir_replace_all(c->fn, replacement);
}

/* ---- guards ---- */

static ir_ref root_load(const struct check *c, ir_ref pointer)
{
	for (uint32_t steps = 0; steps < c->packets.count; steps++) {
		const struct ir_insn *in = ir_get(c->fn, pointer);
		if (in->op == IR_CTX_LOAD)
			return pointer;
		ir_ref next = IR_REF_NONE;
		uint32_t count = ir_operand_count(c->fn, pointer);
		for (uint32_t k = 0; k < count && !next; k++) {
			ir_ref operand = *ir_operand(c->fn, pointer, k);
			if (operand != pointer && packet_value_of(&c->packets, operand).kind)
				next = operand;
		}
		if (!next)
			break;
		pointer = next;
	}
	return IR_REF_NONE;
}

/* The load that gives the limit for a pointer, not yet in a block. Without one in the function:
 * data_end follows data directly in every context (include/uapi/linux/bpf.h, 6.12). */
static bool make_limit(struct check *c, const struct access *access, struct ir_insn *limit)
{
	bool is_meta = packet_value_of(&c->packets, access->pointer).kind == PACKET_META;
	ir_ref like = c->load_of_kind[is_meta ? PACKET_DATA : PACKET_END];
	if (like) {
		*limit = *ir_get(c->fn, like);
		return true;
	}
	ir_ref root = root_load(c, access->pointer);
	if (is_meta || !root)
		return false;
	*limit = *ir_get(c->fn, root);
	uint32_t width = IR_MEM_WIDTH(limit->aux);
	limit->aux = ir_mem_aux(width, false, (enum ir_space)PACKET_END);
	limit->imm += (int32_t)width;
	return true;
}

/* Inserts the comparison before the access; gives its result, or none. */
static ir_ref insert_comparison(struct check *c, const struct access *access)
{
	struct ir_fn *fn = c->fn;
	struct ir_insn limit;
	if (!make_limit(c, access, &limit))
		return IR_REF_NONE;
	struct packet_value v = packet_value_of(&c->packets, access->pointer);
	int64_t end = access->begin + access->size - v.offset;
	ir_ref last = access->pointer;
	if (end)
		last = ir_insert_before(fn, access->insn,
					(struct ir_insn){.op = IR_PTRADD,
							 .type = IR_PTR,
							 .a = access->pointer,
							 .b = ir_const(fn, IR_I64, (uint64_t)end)});
	ir_ref bound = ir_insert_before(fn, access->insn, limit);
	ir_ref inside = ir_insert_before(
		fn, access->insn,
		(struct ir_insn){.op = IR_ULE, .type = IR_I32, .a = last, .b = bound});
	ir_ref base = variable_base(c, access->pointer);
	if (base && c->in_range[base])
		inside = ir_insert_before(
			fn, access->insn,
			(struct ir_insn){
				.op = IR_AND, .type = IR_I32, .a = inside, .b = c->in_range[base]});
	return inside;
}

/* Puts the access into a block of its own and gives that; the one before is in *before, still without
 * an end, the one after in *rest. */
static uint32_t isolate(struct check *c, ir_ref insn, uint32_t *before, uint32_t *rest)
{
	struct ir_fn *fn = c->fn;
	*before = fn->block_of.data[insn];
	uint32_t guarded = ir_split_block(fn, *before, fn->prev.data[insn]);
	*rest = ir_split_block(fn, guarded, insn);
	struct ir_builder b = {.fn = fn, .block = guarded, .where = fn->spans.data[insn]};
	ir_emit_jump(&b, *rest);
	return guarded;
}

static void guard_load(struct check *c, const struct access *access, ir_ref inside)
{
	struct ir_fn *fn = c->fn;
	uint32_t before, rest;
	span where = fn->spans.data[access->insn];
	uint32_t guarded = isolate(c, access->insn, &before, &rest);
	struct ir_builder b = {.fn = fn, .block = before, .where = where};
	ir_emit_branch(&b, inside, guarded, rest);
	struct ir_insn load = *ir_get(fn, access->insn);
	load.aux |= IR_MEM_CHECKED;
	ir_ref clone = ir_insert_before(fn, access->insn, load);
	ir_ref phi = ir_add_phi(fn, rest, (enum ir_type)load.type, where);
	ir_ref zero = ir_const(fn, (enum ir_type)load.type, 0);
	uint32_t count = ir_arg_count(fn, phi);
	for (uint32_t i = 0; i < count; i++)
		ir_args(fn, phi)[i] = fn->blocks.data[rest].preds.data[i] == guarded ? clone : zero;
	*map_insert(&c->clones, access->insn) = phi;
	ir_remove(fn, access->insn);
}

/* Out of bounds the destination becomes zero instead. */
static void guard_copy(struct check *c, const struct access *access, ir_ref inside)
{
	struct ir_fn *fn = c->fn;
	uint32_t before, rest;
	const struct ir_insn copy = *ir_get(fn, access->insn);
	span where = fn->spans.data[access->insn];
	uint32_t guarded = isolate(c, access->insn, &before, &rest);
	uint32_t outside = ir_add_block(fn);
	struct ir_builder b = {.fn = fn, .block = before, .where = where};
	ir_emit_branch(&b, inside, guarded, outside);
	b.block = outside;
	ir_emit_full(
		&b, (struct ir_insn){.op = IR_MEMZERO, .aux = 1, .a = copy.a, .index = copy.index});
	ir_emit_jump(&b, rest);
}

/* The verifier sees a way around the write, which nothing takes. */
static void guard_write(struct check *c, const struct access *access, ir_ref inside)
{
	uint32_t before, rest;
	span where = c->fn->spans.data[access->insn];
	uint32_t guarded = isolate(c, access->insn, &before, &rest);
	struct ir_builder b = {.fn = c->fn, .block = before, .where = where};
	ir_emit_branch(&b, inside, guarded, rest);
	if (ir_get(c->fn, access->insn)->op == IR_STORE)
		ir_get(c->fn, access->insn)->aux |= IR_MEM_CHECKED;
}

static void guard_sure(struct check *c, const struct access *access)
{
	enum ir_op op = (enum ir_op)ir_get(c->fn, access->insn)->op;
	ir_ref inside = insert_comparison(c, access);
	if (!inside)
		report(c, access, D_PACKET_OFFSET);
	else if (access->is_write)
		guard_write(c, access, inside);
	else if (op == IR_LOAD)
		guard_load(c, access, inside);
	else
		guard_copy(c, access, inside);
}

static void guard(struct check *c, const struct access *access)
{
	enum ir_op op = (enum ir_op)ir_get(c->fn, access->insn)->op;
	if (access->is_sure && !access->is_argument && op != IR_ATOMIC) {
		guard_sure(c, access);
		return;
	}
	if (access->is_write || access->is_argument) {
		report(c, access,
		       access->is_write ? D_UNCHECKED_PACKET_WRITE : D_UNCHECKED_PACKET_KEY);
		return;
	}
	report(c, access, D_UNCHECKED_PACKET_READ);
	ir_ref inside = insert_comparison(c, access);
	if (!inside)
		report(c, access, D_PACKET_OFFSET);
	else if (op == IR_LOAD)
		guard_load(c, access, inside);
	else
		guard_copy(c, access, inside);
}

static void replace_guarded(struct check *c)
{
	ir_ref *replacement = ARENA_ARRAY(c->ctx->scratch, ir_ref, c->fn->insns.len);
	for (uint32_t i = 0; i < c->unproved.len; i++) {
		ir_ref r = c->unproved.data[i].insn;
		uint64_t *phi = map_find(&c->clones, r);
		if (phi)
			replacement[r] = (ir_ref)*phi;
	}
	ir_replace_all(c->fn, replacement);
}

/* A use of a packet pointer that goes on to an access perhaps: a length alone needs no proof. */
static bool leads_on(const struct check *c, ir_ref r)
{
	const struct ir_insn *in = ir_get(c->fn, r);
	uint32_t count = ir_operand_count(c->fn, r);
	if (in->op == IR_PTRDIFF || ir_ops[in->op].b == IR_OPERAND_SAME)
		return false;
	for (uint32_t o = 0; o < count; o++) {
		ir_ref operand = *ir_operand(c->fn, r, o);
		if (operand && !ir_is_const(operand) && ir_is_packet_load(ir_get(c->fn, operand)))
			return true;
	}
	return false;
}

static bool find_loads(struct check *c)
{
	bool found = false;
	for (uint32_t b = 0; b < c->fn->blocks.len; b++) {
		for (ir_ref r = c->fn->blocks.data[b].first; r; r = c->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(c->fn, r);
			if (ir_is_packet_load(in) && in->type == IR_PTR)
				c->load_of_kind[IR_MEM_SPACE(in->aux) & 3] = r;
			found |= leads_on(c, r);
		}
	}
	return found;
}

bool opt_access_check(struct opt_context *ctx, struct ir_fn *fn)
{
	struct check c = {.ctx = ctx, .fn = fn, .good = true};
	if (!find_loads(&c))
		return true;
	map_init(&c.clones, ctx->scratch);
	packet_normalise(fn);
	packet_split_phis(ctx, fn);
	packet_share(ctx, fn);
	packet_analyse(&c.packets, ctx, fn);
	c.need = ARENA_ARRAY(ctx->scratch, int64_t, fn->insns.len);
	c.in_range = ARENA_ARRAY(ctx->scratch, ir_ref, fn->insns.len);
	find_accesses(&c);
	clamp_offsets(&c);
	for (uint32_t i = 0; i < c.unproved.len; i++)
		guard(&c, &c.unproved.data[i]);
	if (c.unproved.len)
		replace_guarded(&c);
	return c.good;
}
