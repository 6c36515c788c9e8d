/* SPDX-License-Identifier: Apache-2.0 */
/* Packets for the comparison: mostly well-formed, from few addresses and ports, sometimes cut off. */
#include <string.h>

#include "vmtest.h"

static uint32_t put16(uint8_t *packet, uint32_t at, unsigned value)
{
	packet[at] = (uint8_t)(value >> 8);
	packet[at + 1] = (uint8_t)value;
	return at + 2;
}

static uint32_t put_ports(struct random *random, uint8_t *packet, uint32_t at)
{
	static const uint16_t ports[] = {53, 80, 443, 4000, 4001, 65535};
	at = put16(packet, at, ports[random_below(random, 6)]);
	at = put16(packet, at, ports[random_below(random, 6)]);
	return at + 16;
}

static uint32_t put_ipv4(struct random *random, uint8_t *packet, uint32_t at)
{
	static const uint8_t protocols[] = {1, 6, 17, 17, 47};
	static const uint16_t fragments[] = {0, 0, 0, 0x4000, 0x2000, 0x00b9};
	unsigned words = random_below(random, 8) ? 5 : random_below(random, 16);
	packet[at] = (uint8_t)(0x40 | words);
	put16(packet, at + 2, 20 + random_below(random, 400));
	put16(packet, at + 6, fragments[random_below(random, 6)]);
	packet[at + 8] = 64;
	packet[at + 9] = protocols[random_below(random, 5)];
	put16(packet, at + 10, random_below(random, 65536));
	packet[at + 12] = 10;
	packet[at + 15] = (uint8_t)(1 + random_below(random, 6));
	packet[at + 16] = 10;
	packet[at + 19] = 9;
	return put_ports(random, packet, at + (words < 5 ? 20 : words * 4));
}

static uint32_t put_ipv6(struct random *random, uint8_t *packet, uint32_t at)
{
	packet[at] = 0x60;
	put16(packet, at + 4, 20);
	packet[at + 6] = random_below(random, 2) ? 17 : 6;
	packet[at + 7] = 64;
	packet[at + 8] = 0xfd;
	packet[at + 23] = (uint8_t)random_below(random, 4);
	packet[at + 24] = 0xfd;
	return put_ports(random, packet, at + 40);
}

uint32_t make_packet(struct random *random, uint8_t *packet)
{
	uint32_t at = 12;
	memset(packet, 0, MAX_PACKET);
	for (unsigned i = 0; i < 12; i++)
		packet[i] = (uint8_t)(random_below(random, 3) ? 2 * i : random_below(random, 256));
	if (!random_below(random, 4))
		memset(packet, random_below(random, 2) ? 255 : 0, 6);
	for (unsigned tags = random_below(random, 6); tags > 3; tags--) {
		at = put16(packet, at, tags == 5 ? 0x88a8 : 0x8100);
		at = put16(packet, at, random_below(random, 65536));
	}
	switch (random_below(random, 8)) {
	case 0:
		at = put16(packet, at, random_below(random, 65536)) + 46;
		break;
	case 1:
	case 2:
		at = put_ipv6(random, packet, put16(packet, at, 0x86dd));
		break;
	default:
		at = put_ipv4(random, packet, put16(packet, at, 0x0800));
		break;
	}
	for (unsigned more = random_below(random, 3) ? random_below(random, 64)
						     : random_below(random, 2000);
	     more--;)
		packet[at++] = (uint8_t)random_below(random, 256);
	return random_below(random, 8) ? at : 14 + random_below(random, at - 14);
}
