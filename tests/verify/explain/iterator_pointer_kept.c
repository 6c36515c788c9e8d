/* SPDX-License-Identifier: Apache-2.0 */
// reason: not-a-pointer
#include "bpf.h"

KFUNC int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end);
KFUNC int *bpf_iter_num_next(struct bpf_iter_num *it);
KFUNC void bpf_iter_num_destroy(struct bpf_iter_num *it);

SEC("xdp") int run(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i, last = 0;
	bpf_iter_num_new(&it, 0, 10);
	i = bpf_iter_num_next(&it);
	bpf_iter_num_destroy(&it);
	if (i)
		last = *(volatile int *)i;
	return last ? 1 : 2;
}

LICENSE("GPL");
