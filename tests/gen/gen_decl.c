/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole programs: declarations in random order, since order does not matter in the language.
 */
#include <stdarg.h>
#include <string.h>

#include "tests/gen/internal.h"

enum { MAX_LEVEL = 3, MAX_CHUNKS = 128 };

/* Texts of declarations, to be shuffled. */
struct chunks {
	struct buf data[MAX_CHUNKS];
	unsigned len;
};

void put(struct gen *g, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = arena_vprintf(&g->arena, format, args);
	va_end(args);
	buf_add_text(g->out, text);
}

void line(struct gen *g)
{
	buf_add_char(g->out, '\n');
	for (unsigned i = 0; i < g->indent; i++)
		buf_add_text(g->out, "    ");
}

const char *new_name(struct gen *g, const char *prefix)
{
	return arena_printf(&g->arena, "%s%u", prefix, g->names++);
}

void declare_var(struct gen *g, const char *name, struct gen_type *type, unsigned where,
		 bool is_readonly)
{
	struct gen_var v = {.name = name, .type = type, .where = where, .is_readonly = is_readonly};

	vec_push(&g->arena, &g->vars, v);
}

static void begin(struct gen *g, struct chunks *c)
{
	if (c->len == MAX_CHUNKS)
		c->len--; // more of them are one text
	else
		buf_init(&c->data[c->len]);
	g->out = &c->data[c->len++];
}

/* ---- data ---- */

static void add_const(struct gen *g)
{
	struct gen_type *t = chance(g, 70) ? random_int(g) : random_scalar(g);
	const char *name = new_name(g, "C");

	put(g, "const %s: %s = ", name, t->text);
	put_literal(g, t, true);
	put(g, "\n");
	declare_var(g, name, t, IN_BOTH, true);
	vec_last(&g->vars).is_const = true;
}

static void add_global(struct gen *g)
{
	struct gen_type *t = random_type(g, 200);
	const char *name = new_name(g, "g");
	bool is_local = chance(g, 15) && !g->options.is_same;

	put(g, is_local ? "local " : !g->options.is_same && chance(g, 10) ? "pin " : "");
	put(g, "var %s: %s", name, name_of(g, t));
	if (chance(g, 60)) {
		put(g, " = ");
		put_constant(g, t);
	}
	put(g, "\n");
	declare_var(g, name, t, is_local ? IN_BPF : IN_BOTH, false);
}

static void add_config(struct gen *g)
{
	const char *name = new_name(g, "conf");

	put(g, "config %s {", name);
	for (unsigned i = 1 + below(g, 4); i; i--) {
		struct gen_type *t = random_type(g, 40);
		const char *field = new_name(g, "o");
		put(g, "\n    %s: %s", field, name_of(g, t));
		if (chance(g, 60)) {
			put(g, " = ");
			put_constant(g, t);
		}
		put(g, ",");
		declare_var(g, arena_printf(&g->arena, "%s.%s", name, field), t, IN_BOTH, false);
	}
	put(g, "\n}\n");
}

static struct gen_type *array_key(struct gen *g)
{
	for (;;) {
		struct gen_type *t = random_scalar(g);
		bool fits = (t->kind == G_INT && !t->is_signed) || t->kind == G_ENUM ||
			    t->kind == G_BOOL;
		if (fits && t->size <= 4)
			return t;
	}
}

static void add_map(struct gen *g)
{
	static const char *const kinds[] = {"hash",     "hash",         "array",
					    "lru_hash", "percpu_array", "percpu_hash"};
	unsigned kind = below(g, g->options.is_same ? 3 : 6);
	struct gen_map m = {.name = new_name(g, "m"),
			    .is_array = kind == 2 || kind == 4,
			    .is_percpu = kind >= 4,
			    .entries = 1 + below(g, 64)};

	m.key = m.is_array ? array_key(g) : random_type(g, 40);
	m.value = chance(g, 50) ? random_int(g) : random_type(g, 64);
	if (g->options.is_repeatable && kind == 3)
		return; // what it drops is the kernel's choice
	if (kind < 2 && chance(g, 15))
		put(g, "@flags(no_prealloc) ");
	put(g, !g->options.only_bpf && !g->options.is_same && chance(g, 10) ? "pin " : "");
	put(g, "var %s : %s<%s, %s>", m.name, kinds[kind], name_of(g, m.key), name_of(g, m.value));
	if (chance(g, 90))
		put(g, "(%u)", m.entries);
	put(g, "\n");
	vec_push(&g->arena, &g->maps, m);
}

/* ---- functions ---- */

void put_body(struct gen *g, int statements)
{
	g->body.statements = statements;
	g->indent = 1;
	put_statements(g, (unsigned)statements);
	if (g->body.result) {
		line(g);
		put_return(g);
	}
	g->indent = 0;
	put(g, "\n}\n");
}

static void put_params(struct gen *g, struct gen_function *f)
{
	put(g, "(");
	if (f->ctx)
		put(g, "ctx: *%s", f->ctx);
	for (unsigned i = 0, count = below(g, f->ctx ? 3 : 5); i < count; i++) {
		struct gen_type *t = random_type(g, 40);
		const char *name = new_name(g, "a");
		bool is_pointer = t->kind == G_STRUCT && chance(g, 30) && !f->is_value;
		struct gen_type *type = is_pointer ? pointer_to(g, t) : t;
		put(g, "%s%s: %s", i || f->ctx ? ", " : "", name,
		    is_pointer ? type->text : name_of(g, type));
		vec_push(&g->arena, &f->params, type);
		declare_var(g, name, type, IN_BOTH, false);
		vec_last(&g->vars).is_local = true;
		// Null until a test; the body tests it (put_tests).
		vec_last(&g->vars).is_untested = is_pointer;
	}
	put(g, ")");
}

/* Leaves when a pointer is null. */
static void put_tests(struct gen *g, uint32_t first)
{
	for (uint32_t i = first; i < g->vars.len; i++) {
		if (!g->vars.data[i].is_untested)
			continue;
		put(g, "\n    if (%s == null) { ", g->vars.data[i].name);
		if (g->body.result) {
			put(g, "return ");
			put_literal(g, g->body.result, true);
		} else {
			put(g, "return");
		}
		put(g, " }");
		g->vars.data[i].is_untested = false;
	}
}

static void add_function(struct gen *g)
{
	unsigned kind = g->options.is_same    ? 1
			: g->options.only_bpf ? 1 + below(g, 2)
					      : below(g, 3);
	struct gen_function f = {.name = new_name(g, "fn"),
				 .where = kind == 0   ? IN_USER
					  : kind == 1 ? IN_BOTH
						      : IN_BPF,
				 .throws = chance(g, 20),
				 .result = chance(g, 80) ? random_type(g, 40) : NULL};
	uint32_t visible = g->vars.len;

	if (f.where == IN_BPF && chance(g, 30))
		f.ctx = chance(g, 50) ? "xdp_md" : "__sk_buff";
	f.is_value = f.where != IN_BPF && !f.throws && (!f.result || is_scalar(f.result));
	g->body = (struct gen_body){.where = f.where,
				    .result = f.result,
				    .ctx = f.ctx ? "ctx" : NULL,
				    .ctx_type = f.ctx,
				    .is_tc = f.ctx && *f.ctx == '_',
				    .can_throw = f.throws,
				    .level = below(g, MAX_LEVEL),
				    .stack = 56,
				    .calls = 3};
	if (f.where == IN_BPF)
		put(g, "@helper ");
	else if (chance(g, 10))
		put(g, chance(g, 50) ? "pub " : "priv ");
	put(g, "fn %s", f.name);
	put_params(g, &f);
	if (f.result) {
		bool is_named = chance(g, 20) && is_scalar(f.result);
		put(g, " -> ");
		if (is_named) {
			g->body.result_name = new_name(g, "r");
			put(g, "%s: ", g->body.result_name);
			declare_var(g, g->body.result_name, f.result, IN_BOTH, false);
		}
		put(g, "%s", name_of(g, f.result));
	}
	put(g, " {");
	put_tests(g, visible);
	put_body(g, 2 + (int)below(g, 6));
	f.level = g->body.reach;
	g->vars.len = visible;
	vec_push(&g->arena, &g->functions, f);
}

static void add_program(struct gen *g)
{
	bool is_tc = chance(g, 40);
	struct gen_program_fn p = {new_name(g, "prog"), is_tc};
	uint32_t visible = g->vars.len;
	const char *ctx = chance(g, 80) ? "ctx" : new_name(g, "ctx");

	g->body = (struct gen_body){.where = IN_BPF,
				    .result = is_tc ? g->ints[I32] : g->action,
				    .ctx = ctx,
				    .ctx_type = is_tc ? "__sk_buff" : "xdp_md",
				    .is_tc = is_tc,
				    .is_program = true,
				    .level = MAX_LEVEL,
				    .stack = 112,
				    .calls = 6};
	if (is_tc)
		put(g, "@tc(\"%s\") fn %s(%s: *__sk_buff) -> i32",
		    chance(g, 50) ? "ingress" : "egress", p.name, ctx);
	else
		put(g, "@xdp fn %s(%s: *xdp_md) -> xdp_action", p.name, ctx);
	put(g, " {");
	put_body(g, 4 + (int)below(g, 16));
	g->vars.len = visible;
	vec_push(&g->arena, &g->programs, p);
}

/* ---- userspace ---- */

static const char *put_options_struct(struct gen *g)
{
	const char *name = new_name(g, "Options");

	put(g, "struct %s {\n", name);
	put(g,
	    "    interface: str(16),\n    verbose: bool,\n    limit: u32,\n    offset_%s: i16\n}\n",
	    new_name(g, "o"));
	return name;
}

static void put_function_value(struct gen *g)
{
	for (uint32_t i = 0; i < g->functions.len; i++) {
		struct gen_function f = g->functions.data[i];
		if (!f.is_value || !chance(g, 40))
			continue;
		const char *name = new_name(g, "call");
		put(g, "\n    var %s: fn(", name);
		for (uint32_t k = 0; k < f.params.len; k++) {
			put(g, k ? ", " : "");
			if (chance(g, 50))
				put(g, "x%u: ", k);
			put(g, "%s", f.params.data[k]->text);
		}
		put(g, ")%s%s = %s\n    %s(", f.result ? " -> " : "",
		    f.result ? f.result->text : "", f.name, name);
		for (uint32_t k = 0; k < f.params.len; k++) {
			put(g, k ? ", " : "");
			put_expr(g, f.params.data[k], 2);
		}
		put(g, ")");
		return;
	}
}

static void put_loads(struct gen *g)
{
	for (uint32_t i = 0; i < g->programs.len; i++) {
		const char *handle = new_name(g, "handle");
		if (chance(g, 20))
			continue;
		put(g, "\n    var %s = load(%s)", handle, g->programs.data[i].name);
		if (chance(g, 50))
			put(g, "\n    if (%s == null) { return 1 }", handle);
		put(g, "\n    if (attach(%s, \"lo\", 0) != 0) { return 2 }", handle);
		if (chance(g, 50))
			put(g, "\n    detach(%s)", handle);
	}
}

static void add_main(struct gen *g, struct chunks *c)
{
	const char *options = NULL;
	uint32_t visible = g->vars.len;

	if (chance(g, 60)) {
		options = put_options_struct(g);
		begin(g, c);
	}
	g->body = (struct gen_body){
		.where = IN_USER, .result = g->ints[I32], .level = MAX_LEVEL, .calls = 6};
	if (options) {
		put(g, "fn main(args: %s) -> i32 {", options);
		declare_var(g, "args.limit", g->ints[U32], IN_USER, true);
		declare_var(g, "args.verbose", g->boolean, IN_USER, true);
		declare_var(g, "args.interface", str_of(g, 16), IN_USER, true);
	} else {
		put(g, "fn main() -> i32 {");
	}
	put_loads(g);
	for (uint32_t i = 0; i < g->others.len; i++)
		put(g, "\n    load(%s)", g->others.data[i]);
	put_function_value(g);
	put_table_calls(g);
	g->body.statements = 12;
	g->indent = 1;
	put_statements(g, 8);
	g->indent = 0;
	put(g, "\n    return 0\n}\n");
	g->vars.len = visible;
}

/* ---- the same work on both sides ---- */

static void add_work(struct gen *g, struct chunks *c)
{
	const char *sum = new_name(g, "sum"), *work = new_name(g, "work");
	uint32_t visible = g->vars.len;

	g->body = (struct gen_body){.where = IN_BOTH,
				    .result = g->ints[U64],
				    .level = MAX_LEVEL,
				    .stack = 112,
				    .calls = 6};
	put(g, "fn %s() -> u64 {", work);
	put_body(g, 6 + (int)below(g, 16));
	g->vars.len = visible;
	begin(g, c);
	put(g, "var %s: u64\n", sum);
	begin(g, c);
	put(g, "@xdp fn run(ctx: *xdp_md) -> xdp_action {\n    %s = %s * 31 + %s()\n", sum, sum,
	    work);
	put(g, "    return XDP_PASS\n}\n");
	begin(g, c);
	put(g, "fn main() -> i32 {\n    for (round in 0..%d) {\n", GEN_SAME_ROUNDS);
	put(g, "        %s = %s * 31 + %s()\n    }\n", sum, sum, work);
	put(g, "    print(\"done\")\n    sleep(600000)\n    return 0\n}\n");
}

/* ---- the program ---- */

static void make_action(struct gen *g)
{
	static const char *const names[] = {"XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX",
					    "XDP_REDIRECT"};
	struct gen_type *t = ARENA_NEW(&g->arena, struct gen_type);

	*t = (struct gen_type){
		.kind = G_ENUM, .text = "xdp_action", .bits = 32, .size = 4, .align = 4};
	for (int i = 0; i < 5; i++)
		vec_push(&g->arena, &t->constants, names[i]);
	g->action = t;
	vec_push(&g->arena, &g->types, t);
}

static void add_all(struct gen *g, struct chunks *c)
{
	static const struct {
		void (*add)(struct gen *g);
		unsigned least, range;
		bool is_for_all; // else for whole programs only
	} kinds[] = {
		{add_const, 0, 4, true},          {add_global, 0, 5, true},
		{add_config, 0, 2, true},         {add_map, 1, 5, true},
		{add_import, 0, 2, false},        {add_channel, 0, 3, false},
		{add_function, 1, 7, true},       {add_program, 1, 3, true},
		{add_other_program, 0, 3, false}, {add_function_table, 0, 2, false},
	};

	begin(g, c);
	make_types(g);
	make_action(g);
	if (g->options.only_types)
		return;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		bool is_whole = !g->options.only_bpf && !g->options.is_same;
		bool is_out = (!kinds[k].is_for_all && !is_whole) ||
			      (kinds[k].add == add_program && g->options.is_same);
		for (unsigned i = is_out ? 0 : kinds[k].least + below(g, kinds[k].range); i; i--) {
			begin(g, c);
			kinds[k].add(g);
		}
	}
	if (g->options.is_same) {
		begin(g, c);
		add_work(g, c);
	} else if (!g->options.only_bpf) {
		begin(g, c);
		add_main(g, c);
	}
}

static void write_chunks(struct gen *g, struct chunks *c, struct buf *out)
{
	buf_add_text(out, "include \"net.kh\"\n\n");
	for (unsigned i = c->len; i > 1; i--) {
		unsigned k = below(g, i);
		struct buf other = c->data[k];
		c->data[k] = c->data[i - 1];
		c->data[i - 1] = other;
	}
	for (unsigned i = 0; i < c->len; i++) {
		buf_add(out, c->data[i].data, c->data[i].len);
		buf_add_char(out, '\n');
		buf_fini(&c->data[i]);
	}
}

void gen_program(uint64_t seed, const struct gen_options *options, struct buf *out)
{
	struct gen g = {.random = random_from(seed), .options = *options};
	struct chunks c = {.len = 0};

	arena_init(&g.arena);
	add_all(&g, &c);
	write_chunks(&g, &c, out);
	arena_fini(&g.arena);
}
