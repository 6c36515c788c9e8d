/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of a built program (ks-rt): finds the three payloads by their section names in its own file
 * and maps them. A runtime without payloads says so.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ks/loader.h"
#include "ks/rt.h"

struct own_file {
	int fd;
	const char *data; // whole file, mapped read-only; only what is read gets memory
	size_t len;
};

/* The path that was given to exec serves where /proc is missing, as in a bare chroot. */
static const char *exec_path(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	return path ? path : "";
}

static bool open_own_file(struct own_file *f)
{
	struct stat st;
	f->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		f->fd = open(exec_path(), O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return false;
	f->len = (size_t)st.st_size;
	f->data = mmap(NULL, f->len, PROT_READ, MAP_PRIVATE, f->fd, 0);
	return f->data != MAP_FAILED;
}

static bool lies_within(const struct own_file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->len && size <= f->len - offset;
}

static const Elf64_Shdr *find_section(const struct own_file *f, const char *name)
{
	const Elf64_Ehdr *e = (const void *)f->data;
	if (!lies_within(f, 0, sizeof *e) || e->e_shstrndx >= e->e_shnum || e->e_shoff % 8 ||
	    !lies_within(f, e->e_shoff, e->e_shnum * sizeof(Elf64_Shdr)))
		return NULL;
	const Elf64_Shdr *headers = (const void *)(f->data + e->e_shoff);
	const Elf64_Shdr *names = &headers[e->e_shstrndx];
	if (!lies_within(f, names->sh_offset, names->sh_size))
		return NULL;
	size_t len = strlen(name) + 1;
	for (uint32_t i = 0; i < e->e_shnum; i++)
		if (headers[i].sh_name <= names->sh_size &&
		    len <= names->sh_size - headers[i].sh_name &&
		    memcmp(f->data + names->sh_offset + headers[i].sh_name, name, len) == 0 &&
		    lies_within(f, headers[i].sh_offset, headers[i].sh_size))
			return &headers[i];
	return NULL;
}

static bool find_payload(const struct own_file *f, const char *name, struct ks_payload *payload)
{
	const Elf64_Shdr *h = find_section(f, name);
	if (!h)
		return false;
	*payload = (struct ks_payload){f->data + h->sh_offset, h->sh_size};
	return true;
}

/* Base name of the binary, whatever the caller put into argv[0]. */
static const char *project_name(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	if (n > 0)
		path[n] = '\0';
	else
		snprintf(path, size, "%s", exec_path());
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
	char path[4096];
	struct ks_program_options o = {.size = sizeof o, .name = project_name(path, sizeof path)};
	struct own_file f;
	if (!open_own_file(&f)) {
		fprintf(stderr, "%s: cannot read its own file\n", o.name);
		return 1;
	}
	if (!find_payload(&f, KS_SECTION_BPF, &o.bpf) ||
	    !find_payload(&f, KS_SECTION_IMAGE, &o.image) ||
	    !find_payload(&f, KS_SECTION_META, &o.meta)) {
		fprintf(stderr, "%s: this is the runtime alone, without a program\n", o.name);
		return 1;
	}
	o.image_fd = f.fd;
	o.image_offset = (size_t)((const char *)o.image.data - f.data);
	return ks_run_program(&o, argc, argv);
}
