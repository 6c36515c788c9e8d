/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of whole programs that stand on their own: namespaces, programs of other kinds than xdp and tc, maps that
 * are no tables, ring buffers, tables of functions, objects on the heap.
 */
#include "tests/gen/internal.h"

/* ---- programs of other kinds ---- */

static const struct {
	const char *attribute, *params;
	int result;            // that every kernel takes
	const char *values[3]; // numbers that a program can read
	bool writes_first;     // it may write the first of them
} kinds[] = {
#define SKB "ctx: *__sk_buff"
#define CTX(type) "ctx: *" type
	{"cgroup(\"skb/ingress\")", SKB, 1, {"ctx->mark", "ctx->len", "ctx->protocol"}, true},
	{"cgroup(\"skb/egress\")", SKB, 1, {"ctx->len", "ctx->ifindex", NULL}, false},
	{"cgroup(\"connect4\")", CTX("bpf_sock_addr"), 1, {"ctx->family", "ctx->type"}, false},
	{"cgroup(\"sock_create\")", CTX("bpf_sock"), 1, {"ctx->mark", "ctx->family"}, true},
	{"cgroup(\"sysctl\")", CTX("bpf_sysctl"), 1, {"ctx->write"}, false},
	{"cgroup(\"device\")", CTX("bpf_cgroup_dev_ctx"), 1, {"ctx->major", "ctx->minor"}, false},
	{"sockops", CTX("bpf_sock_ops"), 1, {"ctx->op", "ctx->family"}, false},
	{"sk_msg", CTX("sk_msg_md"), 1, {"ctx->family", "ctx->size"}, false},
	{"sk_skb(\"verdict\")", SKB, 1, {"ctx->len", "ctx->ifindex"}, false},
	{"sk_lookup", CTX("bpf_sk_lookup"), 1, {"ctx->family", "ctx->local_port"}, false},
	{"socket_filter", SKB, 0, {"ctx->len", "ctx->protocol", "ctx->ifindex"}, false},
	{"netfilter(\"input\")", CTX("bpf_nf_ctx"), 1, {"ctx->state->hook"}, false},
	{"perf_event", CTX("bpf_perf_event_data"), 0, {"ctx->sample_period", "ctx->addr"}, false},
	{"probe(\"vfs_read\")", "file: *file, count: u64", 0, {"count", "file->f_mode"}, false},
	{"probe_return(\"vfs_read\")", "ret: i64", 0, {"ret"}, false},
	{"kprobe(\"tcp_connect\")", "sk: *sock", 0, {"sk->family", "sk->state"}, false},
	{"kretprobe(\"vfs_read\")", "ret: i64", 0, {"ret"}, false},
	{"lsm(\"file_open\")", "file: *file", 0, {"file->f_mode", "file->f_pos"}, false},
#undef SKB
#undef CTX
};

/* The result has a name, so that a bare return is good anywhere in the body. */
void add_other_program(struct gen *g)
{
	unsigned kind = below(g, sizeof kinds / sizeof *kinds);
	uint32_t visible = g->vars.len;
	const char *name = new_name(g, "other");

	g->body = (struct gen_body){
		.where = IN_BPF, .is_program = true, .level = 3, .stack = 112, .calls = 4};
	put(g, "@%s fn %s(%s) -> result: i32 {\n    result = %d", kinds[kind].attribute, name,
	    kinds[kind].params, kinds[kind].result);
	for (unsigned i = 0; i < 3 && kinds[kind].values[i]; i++) {
		const char *value = kinds[kind].values[i];
		const char *local = new_name(g, "f");
		put(g, "\n    var %s: u64 = %s as u64", local, value);
		declare_var(g, local, g->ints[U64], IN_BPF, false);
		if (!i && kinds[kind].writes_first)
			put(g, "\n    %s = %u", value, below(g, 1000));
	}
	put_body(g, 4 + (int)below(g, 8));
	g->vars.len = visible;
	vec_push(&g->arena, &g->others, name);
}

/* ---- namespaces ---- */

void add_import(struct gen *g)
{
	static const char *const constants[] = {"ETH_HLEN", "ETH_P_IP", "IPPROTO_TCP"};
	const char *name = new_name(g, "space");

	put(g, "import %s from \"net.kh\"\n", name);
	put(g, "type %s = %s.iphdr\n", new_name(g, "Header"), name);
	const char *constant = new_name(g, "K");
	put(g, "const %s: u64 = %s.%s as u64 + sizeof(%s.ethhdr) as u64\n", constant, name,
	    constants[below(g, 3)], name);
	declare_var(g, constant, g->ints[U64], IN_BOTH, true);
	vec_last(&g->vars).is_const = true;
}

/* ---- maps without keys ---- */

static struct gen_type *random_struct(struct gen *g)
{
	for (unsigned tries = 0; tries < 40; tries++) {
		struct gen_type *t = g->types.data[below(g, g->types.len)];
		if (t->kind == G_STRUCT && !t->is_packet && t->size && t->size <= 200)
			return t;
	}
	return NULL;
}

void add_channel(struct gen *g)
{
	static const char *const names[] = {"queue", "stack", "bloom_filter", "ringbuf"};
	struct gen_channel c = {.kind = (enum gen_channel_kind)below(g, 4),
				.name = new_name(g, "ch")};

	c.value = c.kind == CHANNEL_RING ? random_struct(g) : random_int(g);
	if (!c.value)
		return;
	put(g, "var %s : %s<%s>(%u)\n", c.name, names[c.kind], c.value->text,
	    c.kind == CHANNEL_RING ? 4096 : 1 + below(g, 100));
	vec_push(&g->arena, &g->channels, c);
	if (c.kind != CHANNEL_RING)
		return;
	put(g, "\nfn %s_callback(e: *%s) -> i32 {", c.name, c.value->text);
	put(g, "\n    if (e == null) { return 1 }\n    print(sizeof(%s))\n    return 0\n}\n",
	    c.value->text);
}

static struct gen_channel *random_channel(struct gen *g)
{
	return g->channels.len ? &g->channels.data[below(g, g->channels.len)] : NULL;
}

bool form_channel(struct gen *g)
{
	const struct gen_channel *c = random_channel(g);

	if (!c || g->body.where == IN_BOTH)
		return false;
	bool is_bpf = g->body.where == IN_BPF;
	if (c->kind == CHANNEL_RING && !is_bpf) {
		line(g);
		put(g, "dispatch(%s, timeout_ms: 0)", c->name);
		return true;
	}
	if (c->kind == CHANNEL_RING && (g->body.in_defer || g->body.stack < 8))
		return false;
	line(g);
	if (c->kind == CHANNEL_RING) {
		const char *name = new_name(g, "rec");
		put(g, "if (var %s = %s.reserve()) { %s.%s(%s) }", name, c->name, c->name,
		    chance(g, 50) ? "submit" : "discard", name);
		return true;
	}
	if (c->kind == CHANNEL_SET) {
		put(g, "if (");
		put_varying(g, c->value, 2);
		put(g, " in %s) { %s.add(", c->name, c->name);
		put_varying(g, c->value, 2);
		put(g, ") }");
		return true;
	}
	const char *name = new_name(g, "got");
	put(g, "%s.push(", c->name);
	put_varying(g, c->value, 2);
	put(g, ")");
	line(g);
	put(g, "if (var %s = %s.%s()) { %s.push(%s) }", name, c->name,
	    chance(g, 50) ? "pop" : "peek", c->name, name);
	return true;
}

/* ---- objects ---- */

/* Userspace: an object that is written, read and deleted. */
bool form_new(struct gen *g)
{
	struct gen_type *t = g->body.where == IN_USER ? random_struct(g) : NULL;

	if (!t)
		return false;
	const char *name = new_name(g, "obj");
	uint32_t visible = g->vars.len;
	line(g);
	put(g, "if (var %s = new %s()) {", name, t->text);
	declare_var(g, name, pointer_to(g, t), IN_USER, true);
	g->indent++;
	put_statements(g, 1 + below(g, 2));
	line(g);
	put(g, "delete %s", name);
	g->indent--;
	line(g);
	put(g, "}");
	g->vars.len = visible;
	return true;
}

/* ---- tables of functions ---- */

static void put_function_type(struct gen *g, const struct gen_function *f)
{
	put(g, "fn(");
	for (uint32_t i = 0; i < f->params.len; i++)
		put(g, "%s%s", i ? ", " : "", f->params.data[i]->text);
	put(g, ")%s%s", f->result ? " -> " : "", f->result ? f->result->text : "");
}

void add_function_table(struct gen *g)
{
	for (uint32_t i = 0; i < g->functions.len; i++) {
		const struct gen_function *f = &g->functions.data[i];
		if (!f->is_value || !chance(g, 40))
			continue;
		struct gen_table table = {new_name(g, "Calls"), i};
		const char *type = new_name(g, "Fn");
		put(g, "type %s = ", type);
		put_function_type(g, f);
		put(g, "\nstruct %s {\n    first: %s,\n    name: str(8),\n    all: %s[2]\n}\n",
		    table.name, type, type);
		vec_push(&g->arena, &g->tables, table);
		return;
	}
}

static void put_arguments(struct gen *g, const struct gen_function *f)
{
	put(g, "(");
	for (uint32_t i = 0; i < f->params.len; i++) {
		put(g, i ? ", " : "");
		put_expr(g, f->params.data[i], 2);
	}
	put(g, ")");
}

void put_table_calls(struct gen *g)
{
	for (uint32_t i = 0; i < g->tables.len; i++) {
		struct gen_function f = g->functions.data[g->tables.data[i].function];
		const char *name = new_name(g, "table");
		put(g, "\n    var %s = %s { first: %s, name: \"x\", all: [%s] }", name,
		    g->tables.data[i].name, f.name, f.name);
		put(g, "\n    %s.all[1] = %s.first", name, name);
		put(g, "\n    %s.first", name);
		put_arguments(g, &f);
		put(g, "\n    %s.all[%u]", name, below(g, 2));
		put_arguments(g, &f);
		put(g, "\n    defer %s.first", name);
		put_arguments(g, &f);
	}
}
