/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins that outlive the process, at /sys/fs/bpf/<project>/<folder>/<name>. A process that `ip netns
 * exec` started has a mount namespace without the BPF file system, so that of an ancestor serves too: the
 * shell it was started from, or the first process. Mounting another one here would not do: it would
 * end with the namespace, and its pins with it.
 */
#ifndef KS_LOADER_BPFFS_H
#define KS_LOADER_BPFFS_H

#include <stdbool.h>
#include <stddef.h>

/* Pins the descriptor in place of whatever was pinned there; 0 or a negative errno, -ENODEV without a BPF file
 * system. */
int bpffs_pin(const char *project, const char *folder, const char *name, int fd);
/* Descriptor of what is pinned there, or a negative errno. */
int bpffs_open(const char *project, const char *folder, const char *name);
/* Takes the pin away, and folders that become empty. False when there was none. */
bool bpffs_unpin(const char *project, const char *folder, const char *name);

/* Takes away the pins of the folder that `is_stale` says so of, by their names. */
void bpffs_sweep(const char *project, const char *folder, bool (*is_stale)(const char *name));
/* Name of the project's folder: the file system reserves dots. False when it does not fit. */
bool bpffs_project_folder(char *out, size_t size, const char *project);

/* Steps through the root folders of mount namespaces to look in: this one (""), then those of ancestors
 * ("/proc/1/root"); starts with *process 0. False at the end. */
bool bpffs_next_root(char *out, size_t size, int *process);

#endif
