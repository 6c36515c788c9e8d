/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinned maps and variables. What exists is used as it is, so its shape must be what the program was
 * compiled for: kind, sizes, entries and flags of a map, and also name, offset and size of each
 * variable of the section, which the kernel keeps as BTF.
 */
#include "loader/pin.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/bpffs.h"
#include "loader/program.h"

#define PIN_ROOT "/sys/fs/bpf"

enum {
	BPF_FS_MAGIC_NUMBER = (int)0xcafe4a11,
	PIN_PATH_MAX = 512,
	SHAPE_MAX = 400, // of a text that describes one
};

struct pinned {
	struct bpf_map *map;
	char what[128]; // for messages
	char path[PIN_PATH_MAX];
};

typedef int pin_action(struct program *p, struct pinned *pinned);

static int act_on(struct program *p, const char *map_name, const char *what, const char *folder,
		  const char *file, pin_action *action)
{
	struct pinned pinned = {.map = bpf_object__find_map_by_name(p->object, map_name)};
	char project[PIN_PATH_MAX];
	bpffs_project_folder(project, sizeof project, p->options->name);
	int n = snprintf(pinned.path, sizeof pinned.path, PIN_ROOT "/%s/%s/%s", project, folder,
			 file);
	snprintf(pinned.what, sizeof pinned.what, "%s", what);
	if (!pinned.map) {
		report(p, "the eBPF part of the program lacks map `%s`", map_name);
		return -EINVAL;
	}
	if (n < 0 || (size_t)n >= sizeof pinned.path) {
		report(p, "%s: the path of its pin is too long", what);
		return -ENAMETOOLONG;
	}
	return action(p, &pinned);
}

/* Applies the action to everything that the metadata wants pinned, until it fails. */
static int for_each_pinned(struct program *p, pin_action *action)
{
	int err = 0;
	for (uint32_t i = 0; i < p->meta.header->map_count && !err; i++) {
		if (!p->meta.maps[i].is_pinned)
			continue;
		const char *name = meta_text(&p->meta, p->meta.maps[i].name);
		char what[128];
		snprintf(what, sizeof what, "map `%.100s`", name);
		err = act_on(p, name, what, "maps", name, action);
	}
	if (!err && p->meta.header->section_size[SECTION_PINNED])
		err = act_on(p, PINNED_SECTION, "the group of `pin` variables", "globals",
			     "pinned_globals", action);
	return err;
}

/* ---- shapes ---- */

static void describe_map(const struct bpf_map_info *info, char *out, size_t size)
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

/* "total at 0: 8 bytes, limit at 8: 4 bytes" of a section in BTF; a text that is cut at `size` is
 * complete enough to differ. */
static void describe_variables(const struct btf *btf, uint32_t section, char *out, size_t size)
{
	const struct btf_type *t = btf ? btf__type_by_id(btf, section) : NULL;
	size_t len = 0;
	out[0] = '\0';
	if (!t || !btf_is_datasec(t))
		return;
	const struct btf_var_secinfo *row = btf_var_secinfos(t);
	for (int i = 0; i < btf_vlen(t) && len < size; i++, row++) {
		const struct btf_type *var = btf__type_by_id(btf, row->type);
		const char *name = var ? btf__name_by_offset(btf, var->name_off) : NULL;
		int n = snprintf(out + len, size - len, "%s%s at %u: %u bytes", i ? ", " : "",
				 name ? name : "?", row->offset, row->size);
		len += n > 0 ? (size_t)n : 0;
	}
}

/* The variables of the pinned section and of ours, as text. The kernel does not show the first to
 * everybody: then both are empty. */
static void describe_sections(const struct program *p, const struct bpf_map_info *there,
			      char a[SHAPE_MAX], char b[SHAPE_MAX])
{
	const struct btf *own = bpf_object__btf(p->object);
	struct btf *btf = there->btf_id ? btf__load_from_kernel_by_id(there->btf_id) : NULL;
	int section = btf__find_by_name_kind(own, PINNED_SECTION, BTF_KIND_DATASEC);
	describe_variables(btf, there->btf_value_type_id, a, SHAPE_MAX);
	b[0] = '\0';
	if (a[0] && section > 0)
		describe_variables(own, (uint32_t)section, b, SHAPE_MAX);
	btf__free(btf);
}

static int check_shape(struct program *p, const struct pinned *pinned,
		       const struct bpf_map_info *there)
{
	struct bpf_map_info wanted = wanted_shape(pinned->map);
	char a[SHAPE_MAX] = "", b[SHAPE_MAX] = "";
	bool is_same = is_same_shape(there, &wanted);
	if (bpf_map__is_internal(pinned->map)) {
		describe_sections(p, there, a, b);
		is_same = is_same && strcmp(a, b) == 0;
	}
	if (is_same)
		return 0;
	if (!a[0]) {
		describe_map(there, a, sizeof a);
		describe_map(&wanted, b, sizeof b);
	}
	report(p, "%s is pinned at %s with another shape: %s there, %s here", pinned->what,
	       pinned->path, a, b);
	return -EINVAL;
}

/* ---- reuse ---- */

static bool is_bpf_fs(void)
{
	struct statfs fs;
	return statfs(PIN_ROOT, &fs) == 0 && (int)fs.f_type == BPF_FS_MAGIC_NUMBER;
}

static int reuse(struct program *p, struct pinned *pinned)
{
	struct bpf_map_info there = {0};
	uint32_t len = sizeof there;
	int fd = bpf_obj_get(pinned->path);
	if (fd < 0 && errno == ENOENT)
		return 0;
	int err = fd < 0 ? -errno : bpf_obj_get_info_by_fd(fd, &there, &len);
	if (!err && check_shape(p, pinned, &there) < 0) {
		close(fd);
		return -EINVAL;
	}
	if (!err)
		err = bpf_map__reuse_fd(pinned->map, fd);
	if (err)
		log_explain_refusal(p, "using a pinned map", false, err);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Two first runs at once must not both create what is to be shared: from the look at the pins to their
 * creation a run has the lock of the project's folder. Without a BPF file system there is nothing to lock,
 * and pin_create() says so. */
static void lock_folder(struct program *p)
{
	char path[PIN_PATH_MAX], project[PIN_PATH_MAX];
	bpffs_project_folder(project, sizeof project, p->options->name);
	int n = snprintf(path, sizeof path, PIN_ROOT "/%s/", project);
	if (n < 0 || (size_t)n >= sizeof path || !is_bpf_fs())
		return;
	mkdir(path, 0700);
	p->pin_lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (p->pin_lock >= 0 && flock(p->pin_lock, LOCK_EX) < 0 && errno == EINTR)
		;
}

static void unlock_folder(struct program *p)
{
	if (p->pin_lock >= 0)
		close(p->pin_lock);
	p->pin_lock = -1;
}

static bool has_pins(const struct program *p)
{
	bool has = p->meta.header->section_size[SECTION_PINNED] != 0;
	for (uint32_t i = 0; i < p->meta.header->map_count; i++)
		has |= p->meta.maps[i].is_pinned != 0;
	return has;
}

int pin_reuse(struct program *p)
{
	struct bpf_map *map;
	bpf_object__for_each_map(map, p->object)
		bpf_map__set_pin_path(map, NULL); // libbpf's own place for `pinning`
	if (!has_pins(p))
		return 0;
	lock_folder(p);
	int err = for_each_pinned(p, reuse);
	if (err)
		unlock_folder(p);
	return err;
}

/* ---- create ---- */

/* Makes the folders above `path`, below the root that must be a BPF file system. */
static int make_folders(struct program *p, char *path)
{
	if (!is_bpf_fs()) {
		report(p, "pinning needs the BPF file system: mount -t bpf bpf " PIN_ROOT);
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

/* One that was taken over is there already. */
static int create(struct program *p, struct pinned *pinned)
{
	int err = make_folders(p, pinned->path);
	if (err)
		return err;
	if (bpf_obj_pin(bpf_map__fd(pinned->map), pinned->path) < 0 && errno != EEXIST) {
		err = -errno;
		report(p, "%s cannot be pinned at %s: %s", pinned->what, pinned->path,
		       strerror(-err));
	}
	return err;
}

int pin_create(struct program *p)
{
	int err = for_each_pinned(p, create);
	unlock_folder(p);
	return err;
}
