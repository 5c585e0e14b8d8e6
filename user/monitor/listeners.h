/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that are listened on, in somebody's epoll set. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct listeners {
    const int *fds; /* borrowed */
    size_t n;
    int epoll_fd;      /* borrowed */
    uint64_t source;   /* data of their events */
    uint64_t retry_ns; /* when they are looked at again; 0: they are */
};

/* Adds them to the set. 0 or -errno. */
int listeners_open(struct listeners *listeners);

/* Accepts from one of them. A descriptor; -EAGAIN: nobody is there; -EMFILE: somebody is, but there
 * is no descriptor or memory; -ECONNABORTED: that one is gone already. */
int listeners_accept(const struct listeners *listeners, size_t index);

/* Lets who wants to connect wait: the sockets stay readable, and would only keep us busy. */
void listeners_pause(struct listeners *listeners, uint64_t until_ns);

/* Looks at them again when it is time. */
void listeners_retry(struct listeners *listeners, uint64_t now_ns);
