/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Value numbering over the dominator tree: an instruction that computes what a dominating one has
 * computed is replaced by it. Loads take part when no write that may touch their memory lies
 * between, map lookups when nothing that may change the map does; a stored value serves later loads.
 * A condition known from a dominating branch becomes a constant. The flow graph stays.
 *
 * Memory is followed with version numbers. A state holds one for each space; a write whose object is
 * not known raises the version of its space, and a join whose predecessors differ starts a new one.
 * Slots, globals and maps that are named have versions of their own. Those only grow during the
 * walk, so they err on the safe side when it turns to another branch. Where a loop begins, `floor`
 * raises those of every space that the loop writes, because the walk has not seen these writes yet.
 */
#include "frontend/ir/ir.h"
#include "frontend/opt/passes.h"

enum space {   // versions in a state
	SLOTS, // slots whose address is known to others
	GLOBALS,
	VALUES, // map values
	PACKET,
	KERNEL, // objects of the kernel
	CONTEXT,
	MAPS, // which entries exist
	SPACE_COUNT
};

enum { // sets of them, as bits
	MEMORY = 1u << SLOTS | 1u << GLOBALS | 1u << VALUES | 1u << PACKET | 1u << KERNEL,
	ALL_SPACES = (1u << SPACE_COUNT) - 1,
};

struct state {
	uint32_t version[SPACE_COUNT];
};

struct place { // what an access touches, as far as it is known
	enum space space;
	bool is_known;   // one space only
	bool is_private; // a slot whose address nobody else has
	bool is_constant;
	uint32_t object; // slot or global + 1, 0 when unknown
};

enum { VERSION_COUNT = 3 };

struct entry {
	struct ir_insn insn;              // what is computed
	ir_ref base;                      // of an access: pointer without constant offsets
	int64_t offset;                   // from it
	uint32_t versions[VERSION_COUNT]; // of what it read
	uint32_t block;                   // where the value is at hand from
	ir_ref value;                     // the instruction, or what was stored
	uint32_t next;                    // with the same hash + 1
};

struct fact {
	uint8_t op; // EQ, ULT, SLT; IR_NONE: the value a itself is non-zero
	bool is_true;
	ir_ref a, b;
	uint32_t block;
	uint32_t next;
};

struct numbering {
	struct opt_context *ctx;
	struct ir_fn *fn;
	bool is_bpf;
	ir_ref *replacement;
	struct map table; // hash to index of the first entry + 1
	VEC(struct entry) entries;
	struct map fact_table;
	VEC(struct fact) facts;
	struct state now, *at_end; // of each block
	bool *is_done;             // of each block
	uint32_t next_version;
	bool *is_shared; // of each slot
	uint32_t *slot_version, *global_version, *map_version;
	uint32_t touched[SPACE_COUNT]; // newest write of any kind to the space
	uint32_t touched_any;
	uint32_t floor[SPACE_COUNT];
	uint32_t *loop_writes; // of each loop: spaces (bits) written in it
	ir_ref *root;          // of each PTRADD: the pointer that it was made from
	uint32_t block;
};

static ir_ref resolve(struct numbering *n, ir_ref r)
{
	return ir_replacement_of(n->replacement, r);
}

/* ---- memory ---- */

static void raise(struct numbering *n, enum space space)
{
	n->now.version[space] = n->touched[space] = n->touched_any = ++n->next_version;
}

static uint32_t at_least_floor(const struct numbering *n, enum space space, uint32_t version)
{
	return version > n->floor[space] ? version : n->floor[space];
}

/* Takes constant offsets off an address. */
static ir_ref find_base(struct numbering *n, ir_ref address, int64_t *offset)
{
	address = resolve(n, address);
	while (!ir_is_const(address) && ir_get(n->fn, address)->op == IR_PTRADD &&
	       ir_is_const(ir_get(n->fn, address)->b)) {
		const struct ir_insn *in = ir_get(n->fn, address);
		*offset += (int64_t)ir_get_const(n->fn, in->b)->bits;
		address = resolve(n, in->a);
	}
	return address;
}

/* Follows additions of any kind to what the address was made from. */
static ir_ref find_root(struct numbering *n, ir_ref address)
{
	address = resolve(n, address);
	return ir_is_const(address) || !n->root[address] ? address : resolve(n, n->root[address]);
}

static struct place slot_place(const struct numbering *n, uint32_t slot)
{
	return (struct place){.space = SLOTS,
			      .is_known = true,
			      .is_private = !n->is_shared[slot],
			      .object = slot + 1};
}

static struct place global_place(const struct numbering *n, uint32_t global)
{
	return (struct place){.space = GLOBALS,
			      .is_known = true,
			      .is_constant = n->ctx->module->globals.data[global].section ==
					     IR_SECTION_RODATA,
			      .object = global + 1};
}

/* From the root of the address, else from the hint that lowering gave. */
static struct place find_place(struct numbering *n, ir_ref address, uint16_t aux)
{
	ir_ref root = find_root(n, address);
	const struct ir_insn *in = ir_is_const(root) ? NULL : ir_get(n->fn, root);

	if (in && in->op == IR_SLOT)
		return slot_place(n, in->index);
	if (in && in->op == IR_GLOBAL)
		return global_place(n, in->index);
	if (in && in->op == IR_MAP_LOOKUP)
		return (struct place){.space = VALUES, .is_known = true};
	if (in && ir_is_packet_load(in))
		return (struct place){.space = PACKET, .is_known = true};
	switch (IR_MEM_SPACE(aux)) {
	case IR_SPACE_SLOT:
		return (struct place){.space = SLOTS, .is_known = true};
	case IR_SPACE_GLOBAL:
		return (struct place){.space = GLOBALS, .is_known = true};
	case IR_SPACE_MAP:
		return (struct place){.space = VALUES, .is_known = true};
	case IR_SPACE_PACKET:
		return (struct place){.space = PACKET, .is_known = true};
	case IR_SPACE_KERNEL:
	case IR_SPACE_PROBE:
		return (struct place){.space = KERNEL, .is_known = true};
	case IR_SPACE_ANY:
	case IR_SPACE_COUNT:
		break;
	}
	return (struct place){0};
}

static uint32_t *object_version(struct numbering *n, const struct place *p)
{
	return p->space == SLOTS ? &n->slot_version[p->object - 1]
				 : &n->global_version[p->object - 1];
}

/* The versions that a read of this place depends on. */
static void set_versions(struct numbering *n, struct entry *key, const struct place *p)
{
	if (p->is_constant)
		return;
	if (!p->is_known) {
		key->versions[0] = n->touched_any;
		return;
	}
	if (!p->is_private)
		key->versions[0] = n->now.version[p->space];
	key->versions[1] = at_least_floor(n, p->space,
					  p->object ? *object_version(n, p) : n->touched[p->space]);
}

/* A write of unknown extent to this place. */
static void clobber(struct numbering *n, const struct place *p)
{
	if (!p->is_known) { // anything but private slots
		raise(n, SLOTS);
		raise(n, GLOBALS);
		raise(n, VALUES);
		raise(n, PACKET);
		raise(n, KERNEL);
	} else if (p->object) {
		*object_version(n, p) = ++n->next_version;
		n->touched[p->space] = n->touched_any = n->next_version;
	} else {
		raise(n, p->space);
	}
}

/* The address of a slot is shared when it goes anywhere but into an access as its address, or to a
 * map operation, which reads it and keeps nothing. */
static void find_shared_slots(struct numbering *n)
{
	const struct ir_doms *doms = &n->ctx->doms;
	uint32_t *slot_of = ARENA_ARRAY(n->ctx->scratch, uint32_t, n->fn->insns.len);

	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		ir_ref r = n->fn->blocks.data[doms->rpo[i]].first;
		for (; r; r = n->fn->next.data[r]) {
			const struct ir_insn *in = ir_get(n->fn, r);
			uint32_t count = ir_operand_count(n->fn, r);
			enum ir_effect effect = (enum ir_effect)ir_ops[in->op].effect;
			if (in->op == IR_SLOT)
				slot_of[r] = in->index + 1;
			for (uint32_t o = 0; o < count; o++) {
				ir_ref operand = *ir_operand(n->fn, r, o);
				if (!operand || ir_is_const(operand) || !slot_of[operand])
					continue;
				if (in->op == IR_PTRADD && o == 0)
					slot_of[r] = slot_of[operand];
				else if (effect != IR_EFF_MAP_READ && effect != IR_EFF_MAP_WRITE &&
					 effect != IR_EFF_LOAD && in->op != IR_MEMCPY &&
					 in->op != IR_EQ && in->op != IR_NE &&
					 !(effect == IR_EFF_STORE && o == 0))
					n->is_shared[slot_of[operand] - 1] = true;
			}
		}
	}
}

/* ---- the table ---- */

static uint64_t hash_entry(const struct entry *e)
{
	const struct ir_insn *in = &e->insn;
	uint64_t h =
		in->op | (uint64_t)in->type << 8 | (uint64_t)in->aux << 16 | (uint64_t)in->a << 32;

	h = hash_u64(hash_u64(h) ^ in->b ^ (uint64_t)in->c << 32);
	h = hash_u64(h ^ e->base ^ (uint64_t)e->offset << 32);
	h = hash_u64(h ^ e->versions[0] ^ (uint64_t)e->versions[1] << 32);
	return hash_u64(h ^ e->versions[2]) >> 1;
}

static bool is_same(const struct entry *x, const struct entry *y)
{
	const struct ir_insn *a = &x->insn, *b = &y->insn;

	return a->op == b->op && a->type == b->type && a->aux == b->aux && a->a == b->a &&
	       a->b == b->b && a->c == b->c && x->base == y->base && x->offset == y->offset &&
	       x->versions[0] == y->versions[0] && x->versions[1] == y->versions[1] &&
	       x->versions[2] == y->versions[2];
}

/* The value at hand for what `key` computes; when there is none, key's own is remembered. */
static ir_ref number(struct numbering *n, struct entry key)
{
	uint64_t *first = map_insert(&n->table, hash_entry(&key));

	key.block = n->block;
	for (uint32_t i = (uint32_t)*first; i; i = n->entries.data[i - 1].next) {
		struct entry *e = &n->entries.data[i - 1];
		if (!is_same(e, &key))
			continue;
		if (ir_dominates(&n->ctx->doms, e->block, n->block))
			return e->value;
		key.next = e->next; // the old one dominates nothing that is still to come
		*e = key;
		return IR_REF_NONE;
	}
	key.next = (uint32_t)*first;
	vec_push(n->ctx->scratch, &n->entries, key);
	*first = n->entries.len;
	return IR_REF_NONE;
}

/* ---- facts from branches ---- */

struct test {
	uint8_t op;
	bool is_inverted;
	ir_ref a, b;
};

/* The comparison as one of EQ, ULT, SLT, perhaps inverted. */
static struct test canonical_test(struct numbering *n, ir_ref condition)
{
	struct test t = {IR_NONE, false, condition, IR_REF_NONE};

	if (ir_is_const(condition))
		return t;
	const struct ir_insn *in = ir_get(n->fn, condition);
	ir_ref a = in->a, b = in->b;
	switch ((int)in->op) {
	case IR_EQ:
	case IR_ULT:
	case IR_SLT:
		return (struct test){in->op, false, resolve(n, a), resolve(n, b)};
	case IR_NE:
		return (struct test){IR_EQ, true, resolve(n, a), resolve(n, b)};
	case IR_ULE: // a <= b is not b < a
		return (struct test){IR_ULT, true, resolve(n, b), resolve(n, a)};
	case IR_SLE:
		return (struct test){IR_SLT, true, resolve(n, b), resolve(n, a)};
	default:
		return t;
	}
}

static uint64_t hash_test(const struct test *t)
{
	return hash_u64(t->op ^ hash_u64(t->a ^ (uint64_t)t->b << 32)) >> 1;
}

static void add_fact(struct numbering *n, ir_ref condition, bool is_true)
{
	struct test t = canonical_test(n, condition);
	uint64_t *first = map_insert(&n->fact_table, hash_test(&t));
	struct fact fact = {t.op, is_true != t.is_inverted, t.a, t.b, n->block, (uint32_t)*first};

	vec_push(n->ctx->scratch, &n->facts, fact);
	*first = n->facts.len;
}

/* A fact that was left behind with its part of the tree is dropped from the chain: none of what is
 * still to come lies under it. */
static bool find_fact(struct numbering *n, ir_ref condition, bool *is_true)
{
	struct test t = canonical_test(n, condition);
	uint64_t *first = map_find(&n->fact_table, hash_test(&t));

	while (first && *first) {
		const struct fact *f = &n->facts.data[*first - 1];
		if (!ir_dominates(&n->ctx->doms, f->block, n->block)) {
			*first = f->next;
			continue;
		}
		if (f->op != t.op || f->a != t.a || f->b != t.b)
			return false;
		*is_true = f->is_true != t.is_inverted;
		return true;
	}
	return false;
}

/* What the branch that leads here, and only here, says. */
static void learn_from_branch(struct numbering *n, uint32_t b)
{
	const struct ir_block *block = &n->fn->blocks.data[b];

	if (block->preds.len != 1)
		return;
	const struct ir_block *pred = &n->fn->blocks.data[block->preds.data[0]];
	const struct ir_insn *end = ir_get(n->fn, pred->last);
	if (end->op == IR_BRANCH && !ir_is_const(end->a))
		add_fact(n, resolve(n, end->a), pred->succs[0] == b);
}

/* ---- the walk ---- */

/* Where control comes together: a space whose versions differ gets a new one. Predecessors not yet
 * seen, over back edges, bring what the loop wrote: `writes`. */
static void merge_states(struct numbering *n, uint32_t b, uint32_t writes)
{
	const struct ir_block *block = &n->fn->blocks.data[b];
	bool is_first = true;

	for (uint32_t i = 0; i < block->preds.len; i++) {
		if (!n->is_done[block->preds.data[i]])
			continue;
		const struct state *s = &n->at_end[block->preds.data[i]];
		for (int k = 0; k < SPACE_COUNT; k++) {
			if (is_first)
				n->now.version[k] = s->version[k];
			else if (n->now.version[k] != s->version[k])
				raise(n, (enum space)k);
		}
		is_first = false;
	}
	for (int k = 0; k < SPACE_COUNT; k++) {
		if (is_first || writes >> k & 1) {
			raise(n, (enum space)k);
			n->floor[k] = n->next_version;
		}
	}
}

static void enter_block(struct numbering *n, uint32_t b)
{
	const struct ir_block *block = &n->fn->blocks.data[b];
	const struct ir_loops *loops = &n->ctx->loops;
	uint32_t loop = loops->loop_of[b], writes = 0;

	n->block = b;
	for (uint32_t i = 0; i < block->preds.len; i++)
		if (!n->is_done[block->preds.data[i]])
			writes = ALL_SPACES;
	if (writes && loop != UINT32_MAX && loops->loops[loop].header == b && !loops->irreducible)
		writes = n->loop_writes[loop];
	merge_states(n, b, writes);
	learn_from_branch(n, b);
}

static bool takes(const struct numbering *n, ir_ref r, enum ir_op op)
{
	for (uint32_t i = 0; i < ir_arg_count(n->fn, r); i++) {
		ir_ref arg = ir_args(n->fn, r)[i];
		if (!ir_is_const(arg) && ir_get(n->fn, arg)->op == op)
			return true;
	}
	return false;
}

static uint32_t spaces_written_by_call(const struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	uint32_t spaces = 0;

	if (in->op != IR_CALL_EXTERN || takes(n, r, IR_FUNC)) // code that may do anything
		return ALL_SPACES;
	uint32_t effects = n->ctx->module->externs.data[in->index].effects;
	if (effects & IR_EFFECT_PACKET)
		spaces |= 1u << PACKET | 1u << CONTEXT;
	if (effects & (IR_EFFECT_WRITES | IR_EFFECT_OTHER))
		spaces |= MEMORY | (takes(n, r, IR_MAP) ? 1u << MAPS : 0);
	return spaces;
}

/* Spaces that an instruction may write, told from the hints alone. */
static uint32_t spaces_written(const struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	static const uint32_t of_hint[IR_SPACE_COUNT] = {
		[IR_SPACE_ANY] = MEMORY,           [IR_SPACE_SLOT] = 1u << SLOTS,
		[IR_SPACE_GLOBAL] = 1u << GLOBALS, [IR_SPACE_MAP] = 1u << VALUES,
		[IR_SPACE_PACKET] = 1u << PACKET,  [IR_SPACE_KERNEL] = 1u << KERNEL,
		[IR_SPACE_PROBE] = 1u << KERNEL,
	};

	switch ((enum ir_effect)ir_ops[in->op].effect) {
	case IR_EFF_STORE:
		if (in->op == IR_CTX_STORE)
			return 1u << CONTEXT;
		return in->op == IR_STORE && IR_MEM_SPACE(in->aux) < IR_SPACE_COUNT
			       ? of_hint[IR_MEM_SPACE(in->aux)]
			       : MEMORY;
	case IR_EFF_MAP_READ:
		return n->is_bpf ? 0 : 1u << VALUES;
	case IR_EFF_MAP_WRITE:
		return 1u << VALUES | 1u << MAPS;
	case IR_EFF_CALL:
		return spaces_written_by_call(n, r);
	case IR_EFF_PURE:
	case IR_EFF_LOAD:
	case IR_EFF_CTX_LOAD:
	case IR_EFF_CONTROL:
		break;
	}
	return 0;
}

static void find_loop_writes(struct numbering *n)
{
	const struct ir_loops *loops = &n->ctx->loops;

	n->loop_writes = ARENA_ARRAY(n->ctx->scratch, uint32_t, loops->count + 1);
	for (uint32_t b = 0; b < n->fn->blocks.len; b++) {
		uint32_t loop = loops->loop_of[b];
		if (loop == UINT32_MAX)
			continue;
		for (ir_ref r = n->fn->blocks.data[b].first; r; r = n->fn->next.data[r])
			n->loop_writes[loop] |= spaces_written(n, r);
	}
	for (uint32_t l = loops->count; l-- > 0;) // inner loops come after outer ones
		if (loops->loops[l].parent != UINT32_MAX)
			n->loop_writes[loops->loops[l].parent] |= n->loop_writes[l];
}

static bool replace(struct numbering *n, ir_ref r, ir_ref value)
{
	if (!value || value == r)
		return false;
	n->replacement[r] = value;
	ir_remove(n->fn, r);
	return true;
}

static void visit_pure(struct numbering *n, ir_ref r)
{
	struct ir_insn *in = ir_get(n->fn, r);
	bool is_true;

	if (in->op == IR_PHI)
		return;
	if ((ir_ops[in->op].flags & IR_FLAG_COMMUTES) && !ir_is_const(in->b) && in->b < in->a) {
		ir_ref a = in->a; // one order, so that both ways round are found
		in->a = in->b;
		in->b = a;
	}
	if (ir_ops[in->op].b == IR_OPERAND_SAME && find_fact(n, r, &is_true)) {
		replace(n, r, ir_const(n->fn, IR_I32, is_true));
		return;
	}
	replace(n, r, number(n, (struct entry){.insn = *in, .value = r}));
}

/* An access as the load that would read it. */
static struct entry access_key(struct numbering *n, const struct ir_insn *in, enum ir_type type,
			       const struct place *p)
{
	uint16_t aux = in->aux & (uint16_t) ~(0xe0u | IR_MEM_CHECKED); // hints do not matter
	struct entry key = {.insn = {.op = IR_LOAD, .type = (uint8_t)type, .aux = aux},
			    .offset = in->imm};

	key.base = find_base(n, in->a, &key.offset);
	set_versions(n, &key, p);
	return key;
}

/* Userspace sees what the kernel writes meanwhile: its accesses to shared memory stay. */
static bool is_volatile(const struct numbering *n, const struct place *p)
{
	return !n->is_bpf && (!p->is_known || p->space == GLOBALS) && !p->is_constant;
}

static void visit_load(struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	struct place p = find_place(n, in->a, in->aux);

	if (is_volatile(n, &p))
		return;
	struct entry key = access_key(n, in, (enum ir_type)in->type, &p);
	key.value = r;
	replace(n, r, number(n, key));
}

/* Whole values that were stored serve later loads of the same type. */
static void visit_store(struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	struct place p = find_place(n, in->a, in->op == IR_STORE ? in->aux : 0);

	clobber(n, &p);
	if (in->op != IR_STORE || is_volatile(n, &p))
		return;
	enum ir_type type = ir_type_of(n->fn, in->b);
	if ((type == IR_I32 ? 4u : 8u) != IR_MEM_WIDTH(in->aux))
		return;
	struct entry key = access_key(n, in, type, &p);
	key.value = in->b;
	number(n, key);
}

static void visit_ctx_load(struct numbering *n, ir_ref r)
{
	struct entry key = {.insn = *ir_get(n->fn, r), .value = r};

	key.versions[0] = n->now.version[CONTEXT];
	replace(n, r, number(n, key));
}

/* A lookup again with the same key: a scalar, or a slot that was not written meanwhile. */
static void visit_map_lookup(struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	struct entry key = {.insn = *in, .value = r};

	if (!n->is_bpf) { // fills a buffer with what is there now
		raise(n, VALUES);
		return;
	}
	key.versions[0] = n->now.version[MAPS];
	key.versions[2] = at_least_floor(n, MAPS, n->map_version[in->index]);
	if (ir_type_of(n->fn, in->a) == IR_PTR) {
		struct place p = find_place(n, in->a, 0);
		if (!p.is_private)
			return;
		key.versions[1] = at_least_floor(n, p.space, *object_version(n, &p));
	}
	replace(n, r, number(n, key));
}

static void visit_call(struct numbering *n, ir_ref r)
{
	uint32_t spaces = spaces_written_by_call(n, r);

	for (int k = 0; k < SPACE_COUNT; k++)
		if (spaces >> k & 1)
			raise(n, (enum space)k);
}

static void visit_map_write(struct numbering *n, ir_ref r)
{
	raise(n, VALUES);
	n->map_version[ir_get(n->fn, r)->index] = ++n->next_version; // of this map only
}

static void visit_insn(struct numbering *n, ir_ref r)
{
	const struct ir_insn *in = ir_get(n->fn, r);
	uint32_t count = ir_operand_count(n->fn, r);

	for (uint32_t o = 0; o < count; o++) {
		ir_ref *operand = ir_operand(n->fn, r, o);
		*operand = resolve(n, *operand);
	}
	if (in->op == IR_PTRADD)
		n->root[r] = find_root(n, in->a);
	switch ((enum ir_effect)ir_ops[in->op].effect) {
	case IR_EFF_PURE:
		visit_pure(n, r);
		break;
	case IR_EFF_LOAD:
		visit_load(n, r);
		break;
	case IR_EFF_STORE:
		if (in->op == IR_CTX_STORE)
			raise(n, CONTEXT);
		else
			visit_store(n, r);
		break;
	case IR_EFF_CTX_LOAD:
		visit_ctx_load(n, r);
		break;
	case IR_EFF_MAP_READ:
		visit_map_lookup(n, r);
		break;
	case IR_EFF_MAP_WRITE:
		visit_map_write(n, r);
		break;
	case IR_EFF_CALL:
		visit_call(n, r);
		break;
	case IR_EFF_CONTROL:
		break;
	}
}

/* The condition of the end may be known from a branch above. */
static void use_facts_at_end(struct numbering *n, uint32_t b)
{
	struct ir_insn *end = ir_get(n->fn, n->fn->blocks.data[b].last);
	bool is_true;

	if (end->op != IR_BRANCH || ir_is_const(end->a) || !find_fact(n, end->a, &is_true))
		return;
	end->a = ir_const(n->fn, IR_I32, is_true);
}

bool opt_gvn(struct opt_context *ctx, struct ir_fn *fn)
{
	const struct ir_doms *doms = &ctx->doms;
	struct arena *scratch = ctx->scratch;
	struct numbering n = {
		.ctx = ctx,
		.fn = fn,
		.is_bpf = fn->target == IR_TARGET_BPF,
		.replacement = ARENA_ARRAY(scratch, ir_ref, fn->insns.len),
		.root = ARENA_ARRAY(scratch, ir_ref, fn->insns.len),
		.at_end = ARENA_ARRAY(scratch, struct state, fn->blocks.len),
		.is_done = ARENA_ARRAY(scratch, bool, fn->blocks.len),
		.is_shared = ARENA_ARRAY(scratch, bool, fn->slots.len + 1),
		.slot_version = ARENA_ARRAY(scratch, uint32_t, fn->slots.len + 1),
		.global_version = ARENA_ARRAY(scratch, uint32_t, ctx->module->globals.len + 1),
		.map_version = ARENA_ARRAY(scratch, uint32_t, ctx->module->maps.len + 1),
	};
	uint32_t *order = ARENA_ARRAY(scratch, uint32_t, doms->rpo_count + 1);

	map_init(&n.table, scratch);
	map_init(&n.fact_table, scratch);
	find_shared_slots(&n);
	find_loop_writes(&n);
	for (uint32_t i = 0; i < doms->rpo_count; i++)
		order[doms->enter[doms->rpo[i]]] = doms->rpo[i];
	for (uint32_t i = 0; i < doms->rpo_count; i++) {
		uint32_t b = order[i];
		enter_block(&n, b);
		for (ir_ref r = fn->blocks.data[b].first, next; r; r = next) {
			next = fn->next.data[r];
			visit_insn(&n, r);
		}
		use_facts_at_end(&n, b);
		n.at_end[b] = n.now;
		n.is_done[b] = true;
	}
	ir_replace_all(fn, n.replacement);
	return true;
}
