/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register() and unregister() of struct_ops. Since Linux 6.4 a registration is a link, which ends with the
 * process unless it is pinned; before, it lasts until somebody deletes the map's only entry.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/calls.h"
#include "loader/program.h"
#include "loader/record.h"

enum { MAP_FLAG_LINK = 1 << 13 }; // BPF_F_LINK, include/uapi/linux/bpf.h, Linux 6.12

static struct registration *find(struct program *p, const char *name)
{
	for (uint32_t i = 0; i < p->registration_count; i++)
		if (!strcmp(p->registrations[i].name, name))
			return &p->registrations[i];
	struct registration *more =
		realloc(p->registrations, (p->registration_count + 1) * sizeof *more);
	if (!more)
		return NULL;
	p->registrations = more;
	more[p->registration_count] = (struct registration){.name = name};
	return &more[p->registration_count++];
}

/* With links where the kernel has them. */
static int load(struct program *p, struct registration *r)
{
	static const uint32_t flags[] = {MAP_FLAG_LINK, 0};
	for (int i = 0; i < 2 && !r->object; i++) {
		bool is_last = i == 1;
		r->object = object_load_ops(p, r->name, flags[i], !is_last);
	}
	struct bpf_map *map = r->object ? bpf_object__find_map_by_name(r->object, r->name) : NULL;
	r->map = map ? bpf_map__fd(map) : -1;
	return map ? 0 : -EINVAL;
}

static int attach(struct program *p, struct registration *r)
{
	struct bpf_map *map = bpf_object__find_map_by_name(r->object, r->name);
	bool has_link = bpf_map__map_flags(map) & MAP_FLAG_LINK;
	log_reset(p);
	/* Fills in the map's entry, which without links registers it. The link of libbpf is not the kernel's: its
	 * end is not wanted. */
	if (!bpf_map__attach_struct_ops(map) && errno != EBUSY)
		return -errno;
	int err = has_link ? place_attach(p, &r->place, r->map) : 0;
	return err;
}

static int register_locked(struct program *p, const char *name)
{
	struct registration *r = find(p, name);
	if (!r)
		return -ENOMEM;
	if (r->is_active)
		return -EEXIST;
	int err = r->object ? 0 : load(p, r);
	if (err)
		return err;
	struct place_wish wish = {
		.kind = "struct_ops", .target = name, .project = p->options->name, .program = name};
	err = place_make(p, &r->place, &wish);
	if (!err)
		err = attach(p, r);
	r->is_active = err == 0;
	if (err) {
		char what[100];
		snprintf(what, sizeof what, "registering `%.60s`", name);
		log_explain_refusal(p, what, false, err);
	}
	return err;
}

static void remove_one(struct registration *r)
{
	uint32_t zero = 0;
	if (r->place.link)
		place_clear(&r->place, r->map);
	else
		bpf_map_delete_elem(r->map, &zero);
	r->place.link = 0;
	r->is_active = false;
}

void ops_remove(struct program *p, const char *name)
{
	for (uint32_t i = p->registration_count; i > 0; i--) {
		struct registration *r = &p->registrations[i - 1];
		if (r->is_active && (!name || !strcmp(name, r->name)))
			remove_one(r);
	}
}

int ops_keep(struct program *p)
{
	int err = 0;
	for (uint32_t i = 0; i < p->registration_count && !err; i++) {
		struct registration *r = &p->registrations[i];
		if (r->is_active && r->place.link)
			err = place_keep(p, &r->place, r->map);
	}
	return err;
}

void ops_announce(const struct program *p)
{
	for (uint32_t i = 0; i < p->registration_count; i++) {
		struct registration *r = &p->registrations[i];
		if (!r->is_active)
			continue;
		struct record_entry entry = {.place = r->place,
					     .program_id = program_id_of(r->map)};
		snprintf(entry.program, sizeof entry.program, "%s", r->name);
		char command[320];
		bool is_recorded = r->place.link && record_add(p->options->name, &entry, 1) == 0;
		if (is_recorded)
			snprintf(command, sizeof command, "ks detach %s", p->options->name);
		else if (r->place.link)
			place_command(&r->place, command, sizeof command);
		else
			snprintf(command, sizeof command, "bpftool struct_ops unregister name %s",
				 r->name);
		report(p, "`%s` stays registered; remove it with: %s", r->name, command);
	}
}

void ops_close(struct program *p)
{
	for (uint32_t i = 0; i < p->registration_count; i++)
		bpf_object__close(p->registrations[i].object);
	free(p->registrations);
	p->registrations = NULL;
	p->registration_count = 0;
}

/* ---- calls ---- */

int32_t ks_register(const char *name)
{
	struct program *p = program_current();
	if (machine_of(p)) {
		report(p, "register: nothing can be registered in the interpreter");
		return -EOPNOTSUPP;
	}
	process_guard(p);
	pthread_mutex_lock(&p->lock);
	int err = register_locked(p, name);
	pthread_mutex_unlock(&p->lock);
	return err;
}

int32_t ks_unregister(const char *name)
{
	struct program *p = program_current();
	int err = -ENOENT;
	pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < p->registration_count; i++) {
		struct registration *r = &p->registrations[i];
		if (strcmp(r->name, name) != 0 || !r->is_active)
			continue;
		remove_one(r);
		bpf_object__close(r->object); // a map is registered once in its life
		r->object = NULL;
		err = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}
