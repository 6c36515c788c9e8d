/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object in the kernel and in the interpreter at once: each program sees the same packets in the
 * same order; result and packet are compared after each run, all maps at the end. Hash maps get a few
 * entries first. Both sides have as many CPUs, and run on the same one.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "vmtest.h"

enum { SHORT_FRAME = 54, ETHERNET = 14 };

struct pair {
	struct bpf_object *kernel;
	struct vm *vm;
	unsigned cpus, cpu;
	int differences;
};

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 22);
	*len = in ? fread(bytes, 1, 1 << 22, in) : 0;
	if (in)
		fclose(in);
	return bytes;
}

static void print_bytes(const char *label, const uint8_t *bytes, size_t len)
{
	printf("  %s ", label);
	for (size_t i = 0; i < len && i < 64; i++)
		printf("%02x", bytes[i]);
	printf("%s\n", len > 64 ? "…" : "");
}

/* Map of the kernel's side; the name of a section of globals has the object's name before it. */
static struct bpf_map *kernel_map(const struct pair *pair, const struct vm_map_info *info)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, pair->kernel)
	{
		const char *name = bpf_map__name(map), *dot = strchr(name, '.');
		if (info->is_data ? dot && !strcmp(dot, info->name) : !strcmp(name, info->name))
			return map;
	}
	return NULL;
}

static size_t value_bytes(const struct pair *pair, const struct vm_map_info *info)
{
	bool is_percpu = info->type == BPF_MAP_TYPE_PERCPU_HASH ||
			 info->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
			 info->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	return is_percpu ? (info->value_size + 7) / 8 * 8 * (size_t)pair->cpus : info->value_size;
}

static bool has_entries(const struct vm_map_info *info)
{
	return info->type == BPF_MAP_TYPE_HASH || info->type == BPF_MAP_TYPE_PERCPU_HASH ||
	       info->type == BPF_MAP_TYPE_LRU_HASH || info->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static void fill_map(struct pair *pair, struct vm_map *map)
{
	static const uint32_t keys[] = {53, 0x0a000003, 0x0300000a};
	const struct vm_map_info *info = vm_map_get_info(map);
	struct bpf_map *other = kernel_map(pair, info);
	uint8_t key[64] = {0};
	uint8_t *value = calloc(1, value_bytes(pair, info) + 8);
	if (!other || !has_entries(info) || info->key_size > sizeof key)
		goto done;
	value[0] = 1;
	for (unsigned i = 0; i < 3; i++) {
		memcpy(key, &keys[i], info->key_size < 4 ? info->key_size : 4);
		int a = vm_map_update(map, key, value, 0);
		int b = bpf_map_update_elem(bpf_map__fd(other), key, value, 0) ? -errno : 0;
		if (a != b && pair->differences++ < MAX_SHOWN)
			printf("update of %s: vm %d, kernel %d\n", info->name, a, b);
	}
done:
	free(value);
}

/* Between the copies of a per-CPU value lie bytes that older kernels fill with anything. */
static bool same_values(const struct vm_map_info *info, const uint8_t *vm, const uint8_t *kernel,
			size_t bytes)
{
	size_t stride = info->value_size < bytes ? (info->value_size + 7) / 8 * 8 : bytes;

	for (size_t at = 0; at < bytes; at += stride)
		if (memcmp(vm + at, kernel + at, info->value_size) != 0)
			return false;
	return true;
}

static void compare_values(struct pair *pair, const struct vm_map_info *info, const uint8_t *key,
			   const uint8_t *vm, const uint8_t *kernel)
{
	size_t bytes = value_bytes(pair, info);
	if (same_values(info, vm, kernel, bytes) || pair->differences++ >= MAX_SHOWN)
		return;
	printf("map %s differs\n", info->name);
	print_bytes("key   ", key, info->key_size);
	print_bytes("vm    ", vm, bytes);
	print_bytes("kernel", kernel, bytes);
}

/* Every key of one side, looked up on both. */
static void compare_map(struct pair *pair, struct vm_map *map)
{
	const struct vm_map_info *info = vm_map_get_info(map);
	struct bpf_map *other = kernel_map(pair, info);
	size_t bytes = value_bytes(pair, info);
	uint8_t *key = calloc(1, info->key_size + 8), *next = calloc(1, info->key_size + 8);
	uint8_t *a = calloc(1, bytes + 8), *b = calloc(1, bytes + 8);
	unsigned count = 0, kernel_count = 0;
	void *previous = NULL;
	while (other && !vm_map_next_key(map, previous, next)) {
		memcpy(key, next, info->key_size);
		previous = key;
		count++;
		vm_map_lookup(map, key, a);
		if (bpf_map_lookup_elem(bpf_map__fd(other), key, b))
			memset(b, 0xee, bytes);
		compare_values(pair, info, key, a, b);
	}
	for (previous = NULL; other && !bpf_map_get_next_key(bpf_map__fd(other), previous, next);
	     kernel_count++) {
		memcpy(key, next, info->key_size);
		previous = key;
	}
	if (other && count != kernel_count && pair->differences++ < MAX_SHOWN)
		printf("map %s: vm has %u keys, kernel %u\n", info->name, count, kernel_count);
	free(key);
	free(next);
	free(a);
	free(b);
}

static void compare_run(struct pair *pair, const struct vm_program *program, const uint8_t *packet,
			uint32_t len)
{
	struct bpf_program *other = bpf_object__find_program_by_name(pair->kernel, program->name);
	uint8_t out[MAX_PACKET * 2];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = len,
		    .data_out = out, .data_size_out = sizeof out, .repeat = 1);
	struct vm_input input = {.packet = packet, .packet_len = len, .cpu = pair->cpu};
	struct vm_result result;
	int kernel_err = other ? bpf_prog_test_run_opts(bpf_program__fd(other), &opts) : -ENOENT;
	// Frames without a whole network header are not taken for programs on sk_buffs.
	if (kernel_err == -EINVAL && !strcmp(program->context, "__sk_buff") && len < SHORT_FRAME)
		return;
	if (kernel_err) {
		printf("%s: the kernel does not run it: %s\n", program->name, strerror(errno));
		pair->differences++;
		return;
	}
	int err = vm_run(pair->vm, program, &input, &result);
	// The kernel puts an empty Ethernet header before a packet whose program did not see its own.
	bool is_network = !strcmp(program->context, "__sk_buff") && !program->is_classifier;
	if (is_network) {
		memmove(out, out + ETHERNET, opts.data_size_out);
		opts.data_size_out -= ETHERNET;
	}
	if (!err && (uint32_t)result.value == opts.retval &&
	    result.packet_len == opts.data_size_out &&
	    !memcmp(result.packet, out, opts.data_size_out))
		return;
	if (pair->differences++ >= MAX_SHOWN)
		return;
	printf("%s: vm %d with %u bytes, kernel %d with %u bytes; %s\n", program->name,
	       (int)result.value, result.packet_len, (int)opts.retval, opts.data_size_out,
	       err ? result.fault.text : "no fault");
	print_bytes("packet", packet, len);
	if (!err)
		print_bytes("vm    ", result.packet, result.packet_len);
	print_bytes("kernel", out, opts.data_size_out);
}

static void fill_program_arrays(struct pair *pair)
{
	struct vm_map *map;
	for (uint32_t i = 0; (map = vm_map_at(pair->vm, i)); i++) {
		const struct vm_map_info *info = vm_map_get_info(map);
		const struct vm_program *program;
		if (info->type != BPF_MAP_TYPE_PROG_ARRAY)
			continue;
		for (uint32_t p = 0; (program = vm_program_at(pair->vm, p)); p++) {
			int fd = bpf_program__fd(
				bpf_object__find_program_by_name(pair->kernel, program->name));
			// Only programs of the kind that uses the map can be in it.
			if (!bpf_map_update_elem(bpf_map__fd(kernel_map(pair, info)), &p, &fd, 0))
				vm_map_set_program(map, p, program);
		}
	}
}

static bool is_skipped(const char *name, const char *const *skipped)
{
	for (; *skipped; skipped++) {
		if (!strcmp(name, *skipped))
			return true;
	}
	return false;
}

/* libbpf's messages have no owner but the thread's present test. */
static _Thread_local struct buf *messages;

static int keep_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL; // a verifier's log may be long

	if (level != LIBBPF_WARN)
		return 0;
	int len = vasprintf(&text, format, args);
	if (len > 0 && messages)
		buf_add(messages, text, (size_t)len);
	else if (len > 0)
		fputs(text, stdout);
	free(text);
	return len;
}

static void tell_processed(const struct pair *pair, const struct object_test *test)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, pair->kernel)
	{
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof info;
		int fd = bpf_program__fd(program);
		if (test->on_load && fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
			test->on_load(test->owner, bpf_program__name(program), info.verified_insns);
	}
}

static int open_pair(struct pair *pair, const struct object_test *test)
{
	struct buf why;
	cpu_set_t own;

	buf_init(&why);
	CPU_ZERO(&own);
	CPU_SET(test->cpu, &own);
	sched_setaffinity(0, sizeof own, &own);
	messages = test->refusal;
	libbpf_set_print(keep_message);
	pair->cpu = test->cpu;
	pair->cpus = (unsigned)libbpf_num_possible_cpus();
	pair->kernel = bpf_object__open_mem(test->bytes, test->len, NULL);
	if (!pair->kernel || bpf_object__load(pair->kernel))
		return -1;
	tell_processed(pair, test);
	int err = vm_open(&pair->vm, test->bytes, test->len,
			  &(struct vm_options){.cpus = pair->cpus}, &why);
	if (err)
		printf("%s: %s\n", test->name, why.data);
	buf_fini(&why);
	return err ? -2 : 0;
}

static void compare_maps(struct pair *pair, struct object_test *test)
{
	struct vm_map *map;

	for (uint32_t i = 0; (map = vm_map_at(pair->vm, i)); i++) {
		const struct vm_map_info *info = vm_map_get_info(map);
		if (is_skipped(info->name, test->skipped_maps) || !kernel_map(pair, info) ||
		    (!has_entries(info) && info->type != BPF_MAP_TYPE_ARRAY &&
		     info->type != BPF_MAP_TYPE_PERCPU_ARRAY))
			continue;
		compare_map(pair, map);
		test->maps++;
	}
}

int check_object_bytes(struct object_test *test)
{
	struct pair pair = {0};
	struct random random = random_from(test->packets);
	static uint8_t packet[MAX_PACKET];
	const struct vm_program *program;
	struct vm_map *map;

	int result = open_pair(&pair, test);
	for (uint32_t i = 0; !result && !test->is_bare && (map = vm_map_at(pair.vm, i)); i++)
		fill_map(&pair, map);
	if (!result)
		fill_program_arrays(&pair);
	for (unsigned n = 0; !result && n < test->packets; n++) {
		uint32_t len = make_packet(&random, packet);
		for (uint32_t i = 0; (program = vm_program_at(pair.vm, i)); i++, test->runs++)
			compare_run(&pair, program, packet, len);
	}
	if (!result)
		compare_maps(&pair, test);
	if (!result && test->on_done)
		test->on_done(test->owner, pair.kernel);
	bpf_object__close(pair.kernel);
	if (pair.vm)
		vm_close(pair.vm);
	return result ? result : pair.differences;
}

int check_object(const char *path, unsigned packets, const char *const *skipped_maps)
{
	struct object_test test = {.name = path, .packets = packets, .skipped_maps = skipped_maps};
	uint8_t *bytes = read_file(path, &test.len);

	test.bytes = bytes;
	int result = check_object_bytes(&test);
	if (result < 0)
		printf("%s: cannot be loaded\n", path);
	else
		printf("%s: %u runs and %u maps compared, %d differ\n", path, test.runs, test.maps,
		       result);
	free(bytes);
	return result;
}
