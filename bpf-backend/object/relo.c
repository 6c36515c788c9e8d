/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relocations as libbpf 1.1 reads them (bpf_program__record_reloc(), bpf_object__reloc_code()):
 *   map       R_BPF_64_64 against the map's symbol, immediate 0
 *   section   R_BPF_64_64 against the section symbol, immediate the byte offset in it
 *   call      R_BPF_64_32 against the function's symbol, immediate -1
 *   kfunc     R_BPF_64_32 against an undefined symbol of that name, immediate -1
 *   function  R_BPF_64_64 against the section symbol of .text, immediate the byte offset in it
 * Immediate and source register are set here whatever code generation left in them.
 */
#include <assert.h>

#include "bpf-backend/object/build.h"

struct patch {
	uint32_t symbol;
	enum elf_bpf_relocation type;
	unsigned src;
	int32_t imm;
};

static struct patch patch_of(const struct object_build *b, const struct bpf_relo *relo)
{
	switch (relo->kind) {
	case BPF_RELO_MAP:
		assert(relo->index < b->object->maps.len && "a map of the object");
		return (struct patch){b->map_symbol[relo->index], ELF_BPF_64_64, 0, 0};
	case BPF_RELO_SECTION:
		assert(relo->index < OBJECT_DATA_SECTIONS && b->data_section[relo->index] &&
		       "a section that has contents");
		return (struct patch){b->data_symbol[relo->index], ELF_BPF_64_64, 0,
				      (int32_t)relo->addend};
	case BPF_RELO_CALL:
		assert(relo->index < b->object->funcs.len && "a function of the object");
		return (struct patch){b->func_symbol[relo->index], ELF_BPF_64_32,
				      (unsigned)insn_table[BPF_OP_CALL_LOCAL].src, -1};
	case BPF_RELO_KFUNC:
		assert(relo->index < b->object->kfuncs.len && "a function of the kernel");
		return (struct patch){b->kfunc_symbol[relo->index], ELF_BPF_64_32,
				      (unsigned)insn_table[BPF_OP_CALL_KFUNC].src, -1};
	case BPF_RELO_FUNC:
		assert(relo->index < b->object->funcs.len && "a function of the object");
		return (struct patch){b->code.data[b->func_section[relo->index]].symbol,
				      ELF_BPF_64_64, (unsigned)insn_table[BPF_OP_LD_FUNC].src,
				      (int32_t)(b->func_first[relo->index] * INSN_BYTES)};
	case BPF_RELO_CORE:
		break;
	}
	unreachable("a kind of relocation");
}

void object_build_relocations(struct object_build *b)
{
	const struct bpf_object *o = b->object;
	for (uint32_t f = 0; f < o->funcs.len; f++) {
		const struct bpf_func *func = o->funcs.data[f];
		const struct code_section *section = &b->code.data[b->func_section[f]];
		for (uint32_t i = 0; i < func->relos.len; i++) {
			const struct bpf_relo *relo = &func->relos.data[i];
			assert(relo->insn < func->code.len && "a record of the function");
			if (relo->kind == BPF_RELO_CORE) // in .BTF.ext
				continue;
			uint32_t at = b->func_first[f] + relo->insn;
			struct patch patch = patch_of(b, relo);
			section->code[at].src = patch.src & 15;
			section->code[at].imm = patch.imm;
			elf_add_relocation(b->elf, section->number, (uint64_t)at * INSN_BYTES,
					   patch.symbol, patch.type);
		}
	}
	for (uint32_t i = 0; i < o->ops.len; i++) {
		const struct bpf_object_ops *ops = &o->ops.data[i];
		for (uint32_t k = 0; k < ops->functions.len; k++)
			elf_add_relocation(
				b->elf, b->ops_section, ops->offset + ops->functions.data[k].offset,
				b->func_symbol[ops->functions.data[k].func], ELF_BPF_64_64);
	}
}
