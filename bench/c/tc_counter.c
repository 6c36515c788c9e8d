/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "tc_counter.skel.h"

static int attach_tc(struct bpf_tc_hook *hook, const struct bpf_program *prog,
		     enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(prog));
	hook->attach_point = point;
	int error = bpf_tc_hook_create(hook);
	return error && error != -EEXIST ? error : bpf_tc_attach(hook, &options);
}

static unsigned long long count_of(const struct bpf_map *map, unsigned key)
{
	unsigned long long count = 0;
	bpf_map_lookup_elem(bpf_map__fd(map), &key, &count);
	return count;
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, ingress = -1, egress = -1;
	const struct number_option numbers[] = {{"seconds", &seconds},
						{"drop-ingress-above", &ingress},
						{"drop-egress-above", &egress}};
	parse_options(argc, argv, interface, numbers, 3);
	setlinebuf(stdout);
	struct tc_counter_bpf *bpf = tc_counter_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf->data->limit_ingress = ingress;
	bpf->data->limit_egress = egress;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(interface));
	if (attach_tc(&hook, bpf->progs.count_in, BPF_TC_INGRESS) ||
	    attach_tc(&hook, bpf->progs.count_out, BPF_TC_EGRESS))
		return 1;
	printf("counting\n");
	sleep((unsigned)seconds);
	printf("in %llu out %llu\n", count_of(bpf->maps.counts, 1), count_of(bpf->maps.counts, 2));
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	tc_counter_bpf__destroy(bpf);
	return 0;
}
