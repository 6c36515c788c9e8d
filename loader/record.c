/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing records (record.h), and `ks detach` on top of them.
 *
 * A line is: kind, target (with %XX for what is no plain character, - for none), index of the interface, program id,
 * detail (hexadecimal), network namespace, name of the program. A changed record is written beside the old one and renamed over it while a lock on
 * the folder keeps other programs out.
 */
#include "loader/record.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ks/loader.h"
#include "loader/tail_pins.h"

#define RECORD_FOLDER "/run/ks"
#define TEMPORARY_PREFIX ".new-"

enum { NAME_SIZE = 300, STATUS_DONE = 0, STATUS_FAILED = 1 };

struct record {
	struct record_entry *entries;
	size_t count, cap;
};

enum entry_state { ENTRY_THERE, ENTRY_GONE, ENTRY_ELSEWHERE };

/* ---- reading ---- */

static bool push(struct record *r, const struct record_entry *entry)
{
	if (r->count == r->cap) {
		size_t cap = r->cap * 2 + 8;
		struct record_entry *more = realloc(r->entries, cap * sizeof *more);
		if (!more)
			return false;
		r->entries = more;
		r->cap = cap;
	}
	r->entries[r->count++] = *entry;
	return true;
}

/* Targets may hold any character. */
static void encode_target(const char *text, FILE *out)
{
	if (!*text)
		fputs("-", out);
	for (const char *c = text; *c; c++) {
		bool is_plain = *c > ' ' && *c < 127 && *c != '%' && !(c == text && *c == '-');
		fprintf(out, is_plain ? "%c" : "%%%02X", (unsigned char)*c);
	}
}

static void decode_target(const char *text, char out[PLACE_TARGET_SIZE])
{
	size_t len = 0;
	unsigned byte;
	for (const char *c = strcmp(text, "-") ? text : ""; *c && len < PLACE_TARGET_SIZE - 1;
	     c++) {
		if (*c == '%' && sscanf(c + 1, "%2x", &byte) == 1 && c[1] && c[2]) {
			out[len++] = (char)byte;
			c += 2;
		} else {
			out[len++] = *c;
		}
	}
	out[len] = '\0';
}

static bool parse_line(const char *line, const char *project, struct record_entry *e)
{
	char kind[32], target[3 * PLACE_TARGET_SIZE];
	*e = (struct record_entry){0};
	if (sscanf(line, "%31s %767s %u %" SCNu32 " %" SCNx32 " %" SCNu64 " %127s", kind, target,
		   &e->place.ifindex, &e->program_id, &e->place.detail, &e->network,
		   e->program) != 7)
		return false;
	decode_target(target, e->place.target);
	e->place.kind = place_find_kind(kind);
	e->place.project = project;
	return e->place.kind && (e->place.ifindex || !place_is_local(&e->place)) && e->program_id;
}

/* Lines that make no sense are left out. */
static int read_record(int folder, const char *project, struct record *r)
{
	int fd = openat(folder, project, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	FILE *file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	char *line = NULL;
	size_t size = 0;
	struct record_entry entry;
	int err = 0;
	while (!err && getline(&line, &size, file) > 0)
		if (parse_line(line, project, &entry) && !push(r, &entry))
			err = -ENOMEM;
	free(line);
	fclose(file);
	return err;
}

/* ---- writing ---- */

static int write_lines(int folder, const char *name, const struct record *r)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	FILE *file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct record_entry *e = &r->entries[i];
		fprintf(file, "%s ", place_kind_name(&e->place));
		encode_target(e->place.target, file);
		fprintf(file, " %u %" PRIu32 " %#" PRIx32 " %" PRIu64 " %s\n", e->place.ifindex,
			e->program_id, e->place.detail, e->network, e->program);
	}
	bool ok = !ferror(file);
	ok = fclose(file) == 0 && ok;
	return ok ? 0 : -EIO;
}

/* An empty record is no file. */
static int write_record(int folder, const char *project, const struct record *r)
{
	if (!r->count)
		return unlinkat(folder, project, 0) < 0 && errno != ENOENT ? -errno : 0;
	char name[64];
	snprintf(name, sizeof name, TEMPORARY_PREFIX "%d", (int)getpid());
	unlinkat(folder, name, 0); // of a process that was killed and had our number
	int err = write_lines(folder, name, r);
	if (!err && renameat(folder, name, folder, project) < 0)
		err = -errno;
	if (err)
		unlinkat(folder, name, 0);
	return err;
}

/* The folder, locked until it is closed. */
static int open_folder(void)
{
	int fd = open(RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	return fd;
}

/* ---- truth ---- */

/* Unlike the number of its file, a cookie is never used again. Kernels have it since 5.14. */
static uint64_t this_network(void)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		cookie = 0;
	if (fd >= 0)
		close(fd);
	return cookie;
}

static enum entry_state state_of(const struct record_entry *e, uint64_t network)
{
	if (e->network == network || !place_is_local(&e->place))
		return place_program_id(&e->place) == e->program_id ? ENTRY_THERE : ENTRY_GONE;
	int fd = bpf_prog_get_fd_by_id(e->program_id);
	if (fd < 0)
		return errno == ENOENT ? ENTRY_GONE : ENTRY_ELSEWHERE;
	close(fd);
	return ENTRY_ELSEWHERE;
}

static bool has_program(const struct record *r, uint32_t program_id)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->entries[i].program_id == program_id)
			return true;
	return false;
}

/* Cuts the record to its first `kept` entries, and gives up what others needed. Behind these must
 * stand every entry that is no longer wanted. */
static void drop_rest(struct record *r, const char *project, size_t kept)
{
	size_t count = r->count;
	r->count = kept;
	for (size_t i = kept; i < count; i++)
		if (!has_program(r, r->entries[i].program_id))
			tail_pins_drop(project, r->entries[i].program_id);
}

static void swap_entries(struct record *r, size_t a, size_t b)
{
	struct record_entry entry = r->entries[a];
	r->entries[a] = r->entries[b];
	r->entries[b] = entry;
}

static void drop_stale(struct record *r, const char *project, uint64_t network)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->count; i++)
		if (state_of(&r->entries[i], network) != ENTRY_GONE)
			swap_entries(r, kept++, i);
	drop_rest(r, project, kept);
}

int record_add(const char *project, struct record_entry *entries, size_t count)
{
	struct record r = {0};
	uint64_t network = this_network();
	if (mkdir(RECORD_FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	int folder = open_folder();
	if (folder < 0)
		return folder;
	int err = read_record(folder, project, &r);
	drop_stale(&r, project, network);
	if (err == -ENOENT)
		err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		entries[i].network = network;
		err = push(&r, &entries[i]) ? 0 : -ENOMEM;
	}
	if (!err)
		err = write_record(folder, project, &r);
	free(r.entries);
	close(folder);
	return err;
}

/* ---- ks detach ---- */

static bool is_project_name(const char *name)
{
	return *name && strlen(name) < NAME_SIZE && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 &&
	       strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) != 0;
}

/* Removes the program of an entry from its place; true when the entry is done with. */
static bool remove_entry(const struct record_entry *e, uint64_t network)
{
	const char *kind = place_kind_name(&e->place), *where = e->place.target;
	enum entry_state state = state_of(e, network);
	if (state == ENTRY_ELSEWHERE) {
		fprintf(stderr,
			"ks: `%s` (%s) is attached to %s of another network namespace: detach it "
			"there\n",
			e->program, kind, where);
		return false;
	}
	int fd = state == ENTRY_THERE ? place_open(&e->place, e->program_id) : -1;
	int err = state == ENTRY_GONE ? -ENOENT : fd < 0 ? fd : place_clear(&e->place, fd);
	if (fd >= 0)
		close(fd);
	if (err == -ENOENT)
		printf("`%s` (%s) was no longer attached to %s\n", e->program, kind, where);
	else if (err)
		fprintf(stderr, "ks: `%s` (%s) cannot be removed from %s: %s\n", e->program, kind,
			where, strerror(-err));
	else
		printf("removed `%s` (%s) from %s\n", e->program, kind, where);
	return !err || err == -ENOENT;
}

static int remove_all(int folder, const char *project, struct record *r)
{
	uint64_t network = this_network();
	size_t kept = 0;
	for (size_t i = 0; i < r->count; i++)
		if (!remove_entry(&r->entries[i], network))
			swap_entries(r, kept++, i);
	drop_rest(r, project, kept);
	int err = write_record(folder, project, r);
	if (err)
		fprintf(stderr, "ks: the record " RECORD_FOLDER "/%s cannot be changed: %s\n",
			project, strerror(-err));
	return kept || err ? STATUS_FAILED : STATUS_DONE;
}

int ks_detach_project(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *project = slash ? slash + 1 : name;
	struct record r = {0};
	libbpf_set_print(NULL);
	if (!is_project_name(project)) {
		fprintf(stderr, "ks: `%s` is not the name of a program\n", name);
		return STATUS_FAILED;
	}
	int folder = open_folder();
	int err = folder < 0 ? folder : read_record(folder, project, &r);
	int status = STATUS_FAILED;
	if (!err && !r.count) // nothing in it makes sense
		err = unlinkat(folder, project, 0) < 0 ? -errno : -ENOENT;
	if (err == -ENOENT)
		fprintf(stderr, "ks: nothing is recorded for `%s`: it left nothing attached\n",
			project);
	else if (err)
		fprintf(stderr, "ks: " RECORD_FOLDER "/%s cannot be read: %s\n", project,
			strerror(-err));
	else
		status = remove_all(folder, project, &r);
	free(r.entries);
	if (folder >= 0)
		close(folder);
	return status;
}

static void list_record(int folder, const char *project)
{
	static const char *const states[] = {
		[ENTRY_THERE] = "attached",
		[ENTRY_GONE] = "no longer attached",
		[ENTRY_ELSEWHERE] = "in another network namespace",
	};
	struct record r = {0};
	uint64_t network = this_network();
	if (read_record(folder, project, &r) == 0)
		for (size_t i = 0; i < r.count; i++) {
			const struct record_entry *e = &r.entries[i];
			printf("%s: `%s` (%s) on %s, program %" PRIu32 ", %s\n", project,
			       e->program, place_kind_name(&e->place), e->place.target,
			       e->program_id, states[state_of(e, network)]);
		}
	free(r.entries);
}

static int is_listed(const struct dirent *entry)
{
	return is_project_name(entry->d_name);
}

int ks_list_projects(void)
{
	struct dirent **names = NULL;
	libbpf_set_print(NULL);
	int folder = open(RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = folder < 0 ? 0 : scandir(RECORD_FOLDER, &names, is_listed, alphasort);
	for (int i = 0; i < count; i++) {
		list_record(folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (folder >= 0)
		close(folder);
	return STATUS_DONE;
}
