/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 64-bit immediates (numbers, maps, values of maps, variables of the kernel, functions) and the loads of
 * packet data from before there were packet pointers. After check_ld_imm() and check_ld_abs(),
 * kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include "bpf-backend/verify/rules.h"

static bool load_variable(struct verifier *v, struct reg *r, uint32_t id)
{
	const struct btf *btf = v->types;
	uint32_t type = program_strip(btf, btf_get_type(btf, id).type);
	enum btf_kind kind = type ? btf_kind_of(btf, type) : 0;
	uint32_t percpu = btf_find(btf, BTF_KIND_DATASEC, ".data..percpu");
	struct btf_type section = percpu ? btf_get_type(btf, percpu) : (struct btf_type){0};
	bool is_percpu = false;
	for (uint32_t i = 0; i < section.count; i++)
		is_percpu |= btf_get_item(btf, &section, i).type == id;
	if (is_percpu || kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) {
		reg_set_pointer(r, REG_OBJECT, is_percpu ? REG_PERCPU : 0);
		r->btf = btf;
		r->type = type;
		return true;
	}
	reg_set_pointer(r, REG_MEM, REG_RDONLY);
	r->size = program_type_size(btf, type);
	return r->size ||
	       verify_refuse(v, VERIFY_TYPES, -1, "the variable of the kernel has no size");
}

static bool load_function(struct verifier *v, struct reg *r, int64_t target)
{
	int function = verify_find_function(v, target);
	if (function < 0 || !v->own)
		return verify_refuse(v, VERIFY_CALLBACK, -1,
				     "the types of the program do not describe its functions");
	if (v->functions[function].is_global)
		return verify_refuse(v, VERIFY_CALLBACK, -1,
				     "a callback must be a static function");
	if (!function)
		return verify_refuse(v, VERIFY_CALLBACK, -1,
				     "the program itself cannot be a callback");
	reg_set_pointer(r, REG_FUNC, 0);
	r->function = (uint32_t)function;
	return true;
}

bool verify_step_load_immediate(struct verifier *v, const struct bpf_record *i)
{
	enum { MAP = 1, MAP_VALUE = 2, VARIABLE = 3, FUNCTION = 4, ARENA = 33 };
	struct reg *r = reg_at(v, i->dst);
	if (!i->src) {
		reg_set_const(r, (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm);
		return true;
	}
	if (i->src == VARIABLE)
		return load_variable(v, r, (uint32_t)i->imm);
	if (i->src == FUNCTION)
		return load_function(v, r, (int64_t)v->at + i->imm + 1);
	const struct program_map *map = v->object->maps.data[i->imm];
	if (i->src == MAP_VALUE && map->type == ARENA) {
		reg_set_unknown(r);
		return true;
	}
	reg_set_pointer(r, i->src == MAP ? REG_MAP : REG_MAP_VALUE, 0);
	r->map = map;
	if (i->src == MAP_VALUE)
		r->off = i[1].imm;
	return true;
}

bool verify_step_legacy_load(struct verifier *v, const struct bpf_record *i)
{
	const struct state *s = v->current;
	(void)i;
	if (!(v->rules->flags & PROGRAM_LOADS_LEGACY))
		return verify_refuse(v, VERIFY_BAD_CODE, -1,
				     "this kind of program cannot load from the packet like this");
	for (uint32_t f = s->depth; f; f--) {
		if (s->frames[f]->in_callback)
			return verify_refuse(v, VERIFY_CALLBACK, -1,
					     "a callback cannot load from the packet like this");
	}
	for (uint32_t k = 0; k < s->ref_count; k++) {
		if (s->refs[k].kind == REF_POINTER && !s->depth)
			return verify_refuse(
				v, VERIFY_REFERENCE, -1,
				"such a load may end the program while a reference is held");
	}
	if (!verify_check_leaks(v, false, true, "a load that may end the program"))
		return false;
	if (reg_at(v, 6)->kind != REG_CTX)
		return verify_refuse(v, VERIFY_ARGUMENT, 6, "r6 should hold the context");
	if (!verify_check_no_offset(v, reg_at(v, 6), 6, false))
		return false;
	verify_clear_caller_saved(v);
	reg_set_unknown(reg_at(v, 0));
	if (!s->depth || !v->model.legacy_load_returns)
		return true;
	// Beyond the packet's end it leaves the function with 0.
	if (!verify_push_state(v, v->at + 1, (int32_t)v->at))
		return false;
	reg_set_const(reg_at(v, 0), 0);
	if (!verify_leave_function(v))
		return false;
	v->at--;
	return true;
}
