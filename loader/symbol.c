/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds programs and libraries of this machine, and places of symbols in them.
 */
#include "loader/symbol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/elf_file.h"

static bool try_folders(const char *folders, const char *name, char *out, size_t size)
{
	for (const char *at = folders; at && *at;) {
		size_t len = strcspn(at, ":");
		int n = snprintf(out, size, "%.*s/%s", (int)len, at, name);
		if (n > 0 && (size_t)n < size && access(out, R_OK) == 0)
			return true;
		at += len + (at[len] == ':');
	}
	return false;
}

static bool find_file(const char *name, char *out, size_t size)
{
	static const char libraries[] = "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib:"
					"/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
					"/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
					"/lib/riscv64-linux-gnu:/usr/lib/riscv64-linux-gnu";
	if (strchr(name, '/'))
		return (size_t)snprintf(out, size, "%s", name) < size && access(out, R_OK) == 0;
	if (strstr(name, ".so"))
		return try_folders(libraries, name, out, size);
	const char *path = getenv("PATH");
	return try_folders(path ? path : "/usr/bin:/bin:/usr/sbin:/sbin", name, out, size);
}

int symbol_open_file(struct elf_file *f, const char *name, char path[SYMBOL_PATH_SIZE], char *why,
		     size_t why_size)
{
	if (!find_file(name, path, SYMBOL_PATH_SIZE)) {
		snprintf(why, why_size, "there is no program or library %.200s", name);
		return -ENOENT;
	}
	if (elf_file_open(f, path))
		return 0;
	snprintf(why, why_size, "%.200s is no program of 64 bits", path);
	return -ENOEXEC;
}

int symbol_find(const char *target, struct symbol_place *out, char *why, size_t why_size)
{
	char name[256];
	const char *colon = strrchr(target, ':');
	if (!colon || (size_t)snprintf(name, sizeof name, "%.*s", (int)(colon - target), target) >=
			      sizeof name)
		return -EINVAL;
	struct elf_file f;
	int err = symbol_open_file(&f, name, out->path, why, why_size);
	if (err)
		return err;
	char symbol[256];
	snprintf(symbol, sizeof symbol, "%s", colon + 1);
	char *plus = strchr(symbol, '+');
	uint64_t address = 0, more = plus ? strtoull(plus + 1, NULL, 0) : 0;
	if (plus)
		*plus = '\0';
	bool found = elf_file_find_symbol(&f, symbol, &address) &&
		     elf_file_offset(&f, address, &out->offset);
	out->offset += more;
	elf_file_close(&f);
	if (!found)
		snprintf(why, why_size, "%.150s has no symbol %.90s", out->path, symbol);
	return found ? 0 : -ENOENT;
}
