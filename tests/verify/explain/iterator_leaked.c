/* SPDX-License-Identifier: Apache-2.0 */
// reason: reference-leak
#include "bpf.h"

KFUNC int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end);
KFUNC int *bpf_iter_num_next(struct bpf_iter_num *it);
KFUNC void bpf_iter_num_destroy(struct bpf_iter_num *it);

SEC("xdp") int run(struct xdp_md *ctx)
{
	struct bpf_iter_num it;
	int *i, sum = 0;
	bpf_iter_num_new(&it, 0, 10);
	while ((i = bpf_iter_num_next(&it))) {
		sum += *i;
		if (sum > 20)
			return 1;
	}
	bpf_iter_num_destroy(&it);
	return 2;
}

LICENSE("GPL");
