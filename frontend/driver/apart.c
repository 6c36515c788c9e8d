/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of a static subprogram is followed with all that is known of the arguments, once for each call and
 * each state; a global one is judged once, for any arguments, and any number may be its result
 * (do_check_subprogs(), kernel/bpf/verifier.c, Linux 6.12). The latter is right where following every way
 * takes more than the verifier's million instructions. In: the object as code generation made it, whose
 * subprograms are static. Out: the same, or all subprograms global that can be.
 */
#include "frontend/driver/apart.h"

#include "bpf-backend/object/object.h"

struct tally {
	uint32_t too_complex, others; // programs refused
};

static struct tally judge(const struct precheck *check, const struct buf *file)
{
	struct program_options how = {.kernel = check->types, .release = check->kernel};
	struct verify_options options = {.kernel = check->kernel, .types = check->types};
	struct program_object object;
	struct tally tally = {0};
	struct buf why;

	buf_init(&why);
	if (program_open(&object, (const uint8_t *)file->data, file->len, &how, &why)) {
		product_mark_sleepers(check->product, &object);
		for (uint32_t i = 0; i < object.programs.len; i++) {
			struct verify_result result;
			if (object.programs.data[i].problem)
				continue;
			verify_program(&object, &object.programs.data[i], &options, &result);
			tally.too_complex += result.reason == VERIFY_COMPLEX;
			tally.others += !result.is_accepted && result.reason != VERIFY_COMPLEX;
			verify_result_free(&result);
		}
		program_close(&object);
	}
	buf_fini(&why);
	return tally;
}

/* False when there is none that can be. */
static bool set_global(struct bpf_object *object, bool is_global)
{
	bool any = false;
	for (uint32_t i = 0; i < object->funcs.len; i++) {
		struct bpf_func *func = object->funcs.data[i];
		if (!func->may_be_global)
			continue;
		func->is_global = is_global;
		btf_set_linkage(object->btf, func->btf_id,
				is_global ? BTF_LINKAGE_GLOBAL : BTF_LINKAGE_STATIC);
		any = true;
	}
	return any;
}

void apart_split(struct compile *compile, struct bpf_object *object, const struct precheck *check,
		 struct buf *out)
{
	struct tally before, after;
	struct buf split;

	if (!set_global(object, false))
		return;
	before = judge(check, out);
	if (!before.too_complex)
		return;
	buf_init(&split);
	set_global(object, true);
	object_write(compile, object, &split);
	after = judge(check, &split);
	if (after.too_complex < before.too_complex && after.others <= before.others) {
		out->len = 0;
		buf_add(out, split.data, split.len);
	} else {
		set_global(object, false);
	}
	buf_fini(&split);
}
