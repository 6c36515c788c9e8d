/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prototypes of the functions in rt_calls.def that the runtime defines (the memory functions are the
 * C library's). Only compiled code calls them.
 */
#ifndef KS_LOADER_CALLS_H
#define KS_LOADER_CALLS_H

#include <stdint.h>

void *ks_load(uint32_t program);
int32_t ks_attach(void *handle, const char *target, uint64_t flags);
void ks_detach(void *handle);
int32_t ks_run(void *handle, void *context, uint64_t size);
int32_t ks_register(const char *name);
int32_t ks_unregister(const char *name);
void *ks_attach_counter(void *handle, const void *options, uint64_t flags);
void ks_detach_counter(void *counter);
int64_t ks_read_counter(void *counter);
void *ks_map_lookup(uint32_t map, const void *key, void *value);
int32_t ks_map_update(uint32_t map, const void *key, const void *value, uint64_t flags);
int32_t ks_map_delete(uint32_t map, const void *key);
int32_t ks_map_next_key(uint32_t map, const void *before, void *key);
uint32_t ks_map_len(uint32_t map);
void ks_map_clear(uint32_t map);
int32_t ks_map_push(uint32_t map, const void *value);
void *ks_map_pop(uint32_t map, void *buffer, uint32_t is_removed);
uint32_t ks_map_has(uint32_t map, const void *value);
void *ks_map_percpu(uint32_t map, const void *key);
uint32_t ks_possible_cpus(void);
uint64_t ks_inner_map(uint32_t map, const void *key);
int32_t ks_inner_put(uint32_t map, const void *key, uint32_t inner);
int32_t ks_inner_create(uint32_t map, const void *key);
int32_t ks_user_ring_send(uint32_t map, const void *record, uint64_t size);
void ks_on_event(uint32_t map, int32_t (*handler)(void *record));
int32_t ks_dispatch(const uint32_t *maps, uint32_t count, uint64_t timeout_ms);
void ks_print_text(const char *text, uint64_t len);
void ks_print_int(uint64_t value, uint32_t spec);
void ks_print_str(const char *text, uint64_t capacity, uint32_t spec);
uint32_t ks_print_end(void);
void ks_sleep(uint64_t milliseconds);
uint64_t ks_now_ns(void);
void ks_exit(int32_t code);
void ks_uncaught(int32_t code, uint32_t place, const char *paths, uint64_t len);
void ks_panic(void);
void *ks_new(uint64_t size);
void ks_delete(void *object);
uint32_t ks_test_number(void);
int32_t ks_test(uint32_t program, const void *fields, uint32_t count, const char *place);

#endif
