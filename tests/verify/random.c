/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs through the simulated verifier and the kernel's: streams of any bytes, and streams
 * of instructions that make sense one by one, so that many are accepted. They must agree; what the
 * simulation alone accepts is a fault. With objects as arguments: damages them at random places and
 * judges the result, which must end.
 *
 * usage: random [-n PROGRAMS] [-s SEED] [-v] [OBJECT...]; prints the totals. Exit status 1: false accepts.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/verify/verify.h"

enum { MAX_RECORDS = 96, LOG_BYTES = 1 << 20, VALUE_BYTES = 48 };
#define I(op, dst, src, off, imm) insn_make(BPF_OP_##op, dst, src, off, imm)

static uint64_t seed = 1;
static char *kernel_log;

static uint32_t pick(uint32_t count)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % count;
}

static int32_t number(void)
{
	static const int32_t edges[] = {0,  1,  -1, 2,   3,         4,        8,
					15, 31, 63, 255, INT32_MAX, INT32_MIN};
	return pick(4) ? edges[pick(sizeof edges / sizeof edges[0])]
		       : (int32_t)(pick(65536) - 32768);
}

struct stream {
	struct bpf_record code[MAX_RECORDS];
	uint32_t count;
};

static void add(struct stream *s, struct bpf_record record)
{
	if (s->count < MAX_RECORDS)
		s->code[s->count++] = record;
}

static void add_bytes(struct stream *s)
{
	struct bpf_record r;
	uint8_t bytes[8];
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)pick(256);
	memcpy(&r, bytes, sizeof r);
	if (pick(2)) {
		r.dst = pick(11);
		r.src = pick(11);
		r.off = (int16_t)pick(8);
	}
	add(s, r);
}

/* An operation of arithmetic or a jump of the table, with operands. */
static void add_operation(struct stream *s)
{
	enum bpf_op op = (enum bpf_op)pick(BPF_OP_COUNT);
	const struct insn_info *info = &insn_table[op];
	unsigned class = info->opcode & 7;
	struct bpf_record r = {
		.opcode = info->opcode, .dst = pick(10), .src = pick(10), .imm = number()};
	if (class == 4 || class == 7) {
		r.off = info->off == INSN_ANY ? 0 : (int16_t)info->off;
		if (info->imm != INSN_ANY)
			r.imm = info->imm;
		if (!(info->opcode & 8))
			r.src = 0;
		if ((info->opcode & 0xf0) >= 0x60 && (info->opcode & 0xf0) <= 0x70)
			r.imm = info->imm != INSN_ANY ? info->imm
						      : (int32_t)pick(class == 7 ? 64 : 32);
	} else if ((class == 5 || class == 6) && (info->opcode & 0xf0) != 0x80 &&
		   (info->opcode & 0xf0) != 0x90) {
		r.off = (int16_t)(pick(24) ? 1 + (int)pick(6) : -(int)pick(8));
		if (info->opcode & 8)
			r.imm = 0;
		else
			r.src = 0;
	} else {
		return;
	}
	add(s, r);
}

static void add_stack(struct stream *s)
{
	int16_t at = (int16_t)(-8 * (int)(1 + pick(4)) + (pick(4) ? 0 : (int)pick(8)));
	unsigned reg = pick(10);
	switch (pick(6)) {
	case 0:
		add(s, I(STORE64_REG, 10, reg, at, 0));
		break;
	case 1:
		add(s, I(STORE32_REG, 10, reg, at, 0));
		break;
	case 2:
		add(s, I(STORE64_IMM, 10, 0, at, number()));
		break;
	case 3:
		add(s, I(LOAD32, reg, 10, at, 0));
		break;
	case 4:
		add(s, I(LOAD8, reg, 10, at, 0));
		break;
	default:
		add(s, I(LOAD64, reg, 10, at, 0));
	}
}

static void add_map_value(struct stream *s)
{
	struct bpf_record load[2] = {{.opcode = 0x18, .dst = 1, .src = BPF_PSEUDO_MAP_FD}};
	unsigned keep = 6 + pick(4);
	add(s, I(STORE32_IMM, 10, 0, -4, (int32_t)pick(3)));
	add(s, load[0]);
	add(s, load[1]);
	add(s, I(MOV64_REG, 2, 10, 0, 0));
	add(s, I(ADD64_IMM, 2, 0, 0, -4));
	add(s, I(CALL_HELPER, 0, 0, 0, 1));
	if (pick(8))
		add(s, I(JEQ64_IMM, 0, 0, (int16_t)(1 + pick(6)), 0));
	if (pick(2))
		add(s, I(MOV64_REG, keep, 0, 0, 0));
	if (pick(2))
		add(s, I(ADD64_REG, 0, pick(10), 0, 0));
	add(s, I(LOAD32, pick(10), 0, (int16_t)pick(VALUE_BYTES), 0));
}

static void add_packet(struct stream *s, unsigned ctx)
{
	unsigned data = 2 + pick(2), end = 4 + pick(2), past = pick(2);
	add(s, I(LOAD32, data, ctx, 0, 0));
	add(s, I(LOAD32, end, ctx, 4, 0));
	if (pick(2))
		add(s, I(ADD64_REG, data, pick(10), 0, 0));
	add(s, I(MOV64_REG, past, data, 0, 0));
	add(s, I(ADD64_IMM, past, 0, 0, (int32_t)pick(32)));
	add(s, I(JGT64_REG, past, end, (int16_t)(1 + pick(6)), 0));
	add(s, I(LOAD8, pick(10), data, (int16_t)pick(32), 0));
}

static void make(struct stream *s, uint32_t type)
{
	static const int32_t helpers[] = {5, 7, 8}; // of time, chance, CPU
	uint32_t parts = 2 + pick(14);
	s->count = 0;
	if (!pick(8)) {
		while (parts--)
			add_bytes(s);
		add(s, I(EXIT, 0, 0, 0, 0));
		return;
	}
	add(s, I(MOV64_REG, 6, 1, 0, 0));
	for (unsigned reg = 0; reg < 10; reg++)
		if (reg != 1 && reg != 6)
			add(s, pick(2) ? I(MOV64_IMM, reg, 0, 0, number())
			       : type == BPF_PROG_TYPE_XDP
				       ? I(LOAD32, reg, 6, 12, 0)
				       : I(LOAD32, reg, 6, (int16_t)(4 * pick(4)), 0));
	while (parts--) {
		switch (pick(10)) {
		case 0:
			add_map_value(s);
			break;
		case 1:
			if (type == BPF_PROG_TYPE_XDP)
				add_packet(s, pick(8) ? 6 : pick(10));
			break;
		case 2:
		case 3:
			add_stack(s);
			break;
		case 4:
			add(s, I(MOV64_REG, pick(10), pick(11), 0, 0));
			break;
		case 5:
			if (!pick(3))
				add(s, I(CALL_HELPER, 0, 0, 0, helpers[pick(3)]));
			break;
		default:
			add_operation(s);
		}
	}
	add(s, I(MOV64_IMM, 0, 0, 0, (int32_t)pick(2)));
	add(s, I(EXIT, 0, 0, 0, 0));
}

/* 1 accepted, 0 refused, -1 not judged. */
static int ask_kernel(const struct stream *s, uint32_t type, int map, uint32_t level,
		      uint32_t *processed)
{
	struct bpf_record code[MAX_RECORDS];
	union bpf_attr attr;
	memcpy(code, s->code, sizeof code);
	for (uint32_t i = 0; i + 1 < s->count; i++)
		if (code[i].opcode == 0x18 && code[i].src == BPF_PSEUDO_MAP_FD && !code[i].imm)
			code[i].imm = map;
	memset(&attr, 0, sizeof attr);
	attr.prog_type = type;
	attr.insn_cnt = s->count;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	attr.log_level = level;
	attr.log_buf = (uint64_t)(uintptr_t)kernel_log;
	attr.log_size = LOG_BYTES;
	kernel_log[0] = 0;
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
	const char *at = strstr(kernel_log, "processed ");
	*processed = at ? (uint32_t)strtoul(at + 10, NULL, 10) : 0;
	if (fd < 0)
		return errno == EPERM || errno == ENOSPC ? -1 : 0;
	close(fd);
	return 1;
}

static void show(const struct stream *s, uint32_t type, const char *what,
		 const struct verify_result *result)
{
	printf("%s, type %u: %d: %s\n", what, type, (int)result->insn, result->text);
	for (uint32_t i = 0; i < s->count; i++)
		printf("  %3u: %02x %x %x %d %d\n", i, s->code[i].opcode, s->code[i].dst,
		       s->code[i].src, s->code[i].off, s->code[i].imm);
	printf("%s\n",
	       strlen(kernel_log) > 3000 ? kernel_log + strlen(kernel_log) - 3000 : kernel_log);
}

static int compare_streams(uint32_t programs, const struct verify_options *options, bool is_verbose)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP};
	struct program_map map = {.name = "values",
				  .type = BPF_MAP_TYPE_ARRAY,
				  .key_size = 4,
				  .value_size = VALUE_BYTES,
				  .max_entries = 2};
	struct program_map *maps[] = {&map};
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY,
			       .key_size = 4,
			       .value_size = VALUE_BYTES,
			       .max_entries = 2};
	uint32_t matrix[2][2] = {{0}}, same = 0, unjudged = 0;
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
	for (uint32_t n = 0; n < programs; n++) {
		uint32_t type = types[pick(2)], processed;
		struct stream s;
		make(&s, type);
		struct program_function function = {.name = "main", .is_global = true};
		struct program_code code = {.name = "main",
					    .section = type == BPF_PROG_TYPE_XDP ? "xdp" : "socket",
					    .type = type,
					    .target = "",
					    .records = s.code,
					    .count = s.count,
					    .functions = &function,
					    .function_count = 1};
		struct program_object object = {.license = "GPL"};
		struct bpf_record kept[MAX_RECORDS];
		struct verify_result result;
		object.maps.data = maps;
		object.maps.len = object.maps.cap = 1;
		object.options.release = options->kernel;
		object.options.kernel = options->types;
		memcpy(kept, s.code, sizeof kept);
		verify_program(&object, &code, options, &result);
		memcpy(s.code, kept, sizeof kept);
		int kernel = fd < 0 ? -1 : ask_kernel(&s, type, fd, 4, &processed);
		if (kernel < 0) {
			unjudged++;
		} else {
			matrix[kernel][result.is_accepted]++;
			same += kernel && result.is_accepted && processed == result.processed;
			if (kernel != result.is_accepted) {
				ask_kernel(&s, type, fd, 1, &processed);
				show(&s, type, kernel ? "FALSE REFUSAL" : "FALSE ACCEPT", &result);
			} else if (is_verbose && kernel && processed != result.processed)
				show(&s, type, "OTHER COUNT", &result),
					printf("%u\n", result.processed);
		}
		verify_result_free(&result);
	}
	printf("random streams: both accept %u (same count %u), both refuse %u, false accepts %u, "
	       "false refusals %u, not judged %u\n",
	       matrix[1][1], same, matrix[0][0], matrix[0][1], matrix[1][0], unjudged);
	if (fd >= 0)
		close(fd);
	return matrix[0][1] != 0;
}

static void damage(const char *path, uint32_t times, const struct program_options *how,
		   const struct verify_options *options, uint32_t totals[3])
{
	FILE *f = fopen(path, "rb");
	long len;
	if (!f || fseek(f, 0, SEEK_END) || (len = ftell(f)) <= 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	uint8_t *original = malloc((size_t)len), *data = malloc((size_t)len);
	rewind(f);
	if (fread(original, 1, (size_t)len, f) != (size_t)len)
		exit(2);
	fclose(f);
	while (times--) {
		struct program_object object;
		struct buf why;
		size_t size = pick(8) ? (size_t)len : pick((uint32_t)len) + 1u;
		memcpy(data, original, (size_t)len);
		for (uint32_t i = 1 + pick(6); i; i--) {
			uint32_t at = pick((uint32_t)len);
			data[at] =
				pick(2) ? (uint8_t)pick(256) : data[at] ^ (uint8_t)(1 << pick(8));
		}
		buf_init(&why);
		totals[0]++;
		if (!program_open(&object, data, size, how, &why)) {
			totals[1]++;
			buf_fini(&why);
			continue;
		}
		for (uint32_t i = 0; i < object.programs.len; i++) {
			struct verify_result result;
			struct verify_options again = *options;
			struct verify_story story;
			again.keep_steps = true;
			verify_program(&object, &object.programs.data[i], &again, &result);
			if (!result.is_accepted) {
				verify_tell(&object, &object.programs.data[i], &again, &result,
					    &story);
				verify_story_free(&story);
			}
			totals[2] += result.is_accepted;
			verify_result_free(&result);
		}
		program_close(&object);
		buf_fini(&why);
	}
	free(original);
	free(data);
}

int main(int argc, char **argv)
{
	struct program_options how = {0};
	struct verify_options options = {.cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF)};
	uint32_t programs = 1000, totals[3] = {0};
	bool is_verbose = false;
	int option;
	while ((option = getopt(argc, argv, "n:s:v")) != -1) {
		if (option == 'n')
			programs = (uint32_t)strtoul(optarg, NULL, 0);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'v')
			is_verbose = true;
		else
			return 2;
	}
	kernel_parse_version("running", &options.kernel);
	how.release = options.kernel;
	kernel_log = malloc(LOG_BYTES);
	if (optind == argc)
		return compare_streams(programs, &options, is_verbose);
	options.keep_steps = true;
	for (int i = optind; i < argc; i++)
		damage(argv[i], programs, &how, &options, totals);
	printf("damaged objects: %u, of which %u do not open; %u programs accepted\n", totals[0],
	       totals[1], totals[2]);
	return 0;
}
