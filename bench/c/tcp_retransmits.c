/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "tcp_retransmits.skel.h"

struct connection {
	unsigned local, remote;
	unsigned short local_port, remote_port;
	unsigned char state;
};

static void show(const void *key, const void *count)
{
	const struct connection *c = key;
	printf("%x:%u -> %x:%u state %u: %llu\n", ntohl(c->local), c->local_port, ntohl(c->remote),
	       ntohs(c->remote_port), c->state, *(const unsigned long long *)count);
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}};
	parse_options(argc, argv, interface, numbers, 1);
	setlinebuf(stdout);
	struct tcp_retransmits_bpf *bpf = tcp_retransmits_bpf__open_and_load();
	if (!bpf || tcp_retransmits_bpf__attach(bpf))
		return 1;
	printf("watching\n");
	sleep((unsigned)seconds);
	tcp_retransmits_bpf__detach(bpf);
	for_each_entry(bpf->maps.segments, show);
	printf("others %llu\n", bpf->bss->other_families);
	tcp_retransmits_bpf__destroy(bpf);
	return 0;
}
