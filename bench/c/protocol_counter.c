/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "protocol_counter.skel.h"

int main(int argc, char **argv)
{
	static const char *const names[] = {"tcp", "udp", "icmp", "other"};
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}};
	parse_options(argc, argv, interface, numbers, 1);
	setlinebuf(stdout);
	struct protocol_counter_bpf *bpf = protocol_counter_bpf__open_and_load();
	if (!bpf || attach_xdp(bpf->progs.count_protocols, interface))
		return 1;
	printf("counting\n");
	sleep((unsigned)seconds);
	for (unsigned row = 0; row < 4; row++) {
		struct {
			unsigned long long packets, bytes;
		} traffic = {0};
		bpf_map_lookup_elem(bpf_map__fd(bpf->maps.traffic), &row, &traffic);
		printf("%-5s %llu packets %llu bytes\n", names[row], traffic.packets,
		       traffic.bytes);
	}
	detach_xdp(interface);
	protocol_counter_bpf__destroy(bpf);
	return 0;
}
