/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer; file output by temporary and rename. */
#define _GNU_SOURCE // copy_file_range
#include "frontend/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/base/arena.h"

void buf_init(struct buf *buf)
{
	*buf = (struct buf){0};
}

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

static void reserve(struct buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;
	size_t cap = buf->cap ? buf->cap : 64;

	if (need <= buf->cap)
		return;
	while (cap < need)
		cap *= 2;
	char *p = realloc(buf->data, cap);
	if (!p)
		die_out_of_memory();
	buf->data = p;
	buf->cap = cap;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
	reserve(buf, len);
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = 0;
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	if (n > 0) {
		reserve(buf, (size_t)n);
		vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
		buf->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

size_t buf_add_zeros(struct buf *buf, size_t len)
{
	size_t at = buf->len;

	reserve(buf, len);
	memset(buf->data + at, 0, len + 1);
	buf->len += len;
	return at;
}

void buf_pad(struct buf *buf, size_t align)
{
	buf_add_zeros(buf, -buf->len & (align - 1));
}

static void add_integer(struct buf *buf, uint64_t v, unsigned bytes)
{
	unsigned char b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[buf->is_big_endian ? bytes - 1 - i : i] = (unsigned char)(v >> (8 * i));
	buf_add(buf, b, bytes);
}

void buf_add_u16(struct buf *buf, uint16_t v)
{
	add_integer(buf, v, 2);
}

void buf_add_u32(struct buf *buf, uint32_t v)
{
	add_integer(buf, v, 4);
}

void buf_add_u64(struct buf *buf, uint64_t v)
{
	add_integer(buf, v, 8);
}

/* Path of the temporary being written, for buf_remove_temporary(); "" when there is none. The one
 * piece of file-scope state in this library, because a signal handler has no other way to reach it.
 */
static char temporary_path[4096];

void buf_remove_temporary(void)
{
	if (temporary_path[0])
		unlink(temporary_path);
}

static int write_all(int fd, const char *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, data + at, len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

/* Where the kernel cannot copy between these two files by itself. */
static int copy_through_memory(int fd, int from, size_t begin, size_t end)
{
	char bytes[16384];

	while (begin < end) {
		size_t want = end - begin < sizeof bytes ? end - begin : sizeof bytes;
		ssize_t n = pread(from, bytes, want, (off_t)begin);
		if (n < 0 && errno == EINTR)
			continue;
		int err = n < 0 ? -errno : n == 0 ? -EIO : write_all(fd, bytes, (size_t)n);
		if (err)
			return err;
		begin += (size_t)n;
	}
	return 0;
}

static int copy_part(int fd, const struct buf_insert *insert)
{
	off_t at = (off_t)insert->at, end = (off_t)(insert->at + insert->len);

	while (at < end) {
		ssize_t n = copy_file_range(insert->fd, &at, fd, NULL, (size_t)(end - at), 0);
		if (n <= 0)
			return copy_through_memory(fd, insert->fd, (size_t)at, (size_t)end);
	}
	return 0;
}

int buf_write_to(int fd, const struct buf *buf, const struct buf_insert *insert)
{
	size_t first = insert->len ? insert->at : 0;
	int err = write_all(fd, buf->data, first);

	if (!err && insert->len)
		err = copy_part(fd, insert);
	return err ? err : write_all(fd, buf->data + first, buf->len - first);
}

static int write_special(const struct buf *buf, const struct buf_insert *insert, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int err = buf_write_to(fd, buf, insert);
	close(fd);
	return err;
}

int buf_write_file_with(const struct buf *buf, const struct buf_insert *insert, const char *path,
			unsigned mode)
{
	struct stat st;

	if (!stat(path, &st) && !S_ISREG(st.st_mode)) // /dev/stdout, a pipe, a folder
		return S_ISDIR(st.st_mode) ? -EISDIR : write_special(buf, insert, path);
	if (snprintf(temporary_path, sizeof temporary_path, "%s.tmp%ld", path, (long)getpid()) >=
	    (int)sizeof temporary_path) {
		temporary_path[0] = 0;
		return -ENAMETOOLONG;
	}
	int fd = open(temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int err = fd < 0 ? -errno : buf_write_to(fd, buf, insert);
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err && rename(temporary_path, path))
		err = -errno;
	if (err && fd >= 0)
		unlink(temporary_path);
	temporary_path[0] = 0;
	return err;
}

int buf_write_file(const struct buf *buf, const char *path, unsigned mode)
{
	return buf_write_file_with(buf, &(struct buf_insert){0}, path, mode);
}
