/* SPDX-License-Identifier: Apache-2.0 */
#include "trace_loader.h"
#include "lsm_policy.skel.h"

/* lsm_policy PROGRAM FILE SECONDS */
int main(int argc, char **argv)
{
	char program[16] = "", file[32] = "";
	unsigned one = 1;
	if (argc != 4)
		return 2;
	snprintf(program, sizeof program, "%s", argv[1]);
	snprintf(file, sizeof file, "%s", argv[2]);
	struct lsm_policy_bpf *bpf = lsm_policy_bpf__open_and_load();
	if (!bpf)
		return 1;
	bpf_map_update_elem(bpf_map__fd(bpf->maps.watched_programs), program, &one, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(bpf->maps.secret_files), file, &one, BPF_ANY);
	if (lsm_policy_bpf__attach(bpf))
		return 1;
	printf("in force\n");
	sleep((unsigned)strtoul(argv[3], NULL, 10));
	printf("refused files %llu programs %llu\n", bpf->bss->refused_files,
	       bpf->bss->refused_programs);
	lsm_policy_bpf__destroy(bpf);
	return 0;
}
