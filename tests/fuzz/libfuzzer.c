/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target as libFuzzer wants it. Text is also changed by tokens and lines, which gets past the parser
 * more often than bytes do. FUZZ_NAME and FUZZ_IS_TEXT come from the build.
 */
#include <string.h>
#include <time.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/token_edit.h"

#define JOIN(a, b) a##b
#define ENTRY(name) JOIN(fuzz_, name)

enum { SECONDS = 5 }; // with the sanitizers and the coverage, which cost a factor of ten or more

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	double start = processor_seconds();

	if (FUZZ_IS_TEXT && len > FUZZ_MAX_TEXT)
		return 0;
	ENTRY(FUZZ_NAME)(data, len);
	if (processor_seconds() - start > SECONDS)
		fuzz_fail("too slow");
	return 0;
}

#if FUZZ_IS_TEXT

static size_t edit(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len, uint8_t *out,
		   size_t max, struct random *r)
{
	struct buf text;

	buf_init(&text);
	token_edit(r, (const char *)a, a_len, (const char *)b, b_len, 1 + random_below(r, 4),
		   &text);
	size_t len = text.len < max ? text.len : max;
	if (len)
		memcpy(out, text.data, len);
	buf_fini(&text);
	return len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max, unsigned seed)
{
	struct random r = random_from(seed);

	if (len < 2 || random_chance(&r, 40))
		return LLVMFuzzerMutate(data, len, max);
	return edit(data, len, NULL, 0, data, max, &r);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
				 uint8_t *out, size_t max, unsigned seed)
{
	struct random r = random_from(seed);

	return edit(a, a_len, b, b_len, out, max, &r);
}

#endif
