/* SPDX-License-Identifier: Apache-2.0 */
/* Collection of diagnostics and the table made from diags.def. */
#include "frontend/base/diag.h"

#include <stdarg.h>
#include <string.h>

static const struct diag_info infos[DIAG_COUNT] = {
#define DIAG(id, name, severity, text, hint) [id] = {#id, name, severity, text, hint},
#include "frontend/base/diags.def"
#undef DIAG
};

void diags_init(struct diags *diags, struct arena *arena)
{
	memset(diags, 0, sizeof *diags);
	diags->arena = arena;
	for (int i = 0; i < DIAG_COUNT; i++)
		diags->severity[i] = infos[i].severity;
}

const struct diag_info *diag_info(enum diag_id id)
{
	return &infos[id];
}

enum diag_id diag_find(const char *name)
{
	for (int i = 0; i < DIAG_COUNT; i++)
		if (!strcmp(infos[i].name, name))
			return (enum diag_id)i;
	return DIAG_COUNT;
}

/* Bytes of a message argument that are shown: a name can be as long as a file. */
enum { ARGUMENT_MAX = 1000 };

/* Bytes of `text` to show, not ending inside a character. */
static int shown_length(const char *text)
{
	size_t len = strnlen(text, ARGUMENT_MAX + 1);

	if (len <= ARGUMENT_MAX)
		return (int)len;
	len = ARGUMENT_MAX;
	while (len > ARGUMENT_MAX - 4 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return (int)len;
}

/* Fills the %s of a table text with the string arguments. */
static const char *fill_text(struct arena *arena, const char *text, va_list args)
{
	const char *out = "";
	const char *mark;

	while ((mark = strstr(text, "%s"))) {
		const char *arg = va_arg(args, const char *);
		int shown = shown_length(arg);
		out = arena_printf(arena, "%s%.*s%.*s%s", out, (int)(mark - text), text, shown, arg,
				   arg[shown] ? "..." : "");
		text = mark + 2;
	}
	return *out ? arena_printf(arena, "%s%s", out, text) : text;
}

/* Two stages may stumble over the same spot; the reader wants one message. Looks back a few entries
 * only. */
static bool is_repeated(const struct diags *diags, enum diag_id id, span where, const char *text)
{
	for (uint32_t i = diags->list.len, n = 0; i-- > 0 && n < 8; n++) {
		const struct diag *d = diags->list.data[i];
		if (d->id == id && d->where.begin == where.begin && !strcmp(d->text, text))
			return true;
	}
	return false;
}

struct diag *diag_report(struct diags *diags, enum diag_id id, span where, ...)
{
	struct diag *d = ARENA_NEW(diags->arena, struct diag);
	va_list args;

	va_start(args, where);
	d->text = fill_text(diags->arena, infos[id].text, args);
	va_end(args);
	d->id = id;
	d->where = where;
	d->hint = infos[id].hint;
	d->severity = diags->severity[id];
	if (d->severity == DIAG_WARNING && diags->all_errors)
		d->severity = DIAG_ERROR;
	if (d->severity == DIAG_NOTE || is_repeated(diags, id, where, d->text))
		return d;
	uint32_t *count = d->severity == DIAG_ERROR ? &diags->errors : &diags->warnings;
	if (++*count <= DIAG_MAX_KEPT)
		vec_push(diags->arena, &diags->list, d);
	else if (d->severity == DIAG_ERROR)
		diags->too_many = true;
	return d;
}

void diag_note(struct diags *diags, struct diag *diag, span where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	struct diag_extra note = {where, arena_vprintf(diags->arena, format, args)};
	va_end(args);
	vec_push(diags->arena, &diag->notes, note);
}

void diag_hint(struct diags *diags, struct diag *diag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	diag->hint = arena_vprintf(diags->arena, format, args);
	va_end(args);
}

void diag_fix(struct diags *diags, struct diag *diag, span where, const char *text)
{
	struct diag_fix fix = {where, arena_copy_string(diags->arena, text, strlen(text))};

	vec_push(diags->arena, &diag->fixes, fix);
}
