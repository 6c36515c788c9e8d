/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of chains of calls. The kernel gives a program 512 bytes for all frames that exist at once and
 * eight frames (MAX_BPF_STACK and MAX_CALL_FRAMES, check_max_stack_depth, Linux 6.12); it counts every
 * frame in steps of 32 bytes, or of 16 since 6.8 where the code is compiled, so 32 is what all accept.
 * Callbacks count as called by the function that names them.
 */
#include <stdio.h>

#include "bpf-backend/codegen/gen.h"
#include "bpf-backend/codegen/mir.h"

enum { FRAME_STEP = 32, MOST_FRAMES = 8, NOTED_FRAMES = 8 };

struct chain { // the deepest that begins in a function
	uint32_t bytes, frames;
	uint32_t next; // function; UINT32_MAX ends it
	bool is_known, is_open;
};

static uint32_t frame_bytes(const struct bpf_func *func)
{
	uint32_t bytes = func->stack_size ? func->stack_size : 1;
	return (bytes + FRAME_STEP - 1) / FRAME_STEP * FRAME_STEP;
}

static void find_chain(const struct bpf_object *object, struct chain *chains, uint32_t f)
{
	struct chain *c = &chains[f];
	const struct bpf_func *func = object->funcs.data[f];
	if (c->is_known || c->is_open)
		return;
	c->is_open = true;
	c->next = UINT32_MAX;
	for (uint32_t i = 0; i < func->relos.len; i++) {
		const struct bpf_relo *relo = &func->relos.data[i];
		if (relo->kind != BPF_RELO_CALL && relo->kind != BPF_RELO_FUNC)
			continue;
		find_chain(object, chains, relo->index);
		const struct chain *callee = &chains[relo->index];
		c->frames = callee->frames > c->frames ? callee->frames : c->frames;
		if (callee->is_known && (c->next == UINT32_MAX || callee->bytes > c->bytes)) {
			c->bytes = callee->bytes;
			c->next = relo->index;
		}
	}
	c->bytes += frame_bytes(func);
	c->frames++;
	c->is_open = false;
	c->is_known = true;
}

static void report(const struct compile *compile, struct diags *diags,
		   const struct bpf_object *object, const struct chain *chains, uint32_t f,
		   const span *where)
{
	char text[16];
	bool is_deep = chains[f].frames > MOST_FRAMES;
	snprintf(text, sizeof text, "%u", is_deep ? chains[f].frames : chains[f].bytes);
	struct diag *d =
		diag_report(diags, is_deep ? D_CALLS_TOO_DEEP : D_STACK_CHAIN_TOO_LARGE, where[f],
			    intern_text(&compile->names, object->funcs.data[f]->name), text);
	uint32_t g = f;
	for (uint32_t i = 0; i < NOTED_FRAMES && g != UINT32_MAX; i++, g = chains[g].next)
		diag_note(diags, d, where[g], "`%s` takes %u bytes",
			  intern_text(&compile->names, object->funcs.data[g]->name),
			  frame_bytes(object->funcs.data[g]));
}

bool bpf_check_call_depth(struct compile *compile, const struct bpf_object *object,
			  const span *where, struct arena *arena)
{
	struct chain *chains = ARENA_ARRAY(arena, struct chain, object->funcs.len + 1);
	bool good = true;
	for (uint32_t f = 0; f < object->funcs.len; f++) {
		bool is_program = object->funcs.data[f]->section[0] != '.';
		if (!is_program)
			continue;
		find_chain(object, chains, f);
		if (chains[f].bytes <= MIR_STACK_BYTES && chains[f].frames <= MOST_FRAMES)
			continue;
		report(compile, &compile->diags, object, chains, f, where);
		good = false;
	}
	return good;
}
