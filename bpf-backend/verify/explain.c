/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a value is what it is. The path is walked back from the refusal; of each step it is asked only
 * whether it made something that is still wanted, and the steps that matter become notes in words.
 *
 *	12: r6 = *(u32 *)(r1 + 0)      <- where the packet pointer came from
 *	14: r6 += r3                   <- the bytes that were known to exist are forgotten here
 *	20: r0 = *(u8 *)(r6 + 2)       <- refused
 *
 * What the path is of, the simulation or a log of the kernel, makes no difference; where a log says
 * less, the notes do too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/rules.h"
#include "bpf-backend/verify/tell.h"

enum { MAX_NOTES = 64, SHOWN_NOTES = 6 };

/* ---- notes ---- */

void teller_note(struct teller *t, uint32_t step, const char *format, ...)
{
	va_list args;
	if (t->note_count == MAX_NOTES)
		return;
	va_start(args, format);
	const char *text = arena_vprintf(&t->story->arena, format, args);
	va_end(args);
	struct told_note *n = &t->notes[t->note_count];
	*n = (struct told_note){step, t->path->steps.data[step].insn, text};
	if (t->note_count && !strcmp(n[-1].text, text) && n[-1].insn == n->insn)
		return; // a round of a loop more
	t->note_count++;
}

const struct program_line *teller_line(const struct teller *t, uint32_t step)
{
	return verify_find_line(t->code, t->path->steps.data[step].insn);
}

/* Words for a value, in the story's arena. */
const char *teller_words(struct teller *t, const struct told *value)
{
	struct buf text;
	if (!value)
		return "something of which nothing is told";
	buf_init(&text);
	words_add_value(&text, value);
	const char *copy = arena_copy_string(&t->story->arena, text.data, text.len);
	buf_fini(&text);
	return copy;
}

/* What the source calls what the step makes, in backquotes; else `other`. Of a load the expression
 * is a name, too. */
const char *teller_name(struct teller *t, uint32_t step, const char *other)
{
	struct arena *a = &t->story->arena;
	const struct program_line *line = teller_line(t, step);
	const char *name = names_find_target(a, line);
	bool is_load = (t->code->records[t->path->steps.data[step].insn].opcode & 7) == 1;
	if (!name && is_load)
		name = names_find_expression(a, line);
	return name ? arena_printf(a, "`%s`", name) : other;
}

/* ---- what is wanted ---- */

static bool *want(struct teller *t, unsigned frame, unsigned place)
{
	return &t->wanted[frame * PLACE_COUNT + place];
}

static void take(struct teller *t, unsigned frame, unsigned place)
{
	if (frame >= MAX_FRAMES || place >= PLACE_COUNT || place == BPF_R10)
		return;
	bool *w = want(t, frame, place);
	t->wanted_count += !*w;
	*w = true;
}

static void drop(struct teller *t, unsigned frame, unsigned place)
{
	bool *w = want(t, frame, place);
	t->wanted_count -= *w;
	*w = false;
}

static const struct told *before(const struct teller *t, uint32_t step, unsigned place)
{
	return path_find_value(t->path, step, t->path->steps.data[step].frame, place);
}

static const struct told *after(const struct teller *t, uint32_t step, unsigned place)
{
	return path_find_value(t->path, step + 1, t->path->steps.data[step].frame, place);
}

static bool is_pointer(const struct told *v)
{
	return v && v->kind != REG_NONE && v->kind != REG_SCALAR;
}

/* Frame and place of the stack that base + off is in; false: not known. */
static bool find_slot(const struct teller *t, uint32_t step, unsigned base, int off,
		      unsigned *frame, unsigned *place)
{
	const struct told *b = before(t, step, base);
	int64_t at = off;
	*frame = t->path->steps.data[step].frame;
	if (base != BPF_R10) {
		if (!b || b->kind != REG_STACK || b->smin != b->smax)
			return false;
		at += b->off + b->smin;
		*frame = (unsigned)b->range;
	}
	if (at >= 0 || at < -MAX_STACK || *frame >= MAX_FRAMES)
		return false;
	*place = PLACE_SLOT + (unsigned)((-at - 1) / 8);
	return true;
}

/* ---- origins ---- */

static const char *where_read(struct teller *t, const struct told *base)
{
	struct arena *a = &t->story->arena;
	unsigned kind = base ? base->kind : REG_NONE;
	if (kind == REG_MAP_VALUE && base->name)
		return words_is_globals(base->name)
			       ? "a global variable"
			       : arena_printf(a, "a value of map `%s`", base->name);
	if (kind == REG_OBJECT && base->name && *base->name)
		return arena_printf(a, "`struct %s`", base->name);
	return kind == REG_CTX           ? "the context"
	       : kind == REG_PACKET      ? "the packet"
	       : kind == REG_PACKET_META ? "the packet's metadata"
	       : kind == REG_STACK       ? "the stack"
					 : "memory";
}

static void tell_load(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	const struct told *base = before(t, step, i->src), *value = after(t, step, i->dst);
	unsigned frame, place;
	if (find_slot(t, step, i->src, i->off, &frame, &place)) {
		take(t, frame, place);
		return;
	}
	const char *name = teller_name(t, step, "this");
	if (value && value->kind == REG_PACKET)
		teller_note(t, step, "%s begins here as the start of the packet", name);
	else if (value)
		teller_note(t, step, "%s is read from %s here: %s", name, where_read(t, base),
			    teller_words(t, value));
	else
		teller_note(t, step, "%s is read from %s here", name, where_read(t, base));
}

static const char *null_means(struct teller *t, uint32_t step, const struct bpf_record *i,
			      const struct told *value)
{
	const struct told *map = before(t, step, BPF_R1);
	enum { LOOKUP = 1 };
	if (i->src == 0 && i->imm == LOOKUP && map && map->kind == REG_MAP && map->name)
		return arena_printf(&t->story->arena, "null when map `%s` has no entry for the key",
				    map->name);
	if (value->kind == REG_MEM && value->flags & REG_RINGBUF)
		return "null when the ring buffer is full";
	return "null when it fails";
}

static void tell_result(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	const struct told *value = after(t, step, BPF_R0);
	char name[96];
	verify_name_call(t->code, t->types, t->path->steps.data[step].insn, name);
	if (value && value->flags & REG_NULLABLE && t->result->reason == VERIFY_NULLABLE)
		teller_note(t, step, "`%s` gives %s here: %s", name,
			    teller_name(t, step, "this pointer"), null_means(t, step, i, value));
	else if (value && is_pointer(value))
		teller_note(t, step, "`%s` gives %s here", name,
			    teller_name(t, step, "this pointer"));
	else if (value && value->kind != REG_NONE)
		teller_note(t, step, "`%s` gives %s here: %s", name, teller_name(t, step, "this"),
			    teller_words(t, value));
	else
		teller_note(t, step, "`%s` gives it here", name);
}

static void tell_call(struct teller *t, uint32_t step, const struct bpf_record *i, unsigned place)
{
	char name[96];
	if (place == BPF_R0) {
		tell_result(t, step, i);
		return;
	}
	verify_name_call(t->code, t->types, t->path->steps.data[step].insn, name);
	teller_note(t, step,
		    "the call of `%s` ends what r1 to r5 held: arguments do not outlive a call",
		    name);
}

static void tell_sum(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	const struct told *dst = before(t, step, i->dst);
	unsigned frame = t->path->steps.data[step].frame;
	unsigned number = is_pointer(dst) ? i->src : i->dst;
	unsigned pointer = is_pointer(dst) ? i->dst : i->src;
	const struct told *added = before(t, step, number);
	bool is_far = added && (added->umax > INT16_MAX || added->smin < 0);
	take(t, frame, pointer);
	if (added && added->kind == REG_SCALAR && added->smin != added->smax) {
		const struct told *p = before(t, step, pointer);
		bool is_packet = p && p->kind == REG_PACKET;
		teller_note(t, step, "here %s is %s the pointer%s", teller_words(t, added),
			    i->opcode >> 4 == ALU_SUB ? "subtracted from" : "added to",
			    is_packet && p->range > 0
				    ? ", and what was known to exist behind it is forgotten"
				    : "");
		if (t->follows_numbers && (is_far || !is_packet))
			take(t, frame, number);
	}
}

static void tell_math(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	unsigned frame = t->path->steps.data[step].frame;
	const struct told *value = after(t, step, i->dst), *old = before(t, step, i->dst);
	bool has_source = i->opcode & 8 && i->opcode >> 4 != ALU_NEG && i->opcode >> 4 != ALU_END;
	if (is_pointer(value)) {
		if (has_source)
			tell_sum(t, step, i);
		else
			take(t, frame, i->dst);
		return;
	}
	take(t, frame, i->dst);
	if (has_source)
		take(t, frame, i->src);
	if (!value)
		return;
	if (is_pointer(old)) {
		teller_note(t, step, "this arithmetic makes a plain number of the pointer");
		return;
	}
	if (t->follows_numbers)
		teller_note(t, step, "here it becomes %s", teller_words(t, value));
}

static void tell_move(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	unsigned frame = t->path->steps.data[step].frame;
	const struct told *value = after(t, step, i->dst);
	if (i->opcode & 8) {
		const struct told *old = before(t, step, i->src);
		take(t, frame, i->src);
		if (is_pointer(old) && value && value->kind == REG_SCALAR)
			teller_note(t, step,
				    "a part of the pointer is copied here: a plain number");
		return;
	}
	const char *name = names_find_target(&t->story->arena, teller_line(t, step));
	if (name)
		teller_note(t, step, "`%s` becomes %d here", name, i->imm);
	else if (!t->note_count)
		teller_note(t, step, "it becomes %d here", i->imm);
}

/* The instruction writes the wanted register. */
static void tell_origin(struct teller *t, uint32_t step, unsigned place)
{
	uint32_t at = t->path->steps.data[step].insn;
	const struct bpf_record *i = &t->code->records[at];
	unsigned frame = t->path->steps.data[step].frame, class = i->opcode & 7;
	drop(t, frame, place);
	if (i->opcode == 0x85) {
		tell_call(t, step, i, place);
	} else if (class == 1) {
		tell_load(t, step, i);
	} else if (i->opcode == 0x18) {
		const struct told *value = after(t, step, i->dst);
		if (value && !t->follows_numbers)
			teller_note(t, step, "this is %s", teller_words(t, value));
	} else if ((class == 4 || class == 7) && i->opcode >> 4 == ALU_MOV) {
		tell_move(t, step, i);
	} else if (class == 4 || class == 7) {
		tell_math(t, step, i);
	} else {
		teller_note(t, step, "it gets its value here");
	}
}

/* ---- changes beside what the instruction is for ---- */

static bool is_same(const struct told *a, const struct told *b)
{
	return a && b && a->kind == b->kind && a->flags == b->flags && a->off == b->off &&
	       a->smin == b->smin && a->smax == b->smax && a->umin == b->umin &&
	       a->umax == b->umax && a->range == b->range && a->is_stack_data == b->is_stack_data;
}

static void tell_branch(struct teller *t, uint32_t step, const struct told *old,
			const struct told *new)
{
	if (old->kind == REG_PACKET && new->kind == REG_PACKET) {
		if (new->range > old->range)
			teller_note(t, step, "this test shows that %d byte%s from the start exist",
				    new->range, new->range == 1 ? "" : "s");
		else if (new->range < 0)
			teller_note(t, step, "this test shows that the packet ends there");
		t->has_test = true;
	} else if (old->flags & REG_NULLABLE && new->kind == REG_SCALAR) {
		teller_note(t, step, "the path goes on from here only when the pointer is null");
	} else if (old->kind == REG_SCALAR && new->kind == REG_SCALAR && t->follows_numbers) {
		teller_note(t, step, "after this test it is %s", teller_words(t, new));
		t->has_test = true;
	}
}

static bool is_packet_data(const struct told *v)
{
	return v->kind == REG_PACKET || v->kind == REG_PACKET_META || v->kind == REG_PACKET_END;
}

static void tell_invalidation(struct teller *t, uint32_t step, const struct told *old)
{
	char name[96];
	verify_name_call(t->code, t->types, t->path->steps.data[step].insn, name);
	if (is_packet_data(old))
		teller_note(t, step,
			    "`%s` may move the packet: pointers into it from before are no longer "
			    "valid",
			    name);
	else if (old->ref)
		teller_note(t, step, "`%s` gives it back here: it cannot be used any more", name);
	else
		teller_note(t, step, "after `%s` the pointer is no longer valid", name);
	t->is_invalidated = true;
}

static void tell_effect(struct teller *t, uint32_t step, unsigned frame, unsigned place)
{
	const struct bpf_record *i = &t->code->records[t->path->steps.data[step].insn];
	const struct told *old = path_find_value(t->path, step, frame, place);
	const struct told *new = path_find_value(t->path, step + 1, frame, place);
	unsigned class = i->opcode & 7;
	bool is_call = i->opcode == 0x85 || i->opcode == 0x95, is_store = class == 2 || class == 3;
	char name[96];
	if (!old || !new || is_same(old, new))
		return;
	if (is_call && is_pointer(old) && !is_pointer(new)) {
		tell_invalidation(t, step, old);
	} else if (is_call && place >= PLACE_SLOT) {
		verify_name_call(t->code, t->types, t->path->steps.data[step].insn, name);
		teller_note(t, step, "`%s` writes there", name);
		drop(t, frame, place);
	} else if (is_store && place >= PLACE_SLOT) {
		teller_note(t, step, "this store may overwrite it");
		drop(t, frame, place);
	} else if (class == 5 || class == 6) {
		tell_branch(t, step, old, new);
	}
}

/* ---- the walk back ---- */

static void leave_callee(struct teller *t, uint32_t step, unsigned inner)
{
	// What was wanted of the callee is what the caller passed.
	const struct bpf_record *i = &t->code->records[t->path->steps.data[step].insn];
	unsigned outer = t->path->steps.data[step].frame;
	for (unsigned place = 0; place < PLACE_COUNT; place++) {
		if (!*want(t, inner, place))
			continue;
		drop(t, inner, place);
		if (place < 1 || place > 5 || i->opcode != 0x85)
			continue;
		char name[96];
		uint32_t start = t->path->steps.data[step + 1].insn;
		for (uint32_t f = 0; f < t->code->function_count; f++) {
			if (t->code->functions[f].start != start)
				continue;
			snprintf(name, sizeof name, "%s", t->code->functions[f].name);
			if (i->src == 1)
				teller_note(t, step, "it is passed to `%s` here", name);
			else
				teller_note(t, step, "`%s` is called with it from here", name);
		}
		if (i->src == 1)
			take(t, outer, place);
	}
}

static void tell_store(struct teller *t, uint32_t step, const struct bpf_record *i)
{
	unsigned frame, place, own = t->path->steps.data[step].frame;
	if (!find_slot(t, step, i->dst, i->off, &frame, &place) || !*want(t, frame, place))
		return;
	drop(t, frame, place);
	if ((i->opcode & 7) == 3)
		take(t, own, i->src);
	else
		teller_note(t, step, "it becomes %d here", i->imm);
}

/* `writes`: registers of the frame that the instruction is for. */
static void tell_effects(struct teller *t, uint32_t step, uint32_t writes)
{
	const struct path_step *s = &t->path->steps.data[step];
	for (uint32_t c = s->changes; c < s[1].changes; c++) {
		const struct path_change *change = &t->path->changes.data[c];
		bool is_written = change->frame == s->frame && change->place < BPF_REG_COUNT &&
				  writes >> change->place & 1;
		if (!is_written && change->frame <= s->frame &&
		    *want(t, change->frame, change->place))
			tell_effect(t, step, change->frame, change->place);
	}
}

static void tell_step(struct teller *t, uint32_t step)
{
	const struct path_step *s = &t->path->steps.data[step];
	const struct bpf_record *i = &t->code->records[s->insn];
	uint32_t writes = insn_writes(i), next_frame = s[1].frame;
	bool wanted_registers[BPF_REG_COUNT];
	if (next_frame > s->frame) {
		leave_callee(t, step, next_frame);
		return;
	}
	if (next_frame < s->frame) { // the result of the function
		tell_effects(t, step, 0);
		if (*want(t, next_frame, BPF_R0)) {
			drop(t, next_frame, BPF_R0);
			take(t, s->frame, BPF_R0);
		}
		return;
	}
	if ((i->opcode & 7) == 2 || (i->opcode & 7) == 3)
		tell_store(t, step, i);
	tell_effects(t, step, writes);
	for (unsigned r = 0; r < BPF_REG_COUNT; r++)
		wanted_registers[r] = *want(t, s->frame, r);
	for (unsigned r = 0; r < BPF_REG_COUNT; r++) {
		if (wanted_registers[r] && writes >> r & 1)
			tell_origin(t, step, r);
	}
}

void teller_follow(struct teller *t, unsigned frame, unsigned place)
{
	take(t, frame, place);
	for (uint32_t step = t->path->steps.len - 1; step-- > 0 && t->wanted_count;)
		tell_step(t, step);
}

/* ---- the result ---- */

static int compare_notes(const void *left, const void *right)
{
	const struct told_note *a = left, *b = right;
	return a->step < b->step ? -1 : a->step > b->step;
}

static bool is_one_line(const struct program_line *a, const struct program_line *b)
{
	return a && b && a->line && a->line == b->line && !strcmp(a->file, b->file);
}

/* Of several changes of a number on one line the last one counts. */
static bool is_told_again(const char *old, const char *new)
{
	static const char becomes[] = "here it becomes ", test[] = "after this test it is ";
	return (!strncmp(old, becomes, strlen(becomes)) && !strncmp(new, "here ", 5)) ||
	       (!strncmp(old, test, strlen(test)) && !strncmp(new, test, strlen(test)));
}

/* The oldest note and the newest ones, of each line the last; in order of the path. */
void teller_finish(struct teller *t)
{
	struct verify_story *s = t->story;
	uint32_t kept = 0;
	qsort(t->notes, t->note_count, sizeof *t->notes, compare_notes);
	s->notes = ARENA_ARRAY(&s->arena, struct verify_note, SHOWN_NOTES);
	for (uint32_t i = 0; i < t->note_count; i++) {
		const struct program_line *line = verify_find_line(t->code, t->notes[i].insn);
		if (kept && is_one_line(line, verify_find_line(t->code, t->notes[kept - 1].insn)) &&
		    is_told_again(t->notes[kept - 1].text, t->notes[i].text))
			kept--;
		t->notes[kept++] = t->notes[i];
	}
	for (uint32_t i = 0; i < kept; i++) {
		if (kept > SHOWN_NOTES && i && i < kept - SHOWN_NOTES + 1)
			continue;
		s->notes[s->note_count++] =
			(struct verify_note){t->notes[i].insn, t->notes[i].text};
	}
}

const struct program_line *verify_find_line(const struct program_code *code, uint32_t insn)
{
	const struct program_line *found = NULL;
	for (uint32_t i = 0; i < code->line_count && code->lines[i].record <= insn; i++)
		found = &code->lines[i];
	return found;
}
