/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a value, told to people: "a number from 0 to 255", "map value of `counts`, or null". */
#include <inttypes.h>
#include <string.h>

#include "bpf-backend/verify/rules.h"

enum { SHOWN_IN_DECIMAL = 10000000 };

static void tell_signed(struct buf *out, int64_t n)
{
	if (n >= -SHOWN_IN_DECIMAL && n <= SHOWN_IN_DECIMAL)
		buf_printf(out, "%" PRId64, n);
	else if (n < 0 && n > INT64_MIN)
		buf_printf(out, "-0x%" PRIx64, (uint64_t)-n);
	else
		buf_printf(out, "%s0x%" PRIx64, n < 0 ? "-" : "", (uint64_t)n);
}

static void tell_unsigned(struct buf *out, uint64_t n)
{
	buf_printf(out, n <= SHOWN_IN_DECIMAL ? "%" PRIu64 : "0x%" PRIx64, n);
}

/* Low bits that are known to be 0, beyond what the bounds say. */
static unsigned zero_bits(const struct scalar *s)
{
	unsigned n = 0;
	while (n < 12 && !(s->bits.value >> n & 1) && !(s->bits.mask >> n & 1))
		n++;
	return n;
}

static void tell_range(struct buf *out, const struct scalar *s)
{
	const struct bounds *w = &s->wide, *l = &s->low;
	if (w->umin || w->umax != UINT64_MAX) {
		if (w->smin < 0 && w->smax < 0) {
			buf_add_text(out, "from ");
			tell_signed(out, w->smin);
			buf_add_text(out, " to ");
			tell_signed(out, w->smax);
			return;
		}
		buf_add_text(out, "from ");
		tell_unsigned(out, w->umin);
		buf_add_text(out, w->umax == UINT64_MAX ? " up" : " to ");
		if (w->umax != UINT64_MAX)
			tell_unsigned(out, w->umax);
	} else if (w->smin != INT64_MIN || w->smax != INT64_MAX) {
		buf_add_text(out, "from ");
		if (w->smin == INT64_MIN)
			buf_add_text(out, "the lowest");
		else
			tell_signed(out, w->smin);
		buf_add_text(out, " to ");
		if (w->smax == INT64_MAX)
			buf_add_text(out, "the highest");
		else
			tell_signed(out, w->smax);
	} else if (l->umin || l->umax != UINT32_MAX) {
		buf_add_text(out, "whose low half is from ");
		tell_unsigned(out, l->umin);
		buf_add_text(out, " to ");
		tell_unsigned(out, l->umax);
	} else {
		buf_add_text(out, "of which nothing is known");
	}
}

static void tell_number(struct buf *out, const struct scalar *s)
{
	if (scalar_is_const(s, 64)) {
		int64_t n = (int64_t)s->bits.value;
		buf_add_text(out, "the number ");
		tell_signed(out, n);
		return;
	}
	buf_add_text(out, "a number ");
	tell_range(out, s);
	if (zero_bits(s))
		buf_printf(out, ", a multiple of %u", 1u << zero_bits(s));
}

/* Offset of a pointer, known or not. */
static void tell_offset(struct buf *out, const struct reg *r)
{
	if (scalar_is_const(&r->v, 64)) {
		int64_t off = r->off + (int64_t)r->v.bits.value;
		if (off)
			buf_printf(out, " at offset %" PRId64, off);
		return;
	}
	if (r->off)
		buf_printf(out, " at offset %d plus a number ", r->off);
	else
		buf_add_text(out, " at an offset ");
	tell_range(out, &r->v);
}

static void tell_bytes(struct buf *out, const char *before, uint32_t count, const char *after)
{
	buf_printf(out, "%s%u byte%s%s", before, count, count == 1 ? "" : "s", after);
}

static void tell_packet(struct buf *out, const struct reg *r)
{
	buf_add_text(out, r->kind == REG_PACKET ? "packet pointer" : "pointer to packet metadata");
	tell_offset(out, r);
	if (r->range > 0)
		tell_bytes(out, "; ", (uint32_t)r->range,
			   scalar_is_const(&r->v, 64) ? " checked"
						      : " checked from that number on");
	else if (r->range < 0)
		buf_add_text(out, "; it is at the end or beyond");
	else
		buf_add_text(out, "; no bytes checked");
}

static void tell_map(struct buf *out, const struct reg *r, const char *what)
{
	buf_add_text(out, what);
	if (r->map && *r->map->name)
		buf_printf(out, " `%s`", r->map->name);
}

static void tell_stack(struct buf *out, const struct verifier *v, const struct reg *r)
{
	buf_add_text(out, "address in the stack");
	if (v->current && r->frame != v->current->depth)
		buf_printf(out, " of frame %u", r->frame);
	if (!scalar_is_const(&r->v, 64)) {
		tell_offset(out, r);
		return;
	}
	int64_t off = r->off + (int64_t)r->v.bits.value;
	buf_add_text(out, off ? ", fp" : ", its end fp");
	if (off)
		buf_printf(out, "%+" PRId64, off);
}

static void tell_object(struct buf *out, const struct reg *r)
{
	const char *name = "";
	if (r->btf && r->type && r->type <= r->btf->type_count)
		name = btf_get_type(r->btf, r->type).name;
	buf_printf(out, "pointer to %s%s", *name ? "struct " : "an object", name);
	tell_offset(out, r);
	if (r->flags & REG_TRUSTED)
		buf_add_text(out, ", trusted");
	else if (r->flags & REG_RCU)
		buf_add_text(out, ", valid in this RCU section");
	else if (r->flags & REG_UNTRUSTED)
		buf_add_text(out, ", not trusted");
	else if (r->flags & REG_ALLOC)
		buf_add_text(out, ", allocated");
}

static const char *const plain[REG_KIND_COUNT] = {
	[REG_CTX] = "context",
	[REG_PACKET_END] = "end of the packet",
	[REG_FLOW_KEYS] = "flow keys",
	[REG_SOCKET] = "socket",
	[REG_SOCK_COMMON] = "socket (common part)",
	[REG_TCP_SOCK] = "TCP socket",
	[REG_XDP_SOCK] = "XDP socket",
	[REG_TP_BUFFER] = "buffer of the tracepoint",
	[REG_ARENA] = "pointer into the arena",
	[REG_BUF] = "buffer",
	[REG_FUNC] = "function",
	[REG_DYNPTR] = "dynptr",
};

void verify_tell_value(struct buf *out, const struct verifier *v, const struct reg *r)
{
	switch ((enum reg_kind)r->kind) {
	case REG_NONE:
	case REG_KIND_COUNT:
		buf_add_text(out, "nothing: it may not be read");
		return;
	case REG_SCALAR:
		tell_number(out, &r->v);
		return;
	case REG_MAP:
		tell_map(out, r, "map");
		break;
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
		tell_map(out, r, r->kind == REG_MAP_KEY ? "key of map" : "value of map");
		if (r->map)
			tell_bytes(out, " (",
				   r->kind == REG_MAP_KEY ? r->map->key_size : r->map->value_size,
				   ")");
		tell_offset(out, r);
		break;
	case REG_STACK:
		tell_stack(out, v, r);
		break;
	case REG_PACKET:
	case REG_PACKET_META:
		tell_packet(out, r);
		break;
	case REG_OBJECT:
		tell_object(out, r);
		break;
	case REG_MEM:
		tell_bytes(out, "", r->size, " of memory");
		tell_offset(out, r);
		break;
	case REG_CTX:
	case REG_PACKET_END:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_TP_BUFFER:
	case REG_ARENA:
	case REG_BUF:
	case REG_FUNC:
	case REG_DYNPTR:
		buf_add_text(out, plain[r->kind]);
		tell_offset(out, r);
		break;
	}
	if (r->flags & REG_NULLABLE)
		buf_add_text(out, ", or null");
	if (r->ref)
		buf_add_text(out, "; to be given back");
}

void verify_tell_bytes(struct buf *out, const struct slot *slot)
{
	static const char *const names[] = {
		[SLOT_INVALID] = "not written",  [SLOT_SPILL] = "part of a register's copy",
		[SLOT_MISC] = "unknown bytes",   [SLOT_ZERO] = "zero",
		[SLOT_DYNPTR] = "a dynptr",      [SLOT_ITER] = "an iterator",
		[SLOT_IRQ] = "saved interrupts",
	};
	int first = slot->bytes[0];
	for (int i = 1; i < 8; i++) {
		if (slot->bytes[i] != first) {
			buf_add_text(out,
				     "partly written: by byte ? not written, m unknown, 0 zero");
			return;
		}
	}
	buf_add_text(out, names[first]);
}

void verify_tell_held(struct buf *out, const struct state *s)
{
	static const char *const kinds[] = {
		[REF_POINTER] = "reference",  [REF_LOCK] = "lock",
		[REF_IRQ] = "interrupts off", [REF_RES_LOCK] = "lock",
		[REF_RES_LOCK_IRQ] = "lock",
	};
	for (uint32_t i = 0; i < s->ref_count; i++)
		buf_printf(out, "%s%s of instruction %u", out->len ? ", " : "",
			   kinds[s->refs[i].kind], s->refs[i].insn);
	if (s->rcu_locks)
		buf_printf(out, "%sRCU read lock", out->len ? ", " : "");
	if (s->preempt_locks)
		buf_printf(out, "%spreemption off", out->len ? ", " : "");
}
