/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about functions of the kernel share. */
#ifndef KS_VERIFY_KFUNC_H
#define KS_VERIFY_KFUNC_H

#include "bpf-backend/verify/rules.h"

enum kernel_arg_kind {
	KARG_CTX,
	KARG_NULL,
	KARG_ALLOC,
	KARG_DYNPTR,
	KARG_ITER,
	KARG_LIST_HEAD,
	KARG_LIST_NODE,
	KARG_RB_ROOT,
	KARG_RB_NODE,
	KARG_MAP,
	KARG_OBJECT,
	KARG_MEM,
	KARG_MEM_SIZE,
	KARG_CALLBACK,
	KARG_REFCOUNTED,
	KARG_STRING,
	KARG_WORKQUEUE,
	KARG_IRQ,
	KARG_RES_LOCK,
};

/* What the checks of a call's arguments find. */
struct kcall {
	const struct kfunc *kfunc;
	bool has_constant, result_is_rdonly, is_owning;
	uint64_t constant, result_size;
	uint32_t ref;
	unsigned release_reg; // 0: none
	const struct program_map *map;
	uint32_t map_uid;
	uint32_t function;
	const struct btf *object_btf;
	uint32_t object_type;
	uint32_t iter_slot, iter_frame;
	enum dynptr_type dynptr;
	uint32_t dynptr_id, dynptr_ref;
	const struct field *root;
};

bool verify_check_kernel_arguments(struct verifier *v, struct kcall *call);
bool verify_is_scalar_struct(const struct btf *btf, uint32_t id, int depth);
/* graph.c */
bool verify_check_graph_root(struct verifier *v, struct kcall *call, unsigned reg,
			     enum kernel_arg_kind kind);
bool verify_check_graph_node(struct verifier *v, struct kcall *call, unsigned reg,
			     enum kernel_arg_kind kind);
bool verify_check_irq_flag(struct verifier *v, struct kcall *call, unsigned reg);
bool verify_check_res_lock(struct verifier *v, struct kcall *call, unsigned reg);
bool verify_make_non_owning(struct verifier *v, struct reg *r);
bool verify_convert_to_non_owning(struct verifier *v, uint32_t ref);

#endif
