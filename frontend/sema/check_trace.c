/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that watch something in the kernel or in another program: what the attribute names must
 * exist, and the parameters are those of the function or tracepoint, by name, with its types. A program
 * takes those that it wants, in any order. A system call is named as in C (`sys_openat`); what is
 * watched then is the processor's function for it, and the parameters are the call's own.
 */
#include <errno.h>
#include <stdlib.h>

#include "frontend/sema/check.h"

/* What stands before the name of a hook in the names of the kernel's functions for it. */
static const struct hook_kind {
	const char *what;   // in messages
	const char *prefix; // of the function that has the parameters
	uint32_t skipped;   // parameters of it that programs do not see
} hook_kinds[] = {
	[NAMES_NOTHING] = {"", "", 0},
	[NAMES_FUNCTION] = {"function", "", 0},
	[NAMES_PLACE] = {"function", "", 0},
	[NAMES_EVENT] = {"tracepoint", "btf_trace_", 1},
	[NAMES_TYPED_EVENT] = {"tracepoint", "__bpf_trace_", 1},
	[NAMES_HOOK] = {"security hook", "bpf_lsm_", 0},
	[NAMES_ITERATOR] = {"iterator", "bpf_iter_", 0},
	[NAMES_SYMBOL] = {"", "", 0},
	[NAMES_NOTE] = {"", "", 0},
};

/* What a program is attached to, as the kernel has it. */
struct hook {
	const struct program_kind *kind;
	const char *name;   // without a category or an offset
	bool has_offset;    // a place inside of a function
	bool is_known;      // proto holds
	bool is_positional; // parameters have no names: they are taken in order
	uint32_t taken;     // of those, so many are passed by
	struct kernel_proto proto;
};

static span attribute_span(const struct decl *d)
{
	return d->attrs.len ? d->attrs.data[0].where : d->name_where;
}

static void report_form(struct checker *c, const struct decl *d, const char *wants)
{
	diag_report(c->diags, D_ATTRIBUTE_ARGUMENT, attribute_span(d), d->func.program->attribute,
		    wants);
}

/* ---- the name ---- */

static bool report_unknown(struct checker *c, const struct decl *d, const struct hook *h,
			   const char *prefix, bool typedefs)
{
	if (!kernel_has_types(c)) {
		if (!c->kernel.is_broken)
			diag_report(c->diags, D_NEEDS_BTF, attribute_span(d), h->name);
		return false;
	}
	struct diag *diag = diag_report(c->diags, D_UNKNOWN_HOOK, attribute_span(d),
					hook_kinds[h->kind->names].what, h->name);
	struct suggestion s = suggestion_begin(h->name);
	if (!c->diags->too_many)
		kernel_offer(c, &s, prefix, typedefs);
	if (s.best)
		diag_hint(c->diags, diag, "did you mean `%s`?", s.best);
	return false;
}

/* The processor's function for a system call. */
static bool find_syscall(struct checker *c, struct decl *d, struct hook *h)
{
	const char *prefix = c->info->arch ? c->info->arch->syscalls : NULL;
	struct kernel_proto wrapper;

	if (strncmp(h->name, "sys_", 4) != 0 || !prefix ||
	    !kernel_find_proto(c, arena_printf(c->arena, "%s%s", prefix, h->name + 4), &wrapper))
		return false;
	d->func.is_syscall = true;
	d->func.result_slot = wrapper.slots;
	d->func.program_arg = arena_printf(c->arena, "%s%s", prefix, h->name + 4);
	h->is_known = kernel_find_proto(c, arena_printf(c->arena, "__do_%s", h->name), &h->proto);
	h->is_positional = !h->is_known;
	return true;
}

/* A function, perhaps with `+offset`. */
static bool find_function(struct checker *c, struct decl *d, struct hook *h)
{
	const char *plus = strchr(h->name, '+');

	if (plus) {
		char *end;
		errno = 0;
		strtoul(plus + 1, &end, 0);
		if (errno || end == plus + 1 || *end) {
			report_form(c, d,
				    "the name of a function, which `+` and an offset in bytes may "
				    "follow");
			return false;
		}
		h->has_offset = true;
		h->name = arena_copy_string(c->arena, h->name, (size_t)(plus - h->name));
	}
	h->is_known = kernel_find_proto(c, h->name, &h->proto);
	if (h->is_known) {
		d->func.result_slot = h->proto.slots;
		return true;
	}
	if (find_syscall(c, d, h) ||
	    strchr(h->name, '.')) // a part that the compiler split off has no type
		return true;
	return report_unknown(c, d, h, "", false);
}

static bool is_syscall_event(const char *arg)
{
	return !strncmp(arg, "syscalls/", 9);
}

static bool find_event(struct checker *c, struct decl *d, struct hook *h)
{
	const char *arg = d->func.program_arg, *slash = strchr(arg, '/');

	if (!slash || !slash[1] || slash == arg || strchr(slash + 1, '/')) {
		report_form(c, d, "a category and an event: `\"sched/sched_switch\"`");
		return false;
	}
	h->name = slash + 1;
	if (is_syscall_event(arg)) {
		const char *call = !strncmp(h->name, "sys_enter_", 10) ? h->name + 10
				   : !strncmp(h->name, "sys_exit_", 9) ? h->name + 9
								       : NULL;
		const char *prefix = c->info->arch ? c->info->arch->syscalls : "";
		struct kernel_proto wrapper;
		if (call &&
		    kernel_find_proto(c, arena_printf(c->arena, "%s%s", prefix, call), &wrapper))
			return true;
		if (call) {
			h->name = call;
			return report_unknown(c, d, h, prefix, false);
		}
	}
	if (kernel_find_typedef_proto(c, arena_printf(c->arena, "btf_trace_%s", h->name),
				      &h->proto))
		return true;
	return report_unknown(c, d, h, "btf_trace_", true);
}

/* Hooks whose parameters a function of the kernel of a like name has. */
static bool find_named(struct checker *c, struct decl *d, struct hook *h)
{
	const struct hook_kind *k = &hook_kinds[h->kind->names];

	h->is_known =
		kernel_find_proto(c, arena_printf(c->arena, "%s%s", k->prefix, h->name), &h->proto);
	if (!h->is_known && h->kind->names == NAMES_TYPED_EVENT) {
		h->is_known = kernel_find_typedef_proto(
			c, arena_printf(c->arena, "btf_trace_%s", h->name), &h->proto);
		h->is_positional = h->is_known;
	}
	if (!h->is_known)
		return report_unknown(
			c, d, h, h->kind->names == NAMES_TYPED_EVENT ? "btf_trace_" : k->prefix,
			h->kind->names == NAMES_TYPED_EVENT);
	d->func.result_slot = h->proto.slots;
	for (uint32_t i = 0; i < k->skipped && h->proto.count; i++) {
		h->proto.params++;
		h->proto.count--;
	}
	for (uint32_t i = 0; i < h->proto.count; i++)
		h->proto.params[i].slot = (uint16_t)(h->proto.params[i].slot - k->skipped);
	return true;
}

static bool find_user_place(struct checker *c, struct decl *d, const struct hook *h)
{
	bool is_note = h->kind->names == NAMES_NOTE;
	const char *last = strrchr(h->name, ':'), *first = strchr(h->name, ':');
	bool is_good = last && last[1] && first != h->name && (!is_note || last > first + 1);

	if (!is_good)
		report_form(
			c, d,
			is_note ? "a program, a provider and a name: `\"/usr/bin/x:provider:name\"`"
				: "a program or library and a symbol: `\"/bin/bash:readline\"`");
	return is_good;
}

static bool find_hook(struct checker *c, struct decl *d, struct hook *h)
{
	switch ((enum attribute_names)h->kind->names) {
	case NAMES_FUNCTION:
	case NAMES_PLACE:
		return find_function(c, d, h);
	case NAMES_EVENT:
		return find_event(c, d, h);
	case NAMES_TYPED_EVENT:
	case NAMES_HOOK:
	case NAMES_ITERATOR:
		return find_named(c, d, h);
	case NAMES_SYMBOL:
	case NAMES_NOTE:
		return find_user_place(c, d, h);
	case NAMES_NOTHING:
		break;
	}
	return true;
}

/* ---- parameters ---- */

static bool is_context_param(const struct checker *c, const struct hook *h, const struct type *t)
{
	(void)c;
	return h->kind->params != PARAMS_SLOTS && t->kind == TYPE_POINTER &&
	       type_is_kernel(t->element) && t->element->name && *h->kind->context &&
	       !strcmp(NAME(c, t->element->name), h->kind->context);
}

/* A struct that the program declares under the name of the kernel's is laid out as the kernel's. */
static bool is_namesake(const struct type *kernel, const struct type *own)
{
	return kernel->kind == TYPE_STRUCT && own->kind == TYPE_STRUCT && kernel->name &&
	       kernel->name == own->name;
}

static bool fits(struct checker *c, struct type *kernel, struct type *own)
{
	if (kernel == own || own->kind == TYPE_ERROR || kernel->kind == TYPE_ERROR)
		return true;
	if (kernel->kind == TYPE_POINTER && own->kind == TYPE_POINTER) {
		struct type *a = kernel->element, *b = own->element;
		if (is_namesake(a, b))
			b->record.is_kernel = true;
		return a->kind == TYPE_VOID || b->kind == TYPE_VOID || b == c->types->u8 ||
		       b == c->types->char_ || is_namesake(a, b) || fits(c, a, b);
	}
	bool are_numbers =
		(type_is_integer(kernel) || kernel->kind == TYPE_BOOL || kernel->kind == TYPE_BE) &&
		(type_is_integer(own) || own->kind == TYPE_BOOL || own->kind == TYPE_BE);
	return are_numbers && kernel->size == own->size;
}

static bool check_type_of_param(struct checker *c, const struct decl *p, struct type *kernel)
{
	if (type_is_aggregate(kernel)) {
		diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
			    "it is a struct that is passed by value");
		return false;
	}
	if (fits(c, kernel, p->type))
		return true;
	diag_report(c->diags, D_HOOK_PARAMETER_TYPE, p->where, NAME(c, p->name), TEXT(c, kernel),
		    TEXT(c, p->type));
	return false;
}

static const char *signature_text(struct checker *c, const struct hook *h)
{
	const char *text = "";

	for (uint32_t i = 0; i < h->proto.count; i++) {
		const struct kernel_param *p = &h->proto.params[i];
		text = arena_printf(c->arena, "%s%s%s: %s", text, i ? ", " : "",
				    p->name ? NAME(c, p->name) : "_", TEXT(c, p->type));
	}
	return text;
}

static void report_parameter(struct checker *c, const struct decl *p, const struct hook *h)
{
	struct diag *d =
		diag_report(c->diags, D_HOOK_PARAMETER, p->where, h->name, NAME(c, p->name));
	struct suggestion s = suggestion_begin(NAME(c, p->name));

	for (uint32_t i = 0; i < h->proto.count; i++)
		if (h->proto.params[i].name)
			suggestion_offer(&s, NAME(c, h->proto.params[i].name));
	report_suggestion(c, d, p->name_where, &s);
	if (h->is_known)
		diag_hint(c->diags, d, h->proto.count ? "its parameters are `%s`" : "it has none%s",
			  signature_text(c, h));
}

static bool is_number_or_pointer(const struct type *t)
{
	return type_is_integer(t) || t->kind == TYPE_BOOL || t->kind == TYPE_POINTER;
}

/* A parameter that only its place tells. */
static bool take_positional(struct checker *c, struct decl *p, uint32_t index)
{
	enum { NOTE_PARAMS = 12 }; // no probe has more arguments
	if (index >= NOTE_PARAMS) {
		diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
			    "there are never so many arguments");
		return false;
	}
	if (!is_number_or_pointer(p->type)) {
		diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
			    "a register holds a number or a pointer");
		return false;
	}
	p->variable.source_index = (uint16_t)index;
	return true;
}

/* One of those whose names the kernel does not tell: the next one that has the type. */
static bool take_typed(struct checker *c, struct decl *p, struct hook *h)
{
	for (uint32_t i = h->taken; i < h->proto.count; i++) {
		if (!fits(c, h->proto.params[i].type, p->type))
			continue;
		h->taken = i + 1;
		p->variable.source_index = h->proto.params[i].slot;
		return check_type_of_param(c, p, h->proto.params[i].type);
	}
	report_parameter(c, p, h);
	return false;
}

static bool take_named(struct checker *c, struct decl *p, const struct hook *h)
{
	for (uint32_t i = 0; i < h->proto.count; i++) {
		if (h->proto.params[i].name != p->name)
			continue;
		p->variable.source_index =
			h->kind->params == PARAMS_SLOTS ? h->proto.params[i].slot : (uint16_t)i;
		return check_type_of_param(c, p, h->proto.params[i].type);
	}
	report_parameter(c, p, h);
	return false;
}

static bool has_name(const struct hook *h, symbol name)
{
	for (uint32_t i = 0; h->is_known && i < h->proto.count; i++)
		if (h->proto.params[i].name == name)
			return true;
	return false;
}

static void take_result(struct checker *c, const struct decl *d, struct decl *p,
			const struct hook *h)
{
	p->variable.source = SOURCE_RESULT;
	if (h->is_known && !d->func.is_syscall)
		check_type_of_param(c, p, h->proto.result);
	else if (!is_number_or_pointer(p->type))
		diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
			    "a register holds a number or a pointer");
}

/* How many arguments are in registers that this kind can read. */
static uint32_t register_count(const struct checker *c, const struct decl *d)
{
	if (d->func.is_syscall)
		return 6;
	return c->info->arch ? c->info->arch->arg_count : 0;
}

static void check_register(struct checker *c, const struct decl *d, const struct decl *p)
{
	if (p->variable.source == SOURCE_ARGUMENT &&
	    p->variable.source_index >= register_count(c, d))
		diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
			    "it is not passed in a register");
}

/* Arguments that the verifier wants to be tested: all objects of iterators, which run once more at the end
 * without one, and those of tracepoints that are in its table. */
static bool may_be_null(struct checker *c, const struct decl *p, const struct hook *h)
{
	static const struct {
		const char *event;
		uint8_t argument;
	} nullable[] = {
#define NULLABLE(event, argument) {#event, argument},
#include "frontend/sema/nullable.def"
#undef NULLABLE
	};

	if (p->type->kind != TYPE_POINTER || p->variable.source != SOURCE_ARGUMENT)
		return false;
	if (h->kind->names == NAMES_ITERATOR)
		return strcmp(NAME(c, p->name), "meta") != 0;
	for (size_t i = 0;
	     h->kind->names == NAMES_TYPED_EVENT && i < sizeof nullable / sizeof *nullable; i++)
		if (nullable[i].argument == p->variable.source_index &&
		    !strcmp(nullable[i].event, h->name))
			return true;
	return false;
}

static bool take_param(struct checker *c, struct decl *p, struct hook *h, uint32_t index)
{
	if (h->kind->params == PARAMS_USER || h->kind->params == PARAMS_NOTE ||
	    (h->is_positional && !h->is_known))
		return take_positional(c, p, index);
	return h->is_positional ? take_typed(c, p, h) : take_named(c, p, h);
}

static void check_params(struct checker *c, struct decl *d, struct hook *h)
{
	const struct program_kind *k = h->kind;
	bool from_registers = k->params == PARAMS_REGISTERS || k->params == PARAMS_USER;
	uint32_t count = d->func.params.len;

	for (uint32_t i = 0; i < count; i++) {
		struct decl *p = d->func.params.data[i];
		bool is_last = i + 1 == count;
		if (p->type->kind == TYPE_ERROR)
			continue;
		p->variable.source = SOURCE_ARGUMENT;
		if (count == 1 && is_context_param(c, h, p->type)) {
			p->variable.source = SOURCE_CONTEXT;
		} else if (k->has_result && is_last && !has_name(h, p->name)) {
			take_result(c, d, p, h);
		} else if (h->has_offset || (k->has_result && from_registers)) {
			diag_report(c->diags, D_HOOK_REGISTER, p->where, NAME(c, p->name),
				    h->has_offset
					    ? "inside of a function its parameters are gone; take "
					      "`ctx: *pt_regs`"
					    : "when a function returns its parameters are gone");
		} else if (take_param(c, p, h, i)) {
			if (from_registers || d->func.is_syscall)
				check_register(c, d, p);
			p->variable.may_be_null = may_be_null(c, p, h);
		}
	}
}

/* ---- tracepoints ---- */

static void report_context(struct checker *c, const struct decl *d, const char *type)
{
	diag_report(c->diags, D_PROGRAM_SIGNATURE, d->name_where, d->func.program->attribute,
		    NAME(c, d->name), arena_printf(c->arena, "*%s", type), "i32");
}

/* Events of one template share a struct that is called after it, which nothing in the kernel's types ties to
 * the event. */
static void check_event_context(struct checker *c, const struct decl *d, const struct hook *h)
{
	const char *own = arena_printf(c->arena, "trace_event_raw_%s", h->name);
	bool is_call = is_syscall_event(d->func.program_arg);
	const struct type *t = d->func.params.len == 1 ? d->func.params.data[0]->type : NULL;
	const struct type *record = t && t->kind == TYPE_POINTER ? t->element : NULL;

	if (is_call)
		own = strncmp(h->name, "sys_exit", 8) != 0 ? "trace_event_raw_sys_enter"
							   : "trace_event_raw_sys_exit";
	if (t && t->kind == TYPE_ERROR)
		return;
	const char *name = record && record->name ? NAME(c, record->name) : "";
	if (record && type_is_kernel(record) &&
	    (!strcmp(name, own) ||
	     (!is_call && !kernel_has_struct(c, own) && !strncmp(name, "trace_event_raw_", 16))))
		d->func.params.data[0]->variable.source = SOURCE_CONTEXT;
	else
		report_context(c, d, own);
}

/* ---- the whole ---- */

/* The other kind can read every parameter, too. */
static bool can_fall_back(const struct checker *c, const struct decl *d)
{
	if (!d->func.program->fallback)
		return false;
	for (uint32_t i = 0; i < d->func.params.len; i++) {
		const struct decl *p = d->func.params.data[i];
		if (p->variable.source == SOURCE_ARGUMENT &&
		    (d->func.program->has_result ||
		     p->variable.source_index >= register_count(c, d)))
			return false;
	}
	return true;
}

/* `ctx` for helpers that want the context of a program with other parameters. */
static void add_context(struct checker *c, struct decl *d)
{
	symbol name = intern_string(&c->compile->names, "ctx");

	for (uint32_t i = 0; i < d->func.params.len; i++)
		if (d->func.params.data[i]->variable.source == SOURCE_CONTEXT ||
		    d->func.params.data[i]->name == name)
			return;
	d->func.context = make_decl(c, DECL_PARAM, name);
	d->func.context->type = resolve_type_text(c, "*program_context");
}

void check_tracer(struct checker *c, struct decl *d)
{
	struct hook h = {.kind = d->func.program, .name = d->func.program_arg};
	const struct type *result = d->type->func.result;

	if (!find_hook(c, d, &h))
		return;
	if (h.kind->names == NAMES_EVENT)
		check_event_context(c, d, &h);
	else
		check_params(c, d, &h);
	if (result != c->types->i32 && result->kind != TYPE_ERROR) {
		struct diag *diag =
			report_mismatch(c, d->func.result ? d->func.result->where : d->name_where,
					c->types->i32, result);
		if (!d->func.result)
			diag_hint(c->diags, diag, "write `-> i32` after the parameters");
	}
	d->func.can_fall_back = can_fall_back(c, d);
	add_context(c, d);
}
