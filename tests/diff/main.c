/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differential test's two halves:
 *	difftest generate SEED COUNT              prints the .ks source
 *	difftest userspace SEED COUNT FILE        compares what the built program printed with the model
 *	difftest bpf SEED COUNT OBJECT            runs the object's programs in the kernel and compares
 *	difftest vm SEED COUNT OBJECT             the same in the interpreter
 *	difftest isa N PROGRAMS OBJECT            the object has that many programs at least, and no instruction
 *	                                          that is newer than instruction set N
 * Prints the first few differences with their arguments; exit status 1 when there are any.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/isa/insn.h"
#include "bpf-backend/vm/vm.h"
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

/* An opened object in the kernel or, when vm is set, in the interpreter. */
struct target {
	struct bpf_object *object;
	int input, output;
	struct vm *vm;
	struct vm_map *vm_input, *vm_output;
};

static void put(const struct target *t, unsigned index, uint64_t value)
{
	if (t->vm ? vm_map_update(t->vm_input, &index, &value, 0)
		  : bpf_map_update_elem(t->input, &index, &value, 0))
		printf("cannot write the argument %u\n", index);
}

static uint64_t get(const struct target *t, unsigned index)
{
	uint64_t value = 0;
	if (t->vm)
		vm_map_lookup(t->vm_output, &index, &value);
	else
		bpf_map_lookup_elem(t->output, &index, &value);
	return value;
}

/* 0 when the program of that name has run. */
static int execute(const struct target *t, const char *name)
{
	unsigned char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	if (!t->vm) {
		struct bpf_program *prog = bpf_object__find_program_by_name(t->object, name);
		int err = prog ? bpf_prog_test_run_opts(bpf_program__fd(prog), &run) : -1;
		if (err)
			printf("cannot run %s in the kernel: %d\n", name, err);
		return err;
	}
	const struct vm_program *prog = vm_find_program(t->vm, name);
	struct vm_input input = {.packet = packet, .packet_len = sizeof(packet)};
	struct vm_result result = {0};
	int err = prog ? vm_run(t->vm, prog, &input, &result) : -1;
	if (err)
		printf("cannot interpret %s: %s\n", name, result.fault.text);
	return err;
}

/* One program for one pair of edge values, of each of its functions' own types. */
static int run_once(const struct suite *suite, unsigned first, const struct target *t, unsigned i,
		    unsigned j)
{
	char name[16];
	snprintf(name, sizeof(name), "p%u", first / GROUP);
	unsigned count = suite->count - first < GROUP ? suite->count - first : GROUP;
	for (unsigned k = 0; k < count; k++) {
		const struct function *f = &suite->functions[first + k];
		put(t, 2 * k, edge(f->vars[0], i));
		put(t, 2 * k + 1, edge(f->vars[1], j));
	}
	if (execute(t, name))
		return 1;
	for (unsigned k = 0; k < count; k++)
		compare(suite, first + k, i, j, get(t, k));
	return 0;
}

static int run_all(const struct suite *suite, const struct target *t)
{
	int result = 0;
	for (unsigned first = 0; first < suite->count && !result; first += GROUP) {
		for (unsigned i = 0; i < EDGES && !result; i++)
			for (unsigned j = 0; j < EDGES && !result; j++)
				result = run_once(suite, first, t, i, j);
	}
	return result;
}

static int check_bpf(const struct suite *suite, const char *path)
{
	struct target t = {.object = bpf_object__open_file(path, NULL)};
	if (!t.object || bpf_object__load(t.object)) {
		printf("cannot load %s\n", path);
		return 1;
	}
	t.input = bpf_object__find_map_fd_by_name(t.object, "input");
	t.output = bpf_object__find_map_fd_by_name(t.object, "output");
	int result = run_all(suite, &t);
	bpf_object__close(t.object);
	return result;
}

static int check_vm(const struct suite *suite, const char *path)
{
	static unsigned char bytes[1 << 24];
	struct target t = {0};
	struct buf why;
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(bytes, 1, sizeof(bytes), in) : 0;
	buf_init(&why);
	if (!in || vm_open(&t.vm, bytes, len, NULL, &why)) {
		printf("cannot open %s: %s\n", path, why.len ? why.data : "no such file");
		return 1;
	}
	fclose(in);
	t.vm_input = vm_find_map(t.vm, "input");
	t.vm_output = vm_find_map(t.vm, "output");
	int result = t.vm_input && t.vm_output ? run_all(suite, &t) : 1;
	vm_close(t.vm);
	buf_fini(&why);
	return result;
}

/* Prints the first instruction of a program that the set lacks. */
static bool is_of_set(struct bpf_program *prog, int isa)
{
	const struct bpf_insn *insns = bpf_program__insns(prog);
	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++) {
		struct bpf_record record;
		memcpy(&record, &insns[i], sizeof record);
		enum bpf_op op = insn_find(&record);
		if (op == BPF_OP_COUNT || insn_table[op].isa > isa) {
			printf("%s: instruction %zu is %s\n", bpf_program__name(prog), i,
			       op == BPF_OP_COUNT ? "none" : insn_table[op].name);
			return false;
		}
		i += insn_records(&record) - 1;
	}
	return true;
}

static int check_set(int isa, unsigned wanted, const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	unsigned count = 0;
	bool ok = object;
	if (!ok)
		printf("cannot open %s\n", path);
	else
		bpf_object__for_each_program(prog, object)
		{
			ok &= is_of_set(prog, isa);
			count++;
		}
	bpf_object__close(object);
	return !ok || count < wanted;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr,
			"usage: difftest generate|userspace|bpf|vm|isa SEED COUNT [FILE]\n");
		return 2;
	}
	if (!strcmp(argv[1], "isa") && argc == 5)
		return check_set(atoi(argv[2]), (unsigned)atoi(argv[3]), argv[4]);
	struct suite suite = generate((uint32_t)atoi(argv[2]), (unsigned)atoi(argv[3]));
	int result = 0;
	if (!strcmp(argv[1], "generate")) {
		print_suite(&suite, stdout);
		return 0;
	}
	if (argc < 5)
		return 2;
	if (!strcmp(argv[1], "bpf"))
		result = check_bpf(&suite, argv[4]);
	else if (!strcmp(argv[1], "vm"))
		result = check_vm(&suite, argv[4]);
	else
		result = check_userspace(&suite, argv[4]);
	printf("%u values of %u functions compared, %u differ\n", compared, suite.count,
	       differences);
	return result || differences;
}
