/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pinning (tail_pins.h). A process that `ip netns exec` started has a mount namespace without the BPF
 * file system, so that of an ancestor serves too: the shell it was started from, or the first process.
 * Mounting another one here would not do: it would end with the namespace, and its pins with it.
 */
#include "loader/tail_pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PIN_ROOT "/sys/fs/bpf"

enum { BPF_FS_MAGIC_NUMBER = (int)0xcafe4a11, PATH_SIZE = 512 };

static bool is_bpf_fs(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (int)fs.f_type == BPF_FS_MAGIC_NUMBER;
}

/* 0 when the process is not to be seen. */
static int parent_of(int process)
{
	char path[32];
	int parent = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", process);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	/* The name of the process, in parentheses, may hold any character but ends at the last ). */
	char line[512] = "";
	size_t len = fread(line, 1, sizeof line - 1, file);
	line[len] = '\0';
	const char *rest = strrchr(line, ')');
	if (!rest || sscanf(rest, ") %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

/* Steps through the places where the BPF file system may be; starts with *process 0. */
static bool next_root(char *out, size_t size, int *process)
{
	if (*process == 0) {
		*process = (int)getpid();
		snprintf(out, size, PIN_ROOT);
		return true;
	}
	*process = parent_of(*process);
	snprintf(out, size, "/proc/%d/root" PIN_ROOT, *process);
	return *process > 0;
}

static bool pin_path(char *out, const char *root, const char *project, uint32_t program_id)
{
	int n = snprintf(out, PATH_SIZE, "%s/%s/tail_calls/%u", root, project, program_id);
	return n > 0 && n < PATH_SIZE;
}

/* Makes the two folders above the pin. */
static int make_folders(char *path)
{
	char *last = strrchr(path, '/');
	*last = '\0';
	char *first = strrchr(path, '/');
	*first = '\0';
	int err = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
	*first = '/';
	if (!err && mkdir(path, 0700) < 0 && errno != EEXIST)
		err = -errno;
	*last = '/';
	return err;
}

int tail_pins_add(const char *project, uint32_t program_id, int map_fd)
{
	char root[64], path[PATH_SIZE];
	int process = 0;
	while (next_root(root, sizeof root, &process)) {
		if (!is_bpf_fs(root))
			continue;
		if (!pin_path(path, root, project, program_id))
			return -ENAMETOOLONG;
		int err = make_folders(path);
		unlink(path); // of a program that had the id before
		if (!err && bpf_obj_pin(map_fd, path) < 0)
			err = -errno;
		return err;
	}
	return -ENODEV;
}

/* Folders go when they are empty. */
static void drop_folders(char *path)
{
	for (int i = 0; i < 2; i++) {
		*strrchr(path, '/') = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

void tail_pins_drop(const char *project, uint32_t program_id)
{
	char root[64], path[PATH_SIZE];
	int process = 0;
	while (next_root(root, sizeof root, &process))
		if (is_bpf_fs(root) && pin_path(path, root, project, program_id) &&
		    unlink(path) == 0)
			drop_folders(path);
}
