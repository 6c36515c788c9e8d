/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of the helpers for time, chance, the current task, text, unchecked reads and loops. Results
 * as in kernel/bpf/helpers.c and kernel/trace/bpf_trace.c, Linux 6.12; time and chance come from the
 * machine's options.
 */
#include <errno.h>
#include <string.h>

#include "bpf-backend/vm/machine.h"

#define ERROR(number) ((uint64_t)(int64_t) - (number))

enum { TIME_STEP_NS = 1000, JIFFY_NS = 4000000, PRINTK_ARGS = 3, MAX_PRINT_ARGS = 12 };

uint64_t vm_helper_loop(struct vm_call *call)
{
	uint32_t count = (uint32_t)call->arg[0];
	if (call->arg[3])
		return ERROR(EINVAL);
	if (count > VM_LOOP_BUDGET) // the verifier's inlined form sets the lower half alone
		return (uint32_t)-E2BIG;
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t args[5] = {i, call->arg[2]};
		uint64_t result = vm_execute(call->vm, (uint32_t)call->arg[1], args);
		if (result || call->vm->fault.kind)
			return i + 1;
	}
	return count;
}

uint64_t vm_helper_ktime_get_ns(struct vm_call *call)
{
	uint64_t now = call->vm->time_ns;
	call->vm->time_ns += TIME_STEP_NS;
	return now;
}

uint64_t vm_helper_ktime_get_boot_ns(struct vm_call *call)
{
	return vm_helper_ktime_get_ns(call);
}

uint64_t vm_helper_ktime_get_coarse_ns(struct vm_call *call)
{
	return vm_helper_ktime_get_ns(call);
}

uint64_t vm_helper_ktime_get_tai_ns(struct vm_call *call)
{
	return vm_helper_ktime_get_ns(call);
}

uint64_t vm_helper_jiffies64(struct vm_call *call)
{
	return vm_helper_ktime_get_ns(call) / JIFFY_NS;
}

/* A counter through a mixing function. */
uint64_t vm_helper_get_prandom_u32(struct vm_call *call)
{
	return hash_u64(call->vm->random++) >> 32;
}

uint64_t vm_helper_get_smp_processor_id(struct vm_call *call)
{
	return call->vm->cpu;
}

uint64_t vm_helper_get_numa_node_id(struct vm_call *call)
{
	(void)call;
	return 0;
}

uint64_t vm_helper_get_current_pid_tgid(struct vm_call *call)
{
	return call->vm->pid_tgid;
}

uint64_t vm_helper_get_current_uid_gid(struct vm_call *call)
{
	return call->vm->options.uid_gid;
}

/* The root of the hierarchy. */
uint64_t vm_helper_get_current_cgroup_id(struct vm_call *call)
{
	(void)call;
	return 1;
}

/* Nobody gave one. */
uint64_t vm_helper_get_attach_cookie(struct vm_call *call)
{
	(void)call;
	return 0;
}

uint64_t vm_helper_get_current_comm(struct vm_call *call)
{
	size_t size = call->arg[1], len = strlen(call->vm->options.comm);
	memset(call->mem[0], 0, size);
	memcpy(call->mem[0], call->vm->options.comm, len < size ? len : size - 1);
	return 0;
}

/* Appends a line to what was printed; gives its length. */
static uint64_t print_line(struct vm_call *call, const uint64_t *values, uint32_t count)
{
	struct buf *out = &call->vm->printed;
	size_t before = out->len;
	int err = vm_format(call->vm, out, (const char *)call->mem[0], (uint32_t)call->arg[1],
			    &(struct vm_format_args){values, count});
	if (err)
		return (uint64_t)(int64_t)err;
	uint64_t len = out->len - before;
	if (!len || out->data[out->len - 1] != '\n')
		buf_add_char(out, '\n');
	return len;
}

uint64_t vm_helper_trace_printk(struct vm_call *call)
{
	return print_line(call, &call->arg[2], PRINTK_ARGS);
}

uint64_t vm_helper_trace_vprintk(struct vm_call *call)
{
	uint64_t values[MAX_PRINT_ARGS], bytes = call->mem[2] ? call->arg[3] : 0;
	if (bytes % 8 || bytes > sizeof values || (call->arg[3] && !call->mem[2]))
		return ERROR(EINVAL);
	if (bytes)
		memcpy(values, call->mem[2], bytes);
	return print_line(call, values, (uint32_t)(bytes / 8));
}

uint64_t vm_helper_snprintf(struct vm_call *call)
{
	uint64_t values[MAX_PRINT_ARGS], size = call->arg[1];
	uint64_t bytes = call->mem[3] ? call->arg[4] : 0;
	const char *format = (const char *)call->mem[2];
	uint8_t *to = vm_argument(call, 0, size, true);
	struct buf text;
	if (!to)
		return 0;
	if (bytes % 8 || bytes > sizeof values || (call->arg[4] && !call->mem[3]))
		return ERROR(EINVAL);
	if (bytes)
		memcpy(values, call->mem[3], bytes);
	buf_init(&text);
	int err = vm_format(call->vm, &text, format, (uint32_t)strlen(format) + 1,
			    &(struct vm_format_args){values, (uint32_t)(bytes / 8)});
	uint64_t len = text.len;
	if (!err && size) {
		size_t copied = len < size ? len : size - 1;
		if (copied)
			memcpy(to, text.data, copied);
		to[copied] = 0;
	}
	buf_fini(&text);
	return err ? (uint64_t)(int64_t)err : len + 1;
}

/* ---- reads from any address ---- */

uint64_t vm_helper_probe_read(struct vm_call *call)
{
	uint64_t size = call->arg[1];
	const uint8_t *from = vm_memory(call->vm, call->arg[2], size, false);
	if (from)
		memmove(call->mem[0], from, size);
	else
		memset(call->mem[0], 0, size);
	return from ? 0 : ERROR(EFAULT);
}

uint64_t vm_helper_probe_read_kernel(struct vm_call *call)
{
	return vm_helper_probe_read(call);
}

uint64_t vm_helper_probe_read_user(struct vm_call *call)
{
	return vm_helper_probe_read(call);
}

uint64_t vm_helper_copy_from_user(struct vm_call *call)
{
	return vm_helper_probe_read(call);
}

uint64_t vm_helper_probe_read_str(struct vm_call *call)
{
	uint64_t size = call->arg[1];
	uint8_t *to = call->mem[0];
	for (uint64_t i = 0; i < size; i++) {
		const uint8_t *from = vm_memory(call->vm, call->arg[2] + i, 1, false);
		if (!from) {
			memset(to, 0, size);
			return ERROR(EFAULT);
		}
		to[i] = i + 1 == size ? 0 : *from;
		if (!to[i])
			return i + 1;
	}
	return 0;
}

uint64_t vm_helper_probe_read_kernel_str(struct vm_call *call)
{
	return vm_helper_probe_read_str(call);
}

uint64_t vm_helper_probe_read_user_str(struct vm_call *call)
{
	return vm_helper_probe_read_str(call);
}

/* ---- strings ---- */

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits in a base of 8, 10, 16 or (0) whatever the prefix says. Gives the bytes read, or a negative
 * errno. */
static int64_t read_number(const uint8_t *text, uint64_t len, uint64_t base, bool *is_negative,
			   uint64_t *value)
{
	uint64_t at = 0, first;
	if (base != 0 && base != 8 && base != 10 && base != 16)
		return -EINVAL;
	while (at < len && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')))
		at++;
	*is_negative = at < len && text[at] == '-';
	at += *is_negative;
	bool has_prefix = at + 2 < len && text[at] == '0' && (text[at + 1] | 0x20) == 'x' &&
			  digit_of(text[at + 2]) < 16;
	if (base == 0)
		base = has_prefix ? 16 : at < len && text[at] == '0' ? 8 : 10;
	if (base == 16 && has_prefix)
		at += 2;
	first = at;
	*value = 0;
	for (; at < len && (uint64_t)digit_of(text[at]) < base; at++) {
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, (uint64_t)digit_of(text[at]), value))
			return -ERANGE;
	}
	return at == first ? -EINVAL : (int64_t)at;
}

uint64_t vm_helper_strtol(struct vm_call *call)
{
	bool is_negative;
	uint64_t value, base = call->arg[2];
	int64_t used = read_number(call->mem[0], call->arg[1], base, &is_negative, &value);
	if (used < 0)
		return (uint64_t)used;
	if (value > (uint64_t)INT64_MAX + is_negative)
		return ERROR(ERANGE);
	value = is_negative ? 0 - value : value;
	memcpy(call->mem[3], &value, sizeof value);
	return (uint64_t)used;
}

uint64_t vm_helper_strtoul(struct vm_call *call)
{
	bool is_negative;
	uint64_t value;
	int64_t used = read_number(call->mem[0], call->arg[1], call->arg[2], &is_negative, &value);
	if (used >= 0 && is_negative)
		return ERROR(EINVAL);
	if (used >= 0)
		memcpy(call->mem[3], &value, sizeof value);
	return (uint64_t)used;
}

uint64_t vm_helper_strncmp(struct vm_call *call)
{
	for (uint64_t i = 0; i < call->arg[1]; i++) {
		int difference = call->mem[0][i] - call->mem[2][i];
		if (difference || !call->mem[0][i])
			return difference ? (uint64_t)(int64_t)(difference < 0 ? -1 : 1) : 0;
	}
	return 0;
}

/* Nothing else runs at the same time, so a lock is only held. */
static const char lock_name[] = "a spin lock";

static bool holds_lock(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->held.len; i++) {
		if (vm->held.data[i].what == lock_name)
			return true;
	}
	return false;
}

uint64_t vm_helper_spin_lock(struct vm_call *call)
{
	if (!vm_argument(call, 0, 4, true))
		return 0;
	if (holds_lock(call->vm))
		vm_raise(call->vm, VM_FAULT_HELPER, "a spin lock is taken while one is held");
	else
		vm_hold(call->vm, lock_name, (uint32_t)(call->arg[0] >> 32));
	return 0;
}

uint64_t vm_helper_spin_unlock(struct vm_call *call)
{
	if (!vm_let_go(call->vm, lock_name, (uint32_t)(call->arg[0] >> 32)))
		vm_raise(call->vm, VM_FAULT_HELPER, "a spin lock is released that is not held");
	return 0;
}
