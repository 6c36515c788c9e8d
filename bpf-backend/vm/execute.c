/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction loop: one label for each row of insns.def, reached through a table of addresses.
 * Decoding has made sure that registers exist, r10 is not written and targets lie in the code, so
 * that only memory accesses, calls and the budget are checked here.
 *
 * Meaning of the instructions: Documentation/bpf/standardization/instruction-set.rst, Linux 6.12.
 */
#include <string.h>

#include "bpf-backend/vm/machine.h"

static inline uint8_t *readable(const struct vm *vm, uint64_t address, uint32_t width)
{
	uint32_t id = (uint32_t)(address >> 32);
	if (id >= vm->region_count)
		return NULL;
	const struct vm_region *region = &vm->regions[id];
	uint32_t at = (uint32_t)address - region->low;
	return (uint64_t)at + width <= region->size ? region->base + at : NULL;
}

static inline uint8_t *writable(const struct vm *vm, uint64_t address, uint32_t width)
{
	uint32_t id = (uint32_t)(address >> 32);
	if (id >= vm->region_count)
		return NULL;
	const struct vm_region *region = &vm->regions[id];
	uint32_t at = (uint32_t)address - region->low;
	return (uint64_t)at + width <= region->writable ? region->base + at : NULL;
}

/* The smallest number divided by -1 wraps around to itself. */
static inline int64_t divide64(int64_t a, int64_t b)
{
	return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static inline int64_t modulo64(int64_t a, int64_t b)
{
	return b == 0 ? a : b == -1 ? 0 : a % b;
}

static inline int32_t divide32(int32_t a, int32_t b)
{
	return b == 0 ? 0 : b == -1 ? (int32_t)(0 - (uint32_t)a) : a / b;
}

static inline int32_t modulo32(int32_t a, int32_t b)
{
	return b == 0 ? a : b == -1 ? 0 : a % b;
}

/* What an atomic operation leaves in memory; `code` is the immediate without the fetch bit. */
static inline uint64_t combine(uint32_t code, uint64_t old, uint64_t operand)
{
	switch (code) {
	case 0x00:
		return old + operand;
	case 0x40:
		return old | operand;
	case 0x50:
		return old & operand;
	case 0xa0:
		return old ^ operand;
	default: // exchange
		return operand;
	}
}

/* Enters a frame; false when there are too many. */
static bool push_frame(struct vm *vm, uint32_t return_to, uint64_t *r)
{
	if (vm->depth == VM_FRAMES) {
		vm_raise(vm, VM_FAULT_DEPTH, "calls more than %d functions deep", VM_FRAMES);
		return false;
	}
	struct vm_frame *frame = &vm->frames[vm->depth];
	frame->return_to = return_to;
	frame->loops_left = VM_LOOP_BUDGET;
	memcpy(frame->saved, &r[6], sizeof frame->saved);
	memset(vm->stack[vm->depth], 0, VM_STACK_BYTES);
	r[BPF_R10] = vm_address(VM_REGION_STACK + vm->depth, VM_STACK_BYTES);
	vm->depth++;
	return true;
}

/* Leaves a frame; the caller's own registers are back. */
static uint32_t pop_frame(struct vm *vm, uint64_t *r)
{
	const struct vm_frame *frame = &vm->frames[--vm->depth];
	memcpy(&r[6], frame->saved, sizeof frame->saved);
	r[BPF_R10] = vm_address(VM_REGION_STACK + vm->depth - 1, VM_STACK_BYTES);
	return frame->return_to;
}

/* Legacy packet load, big-endian; false: the program ends with 0 (or a fault). */
static bool load_packet(struct vm *vm, int64_t offset, uint32_t width, uint64_t *value)
{
	if (!vm_is_skb(vm)) {
		vm_raise(vm, VM_FAULT_INSTRUCTION,
			 "loads from the packet of a program without one");
		return false;
	}
	if (offset < 0 || offset + width > vm->end - vm->data)
		return false;
	*value = 0;
	for (uint32_t i = 0; i < width; i++)
		*value = *value << 8 | vm->packet[vm->data + offset + i];
	return true;
}

/* Reads and writes back; false after a fault. *old is what was there. */
static bool exchange(struct vm *vm, uint64_t address, uint32_t width, int32_t code,
		     uint64_t operand, uint64_t expected, uint64_t *old)
{
	uint8_t *p = writable(vm, address, width);
	if (!p) {
		vm_slow_store(vm, address, width, operand);
		if (!vm->fault.kind)
			vm_raise(vm, VM_FAULT_ACCESS, "atomic operation on the context");
		return false;
	}
	*old = 0;
	memcpy(old, p, width);
	if (code == 0xf1) {
		if (*old == (width == 4 ? (uint32_t)expected : expected))
			memcpy(p, &operand, width);
		return true;
	}
	uint64_t result = combine((uint32_t)code & 0xf0, *old, operand);
	memcpy(p, &result, width);
	return true;
}

#define DST r[i->dst]
#define SRC r[i->src]
#define IMM ((uint64_t)i->imm)
#define NEXT()                                                                                     \
	do {                                                                                       \
		if (__builtin_expect(left-- == 0, 0))                                              \
			goto out_of_budget;                                                        \
		goto *labels[(++i)->op];                                                           \
	} while (0)
#define JUMP()                                                                                     \
	do {                                                                                       \
		i += i->off;                                                                       \
		NEXT();                                                                            \
	} while (0)

/* Both operand forms of a 64-bit and of a 32-bit operation; `a` and `b` are the operands. */
#define ALU(NAME, E64, E32)                                                                        \
	L_BPF_OP_##NAME##64_REG:                                                                   \
	{                                                                                          \
		uint64_t a = DST, b = SRC;                                                         \
		DST = (uint64_t)(E64);                                                             \
	}                                                                                          \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##64_IMM:                                                                   \
	{                                                                                          \
		uint64_t a = DST, b = IMM;                                                         \
		DST = (uint64_t)(E64);                                                             \
	}                                                                                          \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##32_REG:                                                                   \
	{                                                                                          \
		uint32_t a = (uint32_t)DST, b = (uint32_t)SRC;                                     \
		DST = (uint32_t)(E32);                                                             \
	}                                                                                          \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##32_IMM:                                                                   \
	{                                                                                          \
		uint32_t a = (uint32_t)DST, b = (uint32_t)IMM;                                     \
		DST = (uint32_t)(E32);                                                             \
	}                                                                                          \
	NEXT()
#define BRANCH(NAME, T64, T32, OP)                                                                 \
	L_BPF_OP_##NAME##64_REG : if ((T64)DST OP(T64) SRC) JUMP();                                \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##64_IMM : if ((T64)DST OP(T64) IMM) JUMP();                                \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##32_REG : if ((T32)DST OP(T32) SRC) JUMP();                                \
	NEXT();                                                                                    \
	L_BPF_OP_##NAME##32_IMM : if ((T32)DST OP(T32) IMM) JUMP();                                \
	NEXT()
#define LEAVE_FAST_PATH() (vm->pc = (uint32_t)(i - code))
/* SLOW: the result from the `value` of the slow path, which may be a pointer. */
#define LOAD(LABEL, TYPE, WIDER, SLOW)                                                             \
	L_BPF_OP_##LABEL:                                                                          \
	{                                                                                          \
		uint64_t address = SRC + (uint64_t)(int64_t)i->off, value;                         \
		const uint8_t *p = readable(vm, address, sizeof(TYPE));                            \
		TYPE v;                                                                            \
		if (__builtin_expect(!p, 0)) {                                                     \
			LEAVE_FAST_PATH();                                                         \
			if (!vm_slow_load(vm, address, sizeof(TYPE), &value))                      \
				goto fault;                                                        \
			DST = (uint64_t)(SLOW);                                                    \
			NEXT();                                                                    \
		}                                                                                  \
		memcpy(&v, p, sizeof v);                                                           \
		DST = (uint64_t)(WIDER)v;                                                          \
	}                                                                                          \
	NEXT()
#define STORE(LABEL, TYPE, VALUE)                                                                  \
	L_BPF_OP_##LABEL:                                                                          \
	{                                                                                          \
		uint64_t address = DST + (uint64_t)(int64_t)i->off;                                \
		TYPE v = (TYPE)(VALUE);                                                            \
		uint8_t *p = writable(vm, address, sizeof v);                                      \
		if (__builtin_expect(!p, 0)) {                                                     \
			LEAVE_FAST_PATH();                                                         \
			if (!vm_slow_store(vm, address, sizeof v, v))                              \
				goto fault;                                                        \
			NEXT();                                                                    \
		}                                                                                  \
		memcpy(p, &v, sizeof v);                                                           \
	}                                                                                          \
	NEXT()
#define STORES(BITS)                                                                               \
	STORE(STORE##BITS##_REG, uint##BITS##_t, SRC);                                             \
	STORE(STORE##BITS##_IMM, uint##BITS##_t, IMM);                                             \
	STORE(STORE_REL##BITS, uint##BITS##_t, SRC);                                               \
	LOAD(LOAD##BITS, uint##BITS##_t, uint64_t, value);                                         \
	LOAD(LOAD_ACQ##BITS, uint##BITS##_t, uint64_t, value)
/* Every atomic operation carries its code in imm. */
#define ATOMIC(LABEL, WIDTH, RESULT)                                                               \
	L_BPF_OP_##LABEL:                                                                          \
	{                                                                                          \
		uint64_t old;                                                                      \
		LEAVE_FAST_PATH();                                                                 \
		if (!exchange(vm, DST + (uint64_t)(int64_t)i->off, WIDTH, (int32_t)i->imm, SRC,    \
			      r[0], &old))                                                         \
			goto fault;                                                                \
		RESULT;                                                                            \
	}                                                                                          \
	NEXT()
#define ATOMICS(BITS)                                                                              \
	ATOMIC(ATOMIC_ADD##BITS, BITS / 8, (void)old);                                             \
	ATOMIC(ATOMIC_OR##BITS, BITS / 8, (void)old);                                              \
	ATOMIC(ATOMIC_AND##BITS, BITS / 8, (void)old);                                             \
	ATOMIC(ATOMIC_XOR##BITS, BITS / 8, (void)old);                                             \
	ATOMIC(FETCH_ADD##BITS, BITS / 8, SRC = old);                                              \
	ATOMIC(FETCH_OR##BITS, BITS / 8, SRC = old);                                               \
	ATOMIC(FETCH_AND##BITS, BITS / 8, SRC = old);                                              \
	ATOMIC(FETCH_XOR##BITS, BITS / 8, SRC = old);                                              \
	ATOMIC(XCHG##BITS, BITS / 8, SRC = old);                                                   \
	ATOMIC(CMPXCHG##BITS, BITS / 8, r[0] = old)
#define PACKET_LOAD(LABEL, OFFSET, WIDTH)                                                          \
	L_BPF_OP_##LABEL : LEAVE_FAST_PATH();                                                      \
	if (!load_packet(vm, (OFFSET), WIDTH, &r[0])) {                                            \
		if (vm->fault.kind)                                                                \
			goto fault;                                                                \
		vm->left = left;                                                                   \
		vm->depth = bottom;                                                                \
		return 0;                                                                          \
	}                                                                                          \
	NEXT()
#define UNARY(LABEL, VALUE)                                                                        \
	L_BPF_OP_##LABEL : DST = (uint64_t)(VALUE);                                                \
	NEXT()

/* clang-format off: one row an instruction, the macros are statements */
uint64_t vm_execute(struct vm *vm, uint32_t entry, const uint64_t args[5])
{
	static const void *const plain[VM_OP_COUNT] = {
#define INSN(id, ...) [id] = &&L_##id,
#include "bpf-backend/isa/insns.def"
#undef INSN
		[VM_OP_BAD] = &&L_bad,
	};
	/* With a watcher or counters every instruction takes a detour. */
	static const void *const watched[VM_OP_COUNT] = {[0 ... VM_OP_COUNT - 1] = &&L_watched};
	const void *const *labels = vm->options.watch || vm->counts ? watched : plain;
	const struct vm_insn *code = vm->code, *i = code + entry - 1;
	uint64_t r[BPF_REG_COUNT] = {0};
	uint32_t bottom = vm->depth;
	uint64_t left = vm->left;

	memcpy(&r[1], args, 5 * sizeof r[0]);
	if (!push_frame(vm, 0, r))
		return 0;
	NEXT();

	ALU(ADD, a + b, a + b);
	ALU(SUB, a - b, a - b);
	ALU(MUL, a * b, a * b);
	ALU(DIV, b ? a / b : 0, b ? a / b : 0);
	ALU(MOD, b ? a % b : a, b ? a % b : a);
	ALU(SDIV, divide64((int64_t)a, (int64_t)b), divide32((int32_t)a, (int32_t)b));
	ALU(SMOD, modulo64((int64_t)a, (int64_t)b), modulo32((int32_t)a, (int32_t)b));
	ALU(OR, a | b, a | b);
	ALU(AND, a & b, a & b);
	ALU(XOR, a ^ b, a ^ b);
	ALU(LSH, a << (b & 63), a << (b & 31));
	ALU(RSH, a >> (b & 63), a >> (b & 31));
	ALU(ARSH, (int64_t)a >> (b & 63), (int32_t)a >> (b & 31));
	ALU(MOV, ((void)a, b), ((void)a, b));
	UNARY(NEG64, 0 - DST);
	UNARY(NEG32, (uint32_t)(0 - DST));
	UNARY(MOVSX8_64, (int8_t)SRC);
	UNARY(MOVSX16_64, (int16_t)SRC);
	UNARY(MOVSX32_64, (int32_t)SRC);
	UNARY(MOVSX8_32, (uint32_t)(int8_t)SRC);
	UNARY(MOVSX16_32, (uint32_t)(int16_t)SRC);
	UNARY(LE16, (uint16_t)DST);
	UNARY(LE32, (uint32_t)DST);
	UNARY(LE64, DST);
	UNARY(BE16, __builtin_bswap16((uint16_t)DST));
	UNARY(BE32, __builtin_bswap32((uint32_t)DST));
	UNARY(BE64, __builtin_bswap64(DST));
	UNARY(BSWAP16, __builtin_bswap16((uint16_t)DST));
	UNARY(BSWAP32, __builtin_bswap32((uint32_t)DST));
	UNARY(BSWAP64, __builtin_bswap64(DST));

	BRANCH(JEQ, uint64_t, uint32_t, ==);
	BRANCH(JNE, uint64_t, uint32_t, !=);
	BRANCH(JGT, uint64_t, uint32_t, >);
	BRANCH(JGE, uint64_t, uint32_t, >=);
	BRANCH(JLT, uint64_t, uint32_t, <);
	BRANCH(JLE, uint64_t, uint32_t, <=);
	BRANCH(JSGT, int64_t, int32_t, >);
	BRANCH(JSGE, int64_t, int32_t, >=);
	BRANCH(JSLT, int64_t, int32_t, <);
	BRANCH(JSLE, int64_t, int32_t, <=);
	BRANCH(JSET, uint64_t, uint32_t, &);
L_BPF_OP_GOTO:
	JUMP();
L_BPF_OP_GOTOL:
	JUMP();
L_BPF_OP_MAY_GOTO:
	if (!vm->frames[vm->depth - 1].loops_left)
		JUMP();
	vm->frames[vm->depth - 1].loops_left--;
	NEXT();

L_BPF_OP_LD_IMM64:
L_BPF_OP_LD_MAP_FD:
L_BPF_OP_LD_MAP_VALUE:
L_BPF_OP_LD_FUNC:
	DST = IMM;
	NEXT();

	LOAD(LOADS8, int8_t, int64_t, (int8_t)value);
	LOAD(LOADS16, int16_t, int64_t, (int16_t)value);
	LOAD(LOADS32, int32_t, int64_t, (int32_t)value);
	STORES(8);
	STORES(16);
	STORES(32);
	STORES(64);
	ATOMICS(32);
	ATOMICS(64);
	PACKET_LOAD(ABS8, i->imm, 1);
	PACKET_LOAD(ABS16, i->imm, 2);
	PACKET_LOAD(ABS32, i->imm, 4);
	PACKET_LOAD(IND8, i->imm + (int32_t)SRC, 1);
	PACKET_LOAD(IND16, i->imm + (int32_t)SRC, 2);
	PACKET_LOAD(IND32, i->imm + (int32_t)SRC, 4);

L_BPF_OP_CALL_LOCAL:
	LEAVE_FAST_PATH();
	if (!push_frame(vm, vm->pc, r))
		goto fault;
	JUMP();

L_BPF_OP_CALL_HELPER:
	LEAVE_FAST_PATH();
	vm->left = left;
	if (!vm_call_helper(vm, (uint32_t)i->imm, r))
		goto fault;
	left = vm->left;
	if (vm->tail) { // the target replaces the function in its frame
		i = code + vm->tail->entry - 1;
		vm->tail = NULL;
		r[1] = vm_address(VM_REGION_CONTEXT, 0);
	}
	NEXT();

L_BPF_OP_CALL_KFUNC:
	LEAVE_FAST_PATH();
	vm->left = left;
	if (!vm_call_kfunc(vm, (uint32_t)i->imm, r))
		goto fault;
	left = vm->left;
	NEXT();

L_BPF_OP_EXIT:
	if (vm->depth - 1 == bottom) {
		vm->depth = bottom;
		vm->left = left;
		return r[0];
	}
	i = code + pop_frame(vm, r);
	NEXT();

L_watched:
	LEAVE_FAST_PATH();
	if (vm->counts)
		vm->counts[vm->pc]++;
	if (vm->options.watch)
		vm->options.watch(vm->options.watcher, vm, r);
	goto *plain[i->op];

/* What decoding turns into VM_OP_BAD. */
L_BPF_OP_CAST_TO_ARENA:
L_BPF_OP_CAST_FROM_ARENA:
L_BPF_OP_GOTOX:
L_BPF_OP_CALL_REG:
L_BPF_OP_LD_BTF_ID:
L_BPF_OP_LD_MAP_IDX:
L_BPF_OP_LD_MAP_IDX_VALUE:
L_bad:
	LEAVE_FAST_PATH();
	vm_raise(vm, VM_FAULT_INSTRUCTION, "%s", (const char *)(uintptr_t)i->imm);
	goto fault;

out_of_budget:
	left = 0;
	LEAVE_FAST_PATH();
	vm_raise(vm, VM_FAULT_BUDGET, "the program does not end within %llu instructions",
		 (unsigned long long)vm->options.budget);
fault:
	vm->left = left;
	return 0;
}
/* clang-format on */
