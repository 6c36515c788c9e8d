/* SPDX-License-Identifier: Apache-2.0 */
/* Pins below the folder of a project (bpffs.h). */
#include "loader/bpffs.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
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

bool bpffs_next_root(char *out, size_t size, int *process)
{
	if (*process == 0) {
		*process = (int)getpid();
		snprintf(out, size, "%s", "");
		return true;
	}
	*process = parent_of(*process);
	snprintf(out, size, "/proc/%d/root", *process);
	return *process > 0;
}

/* The next place where the BPF file system is. */
static bool next_bpf_fs(char *out, size_t size, int *process)
{
	char root[64];
	while (bpffs_next_root(root, sizeof root, process)) {
		snprintf(out, size, "%s" PIN_ROOT, root);
		if (is_bpf_fs(out))
			return true;
	}
	return false;
}

bool bpffs_project_folder(char *out, size_t size, const char *project)
{
	int n = snprintf(out, size, "%s", project);
	for (char *c = out; *c; c++)
		if (*c == '.')
			*c = '~';
	return n > 0 && (size_t)n < size;
}

static bool pin_path(char *out, const char *root, const char *project, const char *folder,
		     const char *name)
{
	char project_folder[PATH_SIZE];
	if (!bpffs_project_folder(project_folder, sizeof project_folder, project))
		return false;
	int n = snprintf(out, PATH_SIZE, "%s/%s/%s/%s", root, project_folder, folder, name);
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

/* Folders go when they are empty. */
static void drop_folders(char *path)
{
	for (int i = 0; i < 2; i++) {
		*strrchr(path, '/') = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

int bpffs_pin(const char *project, const char *folder, const char *name, int fd)
{
	char root[96], path[PATH_SIZE];
	int process = 0;
	if (!next_bpf_fs(root, sizeof root, &process))
		return -ENODEV;
	if (!pin_path(path, root, project, folder, name))
		return -ENAMETOOLONG;
	int err = make_folders(path);
	unlink(path); // of something that had the name before
	if (!err && bpf_obj_pin(fd, path) < 0)
		err = -errno;
	return err;
}

int bpffs_open(const char *project, const char *folder, const char *name)
{
	char root[96], path[PATH_SIZE];
	int process = 0, fd = -1;
	while (fd < 0 && next_bpf_fs(root, sizeof root, &process))
		if (pin_path(path, root, project, folder, name))
			fd = bpf_obj_get(path);
	return fd < 0 ? -ENOENT : fd;
}

bool bpffs_unpin(const char *project, const char *folder, const char *name)
{
	char root[96], path[PATH_SIZE];
	int process = 0;
	bool found = false;
	while (next_bpf_fs(root, sizeof root, &process)) {
		if (!pin_path(path, root, project, folder, name) || unlink(path) != 0)
			continue;
		found = true;
		drop_folders(path);
	}
	return found;
}

void bpffs_sweep(const char *project, const char *folder, bool (*is_stale)(const char *name))
{
	char root[96], path[PATH_SIZE];
	int process = 0;
	if (!next_bpf_fs(root, sizeof root, &process) || !pin_path(path, root, project, folder, ""))
		return;
	DIR *listing = opendir(path);
	struct dirent *entry;
	while (listing && (entry = readdir(listing)))
		if (*entry->d_name != '.' && is_stale(entry->d_name))
			unlinkat(dirfd(listing), entry->d_name, 0);
	if (listing)
		closedir(listing);
}
