/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs compiled against types that are not the running kernel's: a task_struct of a few members at
 * other offsets, with a bit-field in a unit of another size and an enum of other numbers. libbpf relocates
 * them, the kernel runs them, and what they read is what the system calls say. A member that the kernel
 * lacks makes the load fail with its name; where a test for it stands in front, the load succeeds.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/object/object.h"
#include "tests/lib/compilation.h"

static char load_log[1 << 16];

static int keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t len = strlen(load_log);
	(void)level;
	vsnprintf(load_log + len, sizeof load_log - len, format, args);
	return 0;
}

/* Member names are the kernel's, everything else is not. */
static const struct btf *make_types(struct arena *arena)
{
	struct btf_builder *b = btf_builder_new(arena);
	uint32_t i32 = btf_add_int(b, "int", 4, BTF_INT_IS_SIGNED);
	uint32_t u8 = btf_add_int(b, "unsigned char", 1, 0);
	uint32_t u32 = btf_add_int(b, "unsigned int", 4, 0), u64 = btf_add_int(b, "long", 8, 0);
	uint32_t character = btf_add_int(b, "char", 1, BTF_INT_IS_SIGNED);
	uint32_t name = btf_add_array(b, character, u32, 16), to_task = btf_add_pointer(b, 0);
	uint32_t entity = btf_add_struct(b, "sched_entity", 16, false);
	btf_add_member(b, "on_rq", u8, 0, 0);
	btf_add_member(b, "vruntime", u64, 64, 0);
	uint32_t task = btf_add_struct(b, "task_struct", 136, false);
	btf_add_member(b, "comm", name, 0, 0);
	btf_add_member(b, "group_leader", to_task, 128, 0);
	btf_add_member(b, "tgid", i32, 192, 0);
	btf_add_member(b, "pid", i32, 224, 0);
	btf_add_member(b, "sched_reset_on_fork", u8, 259, 1);
	btf_add_member(b, "se", entity, 320, 0);
	btf_add_member(b, "no_such_member", u64, 448, 0);
	btf_add_member(b, "policy", u32, 512, 0);
	btf_set_target(b, to_task, task);
	btf_add_enum(b, "pid_type", 4, false);
	btf_add_enumerator(b, "PIDTYPE_PID", 70);
	btf_add_enumerator(b, "PIDTYPE_TGID", 71);

	struct buf out;
	const char *why;
	struct btf *btf = ARENA_NEW(arena, struct btf);
	buf_init(&out);
	btf_write(b, &out);
	void *bytes = arena_copy(arena, out.data, out.len);
	cr_assert_eq(btf_open_lazily(btf, bytes, out.len, arena, &why), 0, "%s", why);
	buf_fini(&out);
	return btf;
}

struct result {
	uint32_t pid, tgid, leader, policy, reset, same_name, queued, there, missing;
	uint64_t runtime;
};

static const char head[] =
	"struct result { pid: u32, tgid: u32, leader: u32, policy: u32, reset: u32,\n"
	" same_name: u32, queued: u32, there: u32, missing: u32, runtime: u64 }\n"
	"var out: result\n"
	"@tc(\"ingress\") fn probe(ctx: *__sk_buff) -> i32 {\n";

/* Compiles `body` in front of which `task` stands, loads it and runs it once. The errno of the load. */
static int run_body(const char *body, int level, struct result *result)
{
	struct arena arena;
	struct compilation c;
	struct compilation_options options = {.depth = COMPILE_CODE,
					      .path = "core.ks",
					      .kernel = KERNEL_AT(6, 1),
					      .level = level};
	struct buf file, messages;
	char text[4096];
	arena_init(&arena);
	buf_init(&file);
	buf_init(&messages);
	options.btf = make_types(&arena);
	snprintf(text, sizeof text, "%s%s\treturn 0\n}\nfn main() -> i32 { return 0 }\n", head,
		 body);
	compilation_run(&c, &options, text, strlen(text));
	compilation_print(&c, &messages);
	cr_assert(c.is_complete, "%.*s", (int)messages.len, messages.data);
	object_write(&c.compile, &c.object, &file);

	load_log[0] = 0;
	libbpf_set_print(keep_log);
	struct bpf_object *object = bpf_object__open_mem(file.data, file.len, NULL);
	cr_assert(object, "%s", load_log);
	int error = bpf_object__load(object);
	if (!error) {
		char packet[64] = {0};
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet,
			    .data_size_in = sizeof packet);
		struct bpf_program *program = bpf_object__next_program(object, NULL);
		cr_assert_eq(bpf_prog_test_run_opts(bpf_program__fd(program), &run), 0);
		struct bpf_map *map = bpf_object__next_map(object, NULL);
		uint32_t key = 0;
		cr_assert_eq(bpf_map__lookup_elem(map, &key, 4, result, sizeof *result, 0), 0);
	}
	bpf_object__close(object);
	buf_fini(&file);
	buf_fini(&messages);
	compilation_fini(&c);
	arena_fini(&arena);
	return error;
}

static const char fields[] = "\tout.pid = task->pid as u32\n"
			     "\tout.tgid = task->tgid as u32\n"
			     "\tout.leader = task->group_leader->group_leader->pid as u32\n"
			     "\tout.policy = task->policy\n"
			     "\tout.reset = task->sched_reset_on_fork as u32\n"
			     "\tif (task->comm == \"core_test\") { out.same_name = 1 }\n"
			     "\tout.queued = task->se.on_rq as u32\n"
			     "\tout.runtime = task->se.vruntime\n";

static void expect_own_task(const struct result *r)
{
	cr_expect_eq(r->pid, (uint32_t)gettid());
	cr_expect_eq(r->tgid, (uint32_t)getpid());
	cr_expect_eq(r->leader, (uint32_t)getpid());
	cr_expect_eq(r->policy, 3u); // SCHED_BATCH
	cr_expect_eq(r->reset, 1u);
	cr_expect_eq(r->same_name, 1u);
	cr_expect_eq(r->queued, 1u);
	cr_expect_gt(r->runtime, 0u);
}

/* Puts the process into a state that is not all zeros. */
static void prepare(void)
{
	struct sched_param none = {0};
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none), 0);
	FILE *comm = fopen("/proc/self/comm", "w");
	cr_assert(comm && fputs("core_test", comm) >= 0 && !fclose(comm));
}

Test(core, fields_are_found_where_the_running_kernel_has_them)
{
	char body[2048];
	prepare();
	for (int level = 0; level < 2; level++) {
		struct result direct = {0}, probed = {0};
		snprintf(body, sizeof body, "\tvar task = bpf_get_current_task_btf()\n%s", fields);
		cr_assert_eq(run_body(body, level, &direct), 0, "%s", load_log);
		expect_own_task(&direct);
		snprintf(body, sizeof body,
			 "\tvar task = bpf_get_current_task() as *task_struct\n%s", fields);
		cr_assert_eq(run_body(body, level, &probed), 0, "%s", load_log);
		expect_own_task(&probed);
	}
}

Test(core, a_field_that_the_kernel_lacks_is_named)
{
	struct result r = {0};
	prepare();
	int error = run_body("\tvar task = bpf_get_current_task_btf()\n"
			     "\tout.runtime = task->no_such_member\n",
			     1, &r);
	cr_assert_neq(error, 0);
	cr_expect(strstr(load_log, "no_such_member"), "%s", load_log);
}

Test(core, what_the_kernel_lacks_can_be_asked_for)
{
	struct result r = {0};
	prepare();
	int error = run_body("\tvar task = bpf_get_current_task_btf()\n"
			     "\tif (has_field(task_struct, se.vruntime)) { out.there = 1 }\n"
			     "\tif (has_field(task_struct, no_such_member)) {\n"
			     "\t\tout.missing = 1\n"
			     "\t\tout.runtime = task->no_such_member\n"
			     "\t}\n"
			     "\tif (has_type(task_struct)) { out.there += 1 }\n"
			     "\tif (has_type(no_such_struct)) { out.missing += 2 }\n",
			     1, &r);
	cr_assert_eq(error, 0, "%s", load_log);
	cr_expect_eq(r.there, 2u);
	cr_expect_eq(r.missing, 0u);
	cr_expect_eq(r.runtime, 0u);
}
