/* SPDX-License-Identifier: Apache-2.0 */
/* Where the arguments of declared probes are, as the assemblers of two machines write it. */
#include <criterion/criterion.h>
#include <elf.h>
#include <string.h>

#include "loader/note.h"

static const struct sample {
	uint16_t machine;
	const char *text;
	struct ks_note_value value;
} good[] = {
	{EM_X86_64, "-4@%edi", {0, 112, 0, 1, 0, 0, 32 | KS_NOTE_SIGNED | KS_NOTE_USED}},
	{EM_X86_64, "8@%r15", {0, 0, 0, 1, 0, 0, KS_NOTE_USED}},
	{EM_X86_64, "1@$-3", {(uint64_t)-3, 0, 0, 0, 0, 0, 56 | KS_NOTE_USED}},
	{EM_X86_64, "2@-16(%rbp)", {(uint64_t)-16, 32, 0, 1, 0, 2, 48 | KS_NOTE_USED}},
	{EM_X86_64, "8@(%rax,%rbx,4)", {0, 80, 40, 1, 4, 8, KS_NOTE_USED}},
	{EM_X86_64, "8@0x10(,%r12,8)", {16, 0, 24, 0, 8, 8, KS_NOTE_USED}},
	{EM_AARCH64, "-8@x19", {0, 152, 0, 1, 0, 0, KS_NOTE_SIGNED | KS_NOTE_USED}},
	{EM_AARCH64, "4@[sp, 24]", {24, 248, 0, 1, 0, 4, 32 | KS_NOTE_USED}},
	{EM_AARCH64, "1@[x0]", {0, 0, 0, 1, 0, 1, 56 | KS_NOTE_USED}},
	{EM_AARCH64, "8@[x1, x2]", {0, 8, 16, 1, 1, 8, KS_NOTE_USED}},
	{EM_AARCH64, "-4@-1", {(uint64_t)-1, 0, 0, 0, 0, 0, 32 | KS_NOTE_SIGNED | KS_NOTE_USED}},
};

Test(note, arguments_are_found)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct note_symbols symbols = {.machine = good[i].machine};
		struct ks_note_value value;
		const char *at = good[i].text;
		const char *lack = note_read_argument(&at, &symbols, &value);
		cr_assert_null(lack, "%s: %s", good[i].text, lack);
		cr_assert_eq(*at, '\0', "%s: not read to the end", good[i].text);
		cr_assert(value.add == good[i].value.add && value.base == good[i].value.base &&
				  value.index == good[i].value.index &&
				  value.base_factor == good[i].value.base_factor &&
				  value.index_factor == good[i].value.index_factor &&
				  value.load == good[i].value.load &&
				  value.cut == good[i].value.cut,
			  "%s: another place", good[i].text);
	}
}

Test(note, other_places_are_refused)
{
	static const char *const bad[] = {"",
					  "4",
					  "@%rax",
					  "3@%rax",
					  "4@%xmm0",
					  "8f@%rax",
					  "4@%ah",
					  "4@count(%rip)",
					  "8@(%rax",
					  "8@16",
					  "8@(%rax,%zz)",
					  "8@%",
					  "8@$",
					  "8@(%rax)x",
					  "99999999999999999999@%rax"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct note_symbols symbols = {.machine = EM_X86_64};
		struct ks_note_value value;
		const char *at = bad[i];
		cr_assert_not_null(note_read_argument(&at, &symbols, &value), "%s", bad[i]);
		cr_assert(at >= bad[i] && at <= bad[i] + strlen(bad[i]), "%s", bad[i]);
	}
}
