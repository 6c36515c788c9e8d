/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the text form (ir_print.c describes it). A first walk over the lines makes the functions
 * from their heads, so that calls may go forward; the second reads everything. Finally every
 * function is checked, so a module that was read is well formed.
 */
#include "frontend/ir/ir_lex.h"
#include "frontend/ir/ir_text.h"

#include <string.h>

static void name_first(struct map *names, uint64_t key, uint32_t index)
{
	uint64_t *place = map_insert(names, key);

	if (!*place)
		*place = index + 1;
}

/* The name in a declaration: `sigil` and a name, or a number for "no name". */
static symbol need_declared_name(struct ir_parser *p, char sigil)
{
	uint32_t number;

	if (!ir_lex_need_punct(p, sigil))
		return 0;
	if (p->token.kind != IR_TOK_NUMBER)
		return ir_lex_need_name(p);
	ir_lex_need_number(p, &number);
	return 0;
}

/* Something that may follow the name in a declaration: a word and a number, or a word alone. */
struct attribute {
	const char *word;
	uint32_t *number;
	bool *flag;
};

/* Takes one of them; an error when the next word is none. */
static bool take_attribute(struct ir_parser *p, const struct attribute *list)
{
	while (list->word && !ir_lex_take_word(p, list->word))
		list++;
	if (!list->word) {
		ir_lex_expected(p, "an attribute of the declaration");
		return false;
	}
	if (list->number)
		return ir_lex_need_number(p, list->number);
	*list->flag = true;
	return true;
}

static bool at_attribute(const struct ir_parser *p)
{
	return p->token.kind == IR_TOK_WORD && !p->token.at_line_start;
}

static void parse_attributes(struct ir_parser *p, const struct attribute *list)
{
	while (at_attribute(p) && take_attribute(p, list))
		;
}

static void parse_dtype_member(struct ir_parser *p, struct ir_dmember *member)
{
	*member = (struct ir_dmember){.name = ir_lex_need_name(p)};
	struct attribute attributes[] = {{"dtype", &member->type, NULL},
					 {"at", &member->bit_offset, NULL},
					 {"bits", &member->bit_size, NULL},
					 {0}};
	while (at_attribute(p)) {
		if (!ir_lex_take_word(p, "value")) {
			if (!take_attribute(p, attributes))
				return;
		} else if (p->token.kind == IR_TOK_NUMBER) { // 64 bits, unlike the others
			member->value = p->token.value;
			ir_lex_next(p);
		} else {
			ir_lex_expected(p, "a number");
			return;
		}
	}
}

static void parse_dtype(struct ir_parser *p)
{
	struct ir_dtype t = {0};
	uint32_t number;
	int kind;
	span where = ir_lex_span(p);

	if (!ir_lex_need_number(p, &number) || !ir_lex_need_punct(p, '=') ||
	    !ir_lex_need_one_of(p, ir_dtype_words, "a kind of debug type", &kind))
		return;
	if (number != p->m->dtypes.len)
		ir_lex_error(p, where, "debug types are numbered from 1 in order");
	t.kind = (enum ir_dtype_kind)kind;
	if (p->token.kind == IR_TOK_STRING && !p->token.at_line_start)
		t.name = ir_lex_need_name(p);
	parse_attributes(p, (struct attribute[]){{"size", &t.size, NULL},
						 {"encoding", &t.encoding, NULL},
						 {"target", &t.target, NULL},
						 {"count", &t.count, NULL},
						 {0}});
	if (!p->token.at_line_start && ir_lex_take_punct(p, '{')) {
		VEC(struct ir_dmember) members = {0};
		while (!ir_lex_take_punct(p, '}')) {
			uint32_t before = p->token.begin;
			struct ir_dmember member;
			if (p->token.kind == IR_TOK_END) {
				ir_lex_expected(p, "`}`");
				return;
			}
			parse_dtype_member(p, &member);
			if (p->token.begin == before) // an error at the start of a line
				ir_lex_skip_line(p);
			vec_push(p->m->arena, &members, member);
		}
		t.members = members.data;
		t.member_count = members.len;
	}
	ir_add_dtype(p->m, t);
}

/* The rest of the line: names of members and numbers of elements. */
static void parse_core_path(struct ir_parser *p, struct ir_core *core)
{
	VEC(struct ir_core_step) steps = {0};

	while (!p->token.at_line_start && p->token.kind != IR_TOK_END) {
		struct ir_core_step step = {0};
		uint32_t before = p->token.begin;
		if (p->token.kind == IR_TOK_NUMBER)
			ir_lex_need_number(p, &step.index);
		else
			step.name = ir_lex_need_name(p);
		if (p->token.begin == before)
			return;
		vec_push(p->m->arena, &steps, step);
	}
	core->steps = steps.data;
	core->step_count = steps.len;
}

static void parse_core(struct ir_parser *p)
{
	struct ir_core core = {0};
	uint32_t number;
	int kind;
	span where = ir_lex_span(p);
	struct attribute attributes[] = {
		{"dtype", &core.dtype, NULL}, {"object", NULL, &core.is_object}, {0}};

	if (!ir_lex_need_number(p, &number) || !ir_lex_need_punct(p, '=') ||
	    !ir_lex_need_one_of(p, ir_core_words, "a kind of kernel fact", &kind))
		return;
	if (number != p->m->cores.len)
		ir_lex_error(p, where, "kernel facts are numbered from 0 in order");
	core.kind = (enum ir_core_kind)kind;
	while (at_attribute(p)) {
		if (ir_lex_take_word(p, "path")) {
			parse_core_path(p, &core);
		} else if (!ir_lex_take_word(p, "local")) {
			if (!take_attribute(p, attributes))
				break;
		} else if (p->token.kind == IR_TOK_NUMBER) { // 64 bits, unlike the others
			core.local = p->token.value;
			ir_lex_next(p);
		} else {
			ir_lex_expected(p, "a number");
			break;
		}
	}
	vec_push(p->m->arena, &p->m->cores, core);
}

static void parse_init(struct ir_parser *p, struct ir_global *global)
{
	if (p->token.kind != IR_TOK_STRING) {
		ir_lex_expected(p, "the bytes as a string");
		return;
	}
	if (p->token.len != global->size)
		ir_lex_error(p, ir_lex_span(p),
			     "the bytes are not as many as the size before them");
	else
		global->init = (const uint8_t *)p->token.bytes;
	ir_lex_next(p);
}

static void parse_global(struct ir_parser *p)
{
	struct ir_global g = {.align = 1, .where = ir_lex_span(p)};
	uint32_t offset = UINT32_MAX;
	int section = 0;
	struct attribute attributes[] = {{"offset", &offset, NULL},
					 {"size", &g.size, NULL},
					 {"align", &g.align, NULL},
					 {"dtype", &g.dtype, NULL},
					 {0}};

	g.name = need_declared_name(p, '$');
	while (at_attribute(p)) {
		if (ir_lex_take_word(p, "section"))
			ir_lex_need_one_of(p, ir_section_words, "a section", &section);
		else if (ir_lex_take_word(p, "init"))
			parse_init(p, &g);
		else if (!take_attribute(p, attributes))
			break;
	}
	g.section = (enum ir_section)section;
	uint64_t begin = offset == UINT32_MAX ? p->m->section_size[section] : offset;
	if (begin + g.size + g.align > SOURCE_MAX_BYTES) {
		ir_lex_error(p, g.where, "the section would be larger than 1 GiB");
		return;
	}
	uint32_t index = ir_add_global(p->m, g);
	if (offset != UINT32_MAX) {
		p->m->globals.data[index].offset = offset;
		p->m->section_size[section] = offset + g.size;
	}
	if (g.name)
		name_first(&p->globals, g.name, index);
}

static void parse_map(struct ir_parser *p)
{
	struct ir_map map = {.where = ir_lex_span(p)};
	bool *is_scalar = &map.key_is_scalar, *is_signed = &map.key_is_signed;
	struct attribute attributes[] = {{"type", &map.type, NULL},
					 {"key", &map.key_size, NULL},
					 {"value", &map.value_size, NULL},
					 {"entries", &map.max_entries, NULL},
					 {"flags", &map.flags, NULL},
					 {"numa", &map.numa_node, NULL},
					 {"buffer", &map.buffer_size, NULL},
					 {"inner_type", &map.inner.type, NULL},
					 {"inner_key", &map.inner.key_size, NULL},
					 {"inner_value", &map.inner.value_size, NULL},
					 {"inner_entries", &map.inner.max_entries, NULL},
					 {"inner_flags", &map.inner.flags, NULL},
					 {"inner_scalar", NULL, &map.inner.value_is_scalar},
					 {"key_dtype", &map.key_dtype, NULL},
					 {"value_dtype", &map.value_dtype, NULL},
					 {"percpu", NULL, &map.is_percpu},
					 {"array", NULL, &map.is_array},
					 {"pinned", NULL, &map.is_pinned},
					 {"kptr", NULL, &map.has_kptr},
					 {0}};

	map.name = need_declared_name(p, '&');
	while (at_attribute(p)) { // `scalar` and `signed` follow the side that they describe
		if (ir_lex_take_word(p, "scalar")) {
			*is_scalar = true;
			continue;
		}
		if (ir_lex_take_word(p, "signed")) {
			*is_signed = true;
			continue;
		}
		bool is_value = p->token.len == 5 && !memcmp(p->token.bytes, "value", 5);
		if (is_value) {
			is_scalar = &map.value_is_scalar;
			is_signed = &map.value_is_signed;
		}
		if (!take_attribute(p, attributes))
			break;
	}
	vec_push(p->m->arena, &p->m->maps, map);
	if (map.name)
		name_first(&p->maps, map.name, p->m->maps.len - 1);
}

static void parse_extern(struct ir_parser *p)
{
	uint32_t effects = 0, dtype = 0;
	int kind, type;
	symbol name = need_declared_name(p, '!');

	if (!ir_lex_need_one_of(p, ir_extern_words, "`helper`, `kfunc` or `runtime`", &kind) ||
	    !ir_lex_need_one_of(p, ir_type_words, "a type", &type))
		return;
	bool gives_object = false;
	parse_attributes(p, (struct attribute[]){{"effects", &effects, NULL},
						 {"dtype", &dtype, NULL},
						 {"object", NULL, &gives_object},
						 {0}});
	struct ir_extern e = {.name = name,
			      .kind = (enum ir_extern_kind)kind,
			      .result = (uint8_t)type,
			      .effects = (uint8_t)effects,
			      .dtype = dtype,
			      .gives_object = gives_object};
	vec_push(p->m->arena, &p->m->externs, e);
	if (name)
		name_first(&p->externs, name, p->m->externs.len - 1);
}

static void parse_option(struct ir_parser *p)
{
	struct ir_option o = {.name = ir_lex_need_name(p)};

	parse_attributes(p, (struct attribute[]){{"dtype", &o.dtype, NULL},
						 {"offset", &o.offset, NULL},
						 {"size", &o.size, NULL},
						 {0}});
	vec_push(p->m->arena, &p->m->options, o);
}

static bool parse_string(struct ir_parser *p, const char **text)
{
	if (p->token.kind != IR_TOK_STRING) {
		ir_lex_expected(p, "a string");
		return false;
	}
	*text = arena_copy_string(p->m->arena, p->token.bytes, p->token.len);
	ir_lex_next(p);
	return true;
}

/* Numbers of bytes, each with the function whose address is there. */
static bool parse_ops_functions(struct ir_parser *p, struct ir_ops *ops)
{
	if (p->token.at_line_start || !ir_lex_need_punct(p, '{'))
		return false;
	while (!ir_lex_take_punct(p, '}')) {
		struct ir_ops_function row = {0};
		span where = ir_lex_span(p);
		if ((ops->functions.len && !ir_lex_need_punct(p, ',')) ||
		    !ir_lex_need_number(p, &row.offset) ||
		    !ir_lex_need_ref(p, '@', &p->fns, (uint64_t)IR_TARGET_BPF << 32, p->m->fns.len,
				     &row.fn))
			return false;
		if (!p->m->fns.data[row.fn]->program || row.offset % 8 || ops->size < 8 ||
		    row.offset > ops->size - 8) {
			ir_lex_error(p, where,
				     "a program stands at a place that 8 divides, in the struct");
			return false;
		}
		vec_push(p->m->arena, &ops->functions, row);
	}
	return true;
}

/* `ops name size N dtype N init "…" { offset @fn, … }` */
static void parse_ops(struct ir_parser *p)
{
	struct ir_ops ops = {.where = ir_lex_span(p)};
	struct ir_global bytes = {0};

	ops.name = ir_lex_need_name(p);
	struct attribute attributes[] = {
		{"size", &bytes.size, NULL}, {"dtype", &ops.dtype, NULL}, {0}};
	while (at_attribute(p)) {
		if (ir_lex_take_word(p, "init"))
			parse_init(p, &bytes);
		else if (!take_attribute(p, attributes))
			break;
	}
	ops.size = bytes.size;
	if (ops.size > SOURCE_MAX_BYTES) {
		ir_lex_error(p, ops.where, "the struct would be larger than 1 GiB");
		return;
	}
	ops.init = bytes.init ? bytes.init : ARENA_ARRAY(p->m->arena, uint8_t, ops.size);
	if (parse_ops_functions(p, &ops))
		vec_push(p->m->arena, &p->m->ops, ops);
}

/* `@name(types) -> type target …{`; fills `fn`. */
static bool parse_fn_head(struct ir_parser *p, struct ir_fn *fn)
{
	VEC(uint8_t) params = {0};
	int type, target;

	fn->where = ir_lex_span(p);
	fn->name = need_declared_name(p, '@');
	if (!ir_lex_need_punct(p, '('))
		return false;
	while (!ir_lex_take_punct(p, ')')) {
		if (params.len && !ir_lex_need_punct(p, ','))
			return false;
		if (!ir_lex_need_one_of(p, ir_type_words, "a parameter's type", &type))
			return false;
		vec_push(p->m->arena, &params, (uint8_t)type);
	}
	fn->params = params.data;
	fn->param_count = params.len;
	if (!ir_lex_need_punct(p, '-') || !ir_lex_need_punct(p, '>') ||
	    !ir_lex_need_one_of(p, ir_type_words, "the result's type", &type) ||
	    !ir_lex_need_one_of(p, ir_target_words, "`bpf`, `host` or `module`", &target))
		return false;
	fn->result = (uint8_t)type;
	fn->target = (enum ir_target)target;
	if ((ir_lex_take_word(p, "program") && !parse_string(p, &fn->program)) ||
	    (ir_lex_take_word(p, "watches") && !parse_string(p, &fn->watched)))
		return false;
	if (ir_lex_take_word(p, "for"))
		fn->stands_in_for = ir_lex_need_name(p);
	if (ir_lex_take_word(p, "ops"))
		fn->ops = ir_lex_need_name(p);
	parse_attributes(p, (struct attribute[]){{"kernel_context", NULL, &fn->has_kernel_context},
						 {"sleepable", NULL, &fn->is_sleepable},
						 {"tcx", NULL, &fn->is_tcx},
						 {"packet_constant", NULL, &fn->is_packet_constant},
						 {"inline", NULL, &fn->is_inline},
						 {"exported", NULL, &fn->is_exported},
						 {"dtype", &fn->dtype, NULL},
						 {"kernel_params", &fn->kernel_params, NULL},
						 {"notes", &fn->notes, NULL},
						 {"note_params", &fn->note_params, NULL},
						 {"context_size", &fn->context_size, NULL},
						 {0}});
	return ir_lex_need_punct(p, '{');
}

static bool take_line_word(struct ir_parser *p, const char *word)
{
	p->token.at_line_start = false;
	return ir_lex_take_word(p, word);
}

/* First walk: the functions' heads. */
static void declare_fns(struct ir_parser *p)
{
	for (ir_lex_next(p); p->token.kind != IR_TOK_END;) {
		if (!p->token.at_line_start || !take_line_word(p, "fn")) {
			ir_lex_skip_line(p);
			continue;
		}
		struct ir_fn head = {0};
		bool is_good = parse_fn_head(p, &head);
		uint32_t index = ir_add_fn(p->m, head.name, head.target);
		struct ir_fn *fn = p->m->fns.data[index];
		fn->where = head.where;
		fn->params = head.params;
		fn->param_count = head.param_count;
		fn->result = head.result;
		fn->program = head.program;
		fn->watched = head.watched;
		fn->stands_in_for = head.stands_in_for;
		fn->ops = head.ops;
		fn->has_kernel_context = head.has_kernel_context;
		fn->is_sleepable = head.is_sleepable;
		fn->is_tcx = head.is_tcx;
		fn->is_packet_constant = head.is_packet_constant;
		fn->is_inline = head.is_inline;
		fn->is_exported = head.is_exported;
		fn->dtype = head.dtype;
		fn->kernel_params = head.kernel_params;
		fn->notes = head.notes;
		fn->note_params = head.note_params;
		fn->context_size = head.context_size;
		if (is_good && fn->name)
			name_first(&p->fns, (uint64_t)fn->target << 32 | fn->name, index);
	}
}

/* Second walk: one declaration. */
static void parse_declaration(struct ir_parser *p, uint32_t *next_fn)
{
	if (take_line_word(p, "dtype")) {
		parse_dtype(p);
	} else if (take_line_word(p, "core")) {
		parse_core(p);
	} else if (take_line_word(p, "global")) {
		parse_global(p);
	} else if (take_line_word(p, "map")) {
		parse_map(p);
	} else if (take_line_word(p, "extern")) {
		parse_extern(p);
	} else if (take_line_word(p, "options")) {
		parse_attributes(p, (struct attribute[]){{"size", &p->m->options_size, NULL}, {0}});
	} else if (take_line_word(p, "option")) {
		parse_option(p);
	} else if (take_line_word(p, "ops")) {
		parse_ops(p);
	} else if (take_line_word(p, "main")) {
		p->m->main_fn = *next_fn;
	} else if (take_line_word(p, "fn")) {
		struct ir_fn head = {0};
		uint32_t index = (*next_fn)++;
		if (parse_fn_head(p, &head) && index < p->m->fns.len)
			ir_parse_body(p, p->m->fns.data[index]);
	} else {
		p->token.at_line_start = false;
		ir_lex_expected(
			p,
			"a declaration: dtype, core, global, map, extern, option, ops, main or fn");
		return;
	}
	if (!p->token.at_line_start)
		ir_lex_expected(p, "the end of the line");
}

static bool dtype_exists(const struct ir_module *m, uint32_t dtype)
{
	return dtype < m->dtypes.len;
}

/* Indices of debug types may go forward, so they are checked at the end. */
static bool check_dtypes(const struct ir_module *m)
{
	bool good = true;

	for (uint32_t i = 0; i < m->dtypes.len; i++) {
		const struct ir_dtype *t = &m->dtypes.data[i];
		good = good && dtype_exists(m, t->target);
		for (uint32_t k = 0; k < t->member_count; k++)
			good = good && dtype_exists(m, t->members[k].type);
	}
	for (uint32_t i = 0; i < m->cores.len; i++)
		good = good && dtype_exists(m, m->cores.data[i].dtype);
	for (uint32_t i = 0; i < m->globals.len; i++)
		good = good && dtype_exists(m, m->globals.data[i].dtype);
	for (uint32_t i = 0; i < m->maps.len; i++)
		good = good && dtype_exists(m, m->maps.data[i].key_dtype) &&
		       dtype_exists(m, m->maps.data[i].value_dtype);
	for (uint32_t i = 0; i < m->options.len; i++)
		good = good && dtype_exists(m, m->options.data[i].dtype);
	for (uint32_t i = 0; i < m->ops.len; i++)
		good = good && dtype_exists(m, m->ops.data[i].dtype) &&
		       m->dtypes.data[m->ops.data[i].dtype].kind == IR_DTYPE_STRUCT;
	for (uint32_t i = 0; i < m->fns.len; i++) {
		const struct ir_fn *fn = m->fns.data[i];
		good = good && dtype_exists(m, fn->dtype);
		for (uint32_t k = 0; k < fn->slots.len; k++)
			good = good && dtype_exists(m, fn->slots.data[k].dtype);
	}
	return good;
}

static void check_module(struct ir_parser *p)
{
	span start = {p->file->base, p->file->base};

	if (!check_dtypes(p->m))
		ir_lex_error(p, start,
			     "a debug type is used that is not declared, or that is no struct "
			     "where one is wanted");
	if (p->m->main_fn != UINT32_MAX && p->m->main_fn >= p->m->fns.len)
		ir_lex_error(p, start, "`main` stands before no function");
	for (uint32_t i = 0; i < p->m->fns.len && !p->failed; i++) {
		const struct ir_fn *fn = p->m->fns.data[i];
		const char *why;
		if (ir_check_fn(p->m, fn, &why))
			continue;
		diag_report(&p->m->compile->diags, D_IR_INVALID, fn->where,
			    intern_text(&p->m->compile->names, fn->name), why);
		p->failed = true;
	}
}

bool ir_parse_module(struct ir_module *m, const struct source_file *file)
{
	struct ir_parser p = {.m = m, .file = file};
	uint32_t next_fn = m->fns.len;

	map_init(&p.ops, m->arena);
	map_init(&p.fns, m->arena);
	map_init(&p.globals, m->arena);
	map_init(&p.maps, m->arena);
	map_init(&p.externs, m->arena);
	for (uint32_t op = 1; op < IR_OP_COUNT; op++)
		*map_insert(&p.ops, hash_bytes(ir_ops[op].name, strlen(ir_ops[op].name)) >> 1) = op;
	declare_fns(&p);
	p.pos = 0;
	for (ir_lex_next(&p); p.token.kind != IR_TOK_END;)
		parse_declaration(&p, &next_fn);
	check_module(&p);
	return !p.failed;
}
