/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long objects live: `new` and `delete` of objects on the heap, and addresses of locals, which must not
 * outlive the function. A `@helper` is inlined, so that there an address may be returned: the object lies
 * in the frame of the caller.
 */
#include "frontend/sema/check.h"

static struct expr *constant(struct checker *c, span where, struct type *type)
{
	struct expr *e = ARENA_NEW(c->arena, struct expr);

	*e = (struct expr){.kind = type == c->types->u64 ? EXPR_INT : EXPR_NULL, .where = where};
	set_const(e, type, 0);
	return e;
}

/* In eBPF both are calls of the kernel; which type is meant, lowering fills in. */
static struct expr *new_in_bpf(struct checker *c, struct expr *e, struct type *t)
{
	struct expr *args[] = {constant(c, e->where, c->types->u64),
			       constant(c, e->where, c->types->null)};

	if (t->kind != TYPE_STRUCT || t->record.is_kernel || t->record.is_ctx) {
		diag_report(c->diags, D_NOT_A_STRUCT, e->where, TEXT(c, t));
		return fail(c, e);
	}
	struct expr *call = make_kfunc_call(c, e->where, "bpf_obj_new_impl", args, 2);
	if (call->type->kind != TYPE_ERROR)
		call->type = type_make_pointer(c->types, t);
	return call;
}

static void delete_in_bpf(struct checker *c, struct stmt *s)
{
	const struct type *t = s->expr->type;
	if (t->kind == TYPE_POINTER && type_is_kernel(t->element)) {
		diag_report(c->diags, D_NOTHING_TO_GIVE_BACK, s->expr->where, "delete", "`new`");
		return;
	}
	struct expr *args[] = {s->expr, constant(c, s->where, c->types->null)};

	s->kind = STMT_EXPR;
	s->expr = make_kfunc_call(c, s->where, "bpf_obj_drop_impl", args, 2);
}

/* Objects of the kernel that a value of a map can keep: those that the kernel knows how to end
 * (register_btf_id_dtor_kfuncs(), Linux 6.12). */
static bool can_be_kept(struct checker *c, const struct type *object)
{
	static const char *const names[] = {"task_struct", "cgroup", "bpf_cpumask",
					    "bpf_crypto_ctx"};

	if (object->kind != TYPE_STRUCT || object->record.is_ctx || !object->name)
		return false;
	if (!object->record.is_kernel)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(NAME(c, object->name), names[i]))
			return true;
	return false;
}

/* Kinds of map whose values keep pointers for programs (map_check_btf(), kernel/bpf/syscall.c, 6.12). */
static bool keeps_pointers(const struct map_kind *kind)
{
	return kind->shape == MAP_SHAPE_HASH || kind->shape == MAP_SHAPE_ARRAY ||
	       kind->shape == MAP_SHAPE_STORAGE;
}

/* The field of an entry whose address is taken. */
static struct decl *exchanged_field(struct checker *c, const struct expr *e)
{
	if (e->kind != EXPR_UNARY || e->unary.op != UNARY_ADDR ||
	    e->unary.operand->kind != EXPR_FIELD)
		return NULL;
	const struct expr *entry = place_entry(e->unary.operand);
	struct decl *field = e->unary.operand->field.decl;
	const struct type *t = field ? field->type : NULL;
	bool is_good = entry && t && t->kind == TYPE_POINTER && can_be_kept(c, t->element) &&
		       keeps_pointers(entry->type->entry_of->type->map.kind);
	return is_good ? field : NULL;
}

struct expr *check_exchange(struct checker *c, struct expr *call)
{
	struct expr **args = call->call.args.data;

	if (args[0]->type->kind == TYPE_ERROR || args[1]->type->kind == TYPE_ERROR)
		return fail(c, call);
	struct decl *field = exchanged_field(c, args[0]);
	if (!field) {
		diag_report(c->diags, D_HELPER_ARGUMENT, args[0]->where, "bpf_kptr_xchg",
			    "the address, `&e.p`, of a pointer in an entry of a hash, an array or "
			    "a storage "
			    "map, to a struct of the program, or to a task_struct, cgroup, "
			    "bpf_cpumask or "
			    "bpf_crypto_ctx of the kernel",
			    TEXT(c, args[0]->type));
		return fail(c, call);
	}
	args[1] = convert_to(c, args[1], field->type);
	if (args[1]->type->kind == TYPE_ERROR)
		return fail(c, call);
	field->field.is_kptr = true;
	call->type = field->type;
	return call;
}

struct expr *check_new(struct checker *c, struct expr *e)
{
	struct type *t = check_value_type(c, e->alloc.node);
	bool is_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	if (e->alloc.flag)
		e->alloc.flag = check_value(c, e->alloc.flag, c->types->u32);
	if (t->kind == TYPE_ERROR)
		return fail(c, e);
	if (e->alloc.flag && !type_is_integer(e->alloc.flag->type)) {
		if (e->alloc.flag->type->kind != TYPE_ERROR)
			report_mismatch(c, e->alloc.flag->where, c->types->u32,
					e->alloc.flag->type);
		return fail(c, e);
	}
	if (!c->fn.decl) {
		diag_report(c->diags, D_NOT_CONSTANT, e->where, "an initial value");
		return fail(c, e);
	}
	if (is_bpf)
		return new_in_bpf(c, e, t);
	if (!is_module_code(c))
		use_user_only(c, e->where, "`new`");
	e->type = type_make_pointer(c->types, t);
	return e;
}

bool check_delete_object(struct checker *c, struct stmt *s)
{
	const struct type *t = s->expr->type;
	bool is_bpf = c->fn.decl && c->fn.decl->func.target == TARGET_BPF;

	if (type_is_ctx_pointer(t) || s->expr->kind == EXPR_NULL)
		return false;
	if (is_bpf)
		delete_in_bpf(c, s);
	else if (!is_module_code(c))
		use_user_only(c, s->where, "`delete` of an object");
	return true;
}

/* ---- addresses of locals ---- */

static const struct decl *block_local(const struct block *b, uint32_t depth);

enum { MAX_DEPTH = 16 }; // how far an expression is followed

/* The local or parameter whose address e gives, or NULL. */
static const struct decl *local_in(const struct expr *e, uint32_t depth)
{
	const struct decl *d = NULL;

	if (!e || depth > MAX_DEPTH || !e->type)
		return NULL;
	switch ((int)e->kind) {
	case EXPR_UNARY:
		return e->unary.op == UNARY_ADDR ? place_root(e->unary.operand) : NULL;
	case EXPR_CONVERT:
		return local_in(e->convert.operand, depth + 1);
	case EXPR_CAST:
		return local_in(e->cast.operand, depth + 1);
	case EXPR_BINARY:
		if (e->type->kind != TYPE_POINTER)
			return NULL;
		d = local_in(e->binary.left, depth + 1);
		return d ? d : local_in(e->binary.right, depth + 1);
	case EXPR_NAME:
		d = e->name.decl;
		if (d && d->kind == DECL_LOCAL && d->type->kind == TYPE_POINTER &&
		    !d->variable.is_assigned)
			return local_in(d->variable.init, depth + 1);
		return NULL;
	case EXPR_STRUCT:
		for (uint32_t i = 0; !d && i < e->literal.fields.len; i++)
			d = local_in(e->literal.fields.data[i].value, depth + 1);
		return d;
	case EXPR_MATCH:
		for (uint32_t i = 0; !d && i < e->match.arms.len; i++) {
			d = local_in(e->match.arms.data[i].value, depth + 1);
			d = d ? d : block_local(e->match.arms.data[i].body, depth + 1);
		}
		return d;
	case EXPR_IF:
		d = block_local(e->conditional.then, depth + 1);
		return d ? d : block_local(e->conditional.otherwise, depth + 1);
	default:
		return NULL;
	}
}

static const struct decl *block_local(const struct block *b, uint32_t depth)
{
	const struct stmt *last = b && b->stmts.len ? b->stmts.data[b->stmts.len - 1] : NULL;

	return last && last->kind == STMT_EXPR ? local_in(last->expr, depth) : NULL;
}

void check_returned_address(struct checker *c, const struct expr *e)
{
	const struct decl *f = c->fn.decl;

	if (f->func.role == ROLE_HELPER || e->type->kind == TYPE_ERROR)
		return;
	const struct decl *local = local_in(e, 0);
	if (!local)
		return;
	struct diag *d = diag_report(c->diags, D_RETURNED_ADDRESS, e->where, NAME(c, local->name),
				     NAME(c, f->name));
	report_declared(c, d, local);
}
