/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "syscall_counter.skel.h"

static void show(const void *name, const void *calls)
{
	printf("%s %llu\n", (const char *)name, *(const unsigned long long *)calls);
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, pid = 0;
	const struct number_option numbers[] = {{"seconds", &seconds}, {"pid", &pid}};
	parse_options(argc, argv, interface, numbers, 2);
	setlinebuf(stdout);
	struct syscall_counter_bpf *bpf = syscall_counter_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf->bss->only_pid = (unsigned)pid;
	if (syscall_counter_bpf__attach(bpf))
		return 1;
	printf("counting\n");
	sleep((unsigned)seconds);
	syscall_counter_bpf__detach(bpf);
	for (unsigned i = 0; i < 512; i++)
		if (percpu_sum(bpf->maps.by_number, i))
			printf("call %u times %llu\n", i, percpu_sum(bpf->maps.by_number, i));
	for_each_entry(bpf->maps.by_name, show);
	printf("other %llu\n", bpf->bss->other);
	syscall_counter_bpf__destroy(bpf);
	return 0;
}
