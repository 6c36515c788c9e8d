/* SPDX-License-Identifier: Apache-2.0 */
// reason: may-sleep
#include "bpf.h"

KFUNC void bpf_rcu_read_lock(void);
KFUNC void bpf_rcu_read_unlock(void);

SEC("syscall") int open(u64 *ctx)
{
	u64 value = 0;
	bpf_rcu_read_lock();
	bpf_copy_from_user(&value, sizeof(value), (void *)0x1000);
	bpf_rcu_read_unlock();
	return 0;
}

LICENSE("GPL");
