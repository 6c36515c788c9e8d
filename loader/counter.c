/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performance counters that let a program run every so many events. A counter is opened disabled, set
 * to zero, given its program and enabled; it ends with detach() or with the process. A program may hold
 * several; the structs are kept until the end, so that a stale one can be told.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/perf.h"
#include "loader/program.h"

struct counter {
	int event, link; // -1 when detached
};

static const char *reason(const struct ks_perf_options *o, int err)
{
	if (err == -ENOENT || err == -EOPNOTSUPP || err == -ENODEV)
		return o->type == PERF_TYPE_HARDWARE
			       ? "this machine has no hardware counters, or does not lend them"
			       : "this kernel does not count that";
	if (err == -ESRCH)
		return "there is no such process";
	return strerror(-err);
}

static int open_event(const struct ks_perf_options *o)
{
	struct perf_event_attr attr = {
		.type = o->type,
		.config = o->config,
		.sample_period = o->period,
		.wakeup_events = o->wakeup,
		.disabled = 1,
		.inherit = o->inherit,
		.exclude_kernel = o->exclude_kernel,
		.exclude_user = o->exclude_user,
	};
	if (o->pid == -1 && o->cpu == -1)
		return -EINVAL;
	int event = perf_open(&attr, o->pid, o->cpu);
	if (event >= 0 && ioctl(event, PERF_EVENT_IOC_RESET, 0) < 0) {
		int err = -errno;
		close(event);
		return err;
	}
	return event;
}

void *ks_attach_counter(void *handle, const void *options, uint64_t flags)
{
	struct program *p = program_current();
	const struct ks_perf_options *o = options;
	struct handle *h = handle;
	(void)flags;
	if (!h || !h->program) {
		report(p, "attach: the program was not loaded");
		return NULL;
	}
	struct counter *counter = calloc(1, sizeof *counter);
	int event = counter ? open_event(o) : -ENOMEM;
	int shared = event < 0 ? event : dup(event); // one to count with, one to run the program
	int link = event < 0    ? event
		   : shared < 0 ? -errno
				: perf_attach_program(shared, bpf_program__fd(h->program), 0);
	if (link < 0) {
		report(p, "`%s` cannot be attached to a performance counter: %s",
		       meta_text(&p->meta, p->meta.programs[h->index].name), reason(o, link));
		if (event >= 0)
			close(event);
		free(counter);
		return NULL;
	}
	*counter = (struct counter){event, link};
	return counter;
}

void ks_detach_counter(void *handle)
{
	struct counter *counter = handle;
	if (!counter || counter->event < 0)
		return;
	ioctl(counter->event, PERF_EVENT_IOC_DISABLE, 0);
	close(counter->link);
	close(counter->event);
	counter->event = counter->link = -1;
}

int64_t ks_read_counter(void *handle)
{
	struct counter *counter = handle;
	uint64_t value = 0;
	if (!counter || counter->event < 0 ||
	    read(counter->event, &value, sizeof value) != sizeof value)
		return -1;
	return (int64_t)value;
}
