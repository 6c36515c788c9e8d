/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What callbacks are called with, one function for each caller of callbacks. After the
 * set_*_callback_state() functions of kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/rules.h"

static void set_callback(struct frame *callee)
{
	callee->in_callback = true;
	callee->result_min = 0;
	callee->result_max = 1;
}

static void set_map_pointer(struct reg *r, enum reg_kind kind, const struct reg *from)
{
	reg_set_pointer(r, kind, 0);
	r->map = from->map;
	r->map_uid = from->map_uid;
}

bool verify_setup_loop_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				uint32_t at)
{
	(void)v;
	(void)at;
	reg_set_unknown(&callee->r[1]);
	callee->r[2] = caller->r[3];
	set_callback(callee);
	return true;
}

bool verify_setup_map_callback(struct verifier *v, struct frame *caller, struct frame *callee,
			       uint32_t at)
{
	static const uint8_t walkable[] = {1, 2, 5, 6, 9, 10, 33};
	const struct program_map *map = v->notes[at].map;
	bool ok = false;
	for (size_t i = 0; i < sizeof walkable; i++)
		ok |= map && walkable[i] == map->type;
	if (!ok || map->type == 33)
		return verify_refuse(v, VERIFY_MAP_KIND, 1,
				     "the entries of this map cannot be walked");
	callee->r[1] = caller->r[1];
	set_map_pointer(&callee->r[2], REG_MAP_KEY, &caller->r[1]);
	set_map_pointer(&callee->r[3], REG_MAP_VALUE, &caller->r[1]);
	callee->r[4] = caller->r[3];
	set_callback(callee);
	return true;
}

bool verify_setup_timer_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				 uint32_t at)
{
	(void)v;
	(void)at;
	const struct reg *timer = &caller->r[1];
	set_map_pointer(&callee->r[1], REG_MAP, timer);
	set_map_pointer(&callee->r[2], REG_MAP_KEY, timer);
	set_map_pointer(&callee->r[3], REG_MAP_VALUE, timer);
	callee->in_async = true;
	callee->result_min = 0;
	callee->result_max = 1;
	return true;
}

bool verify_setup_vma_callback(struct verifier *v, struct frame *caller, struct frame *callee,
			       uint32_t at)
{
	(void)at;
	callee->r[1] = caller->r[1];
	reg_set_pointer(&callee->r[2], REG_OBJECT, 0);
	callee->r[2].btf = v->types;
	callee->r[2].type = v->types ? btf_find(v->types, BTF_KIND_STRUCT, "vm_area_struct") : 0;
	callee->r[3] = caller->r[4];
	set_callback(callee);
	return callee->r[2].type ||
	       verify_refuse(v, VERIFY_TYPES, -1, "the kernel has no `struct vm_area_struct`");
}

bool verify_setup_drain_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				 uint32_t at)
{
	(void)at;
	reg_set_pointer(&callee->r[1], REG_DYNPTR, 0);
	callee->r[1].dynptr = DYNPTR_LOCAL;
	callee->r[1].is_first = true;
	callee->r[1].id = ++v->ids;
	callee->r[2] = caller->r[3];
	set_callback(callee);
	return true;
}

static void set_node(struct verifier *v, struct reg *r, const struct field *root)
{
	reg_set_pointer(r, REG_OBJECT, REG_ALLOC | REG_NON_OWNING);
	r->btf = root->btf;
	r->type = root->type;
	r->off = (int32_t)root->node_offset;
	if (verify_has_field(verify_fields_of_type(v, root->btf, root->type),
			     FIELD_BIT(FIELD_REFCOUNT)))
		r->flags |= REG_RCU;
}

bool verify_setup_tree_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				uint32_t at)
{
	const struct reg *root = &caller->r[1];
	const struct field *f = verify_find_field(verify_fields_of_reg(v, root),
						  FIELD_BIT(FIELD_RB_ROOT), root->off);
	(void)at;
	if (!f)
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, 1,
				     "r1 does not point to the root of a tree");
	set_node(v, &callee->r[1], f);
	set_node(v, &callee->r[2], f);
	set_callback(callee);
	return true;
}
