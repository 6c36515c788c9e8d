/* SPDX-License-Identifier: Apache-2.0 */
/* What the userspace halves of the comparison share: options as --name value or --name=value. */
#ifndef BENCH_LOADER_H
#define BENCH_LOADER_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct number_option {
	const char *name;
	unsigned long long *value;
};

/* Fills `interface` (16 bytes) and the numbers; exits with status 2 on a wrong option. */
static inline void parse_options(int argc, char **argv, char *interface,
				 const struct number_option *numbers, int count)
{
	struct option options[16] = {{"interface", required_argument, NULL, 0}};
	for (int i = 0; i < count; i++)
		options[i + 1] = (struct option){numbers[i].name, required_argument, NULL, 0};
	int index;
	for (int c; (c = getopt_long(argc, argv, "", options, &index)) != -1;) {
		char *end = optarg;
		if (c != 0)
			exit(2);
		if (index == 0 && strlen(optarg) < IF_NAMESIZE) {
			strcpy(interface, optarg);
			continue;
		}
		if (index > 0)
			*numbers[index - 1].value = strtoull(optarg, &end, 0);
		if (*end) {
			fprintf(stderr, "wrong value: %s\n", optarg);
			exit(2);
		}
	}
}

static inline int attach_xdp(const struct bpf_program *prog, const char *interface)
{
	int error = bpf_xdp_attach((int)if_nametoindex(interface), bpf_program__fd(prog),
				   XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (error)
		fprintf(stderr, "cannot attach to %s: %s\n", interface, strerror(-error));
	return error;
}

static inline void detach_xdp(const char *interface)
{
	bpf_xdp_detach((int)if_nametoindex(interface), 0, NULL);
}

static inline const char *address_text(unsigned address)
{
	struct in_addr in = {htonl(address)};
	return inet_ntoa(in);
}

/* Sum over the CPUs of a 64-bit per-CPU value. */
static inline unsigned long long percpu_sum(const struct bpf_map *map, unsigned key)
{
	unsigned long long values[1024] = {0}, sum = 0;
	bpf_map_lookup_elem(bpf_map__fd(map), &key, values);
	for (int i = 0; i < libbpf_num_possible_cpus() && i < 1024; i++)
		sum += values[i];
	return sum;
}

#endif
