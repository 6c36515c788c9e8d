/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a section says about its programs (sections.def). */
#include <string.h>

#include "bpf-backend/program/inside.h"

enum rule { EXACT, OPEN };

struct row {
	const char *name;
	enum rule rule;
	uint32_t type, attach;
	bool is_sleepable;
	const char *prefix;
};

static const struct row rows[] = {
#define SECTION(name, rule, type, attach, sleepable, prefix)                                       \
	{name, rule, type, attach, sleepable, prefix},
#include "bpf-backend/program/sections.def"
#undef SECTION
};

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t len = strlen(rows[i].name);
		if (!strncmp(name, rows[i].name, len) &&
		    (!name[len] || (rows[i].rule == OPEN && name[len] == '/')))
			return &rows[i];
	}
	return NULL;
}

bool program_classify(struct program_code *program)
{
	const char *name = program->section;
	program->target = "";
	if (*name == '?') {
		program->is_optional = true;
		name++;
	}
	const struct row *row = find_row(name);
	if (!row)
		return false;
	program->type = row->type;
	program->attach = row->attach;
	program->is_sleepable = row->is_sleepable;
	if (row->rule == OPEN && name[strlen(row->name)])
		program->target = name + strlen(row->name) + 1;
	return true;
}

/* Id of the kernel's type that describes what the program is attached to. */
uint32_t program_find_target(const struct btf *kernel, const struct program_code *program)
{
	const char *name = program->section + program->is_optional;
	const struct row *row = find_row(name);
	char full[256];
	if (!row || !row->prefix || !kernel || !*program->target ||
	    strlen(row->prefix) + strlen(program->target) >= sizeof full)
		return 0;
	strcpy(full, row->prefix);
	strcat(full, program->target);
	bool is_raw = !strcmp(row->prefix, "btf_trace_");
	return btf_find(kernel, is_raw ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC, full);
}
