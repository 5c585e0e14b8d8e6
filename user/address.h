/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses to listen on, as Prometheus' exporters take them: "127.0.0.1:17275", "localhost:9100",
 * "[::1]:9100", ":9100" for all interfaces.
 */
#pragma once

#define ADDRESS_HOST_MAX 254 /* a DNS name has at most 253 characters */
#define ADDRESS_PORT_MAX 6

struct address {
    char host[ADDRESS_HOST_MAX]; /* name or number, without brackets; "": all interfaces */
    char port[ADDRESS_PORT_MAX]; /* 0 to 65535, decimal; 0: any free one */
};

/* Takes the text apart; looks nothing up. -EINVAL: not such an address. */
int address_parse(const char *text, struct address *ret_address);
