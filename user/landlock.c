/* SPDX-License-Identifier: Apache-2.0 */
#include "landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

#define CREATE_VERSION (1u << 0) /* LANDLOCK_CREATE_RULESET_VERSION */

/* struct landlock_ruleset_attr of include/uapi/linux/landlock.h as of version 6; Debian 12's header
 * ends with `fs`. The kernel takes a longer one if what it does not know is 0. */
struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

/* Which rights each version brought, from bit 0 on: Documentation/userspace-api/landlock.rst. What
 * a ruleset names and no rule allows is denied. */
static const struct version {
    uint8_t fs, net, scoped; /* number of bits */
} versions[] = {
    {13, 0, 0}, /* 1, Linux 5.13: files */
    {14, 0, 0}, /* 2, 5.19: moving to another directory */
    {15, 0, 0}, /* 3, 6.2: truncation */
    {15, 2, 0}, /* 4, 6.7: TCP bind and connect */
    {16, 2, 0}, /* 5, 6.10: ioctl() of devices */
    {16, 2, 2}, /* 6, 6.12: abstract sockets, signals */
};

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static uint64_t all(unsigned bits)
{
    return (1ull << bits) - 1;
}

int landlock_close(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
    struct ruleset ruleset = {};
    AUTO_CLOSE int fd = -1;

    /* EPERM is what a container's or a service's filter gives who asks for what it does not know.
     */
    if (version < 1)
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
    if (version > (long)VERSIONS)
        version = VERSIONS;
    ruleset.fs = all(versions[version - 1].fs);
    ruleset.net = all(versions[version - 1].net);
    ruleset.scoped = all(versions[version - 1].scoped);
    fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return -errno;
    return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}
