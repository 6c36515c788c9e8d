/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of the real verifier, read back into a path: which instructions it followed, what it knew of
 * registers and stack, and why it stopped. The forms of Linux 5.10 to 6.18, as libbpf hands them over.
 *
 *	from 3 to 7: R0=1 R1=ctx() R10=fp0           what holds before instruction 7
 *	7: (71) r0 = *(u8 *)(r2 +1)  ; R0=scalar()   the instruction, and what it changed
 *	invalid access to packet, off=15 size=1      why it is refused
 *
 * The log is anybody's text; what is not understood is passed over.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/story.h"
#include "ks/refusal.h"

struct log_reader {
	const struct program_code *code;
	struct verify_path *path;
	uint32_t frame;
	uint32_t matches;    // instructions that are the program's
	const char *message; // lines since the last instruction
	size_t message_len;
};

struct text {
	const char *at, *end;
};

static bool starts(struct text t, const char *word)
{
	size_t len = strlen(word);
	return (size_t)(t.end - t.at) >= len && !memcmp(t.at, word, len);
}

static bool skip(struct text *t, const char *word)
{
	if (!starts(*t, word))
		return false;
	t->at += strlen(word);
	return true;
}

static bool read_number(struct text *t, uint32_t *out)
{
	const char *begin = t->at;
	for (*out = 0; t->at < t->end && isdigit((unsigned char)*t->at); t->at++)
		*out = *out * 10 + (uint32_t)(*t->at - '0');
	return t->at > begin && t->at - begin < 9;
}

/* ---- values ---- */

static const struct {
	const char *name;
	uint16_t flag;
} prefixes[] = {
	{"rdonly_", REG_RDONLY}, {"ringbuf_", REG_RINGBUF},     {"user_", REG_USER},
	{"percpu_", REG_PERCPU}, {"untrusted_", REG_UNTRUSTED}, {"trusted_", REG_TRUSTED},
	{"rcu_", REG_RCU},       {"alloc_", REG_ALLOC},         {"non_own_ref_", REG_NON_OWNING},
};

static const struct {
	const char *name;
	uint8_t kind;
} kinds[] = {
#define KIND(id, text, words) {text, REG_##id},
#include "bpf-backend/verify/kinds.def"
#undef KIND
	{"inv", REG_SCALAR},
	{"unknown", REG_SCALAR},
	{"alloc_mem", REG_MEM},
	{"ringbuf_mem", REG_MEM},
};

/* "rcu_ptr_or_null_task_struct" */
static void read_kind(struct log_reader *l, struct text t, struct told *v)
{
	static const char or_null[] = "_or_null";
	size_t best = 0, nullable = strlen(or_null);
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		if (skip(&t, prefixes[i].name)) {
			v->flags |= prefixes[i].flag;
			i = (size_t)-1;
		}
	}
	if (starts(t, "ptr_or_null_")) {
		v->flags |= REG_NULLABLE;
		v->kind = REG_OBJECT;
		t.at += strlen("ptr_or_null_");
		v->name = arena_copy_string(&l->path->arena, t.at, (size_t)(t.end - t.at));
		return;
	}
	size_t len = (size_t)(t.end - t.at);
	if (len > nullable && !memcmp(t.end - nullable, or_null, nullable)) {
		v->flags |= REG_NULLABLE;
		t.end -= nullable;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t name = strlen(kinds[i].name);
		if (name < best || !starts(t, kinds[i].name))
			continue;
		if (kinds[i].kind != REG_OBJECT && name != (size_t)(t.end - t.at))
			continue;
		best = name;
		v->kind = kinds[i].kind;
	}
	if (v->kind == REG_OBJECT && best && t.end - t.at > 4)
		v->name = arena_copy_string(&l->path->arena, t.at + best,
					    (size_t)(t.end - t.at) - best);
}

struct limits {
	bool smin, smax, umin, umax;
};

static void set_member(struct log_reader *l, struct told *v, struct limits *has, struct text name,
		       struct text value)
{
	char word[32], number[32];
	snprintf(word, sizeof word, "%.*s", (int)(name.end - name.at), name.at);
	snprintf(number, sizeof number, "%.*s", (int)(value.end - value.at), value.at);
	int64_t n = *number == '-' ? strtoll(number, NULL, 0) : (int64_t)strtoull(number, NULL, 0);
	if (!strcmp(word, "smin") || !strcmp(word, "smin_value"))
		v->smin = n, has->smin = true;
	else if (!strcmp(word, "smax") || !strcmp(word, "smax_value"))
		v->smax = n, has->smax = true;
	else if (!strcmp(word, "umin") || !strcmp(word, "umin_value"))
		v->umin = (uint64_t)n, has->umin = true;
	else if (!strcmp(word, "umax") || !strcmp(word, "umax_value"))
		v->umax = (uint64_t)n, has->umax = true;
	else if (!strcmp(word, "imm")) {
		v->smin = v->smax = n;
		v->umin = v->umax = (uint64_t)n;
		*has = (struct limits){true, true, true, true};
	} else if (!strcmp(word, "off"))
		v->off = (int32_t)n;
	else if (!strcmp(word, "r"))
		v->range = (int32_t)n;
	else if (!strcmp(word, "id"))
		v->id = (uint32_t)n;
	else if (!strcmp(word, "ref_obj_id"))
		v->ref = (uint32_t)n;
	else if (!strcmp(word, "map"))
		v->name = arena_copy_string(&l->path->arena, value.at,
					    (size_t)(value.end - value.at));
	else if ((!strcmp(word, "vs") && v->kind != REG_MAP_KEY) || !strcmp(word, "sz") ||
		 !strcmp(word, "mem_size") || (!strcmp(word, "ks") && v->kind == REG_MAP_KEY))
		v->size = (uint32_t)n;
}

/* What is left out follows from the rest. */
static void complete(struct told *v, const struct limits *has, bool has_bits)
{
	bool is_open = v->kind == REG_SCALAR || has_bits || has->smin || has->smax || has->umin ||
		       has->umax;
	if (!is_open)
		return; // a pointer without a variable part
	if (!has->umax)
		v->umax = has->smin && has->smax && v->smin >= 0 ? (uint64_t)v->smax : UINT64_MAX;
	if (!has->umin && has->smin && v->smin >= 0)
		v->umin = (uint64_t)v->smin;
	if (!has->smin)
		v->smin = v->umax <= INT64_MAX ? (int64_t)v->umin : INT64_MIN;
	if (!has->smax)
		v->smax = v->umax <= INT64_MAX ? (int64_t)v->umax : INT64_MAX;
}

/* "(id=1,smin=smin32=0,var_off=(0x0; 0xff))" */
static void read_members(struct log_reader *l, struct text t, struct told *v)
{
	struct limits has = {false};
	bool has_bits = false;
	while (t.at < t.end) {
		struct text names[8], value = t;
		unsigned count = 0;
		int depth = 0;
		for (value.end = t.at; value.end < t.end; value.end++) {
			depth += *value.end == '(';
			depth -= *value.end == ')';
			if (*value.end == ',' && !depth)
				break;
		}
		t.at = value.end < t.end ? value.end + 1 : t.end;
		for (const char *c = value.at; c < value.end && *c != '('; c++) {
			if (*c != '=' || count == 8)
				continue;
			names[count++] = (struct text){value.at, c};
			value.at = c + 1;
		}
		for (unsigned i = 0; i < count; i++) {
			has_bits |= names[i].end - names[i].at == 7 &&
				    !memcmp(names[i].at, "var_off", 7);
			set_member(l, v, &has, names[i], value);
		}
	}
	complete(v, &has, has_bits);
}

static void set_constant(struct told *v, int64_t n)
{
	v->kind = REG_SCALAR;
	v->smin = v->smax = n;
	v->umin = v->umax = (uint64_t)n;
}

/* "P5", "fp-8", "pkt(off=14,r=14)", "inv(id=0)" */
static void read_value(struct log_reader *l, struct text t, struct told *v)
{
	memset(v, 0, sizeof *v);
	if (starts(t, "P") && t.end - t.at > 1)
		t.at++;
	if (starts(t, "inv") && t.end - t.at > 3 &&
	    (t.at[3] == 'P' || t.at[3] == '-' || isdigit((unsigned char)t.at[3])))
		t.at += 3 + (t.at[3] == 'P');
	if (t.at < t.end && (*t.at == '-' || isdigit((unsigned char)*t.at))) {
		char number[32];
		snprintf(number, sizeof number, "%.*s", (int)(t.end - t.at), t.at);
		set_constant(v, *number == '-' ? strtoll(number, NULL, 0)
					       : (int64_t)strtoull(number, NULL, 0));
		return;
	}
	struct text kind = t, members = {t.end, t.end};
	const char *open = memchr(t.at, '(', (size_t)(t.end - t.at));
	if (open) {
		kind.end = open;
		members = (struct text){open + 1, t.end - (t.end[-1] == ')')};
	}
	if (starts(kind, "fp")) { // "fp-16", "fp[1]-16"
		v->kind = REG_STACK;
		kind.at += 2;
		v->range = (int32_t)l->frame;
		if (skip(&kind, "[")) {
			uint32_t frame = 0;
			read_number(&kind, &frame);
			v->range = (int32_t)frame;
			skip(&kind, "]");
		}
		v->off = kind.at < kind.end ? (int32_t)strtol(kind.at, NULL, 10) : 0;
	} else {
		read_kind(l, kind, v);
	}
	read_members(l, members, v);
}

/* "R1_w=ctx()" or "fp-8=mmmm????"; false: neither. */
static bool read_place(struct log_reader *l, struct text t)
{
	const char *equal = memchr(t.at, '=', (size_t)(t.end - t.at));
	struct told value;
	uint32_t number;
	bool is_slot = skip(&t, "fp-");
	if (!equal || (!is_slot && !skip(&t, "R")) || !read_number(&t, &number) || t.at > equal)
		return false;
	struct text text = {equal + 1, t.end};
	if (is_slot) {
		if (number < 8 || number > MAX_STACK || number % 8)
			return false;
		bool is_bytes = text.end - text.at == 8;
		for (const char *c = text.at; is_bytes && c < text.end; c++)
			is_bytes = strchr("?rm0di!", *c);
		if (is_bytes) {
			memset(&value, 0, sizeof value);
			value.is_stack_data = true;
		} else {
			read_value(l, text, &value);
		}
		path_add_change(l->path, l->frame, PLACE_SLOT + number / 8 - 1, &value);
		return true;
	}
	if (number >= BPF_REG_COUNT || text.at == text.end)
		return number < BPF_REG_COUNT;
	read_value(l, text, &value);
	path_add_change(l->path, l->frame, number, &value);
	return true;
}

/* A list of places with spaces between them; false when the text is none. */
static bool read_state(struct log_reader *l, struct text t)
{
	bool is_state = false;
	while (t.at < t.end) {
		struct text word = {t.at, t.at};
		int depth = 0;
		if (*t.at == ' ') {
			t.at++;
			continue;
		}
		for (; word.end < t.end && (*word.end != ' ' || depth); word.end++) {
			depth += *word.end == '(';
			depth -= *word.end == ')';
		}
		t.at = word.end;
		if (starts(word, "frame")) {
			uint32_t frame;
			word.at += 5;
			if (read_number(&word, &frame) && frame < MAX_FRAMES)
				l->frame = frame;
			is_state = true;
			continue;
		}
		if (read_place(l, word))
			is_state = true;
		else if (!is_state)
			return false;
	}
	return is_state;
}

/* ---- lines ---- */

/* The path goes on behind its last step at that instruction. */
static void cut_path(struct log_reader *l, uint32_t insn)
{
	struct verify_path *p = l->path;
	while (p->steps.len && vec_last(&p->steps).insn != insn)
		p->steps.len--;
	p->changes.len = p->steps.len ? vec_last(&p->steps).changes : 0;
	l->frame = 0;
}

static void add_step(struct log_reader *l, uint32_t insn)
{
	const struct path_step *last = l->path->steps.len ? &vec_last(&l->path->steps) : NULL;
	const struct bpf_record *i = last ? &l->code->records[last->insn] : NULL;
	if (i && i->opcode == 0x85 && i->src == 1 && insn == last->insn + 1 + (uint32_t)i->imm &&
	    l->frame == last->frame && l->frame + 1 < MAX_FRAMES)
		l->frame++;
	else if (i && i->opcode == 0x95 && l->frame == last->frame && l->frame)
		l->frame--;
	path_add_step(l->path, insn, l->frame);
}

static unsigned hex_digit(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0') : ((unsigned)c | 32u) - 'a' + 10;
}

/* "12: (85) call bpf_map_lookup_elem#1 ; R0=…" */
static bool read_instruction(struct log_reader *l, struct text t)
{
	uint32_t insn;
	if (!read_number(&t, &insn) || !skip(&t, ": (") || t.end - t.at < 3 || t.at[2] != ')')
		return false;
	unsigned opcode = hex_digit(t.at[0]) << 4 | hex_digit(t.at[1]);
	if (insn >= l->code->count)
		return true;
	l->matches += l->code->records[insn].opcode == opcode;
	add_step(l, insn);
	l->message = NULL;
	for (const char *c = t.at; c + 1 < t.end; c++) {
		if (*c == ';' && c[1] == ' ') {
			read_state(l, (struct text){c + 1, t.end});
			break;
		}
	}
	return true;
}

static bool read_line(struct log_reader *l, struct text t)
{
	struct text rest = t;
	uint32_t from, to;
	if (t.at == t.end || ks_is_statistics(t.at, (size_t)(t.end - t.at)) || starts(t, ";") ||
	    starts(t, "last_idx ") || starts(t, "regs=") || starts(t, "parent ") ||
	    starts(t, "func#") || starts(t, "old state:") || starts(t, "cur state:") ||
	    starts(t, "func '") || starts(t, "propagating ") || starts(t, "libbpf: "))
		return true;
	if (read_instruction(l, t))
		return true;
	if (skip(&rest, "from ") && read_number(&rest, &from) && skip(&rest, " to ") &&
	    read_number(&rest, &to)) {
		cut_path(l, from);
		const char *colon = memchr(rest.at, ':', (size_t)(rest.end - rest.at));
		if (colon)
			read_state(l, (struct text){colon + 1, rest.end});
		l->message = NULL;
		return true;
	}
	rest = t;
	if (starts(t, "caller:") || starts(t, "callee:") || starts(t, "returning from callee:") ||
	    starts(t, "to caller at "))
		return true;
	if (*t.at == ' ')
		return read_state(l, t);
	if (read_number(&rest, &to) && skip(&rest, ":"))
		return read_state(l, rest) || rest.at == rest.end || starts(rest, " safe");
	return false;
}

/* The words after the last instruction; of several lines the text from the first on. */
static void read_lines(struct log_reader *l, const char *log, size_t len)
{
	const char *end = log + len;
	for (const char *at = log; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		struct text t = {at, stop};
		while (t.end > t.at && strchr(" \r\t", t.end[-1]))
			t.end--;
		if (!read_line(l, t)) {
			if (!l->message)
				l->message = t.at;
			l->message_len = (size_t)(t.end - l->message);
		}
		at = stop + 1;
	}
}

/* ---- what it means ---- */

static const struct {
	const char *pattern;
	enum verify_reason reason;
} messages[] = {
#define MESSAGE(pattern, reason, also) {pattern, VERIFY_##reason},
#include "ks/messages.def"
#undef MESSAGE
};

static enum verify_reason classify(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		if (ks_message_matches(text, len, messages[i].pattern))
			return messages[i].reason;
	return VERIFY_OK;
}

/* "R2 offset is outside": the register that the message is about, -1 when it names none. */
static int find_register(struct text t)
{
	for (const char *c = t.at; c + 1 < t.end; c++) {
		bool is_word = c == t.at || !isalnum((unsigned char)c[-1]);
		if (*c == 'R' && is_word && isdigit((unsigned char)c[1]) &&
		    (c + 2 == t.end || !isalnum((unsigned char)c[2])))
			return c[1] - '0';
	}
	return -1;
}

/* Number behind a word of the message; UINT32_MAX: it has none. */
static uint32_t find_number(struct text t, const char *word)
{
	uint32_t n;
	for (; t.at < t.end; t.at++) {
		struct text at = t;
		if (skip(&at, word) && read_number(&at, &n))
			return n;
	}
	return UINT32_MAX;
}

static void fill_result(const struct log_reader *l, struct verify_result *r)
{
	struct text message = {l->message, l->message + l->message_len};
	r->reason = classify(l->message, l->message_len);
	r->reg = find_register(message);
	r->origin = find_number(message, "alloc_insn=");
	r->insn = l->path->steps.len ? vec_last(&l->path->steps).insn : UINT32_MAX;
	uint32_t named = find_number(message, "unreachable insn ");
	if (named != UINT32_MAX)
		r->insn = named;
	snprintf(r->text, sizeof r->text, "%s",
		 r->reason ? verify_reason_words(r->reason) : "for a reason of its own");
}

/* The message on one line. */
static const char *copy_message(struct arena *arena, const struct log_reader *l)
{
	char *text = arena_copy_string(arena, l->message, l->message_len);
	for (char *c = text; *c; c++)
		*c = *c == '\n' ? ';' : *c == '`' ? '\'' : *c;
	return text;
}

static void read_log(const struct program_code *code, const char *log, size_t len,
		     struct log_reader *l, struct verify_path *path)
{
	path_init(path);
	*l = (struct log_reader){.code = code, .path = path};
	read_lines(l, log, len);
	path_finish(path);
}

uint32_t verify_match_log(const struct program_code *code, const char *log, size_t len)
{
	struct verify_path path;
	struct log_reader l;
	read_log(code, log, len, &l, &path);
	path_fini(&path);
	return l.matches;
}

bool verify_tell_log(const struct program_code *code, const struct btf *types, const char *log,
		     size_t len, struct verify_result *result, struct verify_story *story)
{
	struct verify_path path;
	struct log_reader l;
	memset(result, 0, sizeof *result);
	buf_init(&result->log);
	result->reg = -1;
	result->insn = result->origin = result->cause = UINT32_MAX;
	read_log(code, log, len, &l, &path);
	bool has_message = l.message != NULL;
	if (has_message) {
		fill_result(&l, result);
		verify_tell_path(code, types, result, &path, story);
		story->said = copy_message(&story->arena, &l);
	}
	path_fini(&path);
	return has_message;
}
