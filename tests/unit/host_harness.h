/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the userspace back end: IR text through the real plug-in into an image, and the image
 * into memory with a call table that the test chooses.
 */
#ifndef KS_TESTS_HOST_HARNESS_H
#define KS_TESTS_HOST_HARNESS_H

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frontend/ir/ir.h"
#include "host-backend/host_gen.h"
#include "host-backend/image.h"
#include "ks/rt.h"

/* Path of a file of the build's lib/ks, next to which the tests are built. */
static inline const char *library_path(struct arena *arena, const char *name)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	cr_assert(n > 0);
	exe[n] = '\0';
	for (int up = 0; up < 3; up++) // build/tests/unit/x_test
		*strrchr(exe, '/') = '\0';
	return arena_printf(arena, "%s/lib/ks/%s", exe, name);
}

/* Path of the plug-in for `machine`: its own when it is not this one; NULL: this machine. */
static inline const char *plugin_path(struct arena *arena, const char *machine)
{
	const char *name = machine ? arena_printf(arena, HOST_PLUGIN_CROSS_NAME, machine) : NULL;
	if (name && access(library_path(arena, name), R_OK) == 0)
		return library_path(arena, name);
	return library_path(arena, HOST_PLUGIN_NAME);
}

static inline host_generate_fn *open_plugin(struct arena *arena, const char *machine)
{
	void *plugin = dlopen(plugin_path(arena, machine), RTLD_NOW | RTLD_LOCAL);
	cr_assert(plugin, "%s", dlerror());
	return (host_generate_fn *)dlsym(plugin, HOST_GENERATE_SYMBOL);
}

/* False in a build without the plug-in for another machine than this one. */
static inline bool has_machine(const char *machine)
{
	struct arena arena;
	arena_init(&arena);
	struct host_options options = {.triple = arena_printf(&arena, "%s-linux-gnu", machine)};
	struct compile c;
	struct ir_module m;
	struct buf out;
	const char *why;
	compile_init(&c);
	ir_module_init(&m, &c, &c.module);
	buf_init(&out);
	bool ok = open_plugin(&arena, machine)(&m, &options, &out, &why);
	buf_fini(&out);
	compile_fini(&c);
	arena_fini(&arena);
	return ok;
}

static inline void parse_ir(struct compile *c, struct ir_module *m, const char *text)
{
	ir_module_init(m, c, &c->module);
	const struct source_file *file = source_add(&c->sources, "test.ir", text, strlen(text));
	bool ok = ir_parse_module(m, file);
	cr_assert(ok, "%s", c->diags.list.len ? c->diags.list.data[0]->text : "no diagnostic");
}

static inline struct buf make_object(const struct ir_module *m, int level, const char *machine)
{
	const char *triple = machine ? arena_printf(m->arena, "%s-linux-gnu", machine) : NULL;
	struct buf object;
	const char *why = NULL;
	buf_init(&object);
	struct host_options options = {.triple = triple, .level = level, .output = HOST_OBJECT};
	bool ok = open_plugin(m->arena, machine)(m, &options, &object, &why);
	cr_assert(ok, "%s", why);
	return object;
}

static inline struct buf make_image(const struct ir_module *m, int level, const char *machine)
{
	struct buf object = make_object(m, level, machine), image;
	const char *why = NULL;
	buf_init(&image);
	bool ok = image_link((uint8_t *)object.data, object.len, m->arena, &image, &why);
	cr_assert(ok, "%s", why);
	buf_fini(&object);
	return image;
}

struct mapped_image {
	char *base;
	size_t size;
	int32_t (*main)(void *);
};

static inline struct mapped_image map_image(const struct buf *image, void *const *calls,
					    void *const *bases)
{
	struct ks_image_header h;
	memcpy(&h, image->data, sizeof h);
	struct mapped_image mapped = {.size = h.text_size + h.data_memory};
	mapped.base =
		mmap(NULL, mapped.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(mapped.base != MAP_FAILED);
	memcpy(mapped.base, image->data + h.text_offset, h.text_size);
	char *data = mapped.base + h.text_size;
	memcpy(data, image->data + h.data_offset, h.data_size);
	for (uint32_t i = 0; i < h.relative_count; i++) {
		uint32_t place;
		uint64_t word;
		memcpy(&place, image->data + h.relative_offset + 4 * i, sizeof place);
		memcpy(&word, mapped.base + place, sizeof word);
		word += (uint64_t)(uintptr_t)mapped.base;
		memcpy(mapped.base + place, &word, sizeof word);
	}
	if (calls)
		memcpy(data, calls, KS_CALL_COUNT * sizeof *calls);
	if (bases)
		memcpy(data + KS_CALL_COUNT * sizeof *calls, bases,
		       IR_SECTION_COUNT * sizeof *bases);
	mprotect(mapped.base, h.text_size, PROT_READ | PROT_EXEC);
	cr_assert(h.main_offset < h.text_size);
	mapped.main = (int32_t(*)(void *))(uintptr_t)(mapped.base + h.main_offset);
	return mapped;
}

#endif
