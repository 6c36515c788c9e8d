/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording a refusal: reason, place, words, and what is known of the values that the instruction
 * uses. The first refusal ends the verification, so there is one at most.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/story.h"

static const struct {
	const char *name, *words, *hint;
} reasons[VERIFY_REASON_COUNT] = {
	[VERIFY_OK] = {"accepted", "", ""},
#define REASON(id, name, words, hint) [VERIFY_##id] = {name, words, hint},
#include "ks/reasons.def"
#undef REASON
};

const char *verify_reason_name(enum verify_reason reason)
{
	return reasons[reason].name;
}

const char *verify_reason_words(enum verify_reason reason)
{
	return reasons[reason].words;
}

const char *verify_reason_hint(enum verify_reason reason)
{
	return reasons[reason].hint;
}

static const char *const kind_names[REG_KIND_COUNT] = {
#define KIND(id, text, words) [REG_##id] = text,
#include "bpf-backend/verify/kinds.def"
#undef KIND
};

static const struct {
	unsigned flag;
	const char *text;
} prefixes[] = {
	{REG_RDONLY, "rdonly_"}, {REG_RINGBUF, "ringbuf_"},     {REG_USER, "user_"},
	{REG_PERCPU, "percpu_"}, {REG_UNTRUSTED, "untrusted_"}, {REG_TRUSTED, "trusted_"},
	{REG_RCU, "rcu_"},
};

const char *verify_name_kind(const struct reg *r, char out[96])
{
	const char *type = "";
	size_t len = 0;
	out[0] = 0;
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		if (r->flags & prefixes[i].flag)
			len += (size_t)snprintf(out + len, 96 - len, "%s", prefixes[i].text);
	}
	if (r->kind == REG_OBJECT && r->btf && r->type && r->type <= r->btf->type_count)
		type = btf_get_type(r->btf, r->type).name;
	snprintf(out + len, 96 - len, "%s%.48s%s", kind_names[r->kind], type,
		 r->flags & REG_NULLABLE ? "_or_null" : "");
	return out;
}

const char *verify_describe_kind(const struct verifier *v, const struct reg *r, char out[96])
{
	struct told t;
	struct buf words;
	(void)v;
	told_reg(r, &t);
	buf_init(&words);
	words_add_kind(&words, &t);
	snprintf(out, 96, "%s", words.data);
	buf_fini(&words);
	return out;
}

const char *verify_name_call(const struct program_code *code, const struct btf *types,
			     uint32_t insn, char out[96])
{
	const struct bpf_record *i = &code->records[insn];
	const char *name = NULL;
	if (i->opcode == 0x85 && i->src == 0)
		name = kernel_helper_name((uint32_t)i->imm);
	for (uint32_t f = 0; i->opcode == 0x95 && f < code->function_count; f++)
		if (code->functions[f].start <= insn)
			name = code->functions[f].name;
	for (uint32_t f = 0; i->src == 1 && f < code->function_count; f++)
		if (code->functions[f].start == insn + 1 + (uint32_t)i->imm)
			name = code->functions[f].name;
	if (i->src == 2 && types && i->imm > 0 && (uint32_t)i->imm <= types->type_count)
		name = btf_get_type(types, (uint32_t)i->imm).name;
	snprintf(out, 96, "%.90s", name && *name ? name : "this call");
	return out;
}

static bool is_used(const struct verifier *v, unsigned reg)
{
	const struct bpf_record *i = &v->insns[v->at];
	if (v->notes[v->at].op >= BPF_OP_COUNT)
		return false;
	return insn_reads(i) >> reg & 1 && reg_at((struct verifier *)(uintptr_t)v, reg)->kind;
}

static void add_details(struct verifier *v, int reg)
{
	struct buf text;
	buf_init(&text);
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		if ((int)i != reg && (reg >= 0 || !is_used(v, i)))
			continue;
		if (reg_at(v, i)->kind == REG_NONE)
			continue;
		buf_printf(&text, "r%u=", i);
		verify_print_reg(&text, v, reg_at(v, i));
		buf_add_char(&text, '\n');
	}
	if (text.len)
		snprintf(v->result->detail, sizeof v->result->detail, "%s", text.data);
	buf_fini(&text);
}

bool verify_refuse(struct verifier *v, enum verify_reason reason, int reg, const char *format, ...)
{
	struct verify_result *r = v->result;
	va_list args;
	if (r->reason)
		return false;
	r->reason = reason;
	r->insn = v->at;
	r->reg = reg;
	r->cause = r->origin = UINT32_MAX;
	r->last_step = v->current ? v->current->step : UINT32_MAX;
	va_start(args, format);
	vsnprintf(r->text, sizeof r->text, format, args);
	va_end(args);
	if (v->current && v->at < v->count && v->notes) {
		if (reg >= 0)
			r->cause = reg_at(v, (unsigned)reg)->cause;
		add_details(v, reg);
	}
	if (v->log)
		buf_printf(v->log, "%s\n", r->text);
	return false;
}
