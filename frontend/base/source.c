/* SPDX-License-Identifier: Apache-2.0 */
/* File reading and the table of line starts. */
#include "frontend/base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void source_init(struct source_map *map, struct arena *arena)
{
	*map = (struct source_map){.arena = arena, .end = 1};
}

static struct source_file *append_file(struct source_map *map, const char *path, char *text,
				       uint32_t len)
{
	struct source_file *f = ARENA_NEW(map->arena, struct source_file);

	*f = (struct source_file){.path = arena_copy_string(map->arena, path, strlen(path)),
				  .text = text,
				  .len = len,
				  .base = map->end};
	map->end += len + 1;
	vec_push(map->arena, &map->files, f);
	return f;
}

struct source_file *source_add(struct source_map *map, const char *path, const char *text,
			       uint32_t len)
{
	if (len >= SOURCE_MAX_BYTES - map->end)
		return NULL;
	return append_file(map, path, arena_copy_string(map->arena, text, len), len);
}

static enum source_error read_all(struct source_map *map, int fd, char **text, uint32_t *len)
{
	size_t cap = 16 << 10, n = 0;
	char *buf = arena_alloc(map->arena, cap + 1);

	for (;;) {
		ssize_t got = read(fd, buf + n, cap - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EISDIR ? SOURCE_IS_DIRECTORY : SOURCE_NOT_READABLE;
		if (!got)
			break;
		n += (size_t)got;
		if (n >= SOURCE_MAX_BYTES - map->end)
			return SOURCE_TOO_LARGE;
		if (n == cap) {
			char *bigger = arena_alloc(map->arena, cap * 4 + 1);
			memcpy(bigger, buf, n);
			buf = bigger;
			cap *= 4;
		}
	}
	buf[n] = 0;
	*text = buf;
	*len = (uint32_t)n;
	return SOURCE_OK;
}

enum source_error source_read(struct source_map *map, const char *path, struct source_file **out)
{
	bool std_input = !strcmp(path, "-");
	int fd = std_input ? 0 : open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	uint32_t len = 0;

	if (fd < 0)
		return SOURCE_NOT_READABLE;
	enum source_error e = read_all(map, fd, &text, &len);
	int saved = errno;
	if (!std_input)
		close(fd);
	errno = saved;
	if (e == SOURCE_OK)
		*out = append_file(map, std_input ? "<stdin>" : path, text, len);
	return e;
}

static void find_lines(const struct source_map *map, struct source_file *f)
{
	uint32_t n = 1;

	for (const char *p = f->text; (p = memchr(p, '\n', (size_t)(f->text + f->len - p))); p++)
		n++;
	f->lines = ARENA_ARRAY(map->arena, uint32_t, n);
	f->line_count = n;
	n = 1;
	for (const char *p = f->text; (p = memchr(p, '\n', (size_t)(f->text + f->len - p))); p++)
		f->lines[n++] = (uint32_t)(p + 1 - f->text);
}

static struct source_file *find_file(const struct source_map *map, uint32_t offset)
{
	uint32_t lo = 0, hi = map->files.len;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (map->files.data[mid]->base <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? map->files.data[lo - 1] : NULL;
}

struct source_pos source_locate(const struct source_map *map, uint32_t offset)
{
	struct source_file *f = offset ? find_file(map, offset) : NULL;

	if (!f)
		return (struct source_pos){0};
	if (!f->lines)
		find_lines(map, f);
	uint32_t at = offset - f->base, lo = 0, hi = f->line_count;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (f->lines[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (struct source_pos){f, lo, at - f->lines[lo - 1] + 1};
}

const char *source_line(const struct source_file *file, uint32_t line, uint32_t *len)
{
	if (!file->lines || !line || line > file->line_count) {
		*len = 0;
		return "";
	}
	uint32_t begin = file->lines[line - 1];
	uint32_t end = line < file->line_count ? file->lines[line] - 1 : file->len;
	if (end > begin && file->text[end - 1] == '\r')
		end--;
	*len = end - begin;
	return file->text + begin;
}
