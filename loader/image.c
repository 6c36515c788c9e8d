/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps the native code: text from the file (shared with the page cache, read-only), data in fresh
 * memory behind it, then the load-time addresses and the call table are filled in.
 */
#define _GNU_SOURCE
#include "loader/program.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader/calls.h"

static void *const calls[KS_CALL_COUNT] = {
#define RT_CALL(name, result, args, effects) [KS_CALL_##name] = (void *)name,
#include "ks/rt_calls.def"
#undef RT_CALL
};

#if defined(__aarch64__)
enum { THIS_MACHINE = EM_AARCH64 };
#else
enum { THIS_MACHINE = EM_X86_64 };
#endif

static bool lies_within(uint64_t offset, uint64_t size, uint64_t len)
{
	return offset <= len && size <= len - offset;
}

static int refuse(const struct program *p, const char *why)
{
	report(p, "the code of the program cannot be used: %s", why);
	return -EINVAL;
}

static int check_header(const struct program *p, const struct ks_image_header *h)
{
	size_t len = p->options->image.len;
	if (h->magic != KS_IMAGE_MAGIC)
		return refuse(p, "it is damaged");
	if (h->version != KS_RT_VERSION || h->call_count != KS_CALL_COUNT)
		return refuse(p, "it was compiled for another version of the runtime");
	if (h->machine != THIS_MACHINE)
		return refuse(p, "it was compiled for another kind of machine");
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t words = (KS_CALL_COUNT + SECTION_COUNT) * sizeof(void *);
	if (!lies_within(h->text_offset, h->text_size, len) || h->text_size % page ||
	    !lies_within(h->data_offset, h->data_size, len) || h->data_size < words ||
	    h->data_memory < h->data_size ||
	    !lies_within(h->relative_offset, 4ull * h->relative_count, len) ||
	    (h->main_offset != UINT32_MAX && h->main_offset >= h->text_size))
		return refuse(p, "it is damaged");
	return 0;
}

/* A file that holds the image, for `ks run`, which has it in memory only. */
static int make_file(const struct program *p)
{
	int fd = memfd_create("ks-image", MFD_CLOEXEC);
	const char *data = p->options->image.data;
	for (size_t done = 0; fd >= 0 && done < p->options->image.len;) {
		ssize_t n = write(fd, data + done, p->options->image.len - done);
		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	return fd;
}

static int map_parts(struct program *p, const struct ks_image_header *h, int fd, size_t file_offset)
{
	size_t size = (size_t)h->text_size + h->data_memory;
	char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return refuse(p, strerror(errno));
	p->image.base = base;
	p->image.size = size;
	void *text = mmap(base, h->text_size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd,
			  (off_t)(file_offset + h->text_offset));
	if (text == MAP_FAILED)
		return refuse(p, strerror(errno));
	return 0;
}

static int fill_data(struct program *p, const struct ks_image_header *h)
{
	const char *image = p->options->image.data;
	char *base = p->image.base, *data = base + h->text_size;
	memcpy(data, image + h->data_offset, h->data_size);
	for (uint32_t i = 0; i < h->relative_count; i++) {
		uint32_t place;
		uint64_t word;
		memcpy(&place, image + h->relative_offset + 4ull * i, sizeof place);
		if (place < h->text_size || place > p->image.size - sizeof word)
			return refuse(p, "it is damaged");
		memcpy(&word, base + place, sizeof word);
		word += (uint64_t)(uintptr_t)base;
		memcpy(base + place, &word, sizeof word);
	}
	memcpy(data, calls, sizeof calls);
	p->image.bases = (void **)data + KS_CALL_COUNT;
	if (h->main_offset != UINT32_MAX)
		p->image.main = (int32_t(*)(void *))(uintptr_t)(base + h->main_offset);
	return 0;
}

int image_map(struct program *p)
{
	const struct ks_program_options *o = p->options;
	struct ks_image_header h;
	if (o->image.len < sizeof h)
		return refuse(p, "it is damaged");
	memcpy(&h, o->image.data, sizeof h);
	int err = check_header(p, &h);
	if (err)
		return err;
	int fd = o->image_fd >= 0 ? o->image_fd : make_file(p);
	if (fd < 0)
		return refuse(p, strerror(errno));
	err = map_parts(p, &h, fd, o->image_fd >= 0 ? o->image_offset : 0);
	if (fd != o->image_fd)
		close(fd);
	return err ? err : fill_data(p, &h);
}

void image_unmap(struct image *image)
{
	if (image->base)
		munmap(image->base, image->size);
	*image = (struct image){0};
}
