/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"
#include "packet_filter.skel.h"

int main(void)
{
	struct packet_filter_bpf *bpf = packet_filter_bpf__open_and_load();
	if (!bpf || attach_xdp(bpf->progs.packet_filter, "eth0"))
		return 1;
	packet_filter_bpf__destroy(bpf);
	return 0;
}
