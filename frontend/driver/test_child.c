/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test in a process of its own: a child of this one runs it as `ks run` runs main, and what it
 * prints is kept. It is ended when its time is up.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frontend/driver/output.h"
#include "frontend/driver/test_inside.h"

enum { MAX_OUTPUT = 1 << 20, GRACE_SECONDS = 2 };

bool test_has_privilege(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "ks_test", "GPL", code, 2, NULL);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- in the child ---- */

static void redirect(int output)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
}

/* TERM when the time is up, on which the runtime removes what is attached, and ALRM if that was of no use. */
static void limit_time(uint32_t seconds)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};
	const struct itimerspec when = {.it_value = {.tv_sec = seconds}};
	timer_t timer;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
		timer_settime(timer, 0, &when, NULL);
	alarm(seconds + GRACE_SECONDS);
}

static _Noreturn void run_in_child(const struct test_session *s, struct test_file *f,
				   const struct product_test *test, uint32_t number,
				   bool in_interpreter)
{
	struct ks_machine machine;
	struct ks_test_run run = {.number = number, .report = f->report};
	struct buf why;
	char *argv[] = {(char *)(uintptr_t)test->name, NULL};
	struct rlimit no_core = {0};
	setrlimit(RLIMIT_CORE, &no_core);
	output_release_signals();
	limit_time(s->timeout);
	buf_init(&why);
	if (in_interpreter && !test_open_machine(f, test->name, &machine, &why)) {
		fprintf(stderr, "%s: the interpreter cannot open the program: %.*s\n", test->name,
			(int)why.len, why.data);
		_exit(STATUS_WRONG_PROGRAM);
	}
	if (in_interpreter)
		run.machine = &machine;
	struct ks_program_options program = {
		.size = sizeof program,
		.name = test->name,
		.bpf = {f->product.bpf.data, f->product.bpf.len},
		.image = {f->product.image.data, f->product.image.len},
		.meta = {f->product.meta.data, f->product.meta.len},
		.image_fd = -1,
		.test = &run,
	};
	int status = ks_run_program(&program, 1, argv);
	fflush(NULL);
	_exit(status);
}

/* ---- in the parent ---- */

static const char *take_output(struct test_session *s, int output)
{
	off_t size = lseek(output, 0, SEEK_END);
	if (size > MAX_OUTPUT)
		size = MAX_OUTPUT;
	char *text = ARENA_ARRAY(&s->arena, char, (size_t)(size > 0 ? size : 0) + 1);
	ssize_t n = size > 0 ? pread(output, text, (size_t)size, 0) : 0;
	text[n > 0 ? n : 0] = 0;
	return text;
}

static void judge(struct test_result *r, int status, uint32_t timeout)
{
	if (WIFSIGNALED(status)) {
		r->number = WTERMSIG(status);
		r->outcome = TEST_CRASHED;
	} else {
		r->number = WEXITSTATUS(status);
		r->outcome = r->number ? TEST_FAILED : TEST_PASSED;
	}
	if (r->outcome != TEST_PASSED && r->seconds >= timeout)
		r->outcome = TEST_TOO_SLOW;
}

struct test_result test_run_one(struct test_session *s, struct test_file *f,
				const struct product_test *test, uint32_t number,
				bool in_interpreter)
{
	struct test_result r = {.test = test, .in_interpreter = in_interpreter, .why = ""};
	int output = memfd_create("ks-test", MFD_CLOEXEC), status = 0;
	double begin = now();
	fflush(NULL);
	pid_t child = output >= 0 ? fork() : -1;
	if (child == 0) {
		redirect(output);
		run_in_child(s, f, test, number, in_interpreter);
	}
	if (child < 0) {
		r.outcome = TEST_CRASHED;
		r.output = "no process could be started for it\n";
		return r;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	r.seconds = now() - begin;
	judge(&r, status, s->timeout);
	r.output = take_output(s, output);
	close(output);
	return r;
}
