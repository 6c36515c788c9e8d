/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "open_snoop.skel.h"

struct opening {
	unsigned flags;
	char name[16], path[128];
};

struct seen {
	int result;
	unsigned pid;
	unsigned long long count;
};

static void show(const void *key, const void *value)
{
	const struct opening *o = key;
	const struct seen *s = value;
	printf("%s %u flags %x gave %d, %llu times: %s\n", o->name, s->pid, o->flags, s->result,
	       s->count, o->path);
}

int main(int argc, char **argv)
{
	char interface[IF_NAMESIZE] = "";
	unsigned long long seconds = 0, failed_only = 0;
	const struct number_option numbers[] = {{"seconds", &seconds},
						{"failed-only", &failed_only}};
	parse_options(argc, argv, interface, numbers, 2);
	setlinebuf(stdout);
	struct open_snoop_bpf *bpf = open_snoop_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf->bss->failed_only = failed_only != 0;
	if (open_snoop_bpf__attach(bpf))
		return 1;
	printf("watching\n");
	sleep((unsigned)seconds);
	open_snoop_bpf__detach(bpf);
	for_each_entry(bpf->maps.opened, show);
	open_snoop_bpf__destroy(bpf);
	return 0;
}
