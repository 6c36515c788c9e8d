/* SPDX-License-Identifier: Apache-2.0 */
/* Performance events that run programs. Descriptors, or a negative errno. */
#ifndef KS_LOADER_PERF_H
#define KS_LOADER_PERF_H

#include <stddef.h>
#include <stdint.h>

struct perf_event_attr;

/* perf_event_open(2) without a group. Fills the size. */
int perf_open(struct perf_event_attr *attr, int pid, int cpu);
/* Makes the event run the program, and begins. Gives the descriptor that keeps it so; `event` is taken
 * over in any case. The program can ask for the cookie, on Linux 5.15 and later. */
int perf_attach_program(int event, int program_fd, uint64_t cookie);
/* Type of the events of a control unit ("kprobe", "uprobe"); -EOPNOTSUPP and a reason in `why` when the kernel has
 * none. */
long perf_unit_type(const char *unit, char *why, size_t why_size);

#endif
