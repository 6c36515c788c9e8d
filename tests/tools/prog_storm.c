/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program that is loaded already, by BPF_PROG_TEST_RUN, many times on several CPUs at once:
 *
 *	prog_storm NAME TIMES CPUS [BYTES]
 *
 * so that tests of counters meet real concurrency. The newest program of that name is taken; each CPU
 * runs it TIMES times on a zeroed packet. Prints the runs per CPU; status 1 when something failed.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CPUS = 64, MAX_PACKET = 4096, BATCH = 100000 };

struct worker {
	pthread_t thread;
	pthread_barrier_t *start;
	int fd, cpu, error;
	long times, done;
	unsigned bytes;
};

static int find_program(const char *name)
{
	int found = -1;
	for (__u32 id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
		struct bpf_prog_info info = {0};
		__u32 len = sizeof info;
		int fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			continue;
		// The kernel keeps 15 characters of a name.
		if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && !strncmp(info.name, name, 15)) {
			if (found >= 0)
				close(found);
			found = fd;
		} else {
			close(fd);
		}
	}
	return found;
}

static void *work(void *data)
{
	static const unsigned char packet[MAX_PACKET];
	struct worker *w = data;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((unsigned)w->cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof set, &set))
		w->error = EINVAL;
	pthread_barrier_wait(w->start);
	while (!w->error && w->done < w->times) {
		long left = w->times - w->done;
		int batch = left < BATCH ? (int)left : BATCH;
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = w->bytes,
			    .repeat = batch);
		if (bpf_prog_test_run_opts(w->fd, &run))
			w->error = errno;
		else
			w->done += batch;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_CPUS];
	pthread_barrier_t start;
	int cpus = argc > 3 ? atoi(argv[3]) : 0, failed = 0;
	if (cpus < 1 || cpus > MAX_CPUS || argc > 5) {
		fprintf(stderr, "usage: prog_storm NAME TIMES CPUS [BYTES]\n");
		return 2;
	}
	int fd = find_program(argv[1]);
	if (fd < 0) {
		fprintf(stderr, "prog_storm: no program `%s` is loaded\n", argv[1]);
		return 1;
	}
	pthread_barrier_init(&start, NULL, (unsigned)cpus);
	for (int i = 0; i < cpus; i++) {
		workers[i] = (struct worker){.start = &start, .fd = fd, .cpu = i};
		workers[i].times = atol(argv[2]);
		workers[i].bytes = argc > 4 ? (unsigned)atoi(argv[4]) : 64;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 1;
	}
	for (int i = 0; i < cpus; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("cpu %d: %ld runs\n", i, workers[i].done);
		if (workers[i].error)
			fprintf(stderr, "prog_storm: %s\n", strerror(workers[i].error));
		failed |= workers[i].error;
	}
	return failed != 0;
}
