/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a BPF object with libbpf, whoever made it, and says what the kernel thinks of it: instruction
 * counts before and after loading, instructions the verifier processed, and, per BPF_PROG_TEST_RUN,
 * result and time of a run on a given packet. Tests and bench/ read its output:
 *
 *	prog_run OBJECT [--prog NAME] [--packet HEX | --size N] [--set MAP=KEY:VALUE]... [--repeat N] [--maps] [--btf FILE]
 *	         [--attach COMMAND] [--count]
 *	--btf takes the kernel's types from a file; --attach attaches the programs while a command runs
 *	program NAME section=S insns=N xlated=N jited=BYTES processed=N stack=BYTES
 *	run NAME retval=N ns=N         or, of kinds that the kernel cannot run on a packet: load NAME
 *	map NAME key=HEX value=HEX
 *
 * KEY and VALUE of an entry that is set before the runs are bytes in hexadecimal digits. With --count nothing is
 * loaded: "program NAME insns=N" only.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOG_SIZE = 1 << 20,
	MAX_PACKET = 4096,
	MAX_SETTINGS = 16,
	MAX_OBJECT = 512, // bytes of a key or a value
	LOG_STATS = 4,
	KERNEL_ENOTSUPP = 524,
	TYPE_NETFILTER = 32, // which libbpf 1.1 does not know by its section
	ATTACH_NETFILTER = 45,
};

struct options {
	const char *object, *prog, *btf, *command;
	unsigned char packet[MAX_PACKET];
	size_t packet_len;
	int repeat; // 0: do not run
	bool maps, only_count;
	const char *settings[MAX_SETTINGS]; // MAP=KEY:VALUE
	int setting_count;
};

static bool parse_packet(struct options *o, const char *hex)
{
	o->packet_len = strlen(hex) / 2;
	if (o->packet_len > MAX_PACKET)
		return false;
	for (size_t i = 0; i < o->packet_len; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &o->packet[i]) != 1)
			return false;
	return true;
}

static bool parse_options(struct options *o, char **argv)
{
	*o = (struct options){.packet_len = 64};
	if (!*argv)
		return false;
	for (o->object = *argv++; *argv; argv++) {
		if (!strcmp(*argv, "--maps"))
			o->maps = true;
		else if (!strcmp(*argv, "--count"))
			o->only_count = true;
		else if (!argv[1])
			return false;
		else if (!strcmp(*argv, "--prog"))
			o->prog = *++argv;
		else if (!strcmp(*argv, "--set") && o->setting_count < MAX_SETTINGS)
			o->settings[o->setting_count++] = *++argv;
		else if (!strcmp(*argv, "--btf"))
			o->btf = *++argv;
		else if (!strcmp(*argv, "--attach"))
			o->command = *++argv;
		else if (!strcmp(*argv, "--repeat"))
			o->repeat = atoi(*++argv);
		else if (!strcmp(*argv, "--size"))
			o->packet_len = strtoul(*++argv, NULL, 0);
		else if (strcmp(*argv, "--packet") || !parse_packet(o, *++argv))
			return false;
	}
	return o->packet_len <= MAX_PACKET;
}

static unsigned long number_after(const char *log, const char *word)
{
	const char *at = strstr(log, word);
	return at ? strtoul(at + strlen(word), NULL, 10) : 0;
}

static void print_program(const struct bpf_program *prog, const char *log)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);
	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		perror("bpf_obj_get_info_by_fd");
	printf("program %s section=%s insns=%zu xlated=%zu jited=%u processed=%lu stack=%lu\n",
	       bpf_program__name(prog), bpf_program__section_name(prog),
	       bpf_program__insn_cnt(prog), (size_t)info.xlated_prog_len / 8, info.jited_prog_len,
	       number_after(log, "processed "), number_after(log, "stack depth "));
}

/* Programs that watch run when the thing they watch happens. */
static bool is_watcher(const struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);
	return type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT ||
	       type == BPF_PROG_TYPE_PERF_EVENT || type == BPF_PROG_TYPE_TRACING ||
	       type == BPF_PROG_TYPE_LSM;
}

static int run_program(const struct options *o, const struct bpf_program *prog)
{
	unsigned char out[MAX_PACKET + 256];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = o->packet,
		    .data_size_in = (__u32)o->packet_len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = o->repeat);
	enum { CONTEXT_SIZE = 256 };
	unsigned char context[CONTEXT_SIZE] = {0}; // of a program that userspace runs
	bool is_call = bpf_program__type(prog) == BPF_PROG_TYPE_SYSCALL;
	LIBBPF_OPTS(bpf_test_run_opts, call, .ctx_in = context, .ctx_size_in = sizeof context);
	if (is_watcher(prog)) {
		printf("load %s\n", bpf_program__name(prog));
		return 0;
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), is_call ? &call : &run)) {
		if (errno == KERNEL_ENOTSUPP || errno == EOPNOTSUPP ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_SK_LOOKUP) {
			printf("load %s\n", bpf_program__name(prog));
			return 0; // of a kind that the kernel cannot run by itself, or not on a packet
		}
		fprintf(stderr, "%s: cannot run: %s\n", bpf_program__name(prog), strerror(errno));
		return 1;
	}
	printf("run %s retval=%d ns=%u\n", bpf_program__name(prog),
	       (int)(is_call ? call.retval : run.retval), run.duration);
	return 0;
}

static void print_bytes(const char *label, const unsigned char *bytes, size_t len)
{
	printf(" %s=", label);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

static void print_map(const struct bpf_map *map)
{
	int fd = bpf_map__fd(map);
	size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
	bool is_percpu = strstr(libbpf_bpf_map_type_str(bpf_map__type(map)), "percpu");
	size_t copies = is_percpu ? (size_t)libbpf_num_possible_cpus() : 1;
	size_t stride = is_percpu ? (value_size + 7) / 8 * 8 : value_size;
	unsigned char *key = calloc(1, key_size + 1), *value = calloc(copies, stride + 1);
	void *previous = NULL;
	while (!bpf_map_get_next_key(fd, previous, key)) {
		previous = key;
		if (bpf_map_lookup_elem(fd, key, value))
			continue;
		printf("map %s", bpf_map__name(map));
		print_bytes("key", key, key_size);
		print_bytes("value", value, copies * stride);
		putchar('\n');
	}
	free(key);
	free(value);
}

static size_t read_bytes(const char *hex, unsigned char *bytes)
{
	size_t len = 0;
	while (len < MAX_OBJECT && sscanf(hex + 2 * len, "%2hhx", &bytes[len]) == 1)
		len++;
	return len;
}

static bool set_entry(struct bpf_object *object, const char *setting)
{
	unsigned char key[MAX_OBJECT] = {0}, value[MAX_OBJECT] = {0};
	char name[64] = "", key_text[2 * MAX_OBJECT + 1] = "", value_text[2 * MAX_OBJECT + 1] = "";
	if (sscanf(setting, "%63[^=]=%1024[^:]:%1024s", name, key_text, value_text) != 3)
		return false;
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);
	read_bytes(key_text, key);
	read_bytes(value_text, value);
	return map && !bpf_map_update_elem(bpf_map__fd(map), key, value, 0);
}

static int print_counts(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	if (!object)
		return 1;
	bpf_object__for_each_program(prog, object) printf(
		"program %s insns=%zu\n", bpf_program__name(prog), bpf_program__insn_cnt(prog));
	bpf_object__close(object);
	return 0;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

/* Loads every wanted program with a log of its own. */
static struct bpf_object *load_object(const struct options *o)
{
	LIBBPF_OPTS(bpf_object_open_opts, open, .btf_custom_path = o->btf);
	struct bpf_object *object = bpf_object__open_file(o->object, &open);
	struct bpf_program *prog;
	if (!object)
		return NULL;
	bpf_object__for_each_program(prog, object)
	{
		if (!strcmp(bpf_program__section_name(prog), "netfilter")) {
			bpf_program__set_type(prog, (enum bpf_prog_type)TYPE_NETFILTER);
			bpf_program__set_expected_attach_type(
				prog, (enum bpf_attach_type)ATTACH_NETFILTER);
		}
		bool wanted = !o->prog || !strcmp(o->prog, bpf_program__name(prog));
		bpf_program__set_autoload(prog, wanted);
		bpf_program__set_log_level(prog, LOG_STATS);
		bpf_program__set_log_buf(prog, calloc(1, LOG_SIZE), LOG_SIZE);
	}
	if (!bpf_object__load(object))
		return object;
	bpf_object__close(object);
	return NULL;
}

/* Runs the command with all programs attached; its status. */
static int run_attached(const struct options *o, struct bpf_object *object)
{
	struct bpf_program *prog;
	bpf_object__for_each_program(prog, object)
	{
		if (bpf_program__autoload(prog) && !bpf_program__attach(prog)) {
			fprintf(stderr, "%s: cannot attach: %s\n", bpf_program__name(prog),
				strerror(errno));
			return 1;
		}
	}
	return system(o->command) != 0;
}

int main(int argc, char **argv)
{
	static struct options o;
	if (argc < 2 || !parse_options(&o, argv + 1)) {
		fprintf(stderr, "usage: prog_run OBJECT [--prog NAME] [--packet HEX | --size N] "
				"[--set MAP=KEY:VALUE]... [--repeat N] [--maps] [--btf FILE] "
				"[--attach COMMAND] [--count]\n");
		return 2;
	}
	libbpf_set_print(silent);
	if (o.only_count)
		return print_counts(o.object);
	struct bpf_object *object = load_object(&o);
	if (!object)
		return 1;
	for (int i = 0; i < o.setting_count; i++) {
		if (!set_entry(object, o.settings[i])) {
			fprintf(stderr, "cannot set %s\n", o.settings[i]);
			return 1;
		}
	}
	struct bpf_program *prog;
	struct bpf_map *map;
	int result = 0;
	bpf_object__for_each_program(prog, object)
	{
		if (!bpf_program__autoload(prog))
			continue;
		size_t size;
		print_program(prog, bpf_program__log_buf(prog, &size));
		if (o.repeat)
			result |= run_program(&o, prog);
	}
	if (o.command)
		result |= run_attached(&o, object);
	if (o.maps)
		bpf_object__for_each_map(map, object) print_map(map);
	bpf_object__close(object);
	return result;
}
