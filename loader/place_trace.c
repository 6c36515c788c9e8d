/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places of programs that watch: tracepoints, functions of the kernel and of other programs, security
 * hooks, iterators. Each is a link of the kernel, or a performance event where the kernel is too old
 * for links of those (before 5.15), and ends with its descriptor.
 *
 * The kernel's control files are read from sysfs and tracefs; perf_event_open(2) is called directly.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/perf.h"
#include "loader/place_kind.h"
#include "loader/place_note.h"
#include "loader/program.h"
#include "loader/symbol.h"

enum {
	ATTACH_ITERATOR = 28, // enum bpf_attach_type
	ATTACH_PERF = 41,
	PATH_SIZE = 512,
};

/* ---- programs whose target is decided when they are loaded ---- */

static int attach_typed(struct program *p, struct place *place, int program_fd)
{
	(void)p;
	int link = bpf_raw_tracepoint_open(NULL, program_fd);
	if (link < 0)
		return -errno;
	place->link = link;
	return 0;
}

/* ---- performance events ---- */

int perf_open(struct perf_event_attr *attr, int pid, int cpu)
{
	attr->size = sizeof *attr;
	long fd = syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

/* The event runs the program. Gives the descriptor that keeps it so, and takes over `event`. */
int perf_attach_program(int event, int program_fd, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	int link = bpf_link_create(program_fd, event, (enum bpf_attach_type)ATTACH_PERF, &opts);
	int err = link < 0 ? -errno : 0;
	bool is_old = err == -EINVAL || err == -EOPNOTSUPP;
	if (is_old)
		err = ioctl(event, PERF_EVENT_IOC_SET_BPF, program_fd) < 0 ? -errno : 0;
	if (!err && ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0)
		err = -errno;
	if (err && link >= 0)
		close(link);
	if (err || link >= 0)
		close(event);
	return err ? err : link >= 0 ? link : event;
}

/* A number at the beginning of a file, or a negative errno. */
static long read_number(const char *path)
{
	char text[32] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	return n > 0 ? strtol(text, NULL, 10) : -EIO;
}

static int attach_event(struct program *p, struct place *place, int program_fd)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	char path[PATH_SIZE];
	long id = -ENOENT;
	for (size_t i = 0; id < 0 && i < sizeof roots / sizeof *roots; i++) {
		snprintf(path, sizeof path, "%s/events/%s/id", roots[i], place->target);
		id = read_number(path);
	}
	if (id < 0) {
		snprintf(p->warning, sizeof p->warning, "%s",
			 access("/sys/kernel/tracing/events", F_OK) == 0 ||
					 access("/sys/kernel/debug/tracing/events", F_OK) == 0
				 ? "the kernel has no such tracepoint"
				 : "tracefs is not mounted at /sys/kernel/tracing");
		return (int)id;
	}
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.config = (uint64_t)id,
		.sample_period = 1,
		.wakeup_events = 1,
	};
	int event = perf_open(&attr, -1, 0);
	if (event < 0)
		return event;
	place->link = perf_attach_program(event, program_fd, 0);
	return place->link < 0 ? place->link : 0;
}

/* ---- functions ---- */

long perf_unit_type(const char *unit, char *why, size_t why_size)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "/sys/bus/event_source/devices/%s/type", unit);
	long type = read_number(path);
	if (type < 0)
		snprintf(why, why_size, "this kernel has no %ss", unit);
	return type < 0 ? -EOPNOTSUPP : type;
}

static int attach_probe(struct program *p, struct place *place, int program_fd, const char *unit,
			const char *name, uint64_t offset, uint64_t config)
{
	long type = perf_unit_type(unit, p->warning, sizeof p->warning);
	if (type < 0)
		return (int)type;
	struct perf_event_attr attr = {
		.type = (uint32_t)type,
		.config = config | place->kind->point, // bit 0: at the return
		.kprobe_func = (uint64_t)(uintptr_t)name,
		.probe_offset = offset,
	};
	int event = perf_open(&attr, -1, 0);
	if (event < 0)
		return event;
	place->link = perf_attach_program(event, program_fd, 0);
	return place->link < 0 ? place->link : 0;
}

static int attach_kernel_function(struct program *p, struct place *place, int program_fd)
{
	char name[PLACE_TARGET_SIZE];
	snprintf(name, sizeof name, "%s", place->target);
	char *plus = strchr(name, '+');
	uint64_t offset = plus ? strtoull(plus + 1, NULL, 0) : 0;
	if (plus)
		*plus = '\0';
	return attach_probe(p, place, program_fd, "kprobe", name, offset, 0);
}

static int attach_user_function(struct program *p, struct place *place, int program_fd)
{
	struct symbol_place found;
	int err = symbol_find(place->target, &found, p->warning, sizeof p->warning);
	if (err)
		return err;
	return attach_probe(p, place, program_fd, "uprobe", found.path, found.offset, 0);
}

/* ---- iterators ---- */

/* Lets the iterator run and passes on what it writes. */
static int show_iterator(struct program *p, int link)
{
	char bytes[4096];
	int fd = bpf_iter_create(link);
	if (fd < 0)
		return -errno;
	print_flush(p);
	ssize_t n = 0;
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		if (fwrite(bytes, 1, (size_t)n, stdout) != (size_t)n)
			break;
	int err = n < 0 ? -errno : 0;
	fflush(stdout);
	close(fd);
	return err;
}

/* A target with a slash is the file in which the iterator can be read; else it runs once, now. */
static int attach_iterator(struct program *p, struct place *place, int program_fd)
{
	int link = bpf_link_create(program_fd, 0, (enum bpf_attach_type)ATTACH_ITERATOR, NULL);
	if (link < 0)
		return -errno;
	int err;
	if (strchr(place->target, '/')) {
		err = bpf_obj_pin(link, place->target) < 0 ? -errno : 0;
		if (!err) {
			place->link = link;
			return 0;
		}
	} else {
		err = show_iterator(p, link);
	}
	close(link);
	return err;
}

/* ---- the table ---- */

static int clear_link(const struct place *place, int program_fd)
{
	(void)program_fd;
	if (place->more)
		return place_clear_note(place);
	if (place->kind->target == TARGET_ITERATOR && strchr(place->target, '/'))
		unlink(place->target);
	return place->link > 0 && close(place->link) < 0 ? -errno : 0;
}

static uint32_t no_program(const struct place *place)
{
	(void)place;
	return 0;
}

static void no_command(const struct place *place, char *out, size_t size)
{
	(void)place;
	snprintf(out, size, "(it ends with the program)");
}

#define WATCHER(text, how, sort, bit)                                                              \
	{                                                                                          \
		.name = text, .attach = how, .clear = clear_link, .program_id = no_program,        \
		.command = no_command, .target = sort, .ends = true, .point = bit                  \
	}

const struct place_kind place_trace_kinds[] = {
	WATCHER("fentry", attach_typed, TARGET_FIXED, 0),
	WATCHER("fexit", attach_typed, TARGET_FIXED, 0),
	WATCHER("tp_btf", attach_typed, TARGET_FIXED, 0),
	WATCHER("lsm", attach_typed, TARGET_FIXED, 0),
	WATCHER("kprobe", attach_kernel_function, TARGET_FUNCTION, 0),
	WATCHER("kretprobe", attach_kernel_function, TARGET_FUNCTION, 1),
	WATCHER("tracepoint", attach_event, TARGET_EVENT, 0),
	WATCHER("uprobe", attach_user_function, TARGET_SYMBOL, 0),
	WATCHER("uretprobe", attach_user_function, TARGET_SYMBOL, 1),
	WATCHER("usdt", place_attach_note, TARGET_NOTE, 0),
	WATCHER("iter", attach_iterator, TARGET_ITERATOR, 0),
};
const size_t place_trace_kind_count = sizeof place_trace_kinds / sizeof *place_trace_kinds;
