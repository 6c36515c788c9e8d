/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	vmtest instructions              every instruction on edge values: interpreter and kernel
 *	vmtest object FILE COUNT [MAP…]  an object's programs on COUNT packets; MAPs are not compared
 *	vmtest run FILE PROGRAM          one packet, without the kernel: result, output, fault
 *	vmtest speed                     instructions per second
 *	vmtest speed FILE…               the same for each XDP and tc program of objects, as rows of a table
 */
#include <stdlib.h>
#include <string.h>

#include "vmtest.h"

static int run(const char *path, const char *name)
{
	struct random random = random_from(1);
	uint8_t packet[MAX_PACKET];
	struct vm *vm;
	struct buf text;
	static uint8_t bytes[1 << 22];
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(bytes, 1, sizeof bytes, in) : 0;
	buf_init(&text);
	if (!in || vm_open(&vm, bytes, len, NULL, &text)) {
		fprintf(stderr, "%s: %s\n", path, text.len ? text.data : "cannot be read");
		return 1;
	}
	fclose(in);
	struct vm_input input = {.packet = packet, .packet_len = make_packet(&random, packet)};
	struct vm_result result;
	const struct vm_program *program = vm_find_program(vm, name);
	if (!program) {
		fprintf(stderr, "%s: no program %s\n", path, name);
		return 1;
	}
	if (vm_run(vm, program, &input, &result))
		vm_print_fault(&text, &result.fault);
	fwrite(vm_printed(vm)->data, 1, vm_printed(vm)->len, stdout);
	printf("result %lld after %llu instructions\n%s", (long long)result.value,
	       (unsigned long long)result.instructions, text.len ? text.data : "");
	buf_fini(&text);
	vm_close(vm);
	return 0;
}

/* UDP in IPv4, as the benchmark sends it. */
static const uint8_t udp[64] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
				0x00, 0x11, 0x08, 0x00, 0x45, 0x00, 0x00, 0x32, 0x00, 0x00,
				0x00, 0x00, 0x40, 0x11, 0x00, 0x0a, 0xc0, 0xa8, 0x00, 0x05,
				0xc0, 0xa8, 0x00, 0x01, 0x0f, 0xa0, 0x0f, 0xa1, 0x00, 0x1e};

static void measure_object(const char *path)
{
	static uint8_t bytes[1 << 22];
	const struct vm_program *program;
	struct vm *vm = NULL;
	struct buf why;
	FILE *in = fopen(path, "rb");
	size_t len = in ? fread(bytes, 1, sizeof bytes, in) : 0;
	if (in)
		fclose(in);
	buf_init(&why);
	if (vm_open(&vm, bytes, len, NULL, &why))
		return;
	struct vm_input input = {.packet = udp, .packet_len = sizeof udp};
	for (uint32_t i = 0; (program = vm_program_at(vm, i)); i++) {
		if (*program->context)
			measure_program(vm, program, &input);
	}
	vm_close(vm);
	buf_fini(&why);
}

int main(int argc, char **argv)
{
	int differences;
	if (argc >= 2 && !strcmp(argv[1], "instructions")) {
		differences = check_instructions();
	} else if (argc >= 4 && !strcmp(argv[1], "object")) {
		differences = check_object(argv[2], (unsigned)atoi(argv[3]),
					   (const char *const *)argv + 4);
	} else if (argc == 4 && !strcmp(argv[1], "run")) {
		return run(argv[2], argv[3]);
	} else if (argc == 2 && !strcmp(argv[1], "speed")) {
		double speed = measure();
		printf("%.0f million instructions per second\n", speed / 1e6);
		return speed <= 0;
	} else if (argc > 2 && !strcmp(argv[1], "speed")) {
		for (int i = 2; i < argc; i++)
			measure_object(argv[i]);
		return 0;
	} else {
		fprintf(stderr, "usage: vmtest instructions|object FILE COUNT|run FILE "
				"PROGRAM|speed [FILE...]\n");
		return 2;
	}
	return differences != 0;
}
