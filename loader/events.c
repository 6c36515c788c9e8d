/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records from eBPF programs: handlers, and dispatch(), which hands records over to them until a handler
 * gives something else than 0, a signal comes or the time is up.
 *
 * Records are taken in the calling thread. A signal is taken by the thread of process.c, which sets a
 * flag that is looked at after each record, and wakes a waiting dispatch() through an eventfd.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/program.h"

enum {
	NS_PER_MS = 1000000,
	CLOCK_INTERVAL = 1024, // records between two looks at the clock while they keep coming
};

/* One dispatch(). */
struct dispatch {
	struct program *p;
	struct ring_buffer *rings; // NULL without ring buffers
	const uint32_t *maps;
	uint32_t count;
	int waker;
	uint64_t end;   // when to give up, UINT64_MAX for never
	uint32_t taken; // records
	int32_t result; // of the handler that ended it, or negative errno
	bool is_over;
};

/* What a ring buffer gives its callback. */
struct source {
	struct dispatch *d;
	const struct map_state *map;
};

/* ---- one record ---- */

static bool is_late(const struct dispatch *d)
{
	return d->end != UINT64_MAX && ks_now_ns() >= d->end;
}

/* Gives a record to its handler; false when the dispatch is over. */
static bool handle(struct dispatch *d, const struct map_state *map, void *record)
{
	d->result = map->handler(record);
	d->is_over = d->result != 0 || d->p->is_interrupted ||
		     (++d->taken % CLOCK_INTERVAL == 0 && is_late(d));
	return !d->is_over;
}

static int take_ring_record(void *context, void *record, size_t size)
{
	const struct source *s = context;
	(void)size;
	return handle(s->d, s->map, record) ? 0 : -ECANCELED;
}

/* ---- handlers ---- */

void ks_on_event(uint32_t map, record_handler *handler)
{
	struct program *p = program_current();
	if (map < p->meta.header->map_count)
		p->maps[map].handler = handler;
}

void events_close(struct program *p)
{
	(void)p;
}

/* ---- dispatch ---- */

static int add_ring(struct dispatch *d, struct source *source)
{
	if (d->rings)
		return ring_buffer__add(d->rings, source->map->fd, take_ring_record, source);
	d->rings = ring_buffer__new(source->map->fd, take_ring_record, source, NULL);
	return d->rings ? 0 : -errno;
}

static int open_sources(struct dispatch *d, struct source *sources)
{
	for (uint32_t i = 0; i < d->count; i++) {
		if (d->maps[i] >= d->p->meta.header->map_count)
			return -EINVAL;
		sources[i] = (struct source){d, &d->p->maps[d->maps[i]]};
		if (!sources[i].map->handler)
			return -ENOENT;
		int err = add_ring(d, &sources[i]);
		if (err)
			return err;
	}
	return 0;
}

/* Takes what is there. */
static int take_records(struct dispatch *d)
{
	int err = d->rings ? ring_buffer__consume(d->rings) : 0;
	return d->is_over || err >= 0 ? 0 : err;
}

/* Milliseconds to wait, rounded up; -1 for any time. */
static int time_left(const struct dispatch *d)
{
	uint64_t now = ks_now_ns();
	if (d->end == UINT64_MAX)
		return -1;
	uint64_t left = now < d->end ? (d->end - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

static int wait_for_records(struct dispatch *d)
{
	struct pollfd on[2] = {{.fd = d->waker, .events = POLLIN}};
	nfds_t count = 1;
	if (d->rings)
		on[count++] = (struct pollfd){ring_buffer__epoll_fd(d->rings), POLLIN, 0};
	int err = poll(on, count, time_left(d));
	d->is_over = d->is_over || d->p->is_interrupted || is_late(d);
	return err < 0 && errno != EINTR ? -errno : 0;
}

static int32_t run(struct dispatch *d)
{
	int err = 0;
	while (!err && !d->is_over) {
		err = take_records(d);
		if (!err && !d->is_over)
			err = wait_for_records(d);
	}
	return err ? err : d->result;
}

/* When a dispatch that begins now ends. */
static uint64_t end_of(uint64_t timeout_ms)
{
	uint64_t ns, end;
	if (timeout_ms == UINT64_MAX || __builtin_mul_overflow(timeout_ms, NS_PER_MS, &ns) ||
	    __builtin_add_overflow(ks_now_ns(), ns, &end))
		return UINT64_MAX;
	return end;
}

int32_t ks_dispatch(const uint32_t *maps, uint32_t count, uint64_t timeout_ms)
{
	struct program *p = program_current();
	struct dispatch d = {.p = p, .maps = maps, .count = count, .end = end_of(timeout_ms)};
	struct source *sources = calloc(count + 1, sizeof *sources);
	print_flush(p);
	d.waker = eventfd(0, EFD_CLOEXEC);
	int32_t result = sources && d.waker >= 0 ? open_sources(&d, sources) : -ENOMEM;
	if (result == 0) {
		process_divert(p, d.waker);
		result = run(&d);
		process_divert(p, -1);
	} else {
		report(p, "dispatch: the records cannot be read: %s", strerror(-result));
	}
	ring_buffer__free(d.rings);
	if (d.waker >= 0)
		close(d.waker);
	free(sources);
	return result;
}
