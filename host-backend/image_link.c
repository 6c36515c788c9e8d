/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relocatable object to image (ks/rt.h): a linker for exactly one input, whose only outside names
 * are the runtime functions and the bases of the shared sections.
 *
 * Addresses in here are offsets from the start of the image, where text starts too (the header is
 * its first bytes); the image is later mapped at a page boundary, so distances and the low 12 bits
 * stay as computed. Only 64-bit absolute words need the load address; they must lie in data and are
 * listed in the image's table. The object is not trusted: every offset is checked.
 */
#include "host-backend/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/base/vec.h"
#include "host-backend/host_gen.h"
#include "ks/rt.h"

enum {
	STUB_SIZE = 16,
	IMAGE_LIMIT = 1 << 28, // every distance fits the shortest branch used for calls
	SECTION_ALIGN_MAX = 4096,
	PAGE_X86_64 = 4096,
	PAGE_AARCH64 = 65536, // the largest page of such machines
	POINTER_SIZE = 8,
};

static const char *const call_names[] = {
#define RT_CALL(name, result, args, effects) #name,
#include "ks/rt_calls.def"
#undef RT_CALL
};

static const char *const base_names[IR_SECTION_COUNT] = {
	[IR_SECTION_DATA] = HOST_BASE_PREFIX "data",
	[IR_SECTION_BSS] = HOST_BASE_PREFIX "bss",
	[IR_SECTION_RODATA] = HOST_BASE_PREFIX "rodata",
	[IR_SECTION_PINNED] = HOST_BASE_PREFIX "pinned",
};

/* What a relocation computes from S (symbol), A (addend), P (place), G (its slot of addresses). */
enum formula {
	F_ABSOLUTE,  // S + A, in the load-time table
	F_RELATIVE,  // S + A - P
	F_PAGE,      // page(S + A) - page(P)
	F_LOW,       // (S + A) & 4095
	F_SLOT,      // G + A - P
	F_SLOT_PAGE, // page(G + A) - page(P)
	F_SLOT_LOW,  // (G + A) & 4095
	F_NOTHING,
};

/* Where the result goes: a whole word, or `bits` bits at bit `at` of an instruction, after dropping
 * `drop` low bits that must be zero. */
enum field { FIELD_WORD, FIELD_INSN, FIELD_ADR };

struct reloc_kind {
	uint16_t machine, type;
	uint8_t formula, field;
	uint8_t bits, at, drop;
	bool is_signed; // the result must fit `bits` bits (after dropping) as a signed number
};

static const struct reloc_kind reloc_kinds[] = {
	/* machine, type, formula, field, bits, at, drop, is_signed */
	{EM_X86_64, R_X86_64_NONE, F_NOTHING, FIELD_WORD, 0, 0, 0, false},
	{EM_X86_64, R_X86_64_64, F_ABSOLUTE, FIELD_WORD, 64, 0, 0, false},
	{EM_X86_64, R_X86_64_PC64, F_RELATIVE, FIELD_WORD, 64, 0, 0, true},
	{EM_X86_64, R_X86_64_PC32, F_RELATIVE, FIELD_WORD, 32, 0, 0, true},
	{EM_X86_64, R_X86_64_PLT32, F_RELATIVE, FIELD_WORD, 32, 0, 0, true},
	{EM_X86_64, R_X86_64_GOTPCREL, F_SLOT, FIELD_WORD, 32, 0, 0, true},
	{EM_X86_64, R_X86_64_GOTPCRELX, F_SLOT, FIELD_WORD, 32, 0, 0, true},
	{EM_X86_64, R_X86_64_REX_GOTPCRELX, F_SLOT, FIELD_WORD, 32, 0, 0, true},
	{EM_AARCH64, R_AARCH64_NONE, F_NOTHING, FIELD_WORD, 0, 0, 0, false},
	{EM_AARCH64, R_AARCH64_ABS64, F_ABSOLUTE, FIELD_WORD, 64, 0, 0, false},
	{EM_AARCH64, R_AARCH64_PREL64, F_RELATIVE, FIELD_WORD, 64, 0, 0, true},
	{EM_AARCH64, R_AARCH64_PREL32, F_RELATIVE, FIELD_WORD, 32, 0, 0, true},
	{EM_AARCH64, R_AARCH64_LD_PREL_LO19, F_RELATIVE, FIELD_INSN, 19, 5, 2, true},
	{EM_AARCH64, R_AARCH64_ADR_PREL_LO21, F_RELATIVE, FIELD_ADR, 21, 0, 0, true},
	{EM_AARCH64, R_AARCH64_ADR_PREL_PG_HI21, F_PAGE, FIELD_ADR, 21, 0, 12, true},
	{EM_AARCH64, R_AARCH64_ADD_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 0, false},
	{EM_AARCH64, R_AARCH64_LDST8_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 0, false},
	{EM_AARCH64, R_AARCH64_LDST16_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 1, false},
	{EM_AARCH64, R_AARCH64_LDST32_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 2, false},
	{EM_AARCH64, R_AARCH64_LDST64_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 3, false},
	{EM_AARCH64, R_AARCH64_LDST128_ABS_LO12_NC, F_LOW, FIELD_INSN, 12, 10, 4, false},
	{EM_AARCH64, R_AARCH64_TSTBR14, F_RELATIVE, FIELD_INSN, 14, 5, 2, true},
	{EM_AARCH64, R_AARCH64_CONDBR19, F_RELATIVE, FIELD_INSN, 19, 5, 2, true},
	{EM_AARCH64, R_AARCH64_JUMP26, F_RELATIVE, FIELD_INSN, 26, 0, 2, true},
	{EM_AARCH64, R_AARCH64_CALL26, F_RELATIVE, FIELD_INSN, 26, 0, 2, true},
	{EM_AARCH64, R_AARCH64_ADR_GOT_PAGE, F_SLOT_PAGE, FIELD_ADR, 21, 0, 12, true},
	{EM_AARCH64, R_AARCH64_LD64_GOT_LO12_NC, F_SLOT_LOW, FIELD_INSN, 12, 10, 3, false},
};

struct placed_section {
	Elf64_Shdr header;
	bool is_placed, is_data;
	uint32_t address;
};

/* A symbol's address; has_address is false for what the image has no place for. */
struct placed_symbol {
	const char *name;
	uint32_t address;
	uint32_t call; // row of the call table when it is a runtime function, else UINT32_MAX
	uint32_t slot; // address of the word that holds its address, 0 when none is needed
	bool has_address;
};

struct link {
	const uint8_t *object;
	size_t len;
	struct arena *arena;
	const char *why;
	uint16_t machine;
	struct placed_section *sections;
	uint32_t section_count;
	struct placed_symbol *symbols;
	uint32_t symbol_count;
	uint32_t symtab; // index of the symbol table section, 0 when there is none
	uint32_t text_end, text_size, stub_start;
	uint32_t data_end, data_memory; // addresses
	VEC(uint32_t) relatives;
	char *image;
};

static bool fail(struct link *l, const char *format, const char *name)
{
	l->why = arena_printf(l->arena, format, name);
	return false;
}

/* `size` bytes at `offset` of the object, or NULL when they are not all there. */
static const uint8_t *bytes_at(const struct link *l, uint64_t offset, uint64_t size)
{
	if (offset > l->len || size > l->len - offset)
		return NULL;
	return l->object + offset;
}

/* ---- reading ---- */

static bool read_header(struct link *l)
{
	Elf64_Ehdr e;
	const uint8_t *p = bytes_at(l, 0, sizeof e);
	if (!p)
		return fail(l, "the object file is %s", "too short");
	memcpy(&e, p, sizeof e);
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_type != ET_REL)
		return fail(l, "the object file is %s", "not a 64-bit little-endian relocatable");
	if (e.e_machine != EM_X86_64 && e.e_machine != EM_AARCH64)
		return fail(l, "the object file is %s", "for an unknown machine");
	if (e.e_shentsize != sizeof(Elf64_Shdr) || e.e_shnum == 0)
		return fail(l, "the object file has %s", "no section table");
	const uint8_t *table = bytes_at(l, e.e_shoff, (uint64_t)e.e_shnum * sizeof(Elf64_Shdr));
	if (!table)
		return fail(l, "the object file has %s", "a section table outside the file");
	l->machine = e.e_machine;
	l->section_count = e.e_shnum;
	l->sections = ARENA_ARRAY(l->arena, struct placed_section, e.e_shnum);
	for (uint32_t i = 0; i < e.e_shnum; i++) {
		Elf64_Shdr *h = &l->sections[i].header;
		memcpy(h, table + i * sizeof *h, sizeof *h);
		if (h->sh_type != SHT_NOBITS && h->sh_type != SHT_NULL &&
		    !bytes_at(l, h->sh_offset, h->sh_size))
			return fail(l, "the object file has %s", "a section outside the file");
		if (h->sh_type == SHT_SYMTAB)
			l->symtab = i;
	}
	return true;
}

/* Start of the strings of section `index`, or NULL unless they end in a NUL. */
static const char *strings_of(const struct link *l, uint32_t index, uint64_t *size)
{
	if (index >= l->section_count)
		return NULL;
	const Elf64_Shdr *h = &l->sections[index].header;
	if (h->sh_type != SHT_STRTAB || h->sh_size == 0)
		return NULL;
	const char *text = (const char *)l->object + h->sh_offset;
	*size = h->sh_size;
	return text[h->sh_size - 1] == '\0' ? text : NULL;
}

/* ---- layout ---- */

static uint32_t image_page(const struct link *l)
{
	return l->machine == EM_AARCH64 ? PAGE_AARCH64 : PAGE_X86_64;
}

/* Puts section `s` at the next fitting address after *end. */
static bool place_section(struct link *l, struct placed_section *s, uint32_t *end)
{
	uint64_t align = s->header.sh_addralign ? s->header.sh_addralign : 1;
	if (align > SECTION_ALIGN_MAX || (align & (align - 1)) != 0)
		return fail(l, "the object file has %s", "a section of unusable alignment");
	uint64_t start = (*end + align - 1) & ~(align - 1);
	if (s->header.sh_size > IMAGE_LIMIT || start + s->header.sh_size > IMAGE_LIMIT)
		return fail(l, "the userspace code is %s", "too large");
	s->address = (uint32_t)start;
	s->is_placed = true;
	*end = (uint32_t)(start + s->header.sh_size);
	return true;
}

static bool is_code_or_constant(const Elf64_Shdr *h)
{
	return h->sh_type == SHT_PROGBITS && !(h->sh_flags & SHF_WRITE);
}

static bool place_sections(struct link *l, bool want_data, bool want_nobits, uint32_t *end)
{
	for (uint32_t i = 0; i < l->section_count; i++) {
		struct placed_section *s = &l->sections[i];
		const Elf64_Shdr *h = &s->header;
		if (!(h->sh_flags & SHF_ALLOC) || h->sh_type == SHT_X86_64_UNWIND)
			continue;
		if ((h->sh_type != SHT_PROGBITS && h->sh_type != SHT_NOBITS) ||
		    (h->sh_flags & SHF_TLS))
			return fail(l, "the object file has %s", "a section of unknown type");
		bool is_nobits = h->sh_type == SHT_NOBITS;
		if (is_code_or_constant(h) == want_data || is_nobits != want_nobits)
			continue;
		s->is_data = want_data;
		if (!place_section(l, s, end))
			return false;
	}
	return true;
}

static uint32_t find_call(const char *name)
{
	for (uint32_t i = 0; i < KS_CALL_COUNT; i++)
		if (strcmp(name, call_names[i]) == 0)
			return i;
	return UINT32_MAX;
}

/* Reads the names of the symbols and which of them are runtime functions. */
static bool read_symbols(struct link *l)
{
	if (!l->symtab)
		return true;
	const Elf64_Shdr *h = &l->sections[l->symtab].header;
	uint64_t strings_size = 0;
	const char *strings = strings_of(l, h->sh_link, &strings_size);
	if (h->sh_entsize != sizeof(Elf64_Sym) || !strings ||
	    h->sh_size / sizeof(Elf64_Sym) > UINT32_MAX)
		return fail(l, "the object file has %s", "a broken symbol table");
	l->symbol_count = (uint32_t)(h->sh_size / sizeof(Elf64_Sym));
	l->symbols = ARENA_ARRAY(l->arena, struct placed_symbol, l->symbol_count);
	for (uint32_t i = 0; i < l->symbol_count; i++) {
		Elf64_Sym sym;
		memcpy(&sym, l->object + h->sh_offset + i * sizeof sym, sizeof sym);
		if (sym.st_name >= strings_size)
			return fail(l, "the object file has %s", "a symbol without a name");
		l->symbols[i].name = strings + sym.st_name;
		l->symbols[i].call = UINT32_MAX;
		if (sym.st_shndx == SHN_UNDEF)
			l->symbols[i].call = find_call(l->symbols[i].name);
	}
	return true;
}

static const struct reloc_kind *find_reloc(const struct link *l, uint32_t type)
{
	for (uint32_t i = 0; i < sizeof reloc_kinds / sizeof *reloc_kinds; i++)
		if (reloc_kinds[i].machine == l->machine && reloc_kinds[i].type == type)
			return &reloc_kinds[i];
	return NULL;
}

/* Calls visit for each relocation of a section that has a place. */
static bool each_reloc(struct link *l, bool (*visit)(struct link *, const struct placed_section *,
						     const struct reloc_kind *, const Elf64_Rela *))
{
	for (uint32_t i = 0; i < l->section_count; i++) {
		const Elf64_Shdr *h = &l->sections[i].header;
		if (h->sh_type != SHT_RELA && h->sh_type != SHT_REL)
			continue;
		if (h->sh_info >= l->section_count)
			return fail(l, "the object file has %s", "relocations of nothing");
		const struct placed_section *target = &l->sections[h->sh_info];
		if (!target->is_placed)
			continue;
		if (h->sh_type == SHT_REL || h->sh_entsize != sizeof(Elf64_Rela) ||
		    h->sh_link != l->symtab || target->header.sh_type == SHT_NOBITS)
			return fail(l, "the object file has %s", "relocations of a foreign form");
		for (uint64_t k = 0; k < h->sh_size / sizeof(Elf64_Rela); k++) {
			Elf64_Rela r;
			memcpy(&r, l->object + h->sh_offset + k * sizeof r, sizeof r);
			const struct reloc_kind *kind = find_reloc(l, ELF64_R_TYPE(r.r_info));
			if (!kind || ELF64_R_SYM(r.r_info) >= l->symbol_count)
				return fail(l, "the object file has %s", "an unknown relocation");
			if (!visit(l, target, kind, &r))
				return false;
		}
	}
	return true;
}

/* Gives the symbol of a relocation that goes through a slot such a slot at the end of data. */
static bool add_slot(struct link *l, const struct placed_section *target,
		     const struct reloc_kind *kind, const Elf64_Rela *rela)
{
	(void)target;
	struct placed_symbol *sym = &l->symbols[ELF64_R_SYM(rela->r_info)];
	if ((kind->formula != F_SLOT && kind->formula != F_SLOT_PAGE &&
	     kind->formula != F_SLOT_LOW) ||
	    sym->slot)
		return true;
	sym->slot = l->data_end;
	l->data_end += POINTER_SIZE;
	if (l->data_end > IMAGE_LIMIT)
		return fail(l, "the userspace code is %s", "too large");
	vec_push(l->arena, &l->relatives, sym->slot);
	return true;
}

static uint32_t round_up(uint32_t value, uint32_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static bool lay_out(struct link *l)
{
	l->text_end = sizeof(struct ks_image_header);
	if (!place_sections(l, false, false, &l->text_end))
		return false;
	l->stub_start = round_up(l->text_end, STUB_SIZE);
	uint32_t stubs = 0;
	for (uint32_t i = 0; i < l->symbol_count; i++)
		stubs += l->symbols[i].call != UINT32_MAX;
	if (stubs > KS_CALL_COUNT * 2u)
		return fail(l, "the object file has %s", "a symbol twice");
	l->text_end = l->stub_start + stubs * STUB_SIZE;
	l->text_size = round_up(l->text_end, image_page(l));
	l->data_end = l->text_size + (KS_CALL_COUNT + IR_SECTION_COUNT) * POINTER_SIZE;
	if (!place_sections(l, true, false, &l->data_end))
		return false;
	l->data_end = round_up(l->data_end, POINTER_SIZE);
	if (!each_reloc(l, add_slot))
		return false;
	l->data_memory = l->data_end;
	return place_sections(l, true, true, &l->data_memory);
}

/* ---- addresses and stubs ---- */

static uint32_t table_address(const struct link *l, uint32_t row)
{
	return l->text_size + row * POINTER_SIZE;
}

static bool find_base(const struct link *l, const char *name, uint32_t *address)
{
	for (uint32_t i = 0; i < IR_SECTION_COUNT; i++) {
		if (strcmp(name, base_names[i]) != 0)
			continue;
		*address = table_address(l, KS_CALL_COUNT + i);
		return true;
	}
	return false;
}

/* Jumps through a word of the call table.
 *   x86-64   jmp *distance(%rip)
 *   aarch64  adrp x16, page; ldr x16, [x16, low]; br x16 */
static void write_stub(struct link *l, uint32_t address, uint32_t row)
{
	uint32_t word = table_address(l, row);
	uint8_t *p = (uint8_t *)l->image + address;
	if (l->machine == EM_X86_64) {
		uint32_t distance = word - (address + 6);
		memset(p, 0xcc, STUB_SIZE);
		p[0] = 0xff;
		p[1] = 0x25;
		memcpy(p + 2, &distance, sizeof distance);
		return;
	}
	uint32_t pages = (word >> 12) - (address >> 12);
	uint32_t code[STUB_SIZE / 4] = {
		0x90000010u | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5,
		0xf9400210u | (word >> 3 & 0x1ff) << 10, 0xd61f0200u,
		0xd4200000u, // brk
	};
	memcpy(p, code, sizeof code);
}

static bool place_symbols(struct link *l)
{
	uint32_t stub = l->stub_start;
	const Elf64_Shdr *h = &l->sections[l->symtab].header;
	for (uint32_t i = 1; i < l->symbol_count; i++) {
		struct placed_symbol *s = &l->symbols[i];
		Elf64_Sym sym;
		memcpy(&sym, l->object + h->sh_offset + i * sizeof sym, sizeof sym);
		if (s->call != UINT32_MAX) {
			s->address = stub;
			s->has_address = true;
			write_stub(l, stub, s->call);
			stub += STUB_SIZE;
		} else if (sym.st_shndx == SHN_UNDEF) {
			s->has_address = find_base(l, s->name, &s->address);
			if (!s->has_address)
				return fail(l, "the runtime has no function `%s`", s->name);
		} else if (sym.st_shndx < l->section_count) {
			const struct placed_section *in = &l->sections[sym.st_shndx];
			s->has_address = in->is_placed && sym.st_value <= in->header.sh_size;
			s->address = in->address + (uint32_t)sym.st_value;
		}
	}
	return true;
}

/* ---- relocations ---- */

static bool put_bits(struct link *l, uint64_t place, const struct reloc_kind *kind, int64_t value)
{
	if (value & ((1ll << kind->drop) - 1))
		return fail(l, "the object file has %s", "a relocation of unaligned distance");
	value >>= kind->drop;
	if (kind->is_signed && kind->bits < 64 &&
	    (value < -(1ll << (kind->bits - 1)) || value >= 1ll << (kind->bits - 1)))
		return fail(l, "the object file has %s", "a relocation out of reach");
	char *p = l->image + place;
	uint32_t insn;
	memcpy(&insn, p, sizeof insn);
	uint32_t cut = (uint32_t)value & ((1u << (kind->bits & 31)) - 1);
	if (kind->field == FIELD_WORD) {
		memcpy(p, &value, kind->bits / 8);
		return true;
	}
	if (kind->field == FIELD_ADR)
		insn = (insn & ~0x60ffffe0u) | (cut & 3) << 29 | (cut >> 2) << 5;
	else
		insn = (insn & ~(((1u << kind->bits) - 1) << kind->at)) | cut << kind->at;
	memcpy(p, &insn, sizeof insn);
	return true;
}

static bool apply_reloc(struct link *l, const struct placed_section *target,
			const struct reloc_kind *kind, const Elf64_Rela *rela)
{
	if (kind->formula == F_NOTHING)
		return true;
	uint32_t size = kind->field == FIELD_WORD ? kind->bits / 8 : 4;
	if (rela->r_offset > target->header.sh_size ||
	    target->header.sh_size - rela->r_offset < size)
		return fail(l, "the object file has %s", "a relocation outside its section");
	const struct placed_symbol *sym = &l->symbols[ELF64_R_SYM(rela->r_info)];
	if (!sym->has_address)
		return fail(l, "the object file refers to `%s`, which has no place", sym->name);
	if (rela->r_addend > IMAGE_LIMIT || rela->r_addend < -IMAGE_LIMIT)
		return fail(l, "the object file has %s", "a relocation out of reach");
	int64_t place = (int64_t)target->address + (int64_t)rela->r_offset;
	int64_t at = (int64_t)sym->address + rela->r_addend;
	int64_t slot = (int64_t)sym->slot + rela->r_addend;
	int64_t value = 0;
	switch ((enum formula)kind->formula) {
	case F_ABSOLUTE:
		if (!target->is_data)
			return fail(l, "the object file has %s", "an address in constant data");
		vec_push(l->arena, &l->relatives, (uint32_t)place);
		value = at;
		break;
	case F_RELATIVE:
		value = at - place;
		break;
	case F_PAGE:
		value = (at & ~4095ll) - (place & ~4095ll);
		break;
	case F_LOW:
		value = at & 4095;
		break;
	case F_SLOT:
		value = slot - place;
		break;
	case F_SLOT_PAGE:
		value = (slot & ~4095ll) - (place & ~4095ll);
		break;
	case F_SLOT_LOW:
		value = slot & 4095;
		break;
	case F_NOTHING:
		break;
	}
	return put_bits(l, (uint64_t)place, kind, value);
}

/* ---- output ---- */

static void copy_sections(struct link *l)
{
	for (uint32_t i = 0; i < l->section_count; i++) {
		const struct placed_section *s = &l->sections[i];
		if (s->is_placed && s->header.sh_type != SHT_NOBITS)
			memcpy(l->image + s->address, l->object + s->header.sh_offset,
			       s->header.sh_size);
	}
}

static void write_header(struct link *l)
{
	struct ks_image_header h = {
		.magic = KS_IMAGE_MAGIC,
		.version = KS_RT_VERSION,
		.machine = l->machine,
		.text_offset = 0,
		.text_size = l->text_size,
		.data_offset = l->text_size,
		.data_size = l->data_end - l->text_size,
		.data_memory = l->data_memory - l->text_size,
		.call_count = KS_CALL_COUNT,
		.main_offset = UINT32_MAX,
		.relative_offset = l->data_end,
		.relative_count = l->relatives.len,
	};
	for (uint32_t i = 1; i < l->symbol_count; i++)
		if (l->symbols[i].has_address && strcmp(l->symbols[i].name, HOST_MAIN_SYMBOL) == 0)
			h.main_offset = l->symbols[i].address;
	memcpy(l->image, &h, sizeof h);
}

static bool link_image(struct link *l, struct buf *out)
{
	if (!read_header(l) || !read_symbols(l) || !lay_out(l))
		return false;
	l->image = arena_alloc(l->arena, l->data_end);
	copy_sections(l);
	if (!place_symbols(l) || !each_reloc(l, apply_reloc))
		return false;
	for (uint32_t i = 1; i < l->symbol_count; i++) {
		const struct placed_symbol *s = &l->symbols[i];
		if (s->slot && !s->has_address)
			return fail(l, "the object file refers to `%s`, which has no place",
				    s->name);
		uint64_t address = s->address;
		if (s->slot)
			memcpy(l->image + s->slot, &address, sizeof address);
	}
	write_header(l);
	buf_add(out, l->image, l->data_end);
	buf_add(out, l->relatives.data, l->relatives.len * sizeof(uint32_t));
	return true;
}

bool image_link(const uint8_t *object, size_t len, struct arena *arena, struct buf *out,
		const char **why)
{
	struct link l = {.object = object, .len = len, .arena = arena};
	bool ok = link_image(&l, out);
	if (!ok)
		*why = l.why;
	return ok;
}
