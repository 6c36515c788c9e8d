/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generated programs whose work is done by functions of both sides: an @xdp program that calls them runs in the
 * kernel and in the interpreter, main() calls them as often in userspace; then all maps, and the global
 * variables with the sums of the results, are equal. main() waits when it is done, so that its maps can be found
 * by the descriptors of its process.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf-backend/object/object.h"
#include "tests/gen/gen.h"
#include "tests/gen/gentest.h"
#include "tests/vm/vmtest.h"

enum { MAX_VALUE = 1 << 16, MAX_MAPS = 64, TEXT = 4096 };

struct same {
	const char *ks;
	char folder[64];
	pid_t pid; // of the userspace program
	int maps[MAX_MAPS];
	unsigned map_count;
	unsigned compared, differ; // maps
	struct buf said;
};

/* ---- the userspace program ---- */

/* Runs a command and waits for it; its messages go to a file. */
static bool run(char *const *args, const char *messages)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!freopen(messages, "w", stderr))
			_exit(127);
		execv(args[0], args);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && !status;
}

/* Starts the program and waits until it says that it is done. */
static bool start(struct same *s, const char *path)
{
	char line[64] = "";
	int ends[2];

	if (pipe(ends))
		return false;
	s->pid = fork();
	if (!s->pid) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		execl(path, path, NULL);
		_exit(127);
	}
	close(ends[1]);
	FILE *in = fdopen(ends[0], "r");
	bool is_done = fgets(line, sizeof line, in) && !strncmp(line, "done", 4);
	fclose(in);
	return is_done;
}

static void stop(struct same *s)
{
	for (unsigned i = 0; i < s->map_count; i++)
		close(s->maps[i]);
	s->map_count = 0;
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
}

/* The number of the map behind a descriptor, 0 when it is none. */
static uint32_t map_id(pid_t pid, const char *descriptor)
{
	char path[300], line[128];
	uint32_t id = 0;

	snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, descriptor);
	FILE *in = fopen(path, "r");
	while (in && fgets(line, sizeof line, in))
		sscanf(line, "map_id: %" SCNu32, &id);
	if (in)
		fclose(in);
	return id;
}

static void find_maps(struct same *s)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)s->pid);
	DIR *folder = opendir(path);
	for (struct dirent *e; folder && (e = readdir(folder));) {
		uint32_t id = map_id(s->pid, e->d_name);
		if (id && s->map_count < MAX_MAPS)
			s->maps[s->map_count++] = bpf_map_get_fd_by_id(id);
	}
	if (folder)
		closedir(folder);
}

/* ---- comparison ---- */

/* The name of a section of globals has the object's name before it. */
static bool is_same_name(const char *a, const char *b)
{
	const char *x = strchr(a, '.'), *y = strchr(b, '.');

	return x && y ? !strcmp(x, y) : !x && !y && !strcmp(a, b);
}

static int find_map(const struct same *s, const struct bpf_map_info *wanted)
{
	for (unsigned i = 0; i < s->map_count; i++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof info;
		if (!bpf_obj_get_info_by_fd(s->maps[i], &info, &len) &&
		    is_same_name(info.name, wanted->name) && info.value_size == wanted->value_size)
			return s->maps[i];
	}
	return -1;
}

static void print_value(struct same *s, const char *side, const uint8_t *bytes, uint32_t len)
{
	buf_printf(&s->said, "  %s", side);
	for (uint32_t i = 0; i < len && i < 96; i++)
		buf_printf(&s->said, " %02x", bytes[i]);
	buf_add_char(&s->said, '\n');
}

static unsigned count_keys(int fd, uint32_t key_size)
{
	uint8_t key[512], next[512];
	unsigned count = 0;

	for (void *previous = NULL;
	     key_size <= sizeof key && !bpf_map_get_next_key(fd, previous, next); count++) {
		memcpy(key, next, key_size);
		previous = key;
	}
	return count;
}

static void compare(struct same *s, const struct bpf_map_info *info, int kernel, int user)
{
	static uint8_t a[MAX_VALUE], b[MAX_VALUE];
	uint8_t key[512] = {0}, next[512];
	void *previous = NULL;

	if (info->key_size > sizeof key || info->value_size > sizeof a)
		return;
	s->compared++;
	if (count_keys(kernel, info->key_size) != count_keys(user, info->key_size)) {
		buf_printf(&s->said, "map %s: the kernel has %u keys, userspace %u\n", info->name,
			   count_keys(kernel, info->key_size), count_keys(user, info->key_size));
		s->differ++;
		return;
	}
	while (!bpf_map_get_next_key(kernel, previous, next)) {
		memcpy(key, next, info->key_size);
		previous = key;
		bool is_there = !bpf_map_lookup_elem(user, key, b);
		if (is_there && !bpf_map_lookup_elem(kernel, key, a) &&
		    !memcmp(a, b, info->value_size))
			continue;
		buf_printf(&s->said, "map %s differs\n", info->name);
		print_value(s, "key      ", key, info->key_size);
		print_value(s, "kernel   ", a, info->value_size);
		print_value(s, "userspace", b, is_there ? info->value_size : 0);
		s->differ++;
		return;
	}
}

/* After the runs, before the kernel's maps are gone. */
static void compare_all(void *owner, struct bpf_object *object)
{
	struct same *s = owner;
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct bpf_map_info info = {0};
		uint32_t len = sizeof info;
		if (bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len) ||
		    strstr(info.name, ".rodata"))
			continue;
		int user = find_map(s, &info);
		if (user >= 0) {
			compare(s, &info, bpf_map__fd(map), user);
			continue;
		}
		buf_printf(&s->said, "map %s is not in userspace\n", info.name);
		s->differ++;
	}
}

static bool run_userspace(struct same *s, uint64_t seed, const struct buf *text)
{
	char source[128], program[128], messages[128];

	snprintf(source, sizeof source, "%s/generated.ks", s->folder);
	snprintf(program, sizeof program, "%s/program", s->folder);
	snprintf(messages, sizeof messages, "%s/messages", s->folder);
	buf_write_file(text, source, 0644);
	char *const build[] = {(char *)s->ks, "build", seed % 4 ? "-O1" : "-O0", "-o", program,
			       source,        NULL};
	if (!run(build, messages)) {
		gentest_fail(seed, "ks build does not build it", s->folder);
		return false;
	}
	if (!start(s, program)) {
		gentest_fail(seed, "main() is not done", "");
		return false;
	}
	find_maps(s);
	return true;
}

static void try_seed(struct same *s, uint64_t seed, uint32_t kernel, unsigned *refused)
{
	static const char *const none[] = {NULL};
	struct gen_options gen = {.is_repeatable = true, .is_same = true, .kernel = kernel};
	struct compilation_options o = {.depth = COMPILE_CODE,
					.path = "generated.ks",
					.kernel = kernel,
					.level = seed % 4 != 0,
					.with_userspace = true};
	struct compilation c;
	struct buf text, object, log;

	buf_init(&text);
	buf_init(&object);
	buf_init(&log);
	buf_init(&s->said);
	gen_program(seed, &gen, &text);
	if (gentest_compile(&c, seed, &o, &text) && run_userspace(s, seed, &text)) {
		object_write(&c.compile, &c.object, &object);
		struct object_test test = {.name = "generated",
					   .bytes = (const uint8_t *)object.data,
					   .len = object.len,
					   .packets = GEN_SAME_ROUNDS,
					   .skipped_maps = none,
					   .is_bare = true,
					   .on_done = compare_all,
					   .owner = s,
					   .refusal = &log};
		int result = check_object_bytes(&test);
		*refused += result < 0;
		if (result)
			gentest_fail(seed, "kernel and interpreter", log.len ? log.data : "differ");
		if (s->said.len)
			gentest_fail(seed, "kernel and userspace differ", s->said.data);
	}
	stop(s);
	compilation_fini(&c);
	buf_fini(&s->said);
	buf_fini(&log);
	buf_fini(&object);
	buf_fini(&text);
}

void gentest_same(uint64_t first, unsigned count, uint32_t kernel, const char *self)
{
	struct same s = {.ks = getenv("KS"), .folder = "/tmp/ks-same-XXXXXX"};
	char path[TEXT], beside[TEXT + 16], remove[TEXT];
	unsigned refused = 0;

	snprintf(path, sizeof path, "%s", self);
	snprintf(beside, sizeof beside, "%s/../bin/ks", dirname(path));
	if (!s.ks)
		s.ks = beside;
	if (!mkdtemp(s.folder)) {
		gentest_fail(first, "no folder for its files", s.folder);
		return;
	}
	for (uint64_t seed = first; seed < first + count; seed++)
		try_seed(&s, seed, kernel, &refused);
	snprintf(remove, sizeof remove, "rm -rf %s", s.folder);
	if (system(remove))
		perror(s.folder);
	printf("%u programs in kernel, interpreter and userspace: %u refused, %u of %u maps "
	       "differ\n",
	       count, refused, s.differ, s.compared);
}
