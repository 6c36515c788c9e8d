/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The printer: one instruction in the notation of the kernel's verifier log, with signed decimal
 * offsets and with names where the caller has them. The form says how the operands stand, the
 * table's text what stands between them.
 */
#include "bpf-backend/isa/insn.h"

#include <inttypes.h>

struct printer {
	struct buf *out;
	const struct bpf_record *r;
	uint32_t count;
	const struct insn_names *names;
	enum bpf_op op;
	const struct insn_info *info;
	char reg; // 'r' or 'w'
};

static void print_place(struct printer *p, const char *type, unsigned reg)
{
	int off = p->r->off;
	buf_printf(p->out, "(%s *)(r%u %c %d)", type, reg, off < 0 ? '-' : '+',
		   off < 0 ? -off : off);
}

static const char *width_type(enum bpf_op op)
{
	static const char *const types[9] = {[1] = "u8", [2] = "u16", [4] = "u32", [8] = "u64"};
	return types[insn_width(op)];
}

static void print_call(struct printer *p)
{
	const char *name = p->names ? p->names->reference : NULL;
	if (p->op == BPF_OP_CALL_LOCAL) {
		if (name)
			buf_printf(p->out, "call %s", name);
		else
			buf_printf(p->out, "call pc%+d", p->r->imm);
		return;
	}
	if (p->op == BPF_OP_CALL_KFUNC) {
		buf_printf(p->out, "call %s#%d", name ? name : "kfunc", p->r->imm);
		return;
	}
	if (!name && p->names && p->names->helper)
		name = p->names->helper((uint32_t)p->r->imm);
	buf_printf(p->out, "call %s#%d", name ? name : "unknown", p->r->imm);
}

static void print_ld64(struct printer *p)
{
	uint32_t low = (uint32_t)p->r->imm;
	uint32_t high = p->count > 1 ? (uint32_t)p->r[1].imm : 0;
	const char *name = p->names ? p->names->reference : NULL;
	buf_printf(p->out, "r%u = ", p->r->dst);
	if (p->op == BPF_OP_LD_IMM64) {
		if (name && (low || high))
			buf_printf(p->out, "%s + %" PRIu64 " ll", name, (uint64_t)high << 32 | low);
		else if (name)
			buf_printf(p->out, "%s ll", name);
		else
			buf_printf(p->out, "0x%" PRIx64 " ll", (uint64_t)high << 32 | low);
		return;
	}
	if (name)
		buf_add_text(p->out, name);
	else
		buf_printf(p->out, "%s[%d]", p->info->text, (int32_t)low);
	if (high)
		buf_printf(p->out, " + %u", high);
	buf_add_text(p->out, " ll");
}

static void print_atomic(struct printer *p)
{
	const struct bpf_record *r = p->r;
	const char *type = width_type(p->op);
	const char *family = insn_width(p->op) == 8 ? "atomic64" : "atomic";
	if (p->info->form == INSN_FORM_ATOMIC) {
		buf_add_text(p->out, "lock *");
		print_place(p, type, r->dst);
		buf_printf(p->out, " %s r%u", p->info->text, r->src);
		return;
	}
	bool compares = p->info->form == INSN_FORM_CMPXCHG;
	buf_printf(p->out, "r%u = %s_%s(", compares ? BPF_R0 : r->src, family, p->info->text);
	print_place(p, type, r->dst);
	buf_printf(p->out, compares ? ", r0, r%u)" : ", r%u)", r->src);
}

static void print_memory(struct printer *p)
{
	const struct bpf_record *r = p->r;
	switch (p->info->form) {
	case INSN_FORM_LOAD:
		buf_printf(p->out, "r%u = *", r->dst);
		print_place(p, p->info->text, r->src);
		break;
	case INSN_FORM_STORE_REG:
		buf_add_char(p->out, '*');
		print_place(p, p->info->text, r->dst);
		buf_printf(p->out, " = r%u", r->src);
		break;
	case INSN_FORM_STORE_IMM:
		buf_add_char(p->out, '*');
		print_place(p, p->info->text, r->dst);
		buf_printf(p->out, " = %d", r->imm);
		break;
	case INSN_FORM_LOAD_ACQ:
		buf_printf(p->out, "r%u = load_acquire(", r->dst);
		print_place(p, width_type(p->op), r->src);
		buf_add_char(p->out, ')');
		break;
	case INSN_FORM_STORE_REL:
		buf_add_text(p->out, "store_release(");
		print_place(p, width_type(p->op), r->dst);
		buf_printf(p->out, ", r%u)", r->src);
		break;
	case INSN_FORM_ABS:
		buf_printf(p->out, "r0 = *(%s *)skb[%d]", p->info->text, r->imm);
		break;
	case INSN_FORM_IND:
		buf_printf(p->out, "r0 = *(%s *)skb[r%u %+d]", p->info->text, r->src, r->imm);
		break;
	default:
		print_atomic(p);
	}
}

static void print_alu(struct printer *p)
{
	const struct bpf_record *r = p->r;
	char reg = p->reg;
	switch (p->info->form) {
	case INSN_FORM_ALU_REG:
	case INSN_FORM_MOV_REG:
		buf_printf(p->out, "%c%u %s %c%u", reg, r->dst, p->info->text, reg, r->src);
		break;
	case INSN_FORM_ALU_IMM:
	case INSN_FORM_MOV_IMM:
		buf_printf(p->out, "%c%u %s %d", reg, r->dst, p->info->text, r->imm);
		break;
	case INSN_FORM_MOVSX:
		buf_printf(p->out, "%c%u = (%s)%c%u", reg, r->dst, p->info->text, reg, r->src);
		break;
	case INSN_FORM_SPACE_CAST:
		buf_printf(p->out, "r%u = addr_space_cast(r%u, %d, %d)", r->dst, r->src,
			   r->imm >> 16, r->imm & 0xffff);
		break;
	default: // UNARY; the byte-order operations have the width in imm
		buf_printf(p->out, "%c%u = %s%s%c%u", reg, r->dst, p->info->text,
			   p->info->imm ? " " : "", reg, r->dst);
	}
}

static void print_flow(struct printer *p)
{
	const struct bpf_record *r = p->r;
	switch (p->info->form) {
	case INSN_FORM_BRANCH_REG:
		buf_printf(p->out, "if %c%u %s %c%u goto %+d", p->reg, r->dst, p->info->text,
			   p->reg, r->src, r->off);
		break;
	case INSN_FORM_BRANCH_IMM:
		buf_printf(p->out, "if %c%u %s %d goto %+d", p->reg, r->dst, p->info->text, r->imm,
			   r->off);
		break;
	case INSN_FORM_JUMP:
	case INSN_FORM_JUMP_LONG:
	case INSN_FORM_MAY_GOTO:
		buf_printf(p->out, "%s %+d", p->info->text, insn_jump_offset(r));
		break;
	case INSN_FORM_JUMP_REG:
	case INSN_FORM_CALL_REG:
		buf_printf(p->out, "%s r%u", p->info->text, r->dst);
		break;
	case INSN_FORM_CALL:
		print_call(p);
		break;
	default:
		buf_add_text(p->out, p->info->text);
	}
}

void insn_print(struct buf *out, const struct bpf_record *record, uint32_t count,
		const struct insn_names *names)
{
	struct printer p = {out, record, count, names, insn_find(record), NULL, 'r'};
	if (p.op == BPF_OP_COUNT) {
		buf_printf(out, "(bad) opcode 0x%02x dst %u src %u off %d imm %d", record->opcode,
			   record->dst, record->src, record->off, record->imm);
		return;
	}
	p.info = &insn_table[p.op];
	p.reg = insn_is_32bit(p.op) ? 'w' : 'r';
	if (p.info->form == INSN_FORM_LD64)
		print_ld64(&p);
	else if (insn_width(p.op))
		print_memory(&p);
	else if ((p.info->opcode & 7) == 4 || (p.info->opcode & 7) == 7)
		print_alu(&p);
	else
		print_flow(&p);
}
