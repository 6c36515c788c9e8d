/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running program: what the files of the runtime share. Compiled code calls the runtime without
 * a context argument, so the process has one current program (program_current()); everything else
 * hangs off it.
 *
 * Functions give 0 or a negative errno, and have explained a failure on standard error.
 */
#ifndef KS_LOADER_PROGRAM_H
#define KS_LOADER_PROGRAM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "ks/loader.h"
#include "ks/rt.h"
#include "loader/place.h"

struct bpf_object;
struct bpf_program;

enum { SECTION_DATA, SECTION_BSS, SECTION_RODATA, SECTION_PINNED, SECTION_COUNT };

/* Exit status: main's own, or one of these. */
enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_SIGNAL_BASE = 128 };

/* Checked view of the metadata payload. */
struct meta {
	const struct ks_meta_header *header;
	const struct ks_meta_program *programs;
	const struct ks_meta_map *maps;
	const struct ks_meta_option *options;
	const struct ks_meta_tail_call *tail_calls;
	const char *strings; // start of the payload
};

struct image {
	char *base; // text, data behind it
	size_t size;
	int32_t (*main)(void *options); // NULL when there is none
	void **bases;                   // SECTION_COUNT words to fill
};

typedef int32_t record_handler(void *record);

struct map_state {
	int fd;
	uint32_t type, max_entries;
	record_handler *handler;         // of records, NULL when there is none
	struct perf_buffer *buffer;      // perf_event_array with a handler
	struct user_ring_buffer *sender; // user_ringbuf that was sent to
	struct dispatch *dispatch;       // that takes from the buffer
};

/* A map that was found in a map of maps. */
struct inner_map {
	uint32_t id; // of the kernel
	uint64_t used;
	struct ks_meta_map row;
	struct map_state state;
};
enum { INNER_FIRST = 1 << 30, INNER_MAX = 1024 }; // numbers of them; how many are kept open

/* What ks_load() gives; one per program, whatever the number of loads. */
struct handle {
	uint32_t index; // in the metadata
	uint32_t row;   // the same, or that of the program loaded in its place
	bool was_attached;
	struct bpf_object *object; // NULL while not loaded
	struct bpf_program *program;
};

struct attachment {
	struct place place;
	struct handle *handle;
	bool is_active;
};

/* A struct_ops of this program that is registered. */
struct registration {
	const char *name; // of the impl; in the metadata
	struct bpf_object *object;
	struct place place;
	int map; // its descriptor
	bool is_active;
};

struct print_line {
	char *data;
	size_t len, cap;
};

struct program {
	const struct ks_program_options *options;
	struct meta meta;
	struct image image;
	struct bpf_object *object; // holds maps and globals; loads no program
	void *plain_bpf;           // the eBPF object without its struct_ops; NULL when it has none
	struct map_state *maps;
	struct inner_map *inner;
	uint32_t inner_count;
	uint64_t inner_uses;
	struct handle *handles;
	void *sections[SECTION_COUNT];
	size_t section_sizes[SECTION_COUNT]; // bytes mapped
	int cpus;                            // possible ones
	char *record;                        // of a perf_event_array, where it is aligned
	void *percpu;                        // what ks_map_percpu() gave last
	pthread_mutex_t lock;                // of attachments
	struct attachment *attachments;
	uint32_t attachment_count, attachment_cap;
	struct registration *registrations;
	uint32_t registration_count;
	bool is_watched; // the signal thread runs
	int pin_lock;    // descriptor that holds the lock of the pins; -1 when there is none
	int waker;       // descriptor that tells dispatch() of a signal; -1 while it does not run
	_Atomic bool is_interrupted; // dispatch() is to end because of a signal
	struct print_line line;
	char warning[256];        // first complaint of libbpf since log_reset()
	char kernel_message[160]; // the kernel's own words for a refused attachment
};

struct program *program_current(void);

/* One line on standard error: "<name>: text". */
void report(const struct program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline const char *meta_text(const struct meta *m, uint32_t offset)
{
	return m->strings + offset;
}

/* args.c: fills `options` (options_size bytes). 0 to go on; 1 help was shown; -EINVAL. */
int args_parse(const struct program *p, int argc, char **argv, void *options);

/* image.c */
int image_map(struct program *p);
void image_unmap(struct image *image);

/* object.c */
int object_open(struct program *p); // maps and globals; nothing when the program has neither
int object_load_program(struct program *p, struct handle *handle);
/* The object with the struct_ops `name` and its programs on and everything else off, loaded with the maps of this
 * program; the maps of struct_ops get `flags`. NULL after a message, or without one when is_quiet. */
struct bpf_object *object_load_ops(struct program *p, const char *name, uint32_t flags,
				   bool is_quiet);
/* The metadata of what was loaded. */
static inline const struct ks_meta_program *handle_row(const struct program *p,
						       const struct handle *h)
{
	return &p->meta.programs[h->row];
}
/* Loads the program that takes the place of one that cannot be attached; -EOPNOTSUPP when there is none. */
int object_load_fallback(struct program *p, struct handle *handle);
/* The same program anew. */
int object_load_again(struct program *p, struct handle *handle);
void object_close(struct program *p);

/* tail_calls.c: loads the programs that a loaded one can pass control to, and fills the arrays. */
int tail_calls_load(struct program *p, const struct handle *handle);
/* Lets the tail calls of a program that is attached work on if this process is killed, as far as that is
 * possible; the end of that. */
void tail_calls_guard(struct program *p, const struct handle *handle);
void tail_calls_release(struct program *p, const struct handle *handle);
/* Makes the tail calls of an attached program outlive this process. */
int tail_calls_keep(struct program *p, const struct handle *handle);

/* log.c: what libbpf and the verifier said. */
void log_capture(struct program *p);
void log_reset(struct program *p);
void log_explain_load(const struct program *p, const char *name, const char *log, int error);
/* Explains that `what` ("loading a program") failed with `error`, a negative errno: the capability
 * that is missing, or the error and what libbpf said. */
void log_explain_refusal(const struct program *p, const char *what, bool needs_network, int error);

/* attach.c */
int attach_program(struct program *p, struct handle *handle, const char *target, uint64_t flags);
void attach_remove(struct program *p, const struct handle *handle); // NULL: all
void attach_end(struct program *p);            // removes what ends with the process
int attach_keep(struct program *p);            // makes what is attached independent of this process
void attach_announce(const struct program *p); // what stays and how to remove it

/* struct_ops.c */
void ops_remove(struct program *p, const char *name); // NULL: all
int ops_keep(struct program *p);
void ops_announce(const struct program *p);
void ops_close(struct program *p);
/* inner.c */
void inner_close(struct program *p);

/* events.c */
void events_close(struct program *p);

/* process.c: signals, and the only ways out. */
void process_watch(struct program *p);
/* Makes sure that a signal removes attachments; called before the first one. */
void process_guard(struct program *p);
/* Lets INT and TERM end dispatch(), which is told through the descriptor `waker`, instead of the
 * process; with -1 as before. */
void process_divert(struct program *p, int waker);
/* Removes or announces attachments according to the status; gives the status to end with. */
int process_settle(struct program *p, int status);
_Noreturn void process_exit(struct program *p, int status);

/* maps.c: entries of a map of that type have a program behind their value. */
bool maps_has_program(uint32_t type);

/* machine.c: maps where they are, in the kernel or in the machine that takes its place; `map` is a descriptor or the
 * machine's number. 0 or a negative errno, as the functions of libbpf that are called like them. */
const struct ks_machine *machine_of(const struct program *p);
int map_lookup(const struct program *p, int map, const void *key, void *value);
int map_take(const struct program *p, int map, void *value); // the first of a queue, which goes
int map_update(const struct program *p, int map, const void *key, const void *value,
	       uint64_t flags);
int map_remove(const struct program *p, int map, const void *key);
int map_next_key(const struct program *p, int map, const void *before, void *key);
/* Maps, globals and tail calls of a program in a machine. */
int machine_open(struct program *p);
int machine_create_inner(const struct program *p, int outer, const void *key);
int machine_send(const struct program *p, int map, const void *record, uint32_t size);
/* Runs a @syscall program there, which may change the context; the result. What goes wrong ends the test. */
int32_t machine_run(struct program *p, uint32_t program, void *context, uint32_t size);
/* Lets time pass; what goes wrong in a timer ends the test. */
void machine_pass_time(struct program *p, uint64_t ns);
/* dispatch() there: nothing comes of itself, so it ends when there is no record left and the time is up. */
int32_t machine_dispatch(struct program *p, const uint32_t *maps, uint32_t count,
			 uint64_t timeout_ms);

/* print.c */
int print_flush(struct program *p);

#endif
