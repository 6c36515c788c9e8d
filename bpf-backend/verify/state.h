/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known at a point of a path: registers and stack of every frame, references held, locks.
 */
#ifndef KS_VERIFY_STATE_H
#define KS_VERIFY_STATE_H

#include "bpf-backend/program/program.h"
#include "bpf-backend/verify/range.h"

enum reg_kind {
#define KIND(id, text, words) REG_##id,
#include "bpf-backend/verify/kinds.def"
#undef KIND
	REG_KIND_COUNT
};

/* What else is known of a pointer. */
enum reg_flag {
	REG_NULLABLE = 1 << 0,
	REG_RDONLY = 1 << 1,
	REG_RINGBUF = 1 << 2,
	REG_USER = 1 << 3,
	REG_PERCPU = 1 << 4,
	REG_ALLOC = 1 << 5,
	REG_UNTRUSTED = 1 << 6,
	REG_TRUSTED = 1 << 7,
	REG_RCU = 1 << 8,
	REG_NON_OWNING = 1 << 9,
	REG_DYN_SKB = 1 << 10,
	REG_DYN_XDP = 1 << 11,
};

enum dynptr_type {
	DYNPTR_NONE,
	DYNPTR_LOCAL,
	DYNPTR_RINGBUF,
	DYNPTR_SKB,
	DYNPTR_XDP,
	DYNPTR_SKB_META,
};

enum iter_state { ITER_INVALID, ITER_ACTIVE, ITER_DRAINED };

/* Ranges of packet pointers that are compared with the end. */
enum { PACKET_AT_END = -1, PACKET_BEYOND_END = -2 };

/* Ids of equal scalars; the bit marks one that differs by a constant, kept in `off`. */
#define ID_PLUS_CONSTANT (UINT32_C(1) << 31)

struct reg {
	uint8_t kind; // enum reg_kind
	bool precise; // scalars: the value, not only the kind, was relied upon
	uint16_t flags;
	int32_t off; // known part of a pointer's offset
	union {
		struct {
			const struct program_map *map;
			uint32_t map_uid; // tells inner maps apart
		};
		struct {
			const struct btf *btf; // of the kernel or of the program
			uint32_t type;
			uint8_t iter; // enum iter_state
			uint8_t iter_depth;
		};
		struct {
			uint32_t size; // of memory
			uint32_t dynptr_id;
		};
		struct {
			uint8_t dynptr; // enum dynptr_type
			bool is_first;
		};
		int32_t range;     // of packet pointers: bytes that may be accessed
		uint32_t function; // of function pointers
		uint64_t raw[2];
	};
	struct scalar v; // value, or variable part of the offset
	uint32_t id;     // pointers: told apart or compared together; scalars: equal ones
	uint32_t ref;    // reference that it stands for
	uint32_t frame;  // of stack pointers
	uint32_t cause;  // step that set it (struct verify_step)
};

enum slot_byte { SLOT_INVALID, SLOT_SPILL, SLOT_MISC, SLOT_ZERO, SLOT_DYNPTR, SLOT_ITER, SLOT_IRQ };

/* Eight bytes of the stack: slot n ends at offset -8 * n. Byte i of it is at offset -8 * n - 1 - i, so
 * that byte 7 is the lowest. */
struct slot {
	struct reg reg;
	uint8_t bytes[8]; // enum slot_byte
};

enum { MAX_FRAMES = 8, MAX_STACK = 512, MAX_SLOTS = MAX_STACK / 8, FRAME_MAIN = UINT32_MAX };

struct frame {
	struct reg r[BPF_REG_COUNT];
	struct slot *slots;
	uint32_t slot_count, slot_cap;
	uint32_t callsite; // FRAME_MAIN in the first frame
	uint32_t number;
	uint32_t function;
	uint32_t async_count;
	uint32_t callback_depth;
	int32_t result_min, result_max; // of a callback
	bool in_callback, in_async, in_handler;
};

enum ref_kind { REF_POINTER, REF_LOCK, REF_IRQ, REF_RES_LOCK, REF_RES_LOCK_IRQ };

struct reference {
	enum ref_kind kind;
	uint32_t id, insn;
	const void *lock; // map or BTF that holds the lock
};

/* One step of the path since the checkpoint: needed to walk it back. */
struct history {
	uint32_t insn, previous;
	uint8_t flags;       // enum history_flag
	uint8_t slot, frame; // of a stack access
	uint8_t linked_count;
	struct linked {
		uint8_t frame, number;
		bool is_reg;
	} linked[6];
};
enum history_flag { HISTORY_STACK = 1, HISTORY_SRC_IS_STACK = 2, HISTORY_DST_IS_STACK = 4 };

struct state {
	struct frame *frames[MAX_FRAMES];
	uint32_t depth; // number of the current frame
	uint32_t branches;
	struct state *parent;
	uint32_t insn, first_insn;
	int32_t last_insn;
	uint32_t dfs_depth, callback_unroll_depth, may_goto_depth;
	struct reference *refs;
	uint32_t ref_count, ref_cap;
	uint32_t lock_id; // of the lock taken last
	const void *lock;
	uint16_t locks, preempt_locks, rcu_locks, irq_id;
	bool in_sleepable;
	bool is_cleaned;
	bool is_checkpoint;
	struct history *history;
	uint32_t history_count, history_cap;
	uint32_t step; // last one of the path that led here
};

static inline struct frame *state_frame(const struct state *s)
{
	return s->frames[s->depth];
}

struct state *state_new(void);
/* Makes `to` (zeroed or used) equal to `from`, history included. */
void state_copy(struct state *to, const struct state *from);
void state_free(struct state *s);       // and its frames
void state_drop_frame(struct state *s); // the current one
struct frame *frame_new(void);
/* Makes room for the stack down to offset -bytes. */
void frame_grow(struct frame *f, uint32_t bytes);

struct history *state_add_history(struct state *s);
void state_add_ref(struct state *s, const struct reference *ref);
/* Removes a reference; false when there is none of that kind and id. */
bool state_drop_ref(struct state *s, enum ref_kind kind, uint32_t id);

/* Every register and spilled register. */
struct reg_walk {
	uint32_t frame, place; // registers, then slots
	uint8_t bytes;         // besides SLOT_SPILL: another kind of slot, 0: none
};
struct reg *state_next_reg(struct state *s, struct reg_walk *walk);

void reg_set_none(struct reg *r);
void reg_set_unknown(struct reg *r);
void reg_set_const(struct reg *r, uint64_t value);
/* A pointer of that kind with no offset. */
void reg_set_pointer(struct reg *r, enum reg_kind kind, unsigned flags);
static inline bool reg_is_null(const struct reg *r)
{
	return r->kind == REG_SCALAR && tnum_equals(r->v.bits, 0);
}
static inline bool reg_is_const(const struct reg *r, unsigned width)
{
	return r->kind == REG_SCALAR && scalar_is_const(&r->v, width);
}
static inline bool slot_is_spill(const struct slot *s)
{
	return s->bytes[7] == SLOT_SPILL;
}
static inline bool slot_is_scalar(const struct slot *s)
{
	return s->bytes[7] == SLOT_SPILL && s->reg.kind == REG_SCALAR;
}

#endif
