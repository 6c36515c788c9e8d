/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording the walk: at each step the state is compared with what was recorded of it last, and only the
 * differences are kept. A state that waits to be explored takes along what was recorded when it was
 * pushed. Values are texts, each kept once. Without a trace in the options nothing here runs.
 */
#include "bpf-backend/verify/trace.h"

#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/rules.h"

/* What was recorded of a state: the value of each place. */
struct trace_base {
	uint32_t frames; // that have places
	uint32_t values[TRACE_PLACES];
};

struct tracer {
	struct verify_trace *trace;
	struct trace_base base;
	struct reg seen[TRACE_PLACES]; // what base.values was made from, where `is_seen`
	bool is_seen[TRACE_PLACES];
	uint32_t written; // registers that the last instruction wrote, of `written_frame`
	uint32_t written_frame;
	struct map texts, words; // hash of a text to its number; to the words
	struct buf text, meaning;
};

void trace_init(struct verify_trace *trace)
{
	*trace = (struct verify_trace){0};
	arena_init(&trace->arena);
	struct trace_value nothing = {"", ""};
	vec_push(&trace->arena, &trace->values, nothing);
}

void trace_fini(struct verify_trace *trace)
{
	arena_fini(&trace->arena);
}

void verify_trace_begin(struct verifier *v)
{
	struct tracer *t = v->tracer;
	if (!v->options->trace)
		return;
	if (!t) {
		t = v->tracer = calloc(1, sizeof *t);
		if (!t)
			die_out_of_memory();
		t->trace = v->options->trace;
		map_init(&t->texts, &v->arena);
		map_init(&t->words, &v->arena);
		buf_init(&t->text);
		buf_init(&t->meaning);
	}
	memset(&t->base, 0, sizeof t->base);
	memset(t->is_seen, 0, sizeof t->is_seen);
	t->written = 0;
}

void verify_trace_end(struct verifier *v)
{
	if (!v->tracer)
		return;
	if (v->result->reason && v->tracer->trace->steps.len) {
		struct trace_step *last = &vec_last(&v->tracer->trace->steps);
		if (last->end == TRACE_GOES_ON)
			last->end = TRACE_REFUSED;
	}
	buf_fini(&v->tracer->text);
	buf_fini(&v->tracer->meaning);
	free(v->tracer);
	v->tracer = NULL;
}

/* ---- states that wait ---- */

struct trace_base *verify_trace_keep(const struct verifier *v)
{
	if (!v->tracer)
		return NULL;
	const struct trace_base *b = &v->tracer->base;
	if (v->tracer->trace->steps.len)
		vec_last(&v->tracer->trace->steps).forks = true;
	size_t size = offsetof(struct trace_base, values) +
		      b->frames * TRACE_FRAME_PLACES * sizeof b->values[0];
	struct trace_base *kept = malloc(size);
	if (!kept)
		die_out_of_memory();
	memcpy(kept, b, size);
	return kept;
}

void verify_trace_resume(struct verifier *v, struct trace_base *kept)
{
	struct tracer *t = v->tracer;
	if (!t || !kept)
		return;
	memset(t->base.values, 0, sizeof t->base.values);
	t->base.frames = kept->frames;
	memcpy(t->base.values, kept->values,
	       kept->frames * TRACE_FRAME_PLACES * sizeof kept->values[0]);
	memset(t->is_seen, 0, sizeof t->is_seen);
	t->written = 0;
	free(kept);
}

/* ---- values ---- */

static uint64_t hash_text(const struct buf *text)
{
	return hash_bytes(text->data, text->len) | 1;
}

static const char *keep_words(struct tracer *t)
{
	uint64_t hash = hash_text(&t->meaning);
	char *words = map_find_ptr(&t->words, hash);
	if (!words) {
		words = arena_copy_string(&t->trace->arena, t->meaning.data, t->meaning.len);
		map_set_ptr(&t->words, hash, words);
	}
	return words;
}

/* Number of the value whose text and meaning stand in the buffers. */
static uint32_t number_value(struct tracer *t)
{
	uint64_t hash = hash_u64(hash_text(&t->text) ^ hash_u64(hash_text(&t->meaning))) | 1;
	uint64_t *place = map_insert(&t->texts, hash);
	if (*place)
		return (uint32_t)*place;
	*place = t->trace->values.len;
	struct trace_value value = {arena_copy_string(&t->trace->arena, t->text.data, t->text.len),
				    keep_words(t)};
	uint32_t number = t->trace->values.len;
	vec_push(&t->trace->arena, &t->trace->values, value);
	return number;
}

static uint32_t value_of_reg(struct verifier *v, const struct reg *r)
{
	struct tracer *t = v->tracer;
	if (r->kind == REG_NONE)
		return 0;
	t->text.len = t->meaning.len = 0;
	verify_print_reg(&t->text, v, r);
	verify_tell_value(&t->meaning, v, r);
	return number_value(t);
}

static uint32_t value_of_bytes(struct verifier *v, const struct slot *slot)
{
	static const char letters[] = "?rm0di!";
	struct tracer *t = v->tracer;
	bool is_set = false;
	t->text.len = t->meaning.len = 0;
	for (int i = 7; i >= 0; i--) {
		buf_add_char(&t->text, letters[slot->bytes[i]]);
		is_set |= slot->bytes[i] != SLOT_INVALID;
	}
	if (!is_set)
		return 0;
	verify_tell_bytes(&t->meaning, slot);
	return number_value(t);
}

static uint32_t value_of_held(struct verifier *v, const struct state *s)
{
	struct tracer *t = v->tracer;
	t->text.len = t->meaning.len = 0;
	verify_tell_held(&t->text, s);
	if (!t->text.len)
		return 0;
	buf_add_text(&t->meaning, t->text.data);
	return number_value(t);
}

/* ---- differences ---- */

static void set_place(struct tracer *t, uint32_t place, uint32_t value, bool is_written)
{
	if (t->base.values[place] == value && !is_written)
		return;
	t->base.values[place] = value;
	struct trace_change change = {(uint16_t)place, value};
	vec_push(&t->trace->arena, &t->trace->changes, change);
}

/* Only what is known of the value, as frame `frame` sees it: not how it is tied to others, who relied on
 * it, who set it. */
static struct reg bare(struct verifier *v, const struct reg *r, uint32_t frame)
{
	struct reg copy = *r;
	if (copy.kind == REG_STACK && copy.frame == frame)
		copy.frame = v->current->depth; // told as its frame's own, whichever runs
	copy.precise = false;
	copy.id = copy.cause = 0;
	if (copy.kind == REG_SCALAR)
		copy.off = 0;
	return copy;
}

static void record_reg(struct verifier *v, uint32_t place, const struct reg *r, bool is_written)
{
	struct tracer *t = v->tracer;
	struct reg now = bare(v, r, place / TRACE_FRAME_PLACES);
	if (!is_written && t->is_seen[place] && !memcmp(&now, &t->seen[place], sizeof now))
		return;
	t->is_seen[place] = true;
	memcpy(&t->seen[place], &now, sizeof now);
	set_place(t, place, value_of_reg(v, &now), is_written && now.kind != REG_NONE);
}

static void record_frame(struct verifier *v, uint32_t number, const struct frame *f)
{
	struct tracer *t = v->tracer;
	uint32_t first = number * TRACE_FRAME_PLACES;
	uint32_t written = t->written_frame == number ? t->written : 0;
	for (uint32_t i = 0; i < BPF_REG_COUNT; i++)
		record_reg(v, first + i, &f->r[i], written >> i & 1);
	for (uint32_t i = 0; i < MAX_SLOTS; i++) {
		uint32_t place = first + TRACE_SLOT + i;
		if (i < f->slot_count && slot_is_spill(&f->slots[i])) {
			record_reg(v, place, &f->slots[i].reg, false);
			continue;
		}
		if (i >= f->slot_count && !t->base.values[place])
			continue;
		t->is_seen[place] = false;
		set_place(t, place, i < f->slot_count ? value_of_bytes(v, &f->slots[i]) : 0, false);
	}
}

/* The slot that a load or store through a register reaches. */
static uint16_t memory_of(struct verifier *v, const struct bpf_record *i)
{
	unsigned class = i->opcode & 7;
	bool is_memory = class == 2 || class == 3 || (class == 1 && i->opcode != 0x18);
	if (!is_memory || note_at(v)->op >= BPF_OP_COUNT)
		return TRACE_NO_PLACE;
	const struct reg *r = reg_at(v, class == 1 ? i->src : i->dst);
	if (r->kind != REG_STACK || !scalar_is_const(&r->v, 64))
		return TRACE_NO_PLACE;
	int64_t off = (int64_t)r->off + (int64_t)r->v.bits.value + i->off;
	if (off >= 0 || off < -MAX_STACK || r->frame >= MAX_FRAMES)
		return TRACE_NO_PLACE;
	return (uint16_t)(r->frame * TRACE_FRAME_PLACES + TRACE_SLOT + (uint32_t)((-off - 1) / 8));
}

void verify_trace_step(struct verifier *v, uint32_t previous)
{
	struct tracer *t = v->tracer;
	const struct state *s = v->current;
	const struct bpf_record *i = &v->insns[v->at];
	struct trace_step step = {.insn = v->at,
				  .previous = previous,
				  .first_change = t->trace->changes.len,
				  .other = TRACE_NONE,
				  .memory = memory_of(v, i),
				  .depth = (uint8_t)s->depth};
	for (uint32_t f = s->depth + 1; f < t->base.frames; f++) {
		uint32_t first = f * TRACE_FRAME_PLACES;
		memset(&t->base.values[first], 0, TRACE_FRAME_PLACES * sizeof(uint32_t));
		memset(&t->is_seen[first], 0, TRACE_FRAME_PLACES);
	}
	t->base.frames = s->depth + 1;
	for (uint32_t f = 0; f <= s->depth; f++)
		record_frame(v, f, s->frames[f]);
	set_place(t, TRACE_HELD, value_of_held(v, s), false);
	vec_push(&t->trace->arena, &t->trace->steps, step);
	t->written = note_at(v)->op < BPF_OP_COUNT ? insn_writes(i) : 0;
	t->written_frame = s->depth;
}

void verify_trace_path_end(struct verifier *v)
{
	if (!v->tracer || !v->tracer->trace->steps.len)
		return;
	struct trace_step *step = &vec_last(&v->tracer->trace->steps);
	if (step->end == TRACE_GOES_ON)
		step->end = TRACE_EXIT;
}

void verify_trace_pruned(struct verifier *v, const struct state *by)
{
	if (!v->tracer || !v->tracer->trace->steps.len)
		return;
	struct trace_step *step = &vec_last(&v->tracer->trace->steps);
	step->end = TRACE_PRUNED;
	step->other = by->step;
}
