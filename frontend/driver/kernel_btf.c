/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets the bytes and opens them. The kernel's own file can be mapped from Linux 6.16 on
 * (btf_sysfs_vmlinux_mmap()); before that it is read.
 */
#include "frontend/driver/kernel_btf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_BTF_FOLDER "/sys/kernel/btf"
#define KERNEL_BTF_PATH KERNEL_BTF_FOLDER "/vmlinux"

/* Reads until the file ends; a size of 0 is that of a special file. */
static const void *read_all(struct arena *arena, int fd, size_t size, size_t *len)
{
	char *data = arena_alloc(arena, size + 1);
	ssize_t n;

	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, data + *len, size - *len);
		if (n < 0)
			return NULL;
		if (!n)
			break;
	}
	return data;
}

/* 0 or an errno. */
static int get_bytes(struct arena *arena, const char *path, const void **data, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		error = EINVAL;
	} else if (st.st_size > INT32_MAX) {
		error = EFBIG;
	} else {
		*len = (size_t)st.st_size;
		*data = *len ? mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0) : "";
		if (*data == MAP_FAILED)
			*data = read_all(arena, fd, (size_t)st.st_size, len);
		error = *data ? 0 : EIO;
	}
	close(fd);
	return error;
}

/* The section in a file, which stays in memory. False after a diagnostic, if there is to be one. */
static bool get_section(struct compile *compile, const char *path, bool is_asked, const void **data,
			size_t *len)
{
	const void *file = NULL;
	size_t file_len = 0;

	int error = get_bytes(&compile->session, path, &file, &file_len);
	if (error && is_asked)
		diag_report(&compile->diags, D_FILE_NOT_READABLE, (span){0, 0}, path,
			    strerror(error));
	if (error)
		return false;
	if (btf_find_section(file, file_len, data, len)) {
		*data = btf_turn_section(*data, *len, &compile->session);
		return true;
	}
	diag_report(&compile->diags, D_BTF_DAMAGED, (span){0, 0},
		    arena_printf(&compile->session, "%s: the file holds no BTF", path));
	return false;
}

static void report_damaged(struct compile *compile, const char *path, const char *why)
{
	diag_report(&compile->diags, D_BTF_DAMAGED, (span){0, 0},
		    arena_printf(&compile->session, "%s: %s", path, why));
}

/* The first file that is no module's, else the running kernel's. */
static bool open_base(struct compile *compile, const struct options *o, struct btf *btf)
{
	const char *path = KERNEL_BTF_PATH, *why;
	const void *data = NULL;
	size_t len;

	for (uint32_t i = 0; i < o->btf.len; i++) {
		if (!get_section(compile, o->btf.data[i], true, &data, &len))
			return false;
		if (!btf_is_module(data, len)) {
			path = o->btf.data[i];
			break;
		}
		data = NULL;
	}
	if (!data && !get_section(compile, path, o->btf.len > 0, &data, &len))
		return false;
	if (!btf_open_lazily(btf, data, len, &compile->session, &why))
		return true;
	report_damaged(compile, path, why);
	return false;
}

const struct btf *kernel_btf_open(struct compile *compile, const struct options *o)
{
	struct btf *btf = ARENA_NEW(&compile->session, struct btf);
	const void *data;
	const char *why;
	size_t len;

	if (!open_base(compile, o, btf))
		return NULL;
	for (uint32_t i = 0; i < o->btf.len; i++) {
		if (!get_section(compile, o->btf.data[i], true, &data, &len))
			return NULL;
		if (!btf_is_module(data, len))
			continue;
		if (btf_add_module(btf, data, len, &compile->session, &why)) {
			report_damaged(compile, o->btf.data[i], why);
			return NULL;
		}
	}
	return btf;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool kernel_btf_add_modules(struct compile *compile, struct btf *btf)
{
	VEC(const char *) paths = {0};
	DIR *folder = opendir(KERNEL_BTF_FOLDER);
	const struct dirent *entry;
	const void *file = NULL, *data;
	size_t file_len = 0, len;
	const char *why;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux") != 0)
			vec_push(&compile->session, &paths,
				 arena_printf(&compile->session, KERNEL_BTF_FOLDER "/%s",
					      entry->d_name));
	if (folder)
		closedir(folder);
	if (paths.len)
		qsort(paths.data, paths.len, sizeof *paths.data, compare_names);
	for (uint32_t i = 0; i < paths.len; i++)
		if (!get_bytes(&compile->session, paths.data[i], &file, &file_len) &&
		    btf_find_section(file, file_len, &data, &len))
			btf_add_module(btf, data, len, &compile->session, &why);
	return btf->module_count > 0;
}
