/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing of the protocol: header lines with Content-Length, an empty line, that many bytes. Header
 * lines that mean nothing are passed over, so that reading finds the next message after garbage.
 */
#ifndef KS_LSP_RPC_H
#define KS_LSP_RPC_H

#include <stdbool.h>

#include "frontend/base/buf.h"

/* Largest message that is taken. */
#define RPC_MAX_BYTES (64u << 20)

struct rpc {
	int in, out;
	char bytes[8192]; // read, not yet taken
	size_t at, len;
	bool failed; // writing is no longer possible
};

/* The next message into `body`; false at the end of the input. A message that is too large comes out
 * empty. */
bool rpc_read(struct rpc *rpc, struct buf *body);
/* Writes one message. */
void rpc_write(struct rpc *rpc, const struct buf *body);

#endif
