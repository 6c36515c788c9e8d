// SPDX-License-Identifier: Apache-2.0
/*
 * How long the programs of an object take that the kernel cannot run by itself: they are attached to real
 * events, and the kernel's own statistics (BPF_STATS_RUN_TIME) tell time and number of their runs.
 *
 *	prog_events OBJECT [--group DIRECTORY] [--rounds N] [--events N]
 *	run NAME ns=N count=N
 *
 * In a round everything happens N times: an openat(2) of a file that is not there, two switches between processes on
 * one CPU, a connect(2) of a UDP socket and a datagram, a message over a TCP connection of this machine. The
 * time is the least mean of a round. DIRECTORY is a cgroup (version 2) for programs that want one; the process
 * joins it. A TCP congestion control of the object is used for the connection. Programs that did not run are
 * left out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PROGRAMS = 32, MESSAGE = 512, DISCARD_PORT = 9 };

struct options {
	const char *object, *group;
	int rounds, events;
};

struct watched {
	const struct bpf_program *prog;
	unsigned long long time, count; // at the start of the round
	double best;                    // ns; 0: it has not run
	unsigned long long runs;
};

struct partner { // a process that answers every byte with one
	int to, from;
	pid_t pid;
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* ---- attaching ---- */

static bool attach_to_map(struct bpf_object *object, const struct bpf_program *prog)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		enum bpf_map_type type = bpf_map__type(map);
		if (type == BPF_MAP_TYPE_SOCKHASH || type == BPF_MAP_TYPE_SOCKMAP)
			return !bpf_prog_attach(bpf_program__fd(prog), bpf_map__fd(map),
						BPF_SK_MSG_VERDICT, 0);
	}
	return false;
}

static bool attach(struct bpf_object *object, const struct bpf_program *prog, int group)
{
	switch ((int)bpf_program__type(prog)) {
	case BPF_PROG_TYPE_STRUCT_OPS:
		return true; // with its map
	case BPF_PROG_TYPE_SK_MSG:
		return attach_to_map(object, prog);
	case BPF_PROG_TYPE_SOCK_OPS:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SKB:
		return group >= 0 && !bpf_prog_attach(bpf_program__fd(prog), group,
						      bpf_program__expected_attach_type(prog), 0);
	default:
		return bpf_program__attach(prog) != NULL;
	}
}

/* Registers what the object has; gives its name or NULL. The kernel keeps it until the link goes. */
static const char *register_ops(struct bpf_object *object, struct bpf_link **link)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		*link = bpf_map__attach_struct_ops(map);
		if (*link)
			return bpf_map__name(map);
	}
	return NULL;
}

static int join_group(const char *directory)
{
	char path[512];
	if (!directory)
		return -1;
	snprintf(path, sizeof path, "%s/cgroup.procs", directory);
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1) {
		perror(path);
		exit(1);
	}
	close(fd);
	return open(directory, O_RDONLY | O_DIRECTORY);
}

/* ---- events ---- */

static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static struct partner start_partner(void)
{
	int there[2], back[2];
	char byte;
	if (pipe(there) || pipe(back))
		exit(1);
	pid_t pid = fork();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	return (struct partner){there[1], back[0], pid};
}

/* Both ends of a connection of this machine. */
static bool connect_ends(int ends[2], const char *control)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (control &&
	    setsockopt(ends[0], IPPROTO_TCP, TCP_CONGESTION, control, (socklen_t)strlen(control)))
		perror(control);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(ends[0], (struct sockaddr *)&address, len))
		return false;
	ends[1] = accept(listener, NULL, NULL);
	close(listener);
	return ends[1] >= 0;
}

static void send_datagram(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(DISCARD_PORT),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!connect(fd, (struct sockaddr *)&address, sizeof address))
		(void)!write(fd, "hello", 5);
	close(fd);
	struct sockaddr_in6 other = {.sin6_family = AF_INET6,
				     .sin6_port = htons(DISCARD_PORT),
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	(void)!connect(fd, (struct sockaddr *)&other, sizeof other);
	close(fd);
}

static void do_events(int count, const struct partner *partner, const int ends[2])
{
	char message[MESSAGE] = {0};
	for (int i = 0; i < count; i++) {
		int fd = openat(AT_FDCWD, "/there/is/no/such/file", O_RDONLY);
		if (fd >= 0)
			close(fd);
		if (write(partner->to, "", 1) != 1 || read(partner->from, message, 1) != 1)
			exit(1);
		send_datagram();
		if (send(ends[0], message, sizeof message, MSG_NOSIGNAL) == MESSAGE)
			recv(ends[1], message, sizeof message, MSG_DONTWAIT);
	}
}

/* ---- the result ---- */

static void read_stats(const struct bpf_program *prog, unsigned long long *time,
		       unsigned long long *count)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof info;
	*time = *count = 0;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return;
	*time = info.run_time_ns;
	*count = info.run_cnt;
}

static void finish_round(struct watched *w)
{
	unsigned long long time, count;
	read_stats(w->prog, &time, &count);
	w->runs += count - w->count;
	if (count == w->count)
		return;
	double mean = (double)(time - w->time) / (double)(count - w->count);
	if (!w->best || mean < w->best)
		w->best = mean;
}

static bool parse(struct options *o, char **argv)
{
	*o = (struct options){.object = argv[1], .rounds = 5, .events = 2000};
	for (argv += 2; o->object && *argv; argv += 2) {
		if (!argv[1])
			return false;
		if (!strcmp(*argv, "--group"))
			o->group = argv[1];
		else if (!strcmp(*argv, "--rounds"))
			o->rounds = atoi(argv[1]);
		else if (!strcmp(*argv, "--events"))
			o->events = atoi(argv[1]);
		else
			return false;
	}
	return o->object;
}

int main(int argc, char **argv)
{
	struct options o;
	struct watched watched[MAX_PROGRAMS] = {0};
	int count = 0, ends[2];
	if (argc < 2 || !parse(&o, argv)) {
		fprintf(stderr, "usage: prog_events OBJECT [--group DIRECTORY] [--rounds N] "
				"[--events N]\n");
		return 2;
	}
	libbpf_set_print(silent);
	stay_on_one_cpu();
	int group = join_group(o.group);
	struct bpf_object *object = bpf_object__open_file(o.object, NULL);
	struct bpf_program *prog;
	if (!object || bpf_object__load(object) || bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		return 1;
	bpf_object__for_each_program(prog, object)
	{
		if (count < MAX_PROGRAMS && attach(object, prog, group))
			watched[count++].prog = prog;
	}
	struct bpf_link *link = NULL;
	const char *control = register_ops(object, &link);
	struct partner partner = start_partner();
	if (!connect_ends(ends, control)) {
		bpf_link__destroy(link);
		return 1;
	}
	for (int round = 0; round < o.rounds; round++) {
		for (int i = 0; i < count; i++)
			read_stats(watched[i].prog, &watched[i].time, &watched[i].count);
		do_events(o.events, &partner, ends);
		for (int i = 0; i < count; i++)
			finish_round(&watched[i]);
	}
	for (int i = 0; i < count; i++)
		if (watched[i].runs)
			printf("run %s ns=%.1f count=%llu\n", bpf_program__name(watched[i].prog),
			       watched[i].best, watched[i].runs);
	kill(partner.pid, SIGKILL);
	waitpid(partner.pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	bpf_link__destroy(link);
	bpf_object__close(object);
	return 0;
}
