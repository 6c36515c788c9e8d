/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kept corpora through their targets, without libFuzzer:
 *	fuzzreplay TARGET FILE…
 * prints the number of inputs and the slowest one; a failing input is named before it ends the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static const struct target {
	const char *name;
	void (*run)(const uint8_t *data, size_t len);
} targets[] = {
#define ROW(name, is_text, what) {#name, fuzz_##name},
	FUZZ_TARGETS(ROW)
#undef ROW
};

enum { TARGET_COUNT = sizeof targets / sizeof *targets };

static double processor_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reads a file into memory of exactly its size, so that a read past the end is seen. */
static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = NULL;

	if (in && !fseek(in, 0, SEEK_END)) {
		*len = (size_t)ftell(in);
		data = malloc(*len ? *len : 1);
		rewind(in);
		if (fread(data, 1, *len, in) != *len)
			*len = 0;
	}
	if (in)
		fclose(in);
	return data;
}

int main(int argc, char **argv)
{
	const struct target *target = NULL;
	double slowest = 0;
	const char *which = "";

	for (int i = 0; argc > 2 && i < TARGET_COUNT; i++)
		if (!strcmp(argv[1], targets[i].name))
			target = &targets[i];
	if (!target) {
		fprintf(stderr, "usage: fuzzreplay syntax|sema|compile|btf FILE…\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		size_t len;
		uint8_t *data = read_file(argv[i], &len);
		if (!data) {
			perror(argv[i]);
			return 2;
		}
		fprintf(stderr, "%s\n", argv[i]); // the last line names the input that fails
		alarm(20);
		double start = processor_seconds();
		target->run(data, len);
		double spent = processor_seconds() - start;
		if (spent > slowest) {
			slowest = spent;
			which = argv[i];
		}
		free(data);
	}
	printf("%s: %d inputs, the slowest took %.2f s (%s)\n", target->name, argc - 2, slowest,
	       which);
	return slowest > 1;
}
