/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte buffer for building output: text or section contents. Storage is malloc'ed because outputs
 * can be large and are handed to the caller; buf_fini() frees it.
 */
#ifndef KS_BASE_BUF_H
#define KS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; // len bytes and, after any buf_ text call, a NUL
	size_t len, cap;
	bool is_big_endian; // order of the integers that are added; buf_init() says no
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_char(struct buf *buf, char c);
void buf_add_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds zero bytes until len is a multiple of `align` (a power of two). */
void buf_pad(struct buf *buf, size_t align);
/* Adds `len` zero bytes and returns their offset. */
size_t buf_add_zeros(struct buf *buf, size_t len);
/* Integers in the order of the buffer. */
void buf_add_u16(struct buf *buf, uint16_t v);
void buf_add_u32(struct buf *buf, uint32_t v);
void buf_add_u64(struct buf *buf, uint64_t v);

/* Writes the buffer to `path` through a temporary file in the same folder and a rename, so that a
 * reader or an interruption never sees half a file. `mode` as for open(2). 0 or negative errno. */
int buf_write_file(const struct buf *buf, const char *path, unsigned mode);
/* Bytes of an open file that belong between two parts of a buffer: those from offset `at` on, after
 * the first `at` bytes of the buffer. They need not pass through memory. */
struct buf_insert {
	int fd;
	size_t at, len; // nothing to insert when len is 0
};
/* As buf_write_file(), with the insertion; into an open file. */
int buf_write_file_with(const struct buf *buf, const struct buf_insert *insert, const char *path,
			unsigned mode);
int buf_write_to(int fd, const struct buf *buf, const struct buf_insert *insert);
/* Removes the temporary file of a write in progress; safe in a signal handler. */
void buf_remove_temporary(void);

#endif
