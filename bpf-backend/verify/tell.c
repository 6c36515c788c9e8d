/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a refusal to a story: what is wrong in words that name the value as the source does, what is
 * known of it, how it came to be, and what to do. What each reason wants told is a row of tellings.def.
 */
#include "bpf-backend/verify/tell.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bpf-backend/verify/rules.h"

enum { FOLLOW = 1, NUMBERS = 2, BRANCH = 4, ROUNDS = 8, OPENER = 16, ORIGIN = 32, KNOWN = 64 };

static const struct telling {
	unsigned what;
	const char *opener; // part of the names of calls that open what is still open
} tellings[VERIFY_REASON_COUNT] = {
#define TELLING(reason, what, opener) [VERIFY_##reason] = {what, opener},
#include "bpf-backend/verify/tellings.def"
#undef TELLING
};

static bool is_call(const struct bpf_record *i)
{
	return i->opcode == 0x85;
}

static bool is_branch(const struct bpf_record *i)
{
	unsigned class = i->opcode & 7, op = i->opcode >> 4;
	return (class == 5 || class == 6) && op != JUMP_JA && op != JUMP_CALL && op != JUMP_EXIT;
}

static const struct bpf_record *record_at(const struct teller *t, uint32_t step)
{
	return &t->code->records[t->path->steps.data[step].insn];
}

/* ---- the value that the refusal is about ---- */

struct subject {
	unsigned frame, place; // PLACE_NONE: none
	const struct told *value;
	const char *name;        // in backquotes, NULL: none
	const struct told *size; // that is passed with it, NULL: none
	const char *size_name;
	unsigned argument; // 1 to 5 when it is passed to a call
};

/* Where a value that is only copied from then on was made. */
static uint32_t find_maker(const struct teller *t, unsigned frame, unsigned place)
{
	const struct verify_path *p = t->path;
	for (uint32_t step = p->steps.len - 1; step-- > 0;) {
		const struct path_step *s = &p->steps.data[step];
		const struct bpf_record *i = record_at(t, step);
		unsigned class = i->opcode & 7;
		if (s[1].frame != s->frame || s->frame != frame) {
			if (s[1].frame == frame && place <= 5 && i->src == 1 && is_call(i))
				frame = s->frame;
			continue;
		}
		if (place >= PLACE_SLOT) {
			bool is_there = (class == 2 || class == 3) && i->dst == BPF_R10 &&
					(unsigned)((-i->off - 1) / 8) == place - PLACE_SLOT;
			if (is_there && class == 2)
				return step;
			if (is_there)
				place = i->src;
			continue;
		}
		if (!(insn_writes(i) >> place & 1))
			continue;
		bool is_copy =
			(class == 4 || class == 7) && i->opcode >> 4 == ALU_MOV && i->opcode & 8;
		if (is_copy)
			place = i->src;
		else if (class == 1 && i->src == BPF_R10 && i->off < 0)
			place = PLACE_SLOT + (unsigned)((-i->off - 1) / 8);
		else
			return step;
	}
	return UINT32_MAX;
}

static const char *find_argument(struct teller *t, uint32_t step, unsigned number)
{
	char function[96];
	struct arena *a = &t->story->arena;
	verify_name_call(t->code, t->types, t->path->steps.data[step].insn, function);
	const char *text = names_find_argument(a, teller_line(t, step), function, number);
	return text && !isdigit((unsigned char)*text) ? arena_printf(a, "`%s`", text) : NULL;
}

/* What the path begins with: the context of a program, an argument of a global function. */
static const char *name_parameter(struct teller *t, unsigned place)
{
	uint32_t start = t->path->steps.data[0].insn;
	if (place < BPF_R1 || place > BPF_R5)
		return NULL;
	for (uint32_t f = 1; f < t->code->function_count; f++) {
		if (t->code->functions[f].start != start)
			continue;
		teller_note(t, 0,
			    "the global function `%s` is judged on its own, whatever its callers "
			    "pass",
			    t->code->functions[f].name);
		return arena_printf(&t->story->arena, "argument %u of `%s`", place,
				    t->code->functions[f].name);
	}
	return place == BPF_R1 ? "the context" : NULL;
}

static void find_subject(struct teller *t, struct subject *s)
{
	uint32_t last = t->path->steps.len - 1;
	const struct bpf_record *i = record_at(t, last);
	*s = (struct subject){.place = PLACE_NONE, .frame = t->path->steps.data[last].frame};
	if (t->result->reg < 0 || t->result->reg >= BPF_R10)
		return;
	s->place = (unsigned)t->result->reg;
	s->value = path_find_value(t->path, last, s->frame, s->place);
	s->argument = is_call(i) && s->place >= 1 && s->place <= 5 ? s->place : 0;
	uint32_t maker = find_maker(t, s->frame, s->place);
	if (s->argument)
		s->name = find_argument(t, last, s->argument);
	else if (maker != UINT32_MAX && record_at(t, maker)->opcode != 0x18)
		s->name = teller_name(t, maker, NULL);
	else if (maker == UINT32_MAX && !s->frame)
		s->name = name_parameter(t, s->place);
}

/* "r2" becomes "argument 2" of a call, else the name that the source has for it. */
static const char *name_registers(struct teller *t, const char *text, const struct subject *s)
{
	struct buf out;
	buf_init(&out);
	bool in_call = is_call(record_at(t, t->path->steps.len - 1));
	for (const char *c = text; *c; c++) {
		bool is_reg = *c == 'r' && isdigit((unsigned char)c[1]) &&
			      (c == text || !isalnum((unsigned char)c[-1])) &&
			      !isalnum((unsigned char)c[2]);
		unsigned reg = is_reg ? (unsigned)(c[1] - '0') : 0;
		if (is_reg && in_call && reg >= 1 && reg <= 5)
			buf_printf(&out, "argument %u", reg);
		else if (is_reg && reg == s->place && s->name)
			buf_add_text(&out, s->name);
		else if (is_reg)
			buf_printf(&out, "register r%u", reg);
		else
			buf_add_char(&out, *c);
		c += is_reg;
	}
	buf_add_char(&out, 0);
	const char *copy = arena_copy_string(&t->story->arena, out.data, strlen(out.data));
	buf_fini(&out);
	return copy;
}

/* "the pointer may be null here" with the name instead, when there is one. */
static const char *put_name(struct teller *t, const char *text, const struct subject *s)
{
	static const char generic[] = "the pointer ";
	text = name_registers(t, text, s);
	if (!s->name || s->argument)
		return text;
	if (!strncmp(text, generic, strlen(generic)))
		return arena_printf(&t->story->arena, "%s %s", s->name, text + strlen(generic));
	return text;
}

/* ---- what else led there ---- */

/* The last branches of the path, and where it goes on. */
static void tell_branches(struct teller *t, uint32_t from)
{
	enum { SHOWN = 2 };
	unsigned shown = 0;
	uint32_t last = t->path->steps.len - 1;
	for (uint32_t step = last; step-- > from && shown < SHOWN;) {
		const struct bpf_record *i = record_at(t, step);
		if (!is_branch(i) || step == from)
			continue;
		const struct program_line *here = teller_line(t, step), *next = NULL;
		for (uint32_t n = step + 1; n <= last; n++) {
			next = teller_line(t, n);
			if (next && here && next->line && next->line != here->line)
				break;
		}
		const struct program_line *begin = from ? teller_line(t, from) : NULL;
		if (!next || !here || next->line == here->line ||
		    (begin && begin->line == here->line))
			continue;
		teller_note(t, step, "from this test the path goes on at line %u", next->line);
		shown++;
	}
}

/* The loop that was followed most often. */
static void tell_rounds(struct teller *t)
{
	const struct verify_path *p = t->path;
	uint32_t best = 0, at = UINT32_MAX, count = t->code->count;
	uint32_t *jumps = ARENA_ARRAY(&t->story->arena, uint32_t, count + 1);
	for (uint32_t step = 0; step + 1 < p->steps.len; step++) {
		uint32_t insn = p->steps.data[step].insn;
		const struct bpf_record *i = &t->code->records[insn];
		bool is_back = (i->opcode & 7) >= 5 && (i->opcode & 7) <= 6 && !is_call(i) &&
			       p->steps.data[step + 1].insn <= insn &&
			       p->steps.data[step + 1].frame == p->steps.data[step].frame;
		if (is_back && ++jumps[insn] > best) {
			best = jumps[insn];
			at = step;
		}
	}
	if (at != UINT32_MAX)
		teller_note(t, at, "this path goes round here %u time%s%s", best,
			    best == 1 ? "" : "s",
			    best > 8 ? "; each round is followed on its own" : "");
}

static void tell_opener(struct teller *t, const char *opener)
{
	char name[96];
	for (uint32_t step = t->path->steps.len - 1; step-- > 0;) {
		if (!is_call(record_at(t, step)))
			continue;
		verify_name_call(t->code, t->types, t->path->steps.data[step].insn, name);
		if (!strstr(name, opener) || strstr(name, "unlock"))
			continue;
		teller_note(t, step, "`%s` is called here", name);
		if (record_at(t, t->path->steps.len - 1)->opcode == 0x95)
			tell_branches(t, step); // it is open at the end of this path
		return;
	}
}

static void tell_origin(struct teller *t)
{
	char name[96];
	for (uint32_t step = t->path->steps.len - 1; step-- > 0;) {
		if (t->path->steps.data[step].insn != t->result->origin)
			continue;
		verify_name_call(t->code, t->types, t->result->origin, name);
		teller_note(t, step, "`%s` acquires %s here", name, teller_name(t, step, "it"));
		tell_branches(t, step);
		return;
	}
}

/* Without the kind of the pointer in parentheses, when that is told at length. */
static const char *cut_kind(struct teller *t, const char *text)
{
	const char *open = strstr(text, " (");
	size_t len = strlen(text);
	if (!open || text[len - 1] != ')')
		return text;
	return arena_copy_string(&t->story->arena, text, (size_t)(open - text));
}

static const char *known_text(struct teller *t, const struct subject *s)
{
	if (!s->value || (s->value->kind == REG_NONE && !s->value->is_stack_data))
		return "";
	const char *words = teller_words(t, s->value);
	if (t->result->reason == VERIFY_RESULT && s->value->kind == REG_SCALAR &&
	    s->value->smin == s->value->smax)
		return ""; // it is told already
	if (s->size)
		words = arena_printf(&t->story->arena, "%s, and argument %u%s%s%s is %s", words,
				     s->argument + 1, s->size_name ? ", " : "",
				     s->size_name ? s->size_name : "", s->size_name ? "," : "",
				     teller_words(t, s->size));
	if (t->lacks_test)
		words = arena_printf(&t->story->arena,
				     "%s: no test on this path compares it with the packet's end",
				     words);
	if (s->argument && s->name)
		return arena_printf(&t->story->arena, "argument %u, %s, is %s", s->argument,
				    s->name, words);
	if (s->argument)
		return arena_printf(&t->story->arena, "argument %u is %s", s->argument, words);
	const char *name = s->name ? s->name
			   : t->result->reason == VERIFY_RESULT || s->value->kind == REG_SCALAR
				   ? "it"
				   : "this";
	return arena_printf(&t->story->arena, "%s is %s", name, words);
}

/* The size that is passed beside a pointer decides how far the access reaches. */
static void tell_size(struct teller *t, struct subject *s)
{
	const struct told *size;
	bool is_memory = t->result->reason == VERIFY_STACK_BOUNDS ||
			 t->result->reason == VERIFY_MAP_BOUNDS ||
			 t->result->reason == VERIFY_MEM_BOUNDS ||
			 t->result->reason == VERIFY_PACKET_BOUNDS;
	if (!is_memory || !s->argument || s->argument == BPF_R5)
		return;
	size = path_find_value(t->path, t->path->steps.len - 1, s->frame, s->place + 1);
	if (!size || size->kind != REG_SCALAR)
		return;
	s->size = size;
	s->size_name = find_argument(t, t->path->steps.len - 1, s->argument + 1);
	teller_follow(t, s->frame, s->place + 1);
}

/* Where the packet is shorter than it must be. */
static void tell_packet_tests(struct teller *t)
{
	if (t->result->reason != VERIFY_PACKET_BOUNDS || t->has_test || t->is_invalidated)
		return;
	for (uint32_t step = t->path->steps.len - 1; step-- > 0;) {
		const struct bpf_record *i = record_at(t, step);
		unsigned frame = t->path->steps.data[step].frame;
		const struct told *a = path_find_value(t->path, step, frame, i->dst),
				  *b = path_find_value(t->path, step, frame, i->src);
		if (!is_branch(i) || !(i->opcode & 8) || !a || !b ||
		    (a->kind != REG_PACKET_END && b->kind != REG_PACKET_END))
			continue;
		teller_note(t, step, "this test leads on to here when the packet is too short");
		return;
	}
	t->lacks_test = true;
}

static const char *fill_hint(struct teller *t, const char *hint, const struct subject *s)
{
	const char *hole = strstr(hint, "{}");
	if (!hole)
		return hint;
	return arena_printf(&t->story->arena, "%.*s%s%s", (int)(hole - hint), hint,
			    s->name ? s->name : "it", hole + 2);
}

static const char *choose_hint(struct teller *t, const struct subject *s)
{
	if (t->is_invalidated && t->result->reason == VERIFY_NOT_POINTER)
		return "Take the pointer anew after the call, and test it anew.";
	return fill_hint(t, verify_reason_hint(t->result->reason), s);
}

void verify_tell_path(const struct program_code *code, const struct btf *types,
		      const struct verify_result *result, const struct verify_path *path,
		      struct verify_story *story)
{
	struct teller *t;
	struct subject s = {.place = PLACE_NONE};
	memset(story, 0, sizeof *story);
	arena_init(&story->arena);
	t = ARENA_NEW(&story->arena, struct teller);
	*t = (struct teller){
		.code = code, .types = types, .result = result, .path = path, .story = story};
	story->text = arena_copy_string(&story->arena, result->text, strlen(result->text));
	story->known = story->said = "";
	story->hint = fill_hint(t, verify_reason_hint(result->reason), &s);
	if (!path->steps.len ||
	    (vec_last(&path->steps).insn != result->insn && result->reason != VERIFY_COMPLEX))
		return; // refused for its form, before any path
	const struct telling *how = &tellings[result->reason];
	t->follows_numbers = how->what & NUMBERS;
	find_subject(t, &s);
	if (how->what & FOLLOW && s.place != PLACE_NONE)
		teller_follow(t, s.frame, s.place);
	tell_size(t, &s);
	tell_packet_tests(t);
	if (how->what & BRANCH)
		tell_branches(t, 0);
	if (how->what & ROUNDS)
		tell_rounds(t);
	if (how->what & OPENER)
		tell_opener(t, how->opener);
	if (how->what & ORIGIN)
		tell_origin(t);
	teller_finish(t);
	story->text = put_name(t, story->text, &s);
	if (how->what & KNOWN && !t->is_invalidated)
		story->known = known_text(t, &s);
	if (t->is_invalidated && result->reason == VERIFY_NOT_POINTER)
		story->text = arena_printf(&story->arena, "%s is no longer a valid pointer here",
					   s.name ? s.name : "this");
	if (*story->known)
		story->text = cut_kind(t, story->text);
	story->hint = choose_hint(t, &s);
}

void verify_tell(const struct program_object *object, const struct program_code *code,
		 const struct verify_options *options, const struct verify_result *result,
		 struct verify_story *story)
{
	struct verify_path path;
	verify_find_path(object, code, options, result, &path);
	verify_tell_path(code, options->types, result, &path, story);
	path_fini(&path);
}

void verify_story_free(struct verify_story *story)
{
	arena_fini(&story->arena);
}
