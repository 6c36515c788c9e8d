/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts. Most are structs that the kernel rewrites, field by field (contexts.def); those of tracing
 * programs are the arguments of a function, described by the kernel's BTF.
 */
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/rules.h"

enum area {
	AREA_NONE,
#define AREA(id) AREA_##id,
#include "bpf-backend/verify/areas.def"
#undef AREA
};

enum group {
	NONE = 0,
	S = 1,
	C = 2,
	T = 4,
	L = 8,
	K = 16,
	D = 32,
	A = 64,
	P4 = 128,
	P6 = 256,
	A4 = 512,
	A6 = 1024,
	M4 = 2048,
	M6 = 4096,
	G = 8192,
	E = 16384,
	ALL = 0xffff,
};

enum width { W1, W2, W4, W8, N2, N4, N42, N8, WIDE4, ANY };

enum gives {
	SCALAR = REG_SCALAR,
	PACKET = REG_PACKET,
	PACKET_END = REG_PACKET_END,
	PACKET_META = REG_PACKET_META,
	FLOW_KEYS = REG_FLOW_KEYS,
	SOCKET = REG_SOCKET,
	TP_BUFFER = REG_TP_BUFFER,
	SOCKET_OR_NULL = REG_SOCKET | 0x80,
	SOCK_COMMON_OR_NULL = REG_SOCK_COMMON | 0x80,
};

static const struct context_field {
	uint16_t area, from, to, readers, writers;
	uint8_t width, gives;
} context_fields[] = {
#define FIELD(area, from, to, readers, writers, width, gives)                                      \
	{AREA_##area, from, to, readers, writers, width, gives},
#include "bpf-backend/verify/contexts.def"
#undef FIELD
};

static const uint8_t areas[] = {
#define READS 0
#define WRITES 0
#define LEGACY 0
#define TRACES 0
#define SLEEPABLE 0
#define MEMORY 0
#define PROGRAM(type, helpers, context, user, kernel, flags) [PROG_##type] = AREA_##context,
#include "bpf-backend/verify/programs.def"
#undef PROGRAM
#undef READS
#undef WRITES
#undef LEGACY
#undef TRACES
#undef SLEEPABLE
#undef MEMORY
};

/* Ways of attachment, enum bpf_attach_type. */
static unsigned group_of_address(uint32_t attach)
{
	switch (attach) {
	case 8:  // bind4
	case 10: // connect4
	case 19: // recvmsg4
	case 29: // getpeername4
	case 31: // getsockname4
		return A4;
	case 14: // sendmsg4
		return A4 | M4;
	case 9:
	case 11:
	case 20:
	case 30:
	case 32:
		return A6;
	case 15:
		return A6 | M6;
	default:
		return 0;
	}
}

static unsigned group_of(const struct verifier *v)
{
	uint32_t attach = v->code->attach;
	switch (v->code->type) {
	case PROG_SOCKET_FILTER:
		return S;
	case PROG_CGROUP_SKB:
		return C;
	case PROG_SCHED_CLS:
	case PROG_SCHED_ACT:
		return T;
	case PROG_LWT_IN:
	case PROG_LWT_OUT:
	case PROG_LWT_XMIT:
	case PROG_LWT_SEG6LOCAL:
		return L;
	case PROG_SK_SKB:
		return K;
	case PROG_XDP:
		return attach == 33 ? D : 0;
	case PROG_CGROUP_SOCK:
		return attach == 12 ? P4 : attach == 13 ? P6 : A;
	case PROG_CGROUP_SOCK_ADDR:
		return group_of_address(attach);
	case PROG_CGROUP_SOCKOPT:
		return attach == 21 ? G : E;
	default:
		return 0;
	}
}

static bool width_fits(const struct context_field *f, int64_t off, unsigned size, bool is_write)
{
	switch ((enum width)f->width) {
	case W1:
		return size == 1;
	case W2:
		return size == 2;
	case W4:
		return size == 4;
	case W8:
		return size == 8;
	case N2:
		return is_write ? size == 2 : size <= 2;
	case N4:
		return is_write ? size == 4 : size <= 4;
	case N42:
		return size == 4 || size == 2;
	case N8:
		return is_write ? size == 8 : size <= 8;
	case WIDE4:
		if (size == 8)
			return (off - f->from) % 4 == 0 && off + 8 <= f->to;
		return is_write ? size == 4 : size <= 4;
	case ANY:
		break;
	}
	return true;
}

static const struct context_field *find_context_field(enum area area, int64_t off)
{
	for (size_t i = 0; i < sizeof context_fields / sizeof context_fields[0]; i++) {
		const struct context_field *f = &context_fields[i];
		if (f->area == area && off >= f->from && off < f->to)
			return f;
	}
	return NULL;
}

static bool may_access(const struct context_field *f, unsigned group, int64_t off, unsigned size,
		       enum access access, bool is_signed)
{
	unsigned allowed = f ? (access == ACCESS_READ ? f->readers : f->writers) : NONE;
	if (allowed != ALL && !(allowed & group))
		return false;
	if (off % size || (f->gives != SCALAR && is_signed))
		return false;
	// An array of fields may not be left at its end.
	if (f->width == ANY && off + size > f->to)
		return false;
	return width_fits(f, off, size, access == ACCESS_WRITE);
}

/* Whether the release has the field at `off`, as far as the table of fields knows. */
static bool has_field(const struct verifier *v, int64_t off)
{
	const struct ctx_field *f;
	for (uint32_t i = 0; (f = kernel_ctx_field_at(v->rules->context, i)); i++) {
		if (off >= f->offset && off < f->offset + f->width * f->count)
			return f->kernel <= v->options->kernel;
	}
	return true;
}

static bool refuse_field(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			 enum access access)
{
	const struct ctx_field *f;
	const char *name = NULL;
	for (uint32_t i = 0; (f = kernel_ctx_field_at(v->rules->context, i)); i++) {
		if (off >= f->offset && off < f->offset + f->width * f->count)
			name = f->name;
	}
	const char *what = access == ACCESS_READ ? "read" : "written";
	if (name)
		return verify_refuse(
			v, VERIFY_CTX_ACCESS, (int)reg,
			"field `%s` of the context (%u bytes at offset %lld are touched) "
			"cannot be %s like this by this kind of program",
			name, size, (long long)off, what);
	return verify_refuse(v, VERIFY_CTX_ACCESS, (int)reg,
			     "%u bytes at offset %lld of the context cannot be %s by this kind of "
			     "program",
			     size, (long long)off, what);
}

/* ---- arguments described by BTF ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);
	return len > tail && !strcmp(name + len - tail, suffix);
}

/* The prototype that the program is called with; 0 when it is not known. */
static uint32_t target_prototype(const struct verifier *v)
{
	uint32_t id = v->code->attach_type_id;
	if (!id || !v->types)
		return 0;
	struct btf_type type = btf_get_type(v->types, id);
	id = type.type;
	while (id && btf_kind_of(v->types, id) == BTF_KIND_PTR)
		id = btf_get_type(v->types, id).type;
	if (type.kind == BTF_KIND_STRUCT) { // a member of an interface
		if (v->code->attach >= type.count)
			return 0;
		id = program_strip(v->types, btf_get_item(v->types, &type, v->code->attach).type);
		id = id && btf_kind_of(v->types, id) == BTF_KIND_PTR
			     ? program_strip(v->types, btf_get_type(v->types, id).type)
			     : 0;
	}
	return id && btf_kind_of(v->types, id) == BTF_KIND_FUNC_PROTO ? id : 0;
}

static bool is_small_number(const struct btf *btf, uint32_t id)
{
	enum btf_kind kind = id ? btf_kind_of(btf, id) : 0;
	uint32_t size = id ? btf_get_type(btf, id).size : 0;
	return (kind == BTF_KIND_INT && size <= 8) || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_STRUCT;
}

static unsigned pointer_tags(const struct btf *btf, uint32_t id)
{
	struct btf_type type = id ? btf_get_type(btf, id) : (struct btf_type){0};
	if (type.kind != BTF_KIND_TYPE_TAG)
		return 0;
	return !strcmp(type.name, "user")     ? REG_USER
	       : !strcmp(type.name, "percpu") ? REG_PERCPU
					      : 0u;
}

static bool args_are_trusted(const struct verifier *v)
{
	if (v->code->type == PROG_TRACING)
		return v->code->attach == 23 || v->code->attach == 28; // tp_btf, iterators
	return v->code->type == PROG_LSM || v->code->type == PROG_STRUCT_OPS ||
	       v->code->type == PROG_NETFILTER;
}

/* Sockets that a congestion control gets are TCP's: bpf_tcp_ca_is_valid_access(), Linux 6.12. */
static bool is_tcp_operation(const struct verifier *v)
{
	return v->code->type == PROG_STRUCT_OPS && v->code->attach_type_id &&
	       !strcmp(btf_get_type(v->types, v->code->attach_type_id).name, "tcp_congestion_ops");
}

static bool give_argument(struct verifier *v, int64_t off, unsigned size, uint32_t type_id,
			  const char *name, int value)
{
	const struct btf *btf = v->types;
	uint32_t id = program_strip(btf, type_id);
	if (is_small_number(btf, id)) {
		if (value >= 0)
			reg_set_unknown(reg_at(v, (unsigned)value));
		return true;
	}
	if (!id || btf_kind_of(btf, id) != BTF_KIND_PTR)
		return verify_refuse(v, VERIFY_CTX_ACCESS, -1, "argument `%s` cannot be read",
				     name);
	if (size != 8)
		return verify_refuse(v, VERIFY_CTX_ACCESS, -1,
				     "a pointer at offset %lld is read in part", (long long)off);
	uint32_t target = btf_get_type(btf, id).type, plain = program_strip(btf, target);
	enum btf_kind kind = plain ? btf_kind_of(btf, plain) : 0;
	if (value < 0)
		return true;
	struct reg *r = reg_at(v, (unsigned)value);
	bool is_iterator = v->code->type == PROG_TRACING && v->code->attach == 28 && off;
	if (is_iterator && !plain) { // a key or value, of the map's size
		reg_set_pointer(r, REG_BUF,
				REG_NULLABLE | (strcmp(name, "key") ? 0u : (unsigned)REG_RDONLY));
		r->id = ++v->ids;
		return true;
	}
	if (!plain || kind == BTF_KIND_INT) {
		reg_set_unknown(r);
		return true;
	}
	if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
		return verify_refuse(v, VERIFY_CTX_ACCESS, -1, "argument `%s` points to no struct",
				     name);
	unsigned flags = pointer_tags(btf, target);
	if (args_are_trusted(v))
		flags |= REG_TRUSTED;
	// At its end an iterator runs once more, with nothing.
	bool is_element =
		is_iterator && (strcmp(name, "map") || !strcmp(v->code->target, "bpf_map"));
	if (has_suffix(name, "__nullable") || has_suffix(name, "__nullable_arg") || is_element)
		flags |= REG_NULLABLE;
	reg_set_pointer(r, REG_OBJECT, flags);
	r->btf = btf;
	r->type = plain;
	if (is_tcp_operation(v) && !strcmp(btf_get_type(btf, plain).name, "sock"))
		r->type = btf_find(btf, BTF_KIND_STRUCT, "tcp_sock");
	if (flags & REG_NULLABLE)
		r->id = ++v->ids;
	return true;
}

static bool read_arguments(struct verifier *v, unsigned reg, int64_t off, unsigned size, int value)
{
	const struct btf *btf = v->types;
	uint32_t id = target_prototype(v);
	if (off < 0 || off >= 96 || off % size)
		return refuse_field(v, reg, off, size, ACCESS_READ);
	if (!id)
		return verify_refuse(v, VERIFY_ATTACH, (int)reg,
				     "the types of the kernel do not describe `%s`",
				     v->code->target);
	struct btf_type proto = btf_get_type(btf, id);
	bool is_raw = v->code->attach == 23;
	uint32_t number = (uint32_t)(off / 8) + is_raw;
	if (off % 8)
		return verify_refuse(v, VERIFY_CTX_ACCESS, (int)reg,
				     "offset %lld is not that of an argument", (long long)off);
	if (number < proto.count) {
		struct btf_item item = btf_get_item(btf, &proto, number);
		return give_argument(v, off, size, item.type, item.name, value);
	}
	uint32_t attach = v->code->attach;
	if (number > proto.count || (attach != 25 && attach != 26 && attach != 27 && attach != 43))
		return verify_refuse(v, VERIFY_CTX_ACCESS, (int)reg, "`%s` has no argument %u",
				     v->code->target, number + 1);
	return give_argument(v, off, size, proto.type, "result", value);
}

/* struct bpf_nf_ctx: two pointers to objects. */
static bool read_netfilter(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			   enum access access, int value)
{
	const char *name = off == 0 ? "nf_hook_state" : off == 8 ? "sk_buff" : NULL;
	uint32_t type = name && v->types ? btf_find(v->types, BTF_KIND_STRUCT, name) : 0;
	if (!type || size != 8 || access == ACCESS_WRITE)
		return refuse_field(v, reg, off, size, access);
	if (value >= 0)
		verify_set_object(v, (unsigned)value, REG_OBJECT, v->types, type, REG_TRUSTED);
	return true;
}

/* ---- the two ways in ---- */

static void give(struct verifier *v, int value, uint8_t gives)
{
	struct reg *r = reg_at(v, (unsigned)value);
	enum reg_kind kind = gives & 0x7f;
	bool is_nullable = gives & 0x80;
	if (kind == REG_SCALAR) {
		reg_set_unknown(r);
		return;
	}
	reg_set_pointer(r, kind, is_nullable ? REG_NULLABLE : 0);
	if (is_nullable)
		r->id = ++v->ids;
}

bool verify_access_context(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			   enum access access, int value, bool is_signed)
{
	enum area area = areas[v->rules->type];
	if (area != AREA_SYSCALL && !verify_check_no_offset(v, reg_at(v, reg), reg, false))
		return false;
	if (area == AREA_SYSCALL) {
		const struct reg *r = reg_at(v, reg);
		if (!verify_check_no_offset(v, r, reg, true))
			return false;
	}
	if (v->code->type == PROG_NETFILTER)
		return read_netfilter(v, reg, off, size, access, value);
	if (area == AREA_BTF) {
		if (access == ACCESS_WRITE)
			return refuse_field(v, reg, off, size, access);
		return read_arguments(v, reg, off, size, value);
	}
	const struct context_field *f = find_context_field(area, off);
	if (!f || !may_access(f, group_of(v), off, size, access, is_signed) || !has_field(v, off))
		return refuse_field(v, reg, off, size, access);
	if (access == ACCESS_READ && value >= 0)
		give(v, value, f->gives);
	return true;
}

bool verify_access_socket(struct verifier *v, unsigned reg, int64_t off, unsigned size)
{
	const struct reg *r = reg_at(v, reg);
	static const uint8_t of_kind[REG_KIND_COUNT] = {
		[REG_SOCKET] = AREA_SOCKET,
		[REG_SOCK_COMMON] = AREA_SOCK_COMMON,
		[REG_TCP_SOCK] = AREA_TCP_SOCK,
		[REG_XDP_SOCK] = AREA_XDP_SOCK,
	};
	if (r->v.wide.smin < 0)
		return verify_refuse(v, VERIFY_SIGN, (int)reg, "the offset may be negative");
	const struct context_field *f = find_context_field(of_kind[r->kind], off);
	if (!f || !may_access(f, 0, off, size, ACCESS_READ, false))
		return verify_refuse(v, VERIFY_CTX_ACCESS, (int)reg,
				     "%u bytes at offset %lld of a socket cannot be read", size,
				     (long long)off);
	return true;
}
