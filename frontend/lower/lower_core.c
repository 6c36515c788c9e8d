/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to structs of the kernel, whose layout the running kernel decides (CO-RE): the way from a
 * pointer to a field becomes a row of m->cores and a core_ptr. What the object's BTF says of such a
 * struct is its name, its size, and the members that some access names, in order of offset; libbpf
 * finds the others' namesakes in the running kernel.
 *
 *	task->se.vruntime    ->    %1 = core_ptr %task, ~0 ; load %1
 *	                           core 0 = field_offset dtype 7 local 192 path se vruntime
 *
 * Whether the pointer leads into the kernel at all is found out later (opt/kernel_pointers.c).
 */
#include "frontend/lower/lower_internal.h"

/* ---- types ---- */

uint32_t core_record(struct lower *lw, const struct type *type)
{
	uint64_t *known = map_insert(&lw->core_types, type->id);
	if (*known)
		return (uint32_t)*known - 1;
	uint32_t index = ir_add_dtype(lw->m, (struct ir_dtype){.kind = type->kind == TYPE_UNION
									       ? IR_DTYPE_UNION
									       : IR_DTYPE_STRUCT,
							       .name = type->name,
							       .size = type->size});
	*known = index + 1;
	return index;
}

/* Type of a member. libbpf compares kinds and, of numbers, sizes; pointers are all alike to it. */
static uint32_t core_type(struct lower *lw, const struct type *type)
{
	switch ((int)type->kind) {
	case TYPE_STRUCT:
	case TYPE_UNION:
		return core_record(lw, type);
	case TYPE_ARRAY: {
		uint64_t *known = map_insert(&lw->core_types, type->id);
		if (!*known) {
			uint32_t index = ir_add_dtype(
				lw->m, (struct ir_dtype){.kind = IR_DTYPE_ARRAY,
							 .target = core_type(lw, type->element),
							 .count = type->count,
							 .size = type->size});
			*map_insert(&lw->core_types, type->id) = index + 1;
			return index;
		}
		return (uint32_t)*known - 1;
	}
	case TYPE_POINTER:
	case TYPE_FUNC:
		return lower_dtype(lw, lw->program->types.program_handle); // a pointer to nothing
	default:
		return lower_dtype(lw, type);
	}
}

/* Makes a member of the struct known; members stay in order of offset. */
static void add_member(struct lower *lw, uint32_t record, const struct decl *field)
{
	uint32_t type = core_type(lw, field->type);
	struct ir_dtype *d = &lw->m->dtypes.data[record];
	uint32_t bit_offset = field->field.offset * 8 + field->field.bit_offset, at = 0;
	for (uint32_t i = 0; i < d->member_count; i++)
		if (d->members[i].name == field->name)
			return;
	struct ir_dmember *members =
		ARENA_ARRAY(lw->m->arena, struct ir_dmember, d->member_count + 1);
	while (at < d->member_count && d->members[at].bit_offset <= bit_offset)
		at++;
	for (uint32_t i = 0; i < d->member_count; i++)
		members[i < at ? i : i + 1] = d->members[i];
	members[at] = (struct ir_dmember){.name = field->name,
					  .type = type,
					  .bit_offset = bit_offset,
					  .bit_size = field->field.bit_width};
	d->members = members;
	d->member_count++;
}

/* ---- ways to fields ---- */

void core_begin(struct body *f, struct place *place, const struct type *type)
{
	if (f->target != IR_TARGET_BPF || !type_is_kernel(type) || !type->name)
		return;
	struct core_step *step = ARENA_NEW(f->m->arena, struct core_step);
	step->type = type;
	place->core = step;
}

static void enter_step(struct body *f, struct place *place, struct core_step step)
{
	struct core_step *copy = ARENA_NEW(f->m->arena, struct core_step);
	step.up = place->core;
	*copy = step;
	place->core = copy;
	uint32_t lowest = step.offset & (0 - step.offset);
	if (lowest && lowest < place->align)
		place->align = lowest;
}

void core_enter_field(struct body *f, struct place *place, const struct decl *field)
{
	enter_step(f, place,
		   (struct core_step){.type = field->type,
				      .field = field,
				      .offset = place->core->offset + field->field.offset});
	if (field->field.bit_width) {
		place->bits = field;
		place->bit_width = (uint8_t)field->field.bit_width;
		place->bit_offset = (uint8_t)field->field.bit_offset;
	}
}

void core_enter_element(struct body *f, struct place *place, const struct type *element,
			uint32_t index)
{
	uint32_t offset = place->core->offset + index * element->size;
	enter_step(f, place, (struct core_step){.type = element, .index = index, .offset = offset});
}

bool core_is_inside(const struct place *place)
{
	return place->core && place->core->up;
}

/* ---- rows ---- */

/* Does the verifier know what a pointer in this field leads to? */
static bool leads_to_object(const struct core_step *step)
{
	const struct type *t = step->type;
	return t->kind == TYPE_POINTER && type_is_kernel(t->element) && t->element->size &&
	       !(step->field && step->field->field.is_foreign);
}

static uint32_t core_row(struct body *f, enum ir_core_kind kind, const struct core_step *step,
			 uint64_t local)
{
	struct ir_core core = {.kind = kind, .local = local};
	const struct core_step *at;
	for (at = step; at->up; at = at->up)
		core.step_count++;
	core.dtype = core_record(f->lw, at->type);
	core.steps = ARENA_ARRAY(f->m->arena, struct ir_core_step, core.step_count + 1);
	uint32_t i = core.step_count;
	for (at = step; at->up; at = at->up) {
		if (at->field)
			add_member(f->lw, core_record(f->lw, at->up->type), at->field);
		core.steps[--i] = (struct ir_core_step){.name = at->field ? at->field->name : 0,
							.index = at->index};
	}
	core.is_object = kind == IR_CORE_FIELD_OFFSET && leads_to_object(step);
	return ir_add_core(f->m, core);
}

ir_ref core_address(struct body *f, const struct place *place, ir_ref base)
{
	uint32_t row = core_row(f, IR_CORE_FIELD_OFFSET, place->core, place->core->offset);
	return ir_emit_full(
		&f->b,
		(struct ir_insn){.op = IR_CORE_PTR, .type = IR_PTR, .a = base, .index = row});
}

ir_ref core_number(struct body *f, enum ir_core_kind kind, const struct type *type,
		   const struct core_step *step, uint64_t local)
{
	struct core_step whole = {.type = type};
	uint32_t row = core_row(f, kind, step ? step : &whole, local);
	return ir_emit_index(&f->b, IR_CORE, IR_I64, row);
}

ir_ref core_stride(struct body *f, const struct type *type)
{
	if (!type->name)
		return const64(f, type->size ? type->size : 1);
	return core_number(f, IR_CORE_TYPE_SIZE, type, NULL, type->size);
}

/* ---- values ---- */

static ir_ref probe(struct body *f, const char *helper, ir_ref to, ir_ref size, ir_ref from)
{
	ir_ref args[3] = {to, size, from};
	uint32_t callee = ir_add_extern(f->m, IR_EXTERN_HELPER, helper, IR_I64,
					IR_EFFECT_READS | IR_EFFECT_WRITES);
	return ir_emit_call(&f->b, IR_CALL_EXTERN, IR_VOID, callee, args, 3);
}

/* The bytes around the bit-field are loaded as the build's kernel has them; when the running kernel keeps
 * it in a unit of another size, that many are copied. The verifier drops the way not taken. */
static ir_ref load_unit(struct body *f, const struct place *place, const struct type *type)
{
	uint32_t slot = raw_slot(f, 8, 8), differs = new_block(f), same = new_block(f);
	uint32_t done = new_block(f);
	ir_ref from = place_base(f, place);
	ir_ref size = core_number(f, IR_CORE_FIELD_SIZE, NULL, place->core, type->size);
	store_word(f, slot, IR_I64, const64(f, 0));
	branch(f, ir_emit(&f->b, IR_EQ, IR_I32, size, const64(f, type->size)), same, differs,
	       IR_LIKELY_TRUE);
	start_block(f, same);
	enum ir_type word = type->size == 8 ? IR_I64 : IR_I32;
	ir_ref unit =
		ir_emit_load(&f->b, word, from, 0, ir_mem_aux(type->size, false, IR_SPACE_ANY));
	store_word(f, slot, IR_I64, to_register(f, unit, IR_I64, false));
	jump_to(f, done);
	start_block(f, differs);
	ir_ref to = slot_addr(f, slot);
	if (f->m->is_big_endian) // the unit is the low end of the word
		to = ir_emit(&f->b, IR_PTRADD, IR_PTR, to,
			     ir_emit(&f->b, IR_SUB, IR_I64, const64(f, 8), size));
	probe(f, "bpf_probe_read_kernel", to, size, from);
	jump_to(f, done);
	start_block(f, done);
	return load_word(f, slot, IR_I64);
}

ir_ref core_load_bits(struct body *f, const struct place *place, const struct type *type)
{
	const struct decl *field = place->bits;
	uint32_t above = f->m->is_big_endian
				 ? 64u - type->size * 8 + field->field.bit_offset
				 : 64u - field->field.bit_offset - field->field.bit_width;
	ir_ref unit = load_unit(f, place, type);
	ir_ref left = core_number(f, IR_CORE_FIELD_LSHIFT, NULL, place->core, above);
	ir_ref right = core_number(f, IR_CORE_FIELD_RSHIFT, NULL, place->core,
				   64u - field->field.bit_width);
	unit = ir_emit(&f->b, IR_SHL, IR_I64, unit, left);
	unit = ir_emit(&f->b, value_is_signed(type) ? IR_ASHR : IR_LSHR, IR_I64, unit, right);
	return to_register(f, unit, value_type(type), false);
}

void core_text_into(struct body *f, const struct place *to, const struct place *from,
		    const struct type *type)
{
	uint32_t done = from->guard_count ? new_block(f) : 0;
	zero_object(f, to, type->size);
	place_enter(f, from, done);
	probe(f, "bpf_probe_read_kernel_str", place_address(f, to), const64(f, type->size),
	      place_address(f, from));
	if (!from->guard_count)
		return;
	jump_to(f, done);
	start_block(f, done);
}

struct place core_text(struct body *f, const struct place *from, const struct type *type)
{
	struct place to = slot_place(f, new_slot(f, type, 0, f->b.where));
	core_text_into(f, &to, from, type);
	return to;
}

bool is_own_object(const struct place *place)
{
	return !place->guard_count && !place->entry && place->space == IR_SPACE_SLOT;
}

/* ---- memory of processes ---- */

ir_ref lower_memory_read(struct body *f, struct expr *call, const struct place *to)
{
	static const char *const helpers[] = {
		[BUILTIN_READ_USER] = "bpf_probe_read_user",
		[BUILTIN_READ_USER_STR] = "bpf_probe_read_user_str",
		[BUILTIN_READ_KERNEL_STR] = "bpf_probe_read_kernel_str",
	};
	const struct type *type = call->type;
	uint32_t size = type_is_aggregate(type) ? type->size : value_width(type);
	ir_ref from = to_register(f, lower_value(f, call->call.args.data[0]), IR_PTR, false);
	bool is_direct = to && is_own_object(to);
	struct place place = is_direct ? *to : slot_place(f, new_slot(f, type, 0, call->where));
	f->b.where = call->where;
	zero_object(f, &place, size); // a string leaves what follows it as it was
	probe(f, helpers[call->call.target->builtin.id], place_address(f, &place), const64(f, size),
	      from);
	if (!type_is_aggregate(type))
		return load_unguarded(f, &place, type);
	if (to && !is_direct)
		copy_object(f, to, &place, size);
	return IR_REF_NONE;
}
