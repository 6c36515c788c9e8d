/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier's inside: what its files share. */
#ifndef KS_VERIFY_INSIDE_H
#define KS_VERIFY_INSIDE_H

#include "bpf-backend/kernel/kernel.h"
#include "bpf-backend/verify/state.h"
#include "bpf-backend/verify/verify.h"

enum {
	MAX_PROCESSED = 1000000, // BPF_COMPLEXITY_LIMIT_INSNS, include/linux/bpf.h, Linux 6.12
	MAX_JUMPS = 8192,        // BPF_COMPLEXITY_LIMIT_JMP_SEQ
	MAX_FUNCTIONS = 256,     // BPF_MAX_SUBPROGS
	MAX_PACKET = 0xffff,     // MAX_PACKET_OFF
	MAX_VAR_OFF = 1 << 29,   // BPF_MAX_VAR_OFF
	MAX_HISTORY = 40,
};

/* ---- what kernels differ in beyond table rows ---- */

struct verify_model {
	struct range_rules range;
#define BEHAVIOUR(name, kernel) bool name;
#include "bpf-backend/verify/behaviours.def"
#undef BEHAVIOUR
};

/* ---- special fields of values ---- */

enum field_kind {
	FIELD_SPIN_LOCK,
	FIELD_RES_SPIN_LOCK,
	FIELD_TIMER,
	FIELD_WORKQUEUE,
	FIELD_TASK_WORK,
	FIELD_KPTR, // of unreferenced objects
	FIELD_KPTR_REF,
	FIELD_KPTR_PERCPU,
	FIELD_UPTR,
	FIELD_LIST_HEAD,
	FIELD_LIST_NODE,
	FIELD_RB_ROOT,
	FIELD_RB_NODE,
	FIELD_REFCOUNT,
	FIELD_KIND_COUNT,
};

struct field {
	enum field_kind kind;
	uint32_t offset, size;
	const struct btf *btf; // of a pointer's target, a list's element
	uint32_t type;
	uint32_t node_offset; // of a list's element
};

struct fields {
	struct field *list;
	uint32_t count;
};

/* ---- notes on instructions ---- */

struct note {
	uint16_t op; // enum bpf_op
	bool is_prune_point : 1, is_jump_point : 1, is_jump_target : 1, forces_checkpoint : 1,
		calls_callback : 1, is_iter_next : 1, is_fastcall : 1;
	uint8_t seen_kind; // of the pointer that was followed here
	uint16_t seen_flags;
	uint16_t live;                 // registers alive before it
	uint32_t component;            // of the control flow graph, 0: no loop
	const struct program_map *map; // of a helper's callback
};

struct function_note {
	uint32_t start, end;
	const char *name;
	uint32_t type; // FUNC in the program's BTF
	bool is_global, is_called, is_verified, is_callback, is_async, is_handler;
	bool has_tail_call, has_ld_abs, changes_packet, may_throw, may_sleep, is_unreliable;
	bool args_are_known, args_are_bad;
	uint32_t stack; // deepest byte
	int32_t fastcall_offset;
	uint32_t arg_count;
	struct function_arg {
		uint32_t arg; // as in protos
		uint32_t size;
		const struct btf *btf;
		uint32_t type;
		uint16_t flags; // enum reg_flag
	} args[5];
};

struct checkpoint {
	struct state state; // first: a state that is_checkpoint is one
	struct checkpoint *next;
	struct checkpoint *all; // every one ever made
	uint32_t hits, misses;
	bool is_evicted;
};

struct pending { // a state to be explored
	struct state *state;
	uint32_t insn;
	int32_t previous;
	struct trace_base *seen; // what the trace recorded of it
};

struct backedge {
	struct state state;
	struct checkpoint *equal;
	struct backedge *next;
};

struct visit { // of a loop, with the calls that lead into it
	uint32_t component;
	uint32_t callsites[MAX_FRAMES];
	struct state *entry;
	struct backedge *backedges;
	struct visit *next;
};

struct program_rules;
struct stack_liveness;
struct path_capture;

struct verifier {
	struct arena arena;
	const struct program_object *object;
	const struct program_code *code;
	const struct verify_options *options;
	struct verify_result *result;
	struct verify_model model;
	const struct program_rules *rules;
	const struct btf *types; // the kernel's
	const struct btf *own;   // the program's, NULL: none
	const struct bpf_record *insns;
	uint32_t count;
	struct note *notes;
	struct function_note *functions;
	uint32_t function_count;
	uint32_t handler; // function that catches exceptions, 0: none
	bool is_gpl, throws, has_arena;
	/* the walk */
	struct state *current;
	uint32_t at;                  // instruction
	int32_t before;               // instruction before it on the path, -1: none
	struct history *step_history; // entry of this instruction, NULL: none yet
	uint32_t processed, jumps, last_processed, last_jumps;
	uint32_t states, live_states;
	uint32_t ids;
	VEC(struct pending) pending;
	struct checkpoint **explored; // by instruction
	struct checkpoint *all;
	struct visit *visits;
	struct stack_liveness *liveness;
	uint32_t step_cap;
	struct path_capture *capture; // NULL: nobody wants the values of the path
	struct map fields_of;         // by map or type: struct fields *
	struct map kfuncs;            // by id: struct kfunc *
	struct buf *log;
	struct tracer *tracer; // NULL: no trace is wanted
};

/* ---- refusals (refuse.c) ---- */

/* Records why the program is refused and gives false. `reg` is a register or -1. */
bool verify_refuse(struct verifier *v, enum verify_reason reason, int reg, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* What a register holds, in words; in the log's way. */
const char *verify_describe_kind(const struct verifier *v, const struct reg *r, char out[96]);
const char *verify_name_kind(const struct reg *r, char out[96]);
void verify_print_reg(struct buf *out, const struct verifier *v, const struct reg *r);

/* Name of what an instruction calls: helper, function of the kernel or of the program. */
const char *verify_name_call(const struct program_code *code, const struct btf *types,
			     uint32_t insn, char out[96]);

static inline struct reg *reg_at(struct verifier *v, unsigned number)
{
	return &state_frame(v->current)->r[number];
}
static inline struct note *note_at(struct verifier *v)
{
	return &v->notes[v->at];
}
static inline struct frame *frame_of(struct verifier *v, const struct reg *pointer)
{
	return v->current->frames[pointer->frame];
}
static inline bool is_map_frozen(const struct program_map *map)
{
	return map->is_read_only;
}

/* prepare.c, cfg.c, live.c, loops.c */
bool verify_prepare_program(struct verifier *v);
bool verify_check_flow(struct verifier *v);
void verify_find_live_registers(struct verifier *v);
void verify_find_loops(struct verifier *v);
int verify_find_function(const struct verifier *v, int64_t insn); // starting there; -1
uint32_t verify_function_around(const struct verifier *v, uint32_t insn);
/* Instructions that may follow: 0 to 2 of them. */
unsigned verify_successors(const struct verifier *v, uint32_t insn, uint32_t out[2]);
bool verify_is_call_of_helper(const struct bpf_record *r);
bool verify_is_call_of_function(const struct bpf_record *r);
bool verify_is_call_of_kernel(const struct bpf_record *r);

/* explore.c */
bool verify_explore(struct verifier *v, uint32_t function);
struct state *verify_push_state(struct verifier *v, uint32_t insn, int32_t previous);
bool verify_leave_function(struct verifier *v);
void verify_drop_states(struct verifier *v);
struct state *verify_find_entry(struct verifier *v, struct state *s, uint32_t insn);
void verify_widen(struct verifier *v, struct state *old, struct state *s);
struct history *verify_note_history(struct verifier *v);

/* join.c: 1 when the path can end here, 0 when not, -1 after a refusal. */
int verify_visit_state(struct verifier *v);
bool verify_same_callsites(const struct state *a, const struct state *b);

/* precision.c */
bool verify_need_value(struct verifier *v, unsigned reg);
bool verify_need_slot(struct verifier *v, uint32_t frame, uint32_t slot);
bool verify_take_over_precision(struct verifier *v, struct state *old, struct state *s,
				bool *changed);

/* backedges.c */
bool verify_enter_loop(struct verifier *v, struct checkpoint *c);
bool verify_is_open_loop(struct verifier *v, struct state *s);
bool verify_add_backedge(struct verifier *v, struct checkpoint *equal, struct state *s);
bool verify_leave_loop(struct verifier *v, struct state *s);
uint32_t verify_frame_insn(const struct state *s, uint32_t frame);

/* stack_live.c */
void verify_stack_live_start(struct verifier *v);
void verify_stack_read(struct verifier *v, uint32_t frame, uint32_t slot);
void verify_stack_write(struct verifier *v, uint32_t frame, uint32_t slot);
void verify_stack_live_begin(struct verifier *v);
void verify_stack_live_commit(struct verifier *v);
void verify_stack_live_update(struct verifier *v);
bool verify_stack_is_live(struct verifier *v, struct state *s, uint32_t frame, uint32_t slot);

/* transfer.c, jump.c */
bool verify_step_alu(struct verifier *v, const struct bpf_record *i);
bool verify_step_branch(struct verifier *v, const struct bpf_record *i);
bool verify_step_load_immediate(struct verifier *v, const struct bpf_record *i);
bool verify_step_legacy_load(struct verifier *v, const struct bpf_record *i);
void verify_link_before_copy(struct verifier *v, struct reg *r);
void verify_unlink_scalar(struct reg *r);

/* check.c: obligations that an instruction has by its form. */
bool verify_check_obligations(struct verifier *v, const struct bpf_record *i, enum bpf_op op);
bool verify_check_readable(struct verifier *v, unsigned reg);
bool verify_check_writable(struct verifier *v, unsigned reg);

/* access.c */
enum access { ACCESS_READ, ACCESS_WRITE };
/* Memory of `size` bytes at off from a register; `value` gets or gives the value, -1: none. */
bool verify_access_memory(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			  enum access access, int value, bool is_strict, bool is_signed);
bool verify_step_load(struct verifier *v, const struct bpf_record *i);
bool verify_step_store(struct verifier *v, const struct bpf_record *i);
bool verify_step_atomic(struct verifier *v, const struct bpf_record *i);
bool verify_check_alignment(struct verifier *v, const struct reg *r, int64_t off, unsigned size,
			    bool is_strict);
bool verify_check_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			 uint64_t limit, bool zero_ok);
bool verify_check_map_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			     bool zero_ok, bool is_indirect);
bool verify_check_map_access(struct verifier *v, const struct reg *r, unsigned reg,
			     enum access access);
bool verify_check_packet_region(struct verifier *v, unsigned reg, int64_t off, int64_t size,
				bool zero_ok);
bool verify_check_no_offset(struct verifier *v, const struct reg *r, unsigned reg, bool fixed_ok);
bool verify_check_buffer(struct verifier *v, const struct reg *r, unsigned reg, int64_t off);
bool verify_may_touch_packet(const struct verifier *v, enum access access);

/* access_stack.c */
bool verify_check_stack_bounds(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			       enum access access, bool is_helper);
bool verify_read_stack(struct verifier *v, unsigned reg, int64_t off, unsigned size, int value);
bool verify_write_stack(struct verifier *v, unsigned reg, int64_t off, unsigned size, int value);
bool verify_drop_dynptr_at(struct verifier *v, struct frame *f, uint32_t slot);
/* Memory passed to a helper. With `raw`, it need not be initialised and is written later. */
struct raw_memory {
	bool is_raw;
	unsigned reg;
	int64_t size;
};
bool verify_check_stack_range(struct verifier *v, unsigned reg, int64_t off, int64_t size,
			      bool zero_ok, bool is_helper, enum access access,
			      struct raw_memory *raw);

/* access_ctx.c */
bool verify_access_context(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			   enum access access, int value, bool is_signed);
bool verify_access_socket(struct verifier *v, unsigned reg, int64_t off, unsigned size);

/* access_object.c */
bool verify_access_object(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			  enum access access, int value);
bool verify_access_map_object(struct verifier *v, unsigned reg, int64_t off, unsigned size,
			      enum access access, int value);
bool verify_access_kptr(struct verifier *v, unsigned reg, const struct field *field,
			enum access access, int value, bool is_immediate);
bool verify_match_kptr(struct verifier *v, const struct field *field, const struct reg *r,
		       unsigned reg);
/* A struct at an offset of another, also by name in another BTF. */
bool verify_struct_contains(const struct btf *btf, uint32_t type, int32_t off,
			    const struct btf *need, uint32_t need_type, bool is_strict);
void verify_set_object(struct verifier *v, unsigned reg, enum reg_kind kind, const struct btf *btf,
		       uint32_t type, unsigned flags);

/* fields.c */
const struct fields *verify_fields_of_map(struct verifier *v, const struct program_map *map);
const struct fields *verify_fields_of_type(struct verifier *v, const struct btf *btf,
					   uint32_t type);
const struct fields *verify_fields_of_reg(struct verifier *v, const struct reg *r);
const struct field *verify_find_field(const struct fields *fields, uint32_t kinds, int64_t offset);
#define FIELD_BIT(kind) (UINT32_C(1) << (kind))
#define FIELD_KPTRS                                                                                \
	(FIELD_BIT(FIELD_KPTR) | FIELD_BIT(FIELD_KPTR_REF) | FIELD_BIT(FIELD_KPTR_PERCPU) |        \
	 FIELD_BIT(FIELD_UPTR))
bool verify_has_field(const struct fields *fields, uint32_t kinds);
const char *verify_field_name(enum field_kind kind);

/* refs.c */
uint32_t verify_acquire_ref(struct verifier *v);
bool verify_release_ref(struct verifier *v, uint32_t id);
bool verify_check_leaks(struct verifier *v, bool is_throw, bool checks_locks, const char *what);
bool verify_in_rcu_section(const struct verifier *v);
bool verify_in_sleepable(const struct verifier *v);
bool verify_is_trusted(const struct reg *r);
bool verify_is_known_not_null(const struct reg *r);
void verify_set_not_null(struct verifier *v, struct reg *r);
void verify_forget_packet_pointers(struct verifier *v);
void verify_forget_non_owning(struct verifier *v);
bool verify_lock_spin(struct verifier *v, unsigned reg, bool is_lock);

/* call.c */
bool verify_step_call(struct verifier *v, const struct bpf_record *i);
void verify_clear_caller_saved(struct verifier *v);
/* call_sub.c */
bool verify_call_function(struct verifier *v, const struct bpf_record *i);
typedef bool (*callback_setup)(struct verifier *v, struct frame *caller, struct frame *callee,
			       uint32_t callsite);
bool verify_push_callback(struct verifier *v, uint32_t function, callback_setup setup,
			  bool is_async, bool may_sleep);
bool verify_know_arguments(struct verifier *v, uint32_t function);
bool verify_enter_function_arguments(struct verifier *v, uint32_t function);
/* result.c */
bool verify_check_result(struct verifier *v, unsigned reg);
/* depth.c */
bool verify_check_stack_depth(struct verifier *v);
/* callbacks.c */
bool verify_setup_loop_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				uint32_t at);
bool verify_setup_map_callback(struct verifier *v, struct frame *caller, struct frame *callee,
			       uint32_t at);
bool verify_setup_timer_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				 uint32_t at);
bool verify_setup_vma_callback(struct verifier *v, struct frame *caller, struct frame *callee,
			       uint32_t at);
bool verify_setup_drain_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				 uint32_t at);
bool verify_setup_tree_callback(struct verifier *v, struct frame *caller, struct frame *callee,
				uint32_t at);
bool verify_calls_synchronously(const struct verifier *v, const struct bpf_record *i);
bool verify_calls_later(const struct verifier *v, const struct bpf_record *i);

/* log.c */
void verify_log_instruction(struct verifier *v);
void verify_log_state(struct verifier *v, const struct state *s, bool all);
void verify_log_text(struct verifier *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* trace.c, trace_words.c: all do nothing without a tracer. */
void verify_trace_begin(struct verifier *v); // before each function that is explored
void verify_trace_end(struct verifier *v);
/* Before the instruction at hand; `previous` is the step before it on its path. */
void verify_trace_step(struct verifier *v, uint32_t previous);
void verify_trace_path_end(struct verifier *v);
void verify_trace_pruned(struct verifier *v, const struct state *by);
/* What is recorded of the present state, for one that waits; to be given to resume, or freed. */
struct trace_base *verify_trace_keep(const struct verifier *v);
void verify_trace_resume(struct verifier *v, struct trace_base *kept);
void verify_tell_value(struct buf *out, const struct verifier *v, const struct reg *r);
void verify_tell_bytes(struct buf *out, const struct slot *slot);
void verify_tell_held(struct buf *out, const struct state *s);

#endif
