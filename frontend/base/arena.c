/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bump allocation out of malloc'ed chunks. Chunks grow from 8 KiB to 1 MiB so that a small program
 * stays small and a large one makes few system calls; an allocation larger than a chunk gets its
 * own.
 */
#include "frontend/base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARENA_ALIGN = 16,
	ARENA_FIRST_CHUNK = 8 << 10,
	ARENA_LAST_CHUNK = 1 << 20,
};

struct arena_chunk {
	struct arena_chunk *older;
	size_t size; // bytes of data
	_Alignas(16) char data[];
};

void die_out_of_memory(void)
{
	fputs("ks: out of memory\n", stderr);
	exit(1);
}

void unreachable_at(const char *what, const char *file, int line)
{
	fprintf(stderr, "ks: internal error: %s (%s:%d)\n", what, file, line);
	abort();
}

void arena_init(struct arena *arena)
{
	*arena = (struct arena){.chunk_size = ARENA_FIRST_CHUNK};
}

static void free_chunks(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *older = c->older;
		free(c);
		c = older;
	}
}

void arena_fini(struct arena *arena)
{
	free_chunks(arena->chunk);
	arena_init(arena);
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *c = arena->chunk;

	if (!c)
		return;
	free_chunks(c->older);
	c->older = NULL;
	arena->next = c->data;
	arena->end = c->data + c->size;
}

bool arena_holds(const struct arena *arena, const void *p)
{
	for (const struct arena_chunk *c = arena->chunk; c; c = c->older)
		if ((uintptr_t)p - (uintptr_t)c->data < c->size)
			return true;
	return false;
}

static void add_chunk(struct arena *arena, size_t need)
{
	size_t size = arena->chunk_size ? arena->chunk_size : ARENA_FIRST_CHUNK;

	if (size < ARENA_LAST_CHUNK)
		arena->chunk_size = size * 2;
	if (size < need)
		size = need;
	if (size > SIZE_MAX - sizeof(struct arena_chunk))
		die_out_of_memory();
	struct arena_chunk *c = malloc(sizeof *c + size);
	if (!c)
		die_out_of_memory();
	c->older = arena->chunk;
	c->size = size;
	arena->chunk = c;
	arena->next = c->data;
	arena->end = c->data + size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		die_out_of_memory();
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!arena->chunk || size > (size_t)(arena->end - arena->next))
		add_chunk(arena, size);
	void *p = arena->next;
	arena->next += size;
	return memset(p, 0, size);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
	void *p = arena_alloc(arena, size);

	if (size)
		memcpy(p, data, size);
	return p;
}

char *arena_copy_string(struct arena *arena, const char *text, size_t len)
{
	char *p = arena_alloc(arena, len + 1);

	if (len)
		memcpy(p, text, len);
	return p;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	char *p = arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
	if (n >= 0)
		vsnprintf(p, (size_t)n + 1, format, again);
	va_end(again);
	return p;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *p = arena_vprintf(arena, format, args);
	va_end(args);
	return p;
}
