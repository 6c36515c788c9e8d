/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a value is what it is: the steps of the path that made it, found by walking back from the refusal
 * and asking of each step only whether it wrote something that is still wanted.
 *
 *	12: r6 = *(u32 *)(r1 + 0)      <- where the packet pointer came from
 *	14: r6 += r3                   <- the range that was checked is lost here
 *	20: r0 = *(u8 *)(r6 + 2)       <- refused
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

struct want {
	uint32_t regs;
	uint64_t slots; // of the frame at hand, by constant offset from r10
};

static bool is_branch(const struct bpf_record *i)
{
	unsigned class = i->opcode & 7, op = i->opcode >> 4;
	return (class == 5 || class == 6) && op != JUMP_JA && op != JUMP_CALL && op != JUMP_EXIT &&
	       op != JUMP_COND;
}

static int slot_of(const struct bpf_record *i, unsigned base)
{
	if (base != BPF_R10 || i->off >= 0 || i->off < -MAX_STACK)
		return -1;
	return (-i->off - 1) / 8;
}

static void want_sources(struct want *w, const struct bpf_record *i)
{
	unsigned class = i->opcode & 7;
	int slot = slot_of(i, i->src);
	if (class == 1 && slot >= 0)
		w->slots |= UINT64_C(1) << slot;
	else
		w->regs |= insn_reads(i) & ~(1u << BPF_R10);
}

/* Whether the step made something wanted; then what it made it of is wanted instead. */
static bool take_step(struct want *w, const struct bpf_record *i, const char **role)
{
	unsigned class = i->opcode & 7;
	uint32_t writes = insn_writes(i);
	int slot = slot_of(i, i->dst);
	*role = "set here";
	if ((class == 2 || class == 3) && slot >= 0 && w->slots >> slot & 1) {
		w->slots &= ~(UINT64_C(1) << slot);
		if (class == 3)
			w->regs |= 1u << i->src;
		*role = "kept on the stack";
		return true;
	}
	if (is_branch(i)) {
		*role = "compared";
		return insn_reads(i) & w->regs;
	}
	if (!(writes & w->regs))
		return false;
	bool is_call = i->opcode == 0x85;
	w->regs &= ~writes;
	if (is_call) {
		*role = "result of the call";
		return true;
	}
	bool is_math = (class == 4 || class == 7) && i->opcode >> 4 != ALU_MOV;
	*role = is_math ? "changed" : class == 1 ? "read" : "copied";
	want_sources(w, i);
	return true;
}

uint32_t verify_explain(const struct program_code *code, const struct verify_result *result,
			struct verify_cause *causes, uint32_t max)
{
	struct want w = {0};
	uint32_t count = 0, step = result->last_step;
	if (!result->steps || result->insn >= code->count || step >= result->step_count)
		return 0;
	const struct bpf_record *failed = &code->records[result->insn];
	w.regs = result->reg >= 0 ? 1u << result->reg : insn_reads(failed);
	w.regs &= ~(1u << BPF_R10);
	int slot = slot_of(failed, failed->src);
	if ((failed->opcode & 7) == 1 && slot >= 0)
		w.slots |= UINT64_C(1) << slot;
	while ((w.regs || w.slots) && count < max) {
		step = result->steps[step].previous;
		if (step >= result->step_count)
			break;
		uint32_t insn = result->steps[step].insn;
		const char *role;
		if (insn < code->count && take_step(&w, &code->records[insn], &role))
			causes[count++] = (struct verify_cause){insn, role};
	}
	return count;
}

const struct program_line *verify_find_line(const struct program_code *code, uint32_t insn)
{
	const struct program_line *found = NULL;
	for (uint32_t i = 0; i < code->line_count && code->lines[i].record <= insn; i++)
		found = &code->lines[i];
	return found;
}
