/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built programs as a user meets them, without privilege: options, help, printing, exit status. Each
 * program is written to a file and run.
 */
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/unit/host_harness.h"

/* Prints its options and ends with the value of `status`. */
static const char *const options_text =
	"dtype 1 = int \"u32\" size 4\n"
	"dtype 2 = int \"bool\" size 1 encoding 4\n"
	"dtype 3 = int \"i16\" size 2 encoding 1\n"
	"dtype 4 = int \"char\" size 1 encoding 2\n"
	"dtype 5 = array size 8 target 4 count 8\n"
	"dtype 6 = int \"u64\" size 8\n"
	"extern !ks_print_int runtime void effects 8\n"
	"extern !ks_print_str runtime void effects 8\n"
	"extern !ks_print_end runtime i32 effects 8\n"
	"options size 32\n"
	"option max_rate dtype 1 size 4\n"
	"option verbose dtype 2 offset 4 size 1\n"
	"option low dtype 3 offset 6 size 2\n"
	"option name dtype 5 offset 8 size 8\n"
	"option big dtype 6 offset 16 size 8\n"
	"option status dtype 1 offset 24 size 4\n"
	"main\nfn @main(ptr) -> i32 host exported {\n"
	"b0:\n  %1 = param.ptr 0\n"
	"  %2 = load.i32 %1 w4\n  %3 = zext32 %2\n  call_extern !ks_print_int(%3, 1)\n"
	"  %4 = load.i64 %1 +4 w1\n  call_extern !ks_print_int(%4, 1542)\n"        // width 6, bool
	"  %5 = load.i64 %1 +6 w2 signed\n  call_extern !ks_print_int(%5, 1664)\n" // %+6d
	"  %6 = ptradd %1, 8:i64\n  call_extern !ks_print_str(%6, 8:i64, 2592)\n"  // %-10s
	"  %7 = load.i64 %1 +16 w8\n  call_extern !ks_print_int(%7, 66)\n"         // %#x
	"  %8 = call_extern.i32 !ks_print_end()\n"
	"  %9 = load.i32 %1 +24 w4\n  return %9\n}\n";

struct outcome {
	int status;
	char text[4096]; // standard output and error
};

static const char *write_program(struct compile *c, const char *text)
{
	struct ir_module m;
	struct buf runtime, bpf, meta, out;
	struct buf_insert rest;
	const char *why = NULL;
	char bytes[65536];
	size_t n;
	parse_ir(c, &m, text);
	struct buf image = make_image(&m, 0, NULL);
	buf_init(&runtime);
	buf_init(&bpf);
	buf_init(&meta);
	buf_init(&out);
	image_write_meta(&m, "x.ks", &meta);
	FILE *file = fopen(library_path(&c->session, "ks-rt"), "rb");
	cr_assert(file);
	while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
		buf_add(&runtime, bytes, n);
	cr_assert(image_write_program((uint8_t *)runtime.data, runtime.len, &bpf, &image, &meta,
				      &c->session, &out, &rest, &why));
	char *folder = arena_printf(&c->session, "/tmp/ks-runtime-XXXXXX");
	cr_assert(mkdtemp(folder));
	const char *path = arena_printf(&c->session, "%s/prog", folder);
	rest.fd = fileno(file);
	cr_assert_eq(buf_write_file_with(&out, &rest, path, 0755), 0);
	fclose(file);
	buf_fini(&runtime);
	buf_fini(&image);
	buf_fini(&meta);
	buf_fini(&out);
	return path;
}

static void remove_program(struct compile *c, const char *path)
{
	unlink(path);
	char *folder = arena_copy_string(&c->session, path, strlen(path));
	*strrchr(folder, '/') = '\0';
	rmdir(folder);
	compile_fini(c);
}

static struct outcome run(const char *path, const char *args)
{
	struct outcome o = {0};
	char command[512];
	snprintf(command, sizeof command, "%s %s 2>&1", path, args);
	FILE *pipe = popen(command, "r");
	cr_assert(pipe);
	size_t n = fread(o.text, 1, sizeof o.text - 1, pipe);
	o.text[n] = '\0';
	o.status = WEXITSTATUS(pclose(pipe));
	return o;
}

static void expect(const char *path, const char *args, int status, const char *text)
{
	struct outcome o = run(path, args);
	cr_assert_eq(o.status, status, "%s: status %d, %s", args, o.status, o.text);
	cr_assert_str_eq(o.text, text);
}

Test(runtime, options_reach_main)
{
	struct compile c;
	compile_init(&c);
	const char *path = write_program(&c, options_text);
	expect(path, "", 0, "0 false    +0          0\n");
	expect(path, "--max-rate 7 --verbose --low=-5 --name abc --big 0xff", 0,
	       "7  true    -5abc       0xff\n");
	expect(path, "--max_rate=4294967295 --low -32768 --name 1234567 --status 9", 9,
	       "4294967295 false-327681234567   0\n");
	expect(path, "--verbose=false --big=18446744073709551615", 0,
	       "0 false    +0          0xffffffffffffffff\n");
	remove_program(&c, path);
}

Test(runtime, wrong_arguments_end_with_2_and_one_line)
{
	static const struct {
		const char *args, *text;
	} cases[] = {
		{"--max-rate 4294967296",
		 "prog: `4294967296` is no value for --max-rate: it takes a u32\n"},
		{"--max-rate -1", "prog: `-1` is no value for --max-rate: it takes a u32\n"},
		{"--max-rate 1x", "prog: `1x` is no value for --max-rate: it takes a u32\n"},
		{"--max-rate ''", "prog: `` is no value for --max-rate: it takes a u32\n"},
		{"--low 32768", "prog: `32768` is no value for --low: it takes an i16\n"},
		{"--low -32769", "prog: `-32769` is no value for --low: it takes an i16\n"},
		{"--verbose=maybe",
		 "prog: `maybe` is no value for --verbose: it takes true or false\n"},
		{"--name 12345678", "prog: the value of --name is too long: 8 bytes, at most 7\n"},
		{"--name", "prog: option --name needs a value\n"},
		{"--max", "prog: unknown option --max (see --help)\n"},
		{"--max-rates 1", "prog: unknown option --max-rates (see --help)\n"},
		{"--big 99999999999999999999",
		 "prog: `99999999999999999999` is no value for --big: it takes a u64\n"},
		{"extra", "prog: unexpected argument `extra` (see --help)\n"},
	};
	struct compile c;
	compile_init(&c);
	const char *path = write_program(&c, options_text);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect(path, cases[i].args, 2, cases[i].text);
	remove_program(&c, path);
}

Test(runtime, help_lists_the_options)
{
	struct compile c;
	compile_init(&c);
	const char *path = write_program(&c, options_text);
	struct outcome o = run(path, "--help");
	cr_assert_eq(o.status, 0);
	cr_assert(strstr(o.text, "Usage: prog [options]\n"));
	cr_assert(strstr(o.text, "--max-rate             u32 (default: 0)\n"));
	cr_assert(strstr(o.text, "--verbose              flag (default: off)\n"));
	cr_assert(strstr(o.text,
			 "--name                 text of at most 7 bytes (default: empty)\n"));
	remove_program(&c, path);
}

Test(runtime, the_runtime_alone_says_so)
{
	struct arena arena;
	arena_init(&arena);
	expect(library_path(&arena, "ks-rt"), "", 1,
	       "ks-rt: this is the runtime alone, without a program\n");
	arena_fini(&arena);
}
