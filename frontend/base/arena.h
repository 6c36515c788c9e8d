/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: memory with one lifetime, freed as a whole.
 *
 * The compiler uses three: session (interned strings, source text, types), module (AST and IR of
 * one program) and function (scratch of one pass, reset between functions). Nothing allocated from
 * an arena is freed on its own. Running out of memory ends the process with a message: no caller of
 * a compiler stage could do better.
 */
#ifndef KS_BASE_ARENA_H
#define KS_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk; // newest chunk; NULL before the first allocation
	char *next, *end;          // free part of the newest chunk
	size_t chunk_size;         // size of the next chunk, doubled up to a limit
};

/* Makes an empty arena; allocates nothing yet. */
void arena_init(struct arena *arena);
/* Gives back everything. The arena may be used again afterwards. */
void arena_fini(struct arena *arena);
/* Forgets everything but keeps the newest chunk for reuse. */
void arena_reset(struct arena *arena);

/* Whether p is memory of this arena. */
bool arena_holds(const struct arena *arena, const void *p);

/* Zeroed memory of `size` bytes, aligned to 16. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copy of `len` bytes with a NUL added. */
char *arena_copy_string(struct arena *arena, const char *text, size_t len);
/* Copy of `size` bytes; size may be 0. */
void *arena_copy(struct arena *arena, const void *data, size_t size);
/* printf into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count)                                                            \
	((type *)arena_alloc((arena), sizeof(type) * (size_t)(count)))

/* Ends the process with "ks: out of memory" and status 1. */
_Noreturn void die_out_of_memory(void);

/* States that control never comes here; `what` says why in words. */
#define unreachable(what) unreachable_at((what), __FILE__, __LINE__)
_Noreturn void unreachable_at(const char *what, const char *file, int line);

#endif
