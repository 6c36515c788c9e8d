/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refusal by the kernel's verifier, told from its log: what it says, at which line of the source, of
 * which class that is and what is usually done then, and the lines that it followed last. The compiler,
 * which has the object at hand, tells more of the same log: `ks verify --explain-log`.
 */
#include "loader/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ks/refusal.h"

enum { SHOWN_LINES = 4 };

struct line {
	const char *text;
	size_t len;
};

static bool starts_with(struct line l, const char *prefix)
{
	return l.len >= strlen(prefix) && memcmp(l.text, prefix, strlen(prefix)) == 0;
}

/* The reason is the last line that is no statistics; the source line is the last comment before
 * it. */
static struct line find_reason(const char *log, struct line *source)
{
	struct line reason = {0}, comment = {0};
	for (const char *at = log; *at;) {
		size_t len = strcspn(at, "\n");
		struct line l = {at, len};
		at += len + (at[len] == '\n');
		if (starts_with(l, "; ")) {
			comment = l;
		} else if (len && !ks_is_statistics(l.text, l.len)) {
			reason = l;
			*source = comment;
		}
	}
	return reason;
}

/* "; text @ file.ks:12" (since Linux 6.8; before, the text alone) as " at file.ks:12: text". */
static void describe_source(const struct program *p, struct line source, char *out, size_t size)
{
	out[0] = '\0';
	if (source.len <= 2)
		return;
	const char *text = source.text + 2, *end = source.text + source.len;
	const char *place = NULL;
	for (const char *c = text; c + 3 < end; c++)
		if (memcmp(c, " @ ", 3) == 0)
			place = c;
	if (place)
		snprintf(out, size, ", at %.*s: %.*s", (int)(end - place - 3), place + 3,
			 (int)(place - text), text);
	else
		snprintf(out, size, ", in %s at: %.*s",
			 meta_text(&p->meta, p->meta.header->source_name), (int)(end - text), text);
}

/* "failed to resolve CO-RE relocation <byte_off> [3] struct task_struct.gone (0:1 @ offset 8)", as libbpf says: the
 * part from "struct" to before the parenthesis. */
static struct line find_lacking(struct line reason)
{
	static const char prefix[] = "failed to resolve CO-RE relocation ";
	struct line none = {0};
	if (!starts_with(reason, prefix))
		return none;
	const char *end = reason.text + reason.len, *begin = memchr(reason.text, ']', reason.len);
	if (!begin || end - begin < 3)
		return none;
	begin += 2;
	const char *stop = memchr(begin, '(', (size_t)(end - begin));
	stop = stop && stop > begin ? stop - 1 : end;
	return (struct line){begin, (size_t)(stop - begin)};
}

/* ---- class and remedy ---- */

struct reason {
	const char *name, *words, *hint;
};

enum reason_number {
#define REASON(id, name, words, hint) REASON_##id,
#include "ks/reasons.def"
#undef REASON
	REASON_COUNT
};

static const struct reason reasons[REASON_COUNT] = {
#define REASON(id, name, words, hint) [REASON_##id] = {name, words, hint},
#include "ks/reasons.def"
#undef REASON
};

static const struct {
	const char *pattern;
	enum reason_number reason;
} messages[] = {
#define MESSAGE(pattern, reason, also) {pattern, REASON_##reason},
#include "ks/messages.def"
#undef MESSAGE
};

static const struct reason *classify(struct line message)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		if (ks_message_matches(message.text, message.len, messages[i].pattern))
			return &reasons[messages[i].reason];
	return NULL;
}

/* The hint with "the value" in its hole. */
static void report_hint(const struct program *p, const char *hint)
{
	const char *hole = strstr(hint, "{}");
	if (!*hint)
		return;
	if (hole)
		report(p, "  hint: %.*sthe value%s", (int)(hole - hint), hint, hole + 2);
	else
		report(p, "  hint: %s", hint);
}

/* The last lines of the source that the log goes through, each once, without the refused one. */
static void report_path(const struct program *p, const char *log, struct line refused)
{
	struct line kept[SHOWN_LINES];
	int count = 0;
	for (const char *at = log; *at;) {
		size_t len = strcspn(at, "\n");
		struct line l = {at, len};
		at += len + (at[len] == '\n');
		if (!starts_with(l, "; ") || l.text == refused.text)
			continue;
		if (count && l.len == kept[count - 1].len &&
		    !memcmp(l.text, kept[count - 1].text, l.len))
			continue;
		if (count == SHOWN_LINES) {
			memmove(kept, kept + 1, sizeof *kept * (SHOWN_LINES - 1));
			count--;
		}
		kept[count++] = l;
	}
	for (int i = 0; i < count; i++) {
		char place[400];
		describe_source(p, kept[i], place, sizeof place);
		if (*place)
			report(p, "  %s%s", i ? "then" : "it got there by way of", place);
	}
}

/* Where KS_VERIFIER_LOG says. */
static void keep_log(const struct program *p, const char *log)
{
	const char *path = getenv("KS_VERIFIER_LOG");
	FILE *file = path ? fopen(path, "w") : NULL;
	if (!path)
		return;
	if (!file || fputs(log, file) < 0)
		report(p, "the log of the verifier cannot be written to %s", path);
	if (file && !fclose(file))
		report(p, "  the whole log is in %s; `ks verify --explain-log %s` tells more of it",
		       path, path);
}

void log_explain_load(const struct program *p, const char *name, const char *log, int error)
{
	struct line source = {0};
	struct line reason = find_reason(log, &source);
	char what[96];
	if (!reason.len) {
		snprintf(what, sizeof what, "loading program `%.60s`", name);
		log_explain_refusal(p, what, true, error);
		return;
	}
	char place[400];
	describe_source(p, source, place, sizeof place);
	struct line lacking = find_lacking(reason);
	if (lacking.len) {
		report(p, "program `%s` reads what this kernel does not have: %.*s%s", name,
		       (int)lacking.len, lacking.text, place);
		return;
	}
	report(p, "the kernel refused program `%s`: %.*s%s", name, (int)reason.len, reason.text,
	       place);
	const struct reason *class = classify(reason);
	if (!class)
		return;
	report(p, "  that is to say: %s [%s]", class->words, class->name);
	report_path(p, log, source);
	report_hint(p, class->hint);
	keep_log(p, log);
}
