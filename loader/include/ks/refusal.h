/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what the kernel's verifier says. Shared by the compiler, which explains logs, and by built
 * programs, which meet them.
 */
#ifndef KS_REFUSAL_H
#define KS_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Whether the text has the pattern in it; `*` stands for any text. */
static inline bool ks_message_matches(const char *text, size_t len, const char *pattern)
{
	size_t part = strcspn(pattern, "*");
	for (size_t i = 0; i + part <= len; i++) {
		if (memcmp(text + i, pattern, part) != 0)
			continue;
		return !pattern[part] ||
		       ks_message_matches(text + i + part, len - i - part, pattern + part + 1);
	}
	return false;
}

/* Lines at the end of a log that tell of the work, not of the reason. */
static inline bool ks_is_statistics(const char *line, size_t len)
{
	static const char *const starts[] = {"processed ",    "verification time ", "stack depth ",
					     "mark_precise:", "-- BEGIN PROG ",     "-- END PROG "};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		size_t start = strlen(starts[i]);
		if (len >= start && !memcmp(line, starts[i], start))
			return true;
	}
	return false;
}

#endif
