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

#endif
