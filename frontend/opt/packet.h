/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of packet pointers in a function, for access_check: which values are packet
 * pointers, how they are made from one base, in which epoch they are valid, and how many bytes of
 * the packet comparisons have shown to exist.
 *
 * The rules are those of the kernel's verifier, because a proof that it cannot follow is worth
 * nothing (find_good_pkt_pointers() and try_match_pkt_pointers(), kernel/bpf/verifier.c, 6.12): a
 * comparison with the end of the packet helps the pointers that share its base, that is, which
 * differ from the compared one by a constant. Adding a variable makes a new base.
 *
 * An epoch is a stretch of the program in which the packet does not move. A call that may move it
 * begins a new one; where ways of different epochs meet, one more.
 */
#ifndef KS_OPT_PACKET_H
#define KS_OPT_PACKET_H

#include "frontend/opt/pass.h"

enum packet_kind { // what a value points into
	PACKET_NONE = IR_CTX_SCALAR,
	PACKET_DATA = IR_CTX_PACKET,
	PACKET_END = IR_CTX_PACKET_END,
	PACKET_META = IR_CTX_PACKET_META, // the bytes before the packet, which end where it begins
};

enum {
	PACKET_MAX_OFFSET = 0xffff, // MAX_PACKET_OFF of the verifier
	PACKET_STALE = -1,          // as an epoch: some way to here moved the packet
};

struct packet_value {
	uint8_t kind;   // enum packet_kind
	ir_ref base;    // the value itself when it is a base
	int64_t offset; // constant bytes from the base; of a base, from where it was made
	uint32_t epoch;
};

/* A comparison that tells something on the edge from -> to. */
struct packet_fact {
	int64_t range;  // packet: bytes from the base that exist; number: its largest value
	ir_ref compare; // the instruction
	bool when_true; // the fact follows from its being true
	uint32_t from, to;
	bool is_only_way; // `to` has no other predecessor
	uint32_t next;    // 0: last
};

struct packets {
	struct ir_fn *fn;
	const struct ir_doms *doms;
	struct arena *arena;
	const struct ir_module *module;
	uint32_t count;                 // instructions when the analysis was made
	uint32_t *epoch_in, *epoch_out; // of blocks
	uint32_t *now;                  // epoch before each instruction
	struct packet_value *values;    // by instruction
	VEC(struct packet_fact) facts;  // [0] unused
	uint32_t *first_fact;           // by base or number
};

/* The epochs alone. */
void packet_find_epochs(struct packets *p, struct opt_context *ctx, struct ir_fn *fn);
/* A call that may have moved the packet before `at`, IR_REF_NONE when none is found. */
ir_ref packet_last_mover(const struct packets *p, ir_ref at);
/* Everything; equal packet pointers have been made one value by packet_share() before. */
void packet_analyse(struct packets *p, struct opt_context *ctx, struct ir_fn *fn);
/* Brings comparisons with the end of the packet into the verifier's form. Goes first. */
void packet_normalise(struct ir_fn *fn);
/* Makes a pointer that a loop moves on a fixed one plus a number. Before packet_share(). */
void packet_split_phis(struct opt_context *ctx, struct ir_fn *fn);
/* Replaces repeated loads of packet pointers and repeated arithmetic on them by the first of them,
 * where the verifier would see unrelated pointers. Call before packet_analyse(). */
void packet_share(struct opt_context *ctx, struct ir_fn *fn);

/* Kind and base of an operand; kind PACKET_NONE for constants and other values. */
struct packet_value packet_value_of(const struct packets *p, ir_ref r);
/* Do comparisons before block `b` show that the packet has `end` bytes from the base of `pointer`
 * on? */
bool packet_is_proved(const struct packets *p, ir_ref pointer, int64_t end, uint32_t b);
/* Largest value that the verifier knows a number to have at the end of block `b`. */
uint64_t packet_upper_bound(const struct packets *p, ir_ref number, uint32_t b);

/* True when the call may move the packet. */
bool packet_is_mover(const struct ir_module *m, const struct ir_fn *fn, ir_ref r);

#endif
