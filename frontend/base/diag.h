/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics are values: a stage appends one with diag_report(), the driver or the language server
 * renders them. Nothing is printed where a problem is found, and a stage goes on after an error.
 *
 *	struct diag *d = diag_report(diags, D_UNKNOWN_NAME, span, "cuont", NULL);
 *	diag_note(diags, d, other_span, "`%s` is declared here", "count");
 *
 * Texts live in diags.def; their arguments are strings. An id that ends in an error makes the
 * compile fail; warnings can be turned off or into errors by name.
 */
#ifndef KS_BASE_DIAG_H
#define KS_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "frontend/base/arena.h"
#include "frontend/base/source.h"
#include "frontend/base/vec.h"

enum diag_severity {
	DIAG_NOTE,
	DIAG_WARNING,
	DIAG_ERROR,
};

enum diag_id {
#define DIAG(id, name, severity, text, hint) id,
#include "frontend/base/diags.def"
#undef DIAG
	DIAG_COUNT
};

struct diag_info {
	const char *id;   // "D_UNKNOWN_NAME"
	const char *name; // "unknown-name", as shown in brackets and taken by -W
	enum diag_severity severity;
	const char *text; // with one %s per argument
	const char *hint; // NULL when there is none; literal text
};

struct diag_extra { // a note that points at another place
	span where;
	const char *text;
};

struct diag_fix { // a replacement that would mend the program
	span where;
	const char *text;
};

struct diag {
	enum diag_id id;
	enum diag_severity severity; // after -W options
	span where;
	const char *text; // arguments filled in
	const char *hint; // NULL when there is none
	VEC(struct diag_extra) notes;
	VEC(struct diag_fix) fixes;
};

struct diags {
	struct arena *arena;
	VEC(struct diag *) list; // in order of report
	uint32_t errors, warnings;
	bool all_errors; // -Werror
	bool too_many;   // more than DIAG_MAX_KEPT errors: the rest is counted only
	enum diag_severity
		severity[DIAG_COUNT]; // current; DIAG_NOTE on a warning's row turns it off
};

/* Errors kept, and warnings kept; more are counted but not stored, so that a binary file does not
 * print a megabyte. */
enum { DIAG_MAX_KEPT = 100 };

void diags_init(struct diags *diags, struct arena *arena);
const struct diag_info *diag_info(enum diag_id id);
/* Id with that name, or DIAG_COUNT. */
enum diag_id diag_find(const char *name);

/* Appends a diagnostic; one `const char *` argument per %s of its text. Never NULL (a warning that
 * is turned off and an error past the limit give a diagnostic that is not in the list). A second
 * error at the same place with the same id is dropped. */
struct diag *diag_report(struct diags *diags, enum diag_id id, span where, ...);
void diag_note(struct diags *diags, struct diag *diag, span where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Replaces the hint of the table. */
void diag_hint(struct diags *diags, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diag_fix(struct diags *diags, struct diag *diag, span where, const char *text);

#endif
