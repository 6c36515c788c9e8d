/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a refusal: instruction by instruction, with what changed in registers and stack. The
 * simulation is run twice for it; the second time the steps of the path are known, and each of them
 * is compared with the one before.
 */
#include <stdlib.h>
#include <string.h>

#include "bpf-backend/verify/inside.h"
#include "bpf-backend/verify/story.h"

enum { MAX_PATH = 50000 }; // of a longer one the end is kept

void path_init(struct verify_path *path)
{
	memset(path, 0, sizeof *path);
	arena_init(&path->arena);
}

void path_fini(struct verify_path *path)
{
	arena_fini(&path->arena);
}

void path_add_change(struct verify_path *path, unsigned frame, unsigned place,
		     const struct told *value)
{
	struct path_change c = {(uint8_t)frame, (uint8_t)place, *value};
	vec_push(&path->arena, &path->changes, c);
}

void path_add_step(struct verify_path *path, uint32_t insn, uint32_t frame)
{
	struct path_step s = {insn, frame, path->changes.len};
	vec_push(&path->arena, &path->steps, s);
}

const struct told *path_find_value(const struct verify_path *path, uint32_t step, unsigned frame,
				   unsigned place)
{
	if (step >= path->steps.len || frame >= MAX_FRAMES || place >= PLACE_COUNT)
		return NULL;
	const struct place_changes *all = &path->by_place[frame * PLACE_COUNT + place];
	uint32_t low = 0, high = all->list.len;
	while (low < high) { // the first that is later
		uint32_t middle = low + (high - low) / 2;
		if (all->list.data[middle] < path->steps.data[step].changes)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &path->changes.data[all->list.data[low - 1]].value : NULL;
}

void path_finish(struct verify_path *path)
{
	path->by_place = ARENA_ARRAY(&path->arena, struct place_changes, MAX_FRAMES * PLACE_COUNT);
	for (uint32_t i = 0; i < path->changes.len; i++) {
		const struct path_change *c = &path->changes.data[i];
		vec_push(&path->arena, &path->by_place[c->frame * PLACE_COUNT + c->place].list, i);
	}
}

/* ---- from the simulation ---- */

void told_reg(const struct reg *r, struct told *t)
{
	memset(t, 0, sizeof *t);
	t->kind = r->kind;
	t->flags = r->flags;
	t->id = r->id & ~ID_PLUS_CONSTANT;
	t->ref = r->ref;
	if (r->kind == REG_NONE)
		return;
	t->smin = r->v.wide.smin;
	t->smax = r->v.wide.smax;
	t->umin = r->v.wide.umin;
	t->umax = r->v.wide.umax;
	if (r->kind == REG_SCALAR)
		return;
	t->off = r->off;
	if (r->kind == REG_STACK)
		t->range = (int32_t)r->frame;
	if (r->kind == REG_PACKET || r->kind == REG_PACKET_META)
		t->range = r->range;
	if (r->kind == REG_MEM)
		t->size = r->size;
	if ((r->kind == REG_MAP || r->kind == REG_MAP_VALUE || r->kind == REG_MAP_KEY) && r->map) {
		t->name = r->map->name;
		t->size = r->kind == REG_MAP_KEY ? r->map->key_size : r->map->value_size;
	}
	if (r->kind == REG_OBJECT && r->btf && r->type && r->type <= r->btf->type_count)
		t->name = btf_get_type(r->btf, r->type).name;
}

static void tell_slot(const struct slot *slot, struct told *t)
{
	if (slot_is_spill(slot)) {
		told_reg(&slot->reg, t);
		return;
	}
	memset(t, 0, sizeof *t);
	for (int i = 0; i < 8; i++) {
		if (slot->bytes[i] != SLOT_INVALID)
			t->is_stack_data = true;
	}
}

static void note_change(struct path_capture *c, uint32_t frame, uint32_t place,
			const struct told *value)
{
	struct told *last = &c->last[frame * PLACE_COUNT + place];
	if (!memcmp(last, value, sizeof *last))
		return;
	*last = *value;
	if (value->name) { // what it points to may not live as long as the path
		struct told copy = *value;
		copy.name = arena_copy_string(&c->path->arena, value->name, strlen(value->name));
		path_add_change(c->path, frame, place, &copy);
	} else {
		path_add_change(c->path, frame, place, value);
	}
}

static void capture_frame(struct path_capture *c, const struct frame *f, uint32_t number)
{
	struct told value;
	for (unsigned i = 0; i < BPF_REG_COUNT; i++) {
		told_reg(&f->r[i], &value);
		note_change(c, number, i, &value);
	}
	for (uint32_t i = 0; i < f->slot_count && i < MAX_SLOTS; i++) {
		tell_slot(&f->slots[i], &value);
		note_change(c, number, PLACE_SLOT + i, &value);
	}
}

void verify_capture(struct verifier *v, struct path_capture *c)
{
	const struct state *s = v->current;
	if (c->next >= c->wanted_count || v->processed - 1 != c->wanted[c->next])
		return;
	c->next++;
	if (s->depth > c->depth) // nothing of an earlier call
		memset(&c->last[s->depth * PLACE_COUNT], 0xff, PLACE_COUNT * sizeof *c->last);
	c->depth = s->depth;
	for (uint32_t i = 0; i <= s->depth; i++)
		capture_frame(c, s->frames[i], i);
	path_add_step(c->path, v->at, s->depth);
}

static uint32_t list_steps(const struct verify_result *r, uint32_t **list)
{
	uint32_t count = 0;
	for (uint32_t s = r->last_step; s < r->step_count && count < MAX_PATH;
	     s = r->steps[s].previous)
		count++;
	*list = malloc((count + 1) * sizeof **list);
	if (!*list)
		die_out_of_memory();
	uint32_t at = count;
	for (uint32_t s = r->last_step; s < r->step_count && at; s = r->steps[s].previous)
		(*list)[--at] = s;
	return count;
}

void verify_find_path(const struct program_object *object, const struct program_code *code,
		      const struct verify_options *options, const struct verify_result *result,
		      struct verify_path *path)
{
	struct verify_options again = *options;
	struct verify_result ignored;
	struct path_capture c = {.path = path};
	uint32_t *wanted;
	path_init(path);
	if (!result->steps) {
		path_finish(path);
		return;
	}
	c.wanted_count = list_steps(result, &wanted);
	c.wanted = wanted;
	c.last = calloc(MAX_FRAMES * PLACE_COUNT, sizeof *c.last);
	if (!c.last)
		die_out_of_memory();
	again.keep_steps = false; // the numbers of steps are known
	again.log_level = 0;
	again.observe = NULL;
	verify_program_capturing(object, code, &again, &ignored, &c);
	verify_result_free(&ignored);
	path_finish(path);
	free(c.last);
	free(wanted);
}
