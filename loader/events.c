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
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/program.h"

enum {
	RECORD_MAX = 65536,
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
	struct pollfd *on; // room for count + 2
	uint64_t end;      // when to give up, UINT64_MAX for never
	uint32_t taken;    // records
	int32_t result;    // of the handler that ended it, or negative errno
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

/* Losses are counted where they happen, in eBPF. */
static enum bpf_perf_event_ret take_perf_record(void *context, int cpu,
						struct perf_event_header *header)
{
	const struct map_state *map = context;
	const struct {
		struct perf_event_header header;
		uint32_t size;
		char data[];
	} *sample = (const void *)header;
	(void)cpu;
	if (header->type != PERF_RECORD_SAMPLE)
		return LIBBPF_PERF_EVENT_CONT;
	memcpy(map->dispatch->p->record, sample->data, sample->size);
	return handle(map->dispatch, map, map->dispatch->p->record) ? LIBBPF_PERF_EVENT_CONT
								    : LIBBPF_PERF_EVENT_DONE;
}

/* ---- handlers ---- */

/* Events can be sent as soon as each CPU has its buffer. */
static int open_perf_buffer(struct program *p, uint32_t map)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = p->meta.maps[map].buffer_size;
	if (!p->record)
		p->record = malloc(RECORD_MAX);
	if (!p->record)
		return -ENOMEM;
	struct map_state *state = &p->maps[map];
	state->buffer = perf_buffer__new_raw(state->fd, size > page ? size / page : 1, &attr,
					     take_perf_record, state, NULL);
	return state->buffer ? 0 : -errno;
}

void ks_on_event(uint32_t map, record_handler *handler)
{
	struct program *p = program_current();
	if (map >= p->meta.header->map_count)
		return;
	struct map_state *state = &p->maps[map];
	state->handler = handler;
	if (state->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY || state->buffer || machine_of(p))
		return;
	int err = open_perf_buffer(p, map);
	if (err)
		log_explain_refusal(p, "opening the buffers for events", false, err);
}

void events_close(struct program *p)
{
	for (uint32_t i = 0; p->maps && i < p->meta.header->map_count; i++) {
		perf_buffer__free(p->maps[i].buffer);
		user_ring_buffer__free(p->maps[i].sender);
	}
}

/* ---- the other way ---- */

int32_t ks_user_ring_send(uint32_t map, const void *record, uint64_t size)
{
	struct program *p = program_current();
	if (map >= p->meta.header->map_count || size > UINT32_MAX)
		return -EINVAL;
	struct map_state *state = &p->maps[map];
	if (machine_of(p))
		return machine_send(p, state->fd, record, (uint32_t)size);
	if (!state->sender)
		state->sender = user_ring_buffer__new(state->fd, NULL);
	void *room =
		state->sender ? user_ring_buffer__reserve(state->sender, (uint32_t)size) : NULL;
	if (!room)
		return -errno;
	memcpy(room, record, size);
	user_ring_buffer__submit(state->sender, room);
	return 0;
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
		struct map_state *map = &d->p->maps[d->maps[i]];
		if (map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
			map->dispatch = d;
			if (!map->buffer)
				return -ENOENT;
			continue;
		}
		int err = add_ring(d, &sources[i]);
		if (err)
			return err;
	}
	return 0;
}

static struct perf_buffer *buffer_at(const struct dispatch *d, uint32_t i)
{
	return d->p->maps[d->maps[i]].buffer;
}

/* Takes what is there. */
static int take_records(struct dispatch *d)
{
	int err = d->rings ? ring_buffer__consume(d->rings) : 0;
	for (uint32_t i = 0; i < d->count; i++) {
		struct perf_buffer *buffer = buffer_at(d, i);
		for (size_t cpu = 0; buffer && cpu < perf_buffer__buffer_cnt(buffer); cpu++)
			if (!d->is_over && err >= 0)
				err = perf_buffer__consume_buffer(buffer, cpu);
	}
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
	nfds_t count = 1;
	d->on[0] = (struct pollfd){.fd = d->waker, .events = POLLIN};
	if (d->rings)
		d->on[count++] = (struct pollfd){ring_buffer__epoll_fd(d->rings), POLLIN, 0};
	for (uint32_t i = 0; i < d->count; i++)
		if (buffer_at(d, i))
			d->on[count++] =
				(struct pollfd){perf_buffer__epoll_fd(buffer_at(d, i)), POLLIN, 0};
	int err = poll(d->on, count, time_left(d));
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
	if (machine_of(p))
		return machine_dispatch(p, maps, count, timeout_ms);
	struct dispatch d = {.p = p, .maps = maps, .count = count, .end = end_of(timeout_ms)};
	struct source *sources = calloc(count + 1, sizeof *sources);
	print_flush(p);
	d.waker = eventfd(0, EFD_CLOEXEC);
	d.on = calloc(count + 2u, sizeof *d.on);
	int32_t result = sources && d.on && d.waker >= 0 ? open_sources(&d, sources) : -ENOMEM;
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
	free(d.on);
	free(sources);
	return result;
}
