/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "firewall.skel.h"

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, close_port = 0, max_icmp = 0;
	const struct number_option numbers[] = {
		{"seconds", &seconds}, {"close-port", &close_port}, {"max-icmp", &max_icmp}};
	parse_options(argc, argv, interface, numbers, 3);
	setlinebuf(stdout);
	struct firewall_bpf *bpf = firewall_bpf__open_and_load();
	if (!bpf)
		return 1;
	unsigned short port = (unsigned short)close_port;
	bool yes = true;
	if (close_port)
		bpf_map_update_elem(bpf_map__fd(bpf->maps.closed_ports), &port, &yes, BPF_ANY);
	if (max_icmp)
		bpf->data->max_icmp = (unsigned)max_icmp;
	if (attach_xdp(bpf->progs.firewall, interface))
		return 1;
	printf("filtering\n");
	sleep((unsigned)seconds);
	const struct bpf_map *verdicts = bpf->maps.verdicts;
	printf("passed %llu, closed port %llu, large icmp %llu, fragment %llu, broken %llu\n",
	       percpu_sum(verdicts, 0), percpu_sum(verdicts, 1), percpu_sum(verdicts, 2),
	       percpu_sum(verdicts, 3), percpu_sum(verdicts, 4));
	detach_xdp(interface);
	firewall_bpf__destroy(bpf);
	return 0;
}
