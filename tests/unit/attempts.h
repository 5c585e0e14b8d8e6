/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test_sandbox.c tries in each sandbox: system calls and what they give there.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* One system call and what it gives: 0 for any success, or -errno. */
struct attempt {
    const char *name;
    long number;
    long arguments[6];
    long expected;
};

static uint8_t scratch[64];
static struct stat file;
static struct timespec now;
static const struct timespec no_time;
static struct flock whole_file = {.l_type = F_RDLCK};
static const char *const no_arguments[] = {NULL};

#define ADDRESS(object) ((long)(intptr_t)(object))

/* Of the analyst and of the monitor. */
static const struct attempt both[] = {
    {"open", SYS_open, {ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"openat", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"creat", SYS_creat, {ADDRESS("/tmp/parkwatch-unit"), 0600}, -EPERM},
    {"memfd_create", SYS_memfd_create, {ADDRESS("x"), 0}, -EPERM},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, -EPERM},
    {"connect", SYS_connect, {3, 0, 0}, -EPERM},
    {"bind", SYS_bind, {3, 0, 0}, -EPERM},
    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(no_arguments), 0}, -EPERM},
    {"fork", SYS_fork, {0}, -EPERM},
    {"clone", SYS_clone, {SIGCHLD}, -EPERM},
    {"clone3", SYS_clone3, {0, 0}, -EPERM},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, -EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"vfork", SYS_vfork, {0}, -EPERM},
    {"execveat", SYS_execveat, {-1, ADDRESS("/bin/true"), ADDRESS(no_arguments), 0, 0}, -EPERM},
    {"openat2", SYS_openat2, {AT_FDCWD, ADDRESS("/dev/null"), 0, 0}, -EPERM},
    {"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, 0, 0}, -EPERM},
    {"listen", SYS_listen, {3, 1}, -EPERM},
    {"kill", SYS_kill, {1, 0}, -EPERM},
    {"tgkill of another", SYS_tgkill, {1, 1, 0}, -EPERM},
    {"tkill", SYS_tkill, {1, 0}, -EPERM},
    {"pidfd_open", SYS_pidfd_open, {1, 0}, -EPERM},
    {"pidfd_send_signal", SYS_pidfd_send_signal, {-1, 0, 0, 0}, -EPERM},
    {"pidfd_getfd", SYS_pidfd_getfd, {-1, 0, 0}, -EPERM},
    {"bpf", SYS_bpf, {0, 0, 0}, -EPERM},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}, -EPERM},
    {"userfaultfd", SYS_userfaultfd, {0}, -EPERM},
    {"unshare", SYS_unshare, {CLONE_NEWUSER}, -EPERM},
    {"setns", SYS_setns, {-1, 0}, -EPERM},
    {"mount", SYS_mount, {0, 0, 0, 0, 0}, -EPERM},
    {"chroot", SYS_chroot, {ADDRESS("/")}, -EPERM},
    {"capset", SYS_capset, {0, 0}, -EPERM},
    {"prlimit64", SYS_prlimit64, {1, 0, 0, 0}, -EPERM},
    {"keyctl", SYS_keyctl, {0, 0, 0, 0, 0}, -EPERM},
    {"truncate", SYS_truncate, {ADDRESS("/nowhere"), 0}, -EPERM},
    {"ftruncate", SYS_ftruncate, {-1, 0}, -EPERM},
    {"typing into a terminal", SYS_ioctl, {0, TIOCSTI, ADDRESS(scratch)}, -EPERM},
    {"lock", SYS_fcntl, {2, F_SETLK, ADDRESS(&whole_file)}, -EPERM},
    {"signals to another", SYS_fcntl, {2, F_SETOWN, 1}, -EPERM},
    {"mmap of a file to change it",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0},
     -EPERM},
    {"prctl", SYS_prctl, {3 /* PR_GET_DUMPABLE */}, -EPERM},
    {"io_uring_setup", SYS_io_uring_setup, {1, 0}, -EPERM},
    {"setuid", SYS_setuid, {0}, -EPERM},
    {"unlink", SYS_unlink, {ADDRESS("/tmp/parkwatch-unit")}, -EPERM},
    {"read", SYS_read, {0, ADDRESS(scratch), 0}, 0},
    {"write", SYS_write, {2, ADDRESS(scratch), 0}, 0},
    {"fstat", SYS_newfstatat, {2, ADDRESS(""), ADDRESS(&file), AT_EMPTY_PATH}, 0},
    {"stat", SYS_newfstatat, {AT_FDCWD, ADDRESS("/dev/null"), ADDRESS(&file), 0}, -EPERM},
    {"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, ADDRESS(&now)}, 0},
    {"getpid", SYS_getpid, {0}, 0},
    {"poll", SYS_poll, {0, 0, 0}, 0},
    {"ppoll", SYS_ppoll, {0, 0, ADDRESS(&no_time), 0}, 0},
    {"mmap", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}, 0},
    {"mmap for code",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     -EPERM},
    {"mprotect for code", SYS_mprotect, {0x10000, 4096, PROT_EXEC | PROT_READ}, -EPERM},
    {"mprotect", SYS_mprotect, {0x10000, 0, PROT_READ}, 0},
};

/* The monitor serves connections; to the analyst that is nothing. */
static const struct attempt analyst_only[] = {
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}, -EPERM},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EPERM},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 0, 0}, -EPERM},
    {"ioctl", SYS_ioctl, {-1, TCGETS, 0}, -EPERM},
    {"fcntl", SYS_fcntl, {2, F_GETFD}, -EPERM},
    {"getdents64", SYS_getdents64, {-1, 0, 0}, -EPERM},
};

static const struct attempt monitor_only[] = {
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, 0}, -EFAULT},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EBADF},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 1, 0}, -EBADF},
    {"ioctl", SYS_ioctl, {-1, TCGETS, 0}, -EPERM},
    {"fcntl", SYS_fcntl, {2, F_GETFD}, 0},
    {"getdents64", SYS_getdents64, {-1, 0, 0}, -EBADF},
    {"mmap to write",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     0},
};

/* A terminal may be drawn on; where there is none, that is what it says. Nothing is typed into it.
 */
static const struct attempt screen_only[] = {
    {"TCGETS", SYS_ioctl, {-1, TCGETS, 0}, -EBADF},
    {"TCSETSW", SYS_ioctl, {-1, TCSETSW, 0}, -EBADF},
    {"TIOCGWINSZ", SYS_ioctl, {-1, TIOCGWINSZ, 0}, -EBADF},
    {"TIOCGPGRP", SYS_ioctl, {-1, TIOCGPGRP, 0}, -EBADF},
    {"TIOCSTI", SYS_ioctl, {-1, TIOCSTI, 0}, -EPERM},
    {"TIOCLINUX", SYS_ioctl, {-1, TIOCLINUX, 0}, -EPERM},
    {"TIOCSPGRP", SYS_ioctl, {-1, TIOCSPGRP, 0}, -EPERM},
    {"getpgrp", SYS_getpgrp, {0}, 0},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EPERM},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 0, 0}, -EPERM},
};

/* Looks at everything, touches nothing. */
static const struct attempt reader_only[] = {
    {"open to read", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY | O_CLOEXEC}, 0},
    {"open a path", SYS_openat, {AT_FDCWD, ADDRESS("/"), O_PATH | O_DIRECTORY}, 0},
    {"open to write", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_WRONLY}, -EPERM},
    {"open to read and write", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDWR}, -EPERM},
    {"open to make", SYS_openat, {AT_FDCWD, ADDRESS("/nowhere/x"), O_CREAT, 0600}, -EPERM},
    {"open to cut", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_TRUNC}, -EPERM},
    {"open", SYS_open, {ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"creat", SYS_creat, {ADDRESS("/nowhere/x"), 0600}, -EPERM},
    {"memfd_create", SYS_memfd_create, {ADDRESS("x"), 0}, -EPERM},
    {"unlink", SYS_unlink, {ADDRESS("/nowhere/x")}, -EPERM},
    {"mkdir", SYS_mkdir, {ADDRESS("/nowhere/x"), 0700}, -EPERM},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, -EPERM},
    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(no_arguments), 0}, -EPERM},
    {"fork", SYS_fork, {0}, -EPERM},
    {"clone", SYS_clone, {SIGCHLD}, -EPERM},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, -EPERM},
    {"setns", SYS_setns, {-1, 0}, -EPERM},
    {"kill", SYS_kill, {1, 0}, -EPERM},
    {"tgkill", SYS_tgkill, {1, 1, SIGTERM}, -EPERM},
    {"write", SYS_write, {2, ADDRESS(scratch), 0}, -EPERM},
    {"writev", SYS_writev, {2, 0, 0}, -EPERM},
    {"pwrite64", SYS_pwrite64, {2, ADDRESS(scratch), 0, 0}, -EPERM},
    {"sendfile", SYS_sendfile, {2, 0, 0, 0}, -EPERM},
    {"splice", SYS_splice, {0, 0, 2, 0, 0, 0}, -EPERM},
    {"copy_file_range", SYS_copy_file_range, {0, 0, 2, 0, 0, 0}, -EPERM},
    {"fallocate", SYS_fallocate, {2, 0, 0, 1}, -EPERM},
    {"ftruncate", SYS_ftruncate, {2, 0}, -EPERM},
    {"mmap of a file to change it",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0},
     -EPERM},
    {"mmap for code",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     -EPERM},
    {"lock", SYS_fcntl, {2, F_SETLK, ADDRESS(&whole_file)}, -EPERM},
    {"lease", SYS_fcntl, {2, F_SETLEASE, F_RDLCK}, -EPERM},
    {"signals to another", SYS_fcntl, {2, F_SETOWN, 1}, -EPERM},
    {"flags of a descriptor", SYS_fcntl, {2, F_GETFL}, 0},
    {"typing into a terminal", SYS_ioctl, {0, TIOCSTI, ADDRESS(scratch)}, -EPERM},
    {"PAGEMAP_SCAN", SYS_ioctl, {-1, _IOWR('f', 16, char[96]), 0}, -EBADF},
    {"PROCMAP_QUERY", SYS_ioctl, {-1, _IOWR('f', 17, char[104]), 0}, -EBADF},
    {"PROCMAP_QUERY of another size", SYS_ioctl, {-1, _IOWR('f', 17, char[112]), 0}, -EPERM},
    {"pidfd_open", SYS_pidfd_open, {1, 0}, -EPERM},
    {"pidfd_getfd", SYS_pidfd_getfd, {-1, 0, 0}, -EPERM},
    {"connect", SYS_connect, {3, 0, 0}, -EPERM},
    {"bind", SYS_bind, {3, 0, 0}, -EPERM},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EPERM},
    {"unshare", SYS_unshare, {CLONE_NEWUSER}, -EPERM},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}, -EPERM},
    {"capset", SYS_capset, {0, 0}, -EPERM},
    {"prctl", SYS_prctl, {3 /* PR_GET_DUMPABLE */}, -EPERM},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}, 0},
    {"bpf: load a program", SYS_bpf, {5, 0, 0}, -EPERM},
    {"bpf: make a map", SYS_bpf, {0, 0, 0}, -EPERM},
    {"setuid", SYS_setuid, {0}, -EPERM},
    {"poll", SYS_poll, {0, 0, 0}, 0},
};

/* Starts processes and makes their sockets; loads nothing, runs nothing, writes nothing. */
static const struct attempt probe_only[] = {
    {"open to read", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY}, 0},
    {"open to make", SYS_openat, {AT_FDCWD, ADDRESS("/nowhere/x"), O_RDWR | O_CREAT, 0600}, -EPERM},
    {"open to cut", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDWR | O_TRUNC}, -EPERM},
    {"open to write", SYS_open, {ADDRESS("/dev/null"), O_WRONLY}, -EPERM},
    {"unlink", SYS_unlink, {ADDRESS("/nowhere/x")}, -EPERM},
    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(no_arguments), 0}, -EPERM},
    {"execveat", SYS_execveat, {-1, ADDRESS("/bin/true"), ADDRESS(no_arguments), 0, 0}, -EPERM},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, -EPERM},
    {"connect", SYS_connect, {3, 0, 0}, -EPERM},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, -EPERM},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"bpf: load a program", SYS_bpf, {5, 0, 0}, -EPERM},
    {"bpf: make a map", SYS_bpf, {0, 0, 0}, -EPERM},
    {"bpf: pin", SYS_bpf, {6, 0, 0}, -EPERM},
    {"setns", SYS_setns, {-1, 0}, -EPERM},
    {"unshare", SYS_unshare, {CLONE_NEWUSER}, -EPERM},
    {"mount", SYS_mount, {0, 0, 0, 0, 0}, -EPERM},
    {"init_module", SYS_init_module, {0, 0, 0}, -EPERM},
    {"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}, -EPERM},
    {"keyctl", SYS_keyctl, {0, 0, 0, 0, 0}, -EPERM},
};
