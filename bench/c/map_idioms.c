/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "map_idioms.skel.h"

static void show_counts(const struct map_idioms_bpf *bpf)
{
	unsigned key, next;
	unsigned long long count;
	int fd = bpf_map__fd(bpf->maps.connection_count);
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
		unsigned short size = 0;
		key = next;
		bpf_map_lookup_elem(fd, &key, &count);
		bpf_map_lookup_elem(bpf_map__fd(bpf->maps.ip_stats), &key, &size);
		printf("%s: %llu packets, %u bytes\n", address_text(key), count, size);
	}
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, block = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}, {"block", &block}};
	parse_options(argc, argv, interface, numbers, 2);
	setlinebuf(stdout);
	struct map_idioms_bpf *bpf = map_idioms_bpf__open_and_load();
	if (!bpf)
		return 1;
	unsigned key = (unsigned)block;
	bool yes = true;
	if (block)
		bpf_map_update_elem(bpf_map__fd(bpf->maps.blocked), &key, &yes, BPF_ANY);
	if (attach_xdp(bpf->progs.map_idioms, interface))
		return 1;
	printf("counting\n");
	sleep((unsigned)seconds);
	show_counts(bpf);
	detach_xdp(interface);
	map_idioms_bpf__destroy(bpf);
	return 0;
}
