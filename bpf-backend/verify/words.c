/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a value, in words: "a number from 0 to 255", "a pointer to a value of map `hits` (8
 * bytes), or null".
 */
#include <inttypes.h>
#include <string.h>

#include "bpf-backend/verify/story.h"

static const char *const kind_words[REG_KIND_COUNT] = {
#define KIND(id, text, words) [REG_##id] = words,
#include "bpf-backend/verify/kinds.def"
#undef KIND
};

const char *words_of_kind(unsigned kind)
{
	return kind < REG_KIND_COUNT ? kind_words[kind] : "something";
}

static void add_signed(struct buf *out, int64_t n)
{
	if (n == INT64_MIN)
		buf_add_text(out, "-2^63");
	else if (n == INT32_MIN)
		buf_add_text(out, "-2^31");
	else
		buf_printf(out, "%" PRId64, n);
}

static void add_unsigned(struct buf *out, uint64_t n)
{
	static const uint8_t powers[] = {63, 32, 31};
	for (size_t i = 0; i < sizeof powers; i++) {
		uint64_t power = UINT64_C(1) << powers[i];
		if (n == power || n == power - 1) {
			buf_printf(out, "2^%u%s", powers[i], n == power ? "" : " - 1");
			return;
		}
	}
	if (n == UINT64_MAX)
		buf_add_text(out, "2^64 - 1");
	else
		buf_printf(out, "%" PRIu64, n);
}

static bool is_const(const struct told *t)
{
	return t->smin == t->smax;
}

/* "0 to 255"; false when nothing is known. */
static bool add_range(struct buf *out, const struct told *t)
{
	bool has_signed = t->smin != INT64_MIN || t->smax != INT64_MAX;
	bool has_unsigned = t->umin || t->umax != UINT64_MAX;
	if (!has_signed && !has_unsigned)
		return false;
	if (has_unsigned && (t->smin >= 0 || !has_signed)) {
		add_unsigned(out, t->umin);
		buf_add_text(out, " to ");
		add_unsigned(out, t->umax);
	} else {
		add_signed(out, t->smin);
		buf_add_text(out, " to ");
		if (t->smax == INT64_MAX)
			buf_add_text(out, "2^63 - 1");
		else
			add_signed(out, t->smax);
	}
	return true;
}

static void add_number(struct buf *out, const struct told *t)
{
	size_t before = out->len;
	if (is_const(t)) {
		buf_printf(out, "the number %" PRId64, t->smin);
		return;
	}
	buf_add_text(out, "a number from ");
	if (!add_range(out, t)) {
		out->len = before;
		buf_add_text(out, "a number of which nothing is known");
	}
}

static const char *memory_words(const struct told *t)
{
	if (t->flags & REG_RINGBUF)
		return "a pointer to a record of a ring buffer";
	return words_of_kind(t->kind);
}

bool words_is_globals(const char *map)
{
	size_t len = strlen(map);
	static const char *const sections[] = {".bss", ".data", ".rodata"};
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		const char *found = strstr(map, sections[i]);
		if (found && (found == map || found + strlen(sections[i]) == map + len))
			return true;
	}
	return false;
}

static void add_target(struct buf *out, const struct told *t)
{
	bool is_map = t->kind == REG_MAP_VALUE || t->kind == REG_MAP_KEY || t->kind == REG_MAP;
	bool is_owned = t->kind == REG_OBJECT && t->flags & REG_ALLOC;
	if (t->kind == REG_MAP_VALUE && t->name && words_is_globals(t->name))
		buf_add_text(out, "a pointer to global variables");
	else if (is_map && t->name)
		buf_printf(out,
			   t->kind == REG_MAP       ? "map `%s`"
			   : t->kind == REG_MAP_KEY ? "a pointer to a key of map `%s`"
						    : "a pointer to a value of map `%s`",
			   t->name);
	else if (t->kind == REG_OBJECT && t->name && *t->name)
		buf_printf(out, "a pointer to %s`struct %s`", is_owned ? "an own " : "", t->name);
	else
		buf_add_text(out, memory_words(t));
	if (t->size && t->kind != REG_MAP)
		buf_printf(out, " (%u byte%s)", t->size, t->size == 1 ? "" : "s");
}

static bool has_offset(const struct told *t)
{
	return t->kind != REG_MAP && t->kind != REG_CTX && (t->off || !is_const(t) || t->smin);
}

static void add_offset(struct buf *out, const struct told *t)
{
	if (!has_offset(t))
		return;
	if (is_const(t)) {
		buf_printf(out, ", moved by %" PRId64 " byte%s", t->off + t->smin,
			   t->off + t->smin == 1 ? "" : "s");
		return;
	}
	buf_add_text(out, ", moved by ");
	if (t->off)
		buf_printf(out, "%d bytes and ", t->off);
	buf_add_text(out, "a number ");
	size_t before = out->len;
	buf_add_text(out, "from ");
	if (!add_range(out, t)) {
		out->len = before;
		buf_add_text(out, "of which nothing is known");
	}
}

static void add_packet(struct buf *out, const struct told *t)
{
	int64_t known = t->range - t->off;
	add_offset(out, t);
	if (t->range < 0)
		buf_add_text(out, ", found to be at or beyond the packet's end");
	else if (known <= 0)
		buf_add_text(out, ", where no byte is known to exist");
	else
		buf_printf(out, ", where %" PRId64 " byte%s known to exist", known,
			   known == 1 ? " is" : "s are");
}

static void add_flags(struct buf *out, const struct told *t)
{
	if (t->flags & REG_NULLABLE)
		buf_add_text(out, ", or null");
	if (t->flags & REG_USER)
		buf_add_text(out, ", in memory of a user process");
	if (t->flags & REG_PERCPU)
		buf_add_text(out, ", one for each CPU");
	if (t->flags & REG_UNTRUSTED)
		buf_add_text(out, ", which may no longer be valid");
	if (t->flags & REG_RDONLY)
		buf_add_text(out, ", for reading only");
}

void words_add_kind(struct buf *out, const struct told *t)
{
	if (t->kind == REG_SCALAR) {
		buf_add_text(out, "a number");
		return;
	}
	struct told plain = *t;
	plain.size = 0;
	add_target(out, &plain);
	add_flags(out, t);
}

void words_add_value(struct buf *out, const struct told *t)
{
	if (t->kind == REG_NONE) {
		buf_add_text(out, t->is_stack_data ? "bytes on the stack" : "nothing yet");
		return;
	}
	if (t->kind == REG_SCALAR) {
		add_number(out, t);
		return;
	}
	add_target(out, t);
	if (t->kind == REG_PACKET || t->kind == REG_PACKET_META)
		add_packet(out, t);
	else if (t->kind != REG_STACK && t->kind != REG_PACKET_END)
		add_offset(out, t);
	add_flags(out, t);
}
