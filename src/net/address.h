// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Numeric addresses: parsing, and which may be reached from a configuration that somebody else may have written.
 */
#include "base/err.h"
#include "base/span.h"

#include <sys/socket.h>

/* "127.0.0.1", "::1"; no brackets, no zone, no names. ERR_ADDRESS_INVALID. */
int address_parse(struct span host, uint16_t port,
                  struct sockaddr_storage *ret_address) WARN_UNUSED;
uint16_t address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, uint16_t port);
bool address_is_loopback(const struct sockaddr_storage *address);
/* Ports aside. */
bool address_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* "10.1.2.0/24", "fd12::/16", or one address; a text that is no network holds nothing. */
bool address_in_network(const struct sockaddr_storage *address, struct span network);

#define ADDRESS_LIST_MAX 8

struct address_list {
    struct sockaddr_storage items[ADDRESS_LIST_MAX];
    uint32_t count;
};

struct address_rules {
    bool allow_loopback;
    bool allow_private;          /* all private ranges: somebody trusted named this very host */
    struct span private_network; /* "10.1.2.0/24" or absent */
};

/*
 * ERR_ADDRESS_FORBIDDEN for what no provider lives on: this host and this network (unless allowed), link local with the
 * clouds' metadata services, private ranges (unless inside private_network), multicast, reserved, and any of these
 * wrapped in IPv6 (mapped, NAT64, 6to4, Teredo). Sources: RFC 6890 registries, RFC 6052, RFC 3056.
 */
int address_check(const struct sockaddr_storage *address,
                  const struct address_rules *rules) WARN_UNUSED;
