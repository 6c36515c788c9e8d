/* SPDX-License-Identifier: Apache-2.0 */
/* redirect(): the helper that its map and the context of the function ask for. */
#include <string.h>

#include "frontend/lower/lower_internal.h"

/* The context of the function, for sockets. */
static ir_ref find_context(struct body *f, bool *is_message)
{
	const decl_list *params = &f->decl->func.params;
	for (uint32_t i = 0; i < params->len; i++) {
		struct decl *p = params->data[i];
		if (!type_is_ctx_pointer(p->type))
			continue;
		const struct local *local = local_of(p);
		const char *name = intern_text(&f->lw->compile->names, p->type->element->name);
		*is_message = !strcmp(name, "sk_msg_md");
		return local->value ? local->value : load_slot(f, local->slot, p->type);
	}
	return IR_REF_NONE;
}

ir_ref lower_redirect(struct body *f, struct expr *call)
{
	struct expr *target = call->call.args.data[0], *key = call->call.args.data[1];
	const char *kind = target->type->map.kind->name, *name = "bpf_redirect_map";
	bool is_socket = !strncmp(kind, "sock", 4), is_hash = !strcmp(kind, "sockhash");
	bool is_message = false;
	ir_ref args[4];
	uint32_t count = 0;
	if (is_socket) {
		args[count++] = find_context(f, &is_message);
		if (is_message)
			name = is_hash ? "bpf_msg_redirect_hash" : "bpf_msg_redirect_map";
		else
			name = is_hash ? "bpf_sk_redirect_hash" : "bpf_sk_redirect_map";
	}
	count++; // the map, last: nothing comes between it and the call
	args[count++] = is_hash ? value_address(f, key, key->type)
				: to_register(f, lower_value(f, key), IR_I64, false);
	args[count++] =
		call->call.args.len == 3 ? lower_value(f, call->call.args.data[2]) : const64(f, 0);
	f->b.where = call->where;
	args[is_socket ? 1 : 0] = map_ref(f, target->name.decl);
	return to_register(f, emit_helper(f, name, IR_I64, args, count), IR_I32, false);
}
