// SPDX-License-Identifier: Apache-2.0
/*
 * Numeric addresses.
 *
 * Why a table of prefixes: whoever may write a provider's address into the configuration, or answers its DNS, could point
 * PAPI at the services of this machine or of the cloud it runs in (169.254.169.254 hands out credentials). Names are
 * resolved first and each address is checked at each connect, so an answer that changes between check and use gains
 * nothing. IPv6 has several ways to write an IPv4 address; all of them are taken apart and the inner one is judged too.
 * Promises: one verdict for all spellings of an address. Leaves to others: resolving, connecting.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#define ADDRESS_TEXT_BYTES 64
#define V4_BYTES           4
#define V6_BYTES           16

enum kind { NEVER, LOOPBACK, PRIVATE };

struct range_row {
    uint8_t prefix[V6_BYTES];
    uint8_t bits;
    uint8_t kind;
};

/* RFC 6890 and the IANA registries of special-purpose addresses */
static const struct range_row v4_ranges[] = {
    {{0}, 8, NEVER},           /* this network */
    {{127}, 8, LOOPBACK},      /* this host */
    {{10}, 8, PRIVATE},        /* RFC 1918 */
    {{172, 16}, 12, PRIVATE},  /* RFC 1918 */
    {{192, 168}, 16, PRIVATE}, /* RFC 1918 */
    {{100, 64}, 10, PRIVATE},  /* carrier-grade NAT, RFC 6598; also used by overlay networks */
    {{169, 254}, 16, NEVER},   /* link local: metadata services */
    {{168, 63, 129, 16}, 32, NEVER}, /* metadata service of one cloud on a public address */
    {{192, 0, 0}, 24, NEVER},        /* protocol assignments */
    {{192, 0, 2}, 24, NEVER},        /* documentation */
    {{198, 51, 100}, 24, NEVER},     /* documentation */
    {{203, 0, 113}, 24, NEVER},      /* documentation */
    {{198, 18}, 15, NEVER},          /* benchmarks */
    {{192, 88, 99}, 24, NEVER},      /* 6to4 relays, RFC 7526 */
    {{224}, 4, NEVER},               /* multicast */
    {{240}, 4, NEVER},               /* reserved, broadcast */
};

static const struct range_row v6_ranges[] = {
    {{0}, 128, NEVER},                                                 /* unspecified */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, LOOPBACK}, /* this host */
    {{0xfe, 0x80}, 10, NEVER},                                         /* link local */
    {{0xfe, 0xc0}, 10, NEVER},                                         /* site local, RFC 3879 */
    {{0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, NEVER}, /* metadata */
    {{0xfc}, 7, PRIVATE},                  /* unique local, RFC 4193 */
    {{0xff}, 8, NEVER},                    /* multicast */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, NEVER}, /* documentation */
    {{0x01, 0x00}, 64, NEVER},             /* discard, RFC 6666 */
};

/* Where an IPv4 address stands inside an IPv6 one. */
struct wrap_row {
    uint8_t prefix[V6_BYTES];
    uint8_t bits;
    uint8_t offset;
    uint8_t flip; /* the inner address is stored inverted */
};

static const struct wrap_row wraps[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0}, /* mapped, RFC 4291 */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0},       /* translated, RFC 7915 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},                   /* NAT64, RFC 6052 */
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, 12, 0},             /* local NAT64, RFC 8215 */
    {{0x20, 0x02}, 16, 2, 0},                                /* 6to4, RFC 3056 */
    {{0x20, 0x01, 0, 0}, 32, 12, 0xff},                      /* Teredo, RFC 4380 */
    {{0}, 96, 12, 0},                                        /* compatible, RFC 4291 */
};

int address_parse(struct span host, uint16_t port, struct sockaddr_storage *ret_address) {
    char text[ADDRESS_TEXT_BYTES];
    struct in_addr v4;
    struct in6_addr v6;
    if (host.len == 0 || host.len >= sizeof text || memchr(host.ptr, '\0', host.len) != NULL)
        return ERR_ADDRESS_INVALID;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    memset(ret_address, 0, sizeof *ret_address);
    if (inet_pton(AF_INET, text, &v4) == 1) {
        ret_address->ss_family = AF_INET;
        ((struct sockaddr_in *)(void *)ret_address)->sin_addr = v4;
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        ret_address->ss_family = AF_INET6;
        ((struct sockaddr_in6 *)(void *)ret_address)->sin6_addr = v6;
    } else {
        return ERR_ADDRESS_INVALID;
    }
    address_set_port(ret_address, port);
    return 0;
}

/* Both families keep the port at the same place (RFC 3493 section 3.3 leaves it open, every system does). */
void address_set_port(struct sockaddr_storage *address, uint16_t port) {
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
}

uint16_t address_port(const struct sockaddr_storage *address) {
    return ntohs(address->ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)address)->sin_port);
}

static const uint8_t *bytes_of(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6
               ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr
               : (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
}

static bool in_range(const uint8_t *bytes, const uint8_t *prefix, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(bytes, prefix, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || (bytes[whole] & mask) == (prefix[whole] & mask);
}

/* "10.1.2.0/24", "fd12::/16"; a text that is no network allows nothing. */
static bool in_network(const uint8_t *bytes, int family, struct span network) {
    struct sockaddr_storage prefix;
    struct span rest = network, host;
    uint64_t bits;
    if (span_absent(network) || !span_split(&rest, '/', &host) ||
        address_parse(host, 0, &prefix) < 0 || prefix.ss_family != family)
        return false;
    unsigned most = family == AF_INET6 ? V6_BYTES * 8 : V4_BYTES * 8;
    if (rest.len == 0)
        bits = most;
    else if (!span_to_u64(rest, &bits) || bits > most)
        return false;
    return in_range(bytes, bytes_of(&prefix), (unsigned)bits);
}

static int judge(const uint8_t *bytes, int family, const struct address_rules *rules) {
    const struct range_row *rows = family == AF_INET6 ? v6_ranges : v4_ranges;
    size_t count = family == AF_INET6 ? sizeof v6_ranges / sizeof v6_ranges[0]
                                      : sizeof v4_ranges / sizeof v4_ranges[0];
    for (size_t i = 0; i < count; i++) {
        if (!in_range(bytes, rows[i].prefix, rows[i].bits))
            continue;
        bool allowed =
            (rows[i].kind == LOOPBACK && rules->allow_loopback) ||
            (rows[i].kind == PRIVATE &&
             (rules->allow_private || in_network(bytes, family, rules->private_network)));
        return allowed ? 0 : ERR_ADDRESS_FORBIDDEN;
    }
    return 0;
}

static int judge_inner(const uint8_t *bytes, const struct address_rules *rules) {
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        if (!in_range(bytes, wraps[i].prefix, wraps[i].bits))
            continue;
        uint8_t inner[V4_BYTES];
        for (size_t j = 0; j < V4_BYTES; j++)
            inner[j] = bytes[wraps[i].offset + j] ^ wraps[i].flip;
        return judge(inner, AF_INET, rules);
    }
    return 0;
}

static const uint8_t v6_loopback[V6_BYTES] = {[V6_BYTES - 1] = 1};

int address_check(const struct sockaddr_storage *address, const struct address_rules *rules) {
    const uint8_t *bytes = bytes_of(address);
    if (address->ss_family == AF_INET)
        return judge(bytes, AF_INET, rules);
    if (address->ss_family != AF_INET6)
        return ERR_ADDRESS_FORBIDDEN;
    int err = judge(bytes, AF_INET6, rules);
    /* ::1 would also be an IPv4-compatible address. */
    bool is_loopback = in_range(bytes, v6_loopback, V6_BYTES * 8);
    return err < 0 || is_loopback ? err : judge_inner(bytes, rules);
}

bool address_in_network(const struct sockaddr_storage *address, struct span network) {
    return in_network(bytes_of(address), address->ss_family, network);
}

bool address_is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
    return a->ss_family == b->ss_family &&
           memcmp(bytes_of(a), bytes_of(b), a->ss_family == AF_INET6 ? V6_BYTES : V4_BYTES) == 0;
}

bool address_is_loopback(const struct sockaddr_storage *address) {
    static const uint8_t v4_mapped_loopback[V6_BYTES] = {0, 0, 0, 0,    0,    0,  0,
                                                         0, 0, 0, 0xff, 0xff, 127};
    const uint8_t *bytes = bytes_of(address);
    if (address->ss_family == AF_INET)
        return bytes[0] == 127;
    return address->ss_family == AF_INET6 &&
           (in_range(bytes, v6_loopback, V6_BYTES * 8) || in_range(bytes, v4_mapped_loopback, 104));
}
