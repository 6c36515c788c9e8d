/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of a built program: the fields of main's argument are its options. `--name value`
 * and `--name=value`, with `-` and `_` equal; flags take no value unless written with `=`.
 */
#include "loader/program.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word { // part of an argument
	const char *text;
	size_t len;
};

static bool names_option(const char *name, struct word given)
{
	size_t i = 0;
	for (; i < given.len && name[i]; i++) {
		char a = name[i] == '_' ? '-' : name[i];
		char b = given.text[i] == '_' ? '-' : given.text[i];
		if (a != b)
			return false;
	}
	return i == given.len && name[i] == '\0';
}

static const struct ks_meta_option *find_option(const struct meta *m, struct word given)
{
	for (uint32_t i = 0; i < m->header->option_count; i++)
		if (names_option(meta_text(m, m->options[i].name), given))
			return &m->options[i];
	return NULL;
}

/* ---- help ---- */

enum { OPTION_NAME_MAX = 64 };

/* The field name with `-` for `_`, as options are usually written; gives `out`. */
static const char *spell_name(const struct meta *m, const struct ks_meta_option *o, char *out)
{
	snprintf(out, OPTION_NAME_MAX, "%s", meta_text(m, o->name));
	for (char *c = out; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return out;
}

static void describe_type(const struct ks_meta_option *o, char *out, size_t size)
{
	switch ((enum ks_option_kind)o->kind) {
	case KS_OPTION_BOOL:
		snprintf(out, size, "flag");
		break;
	case KS_OPTION_UNSIGNED:
		snprintf(out, size, "u%u", o->size * 8);
		break;
	case KS_OPTION_SIGNED:
		snprintf(out, size, "i%u", o->size * 8);
		break;
	case KS_OPTION_STR:
		snprintf(out, size, "text of at most %u bytes", o->size - 1);
		break;
	}
}

static const char *describe_default(const struct ks_meta_option *o)
{
	switch ((enum ks_option_kind)o->kind) {
	case KS_OPTION_BOOL:
		return "off";
	case KS_OPTION_STR:
		return "empty";
	case KS_OPTION_UNSIGNED:
	case KS_OPTION_SIGNED:
		break;
	}
	return "0";
}

static void show_help(const struct program *p)
{
	const struct meta *m = &p->meta;
	printf("Usage: %s%s\n", p->options->name, m->header->option_count ? " [options]" : "");
	for (uint32_t i = 0; i < m->header->option_count; i++) {
		const struct ks_meta_option *o = &m->options[i];
		char type[48], name[OPTION_NAME_MAX];
		describe_type(o, type, sizeof type);
		printf("  --%-20s %s (default: %s)\n", spell_name(m, o, name), type,
		       describe_default(o));
	}
	printf("  --%-20s show this and exit\n", "help");
	fflush(stdout);
}

/* ---- values ---- */

static bool is_word(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

static bool parse_bool(const char *text, bool *value)
{
	*value = is_word(text, "true") || is_word(text, "1") || is_word(text, "yes") ||
		 is_word(text, "on");
	return *value || is_word(text, "false") || is_word(text, "0") || is_word(text, "no") ||
	       is_word(text, "off");
}

/* Decimal or 0x; nothing else, no spaces. */
static bool parse_magnitude(const char *text, uint64_t *value)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	text += base == 16 ? 2 : 0;
	char *end;
	if (!(base == 16 ? isxdigit((unsigned char)*text) : isdigit((unsigned char)*text)))
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return errno == 0 && *end == '\0';
}

static bool parse_integer(const char *text, const struct ks_meta_option *o, uint64_t *value)
{
	bool is_signed = o->kind == KS_OPTION_SIGNED, is_negative = text[0] == '-';
	if (!parse_magnitude(text + is_negative, value))
		return false;
	uint64_t max = UINT64_MAX >> (64 - o->size * 8);
	if (is_signed)
		max = (max >> 1) + is_negative;
	else if (is_negative && *value)
		return false;
	if (*value > max)
		return false;
	if (is_negative)
		*value = 0 - *value;
	return true;
}

static int refuse_value(const struct program *p, const struct ks_meta_option *o, const char *text)
{
	char type[48];
	describe_type(o, type, sizeof type);
	const char *article = o->kind == KS_OPTION_SIGNED ? "an " : "a ";
	if (o->kind == KS_OPTION_BOOL) {
		article = "";
		snprintf(type, sizeof type, "true or false");
	}
	char name[OPTION_NAME_MAX];
	report(p, "`%s` is no value for --%s: it takes %s%s", text, spell_name(&p->meta, o, name),
	       article, type);
	return -EINVAL;
}

static int set_option(const struct program *p, const struct ks_meta_option *o, const char *text,
		      char *options)
{
	uint64_t value = 0;
	bool flag = false;
	char name[OPTION_NAME_MAX];
	switch ((enum ks_option_kind)o->kind) {
	case KS_OPTION_STR:
		if (strlen(text) >= o->size) {
			report(p, "the value of --%s is too long: %zu bytes, at most %u",
			       spell_name(&p->meta, o, name), strlen(text), o->size - 1);
			return -EINVAL;
		}
		memset(options + o->offset, 0, o->size);
		memcpy(options + o->offset, text, strlen(text));
		return 0;
	case KS_OPTION_BOOL:
		if (!parse_bool(text, &flag))
			return refuse_value(p, o, text);
		options[o->offset] = (char)flag;
		return 0;
	case KS_OPTION_UNSIGNED:
	case KS_OPTION_SIGNED:
		break;
	}
	if (o->size == 0 || o->size > sizeof value || !parse_integer(text, o, &value))
		return refuse_value(p, o, text);
	memcpy(options + o->offset, &value, o->size); // the low bytes come first on both machines
	return 0;
}

/* One option; *next is the argument behind it, advanced when used as its value. */
static int parse_option(const struct program *p, const char *arg, char ***next, char *options)
{
	const char *equals = strchr(arg, '=');
	struct word name = {arg + 2, equals ? (size_t)(equals - arg - 2) : strlen(arg + 2)};
	const struct ks_meta_option *o = find_option(&p->meta, name);
	if (!o) {
		report(p, "unknown option --%.*s (see --help)", (int)name.len, name.text);
		return -EINVAL;
	}
	if (equals)
		return set_option(p, o, equals + 1, options);
	if (o->kind == KS_OPTION_BOOL)
		return set_option(p, o, "true", options);
	if (!**next) {
		report(p, "option --%.*s needs a value", (int)name.len, name.text);
		return -EINVAL;
	}
	return set_option(p, o, *(*next)++, options);
}

int args_parse(const struct program *p, int argc, char **argv, void *options)
{
	if (argc < 1)
		return 0;
	for (char **next = argv + 1; *next;) {
		const char *arg = *next++;
		bool is_help = is_word(arg, "--help") || is_word(arg, "-h");
		if (is_help && !find_option(&p->meta, (struct word){"help", 4})) {
			show_help(p);
			return 1;
		}
		if (strncmp(arg, "--", 2) != 0 || arg[2] == '\0') {
			report(p, "unexpected argument `%s` (see --help)", arg);
			return -EINVAL;
		}
		int err = parse_option(p, arg, &next, options);
		if (err)
			return err;
	}
	return 0;
}
