/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the section .note.stapsdt: for each place of a probe its address, the address that the section
 * .stapsdt.base had when that was written, the address of a counter, and three texts: provider, name, arguments. An
 * argument is `N@operand`, N its size, negative when signed, and the operand as an assembler of the machine has it.
 */
#include "loader/note.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/elf_file.h"

enum { NOTE_TYPE = 3, HEAD_WORDS = 3 };

/* ---- arguments ---- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_spaces(const char **at)
{
	while (is_space(**at))
		(*at)++;
}

static bool take(const char **at, char c)
{
	skip_spaces(at);
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '@';
}

static bool take_name(const char **at, char *out, size_t size)
{
	size_t len = 0;
	skip_spaces(at);
	while (is_name((*at)[len]))
		len++;
	if (!len || len >= size)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return true;
}

static bool find_register(uint16_t machine, const char *name, uint16_t *offset)
{
	static const struct {
		uint16_t machine, offset;
		const char *names;
	} registers[] = {
#define REGISTER(machine, offset, names) {machine, offset, names},
#include "loader/registers.def"
#undef REGISTER
	};
	char word[16];
	if ((size_t)snprintf(word, sizeof word, " %s ", name) >= sizeof word)
		return false;
	for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
		if (registers[i].machine == machine && strstr(registers[i].names, word)) {
			*offset = registers[i].offset;
			return true;
		}
	return false;
}

static bool take_number(const char **at, uint64_t *out)
{
	char *end;
	skip_spaces(at);
	const char *digits = *at + (**at == '-' || **at == '+');
	if (*digits < '0' || *digits > '9')
		return false;
	errno = 0;
	*out = **at == '-' ? 0 - strtoull(digits, &end, 0) : strtoull(digits, &end, 0);
	*at = end;
	return errno == 0;
}

static bool take_register(const char **at, const struct note_symbols *s, uint16_t *offset)
{
	char name[16];
	return take_name(at, name, sizeof name) && find_register(s->machine, name, offset);
}

/* A symbol in front of the registers, perhaps with a number: `count+8`. */
static bool take_symbol(const char **at, const struct note_symbols *s, uint64_t *out)
{
	char name[256];
	uint64_t more = 0;
	if (!s->file || !take_name(at, name, sizeof name) ||
	    !elf_file_find_symbol(s->file, name, out))
		return false;
	if ((**at == '+' || **at == '-') && !take_number(at, &more))
		return false;
	*out += more;
	return true;
}

static const char unknown[] = "is in a place that is not known here";

/* `%rdi`, `$5`, `-8(%rbp)`, `(%rax,%rbx,4)`, `count(%rip)` */
static const char *read_x86(const char **at, const struct note_symbols *s,
			    struct ks_note_value *out, uint8_t size)
{
	const uint16_t instruction = 128;
	bool has_symbol = false;
	if (take(at, '$'))
		return take_number(at, &out->add) ? NULL : unknown;
	if (take(at, '%')) {
		out->base_factor = 1;
		return take_register(at, s, &out->base) ? NULL : "is in no general register";
	}
	out->load = size;
	skip_spaces(at);
	if (**at != '(' && !take_number(at, &out->add)) {
		has_symbol = take_symbol(at, s, &out->add);
		if (!has_symbol)
			return unknown;
	}
	if (!take(at, '('))
		return unknown; // an address that the linker decides
	if (take(at, '%')) {
		out->base_factor = 1;
		if (!take_register(at, s, &out->base))
			return unknown;
	}
	if (take(at, ',')) {
		uint64_t factor = 1;
		if (!take(at, '%') || !take_register(at, s, &out->index) ||
		    (take(at, ',') && !take_number(at, &factor)))
			return unknown;
		out->index_factor = (uint8_t)factor;
	}
	if (has_symbol != (out->base_factor && out->base == instruction))
		return unknown;
	if (has_symbol)
		out->add -= s->place; // the register holds the address of the probe
	return take(at, ')') ? NULL : unknown;
}

/* `x0`, `5`, `[sp]`, `[x1, 16]`, `[x1, x2]` */
static const char *read_arm(const char **at, const struct note_symbols *s,
			    struct ks_note_value *out, uint8_t size)
{
	if (take_number(at, &out->add))
		return NULL;
	out->base_factor = 1;
	if (!take(at, '['))
		return take_register(at, s, &out->base) ? NULL : "is in no general register";
	out->load = size;
	if (!take_register(at, s, &out->base))
		return unknown;
	if (take(at, ',') && !take_number(at, &out->add)) {
		out->index_factor = 1;
		if (!take_register(at, s, &out->index))
			return unknown;
	}
	return take(at, ']') ? NULL : unknown;
}

const char *note_read_argument(const char **at, const struct note_symbols *symbols,
			       struct ks_note_value *out)
{
	uint64_t size = 8;
	*out = (struct ks_note_value){.cut = KS_NOTE_USED};
	skip_spaces(at);
	const char *sign = *at;
	if (!take_number(at, &size))
		return unknown;
	if (*sign == '-') {
		size = 0 - size;
		out->cut |= KS_NOTE_SIGNED;
	}
	if (**at == 'f')
		return "is a floating-point number";
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return "has a size that is not known here";
	if (!take(at, '@'))
		return unknown;
	out->cut |= (uint8_t)(64 - 8 * size);
	const char *lack = symbols->machine == EM_X86_64 ? read_x86(at, symbols, out, (uint8_t)size)
			   : symbols->machine == EM_AARCH64
				   ? read_arm(at, symbols, out, (uint8_t)size)
				   : unknown;
	return lack ? lack : !**at || is_space(**at) ? NULL : unknown;
}

/* ---- notes ---- */

struct search {
	struct elf_file file;
	const char *provider, *name;
	uint32_t wanted;
	uint64_t base; // address of .stapsdt.base now, 0 when there is none
	struct note_places *out;
	char *why;
	size_t why_size;
};

static int read_arguments(struct search *s, const char *text, uint64_t place,
			  struct ks_note_value *out)
{
	struct note_symbols symbols = {s->file.head->e_machine, place, &s->file};
	for (uint32_t i = 0; i < s->wanted; i++) {
		skip_spaces(&text);
		if (!*text) {
			snprintf(s->why, s->why_size,
				 "%.80s:%.80s has %u arguments, the program takes %u", s->provider,
				 s->name, i, s->wanted);
			return -EINVAL;
		}
		const char *before = text;
		const char *lack = note_read_argument(&text, &symbols, &out[i]);
		if (lack) {
			snprintf(s->why, s->why_size, "argument %u of %.60s:%.60s, `%.*s`, %s",
				 i + 1, s->provider, s->name, (int)strcspn(before, " "), before,
				 lack);
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static struct note_place *add_place(struct note_places *out)
{
	if ((out->count & (out->count - 1)) == 0) { // a power of two: it is full
		size_t room = out->count ? 2 * out->count : 1;
		struct note_place *more = realloc(out->list, room * sizeof *more);
		if (!more)
			return NULL;
		out->list = more;
	}
	struct note_place *place = &out->list[out->count++];
	*place = (struct note_place){0};
	return place;
}

/* A text that ends within `len` bytes; NULL when there is none. */
static const char *take_text(const uint8_t **at, size_t *len)
{
	const char *text = (const char *)*at;
	size_t n = strnlen(text, *len);
	if (n == *len)
		return NULL;
	*at += n + 1;
	*len -= n + 1;
	return text;
}

static int take_note(struct search *s, const uint8_t *content, size_t len)
{
	uint64_t head[HEAD_WORDS]; // address, base, semaphore
	if (len < sizeof head)
		return 0;
	memcpy(head, content, sizeof head);
	content += sizeof head;
	len -= sizeof head;
	const char *provider = take_text(&content, &len), *name = take_text(&content, &len);
	const char *arguments = take_text(&content, &len);
	if (!provider || !name || !arguments || strcmp(provider, s->provider) != 0 ||
	    strcmp(name, s->name) != 0)
		return 0;
	uint64_t moved = s->base && head[1] ? s->base - head[1] : 0; // the file was linked again
	struct note_place *place = add_place(s->out);
	if (!place)
		return -ENOMEM;
	if (!elf_file_offset(&s->file, head[0] + moved, &place->offset) ||
	    (head[2] && !elf_file_offset(&s->file, head[2] + moved, &place->semaphore))) {
		snprintf(s->why, s->why_size, "%.80s:%.80s is nowhere in %.200s", s->provider,
			 s->name, s->out->path);
		return -ENOEXEC;
	}
	return read_arguments(s, arguments, head[0] + moved, place->values);
}

static size_t padded(uint64_t size)
{
	return (size_t)((size + 3) & ~(uint64_t)3);
}

static int read_notes(struct search *s, const uint8_t *at, size_t len)
{
	Elf64_Nhdr head;
	while (len >= sizeof head) {
		memcpy(&head, at, sizeof head);
		size_t name = padded(head.n_namesz), size = padded(head.n_descsz);
		at += sizeof head;
		len -= sizeof head;
		if (name > len || head.n_descsz > len - name)
			return 0;
		bool is_ours = head.n_type == NOTE_TYPE && head.n_namesz == sizeof "stapsdt" &&
			       !memcmp(at, "stapsdt", sizeof "stapsdt");
		int err = is_ours ? take_note(s, at + name, head.n_descsz) : 0;
		if (err)
			return err;
		if (size > len - name)
			return 0;
		at += name + size;
		len -= name + size;
	}
	return 0;
}

static int search_file(struct search *s)
{
	const Elf64_Shdr *base = elf_file_find_section(&s->file, ".stapsdt.base");
	const Elf64_Shdr *notes = elf_file_find_section(&s->file, ".note.stapsdt");
	const uint8_t *bytes =
		notes ? elf_file_part(&s->file, notes->sh_offset, notes->sh_size, 1, 1) : NULL;
	s->base = base ? base->sh_addr : 0;
	int err = bytes ? read_notes(s, bytes, notes->sh_size) : 0;
	if (!err && !s->out->count) {
		snprintf(s->why, s->why_size, "%.150s has no probe %.50s:%.50s", s->out->path,
			 s->provider, s->name);
		err = -ENOENT;
	}
	return err;
}

int note_find(const char *target, uint32_t wanted, struct note_places *out, char *why,
	      size_t why_size)
{
	char text[512];
	*out = (struct note_places){.count = 0};
	if ((size_t)snprintf(text, sizeof text, "%s", target) >= sizeof text)
		return -EINVAL;
	char *name = strrchr(text, ':');
	if (!name)
		return -EINVAL;
	*name++ = '\0';
	char *provider = strrchr(text, ':');
	if (!provider)
		return -EINVAL;
	*provider++ = '\0';
	struct search s = {.provider = provider,
			   .name = name,
			   .wanted = wanted,
			   .out = out,
			   .why = why,
			   .why_size = why_size};
	int err = symbol_open_file(&s.file, text, out->path, why, why_size);
	if (err)
		return err;
	err = search_file(&s);
	elf_file_close(&s.file);
	if (err) {
		free(out->list);
		out->list = NULL;
	}
	return err;
}
