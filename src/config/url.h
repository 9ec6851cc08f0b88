// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Addresses as users write them: what may be in one, and its parts. No name is looked up.
 */
#include "base/span.h"

/* For --listen: NULL when this is an ADDRESS:PORT, else why not: completes "--listen ...". Whether it may be listened on is told by
 * config_listen_refused (config.h), since other settings decide it. */
const char *config_listen_malformed(struct span address);
bool config_listen_is_loopback(struct span address);
/* An http or https URL taken apart, by the rules of base_url; spans into the text. NULL, or why not: completes "URL ...". */
struct config_url {
    struct span host; /* without brackets */
    struct span path; /* without slashes at the end; "" when there is none */
    uint16_t port;
    bool tls;
    bool host_is_loopback;
};
const char *config_url_parse(struct span text, struct config_url *ret_url);
/* A proxy: http, socks5 or socks5h, host and port, maybe a user and a password. NULL, or why not, without a part of the text. */
const char *config_proxy_refused(struct span text);
