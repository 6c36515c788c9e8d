/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged BTF, read lazily: every type that passes its check can be read, whatever else is wrong. The
 * sections are mutations of one made here and of the running kernel's. SEED and ROUNDS of the environment
 * choose others; the sanitizers watch.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btf/btf.h"

static uint64_t state;

static uint32_t next_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % below);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* Reads all that can be read; gives a number so that nothing is optimised away. */
static uint64_t read_type(const struct btf *btf, uint32_t id)
{
	const char *why;
	uint64_t sum = 0;
	uint32_t element, index, count;

	if (btf_check_type(btf, id, &why))
		return strlen(why);
	struct btf_type t = btf_get_type(btf, id);
	sum += strlen(t.name) + t.size;
	if (t.kind == BTF_KIND_ARRAY) {
		btf_get_array(&t, &element, &index, &count);
		sum += element <= btf->type_count && index <= btf->type_count;
	}
	if (t.kind == BTF_KIND_INT)
		sum += btf_int_encoding(&t);
	uint32_t fixed, each;
	if (!btf_kind_extent(t.kind, &fixed, &each) || !each)
		return sum;
	for (uint32_t i = 0; i < t.count; i++) {
		struct btf_item item = btf_get_item(btf, &t, i);
		cr_assert_leq(item.type, btf->type_count);
		sum += strlen(item.name) + item.bit_offset;
	}
	return sum;
}

static void read_all(const char *data, size_t len)
{
	struct arena arena;
	struct btf btf;
	const void *section;
	const char *why = NULL;
	size_t section_len;
	/* A copy of exactly that size, so that a read past the end is seen. */
	char *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	arena_init(&arena);
	if (btf_find_section(copy, len, &section, &section_len) &&
	    !btf_open_lazily(&btf, section, section_len, &arena, &why)) {
		for (uint32_t id = 0; id <= btf.type_count + 1; id++)
			read_type(&btf, id);
		btf_find(&btf, BTF_KIND_STRUCT, "node");
		btf_find_next(&btf, UINT32_MAX, "n", 0);
		btf_find_enumerator(&btf, "a name that is longer than what is left of the section");
		btf_find_enumerator(&btf, "RED");
	}
	arena_fini(&arena);
	free(copy);
}

static void mutate(char *data, size_t *len)
{
	for (uint32_t n = 1 + next_random(4); n && *len > 1; n--) {
		size_t at = next_random((uint32_t)*len);
		uint32_t word = next_random(2) ? next_random(64) : next_random(UINT32_MAX);
		switch (next_random(4)) {
		case 0:
			data[at] = (char)next_random(256);
			break;
		case 1:
			at &= ~(size_t)3;
			if (*len - at >= sizeof word)
				memcpy(data + at, &word, sizeof word);
			break;
		case 2:
			*len = next_random(8) ? *len : at + 1;
			break;
		default:
			data[next_random((uint32_t)(*len < 64 ? *len : 64))] ^=
				(char)(1 << next_random(8));
			break;
		}
	}
}

static void damage(const char *data, size_t len, uint64_t rounds)
{
	char *copy = malloc(len);

	for (uint64_t i = 0; i < rounds; i++) {
		size_t n = len;
		memcpy(copy, data, len);
		mutate(copy, &n);
		read_all(copy, n);
	}
	free(copy);
}

Test(btf_damage, of_a_small_section)
{
	struct arena arena;
	struct buf out;

	state = setting("SEED", 1) * 0x9e3779b97f4a7c15;
	arena_init(&arena);
	buf_init(&out);
	struct btf_builder *b = btf_builder_new(&arena);
	uint32_t u32 = btf_add_int(b, "u32", 4, 0);
	btf_add_struct(b, "node", 24, false);
	btf_add_member(b, "next", btf_add_pointer(b, 0), 0, 0);
	btf_add_member(b, "values", btf_add_array(b, u32, u32, 2), 64, 0);
	btf_add_member(b, "low", u32, 128, 3);
	btf_add_enum(b, "color", 4, true);
	btf_add_enumerator(b, "RED", (uint64_t)-1);
	btf_add_enum(b, "big", 8, false);
	btf_add_enumerator(b, "HUGE", 1ull << 40);
	uint32_t proto = btf_add_func_proto(b, u32);
	btf_add_param(b, "x", u32);
	btf_add_func(b, "prog", proto, BTF_LINKAGE_GLOBAL);
	btf_write(b, &out);
	damage(out.data, out.len, setting("ROUNDS", 20000));
	buf_fini(&out);
	arena_fini(&arena);
}

/* A section of some of the kernel's types, under the kernel's strings. */
static size_t cut_section(const char *kernel, size_t len, char *out, size_t room)
{
	uint32_t header[6];

	memcpy(header, kernel, sizeof header);
	uint32_t types = header[1] + header[2], strings = header[1] + header[4];
	uint32_t take = 4096, names = 8192;
	if (header[3] < 2 * take || header[5] < 2 * names || strings + names > len ||
	    room < sizeof header + take + names)
		return 0;
	uint32_t head[6] = {header[0], sizeof header, 0, take, take, names};
	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, kernel + types, take);
	memcpy(out + sizeof head + take, kernel + strings, names);
	out[sizeof head + take + names - 1] = 0;
	/* The types must end where one ends: the last header is cut off by the declared length. */
	return sizeof head + take + names;
}

Test(btf_damage, of_the_kernels_own)
{
	size_t room = 64 << 20, len = 0;
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	char *kernel = malloc(room), cut[16384];
	ssize_t n;

	state = setting("SEED", 1) * 0x9e3779b97f4a7c15;
	while (fd >= 0 && len < room && (n = read(fd, kernel + len, room - len)) > 0)
		len += (size_t)n;
	if (len > 24) {
		size_t cut_len = cut_section(kernel, len, cut, sizeof cut);
		for (uint32_t i = 0; cut_len && i < 4096; i += 4) { // one of these ends with a type
			uint32_t take = 4096 - i;
			memcpy(cut + 12, &take, sizeof take);
			read_all(cut, cut_len);
			damage(cut, cut_len, i < 400 ? 20 : 0);
		}
		damage(kernel, len, setting("ROUNDS", 20000) / 10000);
	}
	free(kernel);
	if (fd >= 0)
		close(fd);
}
