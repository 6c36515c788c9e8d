/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of functions of the kernel. What each wants follows from its type and from the suffix of
 * its name (`__k`, `__sz`, `__map` …, Documentation/bpf/kfuncs.rst). After check_kfunc_args() and
 * get_kfunc_ptr_arg_type(), kernel/bpf/verifier.c, Linux 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/kfunc.h"

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len >= tail && !strcmp(name + len - tail, suffix);
}

static bool is_number(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	return kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64;
}

bool verify_is_scalar_struct(const struct btf *btf, uint32_t id, int depth)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	if ((kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) || depth > 3)
		return false;
	struct btf_type type = btf_get_type(btf, id);
	for (uint32_t i = 0; i < type.count; i++) {
		uint32_t element, index, count,
			member = program_strip(btf, btf_get_item(btf, &type, i).type);
		kind = member ? btf_kind_of(btf, member) : 0;
		if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) {
			if (!verify_is_scalar_struct(btf, member, depth + 1))
				return false;
			continue;
		}
		if (kind == BTF_KIND_ARRAY) {
			struct btf_type array = btf_get_type(btf, member);
			btf_get_array(&array, &element, &index, &count);
			if (!count)
				return false;
			member = program_strip(btf, element);
		}
		if (!is_number(btf, member))
			return false;
	}
	return true;
}

/* ---- numbers ---- */

static bool check_number(struct verifier *v, struct kcall *call, unsigned reg, const char *name)
{
	const struct reg *r = reg_at(v, reg);
	bool is_size = !strcmp(name, "rdonly_buf_size") || !strcmp(name, "rdwr_buf_size");
	if (r->kind != REG_SCALAR)
		return verify_refuse(v, r->kind ? VERIFY_ARGUMENT : VERIFY_UNINIT, (int)reg,
				     "r%u should hold a number", reg);
	if (!is_size && !ends_with(name, "__k"))
		return true;
	if (!scalar_is_const(&r->v, 64))
		return verify_refuse(v, VERIFY_CONSTANT, (int)reg, "r%u should hold a constant",
				     reg);
	if (is_size) {
		call->result_size = r->v.bits.value;
		call->result_is_rdonly = !strcmp(name, "rdonly_buf_size");
	} else {
		call->has_constant = true;
		call->constant = r->v.bits.value;
	}
	return verify_need_value(v, reg);
}

/* ---- pointers ---- */

static const char *name_of(const struct btf *btf, uint32_t id)
{
	return id ? btf_get_type(btf, id).name : "";
}

static bool is_context(const struct verifier *v, const char *type)
{
	bool is_skb = !strcmp(v->rules->context, "__sk_buff") && !strcmp(type, "sk_buff");
	bool is_xdp = !strcmp(v->rules->context, "xdp_md") && !strcmp(type, "xdp_buff");
	return *type && (!strcmp(type, v->rules->context) || is_skb || is_xdp);
}

static enum kernel_arg_kind kind_of(struct verifier *v, const struct kcall *call, unsigned number,
				    uint32_t target)
{
	const struct kfunc *k = call->kfunc;
	const struct btf *btf = v->types;
	const struct reg *r = reg_at(v, number + 1);
	struct btf_type proto = btf_get_type(btf, k->proto);
	const char *name = btf_get_item(btf, &proto, number).name, *type = name_of(btf, target);
	static const struct {
		const char *suffix;
		enum kernel_arg_kind kind;
	} suffixes[] = {{"__alloc", KARG_ALLOC}, {"__refcounted_kptr", KARG_REFCOUNTED},
			{"__iter", KARG_ITER},   {"__str", KARG_STRING},
			{"__map", KARG_MAP},     {"__irq_flag", KARG_IRQ}};
	static const struct {
		const char *type;
		enum kernel_arg_kind kind;
	} types[] = {{"bpf_dynptr", KARG_DYNPTR},         {"bpf_list_head", KARG_LIST_HEAD},
		     {"bpf_list_node", KARG_LIST_NODE},   {"bpf_rb_root", KARG_RB_ROOT},
		     {"bpf_rb_node", KARG_RB_NODE},       {"bpf_wq", KARG_WORKQUEUE},
		     {"bpf_res_spin_lock", KARG_RES_LOCK}};
	if (k->special == SPECIAL_CAST_TO_KERN_CTX || is_context(v, type))
		return KARG_CTX;
	if ((ends_with(name, "__nullable") || ends_with(name, "__opt")) && reg_is_null(r) &&
	    ends_with(name, "__nullable"))
		return KARG_NULL;
	if (k->flags & (KFUNC_ITER_NEW | KFUNC_ITER_NEXT | KFUNC_ITER_DESTROY) && !number)
		return KARG_ITER;
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		if (ends_with(name, suffixes[i].suffix))
			return suffixes[i].kind;
	}
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (!strcmp(types[i].type, type))
			return types[i].kind;
	}
	if (target && btf_kind_of(btf, target) == BTF_KIND_FUNC_PROTO)
		return KARG_CALLBACK;
	if (r->kind == REG_OBJECT || r->kind == REG_SOCKET || r->kind == REG_SOCK_COMMON ||
	    r->kind == REG_TCP_SOCK || r->kind == REG_MAP)
		return KARG_OBJECT;
	if (number + 1 < proto.count) {
		const char *next = btf_get_item(btf, &proto, number + 1).name;
		if ((ends_with(next, "__sz") || ends_with(next, "__szk")) &&
		    reg_at(v, number + 2)->kind == REG_SCALAR)
			return KARG_MEM_SIZE;
	}
	return KARG_MEM;
}

static bool check_trust(struct verifier *v, const struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	unsigned flags = call->kfunc->flags;
	char kind[96];
	if (!(flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU)) || verify_is_trusted(r))
		return true;
	if (flags & KFUNC_RCU && r->flags & REG_RCU)
		return true;
	return verify_refuse(
		v, VERIFY_ARGUMENT, (int)reg,
		"r%u may lead to something that is gone: only what the program was given "
		"or acquired can be passed (%s)",
		reg, verify_describe_kind(v, r, kind));
}

static uint32_t type_of_socket(const struct verifier *v, const struct reg *r)
{
	const char *name = r->kind == REG_SOCKET        ? "sock"
			   : r->kind == REG_SOCK_COMMON ? "sock_common"
			   : r->kind == REG_TCP_SOCK    ? "tcp_sock"
							: "bpf_map";
	return btf_find(v->types, BTF_KIND_STRUCT, name);
}

static bool check_object(struct verifier *v, struct kcall *call, unsigned reg, uint32_t target)
{
	const struct reg *r = reg_at(v, reg);
	char kind[96];
	verify_describe_kind(v, r, kind);
	bool is_plain = r->kind == REG_OBJECT;
	const unsigned safe = REG_ALLOC | REG_TRUSTED | REG_NON_OWNING;
	if (is_plain && r->flags & ~safe && !(r->flags & REG_RCU))
		return verify_refuse(v, r->flags & REG_NULLABLE ? VERIFY_NULLABLE : VERIFY_ARGUMENT,
				     (int)reg, "r%u should hold a valid object but holds %s", reg,
				     kind);
	const struct btf *btf = is_plain ? r->btf : v->types;
	uint32_t type = is_plain ? r->type : type_of_socket(v, r);
	const char *wanted = name_of(v->types, target),
		   *given = type ? btf_get_type(btf, type).name : "";
	bool is_alias = strlen(wanted) + 6 == strlen(given) && ends_with(given, "__init");
	bool is_strict = (call->kfunc->flags & KFUNC_RELEASE && r->ref) || is_alias;
	bool is_projection = (!strcmp(wanted, "__sk_buff") && !strcmp(given, "sk_buff")) ||
			     (!strcmp(wanted, "xdp_md") && !strcmp(given, "xdp_buff"));
	if (is_projection)
		return true;
	if (type && verify_struct_contains(btf, type, r->off, v->types, target, is_strict))
		return true;
	return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
			     "r%u should hold a `struct %s` but holds %s", reg, wanted, kind);
}

static bool check_allocated(struct verifier *v, struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	bool is_percpu = call->kfunc->special == SPECIAL_PERCPU_OBJ_DROP;
	unsigned wanted = REG_ALLOC | (is_percpu ? REG_PERCPU : 0u);
	if (r->kind != REG_OBJECT || r->flags != wanted)
		return verify_refuse(v, r->flags & REG_NULLABLE ? VERIFY_NULLABLE : VERIFY_ARGUMENT,
				     (int)reg,
				     "r%u should hold an object that the program allocated", reg);
	if (!r->ref)
		return verify_refuse(v, VERIFY_RELEASE, (int)reg, "r%u does not own the object",
				     reg);
	call->object_btf = r->btf;
	call->object_type = r->type;
	return true;
}

static bool check_dynptr_argument(struct verifier *v, struct kcall *call, unsigned reg,
				  const char *name)
{
	struct reg *r = reg_at(v, reg);
	uint32_t arg = PROTO_DYNPTR, clone_ref = 0;
	if (r->kind == REG_DYNPTR)
		arg |= PROTO_RDONLY;
	if (ends_with(name, "__uninit"))
		arg |= PROTO_UNINIT;
	switch (call->kfunc->special) {
	case SPECIAL_DYNPTR_FROM_SKB:
		arg |= PROTO_DYN_SKB;
		break;
	case SPECIAL_DYNPTR_FROM_XDP:
		arg |= PROTO_DYN_XDP;
		break;
	case SPECIAL_DYNPTR_FROM_META:
		arg |= PROTO_DYN_SKB_META;
		break;
	case SPECIAL_DYNPTR_CLONE:
		if (!(arg & PROTO_UNINIT))
			break;
		clone_ref = call->dynptr_ref;
		arg |= call->dynptr == DYNPTR_LOCAL      ? PROTO_DYN_LOCAL
		       : call->dynptr == DYNPTR_RINGBUF  ? PROTO_DYN_RINGBUF
		       : call->dynptr == DYNPTR_SKB      ? PROTO_DYN_SKB
		       : call->dynptr == DYNPTR_SKB_META ? PROTO_DYN_SKB_META
							 : PROTO_DYN_XDP;
		break;
	default:
		break;
	}
	if (!verify_check_dynptr(v, reg, arg, clone_ref))
		return false;
	if (!(arg & PROTO_UNINIT)) {
		const struct reg *d = verify_dynptr_state(v, reg_at(v, reg));
		call->dynptr = d->dynptr;
		call->dynptr_id = d->id;
		call->dynptr_ref = d->ref;
	}
	return true;
}

static bool check_memory_pair(struct verifier *v, struct kcall *call, unsigned reg,
			      const char *name, const char *size_name)
{
	struct reg *r = reg_at(v, reg), saved = *r;
	const struct reg *size = reg_at(v, reg + 1);
	if (!(reg_is_null(r) && (ends_with(name, "__opt") || ends_with(name, "__nullable")))) {
		if (r->flags & REG_NULLABLE)
			verify_set_not_null(v, r);
		bool ok = verify_check_size(v, reg + 1, ACCESS_READ, true, NULL) &&
			  verify_check_size(v, reg + 1, ACCESS_WRITE, true, NULL);
		if (saved.flags & REG_NULLABLE)
			*reg_at(v, reg) = saved;
		if (!ok)
			return false;
	}
	if (ends_with(size_name, "__szk")) {
		if (!scalar_is_const(&size->v, 64))
			return verify_refuse(v, VERIFY_CONSTANT, (int)reg + 1,
					     "r%u should hold a constant", reg + 1);
		call->has_constant = true;
		call->constant = size->v.bits.value;
	}
	return true;
}

static bool check_plain_memory(struct verifier *v, unsigned reg, uint32_t target)
{
	if (!is_number(v->types, target) && !verify_is_scalar_struct(v->types, target, 0)) {
		char kind[96];
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "r%u should hold a `struct %s` but holds %s", reg,
				     name_of(v->types, target),
				     verify_describe_kind(v, reg_at(v, reg), kind));
	}
	return verify_check_memory_argument(v, reg, program_type_size(v->types, target));
}

static bool check_refcounted(struct verifier *v, struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	if (r->kind != REG_OBJECT || !(r->flags & REG_ALLOC) || r->flags & REG_NULLABLE ||
	    !verify_has_field(verify_fields_of_reg(v, r), FIELD_BIT(FIELD_REFCOUNT)))
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "r%u holds no object with a reference count", reg);
	call->is_owning = !(r->flags & REG_NON_OWNING) && r->ref;
	call->object_btf = r->btf;
	call->object_type = r->type;
	return true;
}

static bool check_work_queue(struct verifier *v, struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	if (r->kind != REG_MAP_VALUE || r->flags & REG_NULLABLE ||
	    !verify_find_field(verify_fields_of_map(v, r->map), FIELD_BIT(FIELD_WORKQUEUE),
			       r->off + (int64_t)r->v.bits.value))
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "r%u should point to a work queue in a map value", reg);
	call->map = r->map;
	call->map_uid = r->map_uid;
	return true;
}

static bool check_map_pointer(struct verifier *v, struct kcall *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	if (r->kind == REG_OBJECT)
		return check_trust(v, call, reg) &&
		       check_object(v, call, reg, btf_find(v->types, BTF_KIND_STRUCT, "bpf_map"));
	if (r->kind != REG_MAP)
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg, "r%u should hold a map", reg);
	if (call->map && (call->map != r->map || call->map_uid != r->map_uid))
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "the work queue belongs to another map");
	call->map = r->map;
	call->map_uid = r->map_uid;
	return true;
}

static bool check_pointer(struct verifier *v, struct kcall *call, unsigned number, uint32_t target)
{
	unsigned reg = number + 1;
	struct reg *r = reg_at(v, reg);
	struct btf_type proto = btf_get_type(v->types, call->kfunc->proto);
	const char *name = btf_get_item(v->types, &proto, number).name;
	unsigned flags = call->kfunc->flags;
	if (!verify_check_readable(v, reg))
		return false;
	if (flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU) &&
	    (reg_is_null(r) || r->flags & REG_NULLABLE) && !ends_with(name, "__nullable"))
		return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
				     "the pointer passed in r%u may be null", reg);
	if (r->ref) {
		call->ref = r->ref;
		if (flags & KFUNC_RELEASE)
			call->release_reg = reg;
	}
	enum kernel_arg_kind kind = kind_of(v, call, number, target);
	if (kind == KARG_NULL)
		return true;
	if ((kind == KARG_ALLOC || kind == KARG_OBJECT) && !check_trust(v, call, reg))
		return false;
	uint32_t release = flags & KFUNC_RELEASE && r->ref ? PROTO_RELEASE : 0;
	if (!verify_check_argument_offset(v, r, reg, release))
		return false;
	switch (kind) {
	case KARG_CTX:
		if (r->kind != REG_CTX)
			return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
					     "r%u should hold the context", reg);
		return true;
	case KARG_ALLOC:
		return check_allocated(v, call, reg);
	case KARG_DYNPTR:
		return check_dynptr_argument(v, call, reg, name);
	case KARG_ITER:
		return verify_check_iterator(v, reg, call->kfunc, &call->iter_slot,
					     &call->iter_frame, &call->ref);
	case KARG_LIST_HEAD:
	case KARG_RB_ROOT:
		return verify_check_graph_root(v, call, reg, kind);
	case KARG_LIST_NODE:
	case KARG_RB_NODE:
		return verify_check_graph_node(v, call, reg, kind);
	case KARG_MAP:
		return check_map_pointer(v, call, reg);
	case KARG_OBJECT:
		return check_object(v, call, reg, target);
	case KARG_MEM:
		return check_plain_memory(v, reg, target);
	case KARG_MEM_SIZE:
		return check_memory_pair(v, call, reg, name,
					 btf_get_item(v->types, &proto, number + 1).name);
	case KARG_CALLBACK:
		call->function = r->function;
		return r->kind == REG_FUNC || verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
							    "r%u should hold a function", reg);
	case KARG_REFCOUNTED:
		return check_refcounted(v, call, reg);
	case KARG_STRING:
		return verify_check_constant_string(v, reg);
	case KARG_WORKQUEUE:
		return check_work_queue(v, call, reg);
	case KARG_IRQ:
		return verify_check_irq_flag(v, call, reg);
	case KARG_RES_LOCK:
		return verify_check_res_lock(v, call, reg);
	case KARG_NULL:
		break;
	}
	return true;
}

bool verify_check_kernel_arguments(struct verifier *v, struct kcall *call)
{
	const struct btf *btf = v->types;
	struct btf_type proto = btf_get_type(btf, call->kfunc->proto);
	if (proto.count > 5)
		return verify_refuse(v, VERIFY_KFUNC, -1, "`%s` has more than 5 parameters",
				     call->kfunc->name);
	for (uint32_t i = 0; i < proto.count; i++) {
		struct btf_item item = btf_get_item(btf, &proto, i);
		uint32_t id = program_strip(btf, item.type);
		if (ends_with(item.name, "__ign") || ends_with(item.name, "__prog"))
			continue;
		if (is_number(btf, id)) {
			if (!check_number(v, call, i + 1, item.name))
				return false;
			continue;
		}
		if (!id || btf_kind_of(btf, id) != BTF_KIND_PTR)
			return verify_refuse(v, VERIFY_KFUNC, -1,
					     "parameter %u of `%s` cannot be passed", i + 1,
					     call->kfunc->name);
		uint32_t target = program_strip(btf, btf_get_type(btf, id).type);
		bool is_pair = kind_of(v, call, i, target) == KARG_MEM_SIZE;
		if (!check_pointer(v, call, i, target))
			return false;
		i += is_pair;
	}
	if (call->kfunc->flags & KFUNC_RELEASE && !call->release_reg)
		return verify_refuse(v, VERIFY_RELEASE, -1,
				     "nothing that is passed to `%s` holds a reference",
				     call->kfunc->name);
	return true;
}
