/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "off_cpu.skel.h"

static void show(const void *name, const void *value)
{
	const unsigned long long *stay = value;
	printf("%s %llu times %llu us, longest %llu us\n", (const char *)name, stay[0],
	       stay[1] / 1000, stay[2] / 1000);
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, least_us = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}, {"least-us", &least_us}};
	parse_options(argc, argv, interface, numbers, 2);
	setlinebuf(stdout);
	struct off_cpu_bpf *bpf = off_cpu_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf->bss->least_ns = least_us * 1000;
	if (off_cpu_bpf__attach(bpf))
		return 1;
	printf("measuring\n");
	sleep((unsigned)seconds);
	off_cpu_bpf__detach(bpf);
	for_each_entry(bpf->maps.stays, show);
	off_cpu_bpf__destroy(bpf);
	return 0;
}
