/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses what `ks list` prints: collects (name, type id) of one kind of thing, sorts by name, prints
 * those that a pattern selects. All comes from BTF but the categories of tracepoints, which only tracefs
 * knows; without it the raw tracepoints are listed.
 */
#include "frontend/driver/list.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/driver/kernel_btf.h"
#include "frontend/driver/list_print.h"
#include "frontend/driver/output.h"
#include "frontend/sema/scope.h"

#define EVENTS_PATH "/sys/kernel/tracing/available_events"

struct entry {
	const char *name;
	uint32_t id;
	const char *category; // of a tracepoint, NULL when not known
};

struct lister {
	struct compile *compile;
	const struct options *options;
	struct list_printer printer;
	VEC(struct entry) entries;
	struct suggestion *near;   // wanted: the name nearest to a pattern that nothing matches
	struct map contexts, raws; // hash of an event's name to BTF id
};

static void add(struct lister *l, const char *name, uint32_t id, const char *category)
{
	bool matches = l->options->inputs.len < 2;

	if (l->near) {
		suggestion_offer(l->near, name);
		return;
	}
	for (uint32_t i = 1; i < l->options->inputs.len; i++)
		matches = matches || !fnmatch(l->options->inputs.data[i], name, 0);
	if (!matches || !*name)
		return;
	struct entry e = {name, id, category};
	vec_push(&l->compile->session, &l->entries, e);
}

/* Calls `take` for every type of the kinds in the set. */
static void each_type(struct lister *l, uint32_t kinds,
		      void (*take)(struct lister *l, uint32_t id, const struct btf_type *type))
{
	struct btf_type t;

	for (uint32_t id = 1; id <= l->printer.btf->type_count; id++) {
		if (!(kinds >> btf_kind_of(l->printer.btf, id) & 1))
			continue;
		if (!list_get(&l->printer, id, &t))
			return;
		take(l, id, &t);
	}
}

/* ---- kinds of things ---- */

static void take_named(struct lister *l, uint32_t id, const struct btf_type *type)
{
	add(l, type->name, id, NULL);
}

static void collect_types(struct lister *l)
{
	each_type(l,
		  1u << BTF_KIND_STRUCT | 1u << BTF_KIND_UNION | 1u << BTF_KIND_ENUM |
			  1u << BTF_KIND_ENUM64 | 1u << BTF_KIND_TYPEDEF,
		  take_named);
}

static void print_type(struct lister *l, const struct entry *e)
{
	list_print_type(&l->printer, e->id);
}

static void collect_functions(struct lister *l)
{
	each_type(l, 1u << BTF_KIND_FUNC, take_named);
}

static void print_function(struct lister *l, const struct entry *e)
{
	struct btf_type t;

	if (!list_get(&l->printer, e->id, &t))
		return;
	buf_printf(l->printer.out, "fn %s", e->name);
	list_print_signature(&l->printer, t.type, 0);
	buf_add_char(l->printer.out, '\n');
}

static void take_kfunc(struct lister *l, uint32_t id, const struct btf_type *tag)
{
	struct btf_type t;

	(void)id;
	if (!strcmp(tag->name, "bpf_kfunc") && tag->type && list_get(&l->printer, tag->type, &t) &&
	    t.kind == BTF_KIND_FUNC)
		add(l, t.name, tag->type, NULL);
}

static void collect_kfuncs(struct lister *l)
{
	each_type(l, 1u << BTF_KIND_DECL_TAG, take_kfunc);
}

static void print_kfunc(struct lister *l, const struct entry *e)
{
	struct btf_type t;

	if (!list_get(&l->printer, e->id, &t))
		return;
	buf_printf(l->printer.out, "extern %s", e->name);
	list_print_signature(&l->printer, t.type, 0);
	buf_add_char(l->printer.out, '\n');
}

#define STRUCT_OPS_PREFIX "bpf_struct_ops_"

/* The kernel wraps each struct_ops type in one whose member `data` has that type. */
static void take_struct_ops(struct lister *l, uint32_t id, const struct btf_type *wrapper)
{
	size_t prefix = strlen(STRUCT_OPS_PREFIX);
	struct btf_type t;

	(void)id;
	if (strncmp(wrapper->name, STRUCT_OPS_PREFIX, prefix) != 0)
		return;
	for (uint32_t i = 0; i < wrapper->count; i++) {
		struct btf_item item = btf_get_item(l->printer.btf, wrapper, i);
		if (item.type && list_get(&l->printer, item.type, &t) &&
		    t.kind == BTF_KIND_STRUCT && !strcmp(t.name, wrapper->name + prefix))
			add(l, t.name, item.type, NULL);
	}
}

static void collect_struct_ops(struct lister *l)
{
	each_type(l, 1u << BTF_KIND_STRUCT, take_struct_ops);
}

#define RAW_PREFIX "btf_trace_"
#define CONTEXT_PREFIX "trace_event_raw_"

static uint64_t name_key(const char *name)
{
	return hash_bytes(name, strlen(name)) >> 1;
}

/* What BTF has of tracepoints: the contexts of their programs, and their raw form. */
static void take_tracepoint(struct lister *l, uint32_t id, const struct btf_type *type)
{
	size_t context = strlen(CONTEXT_PREFIX), raw = strlen(RAW_PREFIX);

	if (!strncmp(type->name, CONTEXT_PREFIX, context) && type->kind == BTF_KIND_STRUCT)
		*map_insert(&l->contexts, name_key(type->name + context)) = id;
	else if (!strncmp(type->name, RAW_PREFIX, raw) && type->kind == BTF_KIND_TYPEDEF)
		*map_insert(&l->raws, name_key(type->name + raw)) = id;
}

static void take_raw_tracepoint(struct lister *l, uint32_t id, const struct btf_type *type)
{
	if (!strncmp(type->name, RAW_PREFIX, strlen(RAW_PREFIX)))
		add(l, type->name + strlen(RAW_PREFIX), id, NULL);
}

/* Lines "category:event". False when there is no tracefs. */
static bool collect_events(struct lister *l)
{
	FILE *f = fopen(EVENTS_PATH, "re");
	char line[512];

	if (!f)
		return false;
	while (fgets(line, sizeof line, f)) {
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = 0;
		colon[1 + strcspn(colon + 1, "\n")] = 0;
		char *copy = arena_copy(&l->compile->session, line, sizeof line);
		add(l, copy + (colon + 1 - line), 0, copy);
	}
	fclose(f);
	return true;
}

static void collect_tracepoints(struct lister *l)
{
	each_type(l, 1u << BTF_KIND_TYPEDEF | 1u << BTF_KIND_STRUCT, take_tracepoint);
	if (l->options->btf.len || !collect_events(l))
		each_type(l, 1u << BTF_KIND_TYPEDEF, take_raw_tracepoint);
}

/* Prototype behind the typedef of a raw tracepoint; its first parameter is the kernel's own. */
static uint32_t raw_prototype(struct lister *l, uint32_t id)
{
	struct btf_type t;

	for (int i = 0; i < 3; i++) {
		if (!id || !list_get(&l->printer, id, &t))
			return 0;
		if (t.kind == BTF_KIND_FUNC_PROTO)
			return id;
		id = t.kind == BTF_KIND_TYPEDEF || t.kind == BTF_KIND_PTR ? t.type : 0;
	}
	return 0;
}

/* Name of the struct that an event's program gets, NULL when the event shares one of another name. */
static const char *event_context(struct lister *l, const struct entry *e)
{
	struct btf_type t;

	if (!strcmp(e->category, "syscalls"))
		return !strncmp(e->name, "sys_enter_", 10) ? CONTEXT_PREFIX "sys_enter"
							   : CONTEXT_PREFIX "sys_exit";
	const uint64_t *id = map_find(&l->contexts, name_key(e->name));
	bool is_known = id && list_get(&l->printer, (uint32_t)*id, &t) &&
			!strcmp(t.name + strlen(CONTEXT_PREFIX), e->name);
	return is_known ? t.name : NULL;
}

static void print_tracepoint(struct lister *l, const struct entry *e)
{
	struct buf *out = l->printer.out;
	const char *context = e->category ? event_context(l, e) : NULL;

	if (context) {
		buf_printf(out, "@tracepoint(\"%s/%s\") fn %s(ctx: *%s) -> i32\n", e->category,
			   e->name, e->name, context);
		return;
	}
	const uint64_t *raw = map_find(&l->raws, name_key(e->name));
	uint32_t proto = raw_prototype(l, raw ? (uint32_t)*raw : 0);
	buf_printf(out, "@raw_tracepoint(\"%s\") fn %s", e->name, e->name);
	if (proto)
		list_print_signature(&l->printer, proto, 1);
	else
		buf_add_text(out, "(…)");
	buf_add_text(out, " -> i32");
	if (e->category)
		buf_printf(out, " // %s/%s", e->category, e->name);
	buf_add_char(out, '\n');
}

static const struct {
	const char *name;
	void (*collect)(struct lister *l);
	void (*print)(struct lister *l, const struct entry *e);
} things[] = {
	{"types", collect_types, print_type},
	{"funcs", collect_functions, print_function},
	{"kfuncs", collect_kfuncs, print_kfunc},
	{"tracepoints", collect_tracepoints, print_tracepoint},
	{"structs-ops", collect_struct_ops, print_type},
};

enum { THING_COUNT = sizeof things / sizeof *things };

/* ---- the command ---- */

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

static int find_thing(const struct options *o)
{
	const char *names[THING_COUNT];

	for (int i = 0; i < THING_COUNT; i++) {
		names[i] = things[i].name;
		if (!strcmp(o->input, names[i]))
			return i;
	}
	const char *nearest = options_nearest(o->input, names, THING_COUNT);
	options_wrong(
		o, "`ks list` knows types, funcs, kfuncs, tracepoints, structs-ops; not `%s`%s%s%s",
		o->input, nearest ? "; did you mean `" : "", nearest ? nearest : "",
		nearest ? "`?" : "");
	return -1;
}

static void report_nothing(struct lister *l, int thing)
{
	const char *wanted = l->options->inputs.data[1];
	struct suggestion near = suggestion_begin(wanted);
	struct diags *diags = &l->compile->diags;

	struct diag *d =
		diag_report(diags, D_NOTHING_LISTED, (span){0, 0}, things[thing].name, wanted);
	if (strpbrk(wanted, "*?["))
		return;
	l->near = &near;
	things[thing].collect(l);
	if (near.best)
		diag_hint(diags, d, "did you mean `%s`?", near.best);
}

static bool print_entries(struct lister *l, int thing)
{
	things[thing].collect(l);
	if (l->entries.len)
		qsort(l->entries.data, l->entries.len, sizeof *l->entries.data, compare_entries);
	for (uint32_t i = 0; i < l->entries.len && !l->printer.why; i++)
		things[thing].print(l, &l->entries.data[i]);
	if (l->printer.why) {
		diag_report(&l->compile->diags, D_BTF_DAMAGED, (span){0, 0}, l->printer.why);
		return false;
	}
	if (!l->entries.len && l->options->inputs.len > 1) {
		report_nothing(l, thing);
		return false;
	}
	return true;
}

int list_run(struct compile *compile, const struct options *options)
{
	struct lister l = {.compile = compile, .options = options};
	int thing = find_thing(options);
	struct buf out;

	if (thing < 0)
		return STATUS_WRONG_COMMAND;
	buf_init(&out);
	map_init(&l.contexts, &compile->session);
	map_init(&l.raws, &compile->session);
	l.printer.btf = kernel_btf_open(compile, options);
	if (l.printer.btf && !options->btf.len)
		kernel_btf_add_modules(compile, (struct btf *)l.printer.btf);
	l.printer.out = &out;
	bool ok = l.printer.btf != NULL;
	if (!ok && !compile->diags.errors)
		diag_report(&compile->diags, D_FILE_NOT_READABLE, (span){0, 0},
			    "/sys/kernel/btf/vmlinux",
			    "this kernel has no BTF; name a file with --btf");
	ok = ok && print_entries(&l, thing) && output_print(compile, &out);
	buf_fini(&out);
	return ok ? STATUS_OK : STATUS_WRONG_PROGRAM;
}
