// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One process takes over from another: what a loop does meanwhile, on either side. Its sockets are shared then, and what waits in them is
 * for whoever has the last word.
 */
#include "gateway/gateway.h"

/* What it listens on, borrowed; -1 = it does not listen. The second is the socket of whoever runs this gateway. */
int gateway_loop_descriptor(const struct gateway_loop *home);
int gateway_loop_owner_descriptor(const struct gateway_loop *home);
/* New connections wait in the kernel, kept ones close after their next answer; and back. A loop that ends while it is suspended leaves
 * its sockets and what waits in them. */
void gateway_loop_suspend(struct gateway_loop *home);
void gateway_loop_unsuspend(struct gateway_loop *home);
/* gateway_loop_listen_owner on a socket that listens already, which is taken over. */
int gateway_loop_adopt_owner(struct gateway_loop *home, int fd) WARN_UNUSED;
