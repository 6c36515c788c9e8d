/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `ks test` share. */
#ifndef KS_DRIVER_TEST_INSIDE_H
#define KS_DRIVER_TEST_INSIDE_H

#include "bpf-backend/vm/vm.h"
#include "btf/btf.h"
#include "frontend/base/compile.h"
#include "frontend/driver/options.h"
#include "frontend/driver/pipeline.h"
#include "ks/loader.h"
#include "ks/machine.h"

enum test_outcome {
	TEST_PASSED,
	TEST_FAILED, // gave something else than 0, or ended otherwise
	TEST_TOO_SLOW,
	TEST_CRASHED,
};

struct test_result {
	const struct product_test *test;
	enum test_outcome outcome;
	int number; // what it gave, or the signal that ended it
	double seconds;
	bool in_interpreter;
	const char *why;    // … although the kernel was asked for; "" when there is no reason
	const char *output; // what it printed, NUL-terminated
};

/* A source file with its tests. */
struct test_file {
	const char *path;
	const struct options *options;
	struct compile compile; // of its own: what is wrong here is of no matter to the next file
	struct product product;
	const struct btf *types; // of the kernel; NULL when they are not to be had
	uint32_t program_count;
	bool is_compiled;
	VEC(struct test_result) results;
	struct ks_test_report *report; // shared with the tests
	struct ks_test_cost *costs;    // sums of all tests
	struct vm *vm;    // where the programs are looked up; NULL when it does not open
	uint64_t *counts; // of instructions, shared; NULL: not wanted
};

struct test_session {
	const struct options *options;
	struct arena arena;
	VEC(const char *) paths;
	VEC(struct test_file *) files;
	uint32_t timeout; // seconds
	bool in_interpreter;
	uint32_t passed, failed, broken; // broken: files that do not compile
	double seconds;
};

/* test_child.c: runs a test in a process of its own. */
struct test_result test_run_one(struct test_session *s, struct test_file *f,
				const struct product_test *test, uint32_t number,
				bool in_interpreter);
/* Whether this process may load eBPF programs. */
bool test_has_privilege(void);

/* test_machine.c: the interpreter in place of the kernel. False, with a reason. */
bool test_open_machine(struct test_file *f, const char *name, struct ks_machine *machine,
		       struct buf *why);

/* test_cover.c */
void test_print_coverage(const struct test_file *f, struct buf *out);
void test_add_lcov(const struct test_file *f, struct buf *out);

/* test_report.c */
void test_print_result(const struct test_session *s, const struct test_file *f,
		       const struct test_result *r);
void test_print_costs(const struct test_session *s, const struct test_file *f);
void test_print_summary(const struct test_session *s);
void test_print_tap(const struct test_session *s);
void test_write_junit(const struct test_session *s, struct buf *out);
/* In a few words why a test did not pass: of its output, or of how it ended. */
const char *test_say_why(const struct test_result *r, struct arena *arena);

#endif
