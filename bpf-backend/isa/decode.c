/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to a record; any 8 bytes give one. insn_find() then says whether it means anything. */
#include "bpf-backend/isa/insn.h"

static uint32_t get(const uint8_t *bytes, unsigned size, bool big_endian)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)bytes[big_endian ? size - 1 - i : i] << 8 * i;
	return value;
}

struct bpf_record insn_decode(const uint8_t *bytes, bool big_endian)
{
	unsigned high = bytes[1] >> 4, low = bytes[1] & 15;
	return (struct bpf_record){
		.opcode = bytes[0],
		.dst = (big_endian ? high : low) & 15,
		.src = (big_endian ? low : high) & 15,
		.off = (int16_t)get(bytes + 2, 2, big_endian),
		.imm = (int32_t)get(bytes + 4, 4, big_endian),
	};
}
