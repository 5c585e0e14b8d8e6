/* SPDX-License-Identifier: Apache-2.0 */
/* empty OBJECT PROGRAM: attaches that program of the object file, says "ready", and stays until a
 * signal ends it. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void need(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    struct bpf_object *object;
    struct bpf_program *program, *wanted;

    if (argc != 3)
        return 2;
    object = bpf_object__open_file(argv[1], NULL);
    need(object, "open");
    wanted = bpf_object__find_program_by_name(object, argv[2]);
    need(wanted, "find");
    bpf_object__for_each_program(program, object)
        bpf_program__set_autoload(program, program == wanted);
    need(!bpf_object__load(object), "load");
    need(bpf_program__attach(wanted), "attach");
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
