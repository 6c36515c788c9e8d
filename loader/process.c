/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time and the ends of the process. Attachments to interfaces outlive a main that gives 0; every
 * other end removes them: another status, a signal, a crash.
 *
 * Until the first attachment or dispatch() a signal just ends the process. From then on INT, TERM and HUP are
 * blocked and taken by a thread of their own, which can detach at any moment, whatever compiled code
 * is doing; the lock of the attachments keeps it from seeing one half made.
 */
#include "loader/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ks/machine.h"
#include "loader/calls.h"

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
enum {
	END_SIGNALS = sizeof end_signals / sizeof *end_signals,
	CRASH_SIGNALS = sizeof crash_signals / sizeof *crash_signals,
	CRASH_STACK = 64 << 10,
	NS_PER_MS = 1000000,
};

static void end_at_once(int signal)
{
	_exit(EXIT_SIGNAL_BASE + signal);
}

/* Under nohup a hang-up is ignored and stays so. The others end a program whoever started it: shells
 * start the background jobs of scripts with INT ignored, and those too are told to end with it. */
static bool is_ignored(int signal)
{
	struct sigaction old;
	return signal == SIGHUP && sigaction(signal, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

static void handle_end_signals(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};
	for (int i = 0; i < END_SIGNALS; i++)
		if (!is_ignored(end_signals[i]))
			sigaction(end_signals[i], &action, NULL);
}

void process_watch(struct program *p)
{
	(void)p;
	handle_end_signals(end_at_once);
	signal(SIGPIPE, SIG_IGN); // print() meets EPIPE instead
}

/* ---- with attachments ---- */

static sigset_t end_set(void)
{
	sigset_t set;
	sigemptyset(&set);
	for (int i = 0; i < END_SIGNALS; i++)
		if (!is_ignored(end_signals[i]))
			sigaddset(&set, end_signals[i]);
	return set;
}

static void *wait_for_signal(void *data)
{
	struct program *p = data;
	sigset_t set = end_set();
	for (;;) {
		int signal = 0;
		while (sigwait(&set, &signal) != 0)
			;
		pthread_mutex_lock(&p->lock);
		if (p->waker < 0 || p->is_interrupted || signal == SIGHUP) {
			attach_remove(p, NULL);
			ops_remove(p, NULL);
			_exit(EXIT_SIGNAL_BASE + signal);
		}
		p->is_interrupted = true;
		eventfd_write(p->waker, 1);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

void process_divert(struct program *p, int waker)
{
	process_guard(p);
	pthread_mutex_lock(&p->lock);
	p->waker = waker;
	p->is_interrupted = false;
	pthread_mutex_unlock(&p->lock);
}

/* A crash in compiled code, or in the runtime with a pointer that compiled code gave it. */
static void crash(int signal)
{
	struct program *p = program_current();
	if (pthread_mutex_trylock(&p->lock) == 0)
		attach_remove(p, NULL), ops_remove(p, NULL);
	raise(signal); // SA_RESETHAND: ends the process as it would have
}

static void handle_crashes(void)
{
	static char stack[CRASH_STACK];
	stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
	sigaltstack(&alternative, NULL);
	struct sigaction action = {
		.sa_handler = crash,
		.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER,
	};
	for (int i = 0; i < CRASH_SIGNALS; i++)
		sigaction(crash_signals[i], &action, NULL);
}

void process_guard(struct program *p)
{
	if (p->is_watched)
		return;
	p->is_watched = true;
	handle_crashes();
	sigset_t set = end_set();
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, wait_for_signal, p) != 0) {
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		report(p, "no thread for signals: an interrupted run leaves its attachments");
	}
	pthread_attr_destroy(&attributes);
}

int process_settle(struct program *p, int status)
{
	pthread_mutex_lock(&p->lock); // for good: the signal thread must not act any more
	bool may_stay = status == 0 && !p->options->test;
	if (may_stay && (attach_keep(p) < 0 || ops_keep(p) < 0))
		status = EXIT_REFUSED;
	if (may_stay && status == 0) {
		attach_end(p);
		attach_announce(p);
		ops_announce(p);
	} else {
		attach_remove(p, NULL);
		ops_remove(p, NULL);
	}
	return status;
}

void process_exit(struct program *p, int status)
{
	status = process_settle(p, status);
	if (p->options->test) { // a child of the compiler, whose own ends are not wanted
		fflush(NULL);
		_exit(status);
	}
	exit(status);
}

/* ---- calls ---- */

void ks_exit(int32_t code)
{
	struct program *p = program_current();
	print_flush(p);
	process_exit(p, code & 0xff);
}

void ks_sleep(uint64_t milliseconds)
{
	struct program *p = program_current();
	if (machine_of(p)) {
		machine_pass_time(p, milliseconds * NS_PER_MS);
		return;
	}
	struct timespec left = {.tv_sec = (time_t)(milliseconds / 1000),
				.tv_nsec = (long)(milliseconds % 1000) * 1000000};
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

uint64_t ks_now_ns(void)
{
	const struct ks_machine *machine = machine_of(program_current());
	if (machine)
		return machine->now_ns(machine->owner);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* `place`: number of the file + 1, and the line in the lower 20 bits; paths end in NUL each. */
void ks_uncaught(int32_t code, uint32_t place, const char *paths, uint64_t len)
{
	struct program *p = program_current();
	const char *path = paths, *end = paths + len;
	for (uint32_t i = place >> 20; i > 1 && path < end; i--)
		path += strlen(path) + 1;
	print_flush(p);
	if (place && path < end)
		report(p, "uncaught throw of %d at %s:%u", code, path, place & 0xfffff);
	else
		report(p, "uncaught throw of %d", code);
	process_exit(p, EXIT_REFUSED);
}

/* Ends like a process that calls abort(), with what it attached removed. */
void ks_panic(void)
{
	struct program *p = program_current();
	report(p, "%.*s", (int)p->line.len, p->line.data);
	p->line.len = 0;
	process_exit(p, EXIT_SIGNAL_BASE + SIGABRT);
}

void *ks_new(uint64_t size)
{
	return calloc(1, size ? size : 1);
}

void ks_delete(void *object)
{
	free(object);
}
