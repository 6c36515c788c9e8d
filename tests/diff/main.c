/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differential test's two halves:
 *	difftest generate SEED COUNT              prints the .ks source
 *	difftest userspace SEED COUNT FILE        compares what the built program printed with the model
 *	difftest bpf SEED COUNT OBJECT            runs the object's programs in the kernel and compares
 * Prints the first few differences with their arguments; exit status 1 when there are any.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"

enum { MAX_SHOWN = 8 };

static unsigned differences, compared;

static void compare(const struct suite *suite, unsigned index, unsigned i, unsigned j, uint64_t got)
{
	const struct function *f = &suite->functions[index];
	uint64_t a = edge(f->vars[0], i), b = edge(f->vars[1], j);
	uint64_t want = evaluate(suite, index, a, b);
	compared++;
	if (got == want || ++differences > MAX_SHOWN)
		return;
	printf("f%u(%#" PRIx64 " as %s, %#" PRIx64 " as %s): got %#" PRIx64 ", wanted %#" PRIx64
	       "\n",
	       index, a, type_infos[f->vars[0]].name, b, type_infos[f->vars[1]].name, got, want);
}

static int check_userspace(const struct suite *suite, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[64];
	if (!in) {
		perror(path);
		return 1;
	}
	for (unsigned k = 0; k < suite->count; k++)
		for (unsigned i = 0; i < EDGES; i++)
			for (unsigned j = 0; j < EDGES; j++) {
				if (!fgets(line, sizeof(line), in)) {
					printf("the output ends at f%u\n", k);
					return 1;
				}
				compare(suite, k, i, j, strtoull(line, NULL, 10));
			}
	fclose(in);
	return 0;
}

static void put(int map, unsigned index, uint64_t value)
{
	if (bpf_map_update_elem(map, &index, &value, 0))
		perror("bpf_map_update_elem");
}

/* One program for one pair of edge values, of each of its functions' own types. */
static int run_once(const struct suite *suite, unsigned first, int prog, const int maps[2],
		    unsigned i, unsigned j)
{
	unsigned char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	unsigned count = suite->count - first < GROUP ? suite->count - first : GROUP;
	for (unsigned k = 0; k < count; k++) {
		const struct function *f = &suite->functions[first + k];
		put(maps[0], 2 * k, edge(f->vars[0], i));
		put(maps[0], 2 * k + 1, edge(f->vars[1], j));
	}
	if (bpf_prog_test_run_opts(prog, &run)) {
		perror("BPF_PROG_TEST_RUN");
		return 1;
	}
	for (unsigned k = 0; k < count; k++) {
		uint64_t value = 0;
		bpf_map_lookup_elem(maps[1], &k, &value);
		compare(suite, first + k, i, j, value);
	}
	return 0;
}

static int check_bpf(const struct suite *suite, const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object)) {
		printf("cannot load %s\n", path);
		return 1;
	}
	const int maps[2] = {bpf_object__find_map_fd_by_name(object, "input"),
			     bpf_object__find_map_fd_by_name(object, "output")};
	int result = 0;
	for (unsigned first = 0; first < suite->count && !result; first += GROUP) {
		char name[16];
		snprintf(name, sizeof(name), "p%u", first / GROUP);
		struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
		if (!prog || maps[0] < 0 || maps[1] < 0) {
			printf("%s: no program %s or no maps\n", path, name);
			return 1;
		}
		for (unsigned i = 0; i < EDGES && !result; i++)
			for (unsigned j = 0; j < EDGES && !result; j++)
				result = run_once(suite, first, bpf_program__fd(prog), maps, i, j);
	}
	bpf_object__close(object);
	return result;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: difftest generate|userspace|bpf SEED COUNT [FILE]\n");
		return 2;
	}
	struct suite suite = generate((uint32_t)atoi(argv[2]), (unsigned)atoi(argv[3]));
	int result = 0;
	if (!strcmp(argv[1], "generate")) {
		print_suite(&suite, stdout);
		return 0;
	}
	if (argc < 5)
		return 2;
	result = !strcmp(argv[1], "bpf") ? check_bpf(&suite, argv[4])
					 : check_userspace(&suite, argv[4]);
	printf("%u values of %u functions compared, %u differ\n", compared, suite.count,
	       differences);
	return result || differences;
}
