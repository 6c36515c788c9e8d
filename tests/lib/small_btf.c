/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/small_btf.h"

#include <stdlib.h>

struct maker {
	struct btf_builder *b;
	uint32_t u8, u16, u32, u64, i32, i64, boolean, character;
	uint32_t task, file, sock;
};

static void add_integers(struct maker *m)
{
	m->u8 = btf_add_int(m->b, "unsigned char", 1, 0);
	m->u16 = btf_add_int(m->b, "unsigned short", 2, 0);
	m->u32 = btf_add_int(m->b, "unsigned int", 4, 0);
	m->u64 = btf_add_int(m->b, "long unsigned int", 8, 0);
	m->i32 = btf_add_int(m->b, "int", 4, BTF_INT_IS_SIGNED);
	m->i64 = btf_add_int(m->b, "long int", 8, BTF_INT_IS_SIGNED);
	m->boolean = btf_add_int(m->b, "_Bool", 1, BTF_INT_IS_BOOL);
	m->character = btf_add_int(m->b, "char", 1, BTF_INT_IS_SIGNED);
}

static void add_enums(struct maker *m)
{
	btf_add_enum(m->b, "pid_type", 4, false);
	btf_add_enumerator(m->b, "PIDTYPE_PID", 0);
	btf_add_enumerator(m->b, "PIDTYPE_TGID", 1);
	btf_add_enum(m->b, "negative", 4, true);
	btf_add_enumerator(m->b, "BELOW_ZERO", (uint64_t)-5);
	btf_add_enum(m->b, "wide", 8, false);
	btf_add_enumerator(m->b, "VERY_LARGE", 1ull << 40);
}

/* Contexts of programs that the kernel's BTF describes. */
static void add_contexts(struct maker *m)
{
	uint32_t regs = btf_add_struct(m->b, "pt_regs", 168, false);
	btf_add_member(m->b, "di", m->u64, 112 * 8, 0);
	btf_add_struct(m->b, "bpf_perf_event_data", 184, false);
	btf_add_member(m->b, "regs", regs, 0, 0);
	btf_add_member(m->b, "sample_period", m->u64, 168 * 8, 0);
	btf_add_member(m->b, "addr", m->u64, 176 * 8, 0);
	uint32_t state = btf_add_struct(m->b, "nf_hook_state", 8, false);
	btf_add_member(m->b, "hook", m->u8, 0, 0);
	btf_add_member(m->b, "pf", m->u8, 8, 0);
	uint32_t to_state = btf_add_pointer(m->b, state);
	btf_add_struct(m->b, "bpf_nf_ctx", 16, false);
	btf_add_member(m->b, "state", to_state, 0, 0);
}

/* Anonymous members, bit-fields, a flexible array. */
static void add_records(struct maker *m)
{
	uint32_t bytes = btf_add_array(m->b, m->u8, m->u32, 16);
	uint32_t rest = btf_add_array(m->b, m->u8, m->u32, 0);
	uint32_t inner = btf_add_struct(m->b, "", 8, true);
	btf_add_member(m->b, "low", m->u32, 0, 0);
	btf_add_member(m->b, "all", m->u64, 0, 0);
	m->sock = btf_add_struct(m->b, "sock", 48, false);
	btf_add_member(m->b, "family", m->u16, 0, 0);
	btf_add_member(m->b, "state", m->u8, 16, 3);
	btf_add_member(m->b, "reuse", m->u8, 19, 1);
	btf_add_member(m->b, "", inner, 64, 0);
	btf_add_member(m->b, "address", bytes, 128, 0);
	btf_add_member(m->b, "protocol", m->i32, 256, 0);
	btf_add_member(m->b, "tail", rest, 288, 0);
	uint32_t name = btf_add_array(m->b, m->character, m->u32, 16);
	uint32_t to_task = btf_add_pointer(m->b, 0);
	m->task = btf_add_struct(m->b, "task_struct", 64, false);
	btf_add_member(m->b, "pid", m->i32, 0, 0);
	btf_add_member(m->b, "tgid", m->i32, 32, 0);
	btf_add_member(m->b, "comm", name, 64, 0);
	btf_add_member(m->b, "parent", to_task, 192, 0);
	btf_add_member(m->b, "flags", m->u64, 256, 0);
	btf_add_member(m->b, "exits", m->boolean, 320, 0);
	btf_set_target(m->b, to_task, m->task);
	m->file = btf_add_struct(m->b, "file", 16, false);
	btf_add_member(m->b, "f_mode", m->u32, 0, 0);
	btf_add_member(m->b, "f_pos", m->i64, 64, 0);
	btf_add_struct(m->b, "trace_event_raw_sys_enter", 64, false);
	btf_add_member(m->b, "id", m->i64, 64, 0);
	btf_add_member(m->b, "args", btf_add_array(m->b, m->u64, m->u32, 6), 128, 0);
	add_contexts(m);
}

static void add_functions(struct maker *m)
{
	uint32_t file = btf_add_pointer(m->b, m->file), text = btf_add_pointer(m->b, m->character);
	uint32_t sock = btf_add_pointer(m->b, m->sock);
	uint32_t proto = btf_add_func_proto(m->b, m->i64);
	btf_add_param(m->b, "file", file);
	btf_add_param(m->b, "buf", text);
	btf_add_param(m->b, "count", m->u64);
	btf_add_func(m->b, "vfs_read", proto, BTF_LINKAGE_STATIC);
	uint32_t connect = btf_add_func_proto(m->b, m->i32);
	btf_add_param(m->b, "sk", sock);
	btf_add_func(m->b, "tcp_connect", connect, BTF_LINKAGE_STATIC);
	uint32_t hook = btf_add_func_proto(m->b, m->i32);
	btf_add_param(m->b, "file", file);
	btf_add_func(m->b, "bpf_lsm_file_open", hook, BTF_LINKAGE_STATIC);
	uint32_t undersize = btf_add_func_proto(m->b, m->u32);
	btf_add_param(m->b, "sk", sock);
	uint32_t to_proto = btf_add_pointer(m->b, undersize);
	btf_add_struct(m->b, "tcp_congestion_ops", 32, false);
	btf_add_member(m->b, "ssthresh", to_proto, 0, 0);
	btf_add_member(m->b, "name", btf_add_array(m->b, m->character, m->u32, 16), 64, 0);
	btf_add_member(m->b, "flags", m->u32, 192, 0);
}

void small_btf_write(struct arena *arena, struct buf *out)
{
	struct maker m = {.b = btf_builder_new(arena)};

	add_integers(&m);
	add_enums(&m);
	add_records(&m);
	add_functions(&m);
	btf_write(m.b, out);
}

const struct btf *small_btf_make(struct arena *arena)
{
	struct btf *btf = ARENA_NEW(arena, struct btf);
	const char *why;
	struct buf bytes;

	buf_init(&bytes);
	small_btf_write(arena, &bytes);
	const void *copy = arena_copy(arena, bytes.data, bytes.len);
	if (btf_open(btf, copy, bytes.len, arena, &why))
		abort();
	buf_fini(&bytes);
	return btf;
}
