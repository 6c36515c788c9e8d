/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places that end with the process: programs of a sockmap or sockhash, which belong to the map, and filters of
 * a packet socket that this process opens on an interface. The filter sees every packet of the
 * interface; what it lets through waits in the socket, which nobody reads.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/place_kind.h"
#include "loader/program.h"

/* ---- maps ---- */

static int find_map(const struct place *place)
{
	const struct program *p = program_current();
	for (uint32_t i = 0; i < p->meta.header->map_count; i++)
		if (!strcmp(meta_text(&p->meta, p->meta.maps[i].name), place->target))
			return p->maps[i].fd;
	return -ENOENT;
}

static int attach_to_map(struct program *p, struct place *place, int program_fd)
{
	int map = find_map(place);
	(void)p;
	if (map < 0)
		return map;
	return bpf_prog_attach(program_fd, map, (enum bpf_attach_type)place->kind->point, 0) < 0
		       ? -errno
		       : 0;
}

static int clear_map(const struct place *place, int program_fd)
{
	int map = find_map(place);
	if (map < 0)
		return map;
	return bpf_prog_detach2(program_fd, map, (enum bpf_attach_type)place->kind->point) < 0
		       ? -errno
		       : 0;
}

/* ---- entries of maps ---- */

/* Puts the program (0: none) behind the number that the entry has. */
static int set_entry(const struct place *place, uint32_t program_fd)
{
	int map = find_map(place);
	uint32_t key = (uint32_t)place->order, entry[2] = {0};
	if (map < 0)
		return map;
	if (bpf_map_lookup_elem(map, &key, entry) < 0 || !entry[0])
		return -ENOENT;
	entry[1] = program_fd;
	return bpf_map_update_elem(map, &key, entry, BPF_ANY) < 0 ? -errno : 0;
}

static int attach_to_entry(struct program *p, struct place *place, int program_fd)
{
	(void)p;
	return set_entry(place, (uint32_t)program_fd);
}

static int clear_entry(const struct place *place, int program_fd)
{
	(void)program_fd;
	return set_entry(place, 0);
}

/* ---- sockets ---- */

static int attach_filter(struct program *p, struct place *place, int program_fd)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)place->ifindex,
	};
	(void)p;
	/* Protocol 0: nothing arrives before the filter is there. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program_fd, sizeof program_fd) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	place->link = fd;
	return 0;
}

static int clear_filter(const struct place *place, int program_fd)
{
	(void)program_fd;
	if (place->link)
		close(place->link);
	return 0;
}

/* ---- table ---- */

static uint32_t no_program_id(const struct place *place)
{
	(void)place;
	return 0;
}

static void no_command(const struct place *place, char *out, size_t size)
{
	(void)place;
	if (size)
		*out = '\0';
}

#define MAP_OPERATIONS                                                                             \
	.attach = attach_to_map, .clear = clear_map, .program_id = no_program_id,                  \
	.command = no_command, .ends = true, .target = TARGET_MAP

#define ENTRY(text)                                                                                \
	{                                                                                          \
		.name = text, .attach = attach_to_entry, .clear = clear_entry,                     \
		.program_id = no_program_id, .command = no_command, .ends = true,                  \
		.target = TARGET_MAP                                                               \
	}

const struct place_kind place_map_kinds[] = {
	ENTRY("xdp/devmap"),
	ENTRY("xdp/cpumap"),
	ENTRY("xdp/frags/devmap"),
	ENTRY("xdp/frags/cpumap"),
	{.name = "sk_msg", MAP_OPERATIONS, .point = BPF_SK_MSG_VERDICT},
	{.name = "sk_skb/parser", MAP_OPERATIONS, .point = BPF_SK_SKB_STREAM_PARSER},
	{.name = "sk_skb/verdict", MAP_OPERATIONS, .point = BPF_SK_SKB_STREAM_VERDICT},
	{
		.name = "socket_filter",
		.attach = attach_filter,
		.clear = clear_filter,
		.program_id = no_program_id,
		.command = no_command,
		.ends = true,
	},
};
const size_t place_map_kind_count = sizeof place_map_kinds / sizeof *place_map_kinds;
