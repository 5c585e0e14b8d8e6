/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/refusal.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "probe/target.h"

void refusal_log(pid_t pid, int error)
{
    pid_t process;

    if (error == -ESRCH)
        log_error("no process has PID %d; 'ps -e' lists those there are", pid);
    else if (error == -ENOTSUP)
        log_error("PID %d is a kernel thread; only processes can be watched", pid);
    else if (error == -EINVAL && !target_process_of(pid, &process))
        log_error("PID %d is a thread; use -p %d for its process", pid, process);
    else if (error == -EXDEV)
        log_error("/proc is that of another PID namespace; mount this one's with "
                  "'mount -t proc proc /proc'");
    else if (error == -EREMOTE)
        log_error(
            "lockdown=confidentiality hides the thread numbers of PID namespaces, and process "
            "%d or parkwatch is in one; boot with lockdown=integrity or none",
            pid);
    else if (error == -EACCES || error == -EPERM)
        log_error("not allowed to read process %d; run as root or with CAP_SYS_PTRACE", pid);
    else
        log_error("cannot attach to process %d: %s", pid, strerror(-error));
}
