/* SPDX-License-Identifier: Apache-2.0 */
// reason: rcu-section
#include "bpf.h"

KFUNC void bpf_rcu_read_lock(void);
KFUNC void bpf_rcu_read_unlock(void);

SEC("syscall") int hold(u64 *ctx)
{
	bpf_rcu_read_lock();
	if (bpf_get_prandom_u32() & 1)
		return 0;
	bpf_rcu_read_unlock();
	return 0;
}

LICENSE("GPL");
