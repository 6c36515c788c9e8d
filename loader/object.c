/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps, globals and programs of the BPF object.
 *
 * At start one bpf_object is opened with every program turned off; loading it creates the maps and
 * fills the global sections, which are mapped into this process. Each load() opens the same bytes
 * again with that one program turned on and all maps taken over by descriptor, so that programs
 * succeed or fail one by one and those never loaded are never verified.
 */
#include "loader/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/calls.h"

enum {
	VERIFIER_LOG_SIZE = 8 << 20, // untouched pages cost nothing
	BPF_FS_MAGIC_NUMBER = (int)0xcafe4a11,
	PIN_PATH_MAX = 512,
	CPUS_MAX =
		8192, // of any kernel; taken where /sys does not tell, since too much room is safe
};

#define PIN_ROOT "/sys/fs/bpf"

/* The object with only program `wanted` turned on (NULL: none), not loaded yet. */
static struct bpf_object *open_object(struct program *p, const char *wanted)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = p->options->name);
	log_capture(p);
	struct bpf_object *object =
		bpf_object__open_mem(p->options->bpf.data, p->options->bpf.len, &opts);
	if (!object) {
		log_explain_refusal(p, "reading the eBPF part of the program", false, -errno);
		return NULL;
	}
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		bool is_wanted = wanted && strcmp(bpf_program__name(program), wanted) == 0;
		bpf_program__set_autoload(program, is_wanted);
	}
	return object;
}

/* ---- pinned maps ---- */

static int pin_path(const struct program *p, const char *name, char *path)
{
	int n = snprintf(path, PIN_PATH_MAX, PIN_ROOT "/%s/maps/%s", p->options->name, name);
	return n < 0 || n >= PIN_PATH_MAX ? -ENAMETOOLONG : 0;
}

static void describe_shape(const struct bpf_map_info *info, char *out, size_t size)
{
	const char *type = libbpf_bpf_map_type_str((enum bpf_map_type)info->type);
	snprintf(out, size, "%s, key %u bytes, value %u bytes, %u entries, flags 0x%x",
		 type ? type : "unknown type", info->key_size, info->value_size, info->max_entries,
		 info->map_flags);
}

static struct bpf_map_info wanted_shape(const struct bpf_map *map)
{
	return (struct bpf_map_info){
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.map_flags = bpf_map__map_flags(map),
	};
}

static bool is_same_shape(const struct bpf_map_info *a, const struct bpf_map_info *b)
{
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->max_entries == b->max_entries && a->map_flags == b->map_flags;
}

/* Takes over the map pinned at `path` when there is one: 1 taken, 0 none. */
static int reuse_pinned(struct program *p, struct bpf_map *map, const char *name, const char *path)
{
	int fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	struct bpf_map_info there = {0}, wanted = wanted_shape(map);
	uint32_t len = sizeof there;
	int err = bpf_obj_get_info_by_fd(fd, &there, &len);
	if (!err && !is_same_shape(&there, &wanted)) {
		char a[128], b[128];
		describe_shape(&there, a, sizeof a);
		describe_shape(&wanted, b, sizeof b);
		report(p, "map `%s` is pinned at %s with another shape: %s there, %s here", name,
		       path, a, b);
		err = -EINVAL;
	} else {
		err = err ? err : bpf_map__reuse_fd(map, fd);
		if (err)
			log_explain_refusal(p, "using a pinned map", false, err);
	}
	close(fd);
	return err ? err : 1;
}

/* Makes the folders above `path`, below the root that must be a BPF file system. */
static int make_folders(struct program *p, char *path)
{
	struct statfs fs;
	if (statfs(PIN_ROOT, &fs) < 0 || (int)fs.f_type != BPF_FS_MAGIC_NUMBER) {
		report(p, "pinned maps need the BPF file system: mount -t bpf bpf " PIN_ROOT);
		return -ENOENT;
	}
	for (char *c = path + strlen(PIN_ROOT) + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = '\0';
		int err = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*c = '/';
		if (err) {
			report(p, "cannot make a folder for %s: %s", path, strerror(-err));
			return err;
		}
	}
	return 0;
}

static int pin_map(struct program *p, const struct bpf_map *map, const char *name)
{
	char path[PIN_PATH_MAX];
	int err = pin_path(p, name, path);
	if (!err)
		err = make_folders(p, path);
	if (err)
		return err;
	if (bpf_obj_pin(bpf_map__fd(map), path) < 0 && errno != EEXIST) {
		err = -errno;
		report(p, "map `%s` cannot be pinned at %s: %s", name, path, strerror(-err));
	}
	return err;
}

/* ---- start ---- */

static struct bpf_map *find_map(struct program *p, uint32_t index)
{
	const char *name = meta_text(&p->meta, p->meta.maps[index].name);
	struct bpf_map *map = bpf_object__find_map_by_name(p->object, name);
	if (!map)
		report(p, "the eBPF part of the program lacks map `%s`", name);
	return map;
}

/* Before maps are created: which of them exist already. */
static int find_pinned(struct program *p, bool *is_reused)
{
	for (uint32_t i = 0; i < p->meta.header->map_count; i++) {
		struct bpf_map *map = find_map(p, i);
		char path[PIN_PATH_MAX];
		const char *name = meta_text(&p->meta, p->meta.maps[i].name);
		if (!map)
			return -EINVAL;
		bpf_map__set_pin_path(map, NULL);
		if (!p->meta.maps[i].is_pinned)
			continue;
		int err = pin_path(p, name, path);
		if (!err)
			err = reuse_pinned(p, map, name, path);
		if (err < 0)
			return err;
		is_reused[i] = err > 0;
	}
	return 0;
}

static int note_maps(struct program *p, const bool *is_reused)
{
	for (uint32_t i = 0; i < p->meta.header->map_count; i++) {
		const struct bpf_map *map = find_map(p, i);
		p->maps[i] = (struct map_state){
			.fd = bpf_map__fd(map),
			.type = bpf_map__type(map),
			.max_entries = bpf_map__max_entries(map),
		};
		if (p->meta.maps[i].is_pinned && !is_reused[i]) {
			int err = pin_map(p, map, meta_text(&p->meta, p->meta.maps[i].name));
			if (err)
				return err;
		}
	}
	return 0;
}

static const char *const section_names[] = {[SECTION_DATA] = ".data", [SECTION_BSS] = ".bss"};

/* libbpf by itself asks for this only when a variable has external linkage. */
static void make_mappable(struct program *p)
{
	for (int i = SECTION_DATA; i <= SECTION_BSS; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(p->object, section_names[i]);
		if (map)
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
	}
}

/* Maps the shared sections; constants are compiled into the code that uses them. */
static int map_sections(struct program *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (int i = SECTION_DATA; i <= SECTION_BSS; i++) {
		size_t size = p->meta.header->section_size[i];
		if (!size)
			continue;
		struct bpf_map *map = bpf_object__find_map_by_name(p->object, section_names[i]);
		if (!map || bpf_map__value_size(map) < size) {
			report(p, "the eBPF part of the program lacks its section %s",
			       section_names[i]);
			return -EINVAL;
		}
		size_t mapped = (size + page - 1) & ~(page - 1);
		void *base =
			mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
		if (base == MAP_FAILED) {
			report(p, "the shared variables cannot be mapped: %s", strerror(errno));
			return -errno;
		}
		p->sections[i] = base;
		p->section_sizes[i] = mapped;
	}
	return 0;
}

static int create_maps(struct program *p)
{
	bool *is_reused = calloc(p->meta.header->map_count + 1, sizeof *is_reused);
	int err = is_reused ? find_pinned(p, is_reused) : -ENOMEM;
	if (!err) {
		make_mappable(p);
		err = bpf_object__load(p->object);
		if (err)
			log_explain_refusal(p, "creating maps", false, err);
	}
	if (!err)
		err = note_maps(p, is_reused);
	if (!err)
		err = map_sections(p);
	free(is_reused);
	return err;
}

static bool has_state(const struct program *p)
{
	const struct ks_meta_header *h = p->meta.header;
	return h->map_count || h->section_size[SECTION_DATA] || h->section_size[SECTION_BSS];
}

int object_open(struct program *p)
{
	log_capture(p);
	p->cpus = libbpf_num_possible_cpus();
	if (p->cpus < 1)
		p->cpus = CPUS_MAX;
	if (!has_state(p))
		return 0;
	p->object = open_object(p, NULL);
	return p->object ? create_maps(p) : -EINVAL;
}

void object_close(struct program *p)
{
	for (uint32_t i = 0; p->handles && i < p->meta.header->program_count; i++)
		bpf_object__close(p->handles[i].object);
	for (int i = 0; i < SECTION_COUNT; i++)
		if (p->sections[i])
			munmap(p->sections[i], p->section_sizes[i]);
	bpf_object__close(p->object);
	p->object = NULL;
}

/* ---- load(prog) ---- */

/* Gives every map of `object` the descriptor of the same map of the object made at start; both come
 * from the same bytes, so their maps are in the same order. */
static int share_maps(const struct program *p, struct bpf_object *object)
{
	struct bpf_map *map, *made = NULL;
	if (!p->object)
		return 0;
	bpf_object__for_each_map(map, object)
	{
		made = bpf_object__next_map(p->object, made);
		bpf_map__set_pin_path(map, NULL);
		int err = made ? bpf_map__reuse_fd(map, bpf_map__fd(made)) : -EINVAL;
		if (err)
			return err;
	}
	return 0;
}

static int load_object(struct program *p, struct handle *h, struct bpf_object *object,
		       const char *name)
{
	h->program = bpf_object__find_program_by_name(object, name);
	if (!h->program) {
		report(p, "the eBPF part of the program lacks `%s`", name);
		return -EINVAL;
	}
	int err = share_maps(p, object);
	if (err) {
		log_explain_refusal(p, "sharing maps", false, err);
		return err;
	}
	char *log = calloc(1, VERIFIER_LOG_SIZE);
	if (log)
		bpf_program__set_log_buf(h->program, log, VERIFIER_LOG_SIZE);
	err = bpf_object__load(object);
	if (err)
		log_explain_load(p, name, log ? log : "", err);
	if (log)
		bpf_program__set_log_buf(h->program, NULL, 0);
	free(log);
	return err;
}

int object_load_program(struct program *p, struct handle *h)
{
	if (h->object)
		return 0;
	const char *name = meta_text(&p->meta, p->meta.programs[h->index].name);
	struct bpf_object *object = open_object(p, name);
	if (!object)
		return -EINVAL;
	int err = load_object(p, h, object, name);
	if (err) {
		bpf_object__close(object);
		h->program = NULL;
		return err;
	}
	h->object = object;
	return 0;
}

void *ks_load(uint32_t index)
{
	struct program *p = program_current();
	if (index >= p->meta.header->program_count)
		return NULL;
	struct handle *h = &p->handles[index];
	int err = object_load_program(p, h);
	if (!err)
		err = tail_calls_load(p, h);
	return err ? NULL : h;
}
