/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a module. Printing what ir_parse_module() made of a print gives the same text.
 *
 *	dtype 1 = int "u32" size 4
 *	global $limit section data size 4 align 4 dtype 1 init "\x01\x00\x00\x00"
 *	map &hits type 1 key 4 scalar value 8 scalar entries 16
 *	core 0 = field_offset dtype 3 local 96 path se vruntime
 *	extern !bpf_ktime_get_ns helper i64 effects 8
 *	fn @prog(ptr) -> i32 bpf program "xdp" exported {
 *	  slot #0 x size 8 align 8
 *	b0:
 *	  %1 = param.ptr 0
 *	  %2 = ctx_load.i32 %1 +4 w4
 *	  %3 = ult %2, 1500
 *	  branch %3, b1, b2 likely
 *	...
 *	}
 *
 * Values are numbered in the order of print, blocks too. A constant is `5` (i32), `5:i64`, `null` or
 * `5:ptr`. Slots are named by number, everything else by name, or by index (`@2`) when it has none or
 * an earlier one has the same, rows of `core` as `~0`. A name with unusual characters is quoted. Spans are not printed.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/ir/ir.h"
#include "frontend/ir/ir_text.h"

struct printer {
	const struct ir_module *m;
	const struct ir_fn *fn;
	struct buf *out;
	struct map fns, globals, maps, externs; // name (and target of fns) to the first index + 1
	uint32_t *value_number;                 // of each ref
	uint32_t *block_number;
};

static void print_quoted(struct printer *p, const void *bytes, size_t len)
{
	const unsigned char *s = bytes;

	buf_add_char(p->out, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\' || s[i] < ' ' || s[i] > '~')
			buf_printf(p->out, "\\x%02x", s[i]);
		else
			buf_add_char(p->out, (char)s[i]);
	}
	buf_add_char(p->out, '"');
}

static void print_name(struct printer *p, symbol name)
{
	const char *text = intern_text(&p->m->compile->names, name);
	size_t len = intern_len(&p->m->compile->names, name);
	bool plain = len && !isdigit((unsigned char)*text);

	for (size_t i = 0; i < len; i++)
		plain = plain &&
			(isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '.');
	if (plain)
		buf_add_text(p->out, text);
	else
		print_quoted(p, text, len);
}

/* Functions of different targets may have the same name; a reference means the own target's. */
static uint64_t fn_key(symbol name, enum ir_target target)
{
	return (uint64_t)target << 32 | name;
}

static void print_ref(struct printer *p, char sigil, const struct map *names, uint64_t key,
		      symbol name, uint32_t index)
{
	uint64_t *found = map_find(names, key);

	buf_add_char(p->out, sigil);
	if (name && found && *found == index + 1)
		print_name(p, name);
	else
		buf_printf(p->out, "%" PRIu32, index);
}

static void print_fn_ref(struct printer *p, uint32_t index)
{
	const struct ir_fn *f = p->m->fns.data[index];
	enum ir_target target = p->fn ? p->fn->target : f->target;

	print_ref(p, '@', &p->fns, fn_key(f->name, target), f->name, index);
}

static void print_global_ref(struct printer *p, uint32_t index)
{
	symbol name = p->m->globals.data[index].name;

	print_ref(p, '$', &p->globals, name, name, index);
}

static void print_map_ref(struct printer *p, uint32_t index)
{
	symbol name = p->m->maps.data[index].name;

	print_ref(p, '&', &p->maps, name, name, index);
}

static void print_extern_ref(struct printer *p, uint32_t index)
{
	symbol name = p->m->externs.data[index].name;

	print_ref(p, '!', &p->externs, name, name, index);
}

static void print_operand(struct printer *p, ir_ref r)
{
	if (!r) {
		buf_add_text(p->out, "none");
	} else if (!ir_is_const(r)) {
		buf_printf(p->out, "%%%" PRIu32, p->value_number[r]);
	} else {
		const struct ir_const *c = ir_get_const(p->fn, r);
		if (c->type == IR_PTR && !c->bits)
			buf_add_text(p->out, "null");
		else if (c->type == IR_I32)
			buf_printf(p->out, "%" PRId32, (int32_t)c->bits);
		else
			buf_printf(p->out, "%" PRId64 ":%s", (int64_t)c->bits,
				   ir_type_words[c->type]);
	}
}

static void print_args(struct printer *p, ir_ref r)
{
	const ir_ref *args = ir_args(p->fn, r);
	uint32_t count = ir_arg_count(p->fn, r);

	buf_add_char(p->out, '(');
	for (uint32_t i = 0; i < count; i++) {
		buf_add_text(p->out, i ? ", " : "");
		print_operand(p, args[i]);
	}
	buf_add_char(p->out, ')');
}

struct phi_arg {
	uint32_t block; // number in print
	ir_ref value;
};

static int compare_phi_args(const void *a, const void *b)
{
	uint32_t x = ((const struct phi_arg *)a)->block, y = ((const struct phi_arg *)b)->block;

	return x < y ? -1 : x > y;
}

/* Operands in the order of the predecessors' numbers, each predecessor once: the order in which
 * the parser will make the edges. */
static void print_phi_args(struct printer *p, ir_ref r)
{
	const struct ir_block *b = &p->fn->blocks.data[p->fn->block_of.data[r]];
	uint32_t count = ir_arg_count(p->fn, r), last = UINT32_MAX;
	struct phi_arg *args = ARENA_ARRAY(&p->m->compile->scratch, struct phi_arg, count + 1);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t pred = i < b->preds.len ? b->preds.data[i] : 0;
		args[i] = (struct phi_arg){p->block_number[pred], ir_args(p->fn, r)[i]};
	}
	qsort(args, count, sizeof *args, compare_phi_args);
	const char *between = " ";
	for (uint32_t i = 0; i < count; i++) {
		if (args[i].block == last)
			continue;
		last = args[i].block;
		buf_printf(p->out, "%s[b%" PRIu32 " ", between, last);
		print_operand(p, args[i].value);
		buf_add_char(p->out, ']');
		between = ", ";
	}
}

static void print_memory_aux(struct printer *p, const struct ir_insn *in)
{
	bool is_ctx = in->op == IR_CTX_LOAD || in->op == IR_CTX_STORE;
	uint32_t kind = IR_MEM_SPACE(in->aux);

	buf_printf(p->out, " w%u", IR_MEM_WIDTH(in->aux));
	if (IR_MEM_SIGNED(in->aux))
		buf_add_text(p->out, " signed");
	if (kind && kind < (is_ctx ? (uint32_t)IR_CTX_KIND_COUNT : (uint32_t)IR_SPACE_COUNT))
		buf_printf(p->out, " %s", is_ctx ? ir_ctx_words[kind] : ir_space_words[kind]);
	if (in->aux & IR_MEM_CHECKED)
		buf_add_text(p->out, " checked");
	if (in->aux & IR_MEM_KEPT)
		buf_add_text(p->out, " kept");
}

/* What the third word and aux hold, after the operands. */
static void print_extra(struct printer *p, ir_ref r, const struct ir_insn *in)
{
	switch ((enum ir_extra)ir_ops[in->op].extra) {
	case IR_EXTRA_IMM:
		if (in->imm)
			buf_printf(p->out, " %+" PRId32, in->imm);
		if (in->op == IR_ATOMIC)
			buf_printf(p->out, " %s", ir_atomic_words[in->aux]);
		else
			print_memory_aux(p, in);
		break;
	case IR_EXTRA_SIZE:
		buf_printf(p->out, " size %" PRIu32, in->index);
		if (in->aux)
			buf_printf(p->out, " align %u", in->aux);
		break;
	case IR_EXTRA_SLOT:
		buf_printf(p->out, " #%" PRIu32, in->index);
		break;
	case IR_EXTRA_GLOBAL:
		buf_add_char(p->out, ' ');
		print_global_ref(p, in->index);
		break;
	case IR_EXTRA_MAP:
		buf_add_char(p->out, ' ');
		print_map_ref(p, in->index);
		if (in->op == IR_MAP_UPDATE)
			buf_printf(p->out, " %s", ir_map_flag_words[in->aux]);
		break;
	case IR_EXTRA_FUNC:
	case IR_EXTRA_EXTERN:
		buf_add_char(p->out, ' ');
		if (ir_ops[in->op].extra == IR_EXTRA_FUNC)
			print_fn_ref(p, in->index);
		else
			print_extern_ref(p, in->index);
		if (ir_ops[in->op].effect == IR_EFF_CALL)
			print_args(p, r);
		break;
	case IR_EXTRA_ARGS:
		if (in->op == IR_PHI)
			print_phi_args(p, r);
		else
			print_args(p, r);
		break;
	case IR_EXTRA_PARAM:
		buf_printf(p->out, " %" PRIu32, in->index);
		break;
	case IR_EXTRA_CORE:
		buf_printf(p->out, " ~%" PRIu32, in->index);
		break;
	case IR_EXTRA_NONE:
	case IR_EXTRA_REF:
	case IR_EXTRA_CASES:
		break;
	}
}

static void print_succs(struct printer *p, const struct ir_insn *in, const struct ir_block *b)
{
	const struct ir_switch *table =
		in->op == IR_SWITCH ? &p->fn->switches.data[in->index] : NULL;

	for (uint32_t i = 0; i < b->succ_count; i++) {
		buf_add_text(p->out, i || ir_ops[in->op].a != IR_OPERAND_NONE ? ", " : " ");
		if (table && i < table->count)
			buf_printf(p->out, "%" PRId64 ": ", (int64_t)table->values[i]);
		else if (table)
			buf_add_text(p->out, "default: ");
		buf_printf(p->out, "b%" PRIu32, p->block_number[b->succs[i]]);
	}
	if (in->op == IR_BRANCH && in->aux)
		buf_printf(p->out, " %s", ir_likely_words[in->aux]);
}

static void print_insn(struct printer *p, ir_ref r)
{
	const struct ir_insn *in = ir_get(p->fn, r);
	const struct ir_op_info *op = &ir_ops[in->op];
	const char *between = " ";

	buf_add_text(p->out, "  ");
	if (in->type != IR_VOID)
		buf_printf(p->out, "%%%" PRIu32 " = ", p->value_number[r]);
	buf_add_text(p->out, op->name);
	if (in->type != IR_VOID && (op->result == IR_RESULT_INT || op->result == IR_RESULT_VALUE))
		buf_printf(p->out, ".%s", ir_type_words[in->type]);
	if (op->a != IR_OPERAND_NONE && (op->a != IR_OPERAND_OPT || in->a)) {
		buf_add_text(p->out, between);
		print_operand(p, in->a);
		between = ", ";
	}
	if (op->b != IR_OPERAND_NONE) {
		buf_add_text(p->out, between);
		print_operand(p, in->b);
	}
	if (op->extra == IR_EXTRA_REF) {
		buf_add_text(p->out, between);
		print_operand(p, in->c);
	}
	print_extra(p, r, in);
	if (op->effect == IR_EFF_CONTROL)
		print_succs(p, in, &p->fn->blocks.data[p->fn->block_of.data[r]]);
	buf_add_char(p->out, '\n');
}

static void number_function(struct printer *p)
{
	const struct ir_fn *fn = p->fn;
	struct arena *scratch = &p->m->compile->scratch;
	uint32_t values = 0, blocks = 0;

	p->value_number = ARENA_ARRAY(scratch, uint32_t, fn->insns.len);
	p->block_number = ARENA_ARRAY(scratch, uint32_t, fn->blocks.len);
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		if (!fn->blocks.data[b].first)
			continue;
		p->block_number[b] = blocks++;
		for (ir_ref r = fn->blocks.data[b].first; r; r = fn->next.data[r])
			if (ir_get(fn, r)->type != IR_VOID)
				p->value_number[r] = ++values;
	}
}

static void print_fn_head(struct printer *p, uint32_t index)
{
	const struct ir_fn *fn = p->fn;

	buf_add_text(p->out, "fn ");
	if (index == UINT32_MAX) {
		buf_add_char(p->out, '@');
		print_name(p, fn->name);
	} else {
		print_fn_ref(p, index);
	}
	buf_add_char(p->out, '(');
	for (uint32_t i = 0; i < fn->param_count; i++)
		buf_printf(p->out, "%s%s", i ? ", " : "", ir_type_words[fn->params[i]]);
	buf_printf(p->out, ") -> %s %s", ir_type_words[fn->result], ir_target_words[fn->target]);
	if (fn->program) {
		buf_add_text(p->out, " program ");
		print_quoted(p, fn->program, strlen(fn->program));
	}
	if (fn->watched) {
		buf_add_text(p->out, " watches ");
		print_quoted(p, fn->watched, strlen(fn->watched));
	}
	if (fn->stands_in_for) {
		buf_add_text(p->out, " for ");
		print_name(p, fn->stands_in_for);
	}
	if (fn->ops) {
		buf_add_text(p->out, " ops ");
		print_name(p, fn->ops);
	}
	if (fn->has_kernel_context)
		buf_add_text(p->out, " kernel_context");
	if (fn->is_sleepable)
		buf_add_text(p->out, " sleepable");
	if (fn->is_tcx)
		buf_add_text(p->out, " tcx");
	if (fn->is_packet_constant)
		buf_add_text(p->out, " packet_constant");
	if (fn->is_inline)
		buf_add_text(p->out, " inline");
	if (fn->is_exported)
		buf_add_text(p->out, " exported");
	if (fn->dtype)
		buf_printf(p->out, " dtype %" PRIu32, fn->dtype);
	if (fn->kernel_params)
		buf_printf(p->out, " kernel_params %" PRIu32, fn->kernel_params);
	if (fn->note_params)
		buf_printf(p->out, " notes %" PRIu32 " note_params %" PRIu32, fn->notes,
			   fn->note_params);
	if (fn->context_size)
		buf_printf(p->out, " context_size %" PRIu32, fn->context_size);
	buf_add_text(p->out, " {\n");
}

static void print_fn(struct printer *p, const struct ir_fn *fn, uint32_t index)
{
	p->fn = fn;
	number_function(p);
	print_fn_head(p, index);
	for (uint32_t i = 0; i < fn->slots.len; i++) {
		const struct ir_slot *s = &fn->slots.data[i];
		buf_printf(p->out, "  slot #%" PRIu32 " ", i);
		print_name(p, s->name);
		buf_printf(p->out, " size %" PRIu32 " align %" PRIu32, s->size, s->align);
		if (s->dtype)
			buf_printf(p->out, " dtype %" PRIu32, s->dtype);
		buf_add_char(p->out, '\n');
	}
	for (uint32_t b = 0; b < fn->blocks.len; b++) {
		const struct ir_block *block = &fn->blocks.data[b];
		if (!block->first)
			continue;
		buf_printf(p->out, "b%" PRIu32 ":", p->block_number[b]);
		if (block->loop_bound)
			buf_printf(p->out, " bound %" PRIu32, block->loop_bound);
		buf_add_char(p->out, '\n');
		for (ir_ref r = block->first; r; r = fn->next.data[r])
			print_insn(p, r);
	}
	buf_add_text(p->out, "}\n");
	p->fn = NULL;
}

static void print_number(struct printer *p, const char *word, uint64_t value)
{
	if (value)
		buf_printf(p->out, " %s %" PRIu64, word, value);
}

static void print_dtype(struct printer *p, uint32_t index)
{
	const struct ir_dtype *t = &p->m->dtypes.data[index];

	buf_printf(p->out, "dtype %" PRIu32 " = %s", index, ir_dtype_words[t->kind]);
	if (t->name) {
		const char *text = intern_text(&p->m->compile->names, t->name);
		buf_add_char(p->out, ' ');
		print_quoted(p, text, strlen(text));
	}
	print_number(p, "size", t->size);
	print_number(p, "encoding", t->encoding);
	print_number(p, "target", t->target);
	print_number(p, "count", t->count);
	if (t->member_count)
		buf_add_text(p->out, " {\n");
	for (uint32_t i = 0; i < t->member_count; i++) {
		const struct ir_dmember *member = &t->members[i];
		buf_add_text(p->out, "  ");
		print_name(p, member->name);
		print_number(p, "dtype", member->type);
		print_number(p, "at", member->bit_offset);
		print_number(p, "bits", member->bit_size);
		print_number(p, "value", member->value);
		buf_add_char(p->out, '\n');
	}
	buf_add_text(p->out, t->member_count ? "}\n" : "\n");
}

static void print_core(struct printer *p, uint32_t index)
{
	const struct ir_core *core = &p->m->cores.data[index];

	buf_printf(p->out, "core %" PRIu32 " = %s", index, ir_core_words[core->kind]);
	print_number(p, "dtype", core->dtype);
	print_number(p, "local", core->local);
	if (core->is_object)
		buf_add_text(p->out, " object");
	if (core->step_count)
		buf_add_text(p->out, " path");
	for (uint32_t i = 0; i < core->step_count; i++) {
		buf_add_char(p->out, ' ');
		if (core->steps[i].name)
			print_name(p, core->steps[i].name);
		else
			buf_printf(p->out, "%" PRIu32, core->steps[i].index);
	}
	buf_add_char(p->out, '\n');
}

static void print_global(struct printer *p, uint32_t index)
{
	const struct ir_global *g = &p->m->globals.data[index];

	buf_add_text(p->out, "global ");
	print_global_ref(p, index);
	buf_printf(p->out, " section %s", ir_section_words[g->section]);
	buf_printf(p->out, " offset %" PRIu32 " size %" PRIu32 " align %" PRIu32, g->offset,
		   g->size, g->align);
	print_number(p, "dtype", g->dtype);
	if (g->init) {
		buf_add_text(p->out, " init ");
		print_quoted(p, g->init, g->size);
	}
	buf_add_char(p->out, '\n');
}

static void print_map(struct printer *p, uint32_t index)
{
	const struct ir_map *map = &p->m->maps.data[index];

	buf_add_text(p->out, "map ");
	print_map_ref(p, index);
	buf_printf(p->out, " type %" PRIu32 " key %" PRIu32 "%s%s value %" PRIu32 "%s%s", map->type,
		   map->key_size, map->key_is_scalar ? " scalar" : "",
		   map->key_is_signed ? " signed" : "", map->value_size,
		   map->value_is_scalar ? " scalar" : "", map->value_is_signed ? " signed" : "");
	print_number(p, "entries", map->max_entries);
	print_number(p, "flags", map->flags);
	print_number(p, "numa", map->numa_node);
	print_number(p, "buffer", map->buffer_size);
	print_number(p, "inner_type", map->inner.type);
	print_number(p, "inner_key", map->inner.key_size);
	print_number(p, "inner_value", map->inner.value_size);
	print_number(p, "inner_entries", map->inner.max_entries);
	print_number(p, "inner_flags", map->inner.flags);
	if (map->inner.value_is_scalar)
		buf_add_text(p->out, " inner_scalar");
	print_number(p, "key_dtype", map->key_dtype);
	print_number(p, "value_dtype", map->value_dtype);
	buf_printf(p->out, "%s%s%s%s\n", map->is_percpu ? " percpu" : "",
		   map->is_array ? " array" : "", map->is_pinned ? " pinned" : "",
		   map->has_kptr ? " kptr" : "");
}

static void print_ops(struct printer *p, const struct ir_ops *ops)
{
	buf_add_text(p->out, "ops ");
	print_name(p, ops->name);
	buf_printf(p->out, " size %" PRIu32 " dtype %" PRIu32, ops->size, ops->dtype);
	buf_add_text(p->out, " init ");
	print_quoted(p, ops->init, ops->size);
	buf_add_text(p->out, " {");
	for (uint32_t i = 0; i < ops->functions.len; i++) {
		buf_printf(p->out, "%s%" PRIu32 " ", i ? ", " : " ", ops->functions.data[i].offset);
		print_fn_ref(p, ops->functions.data[i].fn);
	}
	buf_add_text(p->out, " }\n");
}

static void name_first(struct map *names, uint64_t key, uint32_t index)
{
	uint64_t *place = map_insert(names, key);

	if (!*place)
		*place = index + 1;
}

static struct printer make_printer(const struct ir_module *m, struct buf *out)
{
	struct printer p = {.m = m, .out = out};
	struct arena *scratch = &m->compile->scratch;

	map_init(&p.fns, scratch);
	map_init(&p.globals, scratch);
	map_init(&p.maps, scratch);
	map_init(&p.externs, scratch);
	for (uint32_t i = 0; i < m->fns.len; i++)
		name_first(&p.fns, fn_key(m->fns.data[i]->name, m->fns.data[i]->target), i);
	for (uint32_t i = 0; i < m->globals.len; i++)
		name_first(&p.globals, m->globals.data[i].name, i);
	for (uint32_t i = 0; i < m->maps.len; i++)
		name_first(&p.maps, m->maps.data[i].name, i);
	for (uint32_t i = 0; i < m->externs.len; i++)
		name_first(&p.externs, m->externs.data[i].name, i);
	return p;
}

void ir_print_fn(const struct ir_module *m, const struct ir_fn *fn, struct buf *out)
{
	struct printer p = make_printer(m, out);

	print_fn(&p, fn, UINT32_MAX);
}

void ir_print_module(const struct ir_module *m, struct buf *out)
{
	struct printer p = make_printer(m, out);

	for (uint32_t i = 1; i < m->dtypes.len; i++)
		print_dtype(&p, i);
	for (uint32_t i = 0; i < m->cores.len; i++)
		print_core(&p, i);
	for (uint32_t i = 0; i < m->globals.len; i++)
		print_global(&p, i);
	for (uint32_t i = 0; i < m->maps.len; i++)
		print_map(&p, i);
	for (uint32_t i = 0; i < m->externs.len; i++) {
		const struct ir_extern *e = &m->externs.data[i];
		buf_add_text(out, "extern ");
		print_extern_ref(&p, i);
		buf_printf(out, " %s %s", ir_extern_words[e->kind], ir_type_words[e->result]);
		print_number(&p, "effects", e->effects);
		print_number(&p, "dtype", e->dtype);
		if (e->gives_object)
			buf_add_text(out, " object");
		buf_add_char(out, '\n');
	}
	if (m->options_size)
		buf_printf(out, "options size %" PRIu32 "\n", m->options_size);
	for (uint32_t i = 0; i < m->options.len; i++) {
		const struct ir_option *o = &m->options.data[i];
		buf_add_text(out, "option ");
		print_name(&p, o->name);
		print_number(&p, "dtype", o->dtype);
		print_number(&p, "offset", o->offset);
		print_number(&p, "size", o->size);
		buf_add_char(out, '\n');
	}
	for (uint32_t i = 0; i < m->ops.len; i++)
		print_ops(&p, &m->ops.data[i]);
	for (uint32_t i = 0; i < m->fns.len; i++) {
		if (i == m->main_fn)
			buf_add_text(out, "main\n");
		print_fn(&p, m->fns.data[i], i);
	}
}
