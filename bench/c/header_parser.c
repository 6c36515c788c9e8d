/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "header_parser.skel.h"

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, count;
	const struct number_option numbers[] = {{"seconds", &seconds}};
	parse_options(argc, argv, interface, numbers, 1);
	setlinebuf(stdout);
	struct header_parser_bpf *bpf = header_parser_bpf__open_and_load();
	if (!bpf || attach_xdp(bpf->progs.header_parser, interface))
		return 1;
	printf("parsing\n");
	sleep((unsigned)seconds);
	printf("plain %llu, tagged %llu, ipv4 %llu, ipv6 %llu, too short %llu\n", bpf->bss->plain,
	       bpf->bss->tagged, bpf->bss->ipv4, bpf->bss->ipv6, bpf->bss->too_short);
	unsigned short key, next;
	int fd = bpf_map__fd(bpf->maps.vlans);
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
		key = next;
		if (bpf_map_lookup_elem(fd, &key, &count) == 0)
			printf("vlan %u: %llu packets\n", key, count);
	}
	detach_xdp(interface);
	header_parser_bpf__destroy(bpf);
	return 0;
}
