/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of helpers: which kinds of values each takes, and what is noted of them for the call.
 * After check_func_arg(), check_reg_type() and check_helper_mem_access(), kernel/bpf/verifier.c, Linux
 * 6.12.117.
 */
#include <string.h>

#include "bpf-backend/verify/rules.h"

enum { MAX_VAR_SIZE = 1 << 29 };

/* ---- memory ---- */

static bool refuse_memory(struct verifier *v, unsigned reg)
{
	char kind[96];
	const struct reg *r = reg_at(v, reg);
	verify_describe_kind(v, r, kind);
	if (r->flags & REG_NULLABLE)
		return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
				     "the pointer passed in r%u may be null (%s)", reg, kind);
	return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
			     "r%u should point to memory but holds %s", reg, kind);
}

static bool check_writable_memory(struct verifier *v, unsigned reg, enum access access)
{
	const struct reg *r = reg_at(v, reg);
	if (access == ACCESS_WRITE && (r->flags & REG_RDONLY || r->kind == REG_MAP_KEY))
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "the memory in r%u cannot be written", reg);
	return true;
}

bool verify_check_helper_memory(struct verifier *v, unsigned reg, int64_t size, enum access access,
				bool zero_ok, struct raw_memory *raw)
{
	const struct reg *r = reg_at(v, reg);
	switch ((enum reg_kind)r->kind) {
	case REG_PACKET:
	case REG_PACKET_META:
		return verify_check_packet_region(v, reg, r->off, size, zero_ok);
	case REG_MAP_KEY:
		return check_writable_memory(v, reg, access) &&
		       verify_check_region(v, reg, r->off, size, r->map->key_size, false);
	case REG_MAP_VALUE:
		return verify_check_map_access(v, r, reg, access) &&
		       verify_check_map_region(v, reg, r->off, size, zero_ok, true);
	case REG_MEM:
		return check_writable_memory(v, reg, access) &&
		       verify_check_region(v, reg, r->off, size, r->size, zero_ok);
	case REG_BUF:
		return check_writable_memory(v, reg, access) &&
		       verify_check_buffer(v, r, reg, r->off);
	case REG_STACK:
		return verify_check_stack_range(v, reg, r->off, size, zero_ok, true, access, raw);
	case REG_OBJECT:
		return verify_access_object(v, reg, r->off, (unsigned)size, ACCESS_READ, -1);
	case REG_CTX:
		if (!(v->rules->flags & PROGRAM_CONTEXT_IS_MEMORY))
			break;
		if (!size)
			return zero_ok || verify_refuse(v, VERIFY_SIZE, (int)reg,
							"memory of size zero is passed");
		return verify_access_memory(v, reg, size - 1, 1, access, -1, false, false);
	case REG_NONE:
	case REG_SCALAR:
	case REG_MAP:
	case REG_PACKET_END:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_TP_BUFFER:
	case REG_ARENA:
	case REG_FUNC:
	case REG_DYNPTR:
	case REG_KIND_COUNT:
		break;
	}
	if (zero_ok && !size && reg_is_null(r))
		return true;
	return refuse_memory(v, reg);
}

bool verify_check_size(struct verifier *v, unsigned reg, enum access access, bool zero_ok,
		       struct call *call)
{
	const struct scalar *s = &reg_at(v, reg)->v;
	struct raw_memory *raw = call ? &call->raw : NULL;
	if (call)
		call->size_max = s->wide.umax;
	if (!scalar_is_const(s, 64))
		raw = NULL;
	if (s->wide.smin < 0)
		return verify_refuse(v, VERIFY_SIZE, (int)reg, "the size in r%u may be negative",
				     reg);
	if (!s->wide.umin && !zero_ok)
		return verify_refuse(v, VERIFY_SIZE, (int)reg, "the size in r%u may be zero", reg);
	if (s->wide.umax >= MAX_VAR_SIZE)
		return verify_refuse(v, VERIFY_SIZE, (int)reg, "the size in r%u has no upper bound",
				     reg);
	return verify_check_helper_memory(v, reg - 1, (int64_t)s->wide.umax, access, zero_ok,
					  raw) &&
	       verify_need_value(v, reg);
}

/* Memory of a type's size that may be read and written; null is fine. */
bool verify_check_memory_argument(struct verifier *v, unsigned reg, uint32_t size)
{
	struct reg *r = reg_at(v, reg), saved = *r;
	if (reg_is_null(r))
		return true;
	if (r->flags & REG_NULLABLE)
		verify_set_not_null(v, r);
	bool ok = verify_check_helper_memory(v, reg, size, ACCESS_READ, true, NULL) &&
		  verify_check_helper_memory(v, reg, size, ACCESS_WRITE, true, NULL);
	if (saved.flags & REG_NULLABLE)
		*reg_at(v, reg) = saved;
	return ok;
}

bool verify_check_constant_string(struct verifier *v, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	int64_t off = r->off + (int64_t)r->v.bits.value;
	if (r->kind != REG_MAP_VALUE || !is_map_frozen(r->map) || !r->map->data)
		return verify_refuse(v, VERIFY_CONSTANT, (int)reg,
				     "r%u should point to a constant string", reg);
	if (!scalar_is_const(&r->v, 64))
		return verify_refuse(v, VERIFY_CONSTANT, (int)reg,
				     "r%u points to a string at a variable place", reg);
	if (!verify_check_map_region(v, reg, r->off, (int64_t)r->map->value_size - r->off, false,
				     true))
		return false;
	if (!memchr(r->map->data + off, 0, r->map->value_size - (size_t)off))
		return verify_refuse(v, VERIFY_CONSTANT, (int)reg, "the string in r%u does not end",
				     reg);
	return true;
}

/* ---- kinds ---- */

struct kind_rule {
	uint8_t kind;
	uint16_t flags;
};

/* Kinds that an argument takes, up to a REG_NONE. */
static const struct kind_rule *accepted_kinds(unsigned base)
{
	static const struct kind_rule memory[] = {
		{REG_STACK, 0},         {REG_PACKET, 0},    {REG_PACKET_META, 0},
		{REG_MAP_KEY, 0},       {REG_MAP_VALUE, 0}, {REG_MEM, 0},
		{REG_MEM, REG_RINGBUF}, {REG_BUF, 0},       {REG_OBJECT, REG_TRUSTED},
		{REG_CTX, 0},           {REG_NONE, 0}};
	static const struct kind_rule sockets[] = {{REG_SOCK_COMMON, 0}, {REG_SOCKET, 0},
						   {REG_TCP_SOCK, 0},    {REG_XDP_SOCK, 0},
						   {REG_OBJECT, 0},      {REG_OBJECT, REG_TRUSTED},
						   {REG_NONE, 0}};
	static const struct kind_rule plain_sockets[] = {{REG_SOCK_COMMON, 0},
							 {REG_SOCKET, 0},
							 {REG_TCP_SOCK, 0},
							 {REG_XDP_SOCK, 0},
							 {REG_NONE, 0}};
	static const struct kind_rule locks[] = {
		{REG_MAP_VALUE, 0}, {REG_OBJECT, REG_ALLOC}, {REG_NONE, 0}};
	static const struct kind_rule objects[] = {
		{REG_OBJECT, 0}, {REG_OBJECT, REG_TRUSTED}, {REG_OBJECT, REG_RCU}, {REG_NONE, 0}};
	static const struct kind_rule percpu[] = {{REG_OBJECT, REG_PERCPU},
						  {REG_OBJECT, REG_PERCPU | REG_RCU},
						  {REG_OBJECT, REG_PERCPU | REG_TRUSTED},
						  {REG_NONE, 0}};
	static const struct kind_rule dynptrs[] = {{REG_STACK, 0}, {REG_DYNPTR, 0}, {REG_NONE, 0}};
	static const struct kind_rule one[][2] = {
		[PROTO_NUMBER] = {{REG_SCALAR, 0}},    [PROTO_SIZE] = {{REG_SCALAR, 0}},
		[PROTO_SIZE0] = {{REG_SCALAR, 0}},     [PROTO_ALLOC_SIZE] = {{REG_SCALAR, 0}},
		[PROTO_MAP] = {{REG_MAP, 0}},          [PROTO_CTX] = {{REG_CTX, 0}},
		[PROTO_SOCKET] = {{REG_SOCKET, 0}},    [PROTO_RECORD] = {{REG_MEM, REG_RINGBUF}},
		[PROTO_FUNC] = {{REG_FUNC, 0}},        [PROTO_STACK] = {{REG_STACK, 0}},
		[PROTO_STRING] = {{REG_MAP_VALUE, 0}}, [PROTO_TIMER] = {{REG_MAP_VALUE, 0}},
		[PROTO_BASE_MASK] = {{REG_NONE, 0}},
	};
	switch (base) {
	case PROTO_KEY:
	case PROTO_VALUE:
	case PROTO_MEM:
		return memory;
	case PROTO_SOCK:
		return sockets;
	case PROTO_SOCK_COMMON:
		return plain_sockets;
	case PROTO_LOCK:
	case PROTO_KPTR:
		return locks;
	case PROTO_OBJECT:
		return objects;
	case PROTO_PERCPU:
		return percpu;
	case PROTO_DYNPTR:
		return dynptrs;
	default:
		return one[base];
	}
}

static const char *proto_text(unsigned base)
{
	static const char *const names[] = {
		[PROTO_NUMBER] = "a number",
		[PROTO_SIZE] = "a size",
		[PROTO_SIZE0] = "a size",
		[PROTO_ALLOC_SIZE] = "a constant size",
		[PROTO_MAP] = "a map",
		[PROTO_CTX] = "the context",
		[PROTO_KEY] = "memory with a key",
		[PROTO_VALUE] = "memory with a value",
		[PROTO_MEM] = "memory",
		[PROTO_SOCK] = "a socket",
		[PROTO_SOCK_COMMON] = "a socket",
		[PROTO_SOCKET] = "a full socket",
		[PROTO_OBJECT] = "a kernel object",
		[PROTO_FUNC] = "a function",
		[PROTO_STACK] = "a pointer to the stack",
		[PROTO_TIMER] = "a timer in a map value",
		[PROTO_LOCK] = "a lock",
		[PROTO_STRING] = "a constant string",
		[PROTO_RECORD] = "a record of a ring buffer",
		[PROTO_PERCPU] = "a per-CPU variable",
		[PROTO_KPTR] = "a pointer field of a map value",
		[PROTO_DYNPTR] = "a dynptr",
		[PROTO_BASE_MASK] = NULL,
	};
	return names[base] ? names[base] : "another value";
}

static bool check_object_kind(struct verifier *v, struct call *call, unsigned reg, uint32_t arg,
			      const struct btf *object_btf, uint32_t object)
{
	const struct reg *r = reg_at(v, reg);
	bool is_exchange = call && call->helper == 194;
	if (r->flags & REG_NULLABLE && (!(arg & PROTO_NULLABLE) || arg & PROTO_RELEASE) &&
	    !(r->flags & (REG_ALLOC | REG_PERCPU)))
		return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
				     "the pointer passed in r%u may be null", reg);
	if (r->flags & (REG_ALLOC | REG_PERCPU)) {
		if (is_exchange && reg == 2)
			return verify_match_kptr(v, call->kptr, r, reg);
		return true;
	}
	if (is_exchange)
		return reg != 2 || verify_match_kptr(v, call->kptr, r, reg);
	bool is_strict = arg & PROTO_RELEASE && (!call || call->helper != 86);
	if (object &&
	    !verify_struct_contains(r->btf, r->type, r->off, object_btf, object, is_strict)) {
		char kind[96];
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "r%u should hold a `struct %s` but holds %s", reg,
				     btf_get_type(object_btf, object).name,
				     verify_describe_kind(v, r, kind));
	}
	return true;
}

bool verify_check_argument_kind(struct verifier *v, struct call *call, unsigned reg, uint32_t arg,
				const struct btf *object_btf, uint32_t object)
{
	const struct reg *r = reg_at(v, reg);
	unsigned base = proto_base(arg);
	unsigned flags = r->flags;
	char kind[96];
	if (arg & PROTO_RDONLY)
		flags &= ~(unsigned)REG_RDONLY;
	if (arg & PROTO_NULLABLE)
		flags &= ~(unsigned)REG_NULLABLE;
	if (base == PROTO_MEM)
		flags &= ~(unsigned)(REG_DYN_SKB | REG_DYN_XDP);
	if (call && call->helper == 194 && reg == 2 && flags & REG_ALLOC)
		flags &= ~(unsigned)(REG_ALLOC | REG_PERCPU);
	const struct kind_rule *rule = accepted_kinds(base);
	bool is_memory = base == PROTO_KEY || base == PROTO_VALUE || base == PROTO_MEM;
	while (rule->kind != REG_NONE && (rule->kind != r->kind || rule->flags != flags))
		rule++;
	if (rule->kind == REG_NONE ||
	    (rule->kind == REG_CTX && is_memory && !v->model.context_as_memory)) {
		verify_describe_kind(v, r, kind);
		if (r->flags & REG_NULLABLE && !(arg & PROTO_NULLABLE))
			return verify_refuse(v, VERIFY_NULLABLE, (int)reg,
					     "r%u should hold %s but may be null (%s)", reg,
					     proto_text(base), kind);
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "r%u should hold %s but holds %s", reg, proto_text(base),
				     kind);
	}
	if (r->kind != REG_OBJECT)
		return true;
	if (is_memory) {
		if (arg & PROTO_RDONLY)
			return true;
		return verify_refuse(v, VERIFY_READ_ONLY, (int)reg,
				     "an object of the kernel would be written");
	}
	return check_object_kind(v, call, reg, arg, object_btf, object);
}

bool verify_check_argument_offset(struct verifier *v, const struct reg *r, unsigned reg,
				  uint32_t arg)
{
	if (arg & PROTO_RELEASE) {
		if (proto_base(arg) == PROTO_DYNPTR && r->kind == REG_STACK)
			return true;
		if (r->off)
			return verify_refuse(
				v, VERIFY_RELEASE, (int)reg,
				"the pointer in r%u was moved by %d before it is released", reg,
				r->off);
		return verify_check_no_offset(v, r, reg, false);
	}
	unsigned flags = r->flags;
	switch ((enum reg_kind)r->kind) {
	case REG_STACK:
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_ARENA:
	case REG_SCALAR:
		return true;
	case REG_MEM:
	case REG_BUF:
		if (!(flags & ~(unsigned)(REG_RDONLY | REG_RINGBUF | REG_UNTRUSTED)))
			return true;
		break;
	case REG_OBJECT:
		return verify_check_no_offset(v, r, reg, true);
	case REG_CTX:
		if (proto_base(arg) == PROTO_MEM && v->model.context_as_memory)
			return verify_check_no_offset(v, r, reg, true);
		break;
	case REG_NONE:
	case REG_MAP:
	case REG_PACKET_END:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
	case REG_TP_BUFFER:
	case REG_FUNC:
	case REG_DYNPTR:
	case REG_KIND_COUNT:
		break;
	}
	return verify_check_no_offset(v, r, reg, false);
}

/* ---- one argument ---- */

static bool note_release(struct verifier *v, struct call *call, unsigned reg, uint32_t arg)
{
	struct reg *r = reg_at(v, reg);
	if (proto_base(arg) == PROTO_DYNPTR) {
		const struct reg *d = r->kind == REG_STACK ? verify_dynptr_state(v, r) : NULL;
		if (!d || !d->ref)
			return verify_refuse(v, VERIFY_RELEASE, (int)reg,
					     "r%u is no dynptr that holds a reference", reg);
	} else if (!r->ref && !reg_is_null(r)) {
		return verify_refuse(v, VERIFY_RELEASE, (int)reg,
				     "r%u holds no reference that could be released", reg);
	}
	call->release_reg = reg;
	return true;
}

static bool check_timer(struct verifier *v, struct call *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	if (!scalar_is_const(&r->v, 64) ||
	    !verify_find_field(verify_fields_of_map(v, r->map), FIELD_BIT(FIELD_TIMER),
			       r->off + (int64_t)r->v.bits.value))
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "r%u does not point to a timer", reg);
	call->map = r->map;
	call->map_uid = r->map_uid;
	return true;
}

static bool check_kptr_field(struct verifier *v, struct call *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	int64_t off = r->off + (int64_t)r->v.bits.value;
	if (!scalar_is_const(&r->v, 64))
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "the pointer field in r%u is not at a constant offset", reg);
	const struct field *f = verify_find_field(verify_fields_of_reg(v, r), FIELD_KPTRS, off);
	if (!f || (f->kind != FIELD_KPTR_REF && f->kind != FIELD_KPTR_PERCPU))
		return verify_refuse(v, VERIFY_SPECIAL_FIELD, (int)reg,
				     "r%u does not point to a field with a counted pointer", reg);
	call->kptr = f;
	if (r->kind == REG_MAP_VALUE)
		call->map = r->map;
	return true;
}

static bool note_map(struct verifier *v, struct call *call, unsigned reg)
{
	const struct reg *r = reg_at(v, reg);
	if (call->map && (call->map != r->map || call->map_uid != r->map_uid))
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "the timer belongs to another map than the one in r%u", reg);
	call->map = r->map;
	call->map_uid = r->map_uid;
	return true;
}

/* The key on the stack when it is one constant; -1 otherwise. */
static int64_t find_constant_key(struct verifier *v, const struct call *call, const struct reg *r)
{
	enum { ARRAY = 2, PERCPU_ARRAY = 6 };
	uint32_t size = call->map->key_size;
	if (!v->model.constant_keys || r->kind != REG_STACK || !scalar_is_const(&r->v, 64) ||
	    (call->map->type != ARRAY && call->map->type != PERCPU_ARRAY))
		return -1;
	int64_t place = -(r->off + (int64_t)r->v.bits.value) - 1;
	uint32_t slot = (uint32_t)(place / 8), zeros = 0, spilled = 0;
	const struct slot *s = &frame_of(v, r)->slots[slot];
	for (int64_t i = place % 8; i >= 0 && s->bytes[i] == SLOT_ZERO; i--)
		zeros++;
	if (zeros >= size)
		return 0;
	for (int64_t i = place % 8; i >= 0 && s->bytes[i] == SLOT_SPILL; i--)
		spilled++;
	if (!slot_is_scalar(s) || spilled != size || !scalar_is_const(&s->reg.v, 64))
		return -1;
	int64_t key = (int64_t)s->reg.v.bits.value;
	return verify_need_slot(v, r->frame, slot) ? key : -1;
}

static bool check_map_memory(struct verifier *v, struct call *call, unsigned reg, uint32_t arg)
{
	bool is_key = proto_base(arg) == PROTO_KEY;
	if (arg & PROTO_NULLABLE && reg_is_null(reg_at(v, reg)))
		return true;
	if (!call->map)
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg, "no map is given");
	if (is_key) {
		if (!verify_check_helper_memory(v, reg, call->map->key_size, ACCESS_READ, false,
						NULL))
			return false;
		call->key = find_constant_key(v, call, reg_at(v, reg));
		return true;
	}
	call->raw.is_raw = arg & PROTO_UNINIT;
	return verify_check_helper_memory(v, reg, call->map->value_size,
					  arg & PROTO_WRITE ? ACCESS_WRITE : ACCESS_READ, false,
					  &call->raw);
}

static bool check_content(struct verifier *v, struct call *call, unsigned number, uint32_t arg)
{
	unsigned reg = number + 1;
	struct reg *r = reg_at(v, reg);
	uint32_t before = number ? call->proto->args[number - 1] : 0;
	enum access access = before & PROTO_WRITE ? ACCESS_WRITE : ACCESS_READ;
	uint32_t bytes = arg >> PROTO_SIZE_SHIFT;
	switch (proto_base(arg)) {
	case PROTO_MAP:
		return note_map(v, call, reg);
	case PROTO_KEY:
	case PROTO_VALUE:
		return check_map_memory(v, call, reg, arg);
	case PROTO_PERCPU:
		call->result_btf = r->btf;
		call->result_type = r->type;
		return true;
	case PROTO_LOCK:
		return verify_lock_spin(v, reg, call->helper == 93);
	case PROTO_TIMER:
		return check_timer(v, call, reg);
	case PROTO_FUNC:
		call->function = r->function;
		return true;
	case PROTO_MEM:
		call->raw.is_raw = arg & PROTO_UNINIT;
		if (!(arg & PROTO_IS_FIXED))
			return true;
		return verify_check_helper_memory(v, reg, bytes,
						  arg & PROTO_WRITE ? ACCESS_WRITE : ACCESS_READ,
						  false, &call->raw) &&
		       (!(arg & PROTO_ALIGNED) || verify_check_alignment(v, r, 0, bytes, true));
	case PROTO_SIZE:
	case PROTO_SIZE0:
		return verify_check_size(v, reg, access, proto_base(arg) == PROTO_SIZE0, call);
	case PROTO_DYNPTR:
		return verify_check_dynptr(v, reg, arg, 0);
	case PROTO_ALLOC_SIZE:
		if (!scalar_is_const(&r->v, 64))
			return verify_refuse(v, VERIFY_CONSTANT, (int)reg,
					     "the size in r%u is not a constant", reg);
		call->memory = r->v.bits.value;
		return verify_need_value(v, reg);
	case PROTO_STRING:
		return verify_check_constant_string(v, reg);
	case PROTO_KPTR:
		return check_kptr_field(v, call, reg);
	default:
		return true;
	}
}

/* What a value is depends on the map for some types. */
static bool resolve_value(struct verifier *v, struct call *call, uint32_t *arg)
{
	enum { SOCKMAP = 15, SOCKHASH = 18, BLOOM_FILTER = 30, MAP_PEEK = 89 };
	if (!call->map)
		return verify_refuse(v, VERIFY_ARGUMENT, -1, "no map is given");
	if (call->map->type == SOCKMAP || call->map->type == SOCKHASH) {
		if (*arg != PROTO_VALUE && *arg != (PROTO_VALUE | PROTO_RDONLY))
			return verify_refuse(v, VERIFY_MAP_KIND, -1,
					     "maps of sockets take sockets as values");
		*arg = PROTO_SOCK;
	} else if (call->map->type == BLOOM_FILTER && call->helper == MAP_PEEK) {
		*arg = PROTO_VALUE;
	}
	return true;
}

static uint32_t find_object(struct verifier *v, const char *name)
{
	if (!*name || !v->types)
		return 0;
	return btf_find(v->types, BTF_KIND_STRUCT, name);
}

bool verify_check_argument(struct verifier *v, struct call *call, unsigned number)
{
	unsigned reg = number + 1;
	uint32_t arg = call->proto->args[number];
	struct reg *r = reg_at(v, reg);
	if (!arg)
		return true;
	if (!verify_check_readable(v, reg))
		return false;
	if (arg == PROTO_ANY)
		return true;
	bool is_packet = r->kind == REG_PACKET || r->kind == REG_PACKET_META;
	if (is_packet && !((v->rules->flags & PROGRAM_READS_PACKET) &&
			   (call->is_packet_ok || v->code->type == PROG_CGROUP_SOCKOPT)))
		return verify_refuse(v, VERIFY_ARGUMENT, (int)reg,
				     "this helper takes no memory of the packet");
	if (proto_base(arg) == PROTO_VALUE && !resolve_value(v, call, &arg))
		return false;
	if (reg_is_null(r) && arg & PROTO_NULLABLE) {
		if (!verify_need_value(v, reg))
			return false;
	} else {
		const char *name =
			proto_base(arg) == PROTO_SOCK ? "sock_common" : call->proto->object;
		uint32_t object = r->kind == REG_OBJECT ? find_object(v, name) : 0;
		if (!verify_check_argument_kind(v, call, reg, arg, v->types, object) ||
		    !verify_check_argument_offset(v, r, reg, arg))
			return false;
	}
	if (arg & PROTO_RELEASE && !note_release(v, call, reg, arg))
		return false;
	if (r->ref && proto_base(arg) != PROTO_KPTR) {
		if (call->ref)
			return verify_refuse(v, VERIFY_RELEASE, (int)reg,
					     "two references are passed at once");
		call->ref = r->ref;
	}
	return check_content(v, call, number, arg);
}
