/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated verifier says, in the form of kernel_load.c: one line for each program,
 *
 *	object program verdict reason insns states usec message
 *
 * With -n the programs are only counted, without those of objects that cannot be read.
 * usage: judge [-n] [-k RELEASE] [-b BTF] [-c CPUS] [-l LEVEL] [-p PROGRAM] OBJECT...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/verify/verify.h"

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *data = NULL;
	size_t cap = 0;
	*len = 0;
	if (!f)
		return NULL;
	do {
		cap = cap ? cap * 2 : 1 << 16;
		data = realloc(data, cap);
		*len += fread(data + *len, 1, cap - *len, f);
	} while (*len == cap);
	fclose(f);
	return data;
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static void judge(const char *path, const struct program_options *how,
		  const struct verify_options *options, const char *only)
{
	struct program_object object;
	struct buf why;
	size_t len;
	char *data = read_file(path, &len);
	buf_init(&why);
	if (!data || !program_open(&object, (uint8_t *)data, len, how, &why)) {
		buf_add_text(&why, "");
		printf("%s\t*\tskip\t-\t0\t0\t0\t%s\n", base_name(path),
		       data ? why.data : "cannot be read");
		buf_fini(&why);
		free(data);
		return;
	}
	for (uint32_t i = 0; i < object.programs.len; i++) {
		const struct program_code *code = &object.programs.data[i];
		struct verify_result result;
		struct timespec a, b;
		if (only && strcmp(only, code->name))
			continue;
		clock_gettime(CLOCK_MONOTONIC, &a);
		verify_program(&object, code, options, &result);
		clock_gettime(CLOCK_MONOTONIC, &b);
		printf("%s\t%s\t%s\t%s\t%u\t%u\t%.0f\t%d: %s\n", base_name(path), code->name,
		       result.is_accepted ? "yes" : "no", verify_reason_name(result.reason),
		       result.processed, result.states,
		       (b.tv_sec - a.tv_sec) * 1e6 + (b.tv_nsec - a.tv_nsec) / 1e3,
		       (int)result.insn, result.text);
		if (result.log.len)
			fwrite(result.log.data, 1, result.log.len, stdout);
		fflush(stdout);
		verify_result_free(&result);
	}
	program_close(&object);
	buf_fini(&why);
	free(data);
}

/* How many programs an object has. */
static size_t count_programs(const char *path, const struct program_options *how)
{
	struct program_object object;
	struct buf why;
	size_t len, count = 0;
	char *data = read_file(path, &len);
	buf_init(&why);
	if (data && program_open(&object, (uint8_t *)data, len, how, &why)) {
		count = object.programs.len;
		program_close(&object);
	}
	buf_fini(&why);
	free(data);
	return count;
}

int main(int argc, char **argv)
{
	const char *btf_path = "/sys/kernel/btf/vmlinux", *only = NULL, *reason = "";
	struct program_options how = {0};
	struct verify_options options = {.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF)};
	struct arena arena;
	struct btf btf;
	size_t len, section_len;
	const void *section;
	int option;
	bool is_count = false;
	size_t count = 0;
	kernel_parse_version("running", &options.kernel);
	while ((option = getopt(argc, argv, "nk:b:c:l:p:")) != -1) {
		if (option == 'k' && !kernel_parse_version(optarg, &options.kernel))
			return 2;
		if (option == 'n')
			is_count = true;
		if (option == 'b')
			btf_path = optarg;
		if (option == 'c')
			options.cpus = (uint32_t)atoi(optarg);
		if (option == 'l')
			options.log_level = atoi(optarg);
		if (option == 'p')
			only = optarg;
		if (option == '?')
			return 2;
	}
	arena_init(&arena);
	char *data = read_file(btf_path, &len);
	if (data && btf_find_section(data, len, &section, &section_len) &&
	    !btf_open(&btf, section, section_len, &arena, &reason))
		options.types = how.kernel = &btf;
	else
		fprintf(stderr, "%s: no types: %s\n", btf_path, reason);
	how.release = options.kernel;
	for (int i = optind; i < argc; i++) {
		if (is_count)
			count += count_programs(argv[i], &how);
		else
			judge(argv[i], &how, &options, only);
	}
	if (is_count)
		printf("%zu\n", count);
	arena_fini(&arena);
	free(data);
	return 0;
}
