/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions as .ks source: once as plain functions, called by @xdp programs (GROUP functions each)
 * whose arguments and results travel through arrays, and by main(), which prints every result.
 */
#include <inttypes.h>

#include "diff.h"

static const char *const var_names[VARS] = {"a", "b", "x", "y", "z", "i"};

static void print_expr(const struct expr *e, FILE *out);

static void print_literal(const struct expr *e, FILE *out)
{
	int64_t value = (int64_t)e->value;
	if (e->is_bare)
		fprintf(out, "%" PRIu64, e->value);
	else if (type_infos[e->type].is_signed && value < 0 && value != INT64_MIN)
		fprintf(out, "(-%" PRId64 " as %s)", -value, type_infos[e->type].name);
	else
		fprintf(out, "(%#" PRIx64 " as %s)", e->value, type_infos[e->type].name);
}

/* Format: %0 to %3 are the arguments. */
static void print_form(const char *form, const struct expr *e, FILE *out)
{
	for (; *form; form++)
		if (*form == '%')
			print_expr(e->args[*++form - '0'], out);
		else
			putc(*form, out);
}

static void print_expr(const struct expr *e, FILE *out)
{
	switch (e->kind) {
	case E_LITERAL:
		print_literal(e, out);
		break;
	case E_VAR:
		fputs(var_names[e->index], out);
		break;
	case E_NEG:
		print_form("(-%0)", e, out);
		break;
	case E_NOT:
		print_form("(~%0)", e, out);
		break;
	case E_LNOT:
		print_form("(!%0)", e, out);
		break;
	case E_BINARY:
		print_form("(%0 ", e, out);
		fputs(op_texts[e->op], out);
		print_form(" %1)", e, out);
		break;
	case E_CAST:
		print_form("(%0 as ", e, out);
		fprintf(out, "%s)", type_infos[e->type].name);
		break;
	case E_IF:
		print_form("(if (%0) { %1 } else { %2 })", e, out);
		break;
	case E_MATCH:
		print_form("(match (%0) { ", e, out);
		fprintf(out, "%" PRIu64 " | %" PRIu64, e->pattern[0], e->pattern[1]);
		print_form(": %1, ", e, out);
		fprintf(out, "%" PRIu64, e->pattern[2]);
		print_form(": %2, default: %3 })", e, out);
		break;
	case E_CALL:
		fprintf(out, "f%u", e->index);
		print_form("(%0, %1)", e, out);
		break;
	case E_SWAP:
		print_form(e->type == T_u16   ? "ntohs(htons(%0))"
			   : e->type == T_u32 ? "ntohl(htonl(%0))"
					      : "ntohll(htonll(%0))",
			   e, out);
		break;
	}
}

static void print_list(const struct stmt *s, unsigned depth, FILE *out);

static void indent(unsigned depth, FILE *out)
{
	fprintf(out, "%*s", (int)(4 * depth), "");
}

static void print_loop(const struct stmt *s, unsigned depth, FILE *out)
{
	indent(depth, out);
	if (s->kind == S_FOR) {
		fprintf(out, "for (i in %u..%u) {\n", s->from, s->to);
		if (s->has_break || s->has_continue) {
			indent(depth + 1, out);
			fputs("if (", out);
			print_expr(s->value, out);
			fprintf(out, ") { %s }\n", s->has_break ? "break" : "continue");
		}
		print_list(s->body, depth + 1, out);
	} else {
		fprintf(out, "var i: u32 = %u\n", s->from);
		indent(depth, out);
		fprintf(out, "while (i < %u && ", s->to);
		print_expr(s->value, out);
		fputs(") {\n", out);
		print_list(s->body, depth + 1, out);
		indent(depth + 1, out);
		fputs("i += 1\n", out);
	}
	indent(depth, out);
	fputs("}\n", out);
}

static void print_list(const struct stmt *s, unsigned depth, FILE *out)
{
	for (; s; s = s->next) {
		if (s->kind == S_FOR || s->kind == S_WHILE) {
			// A block, so that each loop has a variable of its own.
			indent(depth, out);
			fputs("{\n", out);
			print_loop(s, depth + 1, out);
			indent(depth, out);
			fputs("}\n", out);
			continue;
		}
		indent(depth, out);
		if (s->kind == S_IF) {
			fputs("if (", out);
			print_expr(s->value, out);
			fputs(") {\n", out);
			print_list(s->body, depth + 1, out);
			indent(depth, out);
			fputs(s->other ? "} else {\n" : "}\n", out);
			print_list(s->other, depth + 1, out);
			if (s->other) {
				indent(depth, out);
				fputs("}\n", out);
			}
			continue;
		}
		fprintf(out, "%s %s= ", var_names[s->local],
			s->kind == S_COMPOUND ? op_texts[s->op] : "");
		print_expr(s->value, out);
		fputs("\n", out);
	}
}

static void print_function(const struct function *f, unsigned index, FILE *out)
{
	fprintf(out, "fn f%u(a: %s, b: %s) -> %s {\n", index, type_infos[f->vars[0]].name,
		type_infos[f->vars[1]].name, type_infos[f->result].name);
	for (unsigned i = 0; i < MAX_LOCALS; i++) {
		fprintf(out, "    var %s: %s = ", var_names[PARAMS + i],
			type_infos[f->vars[PARAMS + i]].name);
		print_expr(f->init[i], out);
		fputs("\n", out);
	}
	print_list(f->body, 1, out);
	fputs("    return ", out);
	print_expr(f->value, out);
	fputs("\n}\n\n", out);
}

static void print_program(const struct suite *suite, unsigned first, FILE *out)
{
	fprintf(out, "@xdp fn p%u(ctx: *xdp_md) -> xdp_action {\n", first / GROUP);
	for (unsigned i = 0; i < GROUP && first + i < suite->count; i++) {
		const struct function *f = &suite->functions[first + i];
		fprintf(out, "    output[%u] = f%u(input[%u] as %s, input[%u] as %s) as u64\n", i,
			first + i, 2 * i, type_infos[f->vars[0]].name, 2 * i + 1,
			type_infos[f->vars[1]].name);
	}
	fputs("    return XDP_PASS\n}\n\n", out);
}

static void print_show(const struct function *f, unsigned index, FILE *out)
{
	const char *a = type_infos[f->vars[0]].name, *b = type_infos[f->vars[1]].name;
	fprintf(out,
		"fn show%u() {\n    for (i in 0..%u) {\n        for (j in 0..%u) {\n"
		"            print(f%u(edge_%s(i) as %s, edge_%s(j) as %s) as u64)\n"
		"        }\n    }\n}\n\n",
		index, EDGES, EDGES, index, a, a, b, b);
}

void print_suite(const struct suite *suite, FILE *out)
{
	fprintf(out, "var input : array<u32, u64>(%u)\nvar output : array<u32, u64>(%u)\n\n",
		2 * GROUP, GROUP);
	for (unsigned i = 0; i < suite->count; i++)
		print_function(&suite->functions[i], i, out);
	for (unsigned i = 0; i < suite->count; i += GROUP)
		print_program(suite, i, out);
	for (unsigned type = 0; type < TYPE_COUNT; type++) {
		fprintf(out, "fn edge_%s(i: u32) -> u64 {\n    return match (i) {\n",
			type_infos[type].name);
		for (unsigned i = 0; i < EDGES; i++)
			fprintf(out, "        %u: %#" PRIx64 " as u64,\n", i,
				edge((enum type)type, i));
		fputs("        default: 0 as u64,\n    }\n}\n\n", out);
	}
	for (unsigned i = 0; i < suite->count; i++)
		print_show(&suite->functions[i], i, out);
	fputs("fn main() -> i32 {\n", out);
	for (unsigned i = 0; i < suite->count; i++)
		fprintf(out, "    show%u()\n", i);
	fputs("    return 0\n}\n", out);
}
