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
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/pin.h"

enum {
	VERIFIER_LOG_SIZE = 8 << 20, // untouched pages cost nothing
	CPUS_MAX =
		8192, // of any kernel; taken where /sys does not tell, since too much room is safe
};

/* Types that libbpf 1.1 does not know by the section of a program; enum bpf_prog_type and enum
 * bpf_attach_type, Linux 6.12. */
static void set_type(struct bpf_program *program)
{
	enum { NETFILTER = 32, ATTACH_NETFILTER = 45 };
	if (strcmp(bpf_program__section_name(program), "netfilter") != 0)
		return;
	bpf_program__set_type(program, (enum bpf_prog_type)NETFILTER);
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)ATTACH_NETFILTER);
}

/* ---- struct_ops ---- */

static const char *section_name(const Elf64_Ehdr *e, const Elf64_Shdr *s, size_t len)
{
	const char *bytes = (const char *)e;
	const Elf64_Shdr *names = (const void *)(bytes + e->e_shoff);
	names += e->e_shstrndx;
	uint64_t at = names->sh_offset + s->sh_name;
	return at < len ? bytes + at : "";
}

/* libbpf creates the maps of struct_ops whenever it loads an object, which takes a kernel that has their types. A
 * program is loaded from a copy in which it does not see them, so that each stands alone. */
static const void *plain_bytes(struct program *p)
{
	const struct ks_payload *bpf = &p->options->bpf;
	bool has_ops = false;
	for (uint32_t i = 0; i < p->meta.header->program_count; i++)
		has_ops |= p->meta.programs[i].ops != 0;
	if (!has_ops || p->plain_bpf)
		return has_ops ? p->plain_bpf : bpf->data;
	p->plain_bpf = malloc(bpf->len);
	if (!p->plain_bpf)
		return bpf->data;
	memcpy(p->plain_bpf, bpf->data, bpf->len);
	Elf64_Ehdr *e = p->plain_bpf;
	Elf64_Shdr *sections = (void *)((char *)p->plain_bpf + e->e_shoff);
	for (uint32_t i = 0; i < e->e_shnum; i++) {
		const char *name = section_name(e, &sections[i], bpf->len);
		if (!strcmp(name, ".struct_ops") || !strcmp(name, ".rel.struct_ops"))
			sections[i].sh_type = SHT_NOTE; // of no interest to libbpf
	}
	return p->plain_bpf;
}

/* The object with only program `wanted` turned on (NULL: none), not loaded yet. */
static struct bpf_object *open_object(struct program *p, const char *wanted)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = p->options->name);
	log_capture(p);
	const void *bytes = plain_bytes(p);
	struct bpf_object *object = bpf_object__open_mem(bytes, p->options->bpf.len, &opts);
	if (!object) {
		log_explain_refusal(p, "reading the eBPF part of the program", false, -errno);
		return NULL;
	}
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		set_type(program);
		bool is_wanted = wanted && strcmp(bpf_program__name(program), wanted) == 0;
		bpf_program__set_autoload(program, is_wanted);
	}
	return object;
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

static int note_maps(struct program *p)
{
	for (uint32_t i = 0; i < p->meta.header->map_count; i++) {
		const struct bpf_map *map = find_map(p, i);
		if (!map)
			return -EINVAL;
		p->maps[i] = (struct map_state){
			.fd = bpf_map__fd(map),
			.type = bpf_map__type(map),
			.max_entries = bpf_map__max_entries(map),
		};
	}
	return 0;
}

/* Of the sections that are mapped into this process; constants are compiled into the code that uses
 * them. */
static const char *const section_names[SECTION_COUNT] = {
	[SECTION_DATA] = ".data",
	[SECTION_BSS] = ".bss",
	[SECTION_PINNED] = PINNED_SECTION,
};

/* Entries with room for a program. */
static void widen_maps(struct bpf_object *object)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, object)
	{
		if (maps_has_program(bpf_map__type(map)))
			bpf_map__set_value_size(map, 8);
	}
}

/* libbpf by itself asks for this only when a variable has external linkage. */
static void make_mappable(struct program *p)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		struct bpf_map *map =
			section_names[i] ? bpf_object__find_map_by_name(p->object, section_names[i])
					 : NULL;
		if (map)
			bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
	}
}

static int map_sections(struct program *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < SECTION_COUNT; i++) {
		size_t size = p->meta.header->section_size[i];
		if (!size || !section_names[i])
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
	make_mappable(p);
	widen_maps(p->object);
	bool is_test = p->options->test; // which has maps of its own
	int err = is_test ? 0 : pin_reuse(p);
	if (err)
		return err;
	err = bpf_object__load(p->object);
	if (err) {
		log_explain_refusal(p, "creating maps", false, err);
		return err;
	}
	err = note_maps(p);
	if (!err && !is_test)
		err = pin_create(p);
	return err ? err : map_sections(p);
}

static bool has_state(const struct program *p)
{
	const struct ks_meta_header *h = p->meta.header;
	bool has_sections = false;
	for (int i = 0; i < SECTION_COUNT; i++)
		has_sections |= section_names[i] && h->section_size[i];
	return h->map_count || has_sections;
}

int object_open(struct program *p)
{
	log_capture(p);
	p->cpus = libbpf_num_possible_cpus();
	if (p->cpus < 1)
		p->cpus = CPUS_MAX;
	if (machine_of(p))
		return machine_open(p);
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
		if (p->sections[i] && !machine_of(p))
			munmap(p->sections[i], p->section_sizes[i]);
	bpf_object__close(p->object);
	p->object = NULL;
	free(p->plain_bpf);
	p->plain_bpf = NULL;
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
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			continue; // they come last
		made = bpf_object__next_map(p->object, made);
		bpf_map__set_pin_path(map, NULL);
		int err = made ? bpf_map__reuse_fd(map, bpf_map__fd(made)) : -EINVAL;
		if (err)
			return err;
	}
	return 0;
}

static bool can_fall_back(const struct program *p, const struct handle *h)
{
	return handle_row(p, h)->fallback < p->meta.header->program_count;
}

/* *is_refused tells whether the verifier looked at the program: then another kind of it would fare no
 * better, and the failure is said. */
/* A pointer that a map keeps must be of the same type, in the same BTF, as the one that the program stores.
 * libbpf 1.1 does not load BTF that has a descriptor already, and goes on. */
static void share_types(const struct program *p, struct bpf_object *object)
{
	bool has_kptr = false;
	for (uint32_t i = 0; i < p->meta.header->map_count; i++)
		has_kptr |= p->meta.maps[i].has_kptr != 0;
	if (!has_kptr || !p->object || bpf_object__btf_fd(p->object) < 0)
		return;
	int fd = fcntl(bpf_object__btf_fd(p->object), F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		btf__set_fd(bpf_object__btf(object), fd);
}

static int load_object(struct program *p, struct handle *h, struct bpf_object *object,
		       const char *name, bool *is_refused)
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
	share_types(p, object);
	char *log = calloc(1, VERIFIER_LOG_SIZE);
	if (log)
		bpf_program__set_log_buf(h->program, log, VERIFIER_LOG_SIZE);
	err = bpf_object__load(object);
	*is_refused = log && strstr(log, "processed ") && !strstr(log, "processed 0 insns");
	if (err && (*is_refused || !can_fall_back(p, h)))
		log_explain_load(p, name, log ? log : "", err);
	if (log)
		bpf_program__set_log_buf(h->program, NULL, 0);
	free(log);
	return err;
}

/* Loads the program of h->row. */
static int load_row(struct program *p, struct handle *h, bool *is_refused)
{
	const char *name = meta_text(&p->meta, handle_row(p, h)->name);
	struct bpf_object *object = open_object(p, name);
	if (!object)
		return -EINVAL;
	int err = load_object(p, h, object, name, is_refused);
	if (err) {
		bpf_object__close(object);
		h->program = NULL;
		return err;
	}
	h->object = object;
	return 0;
}

int object_load_program(struct program *p, struct handle *h)
{
	bool is_refused = false;
	if (h->object)
		return 0;
	h->row = h->index;
	int err = load_row(p, h, &is_refused);
	return err && !is_refused && can_fall_back(p, h) ? object_load_fallback(p, h) : err;
}

int object_load_fallback(struct program *p, struct handle *h)
{
	bool is_refused;
	if (!can_fall_back(p, h))
		return -EOPNOTSUPP;
	bpf_object__close(h->object);
	h->object = NULL;
	h->program = NULL;
	h->row = handle_row(p, h)->fallback;
	return load_row(p, h, &is_refused);
}

int object_load_again(struct program *p, struct handle *h)
{
	bool is_refused;
	bpf_object__close(h->object);
	h->object = NULL;
	h->program = NULL;
	return load_row(p, h, &is_refused);
}

/* ---- register(impl) ---- */

/* The row of a program whose name is that of a function of the impl; NULL for others. */
static const struct ks_meta_program *find_member(const struct program *p, const char *program,
						 const char *impl)
{
	for (uint32_t i = 0; i < p->meta.header->program_count; i++) {
		const struct ks_meta_program *row = &p->meta.programs[i];
		if (row->ops && !strcmp(meta_text(&p->meta, row->ops), impl) &&
		    !strcmp(meta_text(&p->meta, row->name), program))
			return row;
	}
	return NULL;
}

static void choose_members(struct program *p, struct bpf_object *object, const char *impl,
			   char *log)
{
	struct bpf_program *program;
	bpf_object__for_each_program(program, object)
	{
		set_type(program);
		const struct ks_meta_program *row =
			find_member(p, bpf_program__name(program), impl);
		bpf_program__set_autoload(program, row != NULL);
		if (row && row->flags & KS_PROGRAM_SLEEPABLE)
			bpf_program__set_flags(program,
					       bpf_program__flags(program) | BPF_F_SLEEPABLE);
		if (row && log)
			bpf_program__set_log_buf(program, log, VERIFIER_LOG_SIZE);
	}
}

struct bpf_object *object_load_ops(struct program *p, const char *name, uint32_t flags,
				   bool is_quiet)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = p->options->name);
	log_capture(p);
	struct bpf_object *object =
		bpf_object__open_mem(p->options->bpf.data, p->options->bpf.len, &opts);
	if (!object) {
		log_explain_refusal(p, "reading the eBPF part of the program", false, -errno);
		return NULL;
	}
	char *log =
		calloc(1, VERIFIER_LOG_SIZE); // of the program that is refused, the last one tried
	struct bpf_map *map;
	choose_members(p, object, name, log);
	bpf_object__for_each_map(map, object) if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
		bpf_map__set_map_flags(map, flags);
	int err = share_maps(p, object);
	if (!err)
		err = bpf_object__load(object);
	if (err && !is_quiet)
		log_explain_load(p, name, log ? log : "", err);
	if (err) {
		bpf_object__close(object);
		object = NULL;
	}
	free(log);
	return object;
}

void *ks_load(uint32_t index)
{
	struct program *p = program_current();
	if (index >= p->meta.header->program_count)
		return NULL;
	struct handle *h = &p->handles[index];
	if (machine_of(p)) {
		h->row = index;
		return h;
	}
	int err = object_load_program(p, h);
	if (!err)
		err = tail_calls_load(p, h);
	return err ? NULL : h;
}
