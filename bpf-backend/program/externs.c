/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbols that the object leaves to the loader: values of the kernel's configuration (section
 * .kconfig of its BTF) and variables and functions of the kernel (.ksyms). The configuration becomes
 * a map of constants, as in libbpf's bpf_object__resolve_externs() (Linux 6.12).
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/program/inside.h"

enum { MAP_ARRAY = 2, BPF_F_RDONLY_PROG = 1 << 7, MAX_CONFIG = 1 << 16 };

/* DATASEC entry of an extern in a section; false when there is none. */
static bool find_item(const struct program_object *object, const char *section, const char *name,
		      struct btf_item *found, uint32_t *place)
{
	const struct btf *btf = &object->btf;
	uint32_t id = object->has_btf ? btf_find(btf, BTF_KIND_DATASEC, section) : 0;
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	*place = 0;
	for (uint32_t i = 0; i < type.count; i++) {
		*found = btf_get_item(btf, &type, i);
		if (!strcmp(btf_get_type(btf, found->type).name, name))
			return true;
		uint32_t size = program_type_size(btf, found->type);
		*place += (size + 7) & ~7u;
	}
	return false;
}

/* ---- configuration ---- */

/* Text behind `name=` on a line of the configuration. */
static const char *config_value(const char *config, const char *name)
{
	size_t len = strlen(name);
	for (const char *line = config; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == '=')
			return line + len + 1;
	}
	return NULL;
}

static uint64_t config_number(const struct program_object *object, const char *name,
			      bool is_tristate)
{
	if (!strcmp(name, "LINUX_KERNEL_VERSION"))
		return object->options.release; // the patch level is not known
	if (!strcmp(name, "LINUX_HAS_BPF_COOKIE"))
		return object->options.release >= KERNEL_AT(5, 15);
	if (!strcmp(name, "LINUX_HAS_SYSCALL_WRAPPER"))
		return 1;
	const char *value = config_value(object->options.config, name);
	if (!value)
		return 0;
	if (*value == 'y')
		return 1;
	if (*value == 'm')
		return is_tristate ? 2 : 1;
	return strtoull(value, NULL, 0);
}

static void put_config(const struct program_object *object, uint8_t *to, uint32_t size,
		       const char *name, uint32_t type_id)
{
	const struct btf *btf = &object->btf;
	uint32_t id = program_strip(btf, type_id);
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	if (kind == BTF_KIND_ARRAY) {
		const char *value = config_value(object->options.config, name);
		if (!value || *value++ != '"')
			return;
		for (uint32_t i = 0; i + 1 < size && *value && *value != '"'; i++)
			to[i] = (uint8_t)*value++;
		return;
	}
	uint64_t number = config_number(object, name, kind == BTF_KIND_ENUM);
	for (uint32_t i = 0; i < size && i < 8; i++)
		to[i] = (uint8_t)(number >> 8 * i);
}

bool program_read_config(struct program_object *object, struct buf *why)
{
	const struct btf *btf = &object->btf;
	uint32_t id = object->has_btf ? btf_find(btf, BTF_KIND_DATASEC, ".kconfig") : 0;
	if (!id)
		return true;
	struct btf_type type = btf_get_type(btf, id);
	struct btf_item item;
	uint32_t size = 0;
	find_item(object, ".kconfig", "", &item, &size);
	if (size > MAX_CONFIG) {
		buf_add_text(why, "its section .kconfig is too large");
		return false;
	}
	uint8_t *data = arena_alloc(&object->arena, size + 8);
	uint32_t place = 0;
	for (uint32_t i = 0; i < type.count; i++) {
		item = btf_get_item(btf, &type, i);
		struct btf_type var = btf_get_type(btf, item.type);
		uint32_t bytes = program_type_size(btf, item.type);
		put_config(object, data + place, bytes, var.name, var.type);
		place += (bytes + 7) & ~7u;
	}
	struct program_map *map = ARENA_NEW(&object->arena, struct program_map);
	*map = (struct program_map){.name = ".kconfig",
				    .type = MAP_ARRAY,
				    .key_size = 4,
				    .value_size = size,
				    .max_entries = 1,
				    .flags = BPF_F_RDONLY_PROG,
				    .data = data,
				    .is_data = true,
				    .is_read_only = true,
				    .section = UINT32_MAX};
	vec_push(&object->arena, &object->maps, map);
	return true;
}

/* ---- symbols of the kernel ---- */

/* The name without what follows "___", which tells variants of a declaration apart. */
static void essential_name(const char *name, char out[256])
{
	size_t len = strlen(name);
	const char *mark = strstr(name, "___");
	if (mark && mark > name)
		len = (size_t)(mark - name);
	if (len > 255)
		len = 255;
	memcpy(out, name, len);
	out[len] = 0;
}

struct program_extern program_find_extern(const struct program_object *object,
					  const struct elf_symbol *symbol)
{
	struct program_extern found = {.is_weak = symbol->binding == ELF_WEAK};
	const struct btf *kernel = object->options.kernel;
	struct btf_item item;
	uint32_t place;
	char name[256];
	if (find_item(object, ".kconfig", symbol->name, &item, &place)) {
		found.kind = EXTERN_CONFIG;
		found.value = place;
		return found;
	}
	if (!find_item(object, ".ksyms", symbol->name, &item, &place))
		return found;
	struct btf_type type = btf_get_type(&object->btf, item.type);
	essential_name(symbol->name, name);
	if (type.kind == BTF_KIND_FUNC) {
		found.kind = EXTERN_FUNCTION;
		found.value = kernel ? btf_find(kernel, BTF_KIND_FUNC, name) : 0;
	} else if (!program_strip(&object->btf, type.type)) {
		found.kind = EXTERN_ADDRESS;
	} else {
		found.kind = EXTERN_VARIABLE;
		found.value = kernel ? btf_find(kernel, BTF_KIND_VAR, name) : 0;
	}
	return found;
}
