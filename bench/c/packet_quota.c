/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "packet_quota.skel.h"

static void show_counts(const struct bpf_map *map)
{
	unsigned key, next;
	unsigned long long count;
	int fd = bpf_map__fd(map);
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
		key = next;
		if (bpf_map_lookup_elem(fd, &key, &count) == 0)
			printf("%s sent %llu packets\n", address_text(key), count);
	}
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long limit = 0, next_limit = 0, seconds = 0;
	const struct number_option numbers[] = {
		{"limit", &limit}, {"next-limit", &next_limit}, {"seconds", &seconds}};
	parse_options(argc, argv, interface, numbers, 3);
	setlinebuf(stdout);
	struct packet_quota_bpf *bpf = packet_quota_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf->data->limit = (unsigned)limit;
	if (attach_xdp(bpf->progs.packet_quota, interface))
		return 1;
	printf("limit: %llu packets from each source\n", limit);
	usleep((unsigned)seconds * 500000);
	if (next_limit) {
		bpf->data->limit = (unsigned)next_limit;
		printf("limit: %llu packets from each source, changed while running\n", next_limit);
	}
	usleep((unsigned)seconds * 500000);
	show_counts(bpf->maps.packet_counts);
	detach_xdp(interface);
	packet_quota_bpf__destroy(bpf);
	return 0;
}
