/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins of program arrays. The kernel empties a program array when the last descriptor and the last pin
 * of it are gone, whoever still runs the programs that use it. So the array of an attachment that
 * may outlive its process (also because that is killed) is pinned, under the id of the attached program,
 * until the attachment is removed or a later run finds it gone:
 *
 *	<BPF file system>/<project>/tail_calls/<program id>
 */
#ifndef KS_LOADER_TAIL_PINS_H
#define KS_LOADER_TAIL_PINS_H

#include <stdint.h>

/* 0, or a negative errno: -ENODEV when there is no BPF file system. */
int tail_pins_add(const char *project, uint32_t program_id, int map_fd);
/* Nothing happens when there is no such pin. */
void tail_pins_drop(const char *project, uint32_t program_id);

#endif
