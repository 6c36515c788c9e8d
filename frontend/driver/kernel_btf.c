/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gets the bytes and opens them. The kernel's own file can be mapped from Linux 6.16 on
 * (btf_sysfs_vmlinux_mmap()); before that it is read.
 */
#include "frontend/driver/kernel_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define KERNEL_BTF_PATH "/sys/kernel/btf/vmlinux"

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

const struct btf *kernel_btf_open(struct compile *compile, const struct options *options)
{
	const char *path = options->btf ? options->btf : KERNEL_BTF_PATH;
	struct btf *btf = ARENA_NEW(&compile->session, struct btf);
	const void *file, *section;
	size_t len, section_len;
	const char *why = "the file holds no BTF";

	int error = get_bytes(&compile->session, path, &file, &len);
	if (error) {
		if (options->btf)
			diag_report(&compile->diags, D_FILE_NOT_READABLE, (span){0, 0}, path,
				    strerror(error));
		return NULL;
	}
	if (btf_find_section(file, len, &section, &section_len) &&
	    !btf_open_lazily(btf, section, section_len, &compile->session, &why))
		return btf;
	diag_report(&compile->diags, D_BTF_DAMAGED, (span){0, 0},
		    arena_printf(&compile->session, "%s: %s", path, why));
	return NULL;
}
