/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "runqueue_latency.skel.h"

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}};
	parse_options(argc, argv, interface, numbers, 1);
	setlinebuf(stdout);
	struct runqueue_latency_bpf *bpf = runqueue_latency_bpf__open_and_load();
	if (!bpf || runqueue_latency_bpf__attach(bpf))
		return 1;
	printf("measuring\n");
	sleep((unsigned)seconds);
	runqueue_latency_bpf__detach(bpf);
	for (unsigned row = 0; row < 32; row++)
		if (percpu_sum(bpf->maps.histogram, row))
			printf("below %llu us: %llu\n", 2ull << row,
			       percpu_sum(bpf->maps.histogram, row));
	runqueue_latency_bpf__destroy(bpf);
	return 0;
}
